//! State: the port it is read through, and how a block changes it.

use alloc::{collections::BTreeMap, string::String};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use opal_trie::{Account, AccountUpdate, StateUpdate};

/// The state could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("state cannot be read: {0}")]
pub struct StateError(pub String);

/// The state after some block. Implemented by the engine's snapshots and by the witness.
pub trait StateReader {
    /// The account at `address`, or `None` if it does not exist.
    fn account(&self, address: Address) -> Result<Option<Account>, StateError>;
    /// Value of a storage slot; zero where there is none.
    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError>;
    /// Code by its Keccak hash; an unknown hash is an error.
    fn code(&self, hash: B256) -> Result<Bytes, StateError>;
    /// Hash of the ancestor block at height `number`, among the last 256.
    fn block_hash(&self, number: u64) -> Result<B256, StateError>;
}

impl<T: StateReader + ?Sized> StateReader for &T {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        (**self).account(address)
    }
    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        (**self).storage(address, slot)
    }
    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        (**self).code(hash)
    }
    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        (**self).block_hash(number)
    }
}

/// How one slot changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotDiff {
    /// Value before the block; zero if the storage was destroyed before the slot was set.
    pub previous: U256,
    /// Value after the block; zero means there is no entry.
    pub value: U256,
}

/// How one account changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountDiff {
    /// The account before the block.
    pub previous: Option<Account>,
    /// The account after the block; `None` if it does not exist.
    pub account: Option<Account>,
    /// All storage that the account had before the block is gone; `storage` applies afterwards.
    pub destroyed: bool,
    /// Slots that changed, by plain slot.
    pub storage: BTreeMap<U256, SlotDiff>,
}

/// How a block changes the state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateDiff {
    /// Changed accounts by plain address.
    pub accounts: BTreeMap<Address, AccountDiff>,
    /// New code by its Keccak hash.
    pub code: BTreeMap<B256, Bytes>,
}

impl StateDiff {
    /// The same changes by hashed keys, as the trie and the flat tables take them.
    pub fn hashed(&self) -> StateUpdate {
        let slot_hash = |slot: &U256| keccak256(slot.to_be_bytes::<32>());
        self.hashed_by(|address| keccak256(address), slot_hash)
    }

    /// As [`hashed`](Self::hashed), by somebody who knows most of the hashes.
    pub fn hashed_by(
        &self,
        address_hash: impl Fn(&Address) -> B256,
        slot_hash: impl Fn(&U256) -> B256,
    ) -> StateUpdate {
        let update = |(address, change): (&Address, &AccountDiff)| {
            let storage = change
                .storage
                .iter()
                .map(|(slot, diff)| (slot_hash(slot), diff.value))
                .collect();
            let update = AccountUpdate {
                account: change.account,
                destroyed: change.destroyed,
                storage,
            };
            (address_hash(address), update)
        };
        self.accounts.iter().map(update).collect()
    }
}
