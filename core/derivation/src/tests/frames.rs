//! The frame queue and the channel stage, as tables.

use super::kit::config;
use crate::{
    channel_stage::{ChannelStage, CompleteChannel},
    frame_stage::FrameStage,
    trace::{ChannelDropped, FrameDropped, Trace, TraceLog},
};
use alloy_primitives::{Bytes, FixedBytes};
use opal_protocol::{Fork, Frame, L1Ref};
use std::{string::String, vec, vec::Vec};

/// `a0 a1! b0` stands for frames 0 and 1 of channel a, the latter closing it, and frame 0 of b.
pub(super) fn parse(text: &str) -> Vec<Frame> {
    text.split_whitespace()
        .map(|word| {
            let is_last = word.ends_with('!');
            let word = word.trim_end_matches('!');
            Frame {
                id: FixedBytes::repeat_byte(word.as_bytes()[0]),
                number: word[1..].parse().expect("a number"),
                data: Bytes::copy_from_slice(word.as_bytes()),
                is_last,
            }
        })
        .collect()
}

fn print(frames: &[Frame]) -> String {
    let word = |f: &Frame| {
        let channel = f.id[0] as char;
        std::format!("{channel}{}{}", f.number, if f.is_last { "!" } else { "" })
    };
    frames.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check_queue(input: &str, expected: &str) {
    let (mut queue, mut trace) = (FrameStage::holocene(), TraceLog::default());
    queue.load(parse(input), &mut trace);
    let kept: Vec<_> = core::iter::from_fn(|| queue.pop()).collect();
    assert_eq!(print(&kept), expected);
    let dropped = trace.drain().len();
    assert_eq!(
        kept.len() + dropped,
        parse(input).len(),
        "every dropped frame is told"
    );
}

#[test]
fn frame_queue_keeps_contiguous_channels() {
    check_queue("a0 a1 a2!", "a0 a1 a2!");
    check_queue("a0! b0 b1!", "a0! b0 b1!");
    check_queue("a3 a4! b0", "a3 a4! b0");
    check_queue("", "");
}

#[test]
fn frame_queue_drops_out_of_order_frames() {
    check_queue("a0 a2", "a0");
    check_queue("a0 a0 a1", "a0 a1");
    check_queue("a0 a1! a2", "a0 a1!");
    check_queue("a0! a0!", "a0!");
    check_queue("a0! a1", "a0!");
    check_queue("a0! b1 b2 b0", "a0! b0");
    check_queue("a0 b1 a1!", "a0 a1!");
}

#[test]
fn frame_queue_first_frame_evicts_the_open_channel() {
    check_queue("a0 a1 b0", "b0");
    check_queue("a0! b0 b1 c0!", "a0! c0!");
    check_queue("a1 a2 b0!", "b0!");
    check_queue("a0 b0 a1 b1!", "b0 b1!");
    check_queue("a0 b0 c0 d0", "d0");
}

#[test]
fn frame_number_wraps_as_deployed() {
    let (mut queue, mut trace) = (FrameStage::holocene(), TraceLog::default());
    queue.load(parse("a65535 a0 a1"), &mut trace);
    let kept: Vec<_> = core::iter::from_fn(|| queue.pop()).collect();
    assert_eq!(print(&kept), "a65535 a0 a1");
}

/// Frames, each with the height of the L1 block that includes it.
#[track_caller]
fn check_channels(input: &[(u64, &str)], expected: &[&str], dropped: &[ChannelDropped]) {
    let cfg = config(Fork::Karst);
    let (mut stage, mut trace) = (ChannelStage::holocene(), TraceLog::default());
    let mut complete = vec![];
    for (number, text) in input {
        let origin = L1Ref {
            number: *number,
            time: 1_000_000,
            ..Default::default()
        };
        for frame in parse(text) {
            complete.extend(stage.ingest(frame, &origin, &cfg, &mut trace));
        }
    }
    let data = |c: &CompleteChannel| String::from_utf8(c.data.to_vec()).expect("text");
    assert_eq!(complete.iter().map(data).collect::<Vec<_>>(), expected);
    let reasons: Vec<_> = trace
        .drain()
        .into_iter()
        .filter_map(|event| match event {
            Trace::ChannelDropped { reason, .. } => Some(reason),
            _ => None,
        })
        .collect();
    assert_eq!(reasons, dropped);
}

#[test]
fn channel_is_put_together_over_blocks() {
    check_channels(&[(1, "a0!")], &["a0"], &[]);
    check_channels(
        &[(1, "a0 a1"), (2, "a2!"), (3, "b0!")],
        &["a0a1a2", "b0"],
        &[],
    );
}

#[test]
fn channel_is_replaced_by_a_new_first_frame() {
    use ChannelDropped::Superseded;
    check_channels(
        &[(1, "a0"), (2, "b0"), (3, "a1!"), (4, "b1!")],
        &["b0b1"],
        &[Superseded],
    );
    check_channels(&[(1, "a0 a1"), (2, "a0!")], &["a0"], &[Superseded]);
}

#[test]
fn channel_ignores_frames_that_do_not_continue_it() {
    check_channels(&[(1, "a0"), (2, "a2 b1"), (3, "a1!")], &["a0a1"], &[]);
    check_channels(&[(1, "a1!"), (2, "b3")], &[], &[]);
}

#[test]
fn channel_times_out_strictly_after_the_timeout() {
    use ChannelDropped::TimedOut;
    check_channels(&[(10, "a0"), (60, "a1!")], &["a0a1"], &[]);
    check_channels(&[(10, "a0"), (61, "a1!")], &[], &[TimedOut]);
    check_channels(&[(10, "a0"), (61, "a1 a2! b0!")], &["b0"], &[TimedOut]);
}

/// Trap 26: the timeout is Granite's by the time of the L1 block with the frame.
#[test]
fn trap_26_channel_timeout_by_inclusion_time() {
    let mut cfg = config(Fork::Karst);
    cfg.forks.granite_time = Some(2_000_000);
    for (time, complete) in [(1_999_999, true), (2_000_000, false)] {
        let (mut stage, mut trace) = (ChannelStage::holocene(), TraceLog::default());
        let open = L1Ref {
            number: 10,
            time: 1_000_000,
            ..Default::default()
        };
        let close = L1Ref {
            number: 61,
            time,
            ..Default::default()
        };
        let mut frames = parse("a0 a1!").into_iter();
        let mut ingest =
            |origin| stage.ingest(frames.next().expect("two"), origin, &cfg, &mut trace);
        assert_eq!(ingest(&open), None);
        assert_eq!(ingest(&close).is_some(), complete);
    }
}

/// Trap 24: a channel whose compressed size exceeds the limit is dropped whole. 200 bytes count
/// for each frame.
#[test]
fn trap_24_compressed_size_is_limited() {
    let cfg = config(Fork::Karst);
    let origin = L1Ref {
        number: 1,
        time: 1_000_000,
        ..Default::default()
    };
    let mib = Bytes::from(vec![0u8; 999_800]);
    let frame = |number, data: &Bytes, is_last| Frame {
        id: FixedBytes::repeat_byte(1),
        number,
        data: data.clone(),
        is_last,
    };
    for (extra, fits) in [(0, true), (1, false)] {
        let (mut stage, mut trace) = (ChannelStage::holocene(), TraceLog::default());
        for number in 0..99 {
            let out = stage.ingest(frame(number, &mib, false), &origin, &cfg, &mut trace);
            assert_eq!(out, None);
        }
        let last = Bytes::from(vec![0u8; 999_800 + extra]);
        let out = stage.ingest(frame(99, &last, true), &origin, &cfg, &mut trace);
        assert_eq!(out.map(|c| c.data.len()), fits.then_some(99_980_000));
        let too_large = trace.drain().iter().any(|event| {
            matches!(
                event,
                Trace::ChannelDropped {
                    reason: ChannelDropped::TooLarge,
                    ..
                }
            )
        });
        assert_eq!(too_large, !fits);
    }
}

#[test]
fn frames_without_channel_are_told() {
    let cfg = config(Fork::Karst);
    let (mut stage, mut trace) = (ChannelStage::holocene(), TraceLog::default());
    let origin = L1Ref::default();
    for frame in parse("a1") {
        stage.ingest(frame, &origin, &cfg, &mut trace);
    }
    let expected = Trace::FrameDropped {
        channel: FixedBytes::repeat_byte(b'a'),
        frame: 1,
        reason: FrameDropped::NoChannel,
    };
    assert_eq!(trace.drain(), [expected]);
}

#[test]
fn trace_is_bounded() {
    let mut trace = TraceLog::default();
    for _ in 0..crate::limits::TRACE_EVENTS_MAX + 3 {
        trace.push(Trace::BatchPast { timestamp: 0 });
    }
    let events = trace.drain();
    assert_eq!(events.len(), crate::limits::TRACE_EVENTS_MAX + 1);
    assert_eq!(events[0], Trace::Lost { count: 3 });
    assert!(trace.drain().is_empty());
}
