//! What can go wrong when a trie is read or changed.

use alloc::{boxed::Box, string::String};
use alloy_primitives::B256;
use alloy_trie::Nibbles;
use core::fmt;

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

/// Where a node belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Hashed address of the account whose storage it is, or `None` for the account trie.
    pub owner: Option<B256>,
    /// Nibbles from the root of that trie to the node.
    pub path: Nibbles,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "path {:?} of ", self.path)?;
        match self.owner {
            None => f.write_str("the account trie"),
            Some(address) => write!(f, "the storage trie of {address}"),
        }
    }
}

/// A trie that could not be read or changed. The trie is left as it was before the call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrieError {
    /// A node that the trie refers to is not stored.
    #[error("trie node {hash} is missing at {at}")]
    MissingNode {
        /// Where it should be.
        at: Box<Place>,
        /// Keccak hash of the node.
        hash: B256,
    },
    /// The stored bytes are not those of the node that was asked for.
    #[error("trie node at {at} is corrupt: wanted hash {wanted}, stored bytes have {found}")]
    HashMismatch {
        /// Where it is.
        at: Box<Place>,
        /// Hash that the parent node refers to.
        wanted: B256,
        /// Hash of the stored bytes.
        found: B256,
    },
    /// A node is no valid encoding.
    #[error("trie node at {at} cannot be decoded: {problem}")]
    Malformed {
        /// Where it is.
        at: Box<Place>,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The store failed.
    #[error("trie node at {at} cannot be read: {source}")]
    Read {
        /// Where it should be.
        at: Box<Place>,
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
