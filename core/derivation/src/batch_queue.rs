//! The batch queue, the batch stage before Holocene: batches come in any order.
//!
//! In: complete channels, one at a time; the safe chain's blocks where a span batch overlaps them.
//! Out: the batch of the next block. Invariants: batches are tried in the order of their inclusion
//! on L1, and the first valid one wins; each is judged once, when the next block is one that it
//! could hold, because a verdict never changes after that; a span batch is valid as a whole or not
//! at all.
//!
//! The verdicts of the spec are found here as follows: `future` is a batch in [`BatchQueue::future`],
//! `drop` removes it, `accept` hands it out. `undecided` does not occur: see [`crate::checks`].
//!
//! spec: protocol/derivation.md#batch-queue, delta/span-batches.md#batch-queue

use crate::{
    batch_stage::{OpenChannel, Pull},
    checks::{DropReason, Surroundings, Verdict, check_singular},
    open_span::{OpenSpan, SpanItem, SpanRules, first_timestamp},
    span_checks::{SpanDropReason, SpanVerdict, is_before_delta},
    step::{CriticalReason, L2BlockInput, PushError, ResetReason},
    trace::{Trace, TraceLog},
    window::EpochWindow,
};
use alloc::collections::BTreeMap;
use alloy_primitives::Bytes;
use opal_protocol::{Batch, L1Ref, SingularBatch, SpanBatch};

/// What an item in a list takes besides its content: about the size of its handles in memory.
const ITEM_OVERHEAD_BYTES: u64 = 64;

/// Place of a batch in the order of inclusion.
type Place = u64;

/// Batches that wait for their turn, and the one whose turn it is.
#[derive(Clone, Debug)]
pub(crate) struct BatchQueue {
    channel: Option<OpenChannel>,
    /// The span batch that is being compared or handed out, and where it was included.
    span: Option<(L1Ref, OpenSpan)>,
    /// Batches that begin at or before the next block, to be judged in order.
    due: BTreeMap<Place, Queued>,
    /// Batches that begin later, by the time of their first block.
    future: BTreeMap<(u64, Place), Queued>,
    next_place: Place,
    /// Size of `due` and `future`, and its limit.
    bytes: u64,
    max_bytes: u64,
    /// The epoch for which batches that can never count were last looked for.
    swept_for_epoch: Option<u64>,
}

#[derive(Clone, Debug)]
struct Queued {
    batch: Batch,
    /// The L1 block that completed its channel.
    inclusion: L1Ref,
    bytes: u64,
}

impl BatchQueue {
    /// An empty queue that holds at most `max_bytes`: [`QUEUED_BATCH_BYTES_MAX`] but in tests.
    ///
    /// [`QUEUED_BATCH_BYTES_MAX`]: crate::limits::QUEUED_BATCH_BYTES_MAX
    pub(crate) const fn new(max_bytes: u64) -> Self {
        Self {
            channel: None,
            span: None,
            due: BTreeMap::new(),
            future: BTreeMap::new(),
            next_place: 0,
            bytes: 0,
            max_bytes,
            swept_for_epoch: None,
        }
    }

    pub(crate) fn open(&mut self, channel: OpenChannel) {
        debug_assert!(self.channel.is_none(), "channels are read one at a time");
        self.channel = Some(channel);
    }

    pub(crate) fn pull(
        &mut self,
        is_judging: bool,
        around: &Surroundings<'_>,
        window: &EpochWindow,
        trace: &mut TraceLog,
    ) -> Pull {
        if is_judging {
            if self.span.is_some() {
                return self.advance_span(around, window);
            }
            self.promote(around.next_time());
            if let Some((_, queued)) = self.due.pop_first() {
                self.bytes = self.bytes.saturating_sub(queued.bytes);
                return self.judge(queued, around, window, trace);
            }
        }
        let Some(channel) = &mut self.channel else {
            return Pull::Dry;
        };
        match channel.next_batch(trace) {
            Some(batch) => self.admit(batch, is_judging, around, trace),
            None => {
                self.channel = None;
                Pull::Progress
            }
        }
    }

