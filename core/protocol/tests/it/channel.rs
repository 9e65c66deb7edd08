//! Channels, frames and singular batches.

use crate::common::{CONTEXT, any_hash, any_u64, config};
use alloy_primitives::{B256, Bytes, FixedBytes};
use opal_protocol::{
    Batch, BatchError, BatchReader, ChannelRules, Compression, Fork, Frame, SingularBatch,
    batch::append_to_stream,
    channel::{
        ChannelError, MAX_RLP_BYTES_PER_CHANNEL, MAX_RLP_BYTES_PER_CHANNEL_FJORD, StreamEnd,
        compress, decompress,
    },
    frame::{FrameError, MAX_FRAME_DATA_BYTES, encode_frames, parse_frames},
};
use proptest::{collection::vec, prelude::*};

const RULES: ChannelRules = ChannelRules {
    brotli: true,
    max_rlp_bytes: 1 << 20,
};
const BOTH: [Compression; 2] = [Compression::Zlib, Compression::Brotli];

fn any_singular() -> impl Strategy<Value = SingularBatch> {
    let transactions = vec(vec(any::<u8>(), 0..100).prop_map(Bytes::from), 0..6);
    (any_hash(), any_u64(), any_hash(), any_u64(), transactions).prop_map(
        |(parent_hash, epoch_num, epoch_hash, timestamp, transactions)| SingularBatch {
            parent_hash,
            epoch_num,
            epoch_hash,
            timestamp,
            transactions,
        },
    )
}

fn any_frame() -> impl Strategy<Value = Frame> {
    (
        any::<[u8; 16]>(),
        any::<u16>(),
        vec(any::<u8>(), 0..200),
        any::<bool>(),
    )
        .prop_map(|(id, number, data, is_last)| Frame {
            id: FixedBytes(id),
            number,
            data: data.into(),
            is_last,
        })
}

fn stream(batches: &[SingularBatch]) -> Vec<u8> {
    let mut out = Vec::new();
    for batch in batches {
        append_to_stream(&batch.encode(), &mut out);
    }
    out
}

fn batch(timestamp: u64, transaction_len: usize) -> SingularBatch {
    let mut state = timestamp;
    let noise = core::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    });
    SingularBatch {
        parent_hash: B256::repeat_byte(7),
        epoch_num: 1,
        epoch_hash: B256::repeat_byte(9),
        timestamp,
        transactions: vec![noise.take(transaction_len).collect()],
    }
}

/// The batches that a channel yields before it ends or breaks.
fn read(channel: &[u8], rules: ChannelRules) -> Vec<SingularBatch> {
    BatchReader::open(channel, rules, CONTEXT)
        .unwrap()
        .map_while(Result::ok)
        .map(|batch| match batch {
            Batch::Singular(batch) => batch,
            Batch::Span(_) => panic!("no span was written"),
        })
        .collect()
}

proptest! {
    #[test]
    fn singular_batches_round_trip(batch in any_singular()) {
        let encoded = Bytes::from(batch.encode());
        prop_assert_eq!(Batch::decode(&encoded, CONTEXT).unwrap(), Batch::Singular(batch));
    }

    #[test]
    fn channels_round_trip(batches in vec(any_singular(), 0..10), level in 0u8..12) {
        for compression in BOTH {
            let channel = compress(&stream(&batches), compression, level);
            let decompressed = decompress(&channel, RULES).unwrap();
            prop_assert_eq!(decompressed.compression, compression);
            prop_assert_eq!(decompressed.end, StreamEnd::Complete);
            prop_assert_eq!(read(&channel, RULES), batches.clone());
        }
    }

    #[test]
    fn hostile_channels_never_panic(
        batches in vec(any_singular(), 0..5),
        mutations in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
        noise in vec(any::<u8>(), 0..100),
        max_rlp_bytes in 0usize..2000,
    ) {
        let rules = ChannelRules { brotli: true, max_rlp_bytes };
        for compression in BOTH {
            let mut channel = compress(&stream(&batches), compression, 9);
            for (index, value) in &mutations {
                let index = index.index(channel.len());
                channel[index] = *value;
            }
            channel.truncate(cut.index(channel.len()) + 1);
            for first in [channel[0], 0x78, 1] {
                channel[0] = first;
                if let Ok(reader) = BatchReader::open(&channel, rules, CONTEXT) {
                    reader.for_each(drop);
                }
            }
        }
        for first in [0x78, 1] {
            let mut channel = vec![first];
            channel.extend(&noise);
            let _ = decompress(&channel, rules);
        }
        BatchReader::new(noise.clone().into(), CONTEXT).for_each(drop);
        let _ = SingularBatch::decode(&noise.into());
    }

    #[test]
    fn frames_round_trip(frames in vec(any_frame(), 1..6)) {
        let encoded = Bytes::from(encode_frames(&frames));
        prop_assert_eq!(parse_frames(&encoded).unwrap(), frames);
        for end in 0..encoded.len() {
            // A cut either voids the data or falls between two frames.
            if let Ok(parsed) = parse_frames(&encoded.slice(..end)) {
                prop_assert_eq!(encode_frames(&parsed), encoded[..end].to_vec());
            }
        }
    }

    #[test]
    fn hostile_frames_never_panic(
        frames in vec(any_frame(), 1..4),
        mutations in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        noise in vec(any::<u8>(), 0..100),
    ) {
        let mut encoded = encode_frames(&frames);
        for (index, value) in mutations {
            let index = index.index(encoded.len());
            encoded[index] = value;
        }
        let _ = parse_frames(&encoded.into());
        let _ = parse_frames(&noise.into());
    }
}

