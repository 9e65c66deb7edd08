//! Huffman codes as tables: the next bits of the stream lead to what they mean.
//!
//! In: the length of each symbol's code. Out: a table, unless the lengths make no code. Invariant:
//! a code is complete, or it is one single code of one bit, or it has no symbols at all; bits that
//! no code begins with mean that the stream is corrupt.
//!
//! spec: RFC 1951, 3.2.2; on codes that are not complete it is silent, and the deployed clients are
//! followed: docs/decisions/broken-channels.md

use alloc::vec::Vec;

/// Bits of the longest code.
const MAX_CODE_BITS: usize = 15;

/// What a code means.
///
/// | bits | what |
/// |---|---|
/// | 0 to 7 | how many bits it takes, with the extra bits behind it |
/// | 8 to 11 | how many of them are the code |
/// | 13, 14, 15 | it ends the block; it leads on to the second table; none of literal, length and distance |
/// | 16 to 30 | the literal, the least length or distance, or the place in the second table |
/// | 31 | it is a literal |
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry(u32);

impl Entry {
    const LITERAL: u32 = 1 << 31;
    const SPECIAL: u32 = 1 << 15;
    const LINK: u32 = 1 << 14;
    const END: u32 = 1 << 13;

    /// Bits that mean nothing. The stream is not corrupt before it has one bit of them.
    const UNASSIGNED: Self = Self(Self::SPECIAL | 1 << 8 | 1);
    /// A symbol that must not occur.
    pub(super) const RESERVED: Self = Self(Self::SPECIAL);
    /// The end of the block.
    pub(super) const END_OF_BLOCK: Self = Self(Self::SPECIAL | Self::END);

    pub(super) const fn literal(byte: u8) -> Self {
        Self(Self::LITERAL | (byte as u32) << 16)
    }

    /// A length or distance: `least` and what `extra_bits` bits behind the code add to it.
    pub(super) const fn number(least: u16, extra_bits: u32) -> Self {
        assert!(least < 1 << 15);
        Self((least as u32) << 16 | extra_bits)
    }

    const fn with_code_of(self, bits: u32) -> Self {
        Self(self.0 + (bits << 8 | bits))
    }

    #[inline(always)]
    pub(super) const fn is_literal(self) -> bool {
        self.0 & Self::LITERAL != 0
    }

    #[inline(always)]
    pub(super) const fn is_special(self) -> bool {
        self.0 & Self::SPECIAL != 0
    }

    #[inline(always)]
    pub(super) const fn is_link(self) -> bool {
        self.0 & Self::LINK != 0
    }

    pub(super) const fn is_end_of_block(self) -> bool {
        self.0 & Self::END != 0
    }

    /// How many bits the code and its extra bits take.
    #[inline(always)]
    pub(super) const fn bits(self) -> u32 {
        self.0 & 0xff
    }

    #[inline(always)]
    pub(super) const fn byte(self) -> u8 {
        (self.0 >> 16) as u8
    }

    #[inline(always)]
    pub(super) const fn value(self) -> usize {
        (self.0 >> 16 & 0x7fff) as usize
    }

    /// The number, given the bits that begin with its code.
    #[inline(always)]
    pub(super) const fn number_in(self, bits: u64) -> usize {
        let with_extra = bits & !(u64::MAX << (self.bits() & 63));
        self.value() + (with_extra >> (self.0 >> 8 & 15)) as usize
    }
}

/// A code whose first table has `SIZE` entries, a power of two: codes up to its logarithm are found
/// at once, longer ones in a second table.
#[derive(Clone, Debug)]
pub(super) struct Table<const SIZE: usize> {
    first: [Entry; SIZE],
    second: Vec<Entry>,
    second_mask: u64,
}

impl<const SIZE: usize> Table<SIZE> {
    const FIRST_BITS: usize = SIZE.trailing_zeros() as usize;

    /// The code without symbols.
    pub(super) const fn new() -> Self {
        assert!(SIZE.is_power_of_two());
        Self {
            first: [Entry::UNASSIGNED; SIZE],
            second: Vec::new(),
            second_mask: 0,
        }
    }

    /// Becomes the code in which symbol `n` has a code of `lengths[n]` bits, which are below 16, and
    /// means `meanings[n]`; symbols of length 0 have none. `None` if there is no such code.
    pub(super) fn set(&mut self, lengths: &[u8], meanings: &[Entry]) -> Option<()> {
        let mut counts = [0; MAX_CODE_BITS + 1];
        for &length in lengths {
            *counts.get_mut(usize::from(length))? += 1;
        }
        let mut next_codes = [0; MAX_CODE_BITS + 1];
        let (mut code, mut longest) = (0u32, 0);
        for (length, (&count, next)) in counts.iter().zip(&mut next_codes).enumerate().skip(1) {
            code *= 2;
            *next = code;
            code += count;
            longest = if count > 0 { length } else { longest };
        }
        let is_empty = longest == 0;
        let is_complete = code == 1 << MAX_CODE_BITS;
        let is_single = longest == 1 && code == 1 << (MAX_CODE_BITS - 1);
        if !is_empty && !is_complete && !is_single {
            return None;
        }
        self.first.fill(Entry::UNASSIGNED);
        self.second.clear();
        let second_size = 1 << longest.saturating_sub(Self::FIRST_BITS);
        self.second_mask = second_size as u64 - 1;
        for (&length, meaning) in lengths.iter().zip(meanings) {
            if length == 0 {
                continue;
            }
            let next = next_codes.get_mut(usize::from(length))?;
            // Codes stand in the stream with their highest bit first.
            let reversed = usize::from((*next as u16).reverse_bits() >> (16 - length));
            *next += 1;
            let entry = meaning.with_code_of(length.into());
            self.assign(reversed, length.into(), entry, second_size);
        }
        Some(())
    }

    /// Enters a code wherever the bits behind it may lead.
    fn assign(&mut self, reversed: usize, length: usize, entry: Entry, second_size: usize) {
        if length <= Self::FIRST_BITS {
            return fill_every(&mut self.first, reversed, 1 << length, entry);
        }
        let link = &mut self.first[reversed % SIZE];
        if !link.is_link() {
            let place = self.second.len();
            self.second.resize(place + second_size, Entry::UNASSIGNED);
            *link = Entry(Entry::SPECIAL | Entry::LINK | (place as u32) << 16);
        }
        let part = self.second.get_mut(link.value()..).unwrap_or_default();
        let part = part.get_mut(..second_size).unwrap_or_default();
        let step = 1 << (length - Self::FIRST_BITS);
        fill_every(part, reversed / SIZE, step, entry);
    }

    /// What the first table says of these bits.
    #[inline(always)]
    pub(super) const fn first(&self, bits: u64) -> Entry {
        self.first[bits as usize % SIZE]
    }

    /// What the second table says of these bits, after the first led here.
    #[inline(always)]
    pub(super) fn second(&self, link: Entry, bits: u64) -> Entry {
        let place = link.value() + (bits >> Self::FIRST_BITS & self.second_mask) as usize;
        *self.second.get(place).unwrap_or(&Entry::UNASSIGNED)
    }

    /// What these bits mean.
    #[inline(always)]
    pub(super) fn find(&self, bits: u64) -> Entry {
        let entry = self.first(bits);
        if entry.is_link() {
            self.second(entry, bits)
        } else {
            entry
        }
    }
}

/// Sets every `step`th entry from `start` on.
fn fill_every(entries: &mut [Entry], start: usize, step: usize, entry: Entry) {
    let mut place = start;
    while let Some(slot) = entries.get_mut(place) {
        *slot = entry;
        place += step;
    }
}
