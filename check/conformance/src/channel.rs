//! Channels: every batch must decode, and encode to the same bytes again; the stream must survive
//! both compressions.

use crate::input::read_bytes;
use alloy_primitives::Bytes;
use eyre::{Result, ensure};
use opal_protocol::{
    Batch, BatchReader, ChannelRules, Compression, SpanContext,
    batch::append_to_stream,
    channel::{MAX_RLP_BYTES_PER_CHANNEL_FJORD, StreamEnd, compress, decompress},
};
use std::{fmt, path::Path};

/// OP Mainnet. The bytes of a batch leave out what the chain knows; a round trip succeeds with any
/// chain, the transactions in between are valid with the right one alone.
pub const OP_MAINNET: SpanContext = SpanContext {
    chain_id: 10,
    genesis_time: 1_686_068_903,
    block_time: 2,
};
/// Rules since Fjord.
const RULES: ChannelRules = ChannelRules {
    brotli: true,
    max_rlp_bytes: MAX_RLP_BYTES_PER_CHANNEL_FJORD,
};

/// What a channel holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Batches of one block.
    pub singular_batches: usize,
    /// Batches of several blocks.
    pub span_batches: usize,
    /// Blocks in all batches.
    pub blocks: usize,
    /// Transactions in all blocks, encoded.
    pub transactions: Vec<Bytes>,
    /// L1 origin of the last block.
    pub last_epoch_num: u64,
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            singular_batches,
            span_batches,
            blocks,
            transactions,
            last_epoch_num,
        } = self;
        write!(
            f,
            "{singular_batches} singular and {span_batches} span batches, {blocks} blocks, \
             {} transactions, last L1 origin {last_epoch_num}",
            transactions.len()
        )
    }
}

/// Runs one file.
pub fn run(path: &Path) -> Result<Contents> {
    let channel = read_bytes(path)?;
    let decompressed = decompress(&channel, RULES)?;
    ensure!(
        decompressed.end == StreamEnd::Complete,
        "the compressed stream does not end well: {:?}",
        decompressed.end
    );
    let mut contents = Contents::default();
    let mut stream = Vec::with_capacity(decompressed.data.len());
    for batch in BatchReader::new(decompressed.data.clone(), OP_MAINNET) {
        let batch = batch?;
        let encoded = match &batch {
            Batch::Singular(batch) => batch.encode(),
            Batch::Span(batch) => batch.encode(OP_MAINNET)?,
        };
        append_to_stream(&encoded, &mut stream);
        count(batch, &mut contents);
    }
    ensure!(
        stream == decompressed.data,
        "the batches encode to other bytes"
    );
    for compression in [Compression::Zlib, Compression::Brotli] {
        let again = decompress(&compress(&stream, compression, 6), RULES)?;
        ensure!(
            again.data == decompressed.data && again.end == StreamEnd::Complete,
            "{compression:?} does not give back what it compressed"
        );
    }
    Ok(contents)
}

fn count(batch: Batch, contents: &mut Contents) {
    match batch {
        Batch::Singular(batch) => {
            contents.singular_batches += 1;
            contents.blocks += 1;
            contents.last_epoch_num = batch.epoch_num;
            contents.transactions.extend(batch.transactions);
        }
        Batch::Span(batch) => {
            contents.span_batches += 1;
            contents.blocks += batch.blocks.len();
            contents.last_epoch_num = batch.end_epoch_num();
            let blocks = batch.blocks.into_iter();
            contents
                .transactions
                .extend(blocks.flat_map(|block| block.transactions));
        }
    }
}
