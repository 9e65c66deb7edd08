//! The two codes of a compressed block: of literals and lengths, and of distances.
//!
//! In: a block's header. Out: tables that lead from bits to literals, lengths and distances.
//! Invariant: both are codes as [`Table`] describes them, whatever the header says.
//!
//! spec: RFC 1951, 3.2.5 to 3.2.7

use super::{
    bits::BitReader,
    huffman::{Entry, Table},
};
use crate::channel::StreamEnd;
use alloc::boxed::Box;

/// Symbols for literals, the end of the block, and lengths, with two that must not occur.
const LITERAL_SYMBOLS: usize = 288;
/// How many of them a block may give codes to.
const MAX_LITERAL_CODES: usize = 286;
/// Symbols for distances, with two that must not occur.
const DISTANCE_SYMBOLS: usize = 32;
/// How many of them a block may give codes to.
const MAX_DISTANCE_CODES: usize = 30;

/// Symbols for the lengths of codes, in the order in which a header gives their own lengths.
const LENGTH_ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

const LITERAL_MEANINGS: [Entry; LITERAL_SYMBOLS] = literal_meanings();
const DISTANCE_MEANINGS: [Entry; DISTANCE_SYMBOLS] = distance_meanings();
const LENGTH_MEANINGS: [Entry; LENGTH_ORDER.len()] = length_meanings();

/// The codes of a block.
#[derive(Clone, Debug)]
pub(super) struct Codes {
    /// Of literals, the end of the block, and lengths.
    pub(super) literals: Table<1024>,
    /// Of distances.
    pub(super) distances: Table<256>,
}

impl Codes {
    /// Codes without symbols.
    pub(super) fn new() -> Box<Self> {
        Box::new(Self {
            literals: Table::new(),
            distances: Table::new(),
        })
    }

    /// The codes that a block need not describe.
    pub(super) fn fixed() -> Box<Self> {
        let mut lengths = [8; LITERAL_SYMBOLS];
        lengths[144..256].fill(9);
        lengths[256..280].fill(7);
        let mut codes = Self::new();
        codes.set(&lengths, &[5; DISTANCE_SYMBOLS]).expect("codes");
        codes
    }

    /// Becomes the codes that the header of a block describes, which begins here.
    pub(super) fn read(&mut self, bits: &mut BitReader<'_>) -> Result<(), StreamEnd> {
        let mut take = |count| bits.take(count).ok_or(StreamEnd::Truncated);
        let literals = take(5)? as usize + 257;
        let distances = take(5)? as usize + 1;
        if literals > MAX_LITERAL_CODES || distances > MAX_DISTANCE_CODES {
            return Err(StreamEnd::Corrupt);
        }
        let given = take(4)? as usize + 4;
        let mut lengths_of_lengths = [0; LENGTH_ORDER.len()];
        for &symbol in LENGTH_ORDER.iter().take(given) {
            lengths_of_lengths[symbol] = take(3)? as u8;
        }
        let mut code = Table::new();
        code.set(&lengths_of_lengths, &LENGTH_MEANINGS)
            .ok_or(StreamEnd::Corrupt)?;
        let mut lengths = [0; MAX_LITERAL_CODES + MAX_DISTANCE_CODES];
        let (lengths, _) = lengths.split_at_mut(literals + distances);
        read_lengths(bits, &code, lengths)?;
        let (literals, distances) = lengths.split_at(literals);
        self.set(literals, distances).ok_or(StreamEnd::Corrupt)
    }

    fn set(&mut self, literals: &[u8], distances: &[u8]) -> Option<()> {
        self.literals.set(literals, &LITERAL_MEANINGS)?;
        self.distances.set(distances, &DISTANCE_MEANINGS)
    }
}

/// Reads the lengths of codes, which themselves are written in a `code`. Repetitions run on from
/// the lengths of the literals' codes to those of the distances'.
fn read_lengths(
    bits: &mut BitReader<'_>,
    code: &Table<128>,
    lengths: &mut [u8],
) -> Result<(), StreamEnd> {
    let (mut place, mut last) = (0, None);
    while place < lengths.len() {
        bits.refill();
        let entry = code.find(bits.peek());
        if entry.bits() > bits.count() {
            return Err(StreamEnd::Truncated);
        }
        if entry.is_special() {
            return Err(StreamEnd::Corrupt);
        }
        bits.drop(entry.bits());
        let (length, times) = match entry.value() as u8 {
            length @ 0..=15 => (length, 1),
            symbol => {
                let (length, least, extra_bits) = match symbol {
                    16 => (last.ok_or(StreamEnd::Corrupt)?, 3, 2),
                    17 => (0, 3, 3),
                    _ => (0, 11, 7),
                };
                let more = bits.take(extra_bits).ok_or(StreamEnd::Truncated)?;
                (length, least + more as usize)
            }
        };
        let repeated = lengths.get_mut(place..place + times);
        repeated.ok_or(StreamEnd::Corrupt)?.fill(length);
        place += times;
        last = Some(length);
    }
    Ok(())
}

const fn literal_meanings() -> [Entry; LITERAL_SYMBOLS] {
    let mut meanings = [Entry::RESERVED; LITERAL_SYMBOLS];
    let mut symbol = 0;
    while symbol < 256 {
        meanings[symbol] = Entry::literal(symbol as u8);
        symbol += 1;
    }
    meanings[256] = Entry::END_OF_BLOCK;
    // Lengths from 3 on: eight symbols without extra bits, then four each with one bit more.
    let (mut symbol, mut least) = (257, 3);
    while symbol < 285 {
        let extra_bits = if symbol < 265 { 0 } else { (symbol - 261) / 4 };
        meanings[symbol] = Entry::number(least, extra_bits as u32);
        least += 1 << extra_bits;
        symbol += 1;
    }
    // The greatest has a symbol of its own.
    meanings[285] = Entry::number(258, 0);
    meanings
}

const fn distance_meanings() -> [Entry; DISTANCE_SYMBOLS] {
    let mut meanings = [Entry::RESERVED; DISTANCE_SYMBOLS];
    // Distances from 1 on: four symbols without extra bits, then two each with one bit more.
    let (mut symbol, mut least) = (0, 1);
    while symbol < MAX_DISTANCE_CODES {
        let extra_bits = if symbol < 4 { 0 } else { symbol / 2 - 1 };
        meanings[symbol] = Entry::number(least, extra_bits as u32);
        least += 1 << extra_bits;
        symbol += 1;
    }
    meanings
}

const fn length_meanings() -> [Entry; LENGTH_ORDER.len()] {
    let mut meanings = [Entry::RESERVED; LENGTH_ORDER.len()];
    let mut symbol = 0;
    while symbol < meanings.len() {
        meanings[symbol] = Entry::number(symbol as u16, 0);
        symbol += 1;
    }
    meanings
}
