//! Zlib with a cap: a header, a deflate stream, and a checksum that nobody judges.
//!
//! spec: RFC 1950

use super::{ChannelError, StreamEnd, inflate, output};
use alloc::vec::Vec;

/// Compressed frames of real chains inflate to about this many times their size.
const EXPECTED_RATIO: usize = 3;

/// Adler-32 of no bytes: what names the empty dictionary.
const EMPTY_DICTIONARY_ID: [u8; 4] = [0, 0, 0, 1];

/// Inflates a zlib stream, up to `max` bytes of output.
pub(super) fn decompress(stream: &[u8], max: usize) -> Result<(Vec<u8>, StreamEnd), ChannelError> {
    let deflated = strip_header(stream)?;
    let first_len = output::first_len(deflated.len(), EXPECTED_RATIO, max);
    Ok(inflate::inflate(deflated, first_len, max))
}

/// Checks the header of RFC 1950 and strips it off.
///
/// No dictionary is agreed upon, so a stream that asks for one is invalid, unless it asks for the
/// empty one: the deployed clients compare its id with the checksum of what they have, nothing.
fn strip_header(stream: &[u8]) -> Result<&[u8], ChannelError> {
    let (&[method, flags], rest) = stream
        .split_first_chunk::<2>()
        .ok_or(ChannelError::ZlibHeader)?;
    let is_deflate = method & 0x0f == 8 && method >> 4 <= 7;
    if !is_deflate || u16::from_be_bytes([method, flags]) % 31 != 0 {
        return Err(ChannelError::ZlibHeader);
    }
    let has_dictionary = flags & 0x20 != 0;
    if !has_dictionary {
        return Ok(rest);
    }
    rest.strip_prefix(&EMPTY_DICTIONARY_ID)
        .ok_or(ChannelError::ZlibHeader)
}
