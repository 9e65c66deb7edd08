//! The rules a span batch must pass, as pure functions like those of [`crate::checks`].
//!
//! Before Holocene a span batch is judged as a whole, from Holocene on only its beginning is, and
//! its new blocks one by one like singular batches.
//!
//! spec: delta/span-batches.md#batch-queue, holocene/derivation.md#span-batches

use crate::checks::{DropReason, Surroundings, check_drift, check_transactions};
use alloy_primitives::{B256, Bytes};
use opal_protocol::{Fork, L1Ref, L2Ref, SpanBatch, SpanBlock};

/// What becomes of a span batch before its blocks are judged one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpanVerdict {
    /// So far nothing speaks against it.
    Accept,
    /// It ends before the next block: skip it alone.
    Past,
    /// It names an L1 origin that cannot be looked up: skip it alone.
    Undecided,
    /// It is invalid: drop it and its channel.
    Drop(SpanDropReason),
}

/// Why a span batch is invalid as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanDropReason {
    /// Delta is not active at the L1 origin that the next block would have.
    BeforeDelta,
    /// It leaves a gap behind the safe head.
    Future,
    /// Its blocks do not line up with the safe chain.
    Misaligned,
    /// It does not build on the block before its first one.
    ParentCheck,
    /// It was included after its first epoch's sequencing window.
    IncludedTooLate,
    /// Its first epoch is more than one after its parent's.
    EpochTooNew,
    /// Its first epoch is older than its parent's.
    EpochTooOld,
    /// Its last L1 origin is not canonical.
    OriginCheck,
    /// A block that is safe already has other transactions.
    OverlapTransactions,
    /// A block that is safe already has another L1 origin.
    OverlapOrigin,
    /// A new block has an L1 origin older than the safe head's.
    OutdatedOrigin,
    /// No safe block lies before its first one (before Holocene).
    NoParent,
    /// Its last L1 origin is not among the L1 blocks known (before Holocene).
    OriginUnknown,
    /// One of its new blocks is invalid (before Holocene, when a span stands or falls as a whole).
    Block(DropReason),
}

/// Where a span batch stands relative to the safe chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpanPlace {
    /// It begins with the next block: its parent is the safe head.
    Next,
    /// It overlaps the safe chain: its parent is the block at this height.
    Overlaps {
        /// Height of the block that the span builds on.
        parent: u64,
    },
}

/// Whether span batches are not allowed yet, by the L1 origin that the next block would have if
/// the span began with it.
///
/// spec: delta/span-batches.md#span-batch-activation-rule
pub(crate) fn is_before_delta(around: &Surroundings<'_>, span: &SpanBatch) -> bool {
    let origin = if span.start_epoch_num() == around.next_epoch.number {
        around.next_epoch
    } else {
        around.epoch
    };
    !around.cfg.is_active(Fork::Delta, origin.time)
}

/// The checks of a span batch that need nothing but its outline.
///
/// spec: holocene/derivation.md#span-batches
pub(crate) fn place_span(
    around: &Surroundings<'_>,
    span: &SpanBatch,
) -> Result<SpanPlace, SpanVerdict> {
    let (Some(first), Some(last)) = (span.blocks.first(), span.blocks.last()) else {
        return Err(SpanVerdict::Undecided);
    };
    if is_before_delta(around, span) {
        return Err(SpanVerdict::Drop(SpanDropReason::BeforeDelta));
    }
    let (safe, next_time) = (around.safe_head, around.next_time());
    if first.timestamp > next_time {
        return Err(SpanVerdict::Drop(SpanDropReason::Future));
    }
    if last.timestamp < next_time {
        return Err(SpanVerdict::Past);
    }
    if first.timestamp == next_time {
        return Ok(SpanPlace::Next);
    }
    let Some(behind) = safe.time.checked_sub(first.timestamp) else {
        return Err(SpanVerdict::Drop(SpanDropReason::Misaligned));
    };
    if !behind.is_multiple_of(around.cfg.block_time) {
        return Err(SpanVerdict::Drop(SpanDropReason::Misaligned));
    }
    // A span that claims to hold the genesis block has no parent to look up.
    let parent = safe
        .number
        .checked_sub(behind / around.cfg.block_time)
        .and_then(|n| n.checked_sub(1));
    match parent {
        Some(parent) if parent >= around.cfg.genesis.l2.number => {
            Ok(SpanPlace::Overlaps { parent })
        }
        _ => Err(SpanVerdict::Undecided),
    }
}

