//! Channels: decompression is consensus code. What comes out depends on the stream and the limit
//! alone, and a smaller limit or a shorter stream gives a prefix.

use crate::{deflate, input::Input};
use alloy_primitives::Bytes;
use opal_protocol::{
    BatchReader, ChannelRules, Compression, SpanContext,
    channel::{CHANNEL_VERSION_BROTLI, ChannelError, StreamEnd, compress, decompress},
};

/// Where the fuzzer may set the limit: small enough to be met, large enough for several growths of
/// the output.
const LIMITS_BYTES: [usize; 8] = [0, 1, 100, 1_000, 65_535, 65_536, 65_537, 1_000_000];

/// A zlib channel: the limit, then the stream.
pub fn channel_zlib(data: &[u8]) {
    let mut input = Input::new(data);
    let limit = input.pick(&LIMITS_BYTES);
    let stream = input.rest();
    round_trip(stream, Compression::Zlib, limit);
    let decompressed = channel(stream, limit);
    if let (Some(decompressed), [method, _, deflated @ ..]) = (decompressed, stream)
        && method & 0x0f == 8
    {
        assert_eq!(
            decompressed,
            inflated(deflated, limit),
            "against the library"
        );
    }
}

/// A zlib channel of a deflate stream that is written from a script.
pub fn channel_deflate(data: &[u8]) {
    let mut input = Input::new(data);
    let limit = input.pick(&LIMITS_BYTES);
    let deflated = deflate::stream(&mut input);
    let decompressed = channel(&[&[0x78, 0x9c], &deflated[..]].concat(), limit);
    let expected = Some(inflated(&deflated, limit));
    assert_eq!(decompressed, expected, "against the library");
}

/// A brotli channel: the limit, then the stream without its version byte.
pub fn channel_brotli(data: &[u8]) {
    let mut input = Input::new(data);
    let limit = input.pick(&LIMITS_BYTES);
    let stream = input.rest();
    let versioned = [&[CHANNEL_VERSION_BROTLI], stream].concat();
    let decompressed = channel(&versioned, limit).expect("brotli has no header to be wrong");
    // Ours may hand over more of a stream that breaks: docs/decisions/broken-channels.md.
    let expected = unbrotlied(stream, limit);
    assert!(decompressed.starts_with(&expected), "against the library");
    let early = rules(limit, false);
    assert_eq!(
        decompress(&versioned, early),
        Err(ChannelError::UnknownCompression(CHANNEL_VERSION_BROTLI))
    );
    if stream.len() < 512 {
        round_trip(stream, Compression::Brotli, limit);
    }
}

const fn rules(max_rlp_bytes: usize, brotli: bool) -> ChannelRules {
    ChannelRules {
        brotli,
        max_rlp_bytes,
    }
}

/// Decompresses with this limit, a smaller one, and from less than the whole stream.
fn channel(channel: &[u8], limit: usize) -> Option<Bytes> {
    let whole = match decompress(channel, rules(limit, true)) {
        Ok(whole) => whole,
        Err(error) => {
            let is_empty = error == ChannelError::Empty;
            assert_eq!(is_empty, channel.is_empty());
            return None;
        }
    };
    assert!(whole.data.len() <= limit);
    assert!(whole.end != StreamEnd::Clipped || whole.data.len() == limit);

    let smaller = whole.data.len() / 2;
    let clipped = decompress(channel, rules(smaller, true)).expect("same header");
    assert_eq!(
        clipped.data,
        whole.data.slice(..smaller),
        "clipping is a prefix"
    );
    assert!(smaller == whole.data.len() || clipped.end == StreamEnd::Clipped);

    let cut = channel.len() - channel.len() / 3 - 1;
    if let Ok(truncated) = decompress(&channel[..cut], rules(limit, true)) {
        // A decoder that stumbles over what comes later may hold back what it had decoded before:
        // docs/decisions/broken-channels.md.
        let is_held_back =
            whole.end == StreamEnd::Corrupt && truncated.data.starts_with(&whole.data);
        assert!(
            is_held_back || whole.data.starts_with(&truncated.data),
            "the part that arrived decides what comes out"
        );
    }
    read_batches(&whole.data);
    Some(whole.data)
}

/// What we compress comes out again, as far as the limit allows.
fn round_trip(stream: &[u8], compression: Compression, limit: usize) {
    let level = if compression == Compression::Zlib {
        6
    } else {
        3
    };
    let channel = compress(stream, compression, level);
    let back = decompress(&channel, rules(limit, true)).expect("our own encoding");
    assert_eq!(back.compression, compression);
    if stream.len() < limit {
        assert_eq!((&back.data[..], back.end), (stream, StreamEnd::Complete));
    } else {
        assert_eq!(back.data[..], stream[..limit]);
    }
}

/// Batches end with the data or with the first malformed one.
fn read_batches(data: &Bytes) {
    let context = SpanContext {
        chain_id: 10,
        genesis_time: 1_000,
        block_time: 2,
    };
    let mut reader = BatchReader::new(data.clone(), context);
    for _ in 0..=data.len() {
        match reader.next_batch() {
            Some(Ok(_)) => {}
            Some(Err(_)) => return assert!(reader.next_batch().is_none()),
            None => return assert!(reader.next_batch().is_none()),
        }
    }
    panic!("more batches than bytes");
}

/// Inflates in one go into an output of `limit` bytes.
fn inflated(deflated: &[u8], limit: usize) -> Bytes {
    use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};
    let mut out = vec![0; limit];
    let flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let mut state = Box::<DecompressorOxide>::default();
    let (_, _, written) = decompress(&mut state, deflated, &mut out, 0, flags);
    out.truncate(written);
    out.into()
}

/// Decompresses brotli in one go into an output of `limit` bytes.
fn unbrotlied(stream: &[u8], limit: usize) -> Bytes {
    use brotli_decompressor::{BrotliDecompressStream, BrotliState};
    use opal_protocol::heap::Heap;

    let mut state = BrotliState::new_strict(Heap, Heap, Heap);
    let mut out = vec![0; limit];
    let (mut unread, mut read, mut free, mut written, mut total) = (stream.len(), 0, limit, 0, 0);
    BrotliDecompressStream(
        &mut unread,
        &mut read,
        stream,
        &mut free,
        &mut written,
        &mut out,
        &mut total,
        &mut state,
    );
    out.truncate(written);
    out.into()
}
