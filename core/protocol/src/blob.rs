//! Blob codec: batcher data in the 4096 field elements of a blob.
//!
//! spec: protocol/ecotone/derivation.md#blob-encoding

use alloc::{boxed::Box, vec};
use alloy_eips::eip4844::Blob;
use alloy_primitives::Bytes;

/// Most data bytes that one blob carries.
pub const MAX_BLOB_DATA_BYTES: usize = 130_044;
/// Version byte of the only encoding.
pub const BLOB_ENCODING_VERSION_0: u8 = 0;

/// Why a blob carries no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// The version byte is not 0.
    #[error("blob has unknown encoding version {0}")]
    Version(u8),
    /// The length field exceeds [`MAX_BLOB_DATA_BYTES`].
    #[error("blob claims {0} bytes, more than {MAX_BLOB_DATA_BYTES}")]
    Length(u32),
    /// One of the two highest bits of a field element is set.
    #[error("field element {0} of the blob has a high bit set")]
    HighBits(usize),
    /// A byte behind the claimed length is not zero.
    #[error("blob has data behind its end")]
    Tail,
    /// Data to encode does not fit.
    #[error("{0} bytes do not fit into a blob, at most {MAX_BLOB_DATA_BYTES} do")]
    TooMuchData(usize),
}

/// Field elements of a blob.
const ELEMENTS: usize = 4096;
/// Bytes of a field element; the first holds 6 bits of data, the others 8.
const ELEMENT_BYTES: usize = 32;
/// Field elements that are packed together: their first bytes share three bytes of data.
const ELEMENTS_PER_ROUND: usize = 4;
/// Bytes of data in a round.
const ROUND_BYTES: usize = 127;
/// Bytes of data in a blob, version and length included.
const CAPACITY_BYTES: usize = ELEMENTS / ELEMENTS_PER_ROUND * ROUND_BYTES;
/// Version and length.
const HEADER_BYTES: usize = 4;

/// The data that `blob` carries.
pub fn decode(blob: &Blob) -> Result<Bytes, BlobError> {
    let mut data = vec![0; CAPACITY_BYTES];
    let rounds = blob.chunks_exact(ELEMENTS_PER_ROUND * ELEMENT_BYTES);
    for (index, (round, out)) in rounds.zip(data.chunks_exact_mut(ROUND_BYTES)).enumerate() {
        decode_round(round, out)
            .map_err(|element| BlobError::HighBits(index * ELEMENTS_PER_ROUND + element))?;
    }
    let [version, length @ ..] = *data
        .first_chunk::<HEADER_BYTES>()
        .unwrap_or(&[0; HEADER_BYTES]);
    if version != BLOB_ENCODING_VERSION_0 {
        return Err(BlobError::Version(version));
    }
    let length = u32::from_be_bytes([0, length[0], length[1], length[2]]);
    let end = HEADER_BYTES + length as usize;
    let tail = data.get(end..).ok_or(BlobError::Length(length))?;
    if tail.iter().any(|byte| *byte != 0) {
        return Err(BlobError::Tail);
    }
    data.truncate(end);
    Ok(Bytes::from(data).slice(HEADER_BYTES..))
}

/// A blob that carries `data`.
pub fn encode(data: &[u8]) -> Result<Box<Blob>, BlobError> {
    if data.len() > MAX_BLOB_DATA_BYTES {
        return Err(BlobError::TooMuchData(data.len()));
    }
    let mut padded = vec![0; CAPACITY_BYTES];
    let length = (data.len() as u32).to_be_bytes();
    padded[0] = BLOB_ENCODING_VERSION_0;
    padded[1..HEADER_BYTES].copy_from_slice(&length[1..]);
    padded[HEADER_BYTES..HEADER_BYTES + data.len()].copy_from_slice(data);
    let mut blob = Box::new(Blob::ZERO);
    let rounds = blob.chunks_exact_mut(ELEMENTS_PER_ROUND * ELEMENT_BYTES);
    for (round, data) in rounds.zip(padded.chunks_exact(ROUND_BYTES)) {
        encode_round(data, round);
    }
    Ok(blob)
}

/// Unpacks four field elements into 127 bytes. On failure: which element has a high bit set.
fn decode_round(round: &[u8], out: &mut [u8]) -> Result<(), usize> {
    let mut heads = [0u8; ELEMENTS_PER_ROUND];
    for (index, element) in round.chunks_exact(ELEMENT_BYTES).enumerate() {
        heads[index] = element[0];
        if element[0] >> 6 != 0 {
            return Err(index);
        }
        out[index * ELEMENT_BYTES..][..ELEMENT_BYTES - 1].copy_from_slice(&element[1..]);
    }
    let [a, b, c, d] = heads;
    out[31] = a | (b & 0b0011_0000) << 2;
    out[63] = (b & 0b0000_1111) | (d & 0b0000_1111) << 4;
    out[95] = c | (d & 0b0011_0000) << 2;
    Ok(())
}

/// Packs 127 bytes into four field elements.
fn encode_round(data: &[u8], round: &mut [u8]) {
    let (x, y, z) = (data[31], data[63], data[95]);
    let heads = [
        x & 0b0011_1111,
        (y & 0b0000_1111) | (x & 0b1100_0000) >> 2,
        z & 0b0011_1111,
        (z & 0b1100_0000) >> 2 | (y & 0b1111_0000) >> 4,
    ];
    for (index, element) in round.chunks_exact_mut(ELEMENT_BYTES).enumerate() {
        element[0] = heads[index];
        element[1..].copy_from_slice(&data[index * ELEMENT_BYTES..][..ELEMENT_BYTES - 1]);
    }
}
