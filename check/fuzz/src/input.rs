//! Bytes of the fuzzer, read as the choices of a script.
//!
//! In: any bytes. Out: numbers, flags and slices. Invariant: reading never fails; behind the end
//! everything reads as zero, so that every input is a whole script and a shorter one a simpler one.

use alloy_primitives::{Address, B256, U256};

/// Choices that are still to be read.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// Reads from the start of `data`.
    pub const fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    /// Whether only zeros are left.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        let taken = self.bytes(N);
        out[..taken.len()].copy_from_slice(taken);
        out
    }

    /// The next `len` bytes, or as many as there are.
    pub fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A slice whose length (at most 255) is the next byte.
    pub fn short_bytes(&mut self) -> &'a [u8] {
        let len = usize::from(self.u8());
        self.bytes(len)
    }

    /// A slice whose length (at most 65,535) is told by the next two bytes.
    pub fn long_bytes(&mut self) -> &'a [u8] {
        let len = usize::from(self.u16());
        self.bytes(len)
    }

    /// Everything left.
    pub fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.0)
    }

    /// One byte.
    pub fn u8(&mut self) -> u8 {
        u8::from_be_bytes(self.array())
    }

    /// Two bytes.
    pub fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }

    /// Four bytes.
    pub fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }

    /// One byte, its lowest bit.
    pub fn flag(&mut self) -> bool {
        self.u8() & 1 == 1
    }

    /// One byte, reduced to a number below `limit`; 0 if `limit` is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::from(self.u8()).checked_rem(limit).unwrap_or(0)
    }

    /// One of `items`, chosen by one byte.
    ///
    /// # Panics
    /// If there are none.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// A hash.
    pub fn b256(&mut self) -> B256 {
        B256::new(self.array())
    }

    /// An address.
    pub fn address(&mut self) -> Address {
        Address::new(self.array())
    }

    /// A number of 256 bits of as many bytes as the next byte says.
    pub fn u256(&mut self) -> U256 {
        let len = self.below(33);
        U256::from_be_slice(self.bytes(len))
    }
}