/// The checks of a span batch against the block it builds on. `canonical` gives the hash of the
/// L1 block at a height between the safe head's origin and the including block.
///
/// spec: holocene/derivation.md#span-batches
pub(crate) fn check_span_parent(
    around: &Surroundings<'_>,
    span: &SpanBatch,
    parent: &L2Ref,
    canonical: impl Fn(u64) -> Option<B256>,
) -> SpanVerdict {
    let (Some(first), Some(last)) = (span.blocks.first(), span.blocks.last()) else {
        return SpanVerdict::Undecided;
    };
    if span.parent_check[..] != parent.hash[..20] {
        return SpanVerdict::Drop(SpanDropReason::ParentCheck);
    }
    if first.epoch_num.saturating_add(around.cfg.seq_window_size) < around.inclusion.number {
        return SpanVerdict::Drop(SpanDropReason::IncludedTooLate);
    }
    if first.epoch_num > parent.l1_origin.number.saturating_add(1) {
        return SpanVerdict::Drop(SpanDropReason::EpochTooNew);
    }
    match canonical(last.epoch_num) {
        None => return SpanVerdict::Undecided,
        Some(hash) if span.l1_origin_check[..] != hash[..20] => {
            return SpanVerdict::Drop(SpanDropReason::OriginCheck);
        }
        Some(_) => {}
    }
    if first.epoch_num < parent.l1_origin.number {
        return SpanVerdict::Drop(SpanDropReason::EpochTooOld);
    }
    SpanVerdict::Accept
}

/// The checks of a span batch's new blocks, all at once, as before Holocene. `parent` is the block
/// that the span builds on; `l1` gives the L1 block at a height between the safe head's origin and
/// the including block.
///
/// spec: delta/span-batches.md#batch-queue (max sequencer time-drift & other L1 origin checks)
pub(crate) fn check_span_blocks(
    around: &Surroundings<'_>,
    span: &SpanBatch,
    parent: &L2Ref,
    l1: impl Fn(u64) -> Option<L1Ref>,
) -> SpanVerdict {
    let mut previous_epoch = parent.l1_origin.number;
    for block in &span.blocks {
        let advances = block.epoch_num > previous_epoch;
        previous_epoch = block.epoch_num;
        if block.timestamp <= around.safe_head.time {
            continue;
        }
        // Origins never decrease within a span and its last one is canonical, so an origin that is
        // not there is older than the safe head's.
        let Some(origin) = l1(block.epoch_num) else {
            return SpanVerdict::Drop(SpanDropReason::OutdatedOrigin);
        };
        let next = if advances {
            None
        } else {
            l1(block.epoch_num.saturating_add(1))
        };
        let (time, txs) = (block.timestamp, &block.transactions);
        let verdict = if time < origin.time {
            Err(DropReason::BeforeOrigin)
        } else {
            check_drift(around.cfg, time, txs.is_empty(), &origin, next.as_ref())
                .and_then(|()| check_transactions(around.cfg, time, txs))
        };
        if let Err(reason) = verdict {
            return SpanVerdict::Drop(SpanDropReason::Block(reason));
        }
    }
    SpanVerdict::Accept
}

/// Compares a block of a span batch with the safe block at its height.
///
/// spec: delta/span-batches.md#batch-queue (overlapped blocks)
pub(crate) fn check_overlap(
    block: &SpanBlock,
    safe_origin: u64,
    safe_transactions: &[Bytes],
) -> Result<(), SpanDropReason> {
    let is_deposit = |tx: &&Bytes| tx.first() == Some(&0x7e);
    let deposits = safe_transactions.iter().take_while(is_deposit).count();
    let Some(sequenced) = safe_transactions.get(deposits..) else {
        return Err(SpanDropReason::OverlapTransactions);
    };
    if sequenced != block.transactions.as_slice() {
        return Err(SpanDropReason::OverlapTransactions);
    }
    if safe_origin != block.epoch_num {
        return Err(SpanDropReason::OverlapOrigin);
    }
    Ok(())
}
