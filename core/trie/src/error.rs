//! What can go wrong when a trie is read or changed.

use alloc::string::String;
use alloy_primitives::B256;
use alloy_trie::Nibbles;

/// The store behind a [`NodeReader`](crate::NodeReader) failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReadError(pub String);

/// How a service has to take an error of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Trying again may help.
    Temporary,
    /// The stored state is not what it should be.
    Critical,
}

/// A trie that could not be read or changed. The trie is left as it was before the call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrieError {
    /// A node that the trie refers to is not stored.
    #[error("trie node {hash} is missing at path {path:?} of {}", owner_name(.owner))]
    MissingNode {
        /// Hashed address of the account whose storage it is, or `None` for the account trie.
        owner: Option<B256>,
        /// Where the node belongs.
        path: Nibbles,
        /// Keccak hash of the node.
        hash: B256,
    },
    /// The stored bytes are not those of the node that was asked for.
    #[error("trie node at path {path:?} of {} is corrupt: wanted hash {wanted}, stored bytes have {found}", owner_name(.owner))]
    HashMismatch {
        /// Hashed address of the account whose storage it is, or `None` for the account trie.
        owner: Option<B256>,
        /// Where the node belongs.
        path: Nibbles,
        /// Hash that the parent node refers to.
        wanted: B256,
        /// Hash of the stored bytes.
        found: B256,
    },
    /// A node is no valid encoding.
    #[error("trie node at path {path:?} of {} cannot be decoded: {problem}", owner_name(.owner))]
    Malformed {
        /// Hashed address of the account whose storage it is, or `None` for the account trie.
        owner: Option<B256>,
        /// Where the node belongs.
        path: Nibbles,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The store failed.
    #[error("trie node at path {path:?} of {} cannot be read: {source}", owner_name(.owner))]
    Read {
        /// Hashed address of the account whose storage it is, or `None` for the account trie.
        owner: Option<B256>,
        /// Where the node belongs.
        path: Nibbles,
        /// What the store said.
        source: ReadError,
    },
}

impl TrieError {
    /// How a service has to take this error.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Read { .. } => Severity::Temporary,
            _ => Severity::Critical,
        }
    }
}

fn owner_name(owner: &Option<B256>) -> String {
    match owner {
        None => String::from("the account trie"),
        Some(address) => alloc::format!("the storage trie of {address}"),
    }
}
