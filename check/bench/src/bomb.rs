//! Workload 4: hostile channels. What they cost in memory, as a multiple of the fork's limit.
//!
//! The peer is measured beside us but gives other results: it drops what it should clip.

use crate::{
    channel::peer_config,
    fixture::{CONTEXT, Channel},
    meter::usage,
    report::{Goal, Row},
};
use opal_protocol::{
    BatchReader, ChannelRules, Compression,
    batch::append_to_stream,
    channel::{MAX_RLP_BYTES_PER_CHANNEL, MAX_RLP_BYTES_PER_CHANNEL_FJORD, compress},
};

/// Bytes that the bombs decompress to.
const BOMB_BYTES: usize = 400_000_000;
const BEFORE_FJORD: ChannelRules = ChannelRules {
    brotli: false,
    max_rlp_bytes: MAX_RLP_BYTES_PER_CHANNEL,
};
const FJORD: ChannelRules = ChannelRules {
    brotli: true,
    max_rlp_bytes: MAX_RLP_BYTES_PER_CHANNEL_FJORD,
};

/// Runs the workload.
pub fn run(channel: &Channel) -> Vec<Row> {
    let zeros = vec![0; BOMB_BYTES];
    let zlib = compress(&zeros, Compression::Zlib, 1);
    let brotli = compress(&zeros, Compression::Brotli, 1);
    drop(zeros);
    let real = compress(&channel.plain.repeat(6), Compression::Zlib, 1);
    let tiny = compress(&tiny_transactions(), Compression::Zlib, 1);
    let cut = |stream: &[u8], percent: usize| stream[..stream.len() * percent / 100].to_vec();
    [
        ("bomb, zlib, before Fjord", zlib.clone(), BEFORE_FJORD),
        ("bomb, zlib, Fjord", zlib.clone(), FJORD),
        ("bomb, brotli, Fjord", brotli.clone(), FJORD),
        ("truncated bomb, zlib, Fjord", cut(&zlib, 20), FJORD),
        ("truncated bomb, brotli, Fjord", cut(&brotli, 20), FJORD),
        (
            "truncated real stream, zlib, before Fjord",
            cut(&real, 90),
            BEFORE_FJORD,
        ),
        ("decoded bomb of one-byte transactions, Fjord", tiny, FJORD),
    ]
    .into_iter()
    .map(|(name, stream, rules)| row(name, &stream, rules))
    .collect()
}

fn row(name: &str, stream: &[u8], rules: ChannelRules) -> Row {
    let cfg = peer_config();
    let ours = usage(|| {
        let reader = BatchReader::open(stream, rules, CONTEXT);
        reader.map(|batches| batches.map_while(Result::ok).collect::<Vec<_>>())
    });
    let peer = usage(|| {
        let mut reader = kona_protocol::BatchReader::new(stream, rules.max_rlp_bytes);
        std::iter::from_fn(|| reader.next_batch(&cfg)).collect::<Vec<_>>()
    });
    let limit = rules.max_rlp_bytes as f64;
    Row {
        name: name.to_string(),
        unit: "bytes",
        ours: ours.peak_bytes as f64,
        peer: peer.peak_bytes as f64,
        ratio: ours.peak_bytes as f64 / limit,
        goal: Goal::AtMost(2.0),
        method: format!(
            "ours/limit of {limit} bytes; peak of one counted decode of {} compressed bytes, input \
             not counted, a moving allocation counted twice while it moves",
            stream.len()
        ),
    }
}

/// A stream of one batch of just the limit that holds nothing but one-byte transactions.
fn tiny_transactions() -> Vec<u8> {
    let count = MAX_RLP_BYTES_PER_CHANNEL_FJORD - 100;
    // Written by hand: a list of 100 million values would itself cost gigabytes.
    let mut body = Vec::with_capacity(count);
    let list = |payload: usize, out: &mut Vec<u8>| {
        alloy_rlp::Header {
            list: true,
            payload_length: payload,
        }
        .encode(out);
    };
    let (fields, transactions) = (33 + 1 + 33 + 1, count - 100);
    let inner = alloy_rlp::Header {
        list: true,
        payload_length: transactions,
    };
    body.push(opal_protocol::batch::SINGULAR_BATCH_TYPE);
    list(fields + inner.length() + transactions, &mut body);
    for zeros in [32, 0, 32, 0] {
        body.push(0x80 + zeros);
        body.resize(body.len() + usize::from(zeros), 0);
    }
    list(transactions, &mut body);
    body.resize(body.len() + transactions, 1);
    let mut stream = Vec::with_capacity(body.len() + 8);
    append_to_stream(&body, &mut stream);
    stream
}
