//! Whole tables in order, and their sizes: for figures and for verification.

use super::{
    DbSnapshot, StoreError,
    codec::{self, FlatAccount},
    flush::slot_key,
};
use alloy_primitives::{B256, U256};
use opal_trie::Account;
use redb::{ReadableTable, ReadableTableMetadata};

/// How much a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableStat {
    /// Its name.
    pub name: &'static str,
    /// Rows.
    pub rows: u64,
    /// Bytes of keys and values.
    pub stored_bytes: u64,
    /// Bytes that the table takes in the file, with its inner pages and what is free in them.
    pub file_bytes: u64,
}

impl DbSnapshot {
    /// All accounts of the flushed state, by hashed address.
    pub(crate) fn accounts(
        &self,
    ) -> Result<impl Iterator<Item = Result<(B256, Account), StoreError>>, StoreError> {
        Ok(self.accounts.iter()?.map(|row| {
            let (key, value) = row?;
            let account: FlatAccount = codec::decode("accounts", value.value())?;
            Ok((B256::from(*key.value()), account.into()))
        }))
    }

    /// All slots of the flushed state: hashed address, hashed slot, value, in this order.
    pub(crate) fn slots(
        &self,
    ) -> Result<impl Iterator<Item = Result<(B256, B256, U256), StoreError>>, StoreError> {
        Ok(self.storage.iter()?.map(|row| {
            let (key, value) = row?;
            let (address, slot) = key.value().split_at(32);
            let value = U256::try_from_be_slice(value.value()).ok_or_else(|| {
                StoreError::Inconsistent("a slot holds more than 32 bytes".into())
            })?;
            Ok((B256::from_slice(address), B256::from_slice(slot), value))
        }))
    }

    /// The first account of the flushed state at or after a hashed address.
    pub(crate) fn account_from(&self, first: &B256) -> Result<Option<B256>, StoreError> {
        let row = self.accounts.range::<&[u8; 32]>(&first.0..)?.next();
        let key = row.transpose()?.map(|(key, _)| B256::from(*key.value()));
        Ok(key)
    }

    /// The first slot of an account in the flushed state at or after a hashed slot.
    pub(crate) fn slot_from(
        &self,
        address: &B256,
        first: &B256,
    ) -> Result<Option<B256>, StoreError> {
        let (first, last) = (
            slot_key(address, first),
            slot_key(address, &B256::repeat_byte(0xff)),
        );
        let row = self.storage.range::<&[u8; 64]>(&first..=&last)?.next();
        let key = row
            .transpose()?
            .map(|(key, _)| B256::from_slice(key.value().split_at(32).1));
        Ok(key)
    }

    /// Rows of the table of trie nodes.
    pub(crate) fn node_rows(&self) -> Result<u64, StoreError> {
        Ok(self.nodes.len()?)
    }

    /// Rows of the table of accounts.
    pub(crate) fn account_rows(&self) -> Result<u64, StoreError> {
        Ok(self.accounts.len()?)
    }

    /// Lowest and highest height with a canonical block.
    pub(crate) fn canonical_range(&self) -> Result<Option<(u64, u64)>, StoreError> {
        let (first, last) = (self.canonical.first()?, self.canonical.last()?);
        Ok(first.zip(last).map(|(f, l)| (f.0.value(), l.0.value())))
    }

    /// Lowest and highest height with a reverse diff, and how many there are.
    pub(crate) fn reverse_range(&self) -> Result<Option<(u64, u64, u64)>, StoreError> {
        let (first, last) = (self.reverse.first()?, self.reverse.last()?);
        let rows = self.reverse.len()?;
        Ok(first
            .zip(last)
            .map(|(f, l)| (f.0.value(), l.0.value(), rows)))
    }

    /// Whether the reverse diff of a block decodes.
    pub(crate) fn check_reverse(&self, number: u64) -> Result<bool, StoreError> {
        let Some(row) = self.reverse.get(number)? else {
            return Ok(false);
        };
        codec::decode::<codec::ReverseDiff>("reverse_diffs", row.value())?;
        Ok(true)
    }

    /// What every table holds.
    pub(crate) fn table_stats(&self) -> Result<Vec<TableStat>, StoreError> {
        Ok(vec![
            of("accounts", &self.accounts)?,
            of("storage", &self.storage)?,
            of("code", &self.code)?,
            of("nodes", &self.nodes)?,
            of("headers", &self.headers)?,
            of("bodies", &self.bodies)?,
            of("receipts", &self.receipts)?,
            of("tx_index", &self.tx_index)?,
            of("canonical", &self.canonical)?,
            of("reverse_diffs", &self.reverse)?,
            of("account_history", &self.account_history)?,
            of("storage_history", &self.storage_history)?,
        ])
    }
}

fn of(name: &'static str, table: &impl ReadableTableMetadata) -> Result<TableStat, StoreError> {
    let stats = table.stats()?;
    let inner = stats
        .metadata_bytes()
        .saturating_add(stats.fragmented_bytes());
    Ok(TableStat {
        name,
        rows: table.len()?,
        stored_bytes: stats.stored_bytes(),
        file_bytes: stats.stored_bytes().saturating_add(inner),
    })
}
