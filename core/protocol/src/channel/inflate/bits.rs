//! The bits of a deflate stream, lowest first.
//!
//! In: bytes. Out: up to 57 bits at a time to look at, and how many of them the stream really has.
//! Invariant: bits beyond [`BitReader::count`] are zero or what the stream holds there, so they may
//! be looked at, but nothing that needs them counts.
//!
//! spec: RFC 1951, 3.1.1

/// Reads a stream bit by bit.
#[derive(Clone, Copy, Debug)]
pub(super) struct BitReader<'a> {
    input: &'a [u8],
    /// Bytes of the input of which all bits are in `bits` or were dropped.
    next: usize,
    bits: u64,
    count: u32,
}

impl<'a> BitReader<'a> {
    pub(super) const fn new(input: &'a [u8]) -> Self {
        Self {
            input,
            next: 0,
            bits: 0,
            count: 0,
        }
    }

    /// Makes at least 56 bits ready, or all that are left.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        let rest = self.input.get(self.next..).unwrap_or_default();
        if let Some(word) = rest.first_chunk() {
            // The bits of bytes that have no room are read again by the next refill, to the same.
            self.bits |= u64::from_le_bytes(*word) << (self.count & 63);
            self.next += ((63 - self.count) / 8) as usize;
            self.count |= 56;
        } else {
            self.refill_bytewise();
        }
    }

    #[cold]
    fn refill_bytewise(&mut self) {
        while self.count < 56
            && let Some(byte) = self.input.get(self.next)
        {
            self.bits |= u64::from(*byte) << self.count;
            self.next += 1;
            self.count += 8;
        }
    }

    /// The next bits.
    #[inline(always)]
    pub(super) const fn peek(&self) -> u64 {
        self.bits
    }

    /// How many bits are ready.
    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    /// Bytes of the input that are not ready yet.
    #[inline(always)]
    pub(super) const fn unread_bytes(&self) -> usize {
        self.input.len() - self.next
    }

    /// Passes over `count` of the bits that are ready.
    #[inline(always)]
    pub(super) const fn drop(&mut self, count: u32) {
        self.bits >>= count & 63;
        self.count = self.count.wrapping_sub(count);
    }

    /// The next `count` bits, at most 32, if the stream has as many.
    pub(super) fn take(&mut self, count: u32) -> Option<u32> {
        self.refill();
        if self.count < count {
            return None;
        }
        let bits = self.bits & !(u64::MAX << count);
        self.drop(count);
        Some(bits as u32)
    }

    /// Passes over what is left of a byte that was begun.
    pub(super) const fn align(&mut self) {
        self.drop(self.count % 8);
    }

    /// Up to `count` of the next bytes, after [`Self::align`].
    pub(super) fn take_bytes(&mut self, count: usize) -> &'a [u8] {
        let start = self.next - (self.count / 8) as usize;
        let rest = self.input.get(start..).unwrap_or_default();
        let taken = rest.get(..count).unwrap_or(rest);
        (self.next, self.bits, self.count) = (start + taken.len(), 0, 0);
        taken
    }
}
