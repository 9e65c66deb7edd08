//! Deflate streams at the edge of what is valid, where libraries disagree: what counts is what
//! op-node's, Go's `compress/flate`, hands over.

use opal_protocol::{
    ChannelRules,
    channel::{StreamEnd, decompress},
};

/// Symbols for the lengths of codes, in the order of a block's header.
const LENGTH_ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];
/// The end of the block.
const END: usize = 256;
const A: usize = b'a' as usize;
const B: usize = b'b' as usize;

/// A stream as it is written, bit by bit.
#[derive(Clone, Default)]
struct Stream {
    bytes: Vec<u8>,
    bits: usize,
}

impl Stream {
    /// Begins with a block of bytes as they are, "start".
    fn new() -> Self {
        let mut stream = Self::default();
        stream.put(0, 3).put(0, 5).put(5, 16).put(!5, 16);
        for byte in b"start" {
            stream.put((*byte).into(), 8);
        }
        stream
    }

    fn put(&mut self, value: u32, count: usize) -> &mut Self {
        for bit in 0..count {
            if self.bits.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= ((value >> bit & 1) as u8) << (self.bits % 8);
            self.bits += 1;
        }
        self
    }

    /// The header of a last block with this many codes: those of `lengths`, and others of no bits.
    /// Distances come behind the literals.
    fn block(&mut self, literals: usize, distances: usize, lengths: &[(usize, u8)]) -> &mut Self {
        self.header(literals, distances);
        for symbol in 0..literals + distances {
            let found = lengths.iter().find(|(of, _)| *of == symbol);
            self.length(found.map_or(0, |(_, length)| (*length).into()));
        }
        self
    }

    fn header(&mut self, literals: usize, distances: usize) -> &mut Self {
        self.put(0b101, 3).put(literals as u32 - 257, 5);
        self.put(distances as u32 - 1, 5).put(15, 4);
        for symbol in LENGTH_ORDER {
            self.put(if symbol < 13 { 4 } else { 5 }, 3);
        }
        self
    }

    /// A symbol for lengths of codes: those below 13 have four bits, the others five.
    fn length(&mut self, symbol: u32) -> &mut Self {
        let (code, bits) = match symbol {
            0..13 => (symbol, 4),
            _ => (symbol + 13, 5),
        };
        self.put(code.reverse_bits() >> (32 - bits), bits as usize)
    }

    /// Inflates what was written.
    fn inflated(&self) -> (Vec<u8>, StreamEnd) {
        let channel = [&[0x78, 0x9c], &self.bytes[..]].concat();
        let rules = ChannelRules {
            brotli: true,
            max_rlp_bytes: 1_000,
        };
        let found = decompress(&channel, rules).unwrap();
        (found.data.to_vec(), found.end)
    }

    #[track_caller]
    fn yields(&self, behind_the_start: &str, end: StreamEnd) {
        let (data, found) = self.inflated();
        let expected = format!("start{behind_the_start}");
        assert_eq!((&*String::from_utf8_lossy(&data), found), (&*expected, end));
    }
}

#[test]
fn codes_need_not_hold_an_end_of_block() {
    let mut stream = Stream::new();
    stream.block(257, 1, &[(A, 1), (B, 1)]);
    let mut expected = String::new();
    while expected.len() < 8 || !stream.bits.is_multiple_of(8) {
        stream.put(1, 1);
        expected.push('b');
    }
    // Zlib itself refuses such a block at once.
    stream.yields(&expected, StreamEnd::Truncated);
}

#[test]
fn a_single_code_has_one_bit() {
    let mut only_the_end = Stream::new();
    only_the_end.block(257, 1, &[(END, 1)]).put(0, 1);
    only_the_end.yields("", StreamEnd::Complete);
    let mut other_bit = Stream::new();
    other_bit.block(257, 1, &[(END, 1)]).put(1, 8);
    other_bit.yields("", StreamEnd::Corrupt);
    let mut two_bits = Stream::new();
    two_bits.block(257, 1, &[(END, 2)]).put(0, 8);
    two_bits.yields("", StreamEnd::Corrupt);
}

