//! A throwaway chain on which constructors and calls run, so that a genesis can hold their results.
//!
//! In: the chain id that code shall see, and a state. Out: runtime code, or the state after a call.

use crate::{
    config::GenesisError,
    l1::system_contracts,
    memory::{MemoryChain, failed},
};
use alloy_consensus::{SignableTransaction, Signed, TxEip1559};
use alloy_genesis::{Genesis, GenesisAccount};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, address};
use opal_execution::{
    BlockAttributes, ChainConfig, Transaction, VerifiedTx,
    call::{CallEnv, TransactionRequest, call},
};
use std::collections::BTreeMap;

/// Whose transactions create predeploys. Code that remembers its own address (EIP-712) remembers
/// one that follows from this account and its nonce; both are those of Optimism's generator.
const CREATOR: Address = address!("aE0bDc4eEAC5E950B67C6819B118761CaAF61946");
/// Its nonce when it creates the attestation service, or anything that does not care.
pub(crate) const CREATOR_NONCE: u64 = 4;
/// Its nonce when it creates the governance token.
pub(crate) const GOVERNANCE_TOKEN_NONCE: u64 = 5;
/// Most gas that a constructor or call may use: the most that Osaka grants a transaction.
const GAS: u64 = 1 << 24;
/// Wei per gas; free enough for the sender's endless funds.
const BASE_FEE: u128 = 1_000_000_000;

/// The chain.
pub(crate) struct Sandbox {
    chain: MemoryChain,
}

impl Sandbox {
    /// A chain with this id and these accounts, on which the creator has this nonce.
    pub(crate) fn new(
        chain_id: u64,
        mut alloc: BTreeMap<Address, GenesisAccount>,
        nonce: u64,
    ) -> Self {
        // Without them no block is valid; nobody reads them.
        for (address, account) in system_contracts() {
            alloc.entry(address).or_insert(account);
        }
        let creator = alloc.entry(CREATOR).or_default();
        creator.nonce = Some(nonce);
        creator.balance = U256::from(u128::MAX);
        let genesis = Genesis {
            alloc,
            gas_limit: 2 * GAS,
            base_fee_per_gas: Some(BASE_FEE),
            excess_blob_gas: Some(0),
            blob_gas_used: Some(0),
            ..Genesis::default()
        };
        let chain = MemoryChain::new(&genesis, ChainConfig::ethereum_dev(chain_id));
        Self { chain }
    }

    /// The code that a constructor leaves behind.
    pub(crate) fn runtime_code(&self, what: &str, init_code: Bytes) -> Result<Bytes, GenesisError> {
        let outcome = self.call(TxKind::Create, init_code);
        outcome.map_err(|problem| GenesisError::Constructor {
            contract: what.to_owned(),
            problem,
        })
    }

    /// Deploys a contract in a block of its own; its address.
    pub(crate) fn create(&mut self, what: &str, init_code: Bytes) -> Result<Address, GenesisError> {
        let address = CREATOR.create(self.chain.state.nonce_of(CREATOR));
        self.send(what, TxKind::Create, init_code)?;
        Ok(address)
    }

    /// Sends a transaction in a block of its own.
    pub(crate) fn send(
        &mut self,
        what: &str,
        to: TxKind,
        input: Bytes,
    ) -> Result<(), GenesisError> {
        self.call(to, input.clone())
            .map_err(|problem| failed(what, problem))?;
        let tx = TxEip1559 {
            chain_id: self.chain.chain.chain_id,
            nonce: self.chain.state.nonce_of(CREATOR),
            gas_limit: GAS,
            max_fee_per_gas: 2 * BASE_FEE,
            to,
            input,
            ..TxEip1559::default()
        };
        // Nobody verifies it: the sender is given.
        let hash = tx.signature_hash();
        let tx = Signed::new_unchecked(tx, Signature::test_signature(), hash);
        let tx = VerifiedTx::new_unchecked(Transaction::Eip1559(tx), CREATOR);
        let attributes = BlockAttributes {
            timestamp: self.chain.head.timestamp.saturating_add(1),
            gas_limit: 2 * GAS,
            parent_beacon_block_root: Some(B256::ZERO),
            withdrawals: Some(vec![]),
            ..BlockAttributes::default()
        };
        self.chain
            .append(attributes, vec![tx])
            .map_err(|problem| failed(what, problem))?;
        Ok(())
    }

    /// An account as it stands, without its balance.
    pub(crate) fn account(&self, at: Address) -> GenesisAccount {
        let state = &self.chain.state;
        GenesisAccount::default()
            .with_nonce(Some(state.nonce_of(at)))
            .with_code(Some(state.code_of(at)))
            .with_storage(Some(state.storage_of(at)))
    }

    fn call(&self, to: TxKind, input: Bytes) -> Result<Bytes, String> {
        let env = CallEnv {
            chain: &self.chain.chain,
            header: &self.chain.head,
            reader: &self.chain.state,
            gas_cap: GAS,
        };
        let mut request = TransactionRequest::default()
            .from(CREATOR)
            .input(input.into());
        request.to = Some(to);
        let outcome = call(&env, &request, None, None).map_err(|error| error.to_string())?;
        match (outcome.success, outcome.halt) {
            (true, _) => Ok(outcome.output),
            (false, Some(halt)) => Err(halt),
            (false, None) => Err(format!("it reverted with {}", outcome.output)),
        }
    }
}
