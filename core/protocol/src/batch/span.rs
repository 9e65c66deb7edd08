//! Span batches: a range of consecutive L2 blocks, stored by column.
//!
//! spec: protocol/delta/span-batches.md

use super::{BatchError, SpanBatchBuilder, span_decode};
use crate::config::RollupConfig;
use alloc::vec::Vec;
use alloy_primitives::{Bytes, FixedBytes};

/// What a span batch leaves out because the chain's configuration says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanContext {
    /// Chain id of L2.
    pub chain_id: u64,
    /// Unix time of the first L2 block in seconds.
    pub genesis_time: u64,
    /// Seconds between L2 blocks.
    pub block_time: u64,
}

impl From<&RollupConfig> for SpanContext {
    fn from(cfg: &RollupConfig) -> Self {
        Self {
            chain_id: cfg.l2_chain_id,
            genesis_time: cfg.genesis.l2_time,
            block_time: cfg.block_time,
        }
    }
}

/// One block of a span batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpanBlock {
    /// Number of its L1 origin.
    pub epoch_num: u64,
    /// Unix time in seconds.
    pub timestamp: u64,
    /// Encoded (EIP-2718) transactions, well-formed but otherwise unjudged.
    pub transactions: Vec<Bytes>,
}

/// A range of consecutive L2 blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpanBatch {
    /// First 20 bytes of the hash of the L2 block the span builds on.
    pub parent_check: FixedBytes<20>,
    /// First 20 bytes of the hash of the last block's L1 origin.
    pub l1_origin_check: FixedBytes<20>,
    /// Whether the first block has another L1 origin than its parent (bit 0 of `origin_bits`).
    pub first_starts_epoch: bool,
    /// The blocks, at least one.
    pub blocks: Vec<SpanBlock>,
}

impl SpanBatch {
    /// Decodes the body (without type byte). Bytes behind it are ignored, as every client does.
    ///
    /// Memory is linear in the length of `body`: no count is believed before the bytes it speaks
    /// of are there.
    pub fn decode(body: &[u8], context: SpanContext) -> Result<Self, BatchError> {
        span_decode::decode(body, context)
    }

    /// Type byte and body.
    ///
    /// Fails if there is no block, the blocks are not consecutive, or a transaction cannot travel
    /// in a span batch.
    pub fn encode(&self, context: SpanContext) -> Result<Vec<u8>, BatchError> {
        let mut builder = SpanBatchBuilder::new(context);
        for (index, block) in self.blocks.iter().enumerate() {
            let starts_epoch = match index.checked_sub(1).and_then(|prev| self.blocks.get(prev)) {
                None => self.first_starts_epoch,
                Some(prev) => prev.epoch_num != block.epoch_num,
            };
            builder.push_block(
                block.epoch_num,
                block.timestamp,
                starts_epoch,
                &block.transactions,
            )?;
        }
        builder.set_checks(self.parent_check, self.l1_origin_check);
        builder.encode().ok_or(BatchError::Span {
            part: "block_count",
            problem: "is 0",
        })
    }

    /// Time of the first block; 0 if there is none.
    pub fn first_timestamp(&self) -> u64 {
        self.blocks.first().map_or(0, |block| block.timestamp)
    }

    /// Time of the last block; 0 if there is none.
    pub fn last_timestamp(&self) -> u64 {
        self.blocks.last().map_or(0, |block| block.timestamp)
    }

    /// L1 origin number of the first block; 0 if there is none.
    pub fn start_epoch_num(&self) -> u64 {
        self.blocks.first().map_or(0, |block| block.epoch_num)
    }

    /// L1 origin number of the last block; 0 if there is none.
    pub fn end_epoch_num(&self) -> u64 {
        self.blocks.last().map_or(0, |block| block.epoch_num)
    }
}
