//! The blob codec.

use alloy_eips::eip4844::Blob;
use opal_protocol::blob::{BlobError, MAX_BLOB_DATA_BYTES, decode, encode};
use proptest::{collection::vec, prelude::*};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn blobs_round_trip(data in vec(any::<u8>(), 0..=MAX_BLOB_DATA_BYTES)) {
        let blob = encode(&data).unwrap();
        prop_assert!(blob.chunks(32).all(|element| element[0] < 0x40));
        prop_assert_eq!(&decode(&blob).unwrap()[..], &data[..]);
    }

    #[test]
    fn decoding_is_injective(
        data in vec(any::<u8>(), 0..2000),
        mutations in vec((0usize..131_072, any::<u8>()), 1..4),
    ) {
        let blob = encode(&data).unwrap();
        let mut mutated = blob.clone();
        for (index, value) in mutations {
            mutated[index] = value;
        }
        if let Ok(decoded) = decode(&mutated) {
            prop_assert_eq!(encode(&decoded).unwrap(), mutated);
        }
    }
}

#[test]
fn a_full_blob_and_one_byte_more() {
    let data = vec![0xff; MAX_BLOB_DATA_BYTES + 1];
    let blob = encode(&data[1..]).unwrap();
    assert_eq!(decode(&blob).unwrap()[..], data[1..]);
    assert_eq!(encode(&data), Err(BlobError::TooMuchData(130_045)));
}

#[test]
fn trap_23_a_malformed_blob_voids_itself() {
    let good = encode(b"data").unwrap();
    let mutated = |index: usize, value: u8| {
        let mut blob = good.clone();
        blob[index] = value;
        decode(&blob)
    };
    assert_eq!(mutated(1, 1), Err(BlobError::Version(1)));
    assert_eq!(mutated(2, 0x02), Err(BlobError::Length(0x020004)));
    assert_eq!(mutated(4, 3), Err(BlobError::Tail));
    assert_eq!(mutated(4 * 32 * 7 + 64, 0x40), Err(BlobError::HighBits(30)));
    assert_eq!(mutated(0, 0x01), Err(BlobError::Tail));
    assert_eq!(decode(&Blob::ZERO).unwrap().len(), 0);
    assert_eq!(
        decode(&Blob::repeat_byte(0xff)),
        Err(BlobError::HighBits(0))
    );
    // 130,044 is the most; the largest length a header can claim is not.
    let mut blob = good.clone();
    blob[2..5].copy_from_slice(&[0x01, 0xfb, 0xfd]);
    assert_eq!(decode(&blob), Err(BlobError::Length(130_045)));
}
