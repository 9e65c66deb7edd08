//! Blocks as a stream of RLP lists, the format of `geth export` and `geth import`.
//!
//! A block is `[header, transactions, ommers]`, from Shanghai on with `withdrawals` as fourth part.
//! A legacy transaction is a list, a typed one a string that holds its EIP-2718 bytes.
//!
//! In: hostile bytes. Out: the bytes of blocks, or a reason; memory never exceeds one block of
//! [`BLOCK_BYTES_MAX`], and of that no more than the stream really has.

use crate::{BlockRlpError, store::BlockBody};
use alloy_consensus::Header;
use alloy_primitives::Bytes;
use alloy_rlp::Encodable;
use std::io::{self, Read};

/// Bytes one block may have.
pub(super) const BLOCK_BYTES_MAX: u64 = 256 << 20;
/// First byte of RLP lists with more than 55 bytes.
const LONG_LIST: u8 = 0xf7;
/// First byte of the empty list.
const SHORT_LIST: u8 = 0xc0;
/// How a file compressed with gzip begins.
const GZIP_MAGIC: u8 = 0x1f;

/// Bytes that are no block.
#[derive(Debug, thiserror::Error)]
pub(super) enum StreamError {
    #[error("{0}")]
    Read(#[from] io::Error),
    #[error("{0}")]
    Malformed(String),
    #[error(transparent)]
    Block(#[from] BlockRlpError),
}

fn malformed(problem: impl Into<String>) -> StreamError {
    StreamError::Malformed(problem.into())
}

/// The bytes of the next block; `None` at the end of the stream.
pub(super) fn next_item(input: &mut impl Read) -> Result<Option<Vec<u8>>, StreamError> {
    let mut first = [0u8; 1];
    loop {
        match input.read(&mut first) {
            Ok(0) => return Ok(None),
            Ok(_) => break,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e.into()),
        }
    }
    let mut item = first.to_vec();
    let length = match first[0] {
        GZIP_MAGIC => return Err(malformed("the file is compressed: gunzip it first")),
        short if (SHORT_LIST..=LONG_LIST).contains(&short) => u64::from(short - SHORT_LIST),
        long if long > LONG_LIST => {
            let mut digits = [0u8; 8];
            let count = usize::from(long - LONG_LIST);
            let low = digits.get_mut(8 - count..).unwrap_or_default();
            read_exact(input, low)?;
            item.extend_from_slice(low);
            u64::from_be_bytes(digits)
        }
        other => {
            return Err(malformed(format!(
                "a block must be an RLP list, but its first byte is {other:#04x}"
            )));
        }
    };
    if length > BLOCK_BYTES_MAX {
        return Err(malformed(format!(
            "a block of {length} bytes; at most {BLOCK_BYTES_MAX} are allowed"
        )));
    }
    let read = input.by_ref().take(length).read_to_end(&mut item)? as u64;
    if read < length {
        return Err(malformed(format!(
            "the stream ends in the middle of a block: {read} of {length} bytes"
        )));
    }
    Ok(Some(item))
}

fn read_exact(input: &mut impl Read, out: &mut [u8]) -> Result<(), StreamError> {
    input.read_exact(out).map_err(|e| match e.kind() {
        io::ErrorKind::UnexpectedEof => malformed("the stream ends in the middle of a block"),
        _ => e.into(),
    })
}

/// The bytes of a block.
pub(super) fn encode(header: &Header, body: &BlockBody, out: &mut Vec<u8>) {
    let legacy = |tx: &Bytes| tx.first().is_some_and(|first| *first >= SHORT_LIST);
    let list = |payload_length| alloy_rlp::Header {
        list: true,
        payload_length,
    };
    let mut transactions = Vec::new();
    for tx in &body.transactions {
        if legacy(tx) {
            transactions.extend_from_slice(tx);
        } else {
            tx.encode(&mut transactions);
        }
    }
    let mut parts = Vec::with_capacity(transactions.len().saturating_add(1_024));
    header.encode(&mut parts);
    list(transactions.len()).encode(&mut parts);
    parts.append(&mut transactions);
    list(0).encode(&mut parts);
    if let Some(withdrawals) = &body.withdrawals {
        withdrawals.encode(&mut parts);
    }
    list(parts.len()).encode(out);
    out.append(&mut parts);
}