#[test]
fn distances_may_have_one_code_or_none() {
    // Codes: a 0, end 10, length 3 11.
    let literals = [(A, 1), (END, 2), (257, 2)];
    let with = |distance: Option<u8>| {
        let mut stream = Stream::new();
        let mut lengths = literals.to_vec();
        lengths.extend(distance.map(|length| (258, length)));
        stream.block(258, 1, &lengths).put(0, 1).put(0b11, 2);
        stream
    };
    with(Some(1))
        .put(0, 1)
        .put(0b01, 2)
        .yields("aaaa", StreamEnd::Complete);
    with(Some(1))
        .put(1, 1)
        .put(0b01, 2)
        .yields("a", StreamEnd::Corrupt);
    with(Some(2)).put(0, 8).yields("", StreamEnd::Corrupt);
    with(None).put(0, 8).yields("a", StreamEnd::Corrupt);
}

#[test]
fn incomplete_and_oversubscribed_codes_are_corrupt() {
    for lengths in [
        &[(A, 2), (END, 2)][..],
        &[(A, 1), (B, 2)],
        &[(A, 1), (B, 1), (END, 1)],
        &[(A, 1), (B, 1), (END, 15)],
        &[(A, 1), (END, 1), (257, 2), (258, 2)],
        &[(A, 1), (END, 1), (257, 1), (258, 1), (259, 1)],
    ] {
        let mut stream = Stream::new();
        stream.block(257, 3, lengths).put(0, 32);
        stream.yields("", StreamEnd::Corrupt);
    }
}

#[test]
fn symbols_beyond_the_last_are_corrupt() {
    for (literals, distances) in [(287, 1), (288, 1), (257, 31), (257, 32)] {
        let mut stream = Stream::new();
        stream.block(literals, distances, &[(A, 1), (END, 1)]);
        stream.put(0, 32).yields("", StreamEnd::Corrupt);
    }
    // Fixed codes name them; length 286 has the code 11000110, distance 30 the code 11110.
    let mut length = Stream::new();
    length.put(0b011, 3).put(0b0110_0011, 8).put(0, 32);
    length.yields("", StreamEnd::Corrupt);
    let mut distance = Stream::new();
    distance.put(0b011, 3).put(0b100_0000, 7).put(0b01111, 5);
    distance.put(0, 32).yields("", StreamEnd::Corrupt);
}

#[test]
fn matches_reach_back_to_the_first_byte() {
    // Fixed codes: length 3 is 0000001, distance 5 is 00100 with one bit more, the end 0000000.
    let reaching = |more: u32| {
        let mut stream = Stream::new();
        stream.put(0b011, 3).put(0b100_0000, 7).put(0b00100, 5);
        stream.put(more, 1).put(0, 7);
        stream
    };
    reaching(0).yields("sta", StreamEnd::Complete);
    reaching(1).yields("", StreamEnd::Corrupt);
}

#[test]
fn repeated_lengths_have_something_to_repeat_and_an_end() {
    let mut nothing_before = Stream::new();
    nothing_before.header(257, 1).length(16).put(0, 2);
    nothing_before.put(0, 32).yields("", StreamEnd::Corrupt);
    // 138 and 119 zeros are one length short of the two that are still to come; 121 are one too many.
    let zeros = |more: u32| {
        let mut stream = Stream::new();
        stream
            .header(257, 1)
            .length(18)
            .put(127, 7)
            .length(18)
            .put(more - 11, 7);
        stream
    };
    zeros(118)
        .length(1)
        .length(0)
        .put(0, 1)
        .yields("", StreamEnd::Complete);
    zeros(121).put(0, 32).yields("", StreamEnd::Corrupt);
    // Without any code no symbol can be read.
    zeros(120).put(0, 32).yields("", StreamEnd::Corrupt);
}

#[test]
fn every_cut_gives_a_prefix() {
    let mut whole = Stream::new();
    whole.block(258, 1, &[(A, 1), (END, 2), (257, 2), (258, 1)]);
    whole
        .put(0, 1)
        .put(0b11, 2)
        .put(0, 1)
        .put(0, 1)
        .put(0b01, 2);
    whole.yields("aaaaa", StreamEnd::Complete);
    let (data, _) = whole.inflated();
    let mut longest = 0;
    for len in 0..whole.bytes.len() {
        let mut cut = whole.clone();
        cut.bytes.truncate(len);
        let (part, end) = cut.inflated();
        assert_eq!(end, StreamEnd::Truncated);
        assert!(data.starts_with(&part) && part.len() >= longest);
        longest = part.len();
    }
}
