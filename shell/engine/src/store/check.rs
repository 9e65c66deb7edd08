//! Rows of the database from outside, for fuzzers: a damaged row must be named, never panic.

use super::codec::{
    BlockBody, CodecError, FlatAccount, HeadsRecord, ReverseDiff, decode, decode_receipts, encode,
    encode_receipts,
};
use alloy_consensus::Header;

/// Decodes a row of the table with this number (headers, accounts, bodies, receipts, reverse
/// diffs, head pointers; then from the start again) and answers with its bytes written anew.
pub fn check_row(table: u8, row: &[u8]) -> Result<Vec<u8>, CodecError> {
    match table % 6 {
        0 => decode::<Header>("headers", row).map(|value| encode(&value)),
        1 => decode::<FlatAccount>("accounts", row).map(|value| encode(&value)),
        2 => decode::<BlockBody>("bodies", row).map(|value| encode(&value)),
        3 => decode_receipts(row).map(|value| encode_receipts(&value)),
        4 => decode::<ReverseDiff>("reverse_diffs", row).map(|value| encode(&value)),
        _ => decode::<HeadsRecord>("heads", row).map(|value| encode(&value)),
    }
}
