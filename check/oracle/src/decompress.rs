//! Decompression of channels.
//!
//! spec: protocol/derivation.md#channel-format, protocol/fjord/derivation.md#brotli-channel-compression

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress as inflate, inflate_flags};
use std::iter;

/// Channel version of brotli.
const BROTLI: u8 = 1;

/// Bytes of a brotli stream that op-node's decoder is given first, and then each time.
const BROTLI_CHUNKS: [usize; 2] = [4095, 32 * 1024];

/// What a channel holds, at most its first `limit` bytes. Of a stream that is cut short or corrupt,
/// what was decompressed before counts (docs/decisions/broken-channels.md).
pub(crate) fn decompress(channel: &[u8], limit: u64, is_fjord: bool) -> Vec<u8> {
    let limit = limit as usize;
    match channel {
        // The low half of a zlib stream's first byte names its method: 8, or 15, which is reserved.
        [first, ..] if matches!(first & 0x0f, 8 | 15) => match deflate_stream(channel) {
            Some(stream) => growing(limit, |output| write_deflate(stream, output)),
            None => Vec::new(),
        },
        [BROTLI, stream @ ..] if is_fjord => growing(limit, |output| write_brotli(stream, output)),
        _ => Vec::new(),
    }
}

/// What stands behind the header of a zlib stream, if that is valid (RFC 1950). The checksum at the
/// end is not looked at.
fn deflate_stream(zlib: &[u8]) -> Option<&[u8]> {
    let ([method, flags], rest) = zlib.split_first_chunk::<2>()?;
    let is_deflate = method & 0x0f == 8 && method >> 4 <= 7;
    if !is_deflate || !u16::from_be_bytes([*method, *flags]).is_multiple_of(31) {
        return None;
    }
    if flags & 0b0010_0000 == 0 {
        return Some(rest);
    }
    // A preset dictionary may be named if it is the empty one, whose checksum is 1.
    rest.strip_prefix(&[0, 0, 0, 1])
}

/// Decompresses all of the stream into a buffer, and once more into a larger one while it fills it.
/// `write` gives the number of bytes that it wrote.
fn growing(limit: usize, write: impl Fn(&mut [u8]) -> usize) -> Vec<u8> {
    let mut size = (64 * 1024).min(limit);
    loop {
        let mut output = vec![0; size];
        let written = write(&mut output);
        if written < size || size == limit {
            output.truncate(written);
            return output;
        }
        size = (size * 4).min(limit);
    }
}

/// Whatever the decoder answers (done, more input wanted, no room left, corrupt): what it wrote
/// counts.
fn write_deflate(stream: &[u8], output: &mut [u8]) -> usize {
    let flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let (_, _, written) = inflate(&mut DecompressorOxide::new(), stream, output, 0, flags);
    written
}

/// As [`write_deflate`]. The decoder hands over what a chunk gave at its end; if it finds a fault in
/// a chunk, it keeps what that one gave to itself. So the size of the chunks matters.
fn write_brotli(stream: &[u8], output: &mut [u8]) -> usize {
    let alloc = StandardAlloc::default;
    // Strict: without the extension for large windows, which RFC 7932 does not know.
    let mut state = BrotliState::new_strict(alloc(), alloc(), alloc());
    let (mut output_left, mut output_at, mut written) = (output.len(), 0, 0);
    let [first, each] = BROTLI_CHUNKS;
    let (first, rest) = stream.split_at(first.min(stream.len()));
    for chunk in iter::once(first).chain(rest.chunks(each)) {
        let (mut input_left, mut input_at) = (chunk.len(), 0);
        let answer = BrotliDecompressStream(
            &mut input_left,
            &mut input_at,
            chunk,
            &mut output_left,
            &mut output_at,
            output,
            &mut written,
            &mut state,
        );
        if !matches!(answer, BrotliResult::NeedsMoreInput) {
            break;
        }
    }
    output_at
}
