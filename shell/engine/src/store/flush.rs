//! The write transactions: flushing executed blocks, and going back to an older block.

use super::{
    ACCOUNTS, BODIES, CANONICAL, CODE, HEADERS, META, META_HEADS, META_RECEIPTS_FROM, NODES,
    RECEIPTS, REVERSE, STORAGE, Store, StoreError, TX_INDEX,
    codec::{self, BlockBody, FlatAccount, HeadsRecord, OldAccount, OldSlot},
    history,
    layer::Layer,
};
use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes, U256};
use opal_execution::Receipt;
use opal_trie::{Account, Nibbles};
use redb::{ReadableTable, Table, WriteTransaction};
use std::collections::BTreeMap;

/// Blocks whose receipts one flush may prune at least.
const PRUNE_BLOCKS_MIN: u64 = 64;

/// A block to write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlushBlock<'a> {
    pub(crate) hash: B256,
    pub(crate) header: &'a Header,
    pub(crate) body: &'a BlockBody,
    pub(crate) transaction_hashes: &'a [B256],
    pub(crate) receipts: &'a [Receipt],
    pub(crate) layer: &'a Layer,
}

/// Canonical blocks on top of the flushed one, oldest first, and the pointers afterwards.
#[derive(Clone, Debug)]
pub(crate) struct FlushBatch<'a> {
    pub(crate) blocks: Vec<FlushBlock<'a>>,
    pub(crate) heads: HeadsRecord,
    pub(crate) keep: Keep,
}

/// How much of the past stays on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keep {
    /// Blocks below the head whose reverse diffs are kept.
    pub(crate) history_blocks: u64,
    /// Blocks below the head whose receipts are kept; `None` keeps all.
    pub(crate) receipts_blocks: Option<u64>,
    /// Whether old values are indexed, so that any old state can be read quickly.
    pub(crate) index: bool,
}

impl Keep {
    /// Everything.
    pub(crate) const ALL: Self = Self {
        history_blocks: u64::MAX,
        receipts_blocks: None,
        index: false,
    };
}

impl Store {
    /// Writes blocks, state, reverse diffs and pointers in one transaction.
    pub(crate) fn flush(&self, batch: &FlushBatch<'_>) -> Result<(), StoreError> {
        let write = self.db.begin_write()?;
        if let Some(first) = batch.blocks.first() {
            history::prepare(&write, batch.keep.index, first.header.number)?;
        }
        let mut pending = Pending::default();
        {
            let accounts = write.open_table(ACCOUNTS)?;
            let storage = write.open_table(STORAGE)?;
            let nodes = write.open_table(NODES)?;
            let mut reverse = write.open_table(REVERSE)?;
            for block in &batch.blocks {
                let old = pending.apply(block.layer, &accounts, &storage, &nodes)?;
                reverse.insert(block.header.number, codec::encode(&old).as_slice())?;
                if batch.keep.index {
                    history::add(&write, block.header.number, &old)?;
                }
            }
            let keep_from = batch
                .heads
                .head_number
                .saturating_sub(batch.keep.history_blocks);
            let stale: Vec<u64> = reverse
                .range(..keep_from)?
                .take(batch.blocks.len().saturating_mul(2).max(16))
                .map(|row| row.map(|(k, _)| k.value()))
                .collect::<Result<_, _>>()?;
            for number in stale {
                reverse.remove(number)?;
            }
        }
        pending.write(&write)?;
        for block in &batch.blocks {
            write_block(&write, block)?;
        }
        prune_receipts(&write, batch)?;
        write_heads(&write, &batch.heads)?;
        write.commit()?;
        Ok(())
    }

    /// Makes the flushed state that of an older canonical block: `layer` leads from the flushed
    /// state back to it.
    pub(crate) fn unwind(&self, layer: &Layer, heads: HeadsRecord) -> Result<(), StoreError> {
        let write = self.db.begin_write()?;
        let mut pending = Pending::default();
        {
            let accounts = write.open_table(ACCOUNTS)?;
            let storage = write.open_table(STORAGE)?;
            let nodes = write.open_table(NODES)?;
            pending.apply(layer, &accounts, &storage, &nodes)?;
        }
        pending.write(&write)?;
        {
            let above = heads.head_number.saturating_add(1)..;
            write
                .open_table(CANONICAL)?
                .retain_in(above.clone(), |_, _| false)?;
            let mut reverse = write.open_table(REVERSE)?;
            for row in reverse.range(above.clone())? {
                let (height, diff) = row?;
                let diff = codec::decode("reverse_diffs", diff.value())?;
                history::remove(&write, height.value(), &diff)?;
            }
            reverse.retain_in(above, |_, _| false)?;
        }
        write_heads(&write, &heads)?;
        write.commit()?;
        Ok(())
    }
}

