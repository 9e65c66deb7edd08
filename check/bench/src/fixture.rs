//! The real channel that every workload is made of, and what it decodes to.

use alloy_primitives::Bytes;
use opal_protocol::{
    Batch, BatchReader, ChannelRules, SpanBatch, SpanContext,
    channel::{MAX_RLP_BYTES_PER_CHANNEL_FJORD, decompress},
};
use std::path::PathBuf;

/// Where the fixtures lie, unless `OPAL_FIXTURES` says so.
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures");
/// The channel inside of that folder.
const CHANNEL: &str = "derivation/op-mainnet-channel.hex";

/// What OP Mainnet's span batches leave out.
pub const CONTEXT: SpanContext = SpanContext {
    chain_id: 10,
    genesis_time: 1_686_789_347,
    block_time: 2,
};
/// Fjord's rules for channels.
pub const RULES: ChannelRules = ChannelRules {
    brotli: true,
    max_rlp_bytes: MAX_RLP_BYTES_PER_CHANNEL_FJORD,
};

/// A channel of OP Mainnet, June 2024.
pub struct Channel {
    /// As it lay on L1: zlib.
    pub zlib: Vec<u8>,
    /// Decompressed: a stream of one batch.
    pub plain: Bytes,
    /// The batch: 143 blocks, 1,766 transactions.
    pub span: SpanBatch,
}

impl Channel {
    /// Reads the fixture.
    pub fn load() -> Self {
        let root = std::env::var_os("OPAL_FIXTURES").map_or_else(|| FIXTURES.into(), PathBuf::from);
        let path = root.join(CHANNEL);
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|e| panic!("cannot read {}: {e}; set OPAL_FIXTURES", path.display()));
        let zlib = hex::decode(text.trim()).expect("the fixture is hex");
        let plain = decompress(&zlib, RULES)
            .expect("the fixture is a channel")
            .data;
        let mut batches = BatchReader::new(plain.clone(), CONTEXT);
        let Some(Ok(Batch::Span(span))) = batches.next_batch() else {
            panic!("the fixture holds a span batch");
        };
        Self { zlib, plain, span }
    }

    /// The transactions of the real block that stands in for block `index`.
    pub fn transactions(&self, index: usize) -> &[Bytes] {
        &self.span.blocks[index % self.span.blocks.len()].transactions
    }
}
