//! Brotli compression for the batcher.

use crate::heap::Heap;
use alloc::vec::Vec;
use brotli::enc::encode::{
    BrotliEncoderOperation, BrotliEncoderParameter, BrotliEncoderStateStruct,
};

/// Bytes handed over by the encoder at a time.
const CHUNK_BYTES: usize = 64 * 1024;
/// Window of the encoder, log2 of bytes; the largest that a strict decoder takes is 24.
const WINDOW_BITS: u32 = 22;

/// Appends the brotli stream of `data` to `out`.
pub(super) fn brotli(data: &[u8], level: u8, out: &mut Vec<u8>) {
    let mut encoder = BrotliEncoderStateStruct::new(Heap);
    encoder.set_parameter(
        BrotliEncoderParameter::BROTLI_PARAM_QUALITY,
        u32::from(level.min(11)),
    );
    encoder.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_LGWIN, WINDOW_BITS);
    encoder.set_parameter(
        BrotliEncoderParameter::BROTLI_PARAM_SIZE_HINT,
        u32::try_from(data.len()).unwrap_or(u32::MAX),
    );
    let (mut unread, mut read) = (data.len(), 0);
    let mut chunk = alloc::vec![0; CHUNK_BYTES];
    loop {
        let (mut free, mut written) = (chunk.len(), 0);
        let ok = encoder.compress_stream(
            BrotliEncoderOperation::BROTLI_OPERATION_FINISH,
            &mut unread,
            data,
            &mut read,
            &mut free,
            &mut chunk,
            &mut written,
            &mut None,
            &mut |_, _, _, _| (),
        );
        assert!(ok, "the brotli encoder refuses its own parameters");
        out.extend_from_slice(&chunk[..written]);
        if encoder.is_finished() {
            return;
        }
    }
}
