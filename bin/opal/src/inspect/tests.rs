//! The reports of made-up data, as JSON and as text.

use super::{ChainArgs, channel, frames};
use clap::Parser;
use opal_protocol::{
    Compression, Frame, RollupConfig, SingularBatch, batch::append_to_stream, channel::compress,
    frame::encode_frames,
};
use serde_json::json;

fn config() -> RollupConfig {
    let mut cfg = RollupConfig {
        block_time: 2,
        l2_chain_id: 10,
        ..Default::default()
    };
    cfg.genesis.l2_time = 1000;
    cfg.genesis.l2.number = 5;
    cfg
}

fn channel_data() -> Vec<u8> {
    let mut stream = Vec::new();
    for timestamp in [1010, 1011] {
        let transactions = vec![vec![0x02, 0xc0].into(), vec![0xc0].into()];
        let batch = SingularBatch {
            timestamp,
            epoch_num: 7,
            transactions,
            ..Default::default()
        };
        append_to_stream(&batch.encode(), &mut stream);
    }
    compress(&stream, Compression::Brotli, 9)
}

fn frame(number: u16, data: &[u8], is_last: bool) -> Frame {
    Frame {
        id: [1; 16].into(),
        number,
        data: data.to_vec().into(),
        is_last,
    }
}

#[test]
fn channel_report() {
    let report = channel::Report::of(&channel_data(), &config()).unwrap();
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["compression"], "brotli");
    assert_eq!(json["streamEnd"], "complete");
    assert_eq!(json["batchCount"], 2);
    assert_eq!(json["blockCount"], 2);
    assert_eq!(json["transactionCount"], 4);
    let batch = &json["batches"][0];
    assert_eq!(batch["type"], "singular");
    assert_eq!(batch["blocks"][0]["number"], 10);
    assert_eq!(batch["blocks"][0]["epochNum"], 7);
    assert_eq!(batch["blocks"][0]["transactions"][0]["type"], 2);
    assert_eq!(batch["blocks"][0]["transactions"][1]["type"], 0);
    // No block has that time.
    assert_eq!(json["batches"][1]["blocks"][0]["number"], json!(null));
    let text = report.to_string();
    assert!(
        text.contains("2 batches, 2 blocks, 4 transactions"),
        "{text}"
    );
    assert!(text.contains("1×type 0, 1×type 2"), "{text}");
}

#[test]
fn frames_report() {
    let data = channel_data();
    let (first, second) = data.split_at(10);
    let whole = encode_frames(&[frame(0, first, false), frame(1, second, true)]);
    let json = serde_json::to_value(frames::Report::of(&whole.into(), &config()).unwrap()).unwrap();
    assert_eq!(json["frameCount"], 2);
    assert_eq!(json["channels"][0]["isComplete"], true);
    assert_eq!(json["channels"][0]["channel"]["batchCount"], 2);
    let half = encode_frames(&[frame(1, second, true)]);
    let report = frames::Report::of(&half.into(), &config()).unwrap();
    assert!(report.to_string().contains("is not complete here"));
    let dropped = encode_frames(&[frame(0, &[0x02], true)]);
    let report = frames::Report::of(&dropped.into(), &config()).unwrap();
    assert!(
        report
            .to_string()
            .contains("is dropped: channel has unknown compression")
    );
    assert!(frames::Report::of(&vec![5].into(), &config()).is_err());
}

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    chain: ChainArgs,
}

fn chain(flags: &[&str]) -> Result<RollupConfig, String> {
    let all = ["test"].iter().chain(flags);
    let flags = Flags::try_parse_from(all).map_err(|error| error.to_string())?;
    flags.chain.config().map_err(|error| format!("{error:#}"))
}

#[test]
fn the_chain_is_a_network_with_its_values_replaced() {
    let op = chain(&[]).unwrap();
    assert_eq!((op.l2_chain_id, op.block_time), (10, 2));
    assert_eq!(op.genesis.l2_time, 1_686_068_903);
    assert_eq!(op.genesis.l2.number, 105_235_063);
    let base = chain(&["--network", "base"]).unwrap();
    assert_eq!(
        (base.l2_chain_id, base.genesis.l2_time),
        (8453, 1_686_789_347)
    );
    let mine = chain(&["--l2-chain-id", "901", "--l2-genesis-time", "5"]).unwrap();
    assert_eq!((mine.l2_chain_id, mine.genesis.l2_time), (901, 5));
    let mine = chain(&["--l2-genesis-block", "7", "--block-time", "1"]).unwrap();
    assert_eq!((mine.genesis.l2.number, mine.block_time), (7, 1));
    let error = chain(&["--network", "bass"]).unwrap_err();
    assert!(error.contains("did you mean base-mainnet?"), "{error}");
    assert!(chain(&["--network", "op", "--rollup.config", "rollup.json"]).is_err());
    assert!(chain(&["--block-time", "0"]).is_err());
}
