//! What happened inside derivation, for the node to log: derivation itself never logs.

use crate::{checks::DropReason, limits::TRACE_EVENTS_MAX, span_checks::SpanDropReason};
use alloc::{collections::VecDeque, vec::Vec};
use alloy_primitives::B256;
use opal_protocol::{ChannelId, L1Ref};

/// One thing that happened while deriving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trace {
    /// Reading of a new L1 block began.
    OriginAdvanced(L1Ref),
    /// A transaction or blob of the batcher was ignored.
    DataIgnored {
        /// Where it was included.
        block: L1Ref,
        /// Why.
        reason: DataIgnored,
    },
    /// A frame was dropped.
    FrameDropped {
        /// Its channel.
        channel: ChannelId,
        /// Its number.
        frame: u16,
        /// Why.
        reason: FrameDropped,
    },
    /// A channel was opened by its first frame.
    ChannelOpened {
        /// The channel.
        channel: ChannelId,
        /// Where the frame was included.
        block: L1Ref,
    },
    /// An incomplete or unreadable channel was dropped.
    ChannelDropped {
        /// The channel.
        channel: ChannelId,
        /// Why.
        reason: ChannelDropped,
    },
    /// A channel is complete and its batches are being read.
    ChannelDecoded {
        /// The channel.
        channel: ChannelId,
        /// Size of the frames' data in bytes.
        compressed_bytes: u64,
    },
    /// A batch became the next block.
    BatchAccepted {
        /// Timestamp of the block in seconds.
        timestamp: u64,
        /// Number of its epoch.
        epoch: u64,
        /// Batch transactions in it.
        transactions: u64,
    },
    /// A batch lies before the safe head and was skipped; its channel goes on.
    BatchPast {
        /// Timestamp of the batch (of its first block) in seconds.
        timestamp: u64,
    },
    /// A batch lies beyond the next block and is kept until its turn comes (before Holocene).
    BatchDeferred {
        /// Timestamp of the batch (of its first block) in seconds.
        timestamp: u64,
    },
    /// A span batch could not be judged yet and was skipped; its channel goes on.
    BatchUndecided {
        /// Timestamp of its first block in seconds.
        timestamp: u64,
    },
    /// A batch was dropped; from Holocene on its channel and span with it.
    BatchDropped {
        /// Timestamp of the batch in seconds.
        timestamp: u64,
        /// Why.
        reason: DropReason,
    },
    /// A span batch was dropped as a whole; from Holocene on its channel with it.
    SpanDropped {
        /// Timestamp of its first block in seconds.
        timestamp: u64,
        /// Why.
        reason: SpanDropReason,
    },
    /// The sequencing window closed without a batch: an empty block takes its place.
    WindowExpired {
        /// Number of the epoch that gets the block.
        epoch: u64,
        /// Timestamp of the block in seconds.
        timestamp: u64,
    },
    /// The engine rejected a payload; a deposits-only block takes its place and the channel is
    /// dropped.
    PayloadReplaced {
        /// Height of the block.
        number: u64,
        /// Its parent.
        parent: B256,
    },
    /// The engine rejected a payload (before Holocene): its batch is dropped as a whole, and the
    /// next batch has its turn.
    BatchRejected {
        /// Height of the block.
        number: u64,
        /// Its parent.
        parent: B256,
        /// Blocks of the same span batch that had been confirmed and are not derived any more.
        taken_back: u64,
    },
    /// Older events were discarded because nobody drained them.
    Lost {
        /// How many.
        count: u64,
    },
}

/// Why data of the batcher was ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataIgnored {
    /// The blob does not decode; the other blobs of its transaction stand.
    MalformedBlob,
    /// There is not a single byte.
    Empty,
    /// The data version byte is not that of frames (for example an alt-DA commitment).
    UnknownVersion(u8),
    /// One frame is malformed, which voids all of the data.
    MalformedFrames,
}

/// Why a frame was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameDropped {
    /// It does not directly continue the frame before it.
    OutOfOrder,
    /// The first frame of another channel came before this one's channel was closed.
    Superseded,
    /// There is no open channel that it continues.
    NoChannel,
    /// Its channel has a frame with this number already.
    Duplicate,
    /// Its channel has a closing frame already.
    SecondClosing,
    /// Its number is beyond that of its channel's closing frame.
    BehindClosing,
}

/// Why a channel was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelDropped {
    /// The first frame of a channel came while this one was open.
    Superseded,
    /// It was not complete in time.
    TimedOut,
    /// It was the oldest when the channel bank exceeded its limit.
    Pruned,
    /// Its compressed size exceeds the limit.
    TooLarge,
    /// It does not decompress, or the compression is unknown.
    Undecodable,
    /// A batch in it does not decode; the rest is lost.
    MalformedBatch,
    /// A batch in it was invalid; the rest is lost.
    InvalidBatch,
    /// It is complete in a block at or before the safe head's origin, and so can only hold blocks
    /// that are safe already.
    Past,
    /// Holocene activated: everything read before is discarded.
    ForkActivated,
}

/// Events until somebody drains them; bounded.
#[derive(Clone, Debug, Default)]
pub(crate) struct TraceLog {
    events: VecDeque<Trace>,
    lost: u64,
}

impl TraceLog {
    pub(crate) fn push(&mut self, event: Trace) {
        if self.events.len() == TRACE_EVENTS_MAX {
            self.events.pop_front();
            self.lost = self.lost.saturating_add(1);
        }
        self.events.push_back(event);
    }

    pub(crate) fn drain(&mut self) -> Vec<Trace> {
        let lost = core::mem::take(&mut self.lost);
        let lost = (lost > 0).then_some(Trace::Lost { count: lost });
        lost.into_iter().chain(self.events.drain(..)).collect()
    }
}
