//! Decompression of channels.
//!
//! spec: protocol/derivation.md#channel-format, protocol/fjord/derivation.md#brotli-channel-compression

use brotli_decompressor::{BrotliDecompressStream, BrotliState, StandardAlloc};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress as inflate, inflate_flags};

/// Channel version of brotli.
const BROTLI: u8 = 1;

/// What a channel holds, at most its first `limit` bytes. Of a stream that is cut short or corrupt,
/// what was decompressed before counts (docs/decisions/broken-channels.md).
pub(crate) fn decompress(channel: &[u8], limit: u64, is_fjord: bool) -> Vec<u8> {
    let limit = limit as usize;
    match channel {
        // The low half of a zlib stream's first byte names its method: 8, or 15, which is reserved.
        [first, ..] if matches!(first & 0x0f, 8 | 15) => {
            growing(limit, |output| write_zlib(channel, output))
        }
        [BROTLI, stream @ ..] if is_fjord => growing(limit, |output| write_brotli(stream, output)),
        _ => Vec::new(),
    }
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
fn write_zlib(stream: &[u8], output: &mut [u8]) -> usize {
    let flags = inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER
        | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let (_, _, written) = inflate(&mut DecompressorOxide::new(), stream, output, 0, flags);
    written
}

/// As [`write_zlib`].
fn write_brotli(stream: &[u8], output: &mut [u8]) -> usize {
    let alloc = StandardAlloc::default;
    // Strict: without the extension for large windows, which RFC 7932 does not know.
    let mut state = BrotliState::new_strict(alloc(), alloc(), alloc());
    let (mut input_left, mut input_at) = (stream.len(), 0);
    let (mut output_left, mut output_at, mut written) = (output.len(), 0, 0);
    let _ = BrotliDecompressStream(
        &mut input_left,
        &mut input_at,
        stream,
        &mut output_left,
        &mut output_at,
        output,
        &mut written,
        &mut state,
    );
    output_at
}
