//! Roots from all leaves at once, for verification.

use crate::state::Account;
use alloc::vec::Vec;
use alloy_primitives::{B256, U256};

/// Root of the trie with the given leaves, sorted by key.
pub fn rebuild_root(_leaves: impl IntoIterator<Item = (B256, Vec<u8>)>) -> B256 {
    unimplemented!()
}

/// Storage root of the given slots, sorted by hashed slot; zero values are left out.
pub fn rebuild_storage_root(_slots: impl IntoIterator<Item = (B256, U256)>) -> B256 {
    unimplemented!()
}

/// State root of the given accounts and their storage roots, sorted by hashed address.
pub fn rebuild_state_root(_accounts: impl IntoIterator<Item = (B256, Account, B256)>) -> B256 {
    unimplemented!()
}
