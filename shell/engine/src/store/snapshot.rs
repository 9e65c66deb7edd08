//! An immutable view of the database as of one flush.
//!
//! All tables come from one read transaction, so whatever is read fits together. A snapshot keeps
//! old pages alive: hold one no longer than needed.

use super::{
    ACCOUNTS, BODIES, CANONICAL, CODE, HEADERS, META, META_HEADS, META_HISTORY_FROM,
    META_RECEIPTS_FROM, NODES, RECEIPTS, REVERSE, STORAGE, StoreError, TX_INDEX,
    codec::{self, BlockBody, FlatAccount, HeadsRecord, ReverseDiff},
    flush::{node_key, slot_key},
    history::{ACCOUNT_HISTORY, STORAGE_HISTORY},
    layer::Rewind,
};
use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes, U256};
use opal_execution::Receipt;
use opal_trie::{Account, Nibbles, StateUpdate};
use redb::{ReadOnlyTable, ReadTransaction};

type HashTable = ReadOnlyTable<&'static [u8; 32], &'static [u8]>;

/// See the module's documentation.
pub(crate) struct DbSnapshot {
    pub(super) accounts: HashTable,
    pub(super) storage: ReadOnlyTable<&'static [u8; 64], &'static [u8]>,
    pub(super) code: HashTable,
    pub(super) nodes: ReadOnlyTable<&'static [u8], &'static [u8]>,
    pub(super) headers: HashTable,
    pub(super) bodies: HashTable,
    pub(super) receipts: HashTable,
    pub(super) tx_index: ReadOnlyTable<&'static [u8; 32], (u64, u32)>,
    pub(super) canonical: ReadOnlyTable<u64, &'static [u8; 32]>,
    pub(super) reverse: ReadOnlyTable<u64, &'static [u8]>,
    heads: Option<HeadsRecord>,
    pub(super) account_history: ReadOnlyTable<&'static [u8; 40], &'static [u8]>,
    pub(super) storage_history: ReadOnlyTable<&'static [u8; 72], &'static [u8]>,
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
    pub(super) fn new(read: ReadTransaction) -> Result<Self, StoreError> {
        let meta = read.open_table(META)?;
        let number = |name: &str| -> Result<Option<u64>, StoreError> {
            let row = meta.get(name)?;
            let bytes = row.and_then(|row| row.value().try_into().ok());
            Ok(bytes.map(u64::from_be_bytes))
        };
        let history_from = number(META_HISTORY_FROM)?;
        let receipts_from = number(META_RECEIPTS_FROM)?.unwrap_or(0);
        let heads = meta
            .get(META_HEADS)?
            .map(|row| codec::decode("meta", row.value()))
            .transpose()?;
        Ok(Self {
            accounts: read.open_table(ACCOUNTS)?,
            storage: read.open_table(STORAGE)?,
            code: read.open_table(CODE)?,
            nodes: read.open_table(NODES)?,
            headers: read.open_table(HEADERS)?,
            bodies: read.open_table(BODIES)?,
            receipts: read.open_table(RECEIPTS)?,
            tx_index: read.open_table(TX_INDEX)?,
            canonical: read.open_table(CANONICAL)?,
            reverse: read.open_table(REVERSE)?,
            heads,
            account_history: read.open_table(ACCOUNT_HISTORY)?,
            storage_history: read.open_table(STORAGE_HISTORY)?,
            history_from,
            receipts_from,
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
        let Some(row) = self.accounts.get(&address.0)? else {
            return Ok(None);
        };
        let flat: FlatAccount = codec::decode("accounts", row.value())?;
        Ok(Some(flat.into()))
    }

    /// A slot in the flushed state.
    pub(crate) fn storage(&self, address: &B256, slot: &B256) -> Result<U256, StoreError> {
        let row = self.storage.get(&slot_key(address, slot))?;
        Ok(row.map_or(U256::ZERO, |v| {
            U256::try_from_be_slice(v.value()).unwrap_or_default()
        }))
    }

    /// Code by its hash.
    pub(crate) fn code(&self, hash: &B256) -> Result<Option<Bytes>, StoreError> {
        Ok(self
            .code
            .get(&hash.0)?
            .map(|v| Bytes::copy_from_slice(v.value())))
    }

    /// A trie node of the flushed state.
    pub(crate) fn node(
        &self,
        owner: Option<B256>,
        path: &Nibbles,
    ) -> Result<Option<Bytes>, StoreError> {
        let row = self.nodes.get(node_key(owner, path).as_slice())?;
        Ok(row.map(|v| Bytes::copy_from_slice(v.value())))
    }

    /// A header by block hash, canonical or not.
    pub(crate) fn header(&self, hash: &B256) -> Result<Option<Header>, StoreError> {
        let row = self.headers.get(&hash.0)?;
        Ok(row
            .map(|v| codec::decode("headers", v.value()))
            .transpose()?)
    }

    /// A body by block hash, canonical or not.
    pub(crate) fn body(&self, hash: &B256) -> Result<Option<BlockBody>, StoreError> {
        let row = self.bodies.get(&hash.0)?;
        Ok(row
            .map(|v| codec::decode("bodies", v.value()))
            .transpose()?)
    }

    /// Receipts by block hash, canonical or not.
    pub(crate) fn receipts(&self, hash: &B256) -> Result<Option<Vec<Receipt>>, StoreError> {
        let row = self.receipts.get(&hash.0)?;
        Ok(row.map(|v| codec::decode_receipts(v.value())).transpose()?)
    }

    /// Where a transaction lies, if the canonical block there still holds it.
    pub(crate) fn transaction(&self, hash: &B256) -> Result<Option<(u64, u32)>, StoreError> {
        Ok(self.tx_index.get(&hash.0)?.map(|v| v.value()))
    }

    /// Hash of the canonical block at `number`, if it is flushed.
    pub(crate) fn canonical_hash(&self, number: u64) -> Result<Option<B256>, StoreError> {
        Ok(self.canonical.get(number)?.map(|v| B256::from(*v.value())))
    }

    /// What has to change in the flushed state to become that after the canonical block `number`.
    /// `None` if the reverse diffs do not reach that far back.
    pub(crate) fn rewind_to(&self, number: u64) -> Result<Option<StateUpdate>, StoreError> {
        let mut rewind = Rewind::default();
        for height in (number.saturating_add(1)..=self.flushed_number()).rev() {
            let Some(row) = self.reverse.get(height)? else {
                return Ok(None);
            };
            rewind.push(codec::decode::<ReverseDiff>("reverse_diffs", row.value())?);
        }
        rewind.finish(|address| self.account(address)).map(Some)
    }
}
