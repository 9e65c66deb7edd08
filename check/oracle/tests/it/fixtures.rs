//! Vectors that nobody here wrote.

use opal_oracle::{Batch, NaiveL1Tx, SpanBatch, decode_batch, read_channel};
use opal_protocol::{RollupConfig, RollupGenesis, SpanContext};
use std::{env, fs, path::PathBuf};

/// The vectors' folder, or `None` where there is none.
fn fixtures() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    let folder = env::var_os("OPAL_FIXTURES").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    let required = env::var("OPAL_FIXTURES_REQUIRED").is_ok_and(|value| value == "1");
    assert!(
        !required,
        "fixtures are required, but {folder:?} is not there"
    );
    println!("skipped: fixtures absent");
    None
}

fn op_mainnet() -> RollupConfig {
    let mut cfg = RollupConfig {
        l2_chain_id: 10,
        block_time: 2,
        genesis: RollupGenesis {
            l2_time: 1_686_068_903,
            ..RollupGenesis::default()
        },
        ..RollupConfig::default()
    };
    cfg.forks.canyon_time = Some(1_704_992_401);
    cfg.forks.delta_time = Some(1_708_560_000);
    cfg
}

/// The same bytes by the other decoder.
fn other_decoder(encoded: &[u8]) -> Option<opal_protocol::SpanBatch> {
    let context = SpanContext::from(&op_mainnet());
    match opal_protocol::Batch::decode(&encoded.to_vec().into(), context) {
        Ok(opal_protocol::Batch::Span(span)) => Some(span),
        _ => None,
    }
}

fn assert_same(ours: &SpanBatch, other: &opal_protocol::SpanBatch) {
    assert_eq!(ours.parent_check, other.parent_check.0);
    assert_eq!(ours.l1_origin_check, other.l1_origin_check.0);
    assert_eq!(ours.blocks.len(), other.blocks.len());
    for (ours, other) in ours.blocks.iter().zip(&other.blocks) {
        assert_eq!(ours.epoch_num, other.epoch_num);
        assert_eq!(ours.timestamp, other.timestamp);
        assert_eq!(ours.transactions, other.transactions);
    }
}

#[test]
fn the_op_mainnet_channel_decodes() {
    let Some(folder) = fixtures() else { return };
    let text = fs::read_to_string(folder.join("derivation/op-mainnet-channel.hex")).unwrap();
    let channel = hex::decode(text.trim()).unwrap();
    let batches = read_channel(&op_mainnet(), &channel, 1_718_000_000);
    assert_eq!(batches.len(), 1);
    let Batch::Span(span) = &batches[0] else {
        panic!("it holds a span batch");
    };
    assert_eq!(span.blocks.len(), 143);
    let transactions: usize = span.blocks.iter().map(|b| b.transactions.len()).sum();
    assert_eq!(transactions, 1766);
    assert_eq!(span.blocks.last().unwrap().epoch_num, 20_089_770);
    let times = span.blocks.iter().map(|block| block.timestamp);
    assert!(times.clone().zip(times.skip(1)).all(|(a, b)| b == a + 2));
    // Before Delta the channel holds nothing.
    assert!(read_channel(&op_mainnet(), &channel, 1_705_000_000).is_empty());
}

#[test]
fn whole_span_batches_decode_as_the_other_decoder_has_them() {
    let Some(folder) = fixtures() else { return };
    let mut counts = vec![];
    for name in ["spanbatchtxs", "spanbatchoriginbits"] {
        let text = fs::read_to_string(folder.join(format!("span-batch/{name}.txt"))).unwrap();
        let bytes = hex::decode(text.trim()).unwrap();
        let with_type = [&[1], bytes.as_slice()].concat();
        for encoded in [&bytes, &with_type] {
            let ours = decode_batch(&op_mainnet(), encoded);
            let other = other_decoder(encoded);
            match (ours, other) {
                (Some(Batch::Span(ours)), Some(other)) => {
                    assert_same(&ours, &other);
                    counts.push(ours.blocks.len());
                }
                (None, None) => {}
                (ours, other) => panic!("{name}: {} {}", ours.is_some(), other.is_some()),
            }
        }
    }
    println!("blocks: {counts:?}");
    assert!(!counts.is_empty());
}

#[test]
fn damaged_span_batches_decode_alike_or_not_at_all() {
    let Some(folder) = fixtures() else { return };
    let text = fs::read_to_string(folder.join("derivation/op-mainnet-channel.hex")).unwrap();
    let channel = hex::decode(text.trim()).unwrap();
    let stream = miniz_oxide::inflate::decompress_to_vec_zlib(&channel).unwrap();
    let mut rest = stream.as_slice();
    let encoded = alloy_rlp::Header::decode_bytes(&mut rest, false).unwrap();
    let mut random = super::random::Random::new(1);
    let mut decoded = 0;
    for round in 0..400 {
        let mut damaged = encoded.to_vec();
        // Half of the damage goes where the counts and bits are.
        let end = if round % 2 == 0 {
            400
        } else {
            damaged.len() as u64
        };
        for _ in 0..random.between(1, 2) {
            damaged[random.between(0, end - 1) as usize] = random.bits() as u8;
        }
        let ours = match decode_batch(&op_mainnet(), &damaged) {
            Some(Batch::Span(span)) => Some(span),
            _ => None,
        };
        let other = other_decoder(&damaged);
        assert_eq!(ours.is_some(), other.is_some(), "round {round}");
        if let (Some(ours), Some(other)) = (ours, other) {
            assert_same(&ours, &other);
            decoded += 1;
        }
    }
    println!("{decoded} of 400 decode");
    assert!((20..380).contains(&decoded));
}

#[test]
fn a_batcher_transaction_of_mainnet_is_read() {
    let Some(folder) = fixtures() else { return };
    let raw = fs::read(folder.join("derivation/raw-batcher-tx.bin")).unwrap();
    let tx = NaiveL1Tx::from_raw(&raw).expect("a signed transaction");
    assert_eq!((tx.tx_type, tx.data[0]), (2, 0));
    assert!(tx.data.len() > 100_000);
}
