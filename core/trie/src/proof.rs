//! Proofs of accounts and storage slots, as `eth_getProof` answers them.

use crate::state::Account;
use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes, U256};

/// Proof that a slot has its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageProof {
    /// Hashed slot.
    pub slot: B256,
    /// Its value; zero when it is not in the trie.
    pub value: U256,
    /// Nodes from the storage root towards the slot.
    pub nodes: Vec<Bytes>,
}

/// Proof that an account is in the state, or is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountProof {
    /// The account, or `None` if it does not exist.
    pub account: Option<Account>,
    /// Root of its storage trie.
    pub storage_root: B256,
    /// Nodes from the state root towards the account.
    pub nodes: Vec<Bytes>,
    /// Proofs of the slots, in the order asked for.
    pub storage: Vec<StorageProof>,
}
