//! Batches: L2 blocks as the batcher posts them, without what derivation knows already.
//!
//! Both directions: decoding takes hostile bytes and never panics; encoding gives the bytes that
//! decode to the same value.
//!
//! spec: protocol/derivation.md#batch-format, protocol/delta/span-batches.md

mod bits;
mod span;
mod span_decode;
mod span_encode;
mod span_tx;

pub use span::{SpanBatch, SpanBlock, SpanContext};
pub use span_encode::SpanBatchBuilder;

use crate::rlp;
use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes};
use alloy_rlp::Encodable;

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
    #[error("singular batch {0}")]
    Singular(&'static str),
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
        match data.first() {
            None => Err(BatchError::Empty),
            Some(&SINGULAR_BATCH_TYPE) => {
                SingularBatch::decode(&data.slice(1..)).map(Self::Singular)
            }
            Some(&SPAN_BATCH_TYPE) => {
                SpanBatch::decode(data.get(1..).unwrap_or_default(), context).map(Self::Span)
            }
            Some(&other) => Err(BatchError::UnknownType(other)),
        }
    }
}

impl SingularBatch {
    /// Decodes the body (without type byte). Bytes behind the list are ignored, as every client
    /// does.
    pub fn decode(body: &Bytes) -> Result<Self, BatchError> {
        decode_singular(body).map_err(BatchError::Singular)
    }

    /// Type byte and body.
    pub fn encode(&self) -> Vec<u8> {
        let transactions_len: usize = self.transactions.iter().map(Encodable::length).sum();
        let payload_length = self.parent_hash.length()
            + rlp::u128_len(self.epoch_num.into())
            + self.epoch_hash.length()
            + rlp::u128_len(self.timestamp.into())
            + rlp::header_len(transactions_len)
            + transactions_len;
        let mut out = Vec::with_capacity(1 + rlp::header_len(payload_length) + payload_length);
        out.push(SINGULAR_BATCH_TYPE);
        rlp::put_list_header(payload_length, &mut out);
        self.parent_hash.encode(&mut out);
        rlp::put_u128(self.epoch_num.into(), &mut out);
        self.epoch_hash.encode(&mut out);
        rlp::put_u128(self.timestamp.into(), &mut out);
        rlp::put_list_header(transactions_len, &mut out);
        for transaction in &self.transactions {
            transaction.encode(&mut out);
        }
        out
    }
}

/// The names of fields are those of the spec.
fn decode_singular(body: &Bytes) -> Result<SingularBatch, &'static str> {
    let mut rest: &[u8] = body;
    let mut fields = rlp::split_list(&mut rest).ok_or("is no list")?.payload;
    let parent_hash = rlp::split_fixed(&mut fields).ok_or("bad parent_hash")?;
    let epoch_num = rlp::split_u64(&mut fields).ok_or("bad epoch_number")?;
    let epoch_hash = rlp::split_fixed(&mut fields).ok_or("bad epoch_hash")?;
    let timestamp = rlp::split_u64(&mut fields).ok_or("bad timestamp")?;
    let mut list = rlp::split_list(&mut fields)
        .ok_or("bad transaction_list")?
        .payload;
    if !fields.is_empty() {
        return Err("has too many fields");
    }
    // Counted first: a list that grows would for a moment take twice its memory, and a hostile one
    // takes 32 bytes for each byte of the channel as it is.
    let mut uncounted = list;
    let mut count = 0usize;
    while !uncounted.is_empty() {
        rlp::split_string(&mut uncounted).ok_or("bad transaction")?;
        count = count.saturating_add(1);
    }
    let mut transactions = Vec::with_capacity(count);
    while let Some(item) = rlp::split_string(&mut list) {
        transactions.push(body.slice_ref(item.payload));
    }
    Ok(SingularBatch {
        parent_hash: B256::from(parent_hash),
        epoch_num,
        epoch_hash: B256::from(epoch_hash),
        timestamp,
        transactions,
    })
}

/// Appends `batch` (type byte and body) to the stream of a channel, as an RLP byte string.
pub fn append_to_stream(batch: &[u8], stream: &mut Vec<u8>) {
    alloy_rlp::Encodable::encode(batch, stream);
}
