//! Brotli with a cap: the output grows with what the stream really gives, never beyond the cap.
//!
//! The decoder is the strict one of RFC 7932: streams of the "large window" extension, which
//! would make it reserve up to a gigabyte, are corrupt.

use super::{StreamEnd, output};
use crate::heap::Heap;
use alloc::{boxed::Box, vec, vec::Vec};
use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState};

/// Compressed frames of real chains decompress to about this many times their size.
const EXPECTED_RATIO: usize = 4;

/// Decompresses a brotli stream, up to `max` bytes of output.
pub(super) fn decompress(stream: &[u8], max: usize) -> (Vec<u8>, StreamEnd) {
    let mut state = Box::new(BrotliState::new_strict(Heap, Heap, Heap));
    let mut out = vec![0; output::first_len(stream.len(), EXPECTED_RATIO, max)];
    let (mut unread, mut read, mut written, mut total) = (stream.len(), 0, 0, 0);
    let end = loop {
        let mut free = out.len() - written;
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
        // A full output hides what the decoder still holds back, whatever it reports besides.
        let starved = match result {
            BrotliResult::NeedsMoreOutput => true,
            BrotliResult::NeedsMoreInput => free == 0,
            BrotliResult::ResultSuccess | BrotliResult::ResultFailure => false,
        };
        if starved && out.len() < max {
            out.resize(output::grown_len(out.len(), max), 0);
            continue;
        }
        break match result {
            _ if starved => StreamEnd::Clipped,
            BrotliResult::ResultSuccess if unread == 0 => StreamEnd::Complete,
            BrotliResult::NeedsMoreInput => StreamEnd::Truncated,
            _ => StreamEnd::Corrupt,
        };
    };
    out.truncate(written);
    (out, end)
}
