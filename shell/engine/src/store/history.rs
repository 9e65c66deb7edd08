//! The index of an archive: what every account and slot was, found without reading the blocks
//! between.
//!
//! For each block that changed it, a row holds the value *before* the block. The value after block
//! `n` is that of the first row above `n`, or the flushed one if there is none. Invariant: from the
//! height in [`META_HISTORY_FROM`] on there is a row for every entry of every reverse diff; rows
//! below are never read. A database that stops being an archive drops the index whole.

use super::{
    DbSnapshot, META_HISTORY_FROM, StoreError,
    codec::{self, FlatAccount, ReverseDiff},
    rows::Writer,
    slot_value,
    table::Table,
};
use alloy_primitives::{B256, U256};
use opal_trie::Account;

fn account_key(address: &B256, height: u64) -> [u8; 40] {
    let mut key = [0; 40];
    key[..32].copy_from_slice(address.as_slice());
    key[32..].copy_from_slice(&height.to_be_bytes());
    key
}

fn slot_key(address: &B256, slot: &B256, height: u64) -> [u8; 72] {
    let mut key = [0; 72];
    key[..32].copy_from_slice(address.as_slice());
    key[32..64].copy_from_slice(slot.as_slice());
    key[64..].copy_from_slice(&height.to_be_bytes());
    key
}

/// Begins the index at block `first` if there is none yet, or drops it if it is not wanted.
pub(super) fn prepare(write: &Writer, wanted: bool, first: u64) -> Result<(), StoreError> {
    let exists = write.get(Table::Meta, META_HISTORY_FROM, |_| ())?.is_some();
    if wanted && !exists {
        write.put(Table::Meta, META_HISTORY_FROM, &first.to_be_bytes())?;
    } else if exists && !wanted {
        write.delete(Table::Meta, META_HISTORY_FROM)?;
        write.clear(Table::AccountHistory)?;
        write.clear(Table::StorageHistory)?;
    }
    Ok(())
}

/// Adds the rows of one block.
pub(super) fn add(write: &Writer, height: u64, diff: &ReverseDiff) -> Result<(), StoreError> {
    for old in &diff.accounts {
        let key = account_key(&old.address, height);
        let value = old.account.as_ref().map_or_else(Vec::new, codec::encode);
        write.put(Table::AccountHistory, &key, &value)?;
    }
    for old in &diff.storage {
        let key = slot_key(&old.address, &old.slot, height);
        let value = old.value.to_be_bytes_trimmed_vec();
        write.put(Table::StorageHistory, &key, &value)?;
    }
    Ok(())
}

/// Takes the rows of one block back.
pub(super) fn remove(write: &Writer, height: u64, diff: &ReverseDiff) -> Result<(), StoreError> {
    for old in &diff.accounts {
        write.delete(Table::AccountHistory, &account_key(&old.address, height))?;
    }
    for old in &diff.storage {
        let key = slot_key(&old.address, &old.slot, height);
        write.delete(Table::StorageHistory, &key)?;
    }
    Ok(())
}

impl DbSnapshot {
    /// Whether the state after the canonical block `number` can be looked up in the index.
    pub(crate) fn is_indexed(&self, number: u64) -> bool {
        self.history_from
            .is_some_and(|from| number.saturating_add(1) >= from)
    }

    /// The first block whose state can be looked up in the index, if there is one.
    pub(crate) fn indexed_from(&self) -> Option<u64> {
        self.history_from.map(|from| from.saturating_sub(1))
    }

    /// An account after the canonical block `number`, which must be indexed.
    pub(crate) fn account_at(
        &self,
        address: &B256,
        number: u64,
    ) -> Result<Option<Account>, StoreError> {
        let first = account_key(address, number.saturating_add(1));
        let row = self
            .rows
            .from(Table::AccountHistory, &first, |key, value| {
                key.starts_with(address.as_slice()).then(|| {
                    let account =
                        (!value.is_empty()).then(|| codec::decode("account_history", value));
                    account.transpose()
                })
            })?;
        match row.flatten() {
            None => self.account(address),
            Some(account) => {
                let flat: Option<FlatAccount> = account?;
                Ok(flat.map(Account::from))
            }
        }
    }

    /// A slot after the canonical block `number`, which must be indexed.
    pub(crate) fn storage_at(
        &self,
        address: &B256,
        slot: &B256,
        number: u64,
    ) -> Result<U256, StoreError> {
        let first = slot_key(address, slot, number.saturating_add(1));
        let row = self
            .rows
            .from(Table::StorageHistory, &first, |key, value| {
                let same = key.get(..64) == first.get(..64);
                same.then(|| slot_value(value))
            })?;
        match row.flatten() {
            None => self.storage(address, slot),
            Some(value) => Ok(value),
        }
    }
}
