//! The channel bank: order, duplicates, closing frames, timeouts, pruning.

use super::{frames::parse, kit::config};
use crate::{
    ChannelDropped, Trace,
    channel_bank::{ChannelBank, max_size},
    trace::TraceLog,
};
use alloy_primitives::{Bytes, FixedBytes};
use opal_protocol::{Fork, Frame, L1Ref, RollupConfig};
use std::{format, string::String, vec, vec::Vec};

const BEFORE_CANYON: Fork = Fork::Regolith;
/// Size of a frame of two or three letters, as the bank counts it.
const SMALL: u64 = 202;

fn at(number: u64) -> L1Ref {
    L1Ref {
        number,
        time: 1_000_000 + number,
        ..Default::default()
    }
}

/// Feeds frames, each with the height of its L1 block, and tells what happened: `a` for a channel
/// that is read, `-a1` for a frame and `-a` for a channel that is dropped, with the first letters
/// of the reason.
fn run(cfg: &RollupConfig, max_size: u64, input: &[(u64, &str)]) -> (String, ChannelBank) {
    let (mut bank, mut trace, mut told) = (ChannelBank::default(), TraceLog::default(), vec![]);
    for (number, text) in input {
        let origin = at(*number);
        let mut read = |bank: &mut ChannelBank, trace: &mut TraceLog| {
            while let Some(channel) = bank.read(&origin, cfg, trace) {
                told.extend(tell(trace));
                let data = String::from_utf8(channel.data.to_vec()).expect("text");
                told.push(format!("{}={data}", channel.id[0] as char));
            }
            told.extend(tell(trace));
        };
        read(&mut bank, &mut trace);
        for frame in parse(text) {
            bank.ingest_within(max_size, &frame, &origin, cfg, &mut trace);
            read(&mut bank, &mut trace);
        }
    }
    (told.join(" "), bank)
}

fn tell(trace: &mut TraceLog) -> Vec<String> {
    let told = trace.drain().into_iter().filter_map(|event| match event {
        Trace::FrameDropped {
            channel,
            frame,
            reason,
        } => Some(format!("-{}{frame}:{reason:?}", channel[0] as char)),
        Trace::ChannelDropped { channel, reason } => {
            Some(format!("-{}:{reason:?}", channel[0] as char))
        }
        _ => None,
    });
    told.collect()
}

#[track_caller]
fn check(last: Fork, input: &[(u64, &str)], expected: &str) {
    let (told, bank) = run(&config(last), u64::MAX, input);
    assert_eq!(told, expected);
    assert!(bank.ids().len() < 3);
}

#[test]
fn bank_puts_frames_in_order() {
    for fork in [BEFORE_CANYON, Fork::Canyon, Fork::Granite] {
        check(fork, &[(1, "a0!")], "a=a0");
        check(fork, &[(1, "a0 a1 a2!")], "a=a0a1a2");
        check(fork, &[(1, "a2! a0 a1")], "a=a0a1a2");
        check(fork, &[(1, "a1"), (2, "a2!"), (3, "a0")], "a=a0a1a2");
        check(fork, &[(1, "a0 a1 a3!")], "");
    }
}

#[test]
fn bank_drops_duplicates_and_second_closings() {
    check(Fork::Granite, &[(1, "a0 a0 a1!")], "-a0:Duplicate a=a0a1");
    check(
        Fork::Granite,
        &[(1, "a2! a2 a1! a3 a0 a1")],
        "-a2:Duplicate -a1:SecondClosing -a3:BehindClosing a=a0a1a2",
    );
    // Once it is read, its id is free.
    check(Fork::Granite, &[(1, "a0! a0!")], "a=a0 a=a0");
}

#[test]
fn trap_25_closing_frame_removes_higher_numbers_and_their_size() {
    let cfg = config(Fork::Granite);
    let (told, bank) = run(&cfg, u64::MAX, &[(1, "a1 a5 a7 a3!")]);
    assert_eq!((told.as_str(), bank.size()), ("", 2 * SMALL));
    let (told, bank) = run(&cfg, u64::MAX, &[(1, "a1 a5 a7 a3! a5 a2 a0")]);
    assert_eq!(told, "-a5:BehindClosing a=a0a1a2a3");
    assert_eq!(bank.size(), 0);
}

#[test]
fn bank_reads_its_head_alone_before_canyon() {
    let input = [(1, "a0 b0! c0!"), (2, "a1!")];
    check(BEFORE_CANYON, &input, "a=a0a1 b=b0 c=c0");
    check(Fork::Canyon, &input, "b=b0 c=c0 a=a0a1");
}

/// Canyon counts by the L1 block being read, even if that holds no frame.
#[test]
fn trap_26_canyon_by_l1_time() {
    let mut cfg = config(BEFORE_CANYON);
    cfg.forks.canyon_time = Some(at(5).time);
    let input = [(1, "a0 b0!"), (4, ""), (5, "")];
    assert_eq!(run(&cfg, u64::MAX, &input[..2]).0, "");
    assert_eq!(run(&cfg, u64::MAX, &input).0, "b=b0");
}

