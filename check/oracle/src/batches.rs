//! Batches: what a decompressed channel holds.
//!
//! spec: protocol/derivation.md#channel-reader-batch-decoding, protocol/derivation.md#batch-format

use crate::{
    decompress::decompress,
    params::{is_active, max_rlp_bytes_per_channel},
    span::{SpanBatch, decode_span_batch},
};
use alloy_primitives::{B256, Bytes};
use alloy_rlp::{Decodable, Header, RlpDecodable, RlpEncodable};
use opal_protocol::{Fork, RollupConfig};
use std::collections::VecDeque;

/// A batch of either kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Batch {
    /// Version 0.
    Singular(SingularBatch),
    /// Version 1.
    Span(SpanBatch),
}

/// The content of one L2 block. The order of the fields is that of the encoding.
#[derive(Clone, Debug, Default, PartialEq, Eq, RlpDecodable, RlpEncodable)]
pub struct SingularBatch {
    /// Hash of the L2 block before.
    pub parent_hash: B256,
    /// Height of the L1 origin.
    pub epoch_num: u64,
    /// Hash of the L1 origin.
    pub epoch_hash: B256,
    /// Unix time of the block in seconds.
    pub timestamp: u64,
    /// The sequenced transactions.
    pub transactions: Vec<Bytes>,
}

/// All batches of a channel that is read in an L1 block of time `l1_time`. The first that does not
/// decode ends the channel (docs/decisions/broken-channels.md).
pub fn read_channel(cfg: &RollupConfig, channel: &[u8], l1_time: u64) -> VecDeque<Batch> {
    let limit = max_rlp_bytes_per_channel(cfg, l1_time);
    let content = decompress(channel, limit, is_active(cfg, Fork::Fjord, l1_time));
    let mut batches = VecDeque::new();
    let mut rest = content.as_slice();
    while let Ok(encoded) = Header::decode_bytes(&mut rest, false)
        && let Some(batch) = decode_batch(cfg, encoded)
    {
        // Span batches of an L1 block before Delta are passed over; whether they may be used at
        // all depends on their L1 origin and is checked later.
        if matches!(batch, Batch::Singular(_)) || is_active(cfg, Fork::Delta, l1_time) {
            batches.push_back(batch);
        }
    }
    batches
}

/// spec: protocol/derivation.md#batch-format. Bytes behind the content are ignored.
pub fn decode_batch(cfg: &RollupConfig, encoded: &[u8]) -> Option<Batch> {
    match encoded {
        [0, content @ ..] => SingularBatch::decode(&mut &*content)
            .ok()
            .map(Batch::Singular),
        [1, content @ ..] => decode_span_batch(cfg, content).map(Batch::Span),
        _ => None,
    }
}
