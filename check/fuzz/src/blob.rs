//! Blobs: a blob that decodes is the blob that its data encodes to, bit by bit.

use crate::input::Input;
use alloy_eips::eip4844::{BYTES_PER_BLOB, Blob};
use opal_protocol::blob::{MAX_BLOB_DATA_BYTES, decode, encode};

/// A blob: raw bytes at its start or end, or a valid one that is patched.
pub fn blob(data: &[u8]) {
    let mut input = Input::new(data);
    let mode = input.u8();
    let mut blob = Box::new(Blob::ZERO);
    match mode % 4 {
        0 => place(&mut blob, 0, input.rest()),
        1 => {
            let rest = input.rest();
            place(
                &mut blob,
                BYTES_PER_BLOB - rest.len().min(BYTES_PER_BLOB),
                rest,
            );
        }
        2 => {
            let len = usize::from(input.u16()) * 2;
            let patches: [[u8; 4]; 4] = [(); 4].map(|()| input.array());
            let pattern = input.rest();
            let len = len.min(MAX_BLOB_DATA_BYTES);
            let data: Vec<u8> = pattern.iter().copied().cycle().take(len).collect();
            blob = encode(&data).expect("it fits");
            for [high, middle, low, change] in patches {
                let at = u32::from_be_bytes([0, high, middle, low]) as usize % BYTES_PER_BLOB;
                blob[at] ^= change;
            }
        }
        _ => return round_trip(input.rest()),
    }
    if let Ok(data) = decode(&blob) {
        assert!(data.len() <= MAX_BLOB_DATA_BYTES);
        assert_eq!(encode(&data).expect("it fits").as_slice(), blob.as_slice());
    }
}

fn place(blob: &mut Blob, at: usize, bytes: &[u8]) {
    let len = bytes.len().min(BYTES_PER_BLOB - at);
    blob[at..at + len].copy_from_slice(&bytes[..len]);
}

fn round_trip(data: &[u8]) {
    match encode(data) {
        Ok(blob) => assert_eq!(decode(&blob).expect("it was encoded")[..], *data),
        Err(_) => assert!(data.len() > MAX_BLOB_DATA_BYTES),
    }
}