    /// Moves on with the span batch at hand.
    fn advance_span(&mut self, around: &Surroundings<'_>, window: &EpochWindow) -> Pull {
        let Some((inclusion, span)) = &mut self.span else {
            return Pull::Progress;
        };
        let around = included_in(around, *inclusion);
        if let Some((from, to)) = span.wanted_l2(&around) {
            return Pull::NeedL2 { from, to };
        }
        let (batch, is_last_in_span) = match span.take_next(&around, window) {
            SpanItem::Batch { batch, is_last } => (Some(batch), is_last),
            SpanItem::Safe => (None, false),
            // The span was judged as a whole: none of its blocks is outdated.
            SpanItem::Outdated { .. } | SpanItem::End => (None, true),
        };
        if is_last_in_span {
            self.span = None;
        }
        batch.map_or(Pull::Progress, |batch| Pull::Batch {
            batch,
            is_last_in_span,
        })
    }

    /// Makes the batches due that begin at or before `next_time`.
    fn promote(&mut self, next_time: u64) {
        while let Some(entry) = self.future.first_entry()
            && entry.key().0 <= next_time
        {
            let ((_, place), queued) = entry.remove_entry();
            self.due.insert(place, queued);
        }
    }

    fn judge(
        &mut self,
        queued: Queued,
        around: &Surroundings<'_>,
        window: &EpochWindow,
        trace: &mut TraceLog,
    ) -> Pull {
        let Queued {
            batch, inclusion, ..
        } = queued;
        let around = included_in(around, inclusion);
        match batch {
            Batch::Singular(batch) => {
                let timestamp = batch.timestamp;
                match check_singular(&around, &batch) {
                    Verdict::Accept => {
                        return Pull::Batch {
                            batch,
                            is_last_in_span: true,
                        };
                    }
                    Verdict::Past => trace.push(Trace::BatchPast { timestamp }),
                    Verdict::Drop(reason) => {
                        trace.push(Trace::BatchDropped { timestamp, reason });
                    }
                }
            }
            Batch::Span(batch) => {
                let timestamp = first_timestamp(&batch);
                match OpenSpan::begin(batch, SpanRules::Whole, &around, window) {
                    Ok(span) => self.span = Some((inclusion, span)),
                    Err(verdict) => tell(timestamp, verdict, trace),
                }
            }
        }
        Pull::Progress
    }

    /// Takes in a batch that `around.inclusion` completed. Unless `is_judging`, only batches that
    /// begin behind the next block can still be waiting: the others have had their verdict.
    fn admit(
        &mut self,
        batch: Batch,
        is_judging: bool,
        around: &Surroundings<'_>,
        trace: &mut TraceLog,
    ) -> Pull {
        let (timestamp, never_counts) = match &batch {
            Batch::Singular(batch) => (batch.timestamp, never_counts(batch, around)),
            Batch::Span(batch) => {
                let timestamp = first_timestamp(batch);
                // Judged even if the span lies in the future.
                if is_before_delta(around, batch) {
                    let verdict = SpanVerdict::Drop(SpanDropReason::BeforeDelta);
                    tell(timestamp, verdict, trace);
                    return Pull::Progress;
                }
                (timestamp, None)
            }
        };
        if let Some(reason) = never_counts {
            trace.push(Trace::BatchDropped { timestamp, reason });
            return Pull::Progress;
        }
        let is_future = timestamp > around.next_time();
        if !is_future && !is_judging {
            trace.push(Trace::BatchPast { timestamp });
            return Pull::Progress;
        }
        if is_future {
            trace.push(Trace::BatchDeferred { timestamp });
        }
        let queued = Queued {
            bytes: size(&batch),
            batch: if is_future { detached(batch) } else { batch },
            inclusion: around.inclusion,
        };
        self.bytes = self.bytes.saturating_add(queued.bytes);
        let place = self.next_place;
        self.next_place += 1;
        if is_future {
            self.future.insert((timestamp, place), queued);
        } else {
            self.due.insert(place, queued);
        }
        self.keep_within_limit(around)
    }

