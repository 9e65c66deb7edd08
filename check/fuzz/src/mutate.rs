//! A fuzzer without coverage, where the instrumented one takes too long to build: inputs of the
//! corpus, cut, joined, repeated and altered at random.

/// A small reproducible generator.
#[derive(Clone, Copy, Debug)]
pub struct Random(u64);

/// Longest input, bytes.
const INPUT_BYTES_MAX: usize = 8 << 10;
/// Values that often lie at a border.
const BORDERS: [u8; 12] = [
    0, 1, 0x7f, 0x80, 0x81, 0xb7, 0xb8, 0xbf, 0xc0, 0xf7, 0xf8, 0xff,
];
/// Pieces of JSON and hex that change what a text means.
const PIECES: [&str; 14] = [
    "null",
    "0x",
    "0x0",
    "[]",
    "{}",
    "\"\"",
    "-1",
    "1e999",
    "latest",
    "\"0x10000000000000000\"",
    "0xffffffffffffffff",
    "true",
    "\\u0000",
    "[[[[[[[[",
];

impl Random {
    /// Starts from a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    /// A new input from those of a corpus.
    pub fn input(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = self.choose(corpus).clone();
        for _ in 0..=self.below(6) {
            self.change(&mut input, corpus);
        }
        input.truncate(INPUT_BYTES_MAX);
        input
    }

    fn choose<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    fn change(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        let end = (at + 1 + self.below(16)).min(input.len());
        let range = at.min(end)..end;
        match self.below(9) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = *self.choose(&BORDERS),
            2 if at < input.len() => input[at] = self.next() as u8,
            3 => drop(input.drain(range)),
            4 => {
                let copy = input[range].to_vec();
                input.splice(at..at, copy);
            }
            5 => input.truncate(at),
            6 => {
                let other = self.choose(corpus).clone();
                let from = self.below(other.len() + 1);
                let to = (from + self.below(64)).min(other.len());
                input.splice(range, other[from..to].iter().copied());
            }
            7 => {
                let piece = *self.choose(&PIECES);
                input.splice(range, piece.bytes());
            }
            _ => input.insert(at, *self.choose(&BORDERS)),
        }
    }
}
