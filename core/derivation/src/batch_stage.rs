//! The batch stage: judges the batches of the channel at hand against the safe head.
//!
//! In: complete channels, one at a time; the safe chain's blocks where a span batch overlaps them.
//! Out: the batch of the next block. Invariant (Holocene): batches come strictly in order, so at
//! most one channel and one span batch are held, and an invalid batch ends both.
//!
//! spec: holocene/derivation.md#batch-queue, holocene/derivation.md#span-batches

use crate::{
    channel_stage::CompleteChannel,
    checks::{SpanDropReason, SpanVerdict, Surroundings, Verdict, check_singular},
    open_span::{OpenSpan, SpanItem, first_timestamp},
    step::{L2BlockInput, PushError, ResetReason},
    trace::{ChannelDropped, Trace, TraceLog},
    window::EpochWindow,
};
use alloc::vec::Vec;
use opal_protocol::{Batch, BatchReader, ChannelId, ChannelRules, SingularBatch, SpanContext};

/// The batch stage, by era.
#[derive(Clone, Debug)]
pub(crate) enum BatchStage {
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
}

impl BatchStage {
    /// An empty stage under Holocene's rules.
    pub(crate) const fn holocene() -> Self {
        Self::Holocene(StrictBatches {
            channel: None,
            span: None,
        })
    }

    /// Takes a complete channel. The stage must be dry.
    pub(crate) fn open(
        &mut self,
        channel: CompleteChannel,
        rules: ChannelRules,
        context: SpanContext,
        trace: &mut TraceLog,
    ) {
        match self {
            Self::Holocene(stage) => stage.open(channel, rules, context, trace),
        }
    }

    /// Looks for the batch of the next block.
    pub(crate) fn pull(
        &mut self,
        around: &Surroundings<'_>,
        window: &EpochWindow,
        trace: &mut TraceLog,
    ) -> Pull {
        match self {
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
            Self::Holocene(stage) => stage.push_l2(blocks, around, window, trace),
        }
    }

    /// Drops what is left of the span batch at hand, because the payload made from one of its
    /// blocks was invalid; its channel goes on.
    pub(crate) fn abandon(&mut self) {
        match self {
            Self::Holocene(stage) => stage.span = None,
        }
    }

    /// Drops the channel at hand, because a batch or the payload made from it was invalid.
    pub(crate) fn flush(&mut self, trace: &mut TraceLog) {
        match self {
            Self::Holocene(stage) => stage.flush(trace),
        }
    }
}

/// At most one channel that is being read, and at most one span batch out of it.
#[derive(Clone, Debug)]
pub(crate) struct StrictBatches {
    channel: Option<(ChannelId, BatchReader)>,
    span: Option<OpenSpan>,
}

impl StrictBatches {
    fn open(
        &mut self,
        channel: CompleteChannel,
        rules: ChannelRules,
        context: SpanContext,
        trace: &mut TraceLog,
    ) {
        let CompleteChannel { id: channel, data } = channel;
        match BatchReader::open(&data, rules, context) {
            Ok(reader) => {
                let compressed_bytes = data.len() as u64;
                trace.push(Trace::ChannelDecoded {
                    channel,
                    compressed_bytes,
                });
                self.channel = Some((channel, reader));
            }
            Err(_) => {
                let reason = ChannelDropped::Undecodable;
                trace.push(Trace::ChannelDropped { channel, reason });
            }
        }
    }

