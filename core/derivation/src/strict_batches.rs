//! The batch stage from Holocene on: batches come strictly in order.
//!
//! In: complete channels, one at a time; the safe chain's blocks where a span batch overlaps them.
//! Out: the batch of the next block. Invariant: at most one channel and one span batch are held,
//! and an invalid batch ends both.
//!
//! spec: holocene/derivation.md#batch-queue, holocene/derivation.md#span-batches

use crate::{
    batch_stage::{OpenChannel, Pull},
    checks::{Surroundings, Verdict, check_singular},
    open_span::{OpenSpan, SpanItem, SpanRules, first_timestamp},
    span_checks::{SpanDropReason, SpanVerdict},
    step::{L2BlockInput, PushError, ResetReason},
    trace::{ChannelDropped, Trace, TraceLog},
    window::EpochWindow,
};
use opal_protocol::{Batch, SingularBatch};

/// At most one channel that is being read, and at most one span batch out of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct StrictBatches {
    channel: Option<OpenChannel>,
    span: Option<OpenSpan>,
}

impl StrictBatches {
    pub(crate) fn open(&mut self, channel: OpenChannel) {
        debug_assert!(self.channel.is_none(), "channels are read one at a time");
        self.channel = Some(channel);
    }

    pub(crate) fn pull(
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
        let Some(channel) = &mut self.channel else {
            return Pull::Dry;
        };
        match channel.next_batch(trace) {
            Some(Batch::Singular(batch)) => return self.judge(batch, true, around, trace),
            Some(Batch::Span(batch)) => {
                let timestamp = first_timestamp(&batch);
                match OpenSpan::begin(batch, SpanRules::Prefix, around, window) {
                    Ok(span) => self.span = Some(span),
                    Err(verdict) => self.end_span(timestamp, verdict, trace),
                }
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

    pub(crate) fn push_l2(
        &mut self,
        blocks: &[L2BlockInput],
        around: &Surroundings<'_>,
        window: &EpochWindow,
        trace: &mut TraceLog,
    ) -> Result<Option<ResetReason>, PushError> {
        let Some(span) = &mut self.span else {
            return Err(PushError::NotRequested);
        };
        span.expect(blocks, around)?;
        let timestamp = span.timestamp();
        match span.compare(blocks, around, window) {
            Ok(SpanVerdict::Accept) => {}
            Ok(verdict) => self.end_span(timestamp, verdict, trace),
            Err(reason) => return Ok(Some(reason)),
        }
        Ok(None)
    }

    pub(crate) fn flush(&mut self, trace: &mut TraceLog) {
        self.span = None;
        if let Some(channel) = self.channel.take() {
            let (channel, reason) = (channel.id(), ChannelDropped::InvalidBatch);
            trace.push(Trace::ChannelDropped { channel, reason });
        }
    }
}
