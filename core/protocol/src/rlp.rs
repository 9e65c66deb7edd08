//! A walker over RLP that copies nothing: it splits items off the front of a slice and insists on
//! the canonical form, as every decoder of the network does.

/// An item at the front of a slice.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// Header and payload.
    pub raw: &'a [u8],
    /// Payload alone.
    pub payload: &'a [u8],
    /// A list, not a string.
    pub is_list: bool,
}

/// Splits the first item off `buf`. `None`, and `buf` as it was, if it is cut short or not
/// canonical.
#[inline]
pub fn split<'a>(buf: &mut &'a [u8]) -> Option<Item<'a>> {
    let (header_len, payload_len, is_list) = header(buf)?;
    let total = header_len.checked_add(payload_len)?;
    let raw = buf.get(..total)?;
    let payload = raw.get(header_len..)?;
    if header_len == 1 && raw.first() == Some(&0x81) && *payload.first()? < 0x80 {
        return None;
    }
    *buf = buf.get(total..)?;
    Some(Item {
        raw,
        payload,
        is_list,
    })
}

/// Splits a string off `buf`.
#[inline]
pub(crate) fn split_string<'a>(buf: &mut &'a [u8]) -> Option<Item<'a>> {
    split(buf).filter(|item| !item.is_list)
}

/// Splits a list off `buf`.
#[inline]
pub(crate) fn split_list<'a>(buf: &mut &'a [u8]) -> Option<Item<'a>> {
    split(buf).filter(|item| item.is_list)
}

/// Splits an unsigned integer of at most `max_bytes` bytes, without leading zeros, off `buf`.
#[inline]
pub(crate) fn split_uint<'a>(buf: &mut &'a [u8], max_bytes: usize) -> Option<Item<'a>> {
    split_string(buf)
        .filter(|item| item.payload.len() <= max_bytes && item.payload.first() != Some(&0))
}

/// Splits an unsigned integer of at most 64 bits off `buf`.
pub(crate) fn split_u64(buf: &mut &[u8]) -> Option<u64> {
    Some(be_u64(split_uint(buf, 8)?.payload))
}

/// Splits a string of exactly `N` bytes off `buf`.
pub(crate) fn split_fixed<const N: usize>(buf: &mut &[u8]) -> Option<[u8; N]> {
    split_string(buf)?.payload.try_into().ok()
}

/// Value of at most eight big-endian bytes.
pub(crate) fn be_u64(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |value, byte| (value << 8) | u64::from(*byte))
}

/// `(header length, payload length, is_list)` of the item at the front of `buf`.
#[inline]
fn header(buf: &[u8]) -> Option<(usize, usize, bool)> {
    let first = *buf.first()?;
    match first {
        0..0x80 => Some((0, 1, false)),
        0x80..0xb8 => Some((1, usize::from(first - 0x80), false)),
        0xb8..0xc0 => long_header(buf, usize::from(first - 0xb7), false),
        0xc0..0xf8 => Some((1, usize::from(first - 0xc0), true)),
        0xf8.. => long_header(buf, usize::from(first - 0xf7), true),
    }
}

fn long_header(buf: &[u8], length_bytes: usize, is_list: bool) -> Option<(usize, usize, bool)> {
    let length = buf.get(1..=length_bytes)?;
    if length.first() == Some(&0) {
        return None;
    }
    let payload = usize::try_from(be_u64(length)).ok()?;
    (payload >= 56).then_some((1 + length_bytes, payload, is_list))
}

/// Bytes of a header before `payload_len` bytes of payload (not for single-byte strings).
pub(crate) const fn header_len(payload_len: usize) -> usize {
    if payload_len < 56 {
        1
    } else {
        1 + significant_bytes(payload_len as u64)
    }
}

/// Appends a list header.
pub(crate) fn put_list_header(payload_len: usize, out: &mut alloc::vec::Vec<u8>) {
    alloy_rlp::Header {
        list: true,
        payload_length: payload_len,
    }
    .encode(out);
}

/// Bytes of an encoded integer.
#[inline]
pub(crate) const fn u128_len(value: u128) -> usize {
    if value < 0x80 {
        1
    } else {
        1 + (128 - value.leading_zeros()).div_ceil(8) as usize
    }
}

/// Appends an integer.
#[inline]
pub(crate) fn put_u128(value: u128, out: &mut alloc::vec::Vec<u8>) {
    match value {
        0 => out.push(0x80),
        1..0x80 => out.push(value as u8),
        _ => {
            let bytes = u128_len(value) - 1;
            out.push(0x80 | bytes as u8);
            out.extend_from_slice(value.to_be_bytes().get(16 - bytes..).unwrap_or_default());
        }
    }
}

/// Bytes of an encoded integer given as big-endian bytes, leading zeros allowed.
#[inline]
pub(crate) fn uint_len(be: &[u8]) -> usize {
    let be = trim(be);
    if be.len() == 1 && be.first().is_some_and(|b| *b < 0x80) {
        1
    } else {
        1 + be.len()
    }
}

/// Appends an integer of at most 55 bytes given as big-endian bytes, leading zeros allowed.
#[inline]
pub(crate) fn put_uint(be: &[u8], out: &mut alloc::vec::Vec<u8>) {
    let be = trim(be);
    match be {
        [byte] if *byte < 0x80 => out.push(*byte),
        _ => {
            debug_assert!(be.len() < 56);
            out.push(0x80 | be.len() as u8);
            out.extend_from_slice(be);
        }
    }
}

#[inline]
fn trim(be: &[u8]) -> &[u8] {
    let zeros = be.iter().take_while(|b| **b == 0).count();
    be.get(zeros..).unwrap_or_default()
}

const fn significant_bytes(value: u64) -> usize {
    (64 - value.leading_zeros()).div_ceil(8) as usize
}
