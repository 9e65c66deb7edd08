//! Deflate streams written from a script, so that the fuzzer gets behind the headers of blocks.
//!
//! In: choices. Out: a deflate stream whose blocks are of every type, with codes that are complete,
//! incomplete, over-subscribed, single or empty, and symbols with and without a code. Invariant:
//! none; much of what comes out is wrong in one place, and right up to there.

use crate::input::Input;

/// Most blocks of a stream, and symbols of a block.
const BLOCKS: usize = 6;
const SYMBOLS: usize = 64;
/// Symbols for the lengths of codes, in the order of a block's header.
const LENGTH_ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];
const LONGEST: u8 = 15;

/// Writes bits, lowest first.
#[derive(Default)]
struct Bits {
    out: Vec<u8>,
    used: usize,
}

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        for bit in 0..count {
            if self.used.is_multiple_of(8) {
                self.out.push(0);
            }
            let last = self.out.last_mut().expect("just pushed");
            *last |= ((value >> bit & 1) as u8) << (self.used % 8);
            self.used += 1;
        }
    }

    fn align(&mut self) {
        self.used = self.out.len() * 8;
    }

    /// Writes the code of a symbol, or some bits if it has none.
    fn symbol(&mut self, lengths: &[u8], symbol: usize) {
        let length = lengths.get(symbol).copied().unwrap_or(0);
        if length == 0 {
            return self.put(symbol as u32, 7);
        }
        let mut code = 0u32;
        for shorter in 1..=length {
            let before = |(at, &of): (usize, &u8)| {
                (of == shorter && (shorter < length || at < symbol)).then_some(())
            };
            let count = lengths.iter().enumerate().filter_map(before).count();
            code = (code + count as u32) << u32::from(shorter < length);
        }
        let reversed = code.reverse_bits() >> (32 - u32::from(length));
        self.put(reversed, length.into());
    }
}

/// Writes a stream.
pub fn stream(input: &mut Input<'_>) -> Vec<u8> {
    let mut bits = Bits::default();
    let blocks = 1 + input.below(BLOCKS);
    for block in 0..blocks {
        let kind = input.below(16);
        bits.put(u32::from(block + 1 == blocks && kind != 15), 1);
        match kind {
            0 | 1 => stored(input, &mut bits, kind == 1),
            2..=4 => {
                bits.put(1, 2);
                let mut literals = [8; 288];
                literals[144..256].fill(9);
                literals[256..280].fill(7);
                symbols(input, &mut bits, &literals, &[5; 32]);
            }
            5 => bits.put(3, 2),
            _ => described(input, &mut bits),
        }
    }
    bits.out.extend_from_slice(input.short_bytes());
    let cut = input.below(16);
    bits.out.truncate(bits.out.len() - cut.min(bits.out.len()));
    bits.out
}

fn stored(input: &mut Input<'_>, bits: &mut Bits, is_wrong: bool) {
    bits.put(0, 2);
    bits.align();
    let data = input.short_bytes();
    let length = data.len() as u16;
    let complement = if is_wrong { length } else { !length };
    bits.put(length.into(), 16);
    bits.put(complement.into(), 16);
    bits.out.extend_from_slice(data);
    bits.align();
}

/// A block that describes its codes.
fn described(input: &mut Input<'_>, bits: &mut Bits) {
    bits.put(2, 2);
    let (literals, distances) = (257 + input.below(32), 1 + input.below(32));
    let mut lengths = code(input, literals, LONGEST);
    lengths.extend(code(input, distances, LONGEST));
    bits.put(literals as u32 - 257, 5);
    bits.put(distances as u32 - 1, 5);
    // A code in which every length can be written, or whatever comes.
    let mut of_lengths = vec![4; 13];
    of_lengths.extend([5; 6]);
    if input.below(8) == 7 {
        of_lengths = code(input, 19, 7);
    }
    bits.put(19 - 4, 4);
    for symbol in LENGTH_ORDER {
        bits.put(of_lengths[symbol].into(), 3);
    }
    let mut rest = &lengths[..];
    while let Some(&length) = rest.first() {
        let times = rest.iter().take_while(|l| **l == length).count();
        let is_repeated = input.flag();
        let (symbol, least, extra_bits, most) = match length {
            0 if times >= 11 => (18, 11, 7, 138),
            0 if times >= 3 => (17, 3, 3, 10),
            // Repeats what stands before, which need not be the same.
            _ if times >= 4 && is_repeated => (16, 3, 2, 6),
            _ => (usize::from(length), 1, 0, 1),
        };
        let written = times.min(most);
        bits.symbol(&of_lengths, symbol);
        bits.put((written - least) as u32, extra_bits);
        rest = &rest[written..];
    }
    let (literals, distances) = lengths.split_at(literals);
    symbols(input, bits, literals, distances);
}

/// Lengths of codes for `symbols` symbols, which may make a code or not.
fn code(input: &mut Input<'_>, symbols: usize, longest: u8) -> Vec<u8> {
    let mut lengths = vec![0; symbols];
    let kind = input.below(8);
    match kind {
        0 => {}
        1 => lengths[input.below(symbols)] = 1 + input.below(2) as u8,
        2 => {
            for length in &mut lengths {
                *length = input.below(usize::from(longest) + 1) as u8;
            }
        }
        _ => {
            // Leaves of a tree, one of which is split at a time.
            let mut leaves = vec![1u8, 1];
            for _ in 0..input.below(256).min(symbols - 1) {
                let leaf = input.below(leaves.len());
                if leaves[leaf] < longest && leaves.len() < symbols {
                    leaves[leaf] += 1;
                    leaves.push(leaves[leaf]);
                }
            }
            let first = input.below(symbols);
            for (place, length) in leaves.iter().take(symbols).enumerate() {
                // From the end of block on, which mostly has a code so.
                lengths[(256 * usize::from(kind > 4) + first * usize::from(kind == 4) + place)
                    % symbols] = *length;
            }
            if kind == 3 {
                lengths[input.below(symbols)] = input.below(usize::from(longest) + 1) as u8;
            }
        }
    }
    lengths
}

fn symbols(input: &mut Input<'_>, bits: &mut Bits, literals: &[u8], distances: &[u8]) {
    for _ in 0..input.below(SYMBOLS) {
        match input.below(8) {
            0 => bits.put(input.u16().into(), 16),
            1 | 2 => {
                let symbol = 257 + input.below(31);
                bits.symbol(literals, symbol);
                bits.put(u32::from(input.u8()), length_bits(symbol));
                let symbol = input.below(32);
                bits.symbol(distances, symbol);
                let far = input.u16() & u16::from(input.u8());
                bits.put(far.into(), (symbol as u32 / 2).saturating_sub(1));
            }
            // A literal that has a code, if any has.
            _ => {
                let wanted = input.below(256);
                let coded = (0..256).map(|by| (wanted + by) % 256);
                let symbol = coded
                    .into_iter()
                    .find(|symbol| literals[*symbol] > 0)
                    .unwrap_or(wanted);
                bits.symbol(literals, symbol);
            }
        }
    }
    bits.symbol(literals, 256);
}

/// Extra bits of a symbol for lengths.
const fn length_bits(symbol: usize) -> u32 {
    match symbol {
        265..285 => (symbol as u32 - 261) / 4,
        _ => 0,
    }
}
