//! Decompression as consensus code: broken and hostile channels, and what each of them yields.
//!
//! What op-node yields for each case was found by running its libraries (Go's `compress/zlib`,
//! `andybalholm/brotli` and go-ethereum's `rlp.Stream`); `docs/decisions/broken-channels.md` tells
//! where it differs.

use crate::common::CONTEXT;
use alloy_primitives::B256;
use opal_protocol::{
    Batch, BatchReader, ChannelRules, Compression, SingularBatch,
    batch::append_to_stream,
    channel::{
        ChannelError, MAX_RLP_BYTES_PER_CHANNEL, MAX_RLP_BYTES_PER_CHANNEL_FJORD, StreamEnd,
        compress, decompress,
    },
};

const BEFORE_FJORD: ChannelRules = ChannelRules {
    brotli: false,
    max_rlp_bytes: MAX_RLP_BYTES_PER_CHANNEL,
};
const FJORD: ChannelRules = ChannelRules {
    brotli: true,
    max_rlp_bytes: MAX_RLP_BYTES_PER_CHANNEL_FJORD,
};
/// Batches of the usual stream.
const COUNT: usize = 8;
/// Bytes of transaction data in each of them.
const DATA_BYTES: usize = 3_000;

/// What a channel comes to: its end, or why it yields nothing at all.
type End = Result<StreamEnd, ChannelError>;

const COMPLETE: End = Ok(StreamEnd::Complete);
const CLIPPED: End = Ok(StreamEnd::Clipped);
const TRUNCATED: End = Ok(StreamEnd::Truncated);
const CORRUPT: End = Ok(StreamEnd::Corrupt);

/// Checks that `channel` yields the first `kept` of [`batches`] and ends as expected.
fn check(name: &str, channel: &[u8], rules: ChannelRules, kept: usize, end: End) {
    let result = decompress(channel, rules);
    assert_eq!(
        result.as_ref().map(|d| d.end),
        end.as_ref().copied(),
        "{name}"
    );
    let Ok(decompressed) = result else {
        assert_eq!(kept, 0, "{name}");
        return;
    };
    assert!(decompressed.data.len() <= rules.max_rlp_bytes, "{name}");
    let found: Vec<_> = BatchReader::new(decompressed.data, CONTEXT)
        .map_while(Result::ok)
        .collect();
    let expected = batches(kept, DATA_BYTES).into_iter().map(Batch::Singular);
    assert_eq!(found.len(), kept, "{name}");
    assert!(found.into_iter().eq(expected), "{name}");
}

/// Batches that do not compress well.
fn batches(count: usize, data_bytes: usize) -> Vec<SingularBatch> {
    (0..count as u64)
        .map(|timestamp| {
            let mut state = timestamp;
            let noise = core::iter::repeat_with(|| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (state >> 58) as u8
            });
            SingularBatch {
                parent_hash: B256::repeat_byte(7),
                epoch_num: 1,
                epoch_hash: B256::repeat_byte(9),
                timestamp,
                transactions: vec![noise.take(data_bytes).collect()],
            }
        })
        .collect()
}

fn stream_of(batches: &[SingularBatch]) -> Vec<u8> {
    let mut out = Vec::new();
    for batch in batches {
        append_to_stream(&batch.encode(), &mut out);
    }
    out
}

/// The stream of [`COUNT`] batches.
fn stream() -> Vec<u8> {
    stream_of(&batches(COUNT, DATA_BYTES))
}

fn zlib() -> Vec<u8> {
    compress(&stream(), Compression::Zlib, 9)
}

/// A deflate block of bytes as they are.
fn stored(data: &[u8], is_final: bool) -> Vec<u8> {
    let len = data.len() as u16;
    let mut out = vec![u8::from(is_final)];
    out.extend(len.to_le_bytes());
    out.extend((!len).to_le_bytes());
    out.extend_from_slice(data);
    out
}

/// A zlib header, then `blocks`.
fn deflated(blocks: &[Vec<u8>]) -> Vec<u8> {
    [vec![0x78, 0x9c], blocks.concat()].concat()
}

fn adler32(data: &[u8]) -> [u8; 4] {
    let (a, b) = data.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (a + b) % 65_521)
    });
    (b << 16 | a).to_be_bytes()
}

fn cut(channel: &[u8], bytes: usize) -> Vec<u8> {
    channel[..channel.len() - bytes].to_vec()
}

fn with(channel: &[u8], behind: &[u8]) -> Vec<u8> {
    [channel, behind].concat()
}