#[test]
fn trap_23_one_malformed_frame_voids_its_transaction() {
    let frame = |number, is_last| Frame {
        id: FixedBytes([1; 16]),
        number,
        data: Bytes::from_static(b"data"),
        is_last,
    };
    let good = encode_frames(&[frame(0, false), frame(1, true)]);
    assert_eq!(parse_frames(&good.clone().into()).unwrap().len(), 2);
    let mut bad = good.clone();
    *bad.last_mut().unwrap() = 2;
    assert_eq!(
        parse_frames(&bad.into()),
        Err(FrameError::IsLast {
            offset: 28,
            value: 2
        })
    );
    let mut bad = good.clone();
    bad.push(0);
    assert_eq!(
        parse_frames(&bad.into()),
        Err(FrameError::Truncated { offset: 55 })
    );
    let mut bad = good;
    bad[1 + 18..1 + 22].copy_from_slice(&(MAX_FRAME_DATA_BYTES as u32 + 1).to_be_bytes());
    assert_eq!(
        parse_frames(&bad.into()),
        Err(FrameError::TooLong {
            offset: 1,
            length: 1_000_001
        })
    );
    assert_eq!(parse_frames(&Bytes::new()), Err(FrameError::Empty));
    assert_eq!(
        parse_frames(&Bytes::from_static(&[0])),
        Err(FrameError::Empty)
    );
    assert_eq!(
        parse_frames(&Bytes::from_static(&[1, 0])),
        Err(FrameError::Version(1))
    );
}

#[test]
fn frames_share_the_memory_of_their_transaction() {
    let frame = Frame {
        data: vec![5; 1000].into(),
        is_last: true,
        ..Default::default()
    };
    let encoded = Bytes::from(encode_frames(&[frame]));
    let parsed = parse_frames(&encoded).unwrap();
    assert_eq!(parsed[0].data.as_ptr(), encoded[23..].as_ptr());
}

#[test]
fn trap_24_over_long_channels_are_clipped_and_whole_batches_kept() {
    let batches: Vec<_> = (0..10).map(|time| batch(time, 500)).collect();
    let stream_len = stream(&batches).len();
    let batch_len = stream_len / batches.len();
    for compression in BOTH {
        let channel = compress(&stream(&batches), compression, 9);
        for (max_rlp_bytes, kept, end) in [
            (stream_len, 10, StreamEnd::Complete),
            (stream_len - 1, 9, StreamEnd::Clipped),
            (3 * batch_len, 3, StreamEnd::Clipped),
            (3 * batch_len - 1, 2, StreamEnd::Clipped),
            (1, 0, StreamEnd::Clipped),
        ] {
            let rules = ChannelRules {
                brotli: true,
                max_rlp_bytes,
            };
            let decompressed = decompress(&channel, rules).unwrap();
            assert_eq!(decompressed.end, end, "{compression:?} {max_rlp_bytes}");
            assert!(decompressed.data.len() <= max_rlp_bytes);
            assert_eq!(read(&channel, rules), batches[..kept]);
        }
    }
}

#[test]
fn truncated_channels_keep_the_batches_that_are_whole() {
    let batches: Vec<_> = (0..10).map(|time| batch(time, 500)).collect();
    for compression in BOTH {
        let channel = compress(&stream(&batches), compression, 9);
        let mut kept_before = 0;
        for end in 3..channel.len() - 5 {
            let Ok(decompressed) = decompress(&channel[..end], RULES) else {
                continue;
            };
            assert_eq!(
                decompressed.end,
                StreamEnd::Truncated,
                "{compression:?} {end}"
            );
            let kept = read(&channel[..end], RULES);
            assert_eq!(kept, batches[..kept.len()]);
            assert!(kept.len() >= kept_before);
            kept_before = kept.len();
        }
        assert!(kept_before > 5, "{compression:?} kept {kept_before}");
    }
}

