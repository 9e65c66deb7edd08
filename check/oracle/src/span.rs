//! Span batches: the content of a range of L2 blocks.
//!
//! spec: protocol/delta/span-batches.md#span-batch-format

use crate::{params::MAX_SPAN_BATCH_ELEMENT_COUNT, span_tx::read_transactions};
use alloy_primitives::{B256, Bytes};
use opal_protocol::RollupConfig;

/// A span batch. It has at least one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanBatch {
    /// First 20 bytes of the hash of the block before the first.
    pub parent_check: [u8; 20],
    /// First 20 bytes of the hash of the last block's L1 origin.
    pub l1_origin_check: [u8; 20],
    /// The blocks in order.
    pub blocks: Vec<SpanBlock>,
}

/// A block of a span batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpanBlock {
    /// Height of the L1 origin.
    pub epoch_num: u64,
    /// Unix time of the block in seconds.
    pub timestamp: u64,
    /// The sequenced transactions.
    pub transactions: Vec<Bytes>,
}

impl SpanBatch {
    /// `span_start`
    pub(crate) fn start(&self) -> &SpanBlock {
        self.blocks.first().expect("a span batch has a block")
    }

    /// `span_end`
    pub(crate) fn end(&self) -> &SpanBlock {
        self.blocks.last().expect("a span batch has a block")
    }
}

/// Whether the first 20 bytes of `hash` are `check`.
pub(crate) fn passes_check(hash: B256, check: &[u8; 20]) -> bool {
    hash[..20] == check[..]
}

/// Decodes `prefix ++ payload`.
pub(crate) fn decode_span_batch(cfg: &RollupConfig, content: &[u8]) -> Option<SpanBatch> {
    let mut reader = Reader(content);
    // prefix = rel_timestamp ++ l1_origin_num ++ parent_check ++ l1_origin_check
    let rel_timestamp = reader.uvarint()?;
    let l1_origin_num = reader.uvarint()?;
    let parent_check = reader.fixed::<20>()?;
    let l1_origin_check = reader.fixed::<20>()?;
    // payload = block_count ++ origin_bits ++ block_tx_counts ++ txs
    let block_count = reader.uvarint()?;
    if block_count == 0 || block_count > MAX_SPAN_BATCH_ELEMENT_COUNT {
        return None;
    }
    let origin_bits = reader.bits(block_count)?;
    let mut block_tx_counts = Vec::new();
    let mut total: u64 = 0;
    for _ in 0..block_count {
        let count = reader.uvarint()?;
        total = total.checked_add(count)?;
        if total > MAX_SPAN_BATCH_ELEMENT_COUNT {
            return None;
        }
        block_tx_counts.push(count);
    }
    let mut transactions = read_transactions(&mut reader, total, cfg.l2_chain_id)?.into_iter();

    // spec: protocol/delta/span-batches.md#how-derivation-works-with-span-batches
    // The last block has the origin that the prefix names; from there, each set bit says that the
    // block before has the origin before. Numbers out of range wrap around, and no check that
    // follows lets them pass.
    let changes = origin_bits[1..].iter().filter(|bit| **bit).count() as u64;
    let mut epoch_num = l1_origin_num.wrapping_sub(changes);
    let mut timestamp = cfg.genesis.l2_time.wrapping_add(rel_timestamp);
    let mut blocks = Vec::new();
    for (i, tx_count) in block_tx_counts.into_iter().enumerate() {
        if i > 0 {
            epoch_num = epoch_num.wrapping_add(u64::from(origin_bits[i]));
            timestamp = timestamp.wrapping_add(cfg.block_time);
        }
        blocks.push(SpanBlock {
            epoch_num,
            timestamp,
            transactions: transactions.by_ref().take(tx_count as usize).collect(),
        });
    }
    Some(SpanBatch {
        parent_check,
        l1_origin_check,
        blocks,
    })
}

/// The bytes that are left to read.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(crate) fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    /// An unsigned Base128 varint of up to 64 bits.
    pub(crate) fn uvarint(&mut self) -> Option<u64> {
        let mut value: u128 = 0;
        for i in 0..10 {
            let [byte] = self.fixed::<1>()?;
            value |= u128::from(byte & 0x7f) << (7 * i);
            if byte & 0x80 == 0 {
                return u64::try_from(value).ok();
            }
        }
        None
    }

    /// A standard bitlist: a big-endian integer, whose least significant bit is the first element.
    pub(crate) fn bits(&mut self, count: u64) -> Option<Vec<bool>> {
        let bytes = self.bytes(count.div_ceil(8) as usize)?;
        let from_least = bytes.iter().rev();
        let mut bits: Vec<bool> = from_least
            .flat_map(|byte| (0..8).map(move |i| byte >> i & 1 == 1))
            .collect();
        let padding = bits.split_off(count as usize);
        (!padding.contains(&true)).then_some(bits)
    }
}
