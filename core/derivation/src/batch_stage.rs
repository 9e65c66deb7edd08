//! The batch stage: judges the batches of the channel at hand against the safe head.
//!
//! In: complete channels, one at a time; the safe chain's blocks where a span batch overlaps them.
//! Out: the batch of the next block. Invariant (Holocene): batches come strictly in order, so at
//! most one channel and one span batch are held, and an invalid batch ends both.
//!
//! spec: holocene/derivation.md#batch-queue, holocene/derivation.md#span-batches

use crate::{
    channel_stage::CompleteChannel,
    checks::{
        SpanDropReason, SpanPlace, SpanVerdict, Surroundings, Verdict, check_overlap,
        check_singular, check_span_parent, place_span,
    },
    limits::OVERLAP_BLOCKS_MAX,
    step::{L2BlockInput, PushError, ResetReason},
    trace::{ChannelDropped, Trace, TraceLog},
    window::EpochWindow,
};
use alloc::vec::Vec;
use alloy_primitives::B256;
use opal_protocol::{
    Batch, BatchReader, ChannelId, ChannelRules, SingularBatch, SpanBatch, SpanContext,
};

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

/// A span batch that is being turned into blocks.
#[derive(Clone, Debug)]
struct OpenSpan {
    batch: SpanBatch,
    phase: SpanPhase,
}

#[derive(Clone, Copy, Debug)]
enum SpanPhase {
    /// Safe blocks from `next` on are still to be compared; the span builds on `parent`.
    Overlap {
        parent: u64,
        next: u64,
        previous_hash: Option<B256>,
    },
    /// Blocks from index `next` on are still to be handed out.
    Streaming { next: usize },
}

