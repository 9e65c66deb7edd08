//! The rules of a single block's batch, and of empty batches, as tables.

use super::kit::config;
use crate::{
    attributes::must_be_empty,
    batch_stage::empty_batch,
    checks::{DropReason, Surroundings, Verdict, check_singular, forbids_batch_transactions},
};
use alloy_primitives::{B256, Bytes};
use opal_protocol::{Fork, L1Id, L1Ref, L2Ref, RollupConfig, SingularBatch};
use std::{vec, vec::Vec};

/// Time of the safe head; its L1 origin is L1 block 100, twelve seconds older.
const SAFE_TIME: u64 = 10_000;

fn l1(number: u64, time: u64) -> L1Ref {
    let hash = B256::with_last_byte(number as u8);
    let parent_hash = B256::with_last_byte(number.saturating_sub(1) as u8);
    L1Ref {
        hash,
        number,
        parent_hash,
        time,
    }
}

struct Case {
    cfg: RollupConfig,
    safe_head: L2Ref,
    epoch: L1Ref,
    next_epoch: L1Ref,
    inclusion: L1Ref,
    batch: SingularBatch,
}

/// A batch in the safe head's epoch that is valid.
fn valid() -> Case {
    let epoch = l1(100, SAFE_TIME - 12);
    let safe_head = L2Ref {
        hash: B256::repeat_byte(0x5a),
        number: 500,
        parent_hash: B256::repeat_byte(0x59),
        time: SAFE_TIME,
        l1_origin: epoch.id(),
        seq_num: 3,
    };
    let batch = SingularBatch {
        parent_hash: safe_head.hash,
        epoch_num: epoch.number,
        epoch_hash: epoch.hash,
        timestamp: SAFE_TIME + 2,
        transactions: vec![Bytes::from_static(&[2, 1])],
    };
    let next_epoch = l1(101, SAFE_TIME);
    Case {
        cfg: config(Fork::Karst),
        safe_head,
        epoch,
        next_epoch,
        inclusion: l1(105, SAFE_TIME + 50),
        batch,
    }
}

impl Case {
    fn around(&self) -> Surroundings<'_> {
        Surroundings {
            cfg: &self.cfg,
            safe_head: &self.safe_head,
            epoch: self.epoch,
            next_epoch: self.next_epoch,
            inclusion: self.inclusion,
        }
    }
}

#[track_caller]
fn check(change: impl FnOnce(&mut Case), expected: Verdict) {
    let mut case = valid();
    change(&mut case);
    assert_eq!(check_singular(&case.around(), &case.batch), expected);
}

fn next_epoch(case: &mut Case) {
    case.batch.epoch_num = case.next_epoch.number;
    case.batch.epoch_hash = case.next_epoch.hash;
}

#[test]
fn valid_batches_are_accepted() {
    check(|_| {}, Verdict::Accept);
    check(next_epoch, Verdict::Accept);
    check(|c| c.batch.transactions.clear(), Verdict::Accept);
    check(
        |c| c.batch.transactions = vec![Bytes::from_static(&[0xf8]); 3],
        Verdict::Accept,
    );
}

/// Trap 28: a batch at or before the safe head is skipped, every other fault drops.
#[test]
fn trap_28_past_is_told_from_drop() {
    check(|c| c.batch.timestamp = SAFE_TIME, Verdict::Past);
    check(|c| c.batch.timestamp = SAFE_TIME + 1, Verdict::Past);
    check(|c| c.batch.timestamp = 0, Verdict::Past);
    // The time is judged first: a past batch stays past whatever else is wrong with it.
    check(
        |c| {
            c.batch.timestamp = SAFE_TIME;
            c.batch.parent_hash = B256::ZERO;
            c.batch.epoch_num = 0;
        },
        Verdict::Past,
    );
    check(
        |c| c.batch.timestamp = SAFE_TIME + 3,
        Verdict::Drop(DropReason::Future),
    );
    check(
        |c| c.batch.timestamp = u64::MAX,
        Verdict::Drop(DropReason::Future),
    );
}

