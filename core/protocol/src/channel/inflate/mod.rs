//! Inflating with a cap, as the deployed clients do it: what a stream yields is consensus, also
//! where the stream breaks.
//!
//! In: a deflate stream. Out: every byte of every symbol that is whole and valid before the stream
//! ends, breaks or meets the cap, and which of these it was. Invariant: output depends on the
//! stream and the cap alone; a smaller cap or a shorter stream gives a prefix.
//!
//! The decoder is our own because no library for the cores hands over what a broken stream gave and
//! accepts exactly what Go's `compress/flate` accepts: docs/decisions/broken-channels.md.
//!
//! spec: RFC 1951

mod bits;
mod codes;
mod huffman;

use super::{StreamEnd, output};
use alloc::{boxed::Box, vec::Vec};
use bits::BitReader;
use codes::Codes;

/// Bytes of input that two refills may look at.
const FAST_INPUT_BYTES: usize = 24;
/// Literals that are decoded between two refills.
const LITERALS_AT_ONCE: usize = 4;
/// Bytes that are copied at a time.
const CHUNK_BYTES: usize = 16;
/// Bytes of output that one round of [`Inflater::decode_fast`] may touch: two literals, the longest
/// match, and what its last chunk may be too long by.
const FAST_OUTPUT_BYTES: usize = LITERALS_AT_ONCE + 258 + CHUNK_BYTES;

/// Bytes of output that are cleared at a time: so few that they are still in the processor's cache
/// when they are written to.
const CLEARED_BYTES: usize = 64 * 1024;

/// Inflates a stream, up to `max` bytes of output. Memory is first reserved for `first_len` bytes,
/// and for more when they are used up.
pub(super) fn inflate(stream: &[u8], first_len: usize, max: usize) -> (Vec<u8>, StreamEnd) {
    let mut inflater = Inflater {
        bits: BitReader::new(stream),
        out: Vec::with_capacity(first_len.min(max)),
        written: 0,
        max,
    };
    let end = match inflater.decode_blocks() {
        Ok(()) => StreamEnd::Complete,
        Err(end) => end,
    };
    inflater.out.truncate(inflater.written);
    (inflater.out, end)
}

/// A stream and what it gave so far. What stops it is the error of all that decodes.
struct Inflater<'a> {
    bits: BitReader<'a>,
    /// What lies behind `written` is of no meaning.
    out: Vec<u8>,
    written: usize,
    max: usize,
}

