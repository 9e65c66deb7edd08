//! Frames: batcher data either is exactly a sequence of frames, or nothing.

use alloy_primitives::Bytes;
use opal_protocol::frame::{
    DERIVATION_VERSION_0, FRAME_OVERHEAD_BYTES, Frame, FrameError, MAX_FRAME_DATA_BYTES,
    encode_frames, parse_frames,
};

/// Parses `data` as batcher data.
pub fn frames(data: &[u8]) {
    let whole = Bytes::copy_from_slice(data);
    match parse_frames(&whole) {
        Ok(frames) => {
            assert!(!frames.is_empty());
            assert!(frames.len() <= data.len() / FRAME_OVERHEAD_BYTES);
            assert_eq!(encode_frames(&frames), data, "no byte is unaccounted for");
            let memory = whole.as_ptr_range();
            for frame in &frames {
                assert!(frame.data.len() <= MAX_FRAME_DATA_BYTES);
                let part = frame.data.as_ptr_range();
                let is_shared = memory.start <= part.start && part.end <= memory.end;
                assert!(is_shared || frame.data.is_empty(), "frames copy nothing");
            }
            one_more(&frames);
        }
        Err(FrameError::Empty) => assert!(data.len() <= 1),
        Err(FrameError::Version(version)) => {
            assert_ne!(version, DERIVATION_VERSION_0);
            assert_eq!(data.first(), Some(&version));
        }
        Err(
            FrameError::Truncated { offset }
            | FrameError::TooLong { offset, .. }
            | FrameError::IsLast { offset, .. },
        ) => {
            assert!(offset < data.len());
            // What stands before the frame at fault is well-formed by itself.
            if offset > 1 {
                parse_frames(&whole.slice(..offset)).expect("whole frames");
            }
        }
    }
}

/// A frame more is a frame more, a byte less voids all.
fn one_more(frames: &[Frame]) {
    let mut longer = frames.to_vec();
    longer.push(Frame::default());
    let encoded = Bytes::from(encode_frames(&longer));
    assert_eq!(parse_frames(&encoded).as_deref(), Ok(&longer[..]));
    parse_frames(&encoded.slice(..encoded.len() - 1)).expect_err("cut short");
}