#[test]
fn origin_rules() {
    let drop = Verdict::Drop;
    check(
        |c| c.batch.parent_hash = B256::ZERO,
        drop(DropReason::ParentHash),
    );
    // Window of 10: epoch 100 counts up to L1 block 110.
    check(|c| c.inclusion = l1(110, 20_000), Verdict::Accept);
    check(
        |c| c.inclusion = l1(111, 20_000),
        drop(DropReason::IncludedTooLate),
    );
    check(|c| c.batch.epoch_num = 99, drop(DropReason::EpochTooOld));
    check(|c| c.batch.epoch_num = 102, drop(DropReason::EpochTooNew));
    check(
        |c| c.batch.epoch_num = u64::MAX,
        drop(DropReason::EpochTooNew),
    );
    check(
        |c| c.batch.epoch_hash = B256::ZERO,
        drop(DropReason::EpochHash),
    );
    check(
        |c| {
            c.next_epoch.time = SAFE_TIME + 3;
            next_epoch(c);
        },
        drop(DropReason::BeforeOrigin),
    );
}

/// Trap 32: an empty batch may exceed the drift only as long as the next L1 origin could not be
/// adopted, and a batch that adopts it may exceed the drift if it is empty.
#[test]
fn trap_32_drift_exception_looks_at_the_next_epoch() {
    let late = |c: &mut Case| {
        c.epoch.time = SAFE_TIME - 1800;
        c.next_epoch.time = SAFE_TIME + 100;
    };
    check(
        |c| {
            late(c);
            c.epoch.time += 2;
        },
        Verdict::Accept,
    );
    check(late, Verdict::Drop(DropReason::DriftExceeded));
    let empty = move |c: &mut Case| {
        late(c);
        c.batch.transactions.clear();
    };
    check(empty, Verdict::Accept);
    check(
        |c| {
            empty(c);
            c.next_epoch.time = SAFE_TIME + 2;
        },
        Verdict::Drop(DropReason::DriftOriginNotAdvanced),
    );
    check(
        |c| {
            empty(c);
            c.next_epoch.time = SAFE_TIME - 1800;
            next_epoch(c);
        },
        Verdict::Accept,
    );
}

/// Trap 26: the drift is Fjord's by the time of the L1 origin, not of the batch.
#[test]
fn trap_26_drift_by_origin_time() {
    let with_fjord_at = |offset: u64| {
        move |c: &mut Case| {
            c.epoch.time = SAFE_TIME - 700;
            c.next_epoch.time = SAFE_TIME + 100;
            c.cfg.forks.fjord_time = Some(c.epoch.time + offset);
        }
    };
    // 600 seconds are configured, 1800 are Fjord's.
    check(with_fjord_at(0), Verdict::Accept);
    check(with_fjord_at(1), Verdict::Drop(DropReason::DriftExceeded));
}

/// Trap 26: type-4 transactions count from Isthmus on by the time of the batch.
#[test]
fn trap_26_set_code_transactions_by_batch_time() {
    let with = |first: &'static [u8], isthmus: u64| {
        move |c: &mut Case| {
            c.batch.transactions = vec![Bytes::from_static(&[2, 1]), Bytes::from_static(first)];
            c.cfg.forks.isthmus_time = Some(isthmus);
        }
    };
    check(with(&[4, 1], SAFE_TIME + 2), Verdict::Accept);
    check(
        with(&[4, 1], SAFE_TIME + 3),
        Verdict::Drop(DropReason::TransactionType(4)),
    );
    check(with(&[], 0), Verdict::Drop(DropReason::EmptyTransaction));
    check(
        with(&[0x7e, 1], 0),
        Verdict::Drop(DropReason::DepositTransaction),
    );
}

