//! The rules a batch must pass, as pure functions of the batch and its surroundings.
//!
//! In: a batch, the safe head it would extend, the L1 blocks known to be canonical, and the L1
//! block that included it. Out: a verdict. Nothing here keeps state or panics, whatever the batch
//! claims.
//!
//! Which clock each rule reads (trap 26): Delta by the time of the span's first L1 origin; the
//! sequencer drift of Fjord by the time of the block's L1 origin; type-4 transactions and empty
//! activation blocks by the time of the block itself. Holocene, by the time of the including L1
//! block, chose this stage in the first place.

use alloy_primitives::{B256, Bytes};
use opal_protocol::{Fork, L1Ref, L2Ref, RollupConfig, SingularBatch, SpanBatch};

/// What becomes of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the next block.
    Accept,
    /// It lies before the next block: skip it alone. spec: holocene/derivation.md#batch-queue
    Past,
    /// It is invalid: drop it, its span and its channel.
    Drop(DropReason),
}

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

/// Why a batch is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// It leaves a gap behind the safe head.
    Future,
    /// It does not build on the safe head.
    ParentHash,
    /// It was included after its epoch's sequencing window.
    IncludedTooLate,
    /// Its epoch is older than the safe head's.
    EpochTooOld,
    /// Its epoch is more than one after the safe head's.
    EpochTooNew,
    /// Its epoch hash is not canonical.
    EpochHash,
    /// It is older than its L1 origin.
    BeforeOrigin,
    /// It has transactions although it is further ahead of its L1 origin than allowed.
    DriftExceeded,
    /// It is empty but keeps an old L1 origin although the next one could be adopted.
    DriftOriginNotAdvanced,
    /// It is the activation block of a fork that allows no batch transactions in it.
    ActivationBlockNotEmpty,
    /// A transaction has no bytes.
    EmptyTransaction,
    /// A transaction is a deposit.
    DepositTransaction,
    /// A transaction is of a type that is not allowed yet or at all.
    TransactionType(u8),
}

/// Why a span batch is invalid as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanDropReason {
    /// Delta is not active at its first L1 origin.
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
    /// Its first new block has an L1 origin older than the safe head's.
    OutdatedOrigin,
}

/// What a batch is judged against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) cfg: &'a RollupConfig,
    pub(crate) safe_head: &'a L2Ref,
    /// The safe head's L1 origin.
    pub(crate) epoch: L1Ref,
    /// The L1 block after `epoch`.
    pub(crate) next_epoch: L1Ref,
    /// The L1 block that completed the batch's channel.
    pub(crate) inclusion: L1Ref,
}

impl Surroundings<'_> {
    /// Timestamp of the next block in seconds.
    pub(crate) const fn next_time(&self) -> u64 {
        self.safe_head.time.saturating_add(self.cfg.block_time)
    }
}

/// Judges one block's batch. The order of the checks is the spec's: it decides between skipping
/// and dropping.
///
/// spec: protocol/derivation.md#batch-queue, holocene/derivation.md#batch-queue
pub(crate) fn check_singular(around: &Surroundings<'_>, batch: &SingularBatch) -> Verdict {
    let next_time = around.next_time();
    if batch.timestamp > next_time {
        return Verdict::Drop(DropReason::Future);
    }
    if batch.timestamp < next_time {
        return Verdict::Past;
    }
    if batch.parent_hash != around.safe_head.hash {
        return Verdict::Drop(DropReason::ParentHash);
    }
    let origin = match check_epoch(around, batch.epoch_num, batch.epoch_hash) {
        Ok(origin) => origin,
        Err(reason) => return Verdict::Drop(reason),
    };
    if batch.timestamp < origin.time {
        return Verdict::Drop(DropReason::BeforeOrigin);
    }
    if let Err(reason) = check_drift(around, batch, origin) {
        return Verdict::Drop(reason);
    }
    match check_transactions(around.cfg, batch.timestamp, &batch.transactions) {
        Ok(()) => Verdict::Accept,
        Err(reason) => Verdict::Drop(reason),
    }
}

/// The batch's L1 origin: the safe head's, or the one after it.
fn check_epoch(around: &Surroundings<'_>, number: u64, hash: B256) -> Result<L1Ref, DropReason> {
    if number.saturating_add(around.cfg.seq_window_size) < around.inclusion.number {
        return Err(DropReason::IncludedTooLate);
    }
    let origin = if number < around.epoch.number {
        return Err(DropReason::EpochTooOld);
    } else if number == around.epoch.number {
        around.epoch
    } else if number == around.next_epoch.number {
        around.next_epoch
    } else {
        return Err(DropReason::EpochTooNew);
    };
    if hash != origin.hash {
        return Err(DropReason::EpochHash);
    }
    Ok(origin)
}

/// A block may run ahead of its L1 origin only so far, unless it is empty and L1 leaves no choice.
///
/// spec: fjord/derivation.md#constant-maximum-sequencer-drift
fn check_drift(
    around: &Surroundings<'_>,
    batch: &SingularBatch,
    origin: L1Ref,
) -> Result<(), DropReason> {
    let drift = around.cfg.max_sequencer_drift_at(origin.time);
    if batch.timestamp <= origin.time.saturating_add(drift) {
        return Ok(());
    }
    if !batch.transactions.is_empty() {
        return Err(DropReason::DriftExceeded);
    }
    let advances = origin.number != around.epoch.number;
    if !advances && batch.timestamp >= around.next_epoch.time {
        return Err(DropReason::DriftOriginNotAdvanced);
    }
    Ok(())
}

fn check_transactions(
    cfg: &RollupConfig,
    timestamp: u64,
    transactions: &[Bytes],
) -> Result<(), DropReason> {
    if !transactions.is_empty() && forbids_batch_transactions(cfg, timestamp) {
        return Err(DropReason::ActivationBlockNotEmpty);
    }
    let set_code = cfg.is_active(Fork::Isthmus, timestamp);
    for transaction in transactions {
        match transaction.first() {
            None => return Err(DropReason::EmptyTransaction),
            Some(&0x7e) => return Err(DropReason::DepositTransaction),
            Some(&4) if !set_code => return Err(DropReason::TransactionType(4)),
            Some(_) => {}
        }
    }
    Ok(())
}

/// Whether a batch for the block at `timestamp` must be empty because the block activates a fork
/// (Jovian or later). The activation blocks of older forks should be empty, but nothing enforces
/// it (trap 40).
///
/// spec: jovian/derivation.md#activation-block-rules
pub(crate) fn forbids_batch_transactions(cfg: &RollupConfig, timestamp: u64) -> bool {
    [Fork::Jovian, Fork::Karst]
        .into_iter()
        .any(|fork| cfg.is_activation_block(fork, timestamp))
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
    let origin = if first.epoch_num == around.next_epoch.number {
        around.next_epoch
    } else {
        around.epoch
    };
    if !around.cfg.is_active(Fork::Delta, origin.time) {
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

/// Compares a block of a span batch with the safe block at its height.
///
/// spec: delta/span-batches.md#batch-queue (overlapped blocks)
pub(crate) fn check_overlap(
    block: &opal_protocol::SpanBlock,
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
