//! What a channel holds.

use super::table::Table;
use alloy_primitives::{B256, Bytes, FixedBytes, keccak256};
use eyre::Result;
use opal_protocol::{
    Batch, BatchReader, ChannelRules, Compression, RollupConfig, SpanContext,
    channel::{MAX_RLP_BYTES_PER_CHANNEL_FJORD, StreamEnd, decompress},
};
use serde::Serialize;
use std::fmt;

/// Rules since Fjord: what they allow covers what older ones do.
const RULES: ChannelRules = ChannelRules {
    brotli: true,
    max_rlp_bytes: MAX_RLP_BYTES_PER_CHANNEL_FJORD,
};

/// A channel, decoded.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    compression: &'static str,
    compressed_bytes: usize,
    decompressed_bytes: usize,
    /// `complete`, or how the stream broke.
    stream_end: &'static str,
    batch_count: usize,
    block_count: usize,
    transaction_count: usize,
    batches: Vec<BatchReport>,
    /// Why the batches end here, if not because the stream does.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchReport {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    identity: Identity,
    block_count: usize,
    transaction_count: usize,
    blocks: Vec<Block>,
}

/// What ties a batch to its place in both chains.
#[derive(Debug, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Identity {
    Singular {
        parent_hash: B256,
        epoch_hash: B256,
    },
    Span {
        parent_check: FixedBytes<20>,
        l1_origin_check: FixedBytes<20>,
    },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Block {
    /// Height on L2, if the time is one of a block.
    number: Option<u64>,
    timestamp: u64,
    epoch_num: u64,
    transactions: Vec<Tx>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Tx {
    hash: B256,
    /// EIP-2718 type.
    #[serde(rename = "type")]
    tx_type: u8,
    bytes: usize,
}

impl Report {
    /// Decodes a channel as far as it goes.
    pub(super) fn of(channel: &[u8], cfg: &RollupConfig) -> Result<Self> {
        let decompressed = decompress(channel, RULES)?;
        let mut report = Self {
            compression: match decompressed.compression {
                Compression::Zlib => "zlib",
                Compression::Brotli => "brotli",
            },
            compressed_bytes: channel.len(),
            decompressed_bytes: decompressed.data.len(),
            stream_end: match decompressed.end {
                StreamEnd::Complete => "complete",
                StreamEnd::Clipped => "clipped",
                StreamEnd::Truncated => "truncated",
                StreamEnd::Corrupt => "corrupt",
            },
            batch_count: 0,
            block_count: 0,
            transaction_count: 0,
            batches: Vec::new(),
            error: None,
        };
        for batch in BatchReader::new(decompressed.data, SpanContext::from(cfg)) {
            match batch {
                Ok(batch) => report.push(BatchReport::of(batch, cfg)),
                Err(error) => report.error = Some(error.to_string()),
            }
        }
        Ok(report)
    }

    fn push(&mut self, batch: BatchReport) {
        self.batch_count += 1;
        self.block_count += batch.block_count;
        self.transaction_count += batch.transaction_count;
        self.batches.push(batch);
    }
}

impl BatchReport {
    fn of(batch: Batch, cfg: &RollupConfig) -> Self {
        match batch {
            Batch::Singular(batch) => {
                let identity = Identity::Singular {
                    parent_hash: batch.parent_hash,
                    epoch_hash: batch.epoch_hash,
                };
                let block = Block::of(batch.timestamp, batch.epoch_num, &batch.transactions, cfg);
                Self::new("singular", identity, vec![block])
            }
            Batch::Span(batch) => {
                let identity = Identity::Span {
                    parent_check: batch.parent_check,
                    l1_origin_check: batch.l1_origin_check,
                };
                let blocks = batch.blocks.iter().map(|block| {
                    Block::of(block.timestamp, block.epoch_num, &block.transactions, cfg)
                });
                Self::new("span", identity, blocks.collect())
            }
        }
    }

    fn new(kind: &'static str, identity: Identity, blocks: Vec<Block>) -> Self {
        Self {
            kind,
            identity,
            block_count: blocks.len(),
            transaction_count: blocks.iter().map(|block| block.transactions.len()).sum(),
            blocks,
        }
    }
}

impl Block {
    fn of(timestamp: u64, epoch_num: u64, transactions: &[Bytes], cfg: &RollupConfig) -> Self {
        let transactions = transactions.iter().map(|tx| Tx {
            hash: keccak256(tx),
            tx_type: tx.first().copied().filter(|byte| *byte < 0x80).unwrap_or(0),
            bytes: tx.len(),
        });
        Self {
            number: cfg.l2_number_at(timestamp),
            timestamp,
            epoch_num,
            transactions: transactions.collect(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Channel: {}, {} bytes compressed, {} decompressed, stream {}",
            self.compression, self.compressed_bytes, self.decompressed_bytes, self.stream_end
        )?;
        writeln!(
            f,
            "{}, {}, {}",
            counted(self.batch_count, "batch", "batches"),
            counted(self.block_count, "block", "blocks"),
            counted(self.transaction_count, "transaction", "transactions")
        )?;
        for (index, batch) in self.batches.iter().enumerate() {
            writeln!(f, "\nBatch {index}: {batch}")?;
        }
        if let Some(error) = &self.error {
            writeln!(f, "\nWhat follows is no batch and does not count: {error}")?;
        }
        Ok(())
    }
}

impl fmt::Display for BatchReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}, {}, {}",
            self.kind,
            counted(self.block_count, "block", "blocks"),
            counted(self.transaction_count, "transaction", "transactions")
        )?;
        match &self.identity {
            Identity::Singular {
                parent_hash,
                epoch_hash,
            } => {
                writeln!(f, "  parent {parent_hash}, L1 origin {epoch_hash}")?;
            }
            Identity::Span {
                parent_check,
                l1_origin_check,
            } => {
                writeln!(
                    f,
                    "  parent {parent_check}…, last L1 origin {l1_origin_check}…"
                )?;
            }
        }
        let mut table = Table::new(&["block", "time", "L1 origin", "txs", "bytes", "types"]);
        for block in &self.blocks {
            let number = block
                .number
                .map_or_else(|| "?".to_owned(), |number| number.to_string());
            let bytes: usize = block.transactions.iter().map(|tx| tx.bytes).sum();
            table.row([
                &number,
                &block.timestamp,
                &block.epoch_num,
                &block.transactions.len(),
                &bytes,
                &types(&block.transactions),
            ]);
        }
        write!(f, "{table}")
    }
}

/// How many transactions there are of each type, as `2×type 0, 5×type 2`.
fn types(transactions: &[Tx]) -> String {
    let mut counts = std::collections::BTreeMap::<u8, usize>::new();
    for tx in transactions {
        *counts.entry(tx.tx_type).or_default() += 1;
    }
    let parts: Vec<_> = counts
        .iter()
        .map(|(tx_type, count)| format!("{count}×type {tx_type}"))
        .collect();
    parts.join(", ")
}

/// A number with its noun.
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
