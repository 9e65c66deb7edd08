//! The write transactions: flushing executed blocks, and going back to an older block.

use super::{
    META_HEADS, META_RECEIPTS_FROM, Store, StoreError, changes,
    codec::{self, BlockBody, HeadsRecord},
    hash, history,
    layer::Layer,
    number,
    rows::Writer,
    table::Table,
};
use alloy_consensus::Header;
use alloy_primitives::B256;
use opal_execution::Receipt;
use opal_trie::Nibbles;
use std::ops::ControlFlow;

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
    /// Writes blocks, state, reverse diffs and pointers in one transaction. Waits while there is no
    /// room, if somebody may make some.
    pub(crate) fn flush(&self, batch: &FlushBatch<'_>) -> Result<(), StoreError> {
        self.patience.insist(|| self.try_flush(batch))
    }

    fn try_flush(&self, batch: &FlushBatch<'_>) -> Result<(), StoreError> {
        let write = self.file.write()?;
        if let Some(first) = batch.blocks.first() {
            history::prepare(&write, batch.keep.index, first.header.number)?;
        }
        let layers: Vec<&Layer> = batch.blocks.iter().map(|block| block.layer).collect();
        let replaced = changes::write_layers(&layers, &write)?;
        for (block, old) in batch.blocks.iter().zip(&replaced) {
            let height = block.header.number;
            write.put(
                Table::ReverseDiffs,
                &height.to_be_bytes(),
                &codec::encode(old),
            )?;
            if batch.keep.index {
                history::add(&write, height, old)?;
            }
        }
        forget_diffs(&write, batch)?;
        for block in &batch.blocks {
            write_block(&write, block)?;
        }
        prune_receipts(&write, batch)?;
        write_heads(&write, &batch.heads)?;
        write.commit()
    }

    /// Makes the flushed state that of an older canonical block: `layer` leads from the flushed
    /// state back to it.
    pub(crate) fn unwind(&self, layer: &Layer, heads: HeadsRecord) -> Result<(), StoreError> {
        self.patience.insist(|| self.try_unwind(layer, &heads))
    }

    fn try_unwind(&self, layer: &Layer, heads: &HeadsRecord) -> Result<(), StoreError> {
        let write = self.file.write()?;
        changes::write_layers(&[layer], &write)?;
        let above = heads.head_number.saturating_add(1).to_be_bytes();
        let mut diffs = Vec::new();
        write.visit(Table::ReverseDiffs, &above, |key, diff| {
            let diff: codec::ReverseDiff = codec::decode("reverse_diffs", diff)?;
            diffs.push((number(key).unwrap_or_default(), diff));
            Ok(ControlFlow::Continue(()))
        })?;
        for (height, diff) in diffs {
            history::remove(&write, height, &diff)?;
            write.delete(Table::ReverseDiffs, &height.to_be_bytes())?;
        }
        for key in keys_from(&write, Table::Canonical, &above, usize::MAX, |_| true)? {
            write.delete(Table::Canonical, &key)?;
        }
        write_heads(&write, heads)?;
        write.commit()
    }
}

/// At most `most` keys at and after `first`, while they are `wanted`.
pub(super) fn keys_from(
    write: &Writer,
    table: Table,
    first: &[u8],
    most: usize,
    wanted: impl Fn(&[u8]) -> bool,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut keys = Vec::new();
    write.visit(table, first, |key, _| {
        if keys.len() == most || !wanted(key) {
            return Ok(ControlFlow::Break(()));
        }
        keys.push(key.to_vec());
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(keys)
}

/// Removes reverse diffs that are too old, some at a time.
fn forget_diffs(write: &Writer, batch: &FlushBatch<'_>) -> Result<(), StoreError> {
    let heads = &batch.heads;
    let keep_from = heads.head_number.saturating_sub(batch.keep.history_blocks);
    let most = batch.blocks.len().saturating_mul(2).max(16);
    let stale = keys_from(write, Table::ReverseDiffs, &[], most, |key| {
        number(key).is_none_or(|height| height < keep_from)
    })?;
    for key in stale {
        write.delete(Table::ReverseDiffs, &key)?;
    }
    Ok(())
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

fn write_block(write: &Writer, block: &FlushBlock<'_>) -> Result<(), StoreError> {
    let (hash, height) = (block.hash.as_slice(), block.header.number.to_be_bytes());
    write.put(Table::Headers, hash, &codec::encode(block.header))?;
    write.put(Table::Bodies, hash, &codec::encode(block.body))?;
    write.put(
        Table::Receipts,
        hash,
        &codec::encode_receipts(block.receipts),
    )?;
    write.put(Table::Canonical, &height, hash)?;
    for (i, hash) in block.transaction_hashes.iter().enumerate() {
        let index = u32::try_from(i).unwrap_or(u32::MAX);
        let mut place = [0; 12];
        place[..8].copy_from_slice(&height);
        place[8..].copy_from_slice(&index.to_be_bytes());
        write.put(Table::TxIndex, hash.as_slice(), &place)?;
    }
    Ok(())
}

/// Removes receipts of canonical blocks that are too old, some at a time: a database that is new to
/// pruning is not stopped by it.
fn prune_receipts(write: &Writer, batch: &FlushBatch<'_>) -> Result<(), StoreError> {
    let Some(kept) = batch.keep.receipts_blocks else {
        return Ok(());
    };
    let from = write.get(Table::Meta, META_RECEIPTS_FROM, number)?;
    let from = from.flatten().unwrap_or(0);
    let most = (batch.blocks.len() as u64)
        .saturating_mul(2)
        .max(PRUNE_BLOCKS_MIN);
    let until = batch.heads.head_number.saturating_sub(kept);
    let until = until.min(from.saturating_add(most));
    if from >= until {
        return Ok(());
    }
    let mut stale: Vec<B256> = Vec::new();
    write.visit(Table::Canonical, &from.to_be_bytes(), |height, block| {
        if number(height).is_none_or(|height| height >= until) {
            return Ok(ControlFlow::Break(()));
        }
        stale.push(hash(block));
        Ok(ControlFlow::Continue(()))
    })?;
    for block in stale {
        write.delete(Table::Receipts, block.as_slice())?;
    }
    write.put(Table::Meta, META_RECEIPTS_FROM, &until.to_be_bytes())
}

fn write_heads(write: &Writer, heads: &HeadsRecord) -> Result<(), StoreError> {
    write.put(Table::Meta, META_HEADS, &codec::encode(heads))
}
