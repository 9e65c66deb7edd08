//! The small encodings of span batches: bit lists and base-128 integers.
//!
//! spec: protocol/delta/span-batches.md#span-batch-format

use alloc::vec::Vec;

/// A bit list as it lies in a batch: a big-endian integer, so that bit 0 is the lowest bit of the
/// last byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct BitList<'a>(&'a [u8]);

impl<'a> BitList<'a> {
    /// Splits a list of `len` bits off `buf`. `None` if it is cut short or has bits beyond `len`.
    pub(super) fn split(buf: &mut &'a [u8], len: usize) -> Option<Self> {
        let (bytes, rest) = buf.split_at_checked(len.div_ceil(8))?;
        let unused = (8 - len % 8) % 8;
        if bytes
            .first()
            .is_some_and(|first| first.leading_zeros() < unused as u32)
        {
            return None;
        }
        *buf = rest;
        Some(Self(bytes))
    }

    /// Bit `index`; bits beyond the list are 0.
    pub(super) fn get(&self, index: usize) -> bool {
        self.0
            .len()
            .checked_sub(index / 8 + 1)
            .and_then(|byte| self.0.get(byte))
            .is_some_and(|byte| byte >> (index % 8) & 1 == 1)
    }

    /// How many bits are set.
    pub(super) fn count_ones(&self) -> usize {
        self.0.iter().map(|byte| byte.count_ones() as usize).sum()
    }
}

/// A bit list that grows.
#[derive(Clone, Debug, Default)]
pub(super) struct BitListBuilder {
    /// Lowest bits first.
    bytes: Vec<u8>,
    len: usize,
}

impl BitListBuilder {
    /// Appends a bit.
    pub(super) fn push(&mut self, bit: bool) {
        if self.len.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << (self.len % 8);
        }
        self.len += 1;
    }

    /// Bytes of the encoded list.
    pub(super) const fn encoded_len(&self) -> usize {
        self.bytes.len()
    }

    /// Appends the encoded list.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.bytes.iter().rev());
    }
}

/// Splits a base-128 integer off `buf`. `None` if it is cut short or exceeds 64 bits. Encodings
/// with superfluous zero groups are valid, as they are in protobuf.
pub(super) fn split_uvarint(buf: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for (index, &byte) in buf.iter().take(10).enumerate() {
        let group = u64::from(byte & 0x7f);
        if index == 9 && byte > 1 {
            return None;
        }
        value |= group << (7 * index);
        if byte < 0x80 {
            *buf = buf.get(index + 1..)?;
            return Some(value);
        }
    }
    None
}

/// Appends a base-128 integer.
pub(super) fn put_uvarint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bytes of a base-128 integer.
pub(super) const fn uvarint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}
