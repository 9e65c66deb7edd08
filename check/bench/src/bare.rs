//! The decompressors alone: what a channel decoder cannot beat as long as it uses them.

use crate::fixture::RULES;
use alloy_primitives::Bytes;
use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState};
use opal_protocol::{channel::decompress, heap::Heap};

/// Inflates a zlib stream of `len` bytes by our own decoder.
pub fn zlib(stream: &[u8], len: usize) -> Bytes {
    let out = decompress(stream, RULES).expect("a channel").data;
    assert_eq!(out.len(), len);
    out
}

/// Inflates a zlib stream of `len` bytes by `miniz_oxide`; the checksum is not computed.
pub fn miniz(stream: &[u8], len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    let parts = std::iter::once(stream);
    let written = miniz_oxide::inflate::decompress_slice_iter_to_slice(&mut out, parts, true, true);
    assert_eq!(written, Ok(len));
    out
}

/// Decompresses a brotli stream of `len` bytes.
pub fn brotli(stream: &[u8], len: usize) -> Vec<u8> {
    let mut state = Box::new(BrotliState::new_strict(Heap, Heap, Heap));
    let mut out = vec![0; len];
    let (mut unread, mut read, mut free, mut written, mut total) = (stream.len(), 0, len, 0, 0);
    let result = BrotliDecompressStream(
        &mut unread,
        &mut read,
        stream,
        &mut free,
        &mut written,
        &mut out,
        &mut total,
        &mut state,
    );
    assert!(matches!(result, BrotliResult::ResultSuccess) && written == len);
    out
}
