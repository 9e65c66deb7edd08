//! The channel stage: puts frames together to channels.
//!
//! In: frames, with the L1 block that included them. Out: the bytes of complete channels.
//! Invariant (Holocene): at most one channel is open, and its compressed size is bounded by the
//! protocol's limit.
//!
//! The rules before Holocene are in [`crate::channel_bank`].
//!
//! spec: holocene/derivation.md#channel-bank

use crate::{
    channel_bank::ChannelBank,
    trace::{ChannelDropped, FrameDropped, Trace, TraceLog},
};
use alloc::vec::Vec;
use alloy_primitives::Bytes;
use opal_protocol::{ChannelId, ChannelRules, Frame, L1Ref, RollupConfig};

/// Bytes that each frame adds to a channel's size besides its data. spec: protocol/derivation.md#pruning
const FRAME_SIZE_OVERHEAD_BYTES: u64 = 200;

/// What a frame with this data adds to the size of its channel, in bytes.
pub(crate) fn frame_size(data: &[u8]) -> u64 {
    data.len() as u64 + FRAME_SIZE_OVERHEAD_BYTES
}

/// The channel stage, by era.
#[derive(Clone, Debug)]
pub(crate) enum ChannelStage {
    /// Before Holocene: a bank of many channels.
    Bank(ChannelBank),
    /// Holocene and later: one staging channel.
    Holocene(Option<StagingChannel>),
}

/// A channel whose last frame is still to come.
#[derive(Clone, Debug)]
pub(crate) struct StagingChannel {
    id: ChannelId,
    /// Height of the L1 block with the first frame.
    opened_at: u64,
    frames: u64,
    /// Size in bytes as the protocol counts it.
    size: u64,
    data: Vec<u8>,
}

/// A channel with all of its frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CompleteChannel {
    pub(crate) id: ChannelId,
    pub(crate) data: Bytes,
}

impl ChannelStage {
    /// An empty stage under the rules before Holocene.
    pub(crate) fn bank() -> Self {
        Self::Bank(ChannelBank::default())
    }

    /// An empty stage under Holocene's rules.
    pub(crate) const fn holocene() -> Self {
        Self::Holocene(None)
    }

    /// Gives a channel that became readable without a further frame. To be called until there is
    /// none, before the next frame is taken.
    pub(crate) fn read(
        &mut self,
        origin: &L1Ref,
        cfg: &RollupConfig,
        trace: &mut TraceLog,
    ) -> Option<CompleteChannel> {
        match self {
            Self::Bank(bank) => bank.read(origin, cfg, trace),
            Self::Holocene(_) => None,
        }
    }

    /// Takes a frame that `origin` included; returns the channel that it completes.
    pub(crate) fn ingest(
        &mut self,
        frame: Frame,
        origin: &L1Ref,
        cfg: &RollupConfig,
        trace: &mut TraceLog,
    ) -> Option<CompleteChannel> {
        match self {
            Self::Bank(bank) => {
                bank.ingest(&frame, origin, cfg, trace);
                bank.read(origin, cfg, trace)
            }
            Self::Holocene(staging) => ingest_in_order(staging, frame, origin, cfg, trace),
        }
    }

    /// Discards what is open.
    pub(crate) fn clear(&mut self, reason: ChannelDropped, trace: &mut TraceLog) {
        match self {
            Self::Bank(bank) => bank.clear(reason, trace),
            Self::Holocene(staging) => discard(staging, reason, trace),
        }
    }
}

fn ingest_in_order(
    staging: &mut Option<StagingChannel>,
    frame: Frame,
    origin: &L1Ref,
    cfg: &RollupConfig,
    trace: &mut TraceLog,
) -> Option<CompleteChannel> {
    // The timeout counts by the L1 block of the frame (trap 26: Granite).
    let timeout = cfg.channel_timeout_at(origin.time);
    if staging
        .as_ref()
        .is_some_and(|c| c.opened_at.saturating_add(timeout) < origin.number)
    {
        discard(staging, ChannelDropped::TimedOut, trace);
    }
    if frame.number == 0 {
        discard(staging, ChannelDropped::Superseded, trace);
        trace.push(Trace::ChannelOpened {
            channel: frame.id,
            block: *origin,
        });
    }
    let limit = ChannelRules::at(cfg, origin.time).max_rlp_bytes as u64;
    let frame_size = frame_size(&frame.data);
    if frame.number == 0 && frame.is_last && frame_size <= limit {
        // The usual channel has one frame: no copy.
        return Some(CompleteChannel {
            id: frame.id,
            data: frame.data,
        });
    }
    let channel = match staging {
        None if frame.number == 0 => staging.insert(StagingChannel {
            id: frame.id,
            opened_at: origin.number,
            frames: 0,
            size: 0,
            data: Vec::new(),
        }),
        Some(open) if open.id == frame.id && open.frames == u64::from(frame.number) => open,
        _ => {
            let reason = FrameDropped::NoChannel;
            trace.push(Trace::FrameDropped {
                channel: frame.id,
                frame: frame.number,
                reason,
            });
            return None;
        }
    };
    channel.frames += 1;
    channel.size += frame_size;
    if channel.size > limit {
        discard(staging, ChannelDropped::TooLarge, trace);
        return None;
    }
    // Copying frees the transaction or blob that the frame came in.
    channel.data.extend_from_slice(&frame.data);
    if !frame.is_last {
        return None;
    }
    staging.take().map(|c| CompleteChannel {
        id: c.id,
        data: c.data.into(),
    })
}

fn discard(staging: &mut Option<StagingChannel>, reason: ChannelDropped, trace: &mut TraceLog) {
    if let Some(open) = staging.take() {
        trace.push(Trace::ChannelDropped {
            channel: open.id,
            reason,
        });
    }
}
