//! Decompression of channels.
//!
//! spec: protocol/derivation.md#channel-format, protocol/fjord/derivation.md#brotli-channel-compression

use brotli_decompressor::{BrotliDecompressStream, BrotliState, StandardAlloc};
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;

/// Channel version of brotli.
const BROTLI: u8 = 1;

/// What a channel holds, at most its first `limit` bytes. Of a stream that is cut short or corrupt,
/// what was decompressed before counts (docs/decisions/broken-channels.md).
pub(crate) fn decompress(channel: &[u8], limit: u64, is_fjord: bool) -> Vec<u8> {
    let limit = limit as usize;
    match channel {
        // The low half of a zlib stream's first byte names its method: 8, or 15, which is reserved.
        [first, ..] if matches!(first & 0x0f, 8 | 15) => {
            decompress_to_vec_zlib_with_limit(channel, limit).unwrap_or_else(|e| e.output)
        }
        [BROTLI, stream @ ..] if is_fjord => decompress_brotli(stream, limit),
        _ => Vec::new(),
    }
}

/// The stream is read in one call into a buffer that grows until it is large enough.
fn decompress_brotli(stream: &[u8], limit: usize) -> Vec<u8> {
    let mut size = (64 * 1024).min(limit);
    loop {
        let output = brotli_prefix(stream, size);
        if output.len() < size || size == limit {
            return output;
        }
        size = (size * 4).min(limit);
    }
}

/// The first `size` bytes of a brotli stream, from its beginning.
fn brotli_prefix(stream: &[u8], size: usize) -> Vec<u8> {
    let alloc = StandardAlloc::default;
    // Strict: without the extension for large windows, which RFC 7932 does not know.
    let mut state = BrotliState::new_strict(alloc(), alloc(), alloc());
    let mut output = vec![0; size];
    let (mut input_left, mut input_at) = (stream.len(), 0);
    let (mut output_left, mut output_at, mut written) = (size, 0, 0);
    // Whatever it answers (done, more input wanted, no room left, corrupt): what it wrote counts.
    let _ = BrotliDecompressStream(
        &mut input_left,
        &mut input_at,
        stream,
        &mut output_left,
        &mut output_at,
        &mut output,
        &mut written,
        &mut state,
    );
    output.truncate(output_at);
    output
}
