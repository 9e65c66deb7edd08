//! The encoding of data in a blob.
//!
//! spec: protocol/ecotone/derivation.md#blob-encoding

use alloy_eips::eip4844::Blob;
use alloy_primitives::Bytes;

/// Bytes that four field elements carry: three of 31 and one put together of three times 6 bits
/// and more, four times 31 in all and three from the upper bits.
const BYTES_PER_ROUND: usize = 4 * 31 + 3;
/// Rounds of four field elements.
const ROUNDS: usize = 1024;
/// The version byte and three bytes of length stand before the data.
const HEADER: usize = 4;

/// The data in a blob, or `None` if the blob is encoded wrongly.
pub(crate) fn decode_blob(blob: &Blob) -> Option<Bytes> {
    let mut content: Vec<u8> = Vec::with_capacity(ROUNDS * BYTES_PER_ROUND);
    for round in blob.chunks(4 * 32) {
        let [a, b, c, d] = [round[0], round[32], round[64], round[96]];
        // The top two bits of each field element are empty.
        if [a, b, c, d].iter().any(|byte| byte & 0b1100_0000 != 0) {
            return None;
        }
        // Each first byte carries six bits; four of them make three bytes.
        let x = a & 0b0011_1111 | (b & 0b0011_0000) << 2;
        let y = b & 0b0000_1111 | (d & 0b0000_1111) << 4;
        let z = c & 0b0011_1111 | (d & 0b0011_0000) << 2;
        content.extend(&round[1..32]);
        content.push(x);
        content.extend(&round[33..64]);
        content.push(y);
        content.extend(&round[65..96]);
        content.push(z);
        content.extend(&round[97..128]);
    }
    let version = content[0];
    let length = u32::from_be_bytes([0, content[1], content[2], content[3]]) as usize;
    let (data, rest) = content[HEADER..].split_at_checked(length)?;
    let is_empty_behind = rest.iter().all(|byte| *byte == 0);
    (version == 0 && is_empty_behind).then(|| Bytes::copy_from_slice(data))
}
