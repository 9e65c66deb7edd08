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

/// Bytes of the stream that the decoder sees at first, and then at a time.
///
/// The decoder hands out all it has whenever its input runs dry, and loses what it holds where it
/// meets an error. So these sizes decide how much a stream yields that is corrupt in its middle.
/// They are those of op-node for a channel of one frame. A sound stream gives the same at any size.
const FIRST_INPUT_BYTES: usize = 4095;
/// See [`FIRST_INPUT_BYTES`].
const INPUT_BYTES: usize = 32 * 1024;

/// Decompresses a brotli stream, up to `max` bytes of output.
pub(super) fn decompress(stream: &[u8], max: usize) -> (Vec<u8>, StreamEnd) {
    // All at once is faster. Only a corrupt stream must be read again, piece by piece.
    match decompress_from(stream, max, stream.len()) {
        (out, StreamEnd::Corrupt) => {
            drop(out);
            decompress_from(stream, max, FIRST_INPUT_BYTES)
        }
        sound => sound,
    }
}

/// Decompresses a stream of which the decoder sees `first_input_bytes` at first.
fn decompress_from(stream: &[u8], max: usize, first_input_bytes: usize) -> (Vec<u8>, StreamEnd) {
    let mut state = Box::new(BrotliState::new_strict(Heap, Heap, Heap));
    let mut out = vec![0; output::first_len(stream.len(), EXPECTED_RATIO, max)];
    let mut input = stream.get(..first_input_bytes).unwrap_or(stream);
    let (mut read, mut written, mut total) = (0, 0, 0);
    let end = loop {
        let (mut unread, mut free) = (input.len() - read, out.len() - written);
        let result = BrotliDecompressStream(
            &mut unread,
            &mut read,
            input,
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
            BrotliResult::NeedsMoreInput if input.len() < stream.len() => {
                let following = input.len() + INPUT_BYTES;
                input = stream.get(..following).unwrap_or(stream);
                continue;
            }
            BrotliResult::ResultSuccess if read == stream.len() => StreamEnd::Complete,
            BrotliResult::NeedsMoreInput => StreamEnd::Truncated,
            _ => StreamEnd::Corrupt,
        };
    };
    out.truncate(written);
    (out, end)
}
