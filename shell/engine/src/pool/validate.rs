//! Checks of a transaction on its own and against the state of the head.

use super::{HeadRules, PoolError, PoolTx, blobs, queue::SenderState};
use crate::config::PoolLimits;
use alloy_consensus::{EthereumTxEnvelope, Transaction as _, TxEip4844WithSidecar, Typed2718};
use alloy_eips::{
    eip2718::{Decodable2718, Encodable2718},
    eip7594::BlobTransactionSidecarVariant,
};
use alloy_primitives::{Address, Bytes, KECCAK256_EMPTY};
use opal_execution::{
    ChainConfig, EthFork, StateError, StateReader, Transaction, VerifiedTx, fees::L1Costs,
};
use std::sync::Arc;

/// Types that never enter the pool of an OP chain besides blobs: post-execution and deposit.
const SYSTEM_TYPES: [u8; 2] = [0x7d, 0x7e];
/// Gas that the L1-attributes deposit takes from every block of an OP chain.
/// spec: protocol/deposits.md#l1-attributes-deposited-transaction
const L1_INFO_GAS: u64 = 1_000_000;
/// How the code of an account begins that has delegated itself (EIP-7702).
const DELEGATION: [u8; 3] = [0xef, 0x01, 0x00];
/// Bytes of init code (EIP-3860).
const INIT_CODE_BYTES_MAX: usize = 49_152;

/// A decoded transaction with the blobs it travels with.
pub(super) struct Decoded {
    pub(super) tx: VerifiedTx,
    pub(super) sidecar: Option<Arc<BlobTransactionSidecarVariant>>,
}

/// Decodes network bytes, refuses what this chain's pool never takes, recovers the sender, and
/// verifies blobs. Costly: called without the pool's lock.
pub(super) fn decode(
    chain: &ChainConfig,
    limits: &PoolLimits,
    bytes: &[u8],
) -> Result<Decoded, PoolError> {
    let ty = *bytes
        .first()
        .ok_or_else(|| PoolError::Malformed("empty".into()))?;
    let is_blob = ty == 3;
    if SYSTEM_TYPES.contains(&ty) || (is_blob && chain.is_optimism()) {
        return Err(PoolError::TypeNotSupported);
    }
    if !is_blob && bytes.len() > limits.transaction_bytes_max {
        return Err(PoolError::TooLarge(
            bytes.len(),
            limits.transaction_bytes_max,
        ));
    }
    if !is_blob {
        let tx = VerifiedTx::decode(Bytes::copy_from_slice(bytes))
            .map_err(|e| PoolError::Malformed(e.to_string()))?;
        return Ok(Decoded { tx, sidecar: None });
    }
    type WithBlobs = EthereumTxEnvelope<TxEip4844WithSidecar<BlobTransactionSidecarVariant>>;
    let mut rest = bytes;
    let pooled = WithBlobs::decode_2718(&mut rest).map_err(|_| {
        PoolError::Malformed("blob transaction without its blobs, or bad RLP".into())
    })?;
    if !rest.is_empty() {
        return Err(PoolError::Malformed(format!(
            "{} bytes follow the transaction",
            rest.len()
        )));
    }
    let WithBlobs::Eip4844(signed) = pooled else {
        return Err(PoolError::TypeNotSupported);
    };
    let (with_sidecar, signature, hash) = signed.into_parts();
    let TxEip4844WithSidecar { tx, sidecar } = with_sidecar;
    blobs::verify(&tx.blob_versioned_hashes, &sidecar)?;
    let tx = Transaction::Eip4844(alloy_consensus::Signed::new_unchecked(tx, signature, hash));
    if tx.encode_2718_len() > limits.transaction_bytes_max {
        return Err(PoolError::TooLarge(
            tx.encode_2718_len(),
            limits.transaction_bytes_max,
        ));
    }
    let sender = tx
        .recover()
        .map_err(|e| PoolError::Malformed(e.to_string()))?;
    Ok(Decoded {
        tx: VerifiedTx::new_unchecked(tx, sender),
        sidecar: Some(Arc::new(sidecar)),
    })
}

