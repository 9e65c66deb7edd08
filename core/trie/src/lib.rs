//! Merkle-Patricia tries over one node-lookup port.
//!
//! In: a root, a [`NodeReader`] that finds stored nodes, and sorted updates by hashed key. Out: the
//! new root and the [`NodeChanges`] (puts and deletes by owner and path) that turn the stored nodes
//! of the old root into those of the new one; proofs of accounts and slots.
//!
//! Invariant: after any history of updates the root equals that of a trie rebuilt from its sorted
//! leaves, and applying every `NodeChanges` to a store leaves exactly the nodes of the new root.
//!
//! Tries are persistent: a clone shares all nodes with its original and costs nothing, so each
//! block of a tree of forks can keep the state it belongs to. Nodes that no clone shares are changed
//! in place.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod branch;
mod changes;
mod check;
mod child;
mod edit;
mod error;
mod hash;
mod known;
mod node;
mod proof;
mod reader;
mod rebuild;
mod resident;
mod source;
mod state;
mod task;
mod trie;

pub use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
pub use changes::{NodeChanges, NodeRows};
pub use check::{StoredState, check_stored};
pub use error::{Place, ReadError, Severity, TrieError};
pub use proof::{AccountProof, StorageProof};
pub use reader::NodeReader;
pub use rebuild::{rebuild_root, rebuild_state_root, rebuild_storage_root};
pub use state::{Account, AccountUpdate, EMPTY_CODE_HASH, StateTrie, StateUpdate};
pub use task::Task;
pub use trie::Trie;
