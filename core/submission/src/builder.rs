//! The channel that is being filled.
//!
//! Adding a block costs no more than the block: span batches grow by column, and the compressed
//! size is predicted from the bytes before compression and the ratio that earlier compressions
//! gave. The whole is compressed only when the prediction reaches the target, a bounded number of
//! times per channel.

use crate::{
    block::Block,
    config::{BatchForm, DataForm, MAX_CHANNEL_RAW_BYTES, SubmissionConfig},
};
use alloc::vec::Vec;
use opal_protocol::{
    Compression, SpanContext,
    batch::{SpanBatchBuilder, append_to_stream},
    channel::compress,
};

/// Compressions of one channel before it is closed as it is.
const MAX_COMPRESSIONS: u32 = 8;
/// Highest compression level for measuring. Brotli's levels above take some twenty times as long
/// for one or two per cent: worth it once per channel, not every time its size is looked at.
const MEASURE_LEVEL_MAX: u8 = 9;
/// A channel this full, in per mille of the target, is full.
const FULL_PER_MILLE: u64 = 930;
/// Ratios are fixed-point numbers with this as 1.
const RATIO_ONE: u64 = 1 << 16;
/// Bytes of the RLP header in front of a batch in the stream, at most.
const RLP_HEADER_BYTES: usize = 5;

/// What the chain's rules at the time allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) batch: BatchForm,
    pub(crate) compression: Compression,
    pub(crate) data: DataForm,
}

/// What became of a block that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It is in the channel.
    Yes,
    /// The channel must be closed first.
    CloseFirst,
}

/// A channel being filled with consecutive blocks.
#[derive(Clone, Debug)]
pub(crate) struct OpenChannel {
    pub(crate) form: Form,
    /// Number of the first block.
    pub(crate) first: u64,
    /// Blocks in the channel.
    pub(crate) count: usize,
    /// L1 block at which it must be closed, full or not.
    pub(crate) close_at_l1: Option<u64>,
    /// Finished batches.
    stream: Vec<u8>,
    span: SpanBatchBuilder,
    context: SpanContext,
    compressions: u32,
    /// The last compression: blocks, bytes before, bytes after.
    measured: Option<(usize, usize, usize)>,
}

impl OpenChannel {
    pub(crate) fn new(
        form: Form,
        first: u64,
        close_at_l1: Option<u64>,
        context: SpanContext,
    ) -> Self {
        Self {
            form,
            first,
            count: 0,
            close_at_l1,
            stream: Vec::new(),
            span: SpanBatchBuilder::new(context),
            context,
            compressions: 0,
            measured: None,
        }
    }

    /// Number of the last block.
    pub(crate) fn last(&self) -> u64 {
        self.first
            .saturating_add((self.count as u64).saturating_sub(1))
    }

    /// Bytes before compression.
    pub(crate) fn raw_bytes(&self) -> usize {
        let span = match self.span.block_count() {
            0 => 0,
            _ => self.span.encoded_len().saturating_add(RLP_HEADER_BYTES),
        };
        self.stream.len().saturating_add(span)
    }

    /// Adds the next block.
    pub(crate) fn push(&mut self, block: &Block, config: &SubmissionConfig) -> Added {
        if self.count > 0 && self.raw_bytes().saturating_add(block.bytes()) > MAX_CHANNEL_RAW_BYTES
        {
            return Added::CloseFirst;
        }
        let batch = block.to_batch();
        match self.form.batch {
            BatchForm::Singular => append_to_stream(&batch.encode(), &mut self.stream),
            BatchForm::Span => {
                let max = config.max_blocks_per_span_batch;
                if max > 0 && self.span.block_count() >= max {
                    self.finish_span();
                }
                if self.span.push(&batch, block.l2().seq_num).is_err() {
                    if self.count > 0 {
                        return Added::CloseFirst;
                    }
                    // A transaction that only singular batches can carry.
                    self.form.batch = BatchForm::Singular;
                    append_to_stream(&batch.encode(), &mut self.stream);
                }
            }
        }
        self.count += 1;
        Added::Yes
    }

    /// Whether the channel seems to have reached `target` compressed bytes, so that it is worth
    /// compressing.
    pub(crate) fn seems_full(&self, target: usize, ratio: Ratio) -> bool {
        let raw = self.raw_bytes();
        let predicted = match self.measured {
            Some((_, measured_raw, measured_compressed)) => ratio
                .predict(raw.saturating_sub(measured_raw))
                .saturating_add(measured_compressed),
            None => ratio.predict(raw),
        };
        predicted >= target || raw >= MAX_CHANNEL_RAW_BYTES
    }