/// Everything that can be wrong with a zlib channel: `(name, channel, batches kept, end)`.
fn zlib_cases() -> Vec<(&'static str, Vec<u8>, usize, End)> {
    let (data, whole) = (stream(), zlib());
    let batch = data.len() / COUNT;
    let half = stored(&data[..4 * batch], false);
    let rest = stored(&data[4 * batch..], true);
    let sum = adler32(&data).to_vec();
    let flush = stored(&[], false);
    let mut wrong_sum = whole.clone();
    *wrong_sum.last_mut().unwrap() ^= 1;
    let mut wrong_length = stored(&data[4 * batch..5 * batch], false);
    wrong_length[3] ^= 1;
    // Fixed Huffman codes: a match 24,577 bytes back, where there are not that many.
    let too_far = vec![0x03, 0x5e, 0x00, 0x00];
    let with_dictionary =
        |id: [u8; 4]| [&[0x78, 0xbb], &id[..], &half[..], &rest[..], &sum[..]].concat();
    vec![
        ("whole", whole.clone(), COUNT, COMPLETE),
        (
            "stored blocks",
            deflated(&[half.clone(), rest.clone(), sum.clone()]),
            COUNT,
            COMPLETE,
        ),
        ("no bytes", vec![], 0, Err(ChannelError::Empty)),
        (
            "half a header",
            vec![0x78],
            0,
            Err(ChannelError::ZlibHeader),
        ),
        (
            "header check bits",
            vec![0x78, 0x9d, 0x03, 0x00],
            0,
            Err(ChannelError::ZlibHeader),
        ),
        (
            "method 15",
            vec![0x7f, 0x07, 0x03, 0x00],
            0,
            Err(ChannelError::ZlibHeader),
        ),
        (
            "window of 64 kB",
            vec![0x88, 0x1c, 0x03, 0x00],
            0,
            Err(ChannelError::ZlibHeader),
        ),
        ("header alone", whole[..2].to_vec(), 0, TRUNCATED),
        (
            "cut in the first block's header",
            whole[..3].to_vec(),
            0,
            TRUNCATED,
        ),
        (
            "cut in a block",
            whole[..whole.len() / 2].to_vec(),
            COUNT / 2,
            TRUNCATED,
        ),
        (
            "cut in a stored block",
            cut(&deflated(&[half.clone(), rest.clone()]), 10),
            7,
            TRUNCATED,
        ),
        (
            "cut between blocks",
            deflated(core::slice::from_ref(&half)),
            4,
            TRUNCATED,
        ),
        (
            "sync flush, no final block",
            deflated(&[half.clone(), flush.clone()]),
            4,
            TRUNCATED,
        ),
        ("checksum missing", cut(&whole, 4), COUNT, COMPLETE),
        ("checksum cut", cut(&whole, 2), COUNT, COMPLETE),
        ("checksum wrong", wrong_sum, COUNT, COMPLETE),
        ("bytes behind", with(&whole, &[0xde, 0xad]), COUNT, COMPLETE),
        (
            "another stream behind",
            with(&whole, &whole),
            COUNT,
            COMPLETE,
        ),
        (
            "block of unknown type",
            deflated(&[half.clone(), vec![0x07]]),
            4,
            CORRUPT,
        ),
        (
            "stored length wrong",
            deflated(&[half.clone(), wrong_length]),
            4,
            CORRUPT,
        ),
        (
            "distance too far",
            deflated(&[half.clone(), too_far]),
            4,
            CORRUPT,
        ),
        (
            "dictionary of another",
            with_dictionary([0, 0, 0, 2]),
            0,
            Err(ChannelError::ZlibHeader),
        ),
        (
            "dictionary, id cut",
            vec![0x78, 0xbb, 0, 0],
            0,
            Err(ChannelError::ZlibHeader),
        ),
        (
            "the empty dictionary",
            with_dictionary([0, 0, 0, 1]),
            COUNT,
            COMPLETE,
        ),
        (
            "nothing inside",
            compress(&[], Compression::Zlib, 9),
            0,
            COMPLETE,
        ),
    ]
}

fn brotli_cases() -> Vec<(&'static str, Vec<u8>, usize, End)> {
    let data = stream();
    let whole = compress(&data, Compression::Brotli, 10);
    let batch = data.len() / COUNT;
    // An uncompressed meta-block of four batches, under a window of 16 bits.
    let len = 4 * batch - 1;
    let head = [
        (len as u8) << 4,
        (len >> 4) as u8,
        ((len >> 12) as u8 & 0x0f) | 0x10,
    ];
    let raw = [&[1][..], &head, &data[..4 * batch]].concat();
    vec![
        ("whole", whole.clone(), COUNT, COMPLETE),
        ("version byte alone", vec![1], 0, TRUNCATED),
        ("uncompressed block, no last", raw.clone(), 4, TRUNCATED),
        ("uncompressed block, last", with(&raw, &[0x03]), 4, COMPLETE),
        ("cut in an uncompressed block", cut(&raw, 10), 3, TRUNCATED),
        (
            "cut in a block",
            whole[..whole.len() / 2].to_vec(),
            COUNT / 2,
            TRUNCATED,
        ),
        ("cut at the end", cut(&whole, 1), COUNT - 1, TRUNCATED),
        ("bytes behind", with(&whole, &[0xde, 0xad]), COUNT, CORRUPT),
        ("large window", vec![1, 0x11, 0x1e, 0x00, 0x00], 0, CORRUPT),
        (
            "nothing inside",
            compress(&[], Compression::Brotli, 10),
            0,
            COMPLETE,
        ),
        (
            "first block corrupt",
            [&[1, 0xff], &whole[2..]].concat(),
            0,
            CORRUPT,
        ),
        // The decoder is fed 4,095 bytes at first: what those gave had left it before the error.
        (
            "reserved bit behind four batches",
            with(&raw, &[0x0e, 0, 0, 0]),
            1,
            CORRUPT,
        ),
        ("zlib inside", with(&[1], &zlib()), 0, CORRUPT),
    ]
}