    /// Looks for batches that can never count if there are too many, once per epoch.
    fn keep_within_limit(&mut self, around: &Surroundings<'_>) -> Pull {
        if self.bytes <= self.max_bytes {
            return Pull::Progress;
        }
        let epoch = around.epoch.number;
        if self.swept_for_epoch.replace(epoch) != Some(epoch) {
            let bytes = &mut self.bytes;
            self.future.retain(|_, queued| {
                let stays = last_epoch(&queued.batch) >= epoch;
                if !stays {
                    *bytes = bytes.saturating_sub(queued.bytes);
                }
                stays
            });
        }
        if self.bytes <= self.max_bytes {
            return Pull::Progress;
        }
        Pull::Critical(CriticalReason::TooManyBatches(around.inclusion))
    }

    pub(crate) fn push_l2(
        &mut self,
        blocks: &[L2BlockInput],
        around: &Surroundings<'_>,
        window: &EpochWindow,
        trace: &mut TraceLog,
    ) -> Result<Option<ResetReason>, PushError> {
        let Some((inclusion, span)) = &mut self.span else {
            return Err(PushError::NotRequested);
        };
        let around = included_in(around, *inclusion);
        span.expect(blocks, &around)?;
        let timestamp = span.timestamp();
        match span.compare(blocks, &around, window) {
            Ok(SpanVerdict::Accept) => {}
            Ok(verdict) => {
                self.span = None;
                tell(timestamp, verdict, trace);
            }
            Err(reason) => return Ok(Some(reason)),
        }
        Ok(None)
    }

    /// Drops what is left of the span batch at hand: one of its blocks was invalid. Its channel
    /// goes on.
    pub(crate) fn abandon(&mut self) {
        self.span = None;
    }
}

/// A batch is judged by the L1 block that completed it, not by the one being read now.
fn included_in<'a>(around: &Surroundings<'a>, inclusion: L1Ref) -> Surroundings<'a> {
    Surroundings {
        inclusion,
        ..*around
    }
}

/// Records why a span batch is not used.
fn tell(timestamp: u64, verdict: SpanVerdict, trace: &mut TraceLog) {
    match verdict {
        SpanVerdict::Accept => {}
        SpanVerdict::Past => trace.push(Trace::BatchPast { timestamp }),
        SpanVerdict::Undecided => trace.push(Trace::BatchUndecided { timestamp }),
        SpanVerdict::Drop(reason) => trace.push(Trace::SpanDropped { timestamp, reason }),
    }
}

/// Whether a batch would be dropped whenever its turn came, so that it need not be kept.
fn never_counts(batch: &SingularBatch, around: &Surroundings<'_>) -> Option<DropReason> {
    let window_end = batch.epoch_num.saturating_add(around.cfg.seq_window_size);
    if window_end < around.inclusion.number {
        return Some(DropReason::IncludedTooLate);
    }
    (batch.epoch_num < around.epoch.number).then_some(DropReason::EpochTooOld)
}

/// The last L1 origin that a batch names.
fn last_epoch(batch: &Batch) -> u64 {
    match batch {
        Batch::Singular(batch) => batch.epoch_num,
        Batch::Span(batch) => batch.end_epoch_num(),
    }
}

/// About what a batch takes in memory, in bytes.
fn size(batch: &Batch) -> u64 {
    let of_txs = |txs: &[Bytes]| -> u64 {
        let of_tx = |tx: &Bytes| tx.len() as u64 + ITEM_OVERHEAD_BYTES;
        txs.iter().map(of_tx).sum()
    };
    ITEM_OVERHEAD_BYTES
        + match batch {
            Batch::Singular(batch) => of_txs(&batch.transactions),
            Batch::Span(SpanBatch { blocks, .. }) => blocks
                .iter()
                .map(|block| of_txs(&block.transactions) + ITEM_OVERHEAD_BYTES)
                .sum(),
        }
}

/// The batch with transactions of its own: those of a singular batch share the memory of the whole
/// decompressed channel, which a batch that waits must not keep alive.
fn detached(mut batch: Batch) -> Batch {
    if let Batch::Singular(batch) = &mut batch {
        for tx in &mut batch.transactions {
            *tx = Bytes::copy_from_slice(tx);
        }
    }
    batch
}
