//! Whole tables in order, and their sizes: for figures and for verification.

use super::{
    DbSnapshot, StoreError,
    codec::{self, FlatAccount},
    flush::slot_key,
    hash, number,
    table::Table,
};
use alloy_primitives::{B256, U256};
use opal_trie::Account;

/// How much a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableStat {
    /// Its name.
    pub name: &'static str,
    /// Rows.
    pub rows: u64,
    /// Bytes of the pages it takes in the file.
    pub file_bytes: u64,
}

impl DbSnapshot {
    /// All accounts of the flushed state, by hashed address.
    pub(crate) fn accounts(
        &self,
    ) -> Result<impl Iterator<Item = Result<(B256, Account), StoreError>>, StoreError> {
        Ok(self.rows.walk(Table::Accounts).map(|row| {
            let (key, value) = row?;
            let account: FlatAccount = codec::decode("accounts", &value)?;
            Ok((hash(&key), account.into()))
        }))
    }

    /// All slots of the flushed state: hashed address, hashed slot, value, in this order.
    pub(crate) fn slots(
        &self,
    ) -> Result<impl Iterator<Item = Result<(B256, B256, U256), StoreError>>, StoreError> {
        Ok(self.rows.walk(Table::Storage).map(|row| {
            let (key, value) = row?;
            let (address, slot) = key.split_at_checked(32).unwrap_or_default();
            let value = U256::try_from_be_slice(&value).ok_or_else(|| {
                StoreError::Inconsistent("a slot holds more than 32 bytes".into())
            })?;
            Ok((hash(address), hash(slot), value))
        }))
    }

    /// The first account of the flushed state at or after a hashed address.
    pub(crate) fn account_from(&self, first: &B256) -> Result<Option<B256>, StoreError> {
        self.rows
            .from(Table::Accounts, first.as_slice(), |key, _| hash(key))
    }

    /// The first slot of an account in the flushed state at or after a hashed slot.
    pub(crate) fn slot_from(
        &self,
        address: &B256,
        first: &B256,
    ) -> Result<Option<B256>, StoreError> {
        let first = slot_key(address, first);
        let slot = self.rows.from(Table::Storage, &first, |key, _| {
            key.strip_prefix(address.as_slice()).map(hash)
        })?;
        Ok(slot.flatten())
    }

    /// Rows of the table of trie nodes.
    pub(crate) fn node_rows(&self) -> Result<u64, StoreError> {
        Ok(self.rows.size(Table::Nodes)?.0)
    }

    /// Rows of the table of accounts.
    pub(crate) fn account_rows(&self) -> Result<u64, StoreError> {
        Ok(self.rows.size(Table::Accounts)?.0)
    }

    /// Lowest and highest height of a table that is keyed by height.
    fn heights(&self, table: Table) -> Result<Option<(u64, u64)>, StoreError> {
        let first = self.rows.from(table, &[], |key, _| number(key))?.flatten();
        let last = self.rows.last(table, |key, _| number(key))?.flatten();
        Ok(first.zip(last))
    }

    /// Lowest and highest height with a canonical block.
    pub(crate) fn canonical_range(&self) -> Result<Option<(u64, u64)>, StoreError> {
        self.heights(Table::Canonical)
    }

    /// Lowest and highest height with a reverse diff, and how many there are.
    pub(crate) fn reverse_range(&self) -> Result<Option<(u64, u64, u64)>, StoreError> {
        let rows = self.rows.size(Table::ReverseDiffs)?.0;
        let range = self.heights(Table::ReverseDiffs)?;
        Ok(range.map(|(first, last)| (first, last, rows)))
    }

    /// Whether the reverse diff of a block decodes.
    pub(crate) fn check_reverse(&self, number: u64) -> Result<bool, StoreError> {
        Ok(self.reverse_diff(number)?.is_some())
    }

    /// What every table holds.
    pub(crate) fn table_stats(&self) -> Result<Vec<TableStat>, StoreError> {
        let tables = Table::ALL.into_iter().filter(|t| *t != Table::Meta);
        tables
            .map(|table| {
                let (rows, file_bytes) = self.rows.size(table)?;
                Ok(TableStat {
                    name: table.name(),
                    rows,
                    file_bytes,
                })
            })
            .collect()
    }
}