#[test]
fn a_malformed_batch_ends_the_channel() {
    let good = stream(&[batch(1, 10)]);
    let middles: [(&[u8], BatchError); 5] = [
        (&[0x80], BatchError::Empty),
        (&[0x05], BatchError::UnknownType(5)),
        (&[0xc0], BatchError::Stream { offset: good.len() }),
        (&[0x81, 0x00], BatchError::Stream { offset: good.len() }),
        (&[0x82, 0x00, 0xc0], BatchError::Singular("bad parent_hash")),
    ];
    for (middle, error) in middles {
        let data = [&good, middle, &good[..]].concat();
        let mut reader = BatchReader::new(data.into(), CONTEXT);
        assert!(reader.next_batch().unwrap().is_ok());
        assert_eq!(reader.next_batch(), Some(Err(error)));
        assert_eq!(reader.next_batch(), None);
    }
}

#[test]
fn a_bomb_costs_no_more_than_the_limit() {
    let zeros = vec![0; 50_000_000];
    for compression in BOTH {
        let bomb = compress(&zeros, compression, 6);
        assert!(bomb.len() < 60_000);
        let rules = ChannelRules {
            brotli: true,
            max_rlp_bytes: MAX_RLP_BYTES_PER_CHANNEL,
        };
        let decompressed = decompress(&bomb, rules).unwrap();
        assert_eq!(decompressed.end, StreamEnd::Clipped);
        assert_eq!(decompressed.data.len(), MAX_RLP_BYTES_PER_CHANNEL);
    }
}

#[test]
fn the_first_byte_tells_the_compression() {
    let before_fjord = config(Fork::Ecotone);
    let fjord = config(Fork::Fjord);
    let time = CONTEXT.genesis_time;
    let rules = ChannelRules::at(&before_fjord, time);
    assert_eq!(
        rules,
        ChannelRules {
            brotli: false,
            max_rlp_bytes: MAX_RLP_BYTES_PER_CHANNEL
        }
    );
    let brotli = compress(b"abc", Compression::Brotli, 10);
    assert_eq!(
        decompress(&brotli, rules),
        Err(ChannelError::UnknownCompression(1))
    );
    let rules = ChannelRules::at(&fjord, time);
    assert_eq!(rules.max_rlp_bytes, MAX_RLP_BYTES_PER_CHANNEL_FJORD);
    assert_eq!(&decompress(&brotli, rules).unwrap().data[..], b"abc");
    for (channel, error) in [
        (&[][..], ChannelError::Empty),
        (&[0][..], ChannelError::UnknownCompression(0)),
        (&[2, 3][..], ChannelError::UnknownCompression(2)),
        (&[0x78][..], ChannelError::ZlibHeader),
        (&[0x78, 0x00][..], ChannelError::ZlibHeader), // check bits
        (&[0x7f, 0x07][..], ChannelError::ZlibHeader), // method 15
        (&[0x78, 0xbb][..], ChannelError::ZlibHeader), // preset dictionary
    ] {
        assert_eq!(decompress(channel, rules), Err(error));
    }
}

#[test]
fn brotli_with_a_large_window_is_corrupt() {
    // The window header of the large-window extension: 0x11, then 30 as the window's log2.
    let channel = [1, 0x11, 0x1e, 0x00, 0x00];
    let decompressed = decompress(&channel, RULES).unwrap();
    assert_eq!(decompressed.end, StreamEnd::Corrupt);
    assert!(decompressed.data.is_empty());
}

#[test]
fn bytes_behind_the_end_of_the_stream_change_nothing() {
    let batches = [batch(1, 100), batch(2, 100)];
    for compression in BOTH {
        let mut channel = compress(&stream(&batches), compression, 9);
        channel.extend([0xde, 0xad]);
        assert_eq!(read(&channel, RULES), batches);
    }
}

#[test]
fn a_single_batch_shares_the_memory_of_its_channel() {
    let data = Bytes::from(stream(&[batch(1, 1000)]));
    let range = data.as_ptr_range();
    let Some(Ok(Batch::Singular(batch))) = BatchReader::new(data, CONTEXT).next() else {
        panic!("no batch");
    };
    assert!(range.contains(&batch.transactions[0].as_ptr()));
}