/// Checks that need the rules in force at the head but no state.
pub(super) fn check_rules(
    chain: &ChainConfig,
    rules: &HeadRules,
    limits: &PoolLimits,
    tx: &Transaction,
) -> Result<(), PoolError> {
    if tx.chain_id().is_some_and(|id| id != chain.chain_id) {
        return Err(PoolError::ChainId(
            tx.chain_id().unwrap_or_default(),
            chain.chain_id,
        ));
    }
    if tx.is_eip7702() {
        if rules.fork < EthFork::Prague {
            return Err(PoolError::TypeNotSupported);
        }
        if tx.authorization_list().is_none_or(<[_]>::is_empty) {
            return Err(PoolError::Malformed("empty authorization list".into()));
        }
    }
    let (fee_cap, tip) = (tx.max_fee_per_gas(), tx.max_priority_fee_per_gas());
    if tip.is_some_and(|tip| tip > fee_cap) {
        return Err(PoolError::TipAboveFeeCap);
    }
    if tx.priority_fee_or_price() < limits.min_tip {
        return Err(PoolError::Underpriced(limits.min_tip));
    }
    let mut gas_max = rules.gas_limit;
    if chain.is_optimism() {
        gas_max = gas_max.saturating_sub(L1_INFO_GAS);
    }
    if let Some(cap) = chain.tx_gas_limit_cap(rules.next_time) {
        gas_max = gas_max.min(cap);
    }
    if let Some(most) = limits.gas_max {
        gas_max = gas_max.min(most);
    }
    if tx.gas_limit() > gas_max {
        return Err(PoolError::GasLimit(tx.gas_limit(), gas_max));
    }
    if rules.fork >= EthFork::Shanghai && tx.is_create() && tx.input().len() > INIT_CODE_BYTES_MAX {
        return Err(PoolError::InitCode(tx.input().len()));
    }
    let needed = intrinsic_gas(tx, rules.fork);
    if tx.gas_limit() < needed {
        return Err(PoolError::IntrinsicGas(tx.gas_limit(), needed));
    }
    if tx.nonce() == u64::MAX {
        return Err(PoolError::NonceMax);
    }
    if let Some(hashes) = tx.blob_versioned_hashes() {
        let most = chain
            .blob_params(rules.next_time)
            .map_or(0, |p| p.max_blobs_per_tx);
        if hashes.is_empty() || hashes.len() as u64 > most {
            return Err(PoolError::Blobs(format!(
                "{} blobs; allowed are 1 to {most}",
                hashes.len()
            )));
        }
        if tx.max_fee_per_blob_gas() == Some(0) {
            return Err(PoolError::Underpriced(1));
        }
    }
    Ok(())
}

/// What the sender's account allows.
pub(super) fn check_state(
    state: &impl StateReader,
    costs: Option<&L1Costs>,
    tx: &PoolTx,
) -> Result<SenderState, PoolError> {
    let sender = read_sender(state, tx.sender())?;
    if tx.nonce() < sender.nonce {
        return Err(PoolError::NonceTooLow {
            tx: tx.nonce(),
            state: sender.nonce,
        });
    }
    let cost = tx.total_cost(costs);
    if cost > sender.balance {
        return Err(PoolError::InsufficientFunds {
            have: sender.balance,
            want: cost,
        });
    }
    Ok(sender)
}

/// What the state says of an account that sends; an error if it is a contract's.
pub(super) fn read_sender(
    state: &impl StateReader,
    address: Address,
) -> Result<SenderState, PoolError> {
    let failed = |e: StateError| PoolError::State(e.0);
    let account = state.account(address).map_err(failed)?.unwrap_or_default();
    let mut delegated = false;
    if account.code_hash != KECCAK256_EMPTY {
        let code = state.code(account.code_hash).map_err(failed)?;
        delegated = code.starts_with(&DELEGATION);
        if !delegated && !code.is_empty() {
            return Err(PoolError::SenderIsContract);
        }
    }
    Ok(SenderState {
        nonce: account.nonce,
        balance: account.balance,
        delegated,
    })
}

/// Gas that a transaction needs before its first instruction (EIP-2028, 2930, 3860, 7623, 7702).
pub(super) fn intrinsic_gas(tx: &Transaction, fork: EthFork) -> u64 {
    let input = tx.input();
    let zeros = input.iter().filter(|b| **b == 0).count() as u64;
    let non_zeros = (input.len() as u64).saturating_sub(zeros);
    let tokens = zeros.saturating_add(non_zeros.saturating_mul(4));
    let mut gas = tokens.saturating_mul(4).saturating_add(21_000);
    if tx.is_create() {
        gas = gas.saturating_add(32_000);
        if fork >= EthFork::Shanghai {
            gas = gas.saturating_add((input.len() as u64).div_ceil(32).saturating_mul(2));
        }
    }
    if let Some(list) = tx.access_list() {
        for item in &list.0 {
            let keys = (item.storage_keys.len() as u64).saturating_mul(1_900);
            gas = gas.saturating_add(2_400).saturating_add(keys);
        }
    }
    let authorizations = tx.authorization_list().map_or(0, <[_]>::len) as u64;
    gas = gas.saturating_add(authorizations.saturating_mul(25_000));
    if fork >= EthFork::Prague {
        gas = gas.max(tokens.saturating_mul(10).saturating_add(21_000));
    }
    gas
}
