//! Channels: a compressed stream of batches.
//!
//! In: the reassembled bytes of a channel. Out: its batches, in order, until the stream ends, is
//! clipped at the limit, or breaks. Memory is bounded by the limit, whatever the input claims.
//!
//! spec: protocol/derivation.md#channel-format, protocol/fjord/derivation.md#brotli-channel-compression

mod brotli;
#[cfg(feature = "compress")]
mod compress;
mod inflate;
mod output;
mod zlib;

use crate::{
    batch::{Batch, BatchError, SpanContext},
    config::RollupConfig,
    rlp,
};
#[cfg(feature = "compress")]
use alloc::vec::Vec;
use alloy_primitives::Bytes;

/// First byte of a brotli channel (Fjord).
pub const CHANNEL_VERSION_BROTLI: u8 = 1;
/// Decompressed bytes of a channel that count, before Fjord.
pub const MAX_RLP_BYTES_PER_CHANNEL: usize = 10_000_000;
/// Decompressed bytes of a channel that count, from Fjord on; from Holocene on also the limit of
/// the compressed size.
pub const MAX_RLP_BYTES_PER_CHANNEL_FJORD: usize = 100_000_000;
/// Bytes of frames the channel bank holds, before Fjord.
pub const MAX_CHANNEL_BANK_SIZE: usize = 100_000_000;
/// Bytes of frames the channel bank holds, from Fjord on.
pub const MAX_CHANNEL_BANK_SIZE_FJORD: usize = 1_000_000_000;

/// How a channel is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Zlib (RFC 1950), no version byte.
    Zlib,
    /// Version byte 1, then brotli (RFC 7932) without dictionary.
    Brotli,
}

/// What ended the decompressed stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// The stream is complete.
    Complete,
    /// The limit was reached; what lies beyond does not count.
    Clipped,
    /// The compressed data ends before the stream does.
    Truncated,
    /// The compressed data is invalid, or bytes follow the end of the stream.
    Corrupt,
}

/// Which compression and how much output count at the L1 block that completes the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelRules {
    /// Whether brotli channels are valid (Fjord).
    pub brotli: bool,
    /// Decompressed bytes that count.
    pub max_rlp_bytes: usize,
}

impl ChannelRules {
    /// The rules at L1 time `l1_time` (of the block whose frame completes the channel).
    pub const fn at(cfg: &RollupConfig, l1_time: u64) -> Self {
        let fjord = cfg.is_active(crate::forks::Fork::Fjord, l1_time);
        Self {
            brotli: fjord,
            max_rlp_bytes: if fjord {
                MAX_RLP_BYTES_PER_CHANNEL_FJORD
            } else {
                MAX_RLP_BYTES_PER_CHANNEL
            },
        }
    }
}

/// Why a channel yields nothing at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// No bytes.
    #[error("channel is empty")]
    Empty,
    /// The first byte names no compression that is valid here.
    #[error("channel has unknown compression, first byte {0:#04x}")]
    UnknownCompression(u8),
    /// The zlib header is invalid.
    #[error("channel has a bad zlib header")]
    ZlibHeader,
}

/// The decompressed bytes of a channel, as far as they count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decompressed {
    /// The stream of RLP byte strings.
    pub data: Bytes,
    /// How the channel was compressed.
    pub compression: Compression,
    /// What ended it.
    pub end: StreamEnd,
}

/// Decompresses a channel, keeping at most `rules.max_rlp_bytes` of output.
///
/// A stream that breaks keeps what it gave before: batches that are whole by then count. The
/// Adler-32 checksum of a zlib stream is not judged, because nothing could depend on it.
pub fn decompress(channel: &[u8], rules: ChannelRules) -> Result<Decompressed, ChannelError> {
    let (&first, rest) = channel.split_first().ok_or(ChannelError::Empty)?;
    let (data, compression, end) = match first & 0x0f {
        8 | 15 => {
            let (data, end) = zlib::decompress(channel, rules.max_rlp_bytes)?;
            (data, Compression::Zlib, end)
        }
        _ if first == CHANNEL_VERSION_BROTLI && rules.brotli => {
            let (data, end) = brotli::decompress(rest, rules.max_rlp_bytes);
            (data, Compression::Brotli, end)
        }
        _ => return Err(ChannelError::UnknownCompression(first)),
    };
    debug_assert!(data.len() <= rules.max_rlp_bytes);
    Ok(Decompressed {
        data: data.into(),
        compression,
        end,
    })
}

/// Iterates over the batches of a channel. The first malformed batch ends it: nothing behind it
/// counts.
#[derive(Clone, Debug)]
pub struct BatchReader {
    data: Bytes,
    offset: usize,
    context: SpanContext,
}

impl BatchReader {
    /// Decompresses `channel` and starts at its first batch.
    pub fn open(
        channel: &[u8],
        rules: ChannelRules,
        context: SpanContext,
    ) -> Result<Self, ChannelError> {
        Ok(Self::new(decompress(channel, rules)?.data, context))
    }

    /// Reads from decompressed bytes.
    pub const fn new(data: Bytes, context: SpanContext) -> Self {
        Self {
            data,
            offset: 0,
            context,
        }
    }

    /// The next batch; `None` at the end. After an error only `None` follows.
    pub fn next_batch(&mut self) -> Option<Result<Batch, BatchError>> {
        let offset = self.offset;
        let mut rest = self.data.get(offset..).filter(|rest| !rest.is_empty())?;
        // Whatever goes wrong from here on ends the channel.
        self.offset = self.data.len();
        let Some(item) = rlp::split_string(&mut rest) else {
            return Some(Err(BatchError::Stream { offset }));
        };
        let end = offset + item.raw.len();
        let batch = Batch::decode(
            &self.data.slice(end - item.payload.len()..end),
            self.context,
        );
        if batch.is_ok() {
            self.offset = end;
        }
        Some(batch)
    }
}

impl Iterator for BatchReader {
    type Item = Result<Batch, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch()
    }
}

/// Compresses a stream of batches into channel data, version byte included where the algorithm
/// has one. `level` is 0-11 for brotli (9-11 are customary) and 0-9 for zlib.
#[cfg(feature = "compress")]
pub fn compress(stream: &[u8], compression: Compression, level: u8) -> Vec<u8> {
    match compression {
        Compression::Zlib => miniz_oxide::deflate::compress_to_vec_zlib(stream, level.min(9)),
        Compression::Brotli => {
            let mut out = alloc::vec![CHANNEL_VERSION_BROTLI];
            compress::brotli(stream, level, &mut out);
            out
        }
    }
}
