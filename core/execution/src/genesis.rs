//! The first block of a chain from its genesis file.
//!
//! The header follows the rules of the forks that are active at genesis, as published chains have
//! it: see the fields in [`genesis`].

use crate::{
    chain::{ChainConfig, EthFork},
    header::EMPTY_REQUESTS_HASH,
    state::{AccountDiff, SlotDiff, StateDiff},
};
use alloy_consensus::Header;
use alloy_genesis::Genesis;
use alloy_primitives::{Address, B256, Bytes, U256, address, keccak256};
use opal_protocol::Fork;
use opal_trie::{Account, EMPTY_ROOT_HASH, Nibbles, NodeChanges, NodeReader, ReadError, StateTrie};

/// The predeploy whose storage root withdrawals are proven against.
pub const MESSAGE_PASSER: Address = address!("4200000000000000000000000000000000000016");

/// Base fee where the genesis file names none, wei. spec: EIP-1559
const DEFAULT_BASE_FEE: u64 = 1_000_000_000;

/// The first block of a chain.
#[derive(Clone, Debug)]
pub struct GenesisBlock {
    /// Its header.
    pub header: Header,
    /// Hash of the header.
    pub hash: B256,
    /// Storage root of the message passer, which is part of the output root.
    pub message_passer_storage_root: B256,
    /// Its state, as changes of the empty state.
    pub diff: StateDiff,
    /// All trie nodes of its state.
    pub nodes: NodeChanges,
    /// Its state trie, resident.
    pub trie: StateTrie,
}

/// A store with nothing in it: all of a new state is resident.
struct Nothing;

impl NodeReader for Nothing {
    fn node(&self, _: Option<B256>, _: &Nibbles, _: B256) -> Result<Option<Bytes>, ReadError> {
        Ok(None)
    }
}

/// The first block of `chain` with the accounts of `genesis`.
pub fn genesis(genesis: &Genesis, chain: &ChainConfig) -> GenesisBlock {
    let diff = alloc_diff(genesis);
    let mut trie = StateTrie::new(EMPTY_ROOT_HASH);
    let nodes = trie
        .update(&Nothing, &diff.hashed())
        .expect("an empty trie needs no stored nodes");
    let passer = trie.storage_root(&Nothing, keccak256(MESSAGE_PASSER));
    let passer = passer.expect("the new trie is resident");

    let time = genesis.timestamp;
    let fork = chain.eth_fork(time);
    let base_fee = genesis.base_fee_per_gas.map_or(DEFAULT_BASE_FEE, |fee| {
        u64::try_from(fee).unwrap_or(u64::MAX)
    });
    let withdrawals_root = if chain.is_op_active(Fork::Isthmus, time) {
        passer
    } else {
        EMPTY_ROOT_HASH
    };
    let blob = fork >= EthFork::Cancun;
    let header = Header {
        parent_hash: genesis.parent_hash.unwrap_or_default(),
        number: genesis.number.unwrap_or_default(),
        beneficiary: genesis.coinbase,
        state_root: trie.root(),
        difficulty: genesis.difficulty,
        gas_limit: genesis.gas_limit,
        timestamp: time,
        extra_data: genesis.extra_data.clone(),
        mix_hash: genesis.mix_hash,
        nonce: genesis.nonce.into(),
        base_fee_per_gas: Some(base_fee),
        withdrawals_root: (fork >= EthFork::Shanghai).then_some(withdrawals_root),
        blob_gas_used: blob.then_some(genesis.blob_gas_used.unwrap_or_default()),
        excess_blob_gas: blob.then_some(genesis.excess_blob_gas.unwrap_or_default()),
        parent_beacon_block_root: blob.then_some(B256::ZERO),
        requests_hash: (fork >= EthFork::Prague).then_some(EMPTY_REQUESTS_HASH),
        ..Header::default()
    };
    let hash = header.hash_slow();
    GenesisBlock {
        header,
        hash,
        message_passer_storage_root: passer,
        diff,
        nodes,
        trie,
    }
}

/// The accounts of the file. An account without anything is written down all the same.
fn alloc_diff(genesis: &Genesis) -> StateDiff {
    let mut diff = StateDiff::default();
    for (address, entry) in &genesis.alloc {
        let code = entry.code.as_ref().filter(|code| !code.is_empty());
        let mut account = Account {
            nonce: entry.nonce.unwrap_or_default(),
            balance: entry.balance,
            ..Account::default()
        };
        if let Some(code) = code {
            account.code_hash = keccak256(code);
            diff.code.insert(account.code_hash, code.clone());
        }
        let slots = entry.storage.iter().flatten();
        let storage = slots
            .map(|(slot, value)| (U256::from_be_bytes(slot.0), U256::from_be_bytes(value.0)))
            .filter(|(_, value)| !value.is_zero())
            .map(|(slot, value)| {
                (
                    slot,
                    SlotDiff {
                        previous: U256::ZERO,
                        value,
                    },
                )
            })
            .collect();
        let change = AccountDiff {
            previous: None,
            account: Some(account),
            destroyed: false,
            storage,
        };
        diff.accounts.insert(*address, change);
    }
    diff
}
