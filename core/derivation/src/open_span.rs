//! A span batch on its way to become blocks.
//!
//! In: a decoded span batch; the safe blocks that it overlaps. Out: the batches of its new blocks,
//! one at a time. Invariant: blocks are handed out only once the span's beginning was judged
//! (before Holocene: all of it), and every block of it that is safe already was found equal to the
//! safe one.
//!
//! `docs/decisions/span-overlap.md` says why the content is compared after Holocene too.
//!
//! spec: holocene/derivation.md#span-batches, delta/span-batches.md#batch-queue

use crate::{
    checks::Surroundings,
    limits::OVERLAP_BLOCKS_MAX,
    span_checks::{
        SpanDropReason, SpanPlace, SpanVerdict, check_overlap, check_span_blocks,
        check_span_parent, place_span,
    },
    step::{L2BlockInput, PushError, ResetReason},
    window::EpochWindow,
};
use alloy_primitives::B256;
use opal_protocol::{L2Ref, SingularBatch, SpanBatch};

/// How much of a span batch is judged before its first block is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpanRules {
    /// All of it (before Holocene); there is no doubt that would not void it.
    Whole,
    /// Only what comes before its new blocks (Holocene).
    Prefix,
}

/// A span batch that is being compared or handed out.
#[derive(Clone, Debug)]
pub(crate) struct OpenSpan {
    batch: SpanBatch,
    rules: SpanRules,
    phase: Phase,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Safe blocks from height `next` on are still to be compared; the span builds on `parent`.
    Overlap {
        parent: u64,
        next: u64,
        previous_hash: Option<B256>,
    },
    /// Blocks from index `next` on are still to be handed out.
    Streaming { next: usize },
}

/// The next block of a span.
#[derive(Clone, Debug)]
pub(crate) enum SpanItem {
    /// The batch of a block behind the safe head, still to be judged.
    Batch { batch: SingularBatch, is_last: bool },
    /// A block whose L1 origin is older than the safe head's: the span is invalid (trap 29).
    Outdated { timestamp: u64 },
    /// A block that is safe already.
    Safe,
    /// There is none.
    End,
}

impl OpenSpan {
    /// Judges the span, as far as that needs no safe blocks but the safe head.
    pub(crate) fn begin(
        batch: SpanBatch,
        rules: SpanRules,
        around: &Surroundings<'_>,
        window: &EpochWindow,
    ) -> Result<Self, SpanVerdict> {
        let place =
            place_span(around, &batch).map_err(|v| rules.settle(v, SpanDropReason::NoParent))?;
        let phase = match place {
            SpanPlace::Overlaps { parent } => Phase::Overlap {
                parent,
                next: parent,
                previous_hash: None,
            },
            SpanPlace::Next => match rules.judge(&batch, around.safe_head, around, window) {
                SpanVerdict::Accept => Phase::Streaming { next: 0 },
                verdict => return Err(verdict),
            },
        };
        Ok(Self {
            batch,
            rules,
            phase,
        })
    }

    /// Time of the first block in seconds.
    pub(crate) fn timestamp(&self) -> u64 {
        first_timestamp(&self.batch)
    }

    /// Heights of the safe blocks to compare next, both included.
    pub(crate) fn wanted_l2(&self, around: &Surroundings<'_>) -> Option<(u64, u64)> {
        match self.phase {
            Phase::Overlap { next, .. } => {
                let last = next.saturating_add(OVERLAP_BLOCKS_MAX - 1);
                Some((next, last.min(around.safe_head.number)))
            }
            Phase::Streaming { .. } => None,
        }
    }

    /// Whether `blocks` are those asked for.
    pub(crate) fn expect(
        &self,
        blocks: &[L2BlockInput],
        around: &Surroundings<'_>,
    ) -> Result<(), PushError> {
        let (from, to) = self.wanted_l2(around).ok_or(PushError::NotRequested)?;
        let wanted = to.saturating_sub(from).saturating_add(1);
        let given = blocks.len() as u64;
        if wanted != given {
            return Err(PushError::WrongCount { wanted, given });
        }
        let mut numbered = blocks.iter().zip(from..);
        if numbered.all(|(input, number)| input.block.number == number) {
            Ok(())
        } else {
            Err(PushError::NotRequested)
        }
    }