/// A channel lives for the timeout, its opening block excluded, and then frees those behind it.
#[test]
fn bank_times_out_strictly_after_the_timeout() {
    let head = "-a:TimedOut b=b0";
    for (last, timeout) in [(BEFORE_CANYON, 300), (Fork::Granite, 50)] {
        check(last, &[(7, "a0"), (7 + timeout, "a1!")], "a=a0a1");
        check(last, &[(7, "a0"), (8 + timeout, "a1!")], "-a:TimedOut");
    }
    check(BEFORE_CANYON, &[(7, "a0"), (9, "b0!"), (307, "")], "");
    check(BEFORE_CANYON, &[(7, "a0"), (9, "b0!"), (308, "")], head);
    // Even a complete channel behind the head can be too late.
    let both = "-a:TimedOut -b:TimedOut";
    check(BEFORE_CANYON, &[(7, "a0 b0!"), (308, "")], both);
}

/// Granite's shorter timeout counts by the L1 block being read, for channels opened before too.
#[test]
fn trap_26_bank_timeout_by_inclusion_time() {
    let mut cfg = config(Fork::Fjord);
    cfg.forks.granite_time = Some(at(100).time);
    let input = |close| [(40, "a0"), (close, "a1!")];
    for (close, told) in [(99, "a=a0a1"), (100, "-a:TimedOut"), (90, "a=a0a1")] {
        assert_eq!(
            run(&cfg, u64::MAX, &input(close)).0,
            told,
            "closed at {close}"
        );
    }
    assert_eq!(run(&cfg, u64::MAX, &[(50, "a0"), (100, "a1!")]).0, "a=a0a1");
}

#[test]
fn trap_25_pruning_counts_200_bytes_per_frame() {
    let cfg = config(Fork::Granite);
    let check = |max, input: &[(u64, &str)], told: &str, left: &str| {
        let (found, bank) = run(&cfg, max, input);
        let ids: String = bank.ids().iter().map(|id| id[0] as char).collect();
        assert_eq!((found.as_str(), ids.as_str()), (told, left));
        assert_eq!(bank.size() % SMALL, 0);
    };
    check(3 * SMALL, &[(1, "a0 b0 c0")], "", "abc");
    check(3 * SMALL - 1, &[(1, "a0 b0 c0")], "-a:Pruned", "bc");
    // The oldest go first, whatever their size and whoever grew.
    check(4 * SMALL, &[(1, "a0 b0 c0 b1 b2")], "-a:Pruned", "bc");
    check(4 * SMALL, &[(1, "a0 b0 b1 c0 c1")], "-a:Pruned", "bc");
    check(2 * SMALL, &[(1, "a0 a1 a2")], "-a:Pruned", "");
    check(
        3 * SMALL,
        &[(1, "a0 b0 b1 b2 b3")],
        "-a:Pruned -b:Pruned",
        "",
    );
    // A pruned channel may come again, at the end of the queue.
    check(
        2 * SMALL,
        &[(1, "a0 b0 c0 a1")],
        "-a:Pruned -b:Pruned",
        "ca",
    );
    // What is read does not count any more.
    check(2 * SMALL, &[(1, "a0 b0! c0! d0")], "b=b0 c=c0", "ad");
    // A frame that is dropped neither counts nor prunes.
    check(
        2 * SMALL,
        &[(1, "a0 b0 a0 b0")],
        "-a0:Duplicate -b0:Duplicate",
        "ab",
    );
}

#[test]
fn bank_limit_by_l1_time() {
    let mut cfg = config(Fork::Ecotone);
    cfg.forks.fjord_time = Some(1000);
    assert_eq!(max_size(&cfg, 999), 100_000_000);
    assert_eq!(max_size(&cfg, 1000), 1_000_000_000);
}

/// A hundred thousand channels cost no more each than one.
#[test]
fn many_open_channels_are_cheap() {
    let cfg = config(Fork::Granite);
    let (mut bank, mut trace) = (ChannelBank::default(), TraceLog::default());
    let frame = |n: u64, is_last: bool| Frame {
        id: FixedBytes::left_padding_from(&n.to_be_bytes()),
        number: u16::from(!is_last),
        data: Bytes::from_static(b"x"),
        is_last,
    };
    for n in 0..100_000 {
        bank.ingest(&frame(n, false), &at(1), &cfg, &mut trace);
        assert!(bank.read(&at(1), &cfg, &mut trace).is_none());
    }
    assert_eq!(bank.size(), 100_000 * 201);
    bank.ingest(&frame(99_999, true), &at(1), &cfg, &mut trace);
    // The closing frame 0 removes frame 1, so that the channel is complete.
    let read = bank.read(&at(1), &cfg, &mut trace).expect("complete");
    assert_eq!(read.data.len(), 1);
    bank.clear(ChannelDropped::ForkActivated, &mut trace);
    assert_eq!((bank.size(), bank.ids().len()), (0, 0));
}