impl StrictBatches {
    fn open(
        &mut self,
        channel: CompleteChannel,
        rules: ChannelRules,
        context: SpanContext,
        trace: &mut TraceLog,
    ) {
        let CompleteChannel { id, data } = channel;
        match BatchReader::open(&data, rules, context) {
            Ok(reader) => {
                let compressed_bytes = data.len() as u64;
                trace.push(Trace::ChannelDecoded {
                    channel: id,
                    compressed_bytes,
                });
                self.channel = Some((id, reader));
            }
            Err(_) => {
                let reason = ChannelDropped::Undecodable;
                trace.push(Trace::ChannelDropped {
                    channel: id,
                    reason,
                });
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
            return match span.phase {
                SpanPhase::Overlap { next, .. } => {
                    let last = next.saturating_add(OVERLAP_BLOCKS_MAX - 1);
                    Pull::NeedL2 {
                        from: next,
                        to: last.min(around.safe_head.number),
                    }
                }
                SpanPhase::Streaming { next } => self.stream(next, around, window, trace),
            };
        }
        let Some((id, reader)) = &mut self.channel else {
            return Pull::Dry;
        };
        match reader.next_batch() {
            Some(Ok(Batch::Singular(batch))) => self.judge(batch, true, around, trace),
            Some(Ok(Batch::Span(batch))) => {
                self.begin_span(batch, around, window, trace);
                Pull::Progress
            }
            Some(Err(_)) => {
                let reason = ChannelDropped::MalformedBatch;
                trace.push(Trace::ChannelDropped {
                    channel: *id,
                    reason,
                });
                self.channel = None;
                Pull::Progress
            }
            None => {
                self.channel = None;
                Pull::Progress
            }
        }
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

    fn begin_span(
        &mut self,
        batch: SpanBatch,
        around: &Surroundings<'_>,
        window: &EpochWindow,
        trace: &mut TraceLog,
    ) {
        let phase = match place_span(around, &batch) {
            Err(verdict) => return self.end_span(&batch, verdict, trace),
            Ok(SpanPlace::Overlaps { parent }) => SpanPhase::Overlap {
                parent,
                next: parent,
                previous_hash: None,
            },
            Ok(SpanPlace::Next) => {
                let canonical = |number| window.hash_at(number);
                match check_span_parent(around, &batch, around.safe_head, canonical) {
                    SpanVerdict::Accept => SpanPhase::Streaming { next: 0 },
                    verdict => return self.end_span(&batch, verdict, trace),
                }
            }
        };
        self.span = Some(OpenSpan { batch, phase });
    }

    /// Records why a span batch is not used, and drops the channel if the span was invalid.
    fn end_span(&mut self, batch: &SpanBatch, verdict: SpanVerdict, trace: &mut TraceLog) {
        let timestamp = batch.blocks.first().map_or(0, |block| block.timestamp);
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

    /// Hands out the span's block at index `next`, or skips it if it is safe already.
    fn stream(
        &mut self,
        next: usize,
        around: &Surroundings<'_>,
        window: &EpochWindow,
        trace: &mut TraceLog,
    ) -> Pull {
        let Some(span) = &mut self.span else {
            return Pull::Progress;
        };
        let blocks = &mut span.batch.blocks;
        let is_last_in_span = next.saturating_add(1) >= blocks.len();
        let Some(block) = blocks.get_mut(next) else {
            self.span = None;
            return Pull::Progress;
        };
        span.phase = SpanPhase::Streaming {
            next: next.saturating_add(1),
        };
        if block.timestamp <= around.safe_head.time {
            return Pull::Progress;
        }
        let timestamp = block.timestamp;
        let Some(epoch_hash) = window.hash_at(block.epoch_num) else {
            // Origins never decrease in a span and its last one is canonical, so this one is older
            // than the safe head's: the span is invalid (trap 29).
            trace.push(Trace::SpanDropped {
                timestamp,
                reason: SpanDropReason::OutdatedOrigin,
            });
            self.flush(trace);
            return Pull::Progress;
        };
        let batch = SingularBatch {
            parent_hash: around.safe_head.hash,
            epoch_num: block.epoch_num,
            epoch_hash,
            timestamp,
            transactions: core::mem::take(&mut block.transactions),
        };
        if is_last_in_span {
            self.span = None;
        }
        self.judge(batch, is_last_in_span, around, trace)
    }

    fn push_l2(
        &mut self,
        blocks: &[L2BlockInput],
        around: &Surroundings<'_>,
        window: &EpochWindow,
        trace: &mut TraceLog,
    ) -> Result<Option<ResetReason>, PushError> {
        let Pull::NeedL2 { from, to } = self.wanted_l2(around) else {
            return Err(PushError::NotRequested);
        };
        let (wanted, given) = (to - from + 1, blocks.len() as u64);
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
        let Some(mut span) = self.span.take() else {
            return Err(PushError::NotRequested);
        };
        match compare(&mut span, blocks, around, window) {
            Ok(SpanVerdict::Accept) => self.span = Some(span),
            Ok(verdict) => self.end_span(&span.batch, verdict, trace),
            Err(reason) => return Ok(Some(reason)),
        }
        Ok(None)
    }

    fn wanted_l2(&self, around: &Surroundings<'_>) -> Pull {
        match &self.span {
            Some(OpenSpan {
                phase: SpanPhase::Overlap { next, .. },
                ..
            }) => {
                let last = next.saturating_add(OVERLAP_BLOCKS_MAX - 1);
                Pull::NeedL2 {
                    from: *next,
                    to: last.min(around.safe_head.number),
                }
            }
            _ => Pull::Progress,
        }
    }

    fn flush(&mut self, trace: &mut TraceLog) {
        self.span = None;
        if let Some((channel, _)) = self.channel.take() {
            let reason = ChannelDropped::InvalidBatch;
            trace.push(Trace::ChannelDropped { channel, reason });
        }
    }
}

/// Compares the next safe blocks with the span that overlaps them: first its parent, then block by
/// block. Moves the span on, to streaming once the safe head is reached.
///
/// `docs/decisions/span-overlap.md` says why the content is compared after Holocene too.
fn compare(
    span: &mut OpenSpan,
    blocks: &[L2BlockInput],
    around: &Surroundings<'_>,
    window: &EpochWindow,
) -> Result<SpanVerdict, ResetReason> {
    let SpanPhase::Overlap {
        parent,
        mut next,
        mut previous_hash,
    } = span.phase
    else {
        return Ok(SpanVerdict::Accept);
    };
    for L2BlockInput {
        block,
        transactions,
    } in blocks
    {
        let linked = previous_hash.is_none_or(|hash| hash == block.parent_hash);
        let is_safe_head = block.number == around.safe_head.number;
        if !linked || is_safe_head && block.hash != around.safe_head.hash {
            return Err(ResetReason::ForeignL2Block(block.id()));
        }
        if block.number == parent {
            let canonical = |number| window.hash_at(number);
            let verdict = check_span_parent(around, &span.batch, block, canonical);
            if verdict != SpanVerdict::Accept {
                return Ok(verdict);
            }
        } else {
            let index = usize::try_from(block.number - parent - 1).unwrap_or(usize::MAX);
            let verdict = match span.batch.blocks.get(index) {
                None => Err(SpanDropReason::Misaligned),
                Some(ours) => check_overlap(ours, block.l1_origin.number, transactions),
            };
            if let Err(reason) = verdict {
                return Ok(SpanVerdict::Drop(reason));
            }
        }
        previous_hash = Some(block.hash);
        next = block.number.saturating_add(1);
    }
    span.phase = if next > around.safe_head.number {
        SpanPhase::Streaming { next: 0 }
    } else {
        SpanPhase::Overlap {
            parent,
            next,
            previous_hash,
        }
    };
    Ok(SpanVerdict::Accept)
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
