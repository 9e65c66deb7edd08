//! The index of an archive: what every account and slot was, found without reading the blocks
//! between.
//!
//! For each block that changed it, a row holds the value *before* the block. The value after block
//! `n` is that of the first row above `n`, or the flushed one if there is none. Invariant: from the
//! height in [`META_HISTORY_FROM`] on there is a row for every entry of every reverse diff; rows
//! below are never read. A database that stops being an archive drops the index whole.

use super::{
    DbSnapshot, META, META_HISTORY_FROM, StoreError,
    codec::{self, FlatAccount, ReverseDiff},
};
use alloy_primitives::{B256, U256};
use opal_trie::Account;
use redb::{ReadableTable, TableDefinition, TableError, WriteTransaction};

/// keccak256(address) ++ height -> RLP of the account before the block; nothing if there was none.
pub(super) const ACCOUNT_HISTORY: TableDefinition<'_, &[u8; 40], &[u8]> =
    TableDefinition::new("account_history");
/// keccak256(address) ++ keccak256(slot) ++ height -> value before the block.
pub(super) const STORAGE_HISTORY: TableDefinition<'_, &[u8; 72], &[u8]> =
    TableDefinition::new("storage_history");

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
pub(super) fn prepare(
    write: &WriteTransaction,
    wanted: bool,
    first: u64,
) -> Result<(), StoreError> {
    let mut meta = write.open_table(META)?;
    let exists = meta.get(META_HISTORY_FROM)?.is_some();
    if wanted && !exists {
        meta.insert(META_HISTORY_FROM, first.to_be_bytes().as_slice())?;
    } else if exists && !wanted {
        meta.remove(META_HISTORY_FROM)?;
        write.delete_table(ACCOUNT_HISTORY)?;
        write.delete_table(STORAGE_HISTORY)?;
        write.open_table(ACCOUNT_HISTORY)?;
        write.open_table(STORAGE_HISTORY)?;
    }
    Ok(())
}

/// Adds the rows of one block.
pub(super) fn add(
    write: &WriteTransaction,
    height: u64,
    diff: &ReverseDiff,
) -> Result<(), StoreError> {
    let mut accounts = write.open_table(ACCOUNT_HISTORY)?;
    for old in &diff.accounts {
        let value = old.account.as_ref().map_or_else(Vec::new, codec::encode);
        accounts.insert(&account_key(&old.address, height), value.as_slice())?;
    }
    let mut storage = write.open_table(STORAGE_HISTORY)?;
    for old in &diff.storage {
        let value = old.value.to_be_bytes_trimmed_vec();
        storage.insert(&slot_key(&old.address, &old.slot, height), value.as_slice())?;
    }
    Ok(())
}

/// Takes the rows of one block back.
pub(super) fn remove(
    write: &WriteTransaction,
    height: u64,
    diff: &ReverseDiff,
) -> Result<(), StoreError> {
    let mut accounts = write.open_table(ACCOUNT_HISTORY)?;
    for old in &diff.accounts {
        accounts.remove(&account_key(&old.address, height))?;
    }
    let mut storage = write.open_table(STORAGE_HISTORY)?;
    for old in &diff.storage {
        storage.remove(&slot_key(&old.address, &old.slot, height))?;
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
        let (first, last) = (
            account_key(address, number.saturating_add(1)),
            account_key(address, u64::MAX),
        );
        match self
            .account_history
            .range::<&[u8; 40]>(&first..=&last)?
            .next()
        {
            None => self.account(address),
            Some(row) => {
                let (_, value) = row?;
                if value.value().is_empty() {
                    return Ok(None);
                }
                let flat: FlatAccount = codec::decode("account_history", value.value())?;
                Ok(Some(flat.into()))
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
        let (first, last) = (
            slot_key(address, slot, number.saturating_add(1)),
            slot_key(address, slot, u64::MAX),
        );
        match self
            .storage_history
            .range::<&[u8; 72]>(&first..=&last)?
            .next()
        {
            None => self.storage(address, slot),
            Some(row) => Ok(U256::try_from_be_slice(row?.1.value()).unwrap_or_default()),
        }
    }
}

/// Makes the tables in a database that has none yet.
pub(super) fn create_tables(write: &WriteTransaction) -> Result<(), TableError> {
    write.open_table(ACCOUNT_HISTORY)?;
    write.open_table(STORAGE_HISTORY)?;
    Ok(())
}
