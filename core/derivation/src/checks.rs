//! The rules a batch must pass, as pure functions of the batch and its surroundings.
//!
//! In: a batch, the safe head it would extend, the L1 blocks known to be canonical, and the L1
//! block that included it. Out: a verdict. Nothing here keeps state or panics, whatever the batch
//! claims.
//!
//! Which clock each rule reads (trap 26): Delta by the time of the span's first L1 origin; the
//! sequencer drift of Fjord by the time of the block's L1 origin; type-4 transactions and empty
//! activation blocks by the time of the block itself. Holocene, by the time of the including L1
//! block, chose the stage that asks.
//!
//! No verdict is ever "undecided" for want of the next L1 block: a batch is included after its L1
//! origin, so nothing is judged before the block behind the safe head's origin is known.

use alloy_primitives::{B256, Bytes};
use opal_protocol::{Fork, L1Ref, L2Ref, RollupConfig, SingularBatch};

/// What becomes of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the next block.
    Accept,
    /// It lies before the next block: skip it alone. Before Holocene that is as good as dropping
    /// it. spec: holocene/derivation.md#batch-queue
    Past,
    /// It is invalid: drop it; from Holocene on its span and its channel too.
    Drop(DropReason),
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

/// What a batch is judged against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) cfg: &'a RollupConfig,
    /// The block that the batch would extend: the pending safe head.
    pub(crate) safe_head: &'a L2Ref,
    /// Its L1 origin.
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
    let (is_empty, keeps_origin) = (
        batch.transactions.is_empty(),
        origin.number == around.epoch.number,
    );
    let next = keeps_origin.then_some(&around.next_epoch);
    if let Err(reason) = check_drift(around.cfg, batch.timestamp, is_empty, &origin, next) {
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
/// `next` is the L1 block after `origin` if the block keeps its parent's origin, else `None`.
///
/// spec: fjord/derivation.md#constant-maximum-sequencer-drift
pub(crate) fn check_drift(
    cfg: &RollupConfig,
    timestamp: u64,
    is_empty: bool,
    origin: &L1Ref,
    next: Option<&L1Ref>,
) -> Result<(), DropReason> {
    let drift = cfg.max_sequencer_drift_at(origin.time);
    if timestamp <= origin.time.saturating_add(drift) {
        return Ok(());
    }
    if !is_empty {
        return Err(DropReason::DriftExceeded);
    }
    if next.is_some_and(|next| timestamp >= next.time) {
        return Err(DropReason::DriftOriginNotAdvanced);
    }
    Ok(())
}

/// The transactions of a batch may be of any type that its block allows and that users can send.
///
/// spec: protocol/derivation.md#batch-queue, isthmus/derivation.md#activation
pub(crate) fn check_transactions(
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
