//! Span batches: where they stand, what they build on, and how they overlap the safe chain.

use super::kit::config;
use crate::{
    checks::Surroundings,
    span_checks::{
        SpanDropReason, SpanPlace, SpanVerdict, check_overlap, check_span_parent, place_span,
    },
};
use alloy_primitives::{B256, Bytes, FixedBytes};
use opal_protocol::{Fork, L1Ref, L2Ref, RollupConfig, SpanBatch, SpanBlock};
use std::{vec, vec::Vec};

const SAFE_TIME: u64 = 10_000;
const SAFE_NUMBER: u64 = 500;

fn l1(number: u64) -> L1Ref {
    let hash = B256::repeat_byte(number as u8);
    L1Ref {
        hash,
        number,
        parent_hash: B256::ZERO,
        time: 9_000 + number,
    }
}

fn l2(number: u64, origin: u64) -> L2Ref {
    L2Ref {
        hash: B256::repeat_byte(number as u8),
        number,
        parent_hash: B256::repeat_byte((number - 1) as u8),
        time: SAFE_TIME + 2 * number - 2 * SAFE_NUMBER,
        l1_origin: l1(origin).id(),
        seq_num: 0,
    }
}

/// A span whose first block is at height `first`, with these L1 origins, on a block of origin 100.
fn span(first: u64, origins: &[u64]) -> SpanBatch {
    let blocks: Vec<_> = origins
        .iter()
        .enumerate()
        .map(|(i, epoch_num)| SpanBlock {
            epoch_num: *epoch_num,
            timestamp: SAFE_TIME + 2 * (first + i as u64) - 2 * SAFE_NUMBER,
            transactions: vec![],
        })
        .collect();
    SpanBatch {
        parent_check: FixedBytes::repeat_byte((first - 1) as u8),
        first_starts_epoch: false,
        l1_origin_check: FixedBytes::repeat_byte(*origins.last().expect("not empty") as u8),
        blocks,
    }
}

struct Case {
    cfg: RollupConfig,
    safe_head: L2Ref,
    inclusion: u64,
    span: SpanBatch,
}

impl Case {
    fn around(&self) -> Surroundings<'_> {
        Surroundings {
            cfg: &self.cfg,
            safe_head: &self.safe_head,
            epoch: l1(100),
            next_epoch: l1(101),
            inclusion: l1(self.inclusion),
        }
    }
}

fn case(span: SpanBatch) -> Case {
    Case {
        cfg: config(Fork::Karst),
        safe_head: l2(SAFE_NUMBER, 100),
        inclusion: 105,
        span,
    }
}

#[track_caller]
fn check_place(
    span: SpanBatch,
    change: impl FnOnce(&mut Case),
    expected: Result<SpanPlace, SpanVerdict>,
) {
    let mut case = case(span);
    change(&mut case);
    assert_eq!(place_span(&case.around(), &case.span), expected);
}

#[test]
fn span_place() {
    let drop = |reason| Err(SpanVerdict::Drop(reason));
    check_place(span(501, &[100, 101]), |_| {}, Ok(SpanPlace::Next));
    check_place(span(502, &[100]), |_| {}, drop(SpanDropReason::Future));
    check_place(span(499, &[100, 100]), |_| {}, Err(SpanVerdict::Past));
    check_place(
        span(500, &[100, 100]),
        |_| {},
        Ok(SpanPlace::Overlaps { parent: 499 }),
    );
    check_place(
        span(1, &[100; 501]),
        |_| {},
        Ok(SpanPlace::Overlaps { parent: 0 }),
    );
    check_place(
        span(501, &[100]),
        |c| c.span.blocks[0].timestamp -= 1,
        // One block that ends before the next block is past, however it is aligned.
        Err(SpanVerdict::Past),
    );
    let shift = |c: &mut Case| c.span.blocks.iter_mut().for_each(|b| b.timestamp -= 1);
    check_place(
        span(501, &[100, 100]),
        shift,
        drop(SpanDropReason::Misaligned),
    );
    check_place(
        span(499, &[100; 4]),
        shift,
        drop(SpanDropReason::Misaligned),
    );
}

