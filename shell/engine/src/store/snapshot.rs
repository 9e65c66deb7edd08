//! An immutable view of the database as of one flush.
//!
//! All tables come from one read transaction, so whatever is read fits together. A snapshot keeps
//! old pages alive: hold one no longer than needed.

use super::{
    META_HEADS, META_HISTORY_FROM, META_RECEIPTS_FROM, StoreError,
    codec::{self, BlockBody, FlatAccount, HeadsRecord, ReverseDiff},
    flush::{node_key, slot_key},
    hash,
    layer::Rewind,
    number,
    rows::Reader,
    slot_value,
    table::Table,
};
use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes, U256};
use opal_execution::Receipt;
use opal_trie::{Account, Nibbles, StateUpdate};

/// See the module's documentation.
pub(crate) struct DbSnapshot {
    pub(super) rows: Reader,
    heads: Option<HeadsRecord>,
    /// First block of the index, if there is one.
    pub(super) history_from: Option<u64>,
    /// First canonical block whose receipts were not pruned.
    receipts_from: u64,
}

impl std::fmt::Debug for DbSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DbSnapshot")
            .field("heads", &self.heads)
            .finish_non_exhaustive()
    }
}

impl DbSnapshot {
    pub(super) fn new(rows: Reader) -> Result<Self, StoreError> {
        let height = |name: &[u8]| rows.get(Table::Meta, name, number).map(Option::flatten);
        let history_from = height(META_HISTORY_FROM)?;
        let receipts_from = height(META_RECEIPTS_FROM)?.unwrap_or(0);
        let heads = rows.get(Table::Meta, META_HEADS, |row| codec::decode("meta", row))?;
        Ok(Self {
            heads: heads.transpose()?,
            history_from,
            receipts_from,
            rows,
        })
    }

    /// Head pointers; `None` in a new database.
    pub(crate) const fn heads(&self) -> Option<&HeadsRecord> {
        self.heads.as_ref()
    }

    /// Height of the flushed block.
    pub(crate) fn flushed_number(&self) -> u64 {
        self.heads.map_or(0, |h| h.head_number)
    }

    /// The first canonical block whose receipts were not pruned.
    pub(crate) const fn receipts_from(&self) -> u64 {
        self.receipts_from
    }

    /// An account in the flushed state.
    pub(crate) fn account(&self, address: &B256) -> Result<Option<Account>, StoreError> {
        let flat = self.rows.get(Table::Accounts, address.as_slice(), |row| {
            codec::decode::<FlatAccount>("accounts", row)
        })?;
        Ok(flat.transpose()?.map(Account::from))
    }

    /// A slot in the flushed state.
    pub(crate) fn storage(&self, address: &B256, slot: &B256) -> Result<U256, StoreError> {
        let key = slot_key(address, slot);
        let value = self.rows.get(Table::Storage, &key, slot_value)?;
        Ok(value.unwrap_or_default())
    }

    /// Code by its hash.
    pub(crate) fn code(&self, hash: &B256) -> Result<Option<Bytes>, StoreError> {
        self.rows
            .get(Table::Code, hash.as_slice(), Bytes::copy_from_slice)
    }

    /// A trie node of the flushed state.
    pub(crate) fn node(
        &self,
        owner: Option<B256>,
        path: &Nibbles,
    ) -> Result<Option<Bytes>, StoreError> {
        self.rows
            .get(Table::Nodes, &node_key(owner, path), Bytes::copy_from_slice)
    }

    /// A header by block hash, canonical or not.
    pub(crate) fn header(&self, hash: &B256) -> Result<Option<Header>, StoreError> {
        let row = self.rows.get(Table::Headers, hash.as_slice(), |row| {
            codec::decode("headers", row)
        })?;
        Ok(row.transpose()?)
    }

    /// A body by block hash, canonical or not.
    pub(crate) fn body(&self, hash: &B256) -> Result<Option<BlockBody>, StoreError> {
        // Copied first: decoding a large body would keep others from reading.
        let row = self
            .rows
            .get(Table::Bodies, hash.as_slice(), <[u8]>::to_vec)?;
        Ok(row.map(|row| codec::decode("bodies", &row)).transpose()?)
    }

    /// Receipts by block hash, canonical or not.
    pub(crate) fn receipts(&self, hash: &B256) -> Result<Option<Vec<Receipt>>, StoreError> {
        let row = self
            .rows
            .get(Table::Receipts, hash.as_slice(), <[u8]>::to_vec)?;
        Ok(row.map(|row| codec::decode_receipts(&row)).transpose()?)
    }

    /// Where a transaction lies, if the canonical block there still holds it.
    pub(crate) fn transaction(&self, hash: &B256) -> Result<Option<(u64, u32)>, StoreError> {
        let place = self.rows.get(Table::TxIndex, hash.as_slice(), |row| {
            let (height, index) = row.split_at_checked(8)?;
            Some((number(height)?, u32::from_be_bytes(index.try_into().ok()?)))
        })?;
        Ok(place.flatten())
    }

    /// Hash of the canonical block at `height`, if it is flushed.
    pub(crate) fn canonical_hash(&self, height: u64) -> Result<Option<B256>, StoreError> {
        self.rows.get(Table::Canonical, &height.to_be_bytes(), hash)
    }

    /// The reverse diff of the canonical block at `height`.
    pub(super) fn reverse_diff(&self, height: u64) -> Result<Option<ReverseDiff>, StoreError> {
        let key = height.to_be_bytes();
        let row = self.rows.get(Table::ReverseDiffs, &key, |row| {
            codec::decode("reverse_diffs", row)
        })?;
        Ok(row.transpose()?)
    }

    /// What has to change in the flushed state to become that after the canonical block `number`.
    /// `None` if the reverse diffs do not reach that far back.
    pub(crate) fn rewind_to(&self, number: u64) -> Result<Option<StateUpdate>, StoreError> {
        let mut rewind = Rewind::default();
        for height in (number.saturating_add(1)..=self.flushed_number()).rev() {
            let Some(diff) = self.reverse_diff(height)? else {
                return Ok(None);
            };
            rewind.push(diff);
        }
        rewind.finish(|address| self.account(address)).map(Some)
    }
}
