//! The state of a chain: the account trie and the storage trie of every account.

use crate::{error::TrieError, node::NodeReader, proof::AccountProof};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use alloy_primitives::{B256, Bytes, U256, b256};
use alloy_trie::Nibbles;

/// What the account trie commits to, except for the storage root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Number of transactions sent, or of contracts created.
    pub nonce: u64,
    /// Balance in wei.
    pub balance: U256,
    /// Keccak hash of the code.
    pub code_hash: B256,
}

/// Keccak hash of no code.
pub(crate) const EMPTY_CODE_HASH: B256 =
    b256!("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");

impl Default for Account {
    fn default() -> Self {
        Self {
            nonce: 0,
            balance: U256::ZERO,
            code_hash: EMPTY_CODE_HASH,
        }
    }
}

/// How one account changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountUpdate {
    /// The account afterwards; `None` if it no longer exists.
    pub account: Option<Account>,
    /// All storage is removed before `storage` is applied.
    pub destroyed: bool,
    /// Slots that change, by hashed slot; zero removes the slot.
    pub storage: BTreeMap<B256, U256>,
}

/// Changes of the state by hashed address.
pub type StateUpdate = BTreeMap<B256, AccountUpdate>;

/// How the stored nodes change. Apply `destroyed` first, then `nodes`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeChanges {
    /// Owners (hashed addresses) of storage tries that vanish with all their nodes.
    pub destroyed: BTreeSet<B256>,
    /// Nodes by owner (`None`: account trie) and path: the RLP to put, or `None` to delete.
    pub nodes: BTreeMap<(Option<B256>, Nibbles), Option<Bytes>>,
}

/// The state trie with its resident nodes. Clones are cheap and independent.
#[derive(Clone, Debug)]
pub struct StateTrie;

impl StateTrie {
    /// A state whose nodes are all in the store. `EMPTY_ROOT_HASH` is the empty state.
    pub fn new(_root: B256) -> Self {
        unimplemented!()
    }
    /// The state root.
    pub fn root(&self) -> B256 {
        unimplemented!()
    }
    /// Applies `updates`; the root is new afterwards. On error nothing has changed.
    pub fn update<R: NodeReader>(
        &mut self,
        _reader: &R,
        _updates: &StateUpdate,
    ) -> Result<NodeChanges, TrieError> {
        unimplemented!()
    }
    /// The account with hashed address `address`, with its storage root.
    pub fn account<R: NodeReader>(
        &self,
        _reader: &R,
        _address: B256,
    ) -> Result<Option<(Account, B256)>, TrieError> {
        unimplemented!()
    }
    /// The value of a slot; zero when the account or the slot does not exist.
    pub fn storage<R: NodeReader>(
        &self,
        _reader: &R,
        _address: B256,
        _slot: B256,
    ) -> Result<U256, TrieError> {
        unimplemented!()
    }
    /// The storage root of an account; that of the empty trie when it does not exist.
    pub fn storage_root<R: NodeReader>(
        &self,
        _reader: &R,
        _address: B256,
    ) -> Result<B256, TrieError> {
        unimplemented!()
    }
    /// Proof of an account and of some of its slots, all by hashed key (`eth_getProof`).
    pub fn proof<R: NodeReader>(
        &self,
        _reader: &R,
        _address: B256,
        _slots: &[B256],
    ) -> Result<AccountProof, TrieError> {
        unimplemented!()
    }
    /// Number of resident nodes.
    pub fn resident_nodes(&self) -> usize {
        unimplemented!()
    }
    /// Forgets resident nodes deeper than `depth_nibbles` in the account trie or in any storage
    /// trie; they are loaded again when needed. Only for states whose nodes have been stored.
    pub fn evict(&mut self, _depth_nibbles: usize) {
        unimplemented!()
    }
}
#[allow(dead_code)]
type Unused = Vec<u8>;