/// Traps 26 and 40: Jovian's and Karst's activation blocks, by the time of the batch, must be empty
/// or the batch is dropped; older forks only tell the sequencer.
#[test]
fn trap_40_activation_blocks() {
    let forks = [
        (Fork::Ecotone, true, false),
        (Fork::Fjord, true, false),
        (Fork::Granite, false, false),
        (Fork::Holocene, false, false),
        (Fork::Isthmus, true, false),
        (Fork::Jovian, true, true),
        (Fork::Karst, true, true),
    ];
    for (fork, sequencer_leaves_empty, batch_is_dropped) in forks {
        let mut cfg = config(Fork::Karst);
        let at = cfg.genesis.l2_time + 100;
        cfg.forks.set(fork, Some(at));
        for (time, is_activation) in [(at - 2, false), (at, true), (at + 2, false)] {
            let empty = is_activation && sequencer_leaves_empty;
            assert_eq!(
                must_be_empty(&cfg, time, time),
                empty,
                "{fork} sequencer at {time}"
            );
            let dropped = is_activation && batch_is_dropped;
            assert_eq!(
                forbids_batch_transactions(&cfg, time),
                dropped,
                "{fork} batch at {time}"
            );
        }
    }
    let activate = |fork: Fork, at: u64| {
        move |c: &mut Case| {
            c.cfg.genesis.l2_time = 0;
            c.cfg.forks.set(fork, Some(at));
        }
    };
    let not_empty = Verdict::Drop(DropReason::ActivationBlockNotEmpty);
    check(activate(Fork::Jovian, SAFE_TIME + 1), not_empty);
    check(activate(Fork::Karst, SAFE_TIME + 2), not_empty);
    check(activate(Fork::Karst, SAFE_TIME + 3), Verdict::Accept);
    check(activate(Fork::Karst, SAFE_TIME), Verdict::Accept);
    check(activate(Fork::Isthmus, SAFE_TIME + 2), Verdict::Accept);
    check(
        |c| {
            activate(Fork::Jovian, SAFE_TIME + 2)(c);
            c.batch.transactions.clear();
        },
        Verdict::Accept,
    );
}

#[test]
fn sequencer_takes_no_transactions_beyond_the_drift() {
    let cfg = config(Fork::Karst);
    assert!(!must_be_empty(&cfg, 2_000_000, 2_001_800));
    assert!(must_be_empty(&cfg, 2_000_000, 2_001_801));
}

/// Heights of the including L1 block from which on an empty batch appears, and its epoch.
#[track_caller]
fn check_empty(change: impl Fn(&mut Case), expected: &[(u64, Option<u64>)]) {
    for (inclusion, epoch) in expected {
        let mut case = valid();
        change(&mut case);
        case.inclusion.number = *inclusion;
        let batch = empty_batch(&case.around());
        assert_eq!(
            batch.as_ref().map(|b| b.epoch_num),
            *epoch,
            "at L1 block {inclusion}"
        );
        if let Some(batch) = batch {
            assert_eq!(batch.timestamp, SAFE_TIME + 2);
            assert_eq!(batch.transactions, Vec::<Bytes>::new());
            assert_eq!(batch.parent_hash, case.safe_head.hash);
        }
    }
}

/// Trap 32: the safe head's epoch goes on until the next L1 block's time.
#[test]
fn trap_32_empty_batch_keeps_the_epoch() {
    let late = |c: &mut Case| c.next_epoch.time = SAFE_TIME + 3;
    check_empty(late, &[(109, None), (110, Some(100)), (111, Some(100))]);
    check_empty(|_| {}, &[(110, None), (111, Some(101))]);
}

#[test]
fn empty_batch_advances_one_epoch_at_a_time() {
    // L2 lags far behind L1: still each epoch gets its block.
    let lagging = |c: &mut Case| {
        c.epoch.time = SAFE_TIME - 500;
        c.next_epoch.time = SAFE_TIME - 400;
    };
    check_empty(lagging, &[(110, None), (111, Some(101)), (500, Some(101))]);
    let genesis = |c: &mut Case| {
        c.safe_head.l1_origin = L1Id::default();
        c.epoch = l1(0, SAFE_TIME);
        c.next_epoch = l1(1, SAFE_TIME + 12);
    };
    check_empty(genesis, &[(9, None), (10, Some(0))]);
}