#[test]
fn every_way_to_break_a_zlib_channel() {
    for (name, channel, kept, end) in zlib_cases() {
        for rules in [BEFORE_FJORD, FJORD] {
            check(name, &channel, rules, kept, end);
        }
    }
}

#[test]
fn every_way_to_break_a_brotli_channel() {
    for (name, channel, kept, end) in brotli_cases() {
        check(name, &channel, FJORD, kept, end);
        let before = Err(ChannelError::UnknownCompression(1));
        check(name, &channel, BEFORE_FJORD, 0, before);
    }
}

#[test]
fn the_first_byte_names_the_compression() {
    for first in 0..=u8::MAX {
        let channel = [&[first], &zlib()[1..]].concat();
        let (kept, end) = match first {
            0x78 => (COUNT, COMPLETE),
            // A brotli stream that begins like the deflate stream.
            1 => continue,
            _ if matches!(first & 0x0f, 8 | 15) => (0, Err(ChannelError::ZlibHeader)),
            _ => (0, Err(ChannelError::UnknownCompression(first))),
        };
        check("first byte", &channel, FJORD, kept, end);
    }
}

#[test]
fn the_limit_cuts_between_and_within_batches() {
    let len = stream().len();
    let batch = len / COUNT;
    for compression in [Compression::Zlib, Compression::Brotli] {
        let channel = compress(&stream(), compression, 9);
        for (name, max_rlp_bytes, kept, end) in [
            ("just all", len, COUNT, COMPLETE),
            ("all but a byte", len - 1, COUNT - 1, CLIPPED),
            ("just one batch", batch, 1, CLIPPED),
            ("a batch but a byte", batch - 1, 0, CLIPPED),
            ("in the next batch's header", batch + 1, 1, CLIPPED),
            ("in the next batch", 2 * batch - 1, 1, CLIPPED),
            ("nothing", 0, 0, CLIPPED),
        ] {
            let rules = ChannelRules {
                brotli: true,
                max_rlp_bytes,
            };
            check(name, &channel, rules, kept, end);
        }
    }
}

/// Ten batches of a million bytes each just fill the limit before Fjord.
#[test]
fn the_limit_of_each_fork_counts_to_the_byte() {
    let overhead = stream_of(&batches(1, 990_000)).len() - 990_000;
    let data = stream_of(&batches(10, MAX_RLP_BYTES_PER_CHANNEL / 10 - overhead));
    assert_eq!(data.len(), MAX_RLP_BYTES_PER_CHANNEL);
    let count = |stream: &[u8], rules| {
        let channel = compress(stream, Compression::Zlib, 1);
        let end = decompress(&channel, rules).unwrap().end;
        let batches = BatchReader::open(&channel, rules, CONTEXT).unwrap();
        (batches.filter(Result::is_ok).count(), end)
    };
    assert_eq!(count(&data, BEFORE_FJORD), (10, StreamEnd::Complete));
    let longer = with(&data, &stream_of(&batches(1, 1)));
    assert_eq!(count(&longer, BEFORE_FJORD), (10, StreamEnd::Clipped));
    assert_eq!(count(&longer, FJORD), (11, StreamEnd::Complete));
    let shifted = with(&stream_of(&batches(1, 1)), &data);
    assert_eq!(count(&shifted, BEFORE_FJORD), (10, StreamEnd::Clipped));
    assert_eq!(count(&shifted, FJORD), (11, StreamEnd::Complete));
}

/// Bombs are cut off at the limit of the fork, wherever they would end.
#[test]
fn bombs_end_at_the_limit() {
    let zeros = vec![0; MAX_RLP_BYTES_PER_CHANNEL_FJORD + 1];
    let zlib = compress(&zeros, Compression::Zlib, 1);
    let brotli = compress(&zeros, Compression::Brotli, 1);
    for (name, bomb, rules, end) in [
        ("zlib before Fjord", &zlib, BEFORE_FJORD, CLIPPED),
        ("zlib", &zlib, FJORD, CLIPPED),
        ("brotli", &brotli, FJORD, CLIPPED),
        (
            "zlib, truncated",
            &cut(&zlib, zlib.len() / 4),
            FJORD,
            TRUNCATED,
        ),
        ("brotli, truncated", &cut(&brotli, 1), FJORD, TRUNCATED),
    ] {
        let decompressed = decompress(bomb, rules).unwrap();
        assert_eq!(Ok(decompressed.end), end, "{name}");
        if end == CLIPPED {
            assert_eq!(decompressed.data.len(), rules.max_rlp_bytes, "{name}");
        }
    }
}
