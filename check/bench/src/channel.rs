//! Workload 1: a channel's bytes in, its batches with the bytes of all transactions out.

use crate::{
    bare,
    fixture::{CONTEXT, Channel, RULES},
    meter::{race, usage},
    report::{Goal, Row},
};
use alloy_primitives::Bytes;
use kona_genesis::{HardForkConfig, RollupConfig};
use opal_protocol::{Batch, BatchReader, Compression, channel::compress};
use std::any::Any;

const ROUNDS: usize = 25;
/// Rounds where one channel is ten times the other.
const GROWTH_ROUNDS: usize = 9;

/// Runs the workload.
pub fn run(channel: &Channel) -> Vec<Row> {
    let mut rows = Vec::new();
    let brotli = |level| compress(&channel.plain, Compression::Brotli, level);
    let encodings = [
        ("zlib", channel.zlib.clone()),
        ("brotli 9", brotli(9)),
        ("brotli 10", brotli(10)),
        ("brotli 11", brotli(11)),
    ];
    for (name, encoded) in &encodings {
        rows.extend(decode(name, encoded, &channel.plain));
    }
    rows.push(growth(channel));
    rows
}

fn decode(name: &str, encoded: &[u8], plain: &[u8]) -> Vec<Row> {
    let cfg = peer_config();
    assert_eq!(
        flatten_ours(&ours(encoded)),
        flatten_peer(&peer(encoded, &cfg)),
        "{name}"
    );
    let bare = || match name {
        "zlib" => bare::zlib(encoded, plain.len()),
        _ => bare::brotli(&encoded[1..], plain.len()).into(),
    };
    assert_eq!(&bare()[..], plain, "{name}");
    let [our_time, peer_time, bare_time] = race(
        ROUNDS,
        [
            &mut || Box::new(ours(encoded)) as Box<dyn Any>,
            &mut || Box::new(peer(encoded, &cfg)) as Box<dyn Any>,
            &mut || Box::new(bare()) as Box<dyn Any>,
        ],
    );
    let (our_use, peer_use) = (usage(|| ours(encoded)), usage(|| peer(encoded, &cfg)));
    let how = "OP Mainnet channel, 615 kB zlib, 143 blocks, 1,766 transactions; bytes to batches";
    let decompressor = if name == "zlib" {
        "our own decoder alone"
    } else {
        "brotli-decompressor 6 into a right-sized buffer"
    };
    let both = |unit, ours: u64, peer: u64| {
        let what = if unit == "bytes" {
            "peak memory"
        } else {
            "allocations"
        };
        Row::less(
            format!("channel decode, {name}: {what}"),
            unit,
            [ours as f64, peer as f64],
            Goal::None,
            "one counted decode",
        )
    };
    let mut rows = vec![
        Row::faster(
            format!("channel decode, {name}"),
            [&our_time, &peer_time],
            3.0,
            how,
        ),
        Row::cost(
            format!("channel decode, {name}, over the bare decompressor"),
            [&our_time, &bare_time],
            Goal::AtMost(1.3),
            decompressor,
        ),
        both("allocations", our_use.allocations, peer_use.allocations),
        both("bytes", our_use.peak_bytes, peer_use.peak_bytes),
    ];
    if name == "zlib" {
        rows.push(beside_miniz(encoded, plain.len()));
    }
    rows
}

/// Our decoder beside the library that other clients use, both without anything else.
fn beside_miniz(encoded: &[u8], len: usize) -> Row {
    let [our_time, their_time] = race(
        ROUNDS,
        [
            &mut || Box::new(bare::zlib(encoded, len)) as Box<dyn Any>,
            &mut || Box::new(bare::miniz(encoded, len)) as Box<dyn Any>,
        ],
    );
    let mut row = Row::faster(
        "inflate alone, beside miniz_oxide",
        [&our_time, &their_time],
        1.0,
        "the same channel; miniz_oxide without checksum into a right-sized buffer",
    );
    row.goal = Goal::None;
    row
}

/// Ten times the input in one channel.
fn growth(channel: &Channel) -> Row {
    let tenfold = compress(&channel.plain.repeat(10), Compression::Zlib, 9);
    let single = compress(&channel.plain, Compression::Zlib, 9);
    let [small, large] = race(
        GROWTH_ROUNDS,
        [&mut || Box::new(ours(&single)) as Box<dyn Any>, &mut || {
            Box::new(ours(&tenfold)) as Box<dyn Any>
        }],
    );
    Row::cost(
        "channel decode, zlib: growth at ten times the input",
        [&large, &small],
        Goal::AtMost(10.5),
        "ours alone: a channel of ten such batches beside a channel of one",
    )
}

/// All batches of a channel, by us.
pub fn ours(channel: &[u8]) -> Vec<Batch> {
    BatchReader::open(channel, RULES, CONTEXT)
        .expect("a channel")
        .map(|batch| batch.expect("a batch"))
        .collect()
}

/// All batches of a channel, by the peer.
pub fn peer(channel: &[u8], cfg: &RollupConfig) -> Vec<kona_protocol::Batch> {
    let mut reader = kona_protocol::BatchReader::new(channel, RULES.max_rlp_bytes);
    std::iter::from_fn(|| reader.next_batch(cfg)).collect()
}

/// OP Mainnet with all that the peer must know to decode its batches.
pub fn peer_config() -> RollupConfig {
    let mut cfg = RollupConfig {
        l2_chain_id: CONTEXT.chain_id.into(),
        block_time: CONTEXT.block_time,
        hardforks: HardForkConfig {
            fjord_time: Some(0),
            ..Default::default()
        },
        ..Default::default()
    };
    cfg.genesis.l2_time = CONTEXT.genesis_time;
    cfg
}

/// `(time, epoch, transactions)` of a block: what both sides must agree on.
type Block = (u64, u64, Vec<Bytes>);

fn flatten_ours(batches: &[Batch]) -> Vec<Block> {
    let mut blocks = Vec::new();
    for batch in batches {
        match batch {
            Batch::Singular(b) => {
                blocks.push((b.timestamp, b.epoch_num, b.transactions.clone()));
            }
            Batch::Span(span) => blocks.extend(
                span.blocks
                    .iter()
                    .map(|b| (b.timestamp, b.epoch_num, b.transactions.clone())),
            ),
        }
    }
    blocks
}

fn flatten_peer(batches: &[kona_protocol::Batch]) -> Vec<Block> {
    let mut blocks = Vec::new();
    for batch in batches {
        match batch {
            kona_protocol::Batch::Single(b) => {
                blocks.push((b.timestamp, b.epoch_num, b.transactions.clone()));
            }
            kona_protocol::Batch::Span(span) => blocks.extend(
                span.batches
                    .iter()
                    .map(|b| (b.timestamp, b.epoch_num, b.transactions.clone())),
            ),
        }
    }
    assert!(!blocks.is_empty());
    blocks
}
