//! Inputs to start from where the fuzzer alone would take long: what our own encoders write.

use crate::{input::Input, rollup, transactions};
use alloy_primitives::{B256, Bytes, FixedBytes};
use opal_protocol::{
    Compression, Fork, Frame, SingularBatch, SpanBatch, SpanBlock, SpanContext, UpgradeBundle,
    UpgradeTx, batch::append_to_stream, channel::compress, frame::encode_frames,
};

/// The chain that the first bytes of the span targets choose when they are zero.
const SPAN_CONTEXT: SpanContext = SpanContext {
    chain_id: 1,
    genesis_time: 0,
    block_time: 1,
};
/// Chooses the largest limit in the channel targets.
const LARGEST_LIMIT: u8 = 7;

/// A seed: its target, its name, its bytes.
pub type Seed = (&'static str, &'static str, Vec<u8>);

/// Every seed.
pub fn seeds() -> Vec<Seed> {
    let stream = stream();
    let zlib = compress(&stream, Compression::Zlib, 6);
    let brotli = compress(&stream, Compression::Brotli, 9);
    let bomb = vec![0; 3_000_000];
    let zlib_bomb = compress(&bomb, Compression::Zlib, 6);
    let brotli_bomb = compress(&bomb, Compression::Brotli, 5);
    let limited = |limit: u8, channel: &[u8]| [&[limit], channel].concat();
    let span_body = span().encode(SPAN_CONTEXT).expect("well-formed");
    let mut seeds = vec![
        ("frames", "two_frames", encode_frames(&frames(&zlib))),
        ("channel_zlib", "batches", limited(LARGEST_LIMIT, &zlib)),
        ("channel_zlib", "bomb", limited(LARGEST_LIMIT, &zlib_bomb)),
        ("channel_deflate", "some_script", zlib.repeat(4)),
        ("channel_deflate", "other_script", brotli.repeat(3)),
        (
            "channel_brotli",
            "batches",
            limited(LARGEST_LIMIT, &brotli[1..]),
        ),
        (
            "channel_brotli",
            "bomb",
            limited(LARGEST_LIMIT, &brotli_bomb[1..]),
        ),
        ("batch", "stream", stream),
        ("batch", "singular", singular(3).encode()[1..].to_vec()),
        ("span", "every_type", [&[0; 3], &span_body[1..]].concat()),
        ("rlp", "singular", singular(2).encode()[1..].to_vec()),
        (
            "blob",
            "patched",
            vec![2, 0, 200, 0, 0, 31, 1, 0, 1, 0, 1, 7, 7, 7],
        ),
        ("blob", "round_trip", [&[3], &zlib[..]].concat()),
        ("upgrade_bundle", "karst", bundle()),
        ("rollup_config", "every_fork", config(u8::MAX)),
        ("rollup_config", "no_fork", config(0)),
    ];
    for (target, name) in [
        ("span_build", "script"),
        ("deposit", "script"),
        ("config_update", "script"),
        ("l1_info", "script"),
        ("l1_block", "script"),
        ("receipts", "script"),
    ] {
        seeds.push((target, name, (0..=255).rev().collect()));
    }
    for (name, fork, step, kinds) in [
        ("every_fork_singular", 0, 24, [2, 6]),
        ("every_fork_span", 0, 24, [0, 4]),
        ("holocene_span", 7, 0, [0, 4]),
        ("karst_mixed", 10, 0, [3, 7]),
    ] {
        seeds.push(("pipeline", name, pipeline_script(fork, step, kinds)));
    }
    seeds.extend(crate::engine::seeds());
    seeds
}

