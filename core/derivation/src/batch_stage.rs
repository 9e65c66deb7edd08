//! The batch stage: judges the batches of complete channels against the safe chain.
//!
//! In: complete channels, one at a time; the safe chain's blocks where a span batch overlaps them.
//! Out: the batch of the next block. Invariant: a channel is read to its end, batch by batch,
//! within the L1 block that completed it.

use crate::{
    batch_queue::BatchQueue,
    channel_stage::CompleteChannel,
    checks::Surroundings,
    limits::QUEUED_BATCH_BYTES_MAX,
    step::{CriticalReason, L2BlockInput, PushError, ResetReason},
    strict_batches::StrictBatches,
    trace::{ChannelDropped, Trace, TraceLog},
    window::EpochWindow,
};
use alloc::vec::Vec;
use opal_protocol::{Batch, BatchReader, ChannelId, ChannelRules, SingularBatch, SpanContext};

/// The batch stage, by era.
#[derive(Clone, Debug)]
pub(crate) enum BatchStage {
    /// Before Holocene: batches wait for their turn.
    Queue(BatchQueue),
    /// Holocene and later: strict order.
    Holocene(StrictBatches),
}

/// What one pull on the stage gave.
#[derive(Clone, Debug)]
pub(crate) enum Pull {
    /// The batch of the next block.
    Batch {
        batch: SingularBatch,
        is_last_in_span: bool,
    },
    /// Safe blocks are needed to go on.
    NeedL2 { from: u64, to: u64 },
    /// Something was consumed; pull again.
    Progress,
    /// The stage is empty: it needs another channel.
    Dry,
    /// The stage cannot go on.
    Critical(CriticalReason),
}

impl BatchStage {
    /// An empty stage under the rules before Holocene.
    pub(crate) const fn queue() -> Self {
        Self::Queue(BatchQueue::new(QUEUED_BATCH_BYTES_MAX))
    }

    /// An empty stage under Holocene's rules.
    pub(crate) fn holocene() -> Self {
        Self::Holocene(StrictBatches::default())
    }

    /// Takes a complete channel. The stage must be dry. `is_judging` as in [`Self::pull`].
    pub(crate) fn open(
        &mut self,
        channel: CompleteChannel,
        is_judging: bool,
        rules: ChannelRules,
        context: SpanContext,
        trace: &mut TraceLog,
    ) {
        if matches!(self, Self::Holocene(_)) && !is_judging {
            let (channel, reason) = (channel.id, ChannelDropped::Past);
            return trace.push(Trace::ChannelDropped { channel, reason });
        }
        if let Some(channel) = OpenChannel::new(&channel, rules, context, trace) {
            match self {
                Self::Queue(stage) => stage.open(channel),
                Self::Holocene(stage) => stage.open(channel),
            }
        }
    }

    /// Looks for the batch of the next block. Unless `is_judging`, the L1 block being read was
    /// judged before this pipeline started: then there is no next block to be found in it, and all
    /// it can give are batches that wait for their turn.
    pub(crate) fn pull(
        &mut self,
        is_judging: bool,
        around: &Surroundings<'_>,
        window: &EpochWindow,
        trace: &mut TraceLog,
    ) -> Pull {
        match self {
            Self::Queue(stage) => stage.pull(is_judging, around, window, trace),
            Self::Holocene(stage) => stage.pull(around, window, trace),
        }
    }

    /// Takes the safe blocks that [`Pull::NeedL2`] asked for.
    pub(crate) fn push_l2(
        &mut self,
        blocks: &[L2BlockInput],
        around: &Surroundings<'_>,
        window: &EpochWindow,
        trace: &mut TraceLog,
    ) -> Result<Option<ResetReason>, PushError> {
        match self {
            Self::Queue(stage) => stage.push_l2(blocks, around, window, trace),
            Self::Holocene(stage) => stage.push_l2(blocks, around, window, trace),
        }
    }

    /// The payload made from a batch was invalid: drops what is left of its span and, from
    /// Holocene on, of its channel.
    pub(crate) fn reject(&mut self, trace: &mut TraceLog) {
        match self {
            Self::Queue(stage) => stage.abandon(),
            Self::Holocene(stage) => stage.flush(trace),
        }
    }
}

/// A channel that is being read.
#[derive(Clone, Debug)]
pub(crate) struct OpenChannel {
    id: ChannelId,
    batches: BatchReader,
}

impl OpenChannel {
    /// Decompresses a channel, unless there is nothing in it to read.
    fn new(
        channel: &CompleteChannel,
        rules: ChannelRules,
        context: SpanContext,
        trace: &mut TraceLog,
    ) -> Option<Self> {
        let id = channel.id;
        let Ok(batches) = BatchReader::open(&channel.data, rules, context) else {
            let (channel, reason) = (id, ChannelDropped::Undecodable);
            trace.push(Trace::ChannelDropped { channel, reason });
            return None;
        };
        trace.push(Trace::ChannelDecoded {
            channel: id,
            compressed_bytes: channel.data.len() as u64,
        });
        Some(Self { id, batches })
    }

    pub(crate) const fn id(&self) -> ChannelId {
        self.id
    }

    /// The next batch; `None` at the end, which a malformed batch brings about too.
    pub(crate) fn next_batch(&mut self, trace: &mut TraceLog) -> Option<Batch> {
        let batch = self.batches.next_batch()?;
        if batch.is_err() {
            let (channel, reason) = (self.id, ChannelDropped::MalformedBatch);
            trace.push(Trace::ChannelDropped { channel, reason });
        }
        batch.ok()
    }
}

/// The empty batch that the protocol puts in place when a sequencing window closes without one;
/// `None` while a batch may still come.
///
/// spec: protocol/derivation.md#batch-queue (empty batches)
pub(crate) fn empty_batch(around: &Surroundings<'_>) -> Option<SingularBatch> {
    let timestamp = around.next_time();
    // The safe head's epoch goes on until the next L1 block's time, so that L2 is never behind its
    // origin. The first block of an epoch is due even if the epoch after it could be adopted.
    let epoch = if timestamp < around.next_epoch.time {
        around.epoch
    } else {
        around.next_epoch
    };
    if epoch.number.saturating_add(around.cfg.seq_window_size) > around.inclusion.number {
        return None;
    }
    Some(SingularBatch {
        parent_hash: around.safe_head.hash,
        epoch_num: epoch.number,
        epoch_hash: epoch.hash,
        timestamp,
        transactions: Vec::new(),
    })
}
