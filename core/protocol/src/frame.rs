//! Frames: the pieces of channels as they lie in batcher transactions and blobs.
//!
//! spec: protocol/derivation.md#frame-format

use alloc::vec::Vec;
use alloy_primitives::{Bytes, FixedBytes};

/// Names a channel; chosen by the batcher, unique among the channels in flight.
pub type ChannelId = FixedBytes<16>;

/// First byte of batcher data that holds frames.
pub const DERIVATION_VERSION_0: u8 = 0;
/// Bytes of a frame besides its data.
pub const FRAME_OVERHEAD_BYTES: usize = 23;
/// Most data bytes in one frame. spec: protocol/derivation.md#frame-format
pub const MAX_FRAME_DATA_BYTES: usize = 1_000_000;

/// A piece of a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The channel it belongs to.
    pub id: ChannelId,
    /// Position in the channel, from 0.
    pub number: u16,
    /// The piece of compressed channel data.
    pub data: Bytes,
    /// Whether it closes the channel.
    pub is_last: bool,
}

/// Why batcher data holds no frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The transaction or blob carries nothing.
    #[error("batcher data is empty")]
    Empty,
    /// The first byte is not 0.
    #[error("batcher data has unknown version {0}")]
    Version(u8),
    /// Bytes end inside a frame.
    #[error("frame at byte {offset} is cut short")]
    Truncated {
        /// Where the frame begins in the batcher data.
        offset: usize,
    },
    /// The length field exceeds [`MAX_FRAME_DATA_BYTES`].
    #[error("frame at byte {offset} claims {length} bytes, more than {MAX_FRAME_DATA_BYTES}")]
    TooLong {
        /// Where the frame begins in the batcher data.
        offset: usize,
        /// The claimed length in bytes.
        length: u32,
    },
    /// The last byte is neither 0 nor 1.
    #[error("frame at byte {offset} has {value} for is_last, must be 0 or 1")]
    IsLast {
        /// Where the frame begins in the batcher data.
        offset: usize,
        /// The byte found.
        value: u8,
    },
}

impl Frame {
    /// Bytes of the encoded frame.
    pub fn encoded_len(&self) -> usize {
        FRAME_OVERHEAD_BYTES + self.data.len()
    }

    /// Appends the encoded frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        debug_assert!(self.data.len() <= MAX_FRAME_DATA_BYTES);
        out.reserve(self.encoded_len());
        out.extend_from_slice(self.id.as_slice());
        out.extend_from_slice(&self.number.to_be_bytes());
        out.extend_from_slice(&(self.data.len() as u32).to_be_bytes());
        out.extend_from_slice(&self.data);
        out.push(u8::from(self.is_last));
    }
}

/// All frames of one batcher transaction's calldata, or of one blob's data. One bad frame voids
/// them all. Frame data shares the memory of `data`.
pub fn parse_frames(data: &Bytes) -> Result<Vec<Frame>, FrameError> {
    match data.first() {
        None => return Err(FrameError::Empty),
        Some(&DERIVATION_VERSION_0) => {}
        Some(&version) => return Err(FrameError::Version(version)),
    }
    if data.len() == 1 {
        return Err(FrameError::Empty);
    }
    let mut frames = Vec::new();
    let mut offset = 1;
    while offset < data.len() {
        let frame = parse_frame(data, offset)?;
        offset += frame.encoded_len();
        frames.push(frame);
    }
    Ok(frames)
}

/// Batcher data that carries `frames`: the version byte, then the frames.
pub fn encode_frames(frames: &[Frame]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + frames.iter().map(Frame::encoded_len).sum::<usize>());
    out.push(DERIVATION_VERSION_0);
    for frame in frames {
        frame.encode(&mut out);
    }
    out
}

fn parse_frame(data: &Bytes, offset: usize) -> Result<Frame, FrameError> {
    let truncated = FrameError::Truncated { offset };
    let rest = data.get(offset..).ok_or(truncated)?;
    let (id, rest) = rest.split_first_chunk::<16>().ok_or(truncated)?;
    let (number, rest) = rest.split_first_chunk::<2>().ok_or(truncated)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or(truncated)?;
    let length_bytes = u32::from_be_bytes(*length);
    let length = length_bytes as usize;
    if length > MAX_FRAME_DATA_BYTES {
        return Err(FrameError::TooLong {
            offset,
            length: length_bytes,
        });
    }
    let is_last = match rest.get(length) {
        None => return Err(truncated),
        Some(0) => false,
        Some(1) => true,
        Some(&value) => return Err(FrameError::IsLast { offset, value }),
    };
    let start = offset + FRAME_OVERHEAD_BYTES - 1;
    Ok(Frame {
        id: ChannelId::from(*id),
        number: u16::from_be_bytes(*number),
        data: data.slice(start..start + length),
        is_last,
    })
}