/// Creates every table, so that a snapshot of a new database can open them.
pub(super) fn create_tables(write: &WriteTransaction) -> Result<(), StoreError> {
    write.open_table(ACCOUNTS)?;
    write.open_table(STORAGE)?;
    write.open_table(CODE)?;
    write.open_table(NODES)?;
    write.open_table(HEADERS)?;
    write.open_table(BODIES)?;
    write.open_table(RECEIPTS)?;
    write.open_table(TX_INDEX)?;
    write.open_table(CANONICAL)?;
    write.open_table(REVERSE)?;
    Ok(history::create_tables(write)?)
}

pub(super) fn slot_key(address: &B256, slot: &B256) -> [u8; 64] {
    let mut key = [0; 64];
    key[..32].copy_from_slice(address.as_slice());
    key[32..].copy_from_slice(slot.as_slice());
    key
}

pub(super) fn node_key(owner: Option<B256>, path: &Nibbles) -> Vec<u8> {
    let mut key = owner.unwrap_or_default().to_vec();
    key.extend(path.iter());
    key
}

/// The range of keys that start with `owner`: from it, up to but without its successor.
fn owner_range(owner: &B256) -> (Vec<u8>, Option<Vec<u8>>) {
    let next = U256::from_be_bytes(owner.0).checked_add(U256::ONE);
    (owner.to_vec(), next.map(|n| n.to_be_bytes::<32>().to_vec()))
}

/// Changes of several blocks, the newest value of each key only.
#[derive(Default)]
struct Pending {
    accounts: BTreeMap<B256, Option<Account>>,
    storage: BTreeMap<[u8; 64], U256>,
    nodes: BTreeMap<Vec<u8>, Option<Bytes>>,
    code: BTreeMap<B256, Bytes>,
}

impl Pending {
    /// Adds a layer and answers with the values it overwrote.
    fn apply(
        &mut self,
        layer: &Layer,
        accounts: &impl ReadableTable<&'static [u8; 32], &'static [u8]>,
        storage: &impl ReadableTable<&'static [u8; 64], &'static [u8]>,
        nodes: &impl ReadableTable<&'static [u8], &'static [u8]>,
    ) -> Result<codec::ReverseDiff, StoreError> {
        let mut old = codec::ReverseDiff::default();
        for (address, update) in &layer.state {
            let before = match self.accounts.get(address) {
                Some(account) => *account,
                None => accounts
                    .get(&address.0)?
                    .map(|row| codec::decode::<FlatAccount>("accounts", row.value()))
                    .transpose()?
                    .map(Account::from),
            };
            if before != update.account {
                let account = before.map(FlatAccount::from);
                old.accounts.push(OldAccount {
                    address: *address,
                    account,
                });
            }
            self.accounts.insert(*address, update.account);
            let mut slots = update.storage.clone();
            if update.destroyed || update.account.is_none() {
                for key in self.slots_of(address, storage)? {
                    slots
                        .entry(B256::from_slice(&key[32..]))
                        .or_insert(U256::ZERO);
                }
            }
            for (slot, value) in slots {
                let key = slot_key(address, &slot);
                let before = match self.storage.get(&key) {
                    Some(value) => *value,
                    None => storage.get(&key)?.map_or(U256::ZERO, |v| {
                        U256::try_from_be_slice(v.value()).unwrap_or_default()
                    }),
                };
                if before != value {
                    old.storage.push(OldSlot {
                        address: *address,
                        slot,
                        value: before,
                    });
                }
                self.storage.insert(key, value);
            }
        }
        for owner in &layer.nodes.destroyed {
            for key in self.nodes_of(owner, nodes)? {
                self.nodes.insert(key, None);
            }
        }
        for ((owner, path), node) in &layer.nodes.nodes {
            self.nodes.insert(node_key(*owner, path), node.clone());
        }
        self.code
            .extend(layer.code.iter().map(|(h, c)| (*h, c.clone())));
        Ok(old)
    }

    /// Keys of all slots an account may have.
    fn slots_of(
        &self,
        address: &B256,
        storage: &impl ReadableTable<&'static [u8; 64], &'static [u8]>,
    ) -> Result<Vec<[u8; 64]>, StoreError> {
        let (first, last) = (
            slot_key(address, &B256::ZERO),
            slot_key(address, &B256::repeat_byte(0xff)),
        );
        let mut keys: Vec<[u8; 64]> = self.storage.range(first..=last).map(|(k, _)| *k).collect();
        for row in storage.range::<&[u8; 64]>(&first..=&last)? {
            keys.push(*row?.0.value());
        }
        Ok(keys)
    }