/// A script for the pipeline: a fork at genesis, the others every `step` seconds (0: never); then
/// rounds of sequencing, posting in batches of these kinds, and mining.
fn pipeline_script(fork: u8, step: u8, kinds: [u8; 2]) -> Vec<u8> {
    let mut script = vec![0, 0, 0, 0, fork];
    let later = if step == 0 { 1 } else { 10 - usize::from(fork) };
    script.extend(core::iter::repeat_n(step, later));
    // No blob schedule of its own, no kept gas, every bundle there.
    script.extend([0, 0, 0]);
    for round in 0..24u8 {
        // Mine, for an origin to adopt; sequence six blocks with a transaction each.
        script.extend([7, 0, 0, 0, 5, 1, 1, 0, 1, 2, 1]);
        // A channel of all blocks in three frames.
        script.extend([2, kinds[usize::from(round % 2)], 0, 0, 0, 0, 0, 0, 2]);
        // All frames in one transaction: calldata or a blob.
        script.extend([4, if round % 3 == 0 { 128 } else { 0 }, 7, 0, 0, 0, 0]);
        // Every third round is late and goes on from the safe head.
        script.extend([7, 0, 0]);
        script.push(13);
    }
    script
}

fn singular(transactions: u64) -> SingularBatch {
    SingularBatch {
        parent_hash: B256::repeat_byte(1),
        epoch_num: 300,
        epoch_hash: B256::repeat_byte(2),
        timestamp: 1_700_000_000,
        transactions: (0..transactions)
            .map(|nonce| transactions::plain(10, nonce))
            .collect(),
    }
}

/// A span with transactions of every type.
fn span() -> SpanBatch {
    let script: Vec<u8> = (0..4_000u32).map(|i| (i * 7 % 251) as u8).collect();
    let mut input = Input::new(&script);
    let block = |index: u64, input: &mut Input<'_>| SpanBlock {
        epoch_num: 5 + index / 2,
        timestamp: 100 + index,
        transactions: transactions::one_of_each(input, SPAN_CONTEXT.chain_id),
    };
    SpanBatch {
        parent_check: FixedBytes::repeat_byte(1),
        l1_origin_check: FixedBytes::repeat_byte(2),
        first_starts_epoch: true,
        blocks: (0..3).map(|index| block(index, &mut input)).collect(),
    }
}

/// The decompressed bytes of a channel.
fn stream() -> Vec<u8> {
    let mut stream = Vec::new();
    append_to_stream(&singular(2).encode(), &mut stream);
    let context = SpanContext {
        chain_id: 10,
        genesis_time: 1_000,
        block_time: 2,
    };
    let mut span = SpanBatch {
        blocks: vec![SpanBlock::default(); 3],
        ..SpanBatch::default()
    };
    for (timestamp, block) in (1_000..).step_by(2).zip(&mut span.blocks) {
        block.timestamp = timestamp;
        block.transactions = vec![transactions::plain(10, timestamp)];
    }
    append_to_stream(&span.encode(context).expect("well-formed"), &mut stream);
    stream
}

fn frames(channel: &[u8]) -> [Frame; 2] {
    let (first, last) = channel.split_at(channel.len() / 2);
    [(0, first), (1, last)].map(|(number, data)| Frame {
        id: FixedBytes::repeat_byte(7),
        number,
        data: Bytes::copy_from_slice(data),
        is_last: number == 1,
    })
}

fn bundle() -> Vec<u8> {
    let tx = |intent: &str| UpgradeTx {
        data: Bytes::from_static(&[1, 2, 3]),
        from: rollup::BATCHER,
        gas_limit: 1_000,
        intent: intent.to_owned(),
        to: Some(rollup::INBOX),
    };
    let bundle = UpgradeBundle {
        fork: Fork::Karst,
        transactions: vec![
            tx("Deploy"),
            UpgradeTx {
                to: None,
                ..tx("Point")
            },
        ],
    };
    let fork = Fork::ALL.len() as u8 - 1;
    [&[fork], bundle.to_json().as_bytes()].concat()
}

/// A rollup configuration from a script of equal bytes.
fn config(byte: u8) -> Vec<u8> {
    let script = [byte; 64];
    let config = rollup::config(&mut Input::new(&script));
    serde_json::to_vec(&config).expect("plain data")
}