    fn pull(
        &mut self,
        around: &Surroundings<'_>,
        window: &EpochWindow,
        trace: &mut TraceLog,
    ) -> Pull {
        if let Some(span) = &mut self.span {
            if let Some((from, to)) = span.wanted_l2(around) {
                return Pull::NeedL2 { from, to };
            }
            let item = span.take_next(around, window);
            return self.judge_item(item, around, trace);
        }
        let Some((channel, reader)) = &mut self.channel else {
            return Pull::Dry;
        };
        match reader.next_batch() {
            Some(Ok(Batch::Singular(batch))) => return self.judge(batch, true, around, trace),
            Some(Ok(Batch::Span(batch))) => {
                let timestamp = first_timestamp(&batch);
                match OpenSpan::begin(batch, around, window) {
                    Ok(span) => self.span = Some(span),
                    Err(verdict) => self.end_span(timestamp, verdict, trace),
                }
            }
            Some(Err(_)) => {
                let (channel, reason) = (*channel, ChannelDropped::MalformedBatch);
                trace.push(Trace::ChannelDropped { channel, reason });
                self.channel = None;
            }
            None => self.channel = None,
        }
        Pull::Progress
    }

    fn judge_item(
        &mut self,
        item: SpanItem,
        around: &Surroundings<'_>,
        trace: &mut TraceLog,
    ) -> Pull {
        match item {
            SpanItem::Batch { batch, is_last } => {
                if is_last {
                    self.span = None;
                }
                return self.judge(batch, is_last, around, trace);
            }
            SpanItem::Outdated { timestamp } => {
                let verdict = SpanVerdict::Drop(SpanDropReason::OutdatedOrigin);
                self.end_span(timestamp, verdict, trace);
            }
            SpanItem::Safe => {}
            SpanItem::End => self.span = None,
        }
        Pull::Progress
    }

    fn judge(
        &mut self,
        batch: SingularBatch,
        is_last_in_span: bool,
        around: &Surroundings<'_>,
        trace: &mut TraceLog,
    ) -> Pull {
        let timestamp = batch.timestamp;
        match check_singular(around, &batch) {
            Verdict::Accept => {
                return Pull::Batch {
                    batch,
                    is_last_in_span,
                };
            }
            Verdict::Past => trace.push(Trace::BatchPast { timestamp }),
            Verdict::Drop(reason) => {
                trace.push(Trace::BatchDropped { timestamp, reason });
                self.flush(trace);
            }
        }
        Pull::Progress
    }

    /// Records why a span batch is not used, and drops the channel if the span was invalid.
    fn end_span(&mut self, timestamp: u64, verdict: SpanVerdict, trace: &mut TraceLog) {
        self.span = None;
        match verdict {
            SpanVerdict::Accept => {}
            SpanVerdict::Past => trace.push(Trace::BatchPast { timestamp }),
            SpanVerdict::Undecided => trace.push(Trace::BatchUndecided { timestamp }),
            SpanVerdict::Drop(reason) => {
                trace.push(Trace::SpanDropped { timestamp, reason });
                self.flush(trace);
            }
        }
    }

    fn push_l2(
        &mut self,
        blocks: &[L2BlockInput],
        around: &Surroundings<'_>,
        window: &EpochWindow,
        trace: &mut TraceLog,
    ) -> Result<Option<ResetReason>, PushError> {
        let Some(span) = &mut self.span else {
            return Err(PushError::NotRequested);
        };
        let Some((from, to)) = span.wanted_l2(around) else {
            return Err(PushError::NotRequested);
        };
        let (wanted, given) = (
            to.saturating_sub(from).saturating_add(1),
            blocks.len() as u64,
        );
        if wanted != given {
            return Err(PushError::WrongCount { wanted, given });
        }
        if !blocks
            .iter()
            .zip(from..)
            .all(|(input, number)| input.block.number == number)
        {
            return Err(PushError::NotRequested);
        }
        let timestamp = span.timestamp();
        match span.compare(blocks, around, window) {
            Ok(SpanVerdict::Accept) => {}
            Ok(verdict) => self.end_span(timestamp, verdict, trace),
            Err(reason) => return Ok(Some(reason)),
        }
        Ok(None)
    }

    fn flush(&mut self, trace: &mut TraceLog) {
        self.span = None;
        if let Some((channel, _)) = self.channel.take() {
            let reason = ChannelDropped::InvalidBatch;
            trace.push(Trace::ChannelDropped { channel, reason });
        }
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
