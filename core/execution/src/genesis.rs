//! The first block of a chain from its genesis file.

use crate::{chain::ChainConfig, state::StateDiff};
use alloy_consensus::Header;
use alloy_genesis::Genesis;
use alloy_primitives::B256;
use opal_trie::{NodeChanges, StateTrie};

/// The first block of a chain.
#[derive(Clone, Debug)]
pub struct GenesisBlock {
    /// Its header.
    pub header: Header,
    /// Hash of the header.
    pub hash: B256,
    /// Its state, as changes of the empty state.
    pub diff: StateDiff,
    /// All trie nodes of its state.
    pub nodes: NodeChanges,
    /// Its state trie, resident.
    pub trie: StateTrie,
}

/// The first block of `chain` with the accounts of `genesis`.
pub fn genesis(_genesis: &Genesis, _chain: &ChainConfig) -> GenesisBlock {
    unimplemented!()
}
