//! Span batches: a range of consecutive L2 blocks, stored by column.

use super::{BatchError, SingularBatch};
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
    /// Encoded (EIP-2718) transactions, unjudged.
    pub transactions: Vec<Bytes>,
}

/// A range of consecutive L2 blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpanBatch {
    /// First 20 bytes of the hash of the L2 block the span builds on.
    pub parent_check: FixedBytes<20>,
    /// First 20 bytes of the hash of the last block's L1 origin.
    pub l1_origin_check: FixedBytes<20>,
    /// The blocks, at least one.
    pub blocks: Vec<SpanBlock>,
}

impl SpanBatch {
    /// Decodes the body (without type byte).
    pub fn decode(body: &[u8], context: SpanContext) -> Result<Self, BatchError> {
        unimplemented!("{body:?} {context:?}")
    }

    /// Type byte and body.
    ///
    /// Fails if the blocks are not consecutive or a transaction cannot travel in a span batch.
    /// `first_starts_epoch`: whether the first block is the first one of its epoch.
    pub fn encode(
        &self,
        context: SpanContext,
        first_starts_epoch: bool,
    ) -> Result<Vec<u8>, BatchError> {
        unimplemented!("{context:?} {first_starts_epoch:?}")
    }
}

/// Builds a span batch block by block; the cost of adding a block does not grow with the span.
#[derive(Clone, Debug)]
pub struct SpanBatchBuilder {
    context: SpanContext,
}

impl SpanBatchBuilder {
    /// Starts an empty span.
    pub fn new(context: SpanContext) -> Self {
        Self { context }
    }

    /// Adds the next block. `seq_num` is its position in its epoch. On error the builder is
    /// unchanged.
    pub fn push(&mut self, block: &SingularBatch, seq_num: u64) -> Result<(), BatchError> {
        unimplemented!("{block:?} {seq_num} {:?}", self.context)
    }

    /// Blocks so far.
    pub fn block_count(&self) -> usize {
        unimplemented!()
    }

    /// Bytes that [`Self::encode`] gives.
    pub fn encoded_len(&self) -> usize {
        unimplemented!()
    }

    /// Type byte and body of the span so far; `None` while it is empty.
    pub fn encode(&self) -> Option<Vec<u8>> {
        unimplemented!()
    }
}