    /// Keys of all nodes a storage trie may have.
    fn nodes_of(
        &self,
        owner: &B256,
        nodes: &impl ReadableTable<&'static [u8], &'static [u8]>,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let (first, end) = owner_range(owner);
        let below = |key: &[u8]| end.as_ref().is_none_or(|end| key < end.as_slice());
        let mut keys: Vec<Vec<u8>> = self
            .nodes
            .range(first.clone()..)
            .map(|(k, _)| k.clone())
            .take_while(|k| below(k))
            .collect();
        for row in nodes.range(first.as_slice()..)? {
            let key = row?.0.value().to_vec();
            if !below(&key) {
                break;
            }
            keys.push(key);
        }
        Ok(keys)
    }

    fn write(self, write: &WriteTransaction) -> Result<(), StoreError> {
        let mut accounts = write.open_table(ACCOUNTS)?;
        for (address, account) in &self.accounts {
            match account {
                Some(a) => {
                    accounts
                        .insert(&address.0, codec::encode(&FlatAccount::from(*a)).as_slice())?;
                }
                None => {
                    accounts.remove(&address.0)?;
                }
            }
        }
        let mut storage = write.open_table(STORAGE)?;
        for (key, value) in &self.storage {
            if value.is_zero() {
                storage.remove(key)?;
            } else {
                storage.insert(key, value.to_be_bytes_trimmed_vec().as_slice())?;
            }
        }
        let mut nodes = write.open_table(NODES)?;
        for (key, node) in &self.nodes {
            match node {
                Some(node) => nodes.insert(key.as_slice(), node.as_ref())?,
                None => nodes.remove(key.as_slice())?,
            };
        }
        let mut code = write.open_table(CODE)?;
        for (hash, bytes) in &self.code {
            code.insert(&hash.0, bytes.as_ref())?;
        }
        Ok(())
    }
}

fn write_block(write: &WriteTransaction, block: &FlushBlock<'_>) -> Result<(), StoreError> {
    let put = |mut table: Table<'_, &[u8; 32], &[u8]>, value: Vec<u8>| {
        table.insert(&block.hash.0, value.as_slice()).map(|_| ())
    };
    put(write.open_table(HEADERS)?, codec::encode(block.header))?;
    put(write.open_table(BODIES)?, codec::encode(block.body))?;
    put(
        write.open_table(RECEIPTS)?,
        codec::encode_receipts(block.receipts),
    )?;
    write
        .open_table(CANONICAL)?
        .insert(block.header.number, &block.hash.0)?;
    let mut index = write.open_table(TX_INDEX)?;
    for (i, hash) in block.transaction_hashes.iter().enumerate() {
        let position = u32::try_from(i).unwrap_or(u32::MAX);
        index.insert(&hash.0, (block.header.number, position))?;
    }
    Ok(())
}

/// Removes receipts of canonical blocks that are too old, some at a time: a database that is new to
/// pruning is not stopped by it.
fn prune_receipts(write: &WriteTransaction, batch: &FlushBatch<'_>) -> Result<(), StoreError> {
    let Some(kept) = batch.keep.receipts_blocks else {
        return Ok(());
    };
    let mut meta = write.open_table(META)?;
    let from = meta
        .get(META_RECEIPTS_FROM)?
        .and_then(|row| row.value().try_into().ok())
        .map_or(0, u64::from_be_bytes);
    let most = (batch.blocks.len() as u64)
        .saturating_mul(2)
        .max(PRUNE_BLOCKS_MIN);
    let until = batch.heads.head_number.saturating_sub(kept);
    let until = until.min(from.saturating_add(most));
    if from >= until {
        return Ok(());
    }
    let canonical = write.open_table(CANONICAL)?;
    let mut receipts = write.open_table(RECEIPTS)?;
    for row in canonical.range(from..until)? {
        receipts.remove(row?.1.value())?;
    }
    meta.insert(META_RECEIPTS_FROM, until.to_be_bytes().as_slice())?;
    Ok(())
}

fn write_heads(write: &WriteTransaction, heads: &HeadsRecord) -> Result<(), StoreError> {
    write
        .open_table(META)?
        .insert(META_HEADS, codec::encode(heads).as_slice())?;
    Ok(())
}
