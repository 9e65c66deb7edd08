//! Nodes: how they are stored, loaded and encoded.

use crate::error::ReadError;
use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;

/// Finds stored nodes. Implemented by the path-keyed database and by the hash-keyed witness.
///
/// Answers with the RLP of the node that hashes to `hash` and lies at `path` below the root of the
/// trie of `owner`. Bytes with another hash are noticed by the caller.
pub trait NodeReader {
    /// The node of the storage trie of the account with hashed address `owner` (`None`: of the
    /// account trie), or `None` if there is none.
    fn node(
        &self,
        owner: Option<B256>,
        path: &Nibbles,
        hash: B256,
    ) -> Result<Option<Bytes>, ReadError>;
}
