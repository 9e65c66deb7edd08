//! Roots from all leaves at once, by an independent implementation: for verification.

use crate::state::{Account, encode_account};
use alloc::vec::Vec;
use alloy_primitives::{B256, U256};
use alloy_trie::{HashBuilder, Nibbles};

/// Root of the trie with the given leaves.
///
/// # Panics
/// If the leaves are not sorted by key without repetition.
pub fn rebuild_root(leaves: impl IntoIterator<Item = (B256, Vec<u8>)>) -> B256 {
    let mut builder = HashBuilder::default();
    for (key, value) in leaves {
        builder.add_leaf(Nibbles::unpack_array(&key), &value);
    }
    builder.root()
}

/// Storage root of the given slots, sorted by hashed slot; zero values are left out.
pub fn rebuild_storage_root(slots: impl IntoIterator<Item = (B256, U256)>) -> B256 {
    let set = slots.into_iter().filter(|(_, value)| !value.is_zero());
    rebuild_root(set.map(|(slot, value)| (slot, alloy_rlp::encode(value))))
}

/// State root of the given accounts and their storage roots, sorted by hashed address.
pub fn rebuild_state_root(accounts: impl IntoIterator<Item = (B256, Account, B256)>) -> B256 {
    rebuild_root(
        accounts
            .into_iter()
            .map(|(address, account, root)| (address, encode_account(&account, root))),
    )
}
