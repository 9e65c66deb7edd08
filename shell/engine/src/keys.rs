//! Hashes of the addresses and slots that a block touches: each is computed once, when it is first
//! read, and serves the flat tables, the loading of the trie and its update.

use alloy_primitives::{
    Address, B256, U256, keccak256,
    map::{AddressMap, HashMap},
};
use opal_execution::StateDiff;
use opal_trie::StateUpdate;
use std::cell::RefCell;

/// The keys of one block. It grows with what the block touches, which its gas bounds.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    addresses: RefCell<AddressMap<B256>>,
    slots: RefCell<HashMap<U256, B256>>,
}

impl Keys {
    /// The hash of an address.
    pub(crate) fn address(&self, address: &Address) -> B256 {
        let mut known = self.addresses.borrow_mut();
        *known.entry(*address).or_insert_with(|| keccak256(address))
    }

    /// The hash of a slot.
    pub(crate) fn slot(&self, slot: &U256) -> B256 {
        let mut known = self.slots.borrow_mut();
        let hash = || keccak256(slot.to_be_bytes::<32>());
        *known.entry(*slot).or_insert_with(hash)
    }

    /// The changes of the block by hashed keys.
    pub(crate) fn hashed(&self, diff: &StateDiff) -> StateUpdate {
        diff.hashed_by(|address| self.address(address), |slot| self.slot(slot))
    }
}
