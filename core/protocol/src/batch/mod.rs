//! Batches: L2 blocks as the batcher posts them, without what derivation knows already.
//!
//! Both directions: decoding takes hostile bytes and never panics; encoding gives the bytes that
//! decode to the same value.
//!
//! spec: protocol/derivation.md#batch-format, protocol/delta/span-batches.md

mod span;

pub use span::{SpanBatch, SpanBatchBuilder, SpanBlock, SpanContext};

use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes};

/// First byte of a singular batch.
pub const SINGULAR_BATCH_TYPE: u8 = 0;
/// First byte of a span batch.
pub const SPAN_BATCH_TYPE: u8 = 1;
/// Most blocks, and most transactions, in one span batch. spec: protocol/delta/span-batches.md#span-batch-size-limits
pub const MAX_SPAN_BATCH_ELEMENT_COUNT: u64 = 10_000_000;

/// A decoded batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Batch {
    /// One block.
    Singular(SingularBatch),
    /// A range of blocks.
    Span(SpanBatch),
}

/// One L2 block's worth of sequenced transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SingularBatch {
    /// Hash of the L2 block it builds on.
    pub parent_hash: B256,
    /// Number of its L1 origin.
    pub epoch_num: u64,
    /// Hash of its L1 origin.
    pub epoch_hash: B256,
    /// Unix time of the L2 block in seconds.
    pub timestamp: u64,
    /// Encoded (EIP-2718) transactions, unjudged.
    pub transactions: Vec<Bytes>,
}

/// Why bytes are no batch, or a batch cannot be encoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The stream of byte strings is malformed.
    #[error("batch stream is malformed at byte {offset}")]
    Stream {
        /// Position in the decompressed channel.
        offset: usize,
    },
    /// The byte string is empty.
    #[error("batch is empty")]
    Empty,
    /// Neither singular nor span.
    #[error("unknown batch type {0}")]
    UnknownType(u8),
    /// A singular batch is not the RLP list it must be.
    #[error("singular batch is malformed: {0}")]
    Singular(alloy_rlp::Error),
    /// A part of a span batch ends early, is out of range, or is malformed.
    #[error("span batch: {part} {problem}")]
    Span {
        /// The part, as the spec names it.
        part: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl Batch {
    /// Decodes the content of one byte string of a channel: type byte, then body. Transactions of
    /// singular batches share the memory of `data`.
    pub fn decode(data: &Bytes, context: SpanContext) -> Result<Self, BatchError> {
        unimplemented!("{data} {context:?}")
    }
}

impl SingularBatch {
    /// Decodes the body (without type byte).
    pub fn decode(body: &Bytes) -> Result<Self, BatchError> {
        unimplemented!("{body}")
    }

    /// Type byte and body.
    pub fn encode(&self) -> Vec<u8> {
        unimplemented!()
    }
}

/// Appends `batch` (type byte and body) to the stream of a channel, as an RLP byte string.
pub fn append_to_stream(batch: &[u8], stream: &mut Vec<u8>) {
    alloy_rlp::Encodable::encode(batch, stream);
}