    /// Compares the safe blocks asked for: first the span's parent, then block by block.
    pub(crate) fn compare(
        &mut self,
        blocks: &[L2BlockInput],
        around: &Surroundings<'_>,
        window: &EpochWindow,
    ) -> Result<SpanVerdict, ResetReason> {
        let Phase::Overlap {
            parent,
            mut next,
            mut previous_hash,
        } = self.phase
        else {
            return Ok(SpanVerdict::Accept);
        };
        for input in blocks {
            let block = &input.block;
            let linked = previous_hash.is_none_or(|hash| hash == block.parent_hash);
            let is_safe_head = block.number == around.safe_head.number;
            if !linked || is_safe_head && block.hash != around.safe_head.hash {
                return Err(ResetReason::ForeignL2Block(block.id()));
            }
            let verdict = if block.number == parent {
                self.rules.judge(&self.batch, block, around, window)
            } else {
                self.compare_block(input, parent)
            };
            if verdict != SpanVerdict::Accept {
                return Ok(verdict);
            }
            previous_hash = Some(block.hash);
            next = block.number.saturating_add(1);
        }
        self.phase = if next > around.safe_head.number {
            Phase::Streaming { next: 0 }
        } else {
            Phase::Overlap {
                parent,
                next,
                previous_hash,
            }
        };
        Ok(SpanVerdict::Accept)
    }

    fn compare_block(&self, input: &L2BlockInput, parent: u64) -> SpanVerdict {
        let height_in_span = input
            .block
            .number
            .checked_sub(parent)
            .and_then(|n| n.checked_sub(1));
        let index = height_in_span.and_then(|n| usize::try_from(n).ok());
        let Some(ours) = index.and_then(|index| self.batch.blocks.get(index)) else {
            return SpanVerdict::Drop(SpanDropReason::Misaligned);
        };
        match check_overlap(ours, input.block.l1_origin.number, &input.transactions) {
            Ok(()) => SpanVerdict::Accept,
            Err(reason) => SpanVerdict::Drop(reason),
        }
    }

    /// Takes the next block out of the span.
    pub(crate) fn take_next(
        &mut self,
        around: &Surroundings<'_>,
        window: &EpochWindow,
    ) -> SpanItem {
        let Phase::Streaming { next } = self.phase else {
            return SpanItem::Safe;
        };
        let following = next.saturating_add(1);
        let is_last = following >= self.batch.blocks.len();
        let Some(block) = self.batch.blocks.get_mut(next) else {
            return SpanItem::End;
        };
        self.phase = Phase::Streaming { next: following };
        let timestamp = block.timestamp;
        if timestamp <= around.safe_head.time {
            return SpanItem::Safe;
        }
        // Origins never decrease within a span and its last one is canonical, so an origin that
        // cannot be looked up is older than the safe head's.
        let Some(epoch_hash) = window.hash_at(block.epoch_num) else {
            return SpanItem::Outdated { timestamp };
        };
        let batch = SingularBatch {
            // The prefix check has settled what the span builds on.
            parent_hash: around.safe_head.hash,
            epoch_num: block.epoch_num,
            epoch_hash,
            timestamp,
            transactions: core::mem::take(&mut block.transactions),
        };
        SpanItem::Batch { batch, is_last }
    }
}

impl SpanRules {
    /// Judges the span against the block it builds on.
    fn judge(
        self,
        batch: &SpanBatch,
        parent: &L2Ref,
        around: &Surroundings<'_>,
        window: &EpochWindow,
    ) -> SpanVerdict {
        let canonical = |number| window.hash_at(number);
        let verdict = check_span_parent(around, batch, parent, canonical);
        match (self, self.settle(verdict, SpanDropReason::OriginUnknown)) {
            (Self::Whole, SpanVerdict::Accept) => {
                check_span_blocks(around, batch, parent, |number| window.ref_at(number))
            }
            (_, verdict) => verdict,
        }
    }

    /// Before Holocene a span that cannot be judged is invalid: what it names and nobody knows
    /// will not become known later (`docs/decisions/undecided-batches.md`).
    const fn settle(self, verdict: SpanVerdict, doubt: SpanDropReason) -> SpanVerdict {
        match (self, verdict) {
            (Self::Whole, SpanVerdict::Undecided) => SpanVerdict::Drop(doubt),
            (_, verdict) => verdict,
        }
    }
}

/// Time of the span's first block in seconds.
pub(crate) fn first_timestamp(batch: &SpanBatch) -> u64 {
    batch.blocks.first().map_or(0, |block| block.timestamp)
}