impl Inflater<'_> {
    fn decode_blocks(&mut self) -> Result<(), StreamEnd> {
        let mut fixed: Option<Box<Codes>> = None;
        let mut described: Option<Box<Codes>> = None;
        loop {
            let header = self.bits.take(3).ok_or(StreamEnd::Truncated)?;
            match header >> 1 {
                0 => self.copy_stored()?,
                1 => self.decode(fixed.get_or_insert_with(Codes::fixed))?,
                2 => {
                    let codes = described.get_or_insert_with(Codes::new);
                    codes.read(&mut self.bits)?;
                    self.decode(codes)?;
                }
                _ => return Err(StreamEnd::Corrupt),
            }
            let is_final = header & 1 == 1;
            if is_final {
                return Ok(());
            }
        }
    }

    /// Copies a block that is not compressed.
    fn copy_stored(&mut self) -> Result<(), StreamEnd> {
        self.bits.align();
        let lengths = self.bits.take(32).ok_or(StreamEnd::Truncated)?;
        let (length, complement) = (lengths as u16, (lengths >> 16) as u16);
        if length != !complement {
            return Err(StreamEnd::Corrupt);
        }
        let mut left = usize::from(length);
        while left > 0 {
            let room = self.room()?.len().min(left);
            let bytes = self.bits.take_bytes(room);
            if let Some(room) = self.room()?.get_mut(..bytes.len()) {
                room.copy_from_slice(bytes);
            }
            self.written += bytes.len();
            left -= bytes.len();
            if bytes.len() < room {
                return Err(StreamEnd::Truncated);
            }
        }
        Ok(())
    }

    /// Decodes a compressed block to its end.
    fn decode(&mut self, codes: &Codes) -> Result<(), StreamEnd> {
        loop {
            if self.out.len() - self.written < FAST_OUTPUT_BYTES {
                self.clear_more();
            }
            let is_over = self.decode_fast(codes)? || self.decode_symbol(codes)?;
            if is_over {
                return Ok(());
            }
        }
    }

    /// Decodes symbols as long as there is plenty of input and output. Gives whether the block is
    /// over.
    fn decode_fast(&mut self, codes: &Codes) -> Result<bool, StreamEnd> {
        // The optimizer keeps in registers what is not behind `self`.
        let mut bits = self.bits;
        let mut written = self.written;
        let out = &mut self.out[..];
        let limit = out.len().saturating_sub(FAST_OUTPUT_BYTES);
        let mut result = Ok(false);
        bits.refill();
        // Always that of the next symbol, found before the bits are refilled, which takes a while.
        let mut entry = codes.literals.first(bits.peek());
        while bits.unread_bytes() >= FAST_INPUT_BYTES && written < limit {
            bits.refill();
            for _ in 0..LITERALS_AT_ONCE {
                if !entry.is_literal() {
                    break;
                }
                put(out, &mut written, entry.byte());
                bits.drop(entry.bits());
                entry = codes.literals.first(bits.peek());
            }
            if entry.is_literal() {
                continue;
            }
            bits.refill();
            if entry.is_link() {
                entry = codes.literals.second(entry, bits.peek());
                if entry.is_literal() {
                    put(out, &mut written, entry.byte());
                    bits.drop(entry.bits());
                    entry = codes.literals.first(bits.peek());
                    continue;
                }
            }
            if entry.is_special() {
                bits.drop(entry.bits());
                result = Ok(true);
                if !entry.is_end_of_block() {
                    result = Err(StreamEnd::Corrupt);
                }
                break;
            }
            let length = entry.number_in(bits.peek());
            bits.drop(entry.bits());
            let farther = codes.distances.find(bits.peek());
            let distance = farther.number_in(bits.peek());
            bits.drop(farther.bits());
            if farther.is_special() || distance > written {
                result = Err(StreamEnd::Corrupt);
                break;
            }
            bits.refill();
            entry = codes.literals.first(bits.peek());
            repeat(out, written, distance, length);
            written += length;
        }
        (self.bits, self.written) = (bits, written);
        result
    }

    /// Decodes one symbol, be it the last bits of the stream or the last byte of the output. Gives
    /// whether the block is over.
    fn decode_symbol(&mut self, codes: &Codes) -> Result<bool, StreamEnd> {
        self.bits.refill();
        let entry = codes.literals.find(self.bits.peek());
        let left = self.bits.count().checked_sub(entry.bits());
        let left = left.ok_or(StreamEnd::Truncated)?;
        if entry.is_literal() {
            *self.room()?.first_mut().ok_or(StreamEnd::Clipped)? = entry.byte();
            self.written += 1;
            self.bits.drop(entry.bits());
            return Ok(false);
        }
        let length = entry.number_in(self.bits.peek());
        self.bits.drop(entry.bits());
        if entry.is_end_of_block() {
            return Ok(true);
        }
        if entry.is_special() {
            return Err(StreamEnd::Corrupt);
        }
        let entry = codes.distances.find(self.bits.peek());
        if entry.bits() > left {
            return Err(StreamEnd::Truncated);
        }
        let distance = entry.number_in(self.bits.peek());
        self.bits.drop(entry.bits());
        if entry.is_special() || distance > self.written {
            return Err(StreamEnd::Corrupt);
        }
        for _ in 0..length {
            let byte = self.out.get(self.written - distance).copied();
            let room = self.room()?.first_mut();
            *room.ok_or(StreamEnd::Clipped)? = byte.unwrap_or_default();
            self.written += 1;
        }
        Ok(false)
    }

    /// What may be written to: at least one byte, unless the output has met its cap.
    fn room(&mut self) -> Result<&mut [u8], StreamEnd> {
        let len = self.out.len();
        if self.written == len {
            if len >= self.max {
                return Err(StreamEnd::Clipped);
            }
            if len == self.out.capacity() {
                let grown = output::grown_len(len, self.max);
                self.out.reserve_exact(grown - len);
            }
            self.clear_more();
        }
        Ok(self.out.get_mut(self.written..).unwrap_or_default())
    }

    /// Makes the output longer, as far as memory is reserved.
    fn clear_more(&mut self) {
        let reserved = self.out.capacity().min(self.max);
        let len = self.out.len().saturating_add(CLEARED_BYTES);
        self.out.resize(len.min(reserved), 0);
    }
}

/// Writes a byte, for which there is room.
#[inline(always)]
fn put(out: &mut [u8], written: &mut usize, byte: u8) {
    if let Some(room) = out.get_mut(*written) {
        *room = byte;
    }
    *written += 1;
}

/// Writes the `length` bytes that come `distance` bytes before `written`, which may reach into each
/// other. There is room for them and [`CHUNK_BYTES`] more, which may be touched.
#[inline(always)]
fn repeat(out: &mut [u8], written: usize, distance: usize, length: usize) {
    let start = written - distance;
    if distance >= CHUNK_BYTES {
        let mut done = 0;
        while done < length {
            let chunk = out.get(start + done..).and_then(<[u8]>::first_chunk);
            let chunk: [u8; CHUNK_BYTES] = *chunk.unwrap_or(&[0; CHUNK_BYTES]);
            let room = out.get_mut(written + done..);
            if let Some(room) = room.and_then(<[u8]>::first_chunk_mut) {
                *room = chunk;
            }
            done += CHUNK_BYTES;
        }
    } else {
        repeat_near(out, written, distance, length);
    }
}

/// As [`repeat`], for distances that are shorter than a chunk.
fn repeat_near(out: &mut [u8], written: usize, distance: usize, length: usize) {
    let (before, room) = out.split_at_mut(written);
    let (pattern, room) = (&before[written - distance..], &mut room[..length]);
    if let [byte] = pattern {
        return room.fill(*byte);
    }
    for (byte, from) in room.iter_mut().zip(pattern.iter().cycle()) {
        *byte = *from;
    }
}