/// A span that claims to hold the genesis block has no parent that could be looked up.
#[test]
fn span_over_genesis_is_undecided() {
    let mut over = span(1, &[100; 501]);
    let genesis = SpanBlock {
        timestamp: over.blocks[0].timestamp - 2,
        ..over.blocks[0].clone()
    };
    over.blocks.insert(0, genesis);
    check_place(over, |_| {}, Err(SpanVerdict::Undecided));
    check_place(
        span(450, &[100; 100]),
        |c| c.cfg.genesis.l2.number = 450,
        Err(SpanVerdict::Undecided),
    );
    check_place(
        span(450, &[100; 100]),
        |c| c.cfg.genesis.l2.number = 449,
        Ok(SpanPlace::Overlaps { parent: 449 }),
    );
}

/// Trap 26: Delta counts by the time of the first block's L1 origin.
#[test]
fn trap_26_delta_by_first_origin() {
    let delta_at = |time| move |c: &mut Case| c.cfg.forks.delta_time = Some(time);
    let early = Err(SpanVerdict::Drop(SpanDropReason::BeforeDelta));
    check_place(
        span(501, &[100]),
        delta_at(l1(100).time),
        Ok(SpanPlace::Next),
    );
    check_place(span(501, &[100]), delta_at(l1(101).time), early);
    check_place(
        span(501, &[101]),
        delta_at(l1(101).time),
        Ok(SpanPlace::Next),
    );
}

#[track_caller]
fn check_parent(span: SpanBatch, change: impl FnOnce(&mut Case), expected: SpanVerdict) {
    let mut case = case(span);
    change(&mut case);
    let parent = case.safe_head;
    let canonical = |number| (100..=105).contains(&number).then(|| l1(number).hash);
    assert_eq!(
        check_span_parent(&case.around(), &case.span, &parent, canonical),
        expected
    );
}

#[test]
fn span_parent() {
    let drop = SpanVerdict::Drop;
    check_parent(span(501, &[100, 101, 105]), |_| {}, SpanVerdict::Accept);
    check_parent(span(501, &[101]), |_| {}, SpanVerdict::Accept);
    let wrong = |c: &mut Case| c.span.parent_check[19] ^= 1;
    check_parent(span(501, &[100]), wrong, drop(SpanDropReason::ParentCheck));
    let wrong = |c: &mut Case| c.span.l1_origin_check[19] ^= 1;
    check_parent(span(501, &[100]), wrong, drop(SpanDropReason::OriginCheck));
    check_parent(
        span(501, &[100]),
        |c| c.inclusion = 110,
        SpanVerdict::Accept,
    );
    check_parent(
        span(501, &[100]),
        |c| c.inclusion = 111,
        drop(SpanDropReason::IncludedTooLate),
    );
    check_parent(span(501, &[102]), |_| {}, drop(SpanDropReason::EpochTooNew));
    check_parent(
        span(501, &[u64::MAX]),
        |_| {},
        drop(SpanDropReason::EpochTooNew),
    );
    check_parent(
        span(501, &[99, 100]),
        |_| {},
        drop(SpanDropReason::EpochTooOld),
    );
    // An L1 origin that cannot be looked up leaves the span unjudged.
    check_parent(span(501, &[100, 106]), |_| {}, SpanVerdict::Undecided);
    check_parent(span(501, &[99]), |_| {}, SpanVerdict::Undecided);
}

#[test]
fn overlap_compares_origin_and_transactions() {
    let tx = |byte| Bytes::copy_from_slice(&[byte]);
    let ours = SpanBlock {
        epoch_num: 7,
        timestamp: 0,
        transactions: vec![tx(2), tx(1)],
    };
    let transactions = Err(SpanDropReason::OverlapTransactions);
    let cases = [
        (7, vec![tx(0x7e), tx(2), tx(1)], Ok(())),
        (7, vec![tx(0x7e), tx(0x7e), tx(2), tx(1)], Ok(())),
        (7, vec![tx(2), tx(1)], Ok(())),
        (
            8,
            vec![tx(0x7e), tx(2), tx(1)],
            Err(SpanDropReason::OverlapOrigin),
        ),
        (7, vec![tx(0x7e), tx(1), tx(2)], transactions),
        (7, vec![tx(0x7e), tx(2)], transactions),
        (7, vec![tx(0x7e)], transactions),
        (7, vec![], transactions),
        (7, vec![tx(0x7e), tx(2), tx(1), tx(1)], transactions),
    ];
    for (origin, safe, expected) in cases {
        assert_eq!(
            check_overlap(&ours, origin, &safe),
            expected,
            "{origin} {safe:?}"
        );
    }
}
