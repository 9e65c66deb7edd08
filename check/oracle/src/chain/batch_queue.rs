//! From batches to valid batches: the batch queue, and since Holocene the two stages that took its
//! place.
//!
//! spec: protocol/derivation.md#batch-queue, protocol/holocene/derivation.md#batch-queue

use super::{
    NaiveDerivation,
    Pull::{self, NeedL1, Ready},
};
use crate::{
    batches::{Batch, SingularBatch},
    checks::{
        Context, Validity, check_singular_batch, check_span_batch, check_span_batch_holocene,
    },
    input::NaiveL1Block,
    span::{SpanBatch, SpanBlock},
};
use alloy_primitives::B256;
use std::{collections::VecDeque, sync::Arc};

impl NaiveDerivation {
    fn context(&self) -> Context<'_> {
        Context {
            cfg: &self.rollup.cfg,
            l1: &self.l1,
            l2: &self.chain,
        }
    }

    /// The batch for the next block.
    pub(super) fn next_batch(&mut self) -> Pull<SingularBatch> {
        if self.is_holocene() {
            self.next_batch_since_holocene()
        } else {
            self.next_batch_before_holocene()
        }
    }

    /// spec: protocol/derivation.md#batch-queue, protocol/delta/span-batches.md#batch-queue
    fn next_batch_before_holocene(&mut self) -> Pull<SingularBatch> {
        if let Some(batch) = self.next_of_span() {
            return Ready(batch);
        }
        loop {
            let pulled = self.next_decoded_batch();
            let is_out_of_data = matches!(pulled, NeedL1);
            if let Ready(batch) = pulled {
                let inclusion = self.l1_origin().clone();
                if self.check(&batch, &inclusion) != Validity::Drop {
                    self.batch_queue.push((batch, inclusion));
                }
            }
            let (accepted, is_undecided) = self.take_from_queue();
            match accepted {
                Some(Batch::Singular(batch)) => return Ready(batch),
                Some(Batch::Span(span)) => {
                    self.span = self.new_blocks(&span).expect("origins were checked");
                    return Ready(self.next_of_span().expect("spans have new blocks"));
                }
                None if is_undecided => {}
                None => {
                    if let Some(batch) = self.empty_batch(is_out_of_data) {
                        return Ready(batch);
                    }
                }
            }
            if is_out_of_data {
                return NeedL1;
            }
        }
    }

    /// The first batch of the queue that can be applied; and whether one that comes before it
    /// cannot be judged yet, so that all must wait.
    fn take_from_queue(&mut self) -> (Option<Batch>, bool) {
        let mut i = 0;
        while let Some((batch, inclusion)) = self.batch_queue.get(i) {
            match self.check(batch, inclusion) {
                Validity::Accept => return (Some(self.batch_queue.remove(i).0), false),
                Validity::Undecided => return (None, true),
                Validity::Future => i += 1,
                Validity::Drop | Validity::Past => drop(self.batch_queue.remove(i)),
            }
        }
        (None, false)
    }

    /// The verdict on a batch before Holocene.
    fn check(&self, batch: &Batch, inclusion: &NaiveL1Block) -> Validity {
        match batch {
            Batch::Singular(batch) => check_singular_batch(&self.context(), batch, inclusion),
            Batch::Span(batch) => check_span_batch(&self.context(), batch, inclusion),
        }
    }

    /// spec: protocol/holocene/derivation.md#span-batches, protocol/holocene/derivation.md#batch-queue
    fn next_batch_since_holocene(&mut self) -> Pull<SingularBatch> {
        let inclusion = self.l1_origin().clone();
        if self.head().origin.number >= inclusion.header.number {
            // A channel in the L1 origin of the safe head, or before, holds nothing new.
            while let Ready(_) = self.next_decoded_batch() {}
            return NeedL1;
        }
        loop {
            let candidate = match self.next_of_span() {
                Some(batch) => batch,
                None => match self.next_decoded_batch() {
                    Ready(Batch::Singular(batch)) => batch,
                    Ready(Batch::Span(span)) => {
                        self.open_span(&span, &inclusion);
                        continue;
                    }
                    NeedL1 => return self.empty_batch(true).map_or(NeedL1, Ready),
                },
            };
            match check_singular_batch(&self.context(), &candidate, &inclusion) {
                Validity::Accept => return Ready(candidate),
                Validity::Drop => self.flush_channel(),
                Validity::Past | Validity::Undecided => {}
                Validity::Future => unreachable!("since Holocene there is no waiting"),
            }
        }
    }

    /// Makes a span batch the current one, if it is in its place.
    fn open_span(&mut self, span: &SpanBatch, inclusion: &NaiveL1Block) {
        match check_span_batch_holocene(&self.context(), span, inclusion) {
            Validity::Accept => match self.new_blocks(span) {
                Some(blocks) => self.span = blocks,
                // An outdated origin makes the span invalid.
                None => self.flush_channel(),
            },
            Validity::Drop => self.flush_channel(),
            Validity::Past | Validity::Undecided => {}
            Validity::Future => unreachable!("since Holocene there is no waiting"),
        }
    }

    /// Drops the rest of the span batch and of the channel.
    ///
    /// spec: protocol/holocene/derivation.md#fast-channel-invalidation
    pub(super) fn flush_channel(&mut self) {
        self.span.clear();
        self.channel.clear();
        self.staging_channel.flush();
    }

    /// The blocks of a span batch behind the safe head. Their parents are not known yet. `None` if
    /// one has an L1 origin that is older than the safe head's.
    fn new_blocks(&self, span: &SpanBatch) -> Option<VecDeque<SingularBatch>> {
        let head = self.head();
        let is_new = |block: &&SpanBlock| block.timestamp > head.block.time;
        let origins = self.l1.iter();
        let origins: Vec<_> = origins
            .filter(|block| block.header.number >= head.origin.number)
            .collect();
        let new_block = |block: &SpanBlock| {
            let is_origin = |l1: &&&Arc<NaiveL1Block>| l1.header.number == block.epoch_num;
            Some(SingularBatch {
                parent_hash: B256::ZERO,
                epoch_num: block.epoch_num,
                epoch_hash: origins.iter().find(is_origin)?.hash,
                timestamp: block.timestamp,
                transactions: block.transactions.clone(),
            })
        };
        span.blocks.iter().filter(is_new).map(new_block).collect()
    }

    /// The next block of the current span batch. If that does not follow the head, because the
    /// block before it was refused, the span batch is dropped.
    fn next_of_span(&mut self) -> Option<SingularBatch> {
        let mut batch = self.span.pop_front()?;
        let head = self.head();
        if batch.timestamp != head.block.time + self.rollup.cfg.block_time {
            self.span.clear();
            return None;
        }
        batch.parent_hash = head.block.hash;
        Some(batch)
    }

    /// The batch without transactions that takes the place of one that was not posted in time.
    /// Which epoch it belongs to, and when that is certain: docs/decisions/empty-batches.md.
    fn empty_batch(&self, is_out_of_data: bool) -> Option<SingularBatch> {
        let (cfg, head) = (&self.rollup.cfg, self.head());
        let timestamp = head.block.time + cfg.block_time;
        let l1_block = |number| self.l1.iter().find(|block| block.header.number == number);
        let is_window_closed = |epoch_num: u64| {
            let last = epoch_num + cfg.seq_window_size;
            let now = self.l1_origin().header.number;
            now > last || now == last && is_out_of_data
        };
        let epoch = l1_block(head.origin.number)?;
        let next_epoch = l1_block(head.origin.number + 1)?;
        if !is_window_closed(epoch.header.number) {
            return None;
        }
        let origin = if timestamp < next_epoch.time() {
            epoch
        } else {
            next_epoch
        };
        is_window_closed(origin.header.number).then(|| SingularBatch {
            parent_hash: head.block.hash,
            epoch_num: origin.header.number,
            epoch_hash: origin.hash,
            timestamp,
            transactions: Vec::new(),
        })
    }
}
