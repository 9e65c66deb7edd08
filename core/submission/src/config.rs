//! Settings and limits.

use opal_protocol::{
    Compression,
    blob::MAX_BLOB_DATA_BYTES,
    frame::{FRAME_OVERHEAD_BYTES, MAX_FRAME_DATA_BYTES},
};

/// Most blobs in one transaction (EIP-7594).
pub const MAX_BLOBS_PER_TX: usize = 6;
/// Most blocks held; further ones are taken when older ones are safe.
pub const MAX_BUFFERED_BLOCKS: usize = 20_000;
/// Most bytes of transactions held.
pub const MAX_BUFFERED_BYTES: usize = 128 << 20;
/// Most bytes of one channel before compression, if it holds more than one block.
pub const MAX_CHANNEL_RAW_BYTES: usize = 8 << 20;
/// Channels that may wait to be sent; meanwhile no further one is built.
pub const MAX_UNSENT_CHANNELS: usize = 4;
/// Least calldata in one transaction: with it a channel of 65,535 frames, the most the protocol
/// numbers, holds more than any block.
const MIN_CALLDATA_BYTES: usize = 1000;
/// Most calldata in one transaction: one frame of the largest size.
const MAX_CALLDATA_BYTES: usize = VERSION_BYTES + FRAME_OVERHEAD_BYTES + MAX_FRAME_DATA_BYTES;
/// The version byte in front of the frames of a transaction or blob.
const VERSION_BYTES: usize = 1;

/// How blocks are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BatchForm {
    /// One batch per block.
    Singular,
    /// One batch per run of blocks (Delta).
    #[default]
    Span,
}

/// What carries frames on L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataForm {
    /// Blobs, one frame in each.
    Blobs {
        /// Blobs per transaction, up to [`MAX_BLOBS_PER_TX`].
        max_per_tx: usize,
    },
    /// Calldata, one frame per transaction.
    Calldata {
        /// Most bytes of calldata in one transaction.
        max_bytes: usize,
    },
}

/// Settings of a [`Submission`](crate::Submission).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubmissionConfig {
    /// How blocks are written. Chains before Delta get singular batches whatever this says.
    pub batch: BatchForm,
    /// How channels are compressed. Chains before Fjord get zlib whatever this says.
    pub compression: Compression,
    /// Compression level: up to 11 for brotli, up to 9 for zlib.
    pub compression_level: u8,
    /// What carries the frames. Chains before Ecotone get calldata whatever this says.
    pub data: DataForm,
    /// Frames that a channel aims to fill.
    pub target_num_frames: usize,
    /// L1 blocks after which a channel is closed although it is not full; 0 never.
    pub max_channel_duration: u64,
    /// L1 blocks by which a channel is closed ahead of the end of the sequencing window.
    pub sub_safety_margin: u64,
    /// Most blocks in one span batch; 0 is no limit.
    pub max_blocks_per_span_batch: u64,
    /// At the start, wait until the rollup node has read L1 up to so many blocks below its head:
    /// what the run before has posted is then known to be safe, and not posted again.
    pub wait_node_sync: Option<u64>,
}

impl Default for SubmissionConfig {
    /// op-batcher's defaults with blobs, span batches and brotli chosen.
    fn default() -> Self {
        Self {
            batch: BatchForm::Span,
            compression: Compression::Brotli,
            compression_level: 10,
            data: DataForm::Blobs {
                max_per_tx: MAX_BLOBS_PER_TX,
            },
            target_num_frames: 1,
            max_channel_duration: 0,
            sub_safety_margin: 10,
            max_blocks_per_span_batch: 0,
            wait_node_sync: None,
        }
    }
}

/// A setting out of range, by its flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting} {problem}")]
pub struct ConfigError {
    /// The flag.
    pub setting: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl SubmissionConfig {
    /// Checks that every setting is in range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let fail = |setting, problem| Err(ConfigError { setting, problem });
        match self.data {
            DataForm::Blobs { max_per_tx } if !(1..=MAX_BLOBS_PER_TX).contains(&max_per_tx) => {
                return fail("blobs per transaction", "must be between 1 and 6");
            }
            DataForm::Calldata { max_bytes }
                if !(MIN_CALLDATA_BYTES..=MAX_CALLDATA_BYTES).contains(&max_bytes) =>
            {
                return fail("max-l1-tx-size-bytes", "must be between 1000 and 1000024");
            }
            _ => {}
        }
        if self.target_num_frames == 0 || self.target_num_frames > usize::from(u16::MAX) {
            return fail("target-num-frames", "must be between 1 and 65535");
        }
        let level_max = match self.compression {
            Compression::Zlib => 9,
            Compression::Brotli => 11,
        };
        if self.compression_level > level_max {
            return fail(
                "compression level",
                "must be at most 9 for zlib, 11 for brotli",
            );
        }
        Ok(())
    }

    /// Compressed bytes that a channel aims at whose frames are carried by `data`.
    pub(crate) const fn target_bytes(&self, data: DataForm) -> usize {
        data.frame_data_bytes()
            .saturating_mul(self.target_num_frames)
    }
}

impl DataForm {
    /// What carries frames on chains that know no blobs: transactions as op-batcher sends them,
    /// below the size limit of L1 nodes' pools.
    pub(crate) const BEFORE_BLOBS: Self = Self::Calldata { max_bytes: 120_000 };

    /// Data bytes in one frame.
    pub(crate) const fn frame_data_bytes(self) -> usize {
        let carrier = match self {
            Self::Blobs { .. } => MAX_BLOB_DATA_BYTES,
            Self::Calldata { max_bytes } => max_bytes,
        };
        carrier.saturating_sub(VERSION_BYTES + FRAME_OVERHEAD_BYTES)
    }

    /// Frames in one transaction.
    pub(crate) const fn frames_per_tx(self) -> usize {
        match self {
            Self::Blobs { max_per_tx } => max_per_tx,
            Self::Calldata { .. } => 1,
        }
    }
}