    /// Compresses what is there and tells whether it fills the target. With `is_last` it is to be
    /// closed now unless it is too much.
    pub(crate) fn measure(
        &mut self,
        target: usize,
        is_last: bool,
        config: &SubmissionConfig,
    ) -> Measured {
        let raw = self.raw_bytes();
        let level = config.compression_level.min(MEASURE_LEVEL_MAX);
        let data = self.compress(level);
        self.compressions += 1;
        let fits_before = self
            .measured
            .filter(|(_, _, compressed)| *compressed <= target);
        let is_final =
            is_last || self.compressions >= MAX_COMPRESSIONS || raw >= MAX_CHANNEL_RAW_BYTES;
        let is_full = data.len() as u64 * 1000 >= target as u64 * FULL_PER_MILLE;
        let verdict =
            if data.len() > target && self.count > 1 && self.compressions < MAX_COMPRESSIONS {
                // Between the blocks that fit and those that do not, where the target should lie.
                let (fit_count, fit_bytes) =
                    fits_before.map_or((0, 0), |(count, _, bytes)| (count, bytes));
                let room = (target - fit_bytes) as u64;
                let used = (data.len() - fit_bytes) as u64;
                let blocks = (self.count - fit_count) as u64 * room * 98 / (used * 100).max(1);
                let keep = fit_count + usize::try_from(blocks).unwrap_or(usize::MAX);
                Verdict::TooMuch {
                    keep: keep.clamp(1, self.count - 1),
                }
            } else if is_full || is_final {
                Verdict::Full
            } else {
                Verdict::Room
            };
        if verdict == Verdict::Room {
            self.measured = Some((self.count, raw, data.len()));
        }
        Measured {
            ratio: Ratio::of(raw, data.len()),
            data,
            verdict,
        }
    }

    /// The same channel with the first `keep` of its blocks only, which lie in `blocks`.
    pub(crate) fn shrunk<'a>(
        &self,
        keep: usize,
        blocks: impl Iterator<Item = &'a Block>,
        config: &SubmissionConfig,
    ) -> Self {
        let mut shrunk = Self::new(self.form, self.first, self.close_at_l1, self.context);
        for block in blocks.take(keep) {
            if shrunk.push(block, config) == Added::CloseFirst {
                break;
            }
        }
        shrunk.compressions = self.compressions;
        shrunk.measured = self.measured.filter(|(count, ..)| *count <= shrunk.count);
        shrunk
    }

    /// The channel's data, compressed as well as the settings ask for; `measured` is what the last
    /// measurement gave, if it is of the same blocks.
    pub(crate) fn into_data(
        mut self,
        measured: Option<Vec<u8>>,
        config: &SubmissionConfig,
    ) -> Vec<u8> {
        let level = config.compression_level;
        match measured {
            Some(data) if level <= MEASURE_LEVEL_MAX => data,
            Some(data) => {
                let better = self.compress(level);
                if better.len() < data.len() {
                    better
                } else {
                    data
                }
            }
            None => self.compress(level),
        }
    }

    fn compress(&mut self, level: u8) -> Vec<u8> {
        let kept = self.stream.len();
        if let Some(span) = self.span.encode() {
            append_to_stream(&span, &mut self.stream);
        }
        let level = match self.form.compression {
            Compression::Zlib => level.min(9),
            Compression::Brotli => level,
        };
        let data = compress(&self.stream, self.form.compression, level);
        self.stream.truncate(kept);
        data
    }

    fn finish_span(&mut self) {
        if let Some(span) = self.span.encode() {
            append_to_stream(&span, &mut self.stream);
        }
        self.span = SpanBatchBuilder::new(self.context);
    }
}

/// A compression of an open channel.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) data: Vec<u8>,
    pub(crate) ratio: Ratio,
    pub(crate) verdict: Verdict,
}

/// What a compression says about the fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// More blocks fit.
    Room,
    /// Close it.
    Full,
    /// Take blocks out, keep so many.
    TooMuch { keep: usize },
}

/// Compressed bytes per byte, as a fixed-point number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ratio(u64);

impl Ratio {
    /// What is assumed while nothing is known: nothing can be compressed.
    pub(crate) const WORST: Self = Self(RATIO_ONE);

    fn of(raw: usize, compressed: usize) -> Self {
        let ratio = (compressed as u64).saturating_mul(RATIO_ONE) / (raw as u64).max(1);
        Self(ratio.clamp(RATIO_ONE / 64, RATIO_ONE))
    }

    fn predict(self, raw: usize) -> usize {
        let bytes = (raw as u64).saturating_mul(self.0) / RATIO_ONE;
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// Takes a newer ratio into account.
    pub(crate) const fn learn(self, newer: Self) -> Self {
        if self.0 == Self::WORST.0 {
            newer
        } else {
            Self(self.0.midpoint(newer.0))
        }
    }
}
