//! The one port of this crate: where stored nodes are found.

use crate::{error::ReadError, state::Account};
use alloy_primitives::{B256, Bytes, U256};
use alloy_trie::Nibbles;

/// Finds stored nodes. Implemented by the path-keyed database and by the hash-keyed witness.
///
/// Answers with the RLP of the node that hashes to `hash` and lies at `path` below the root of the
/// trie of `owner`. The caller checks the hash of what it gets.
pub trait NodeReader {
    /// The node of the storage trie of the account with hashed address `owner` (`None`: of the
    /// account trie), or `None` if there is none.
    fn node(
        &self,
        owner: Option<B256>,
        path: &Nibbles,
        hash: B256,
    ) -> Result<Option<Bytes>, ReadError>;

    /// Asked when [`node`](Self::node) gave something that does not hash to `hash`: a reader with
    /// several places may have looked into the likeliest only, since the hash tells. By default there
    /// is no other place.
    fn node_elsewhere(
        &self,
        _owner: Option<B256>,
        _path: &Nibbles,
        _hash: B256,
    ) -> Result<Option<Bytes>, ReadError> {
        Ok(None)
    }

    /// The account with this hashed address, if the reader has it at hand. Whoever changes an account
    /// has mostly just read it; from what it is the trie makes the leaf, and need not look for it.
    /// Nothing depends on the answer: a leaf that does not hash to what its parent says is looked up.
    fn known_account(&self, _address: &B256) -> Option<Account> {
        None
    }

    /// The value of a slot, by hashed keys, if the reader has it at hand: as
    /// [`known_account`](Self::known_account).
    fn known_slot(&self, _owner: &B256, _slot: &B256) -> Option<U256> {
        None
    }
}
