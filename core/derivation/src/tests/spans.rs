//! Span batches: where they stand, what they build on, and how they overlap the safe chain.

use super::kit::config;
use crate::{
    checks::{DropReason, Surroundings},
    open_span::{OpenSpan, SpanRules},
    span_checks::{
        SpanDropReason, SpanPlace, SpanVerdict, check_overlap, check_span_blocks,
        check_span_parent, place_span,
    },
    window::EpochWindow,
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

/// The verdict on a span before Holocene: all of it at once.
fn whole(case: &Case) -> SpanVerdict {
    let around = case.around();
    let parent = case.safe_head;
    let known = |number: u64| (100..=case.inclusion).contains(&number).then(|| l1(number));
    match place_span(&around, &case.span) {
        Err(verdict) => return verdict,
        Ok(SpanPlace::Overlaps { .. }) => panic!("the parent is the safe head here"),
        Ok(SpanPlace::Next) => {}
    }
    let canonical = |number| known(number).map(|l1| l1.hash);
    match check_span_parent(&around, &case.span, &parent, canonical) {
        SpanVerdict::Accept => check_span_blocks(&around, &case.span, &parent, known),
        verdict => verdict,
    }
}

/// Takes one fault out of a case.
type Mend<'a> = &'a dyn Fn(&mut Case);

/// A span with every fault there is: mending one after the other shows the order of the checks.
#[test]
fn span_verdicts_before_holocene_in_order() {
    use SpanDropReason as S;
    let mut faulty = span(501, &[90, 90, 91]);
    faulty.parent_check[0] ^= 1;
    for block in &mut faulty.blocks {
        block.timestamp += 2;
    }
    faulty.blocks[1].transactions = vec![Bytes::new()];
    let mut case = case(faulty);
    case.cfg = config(Fork::Granite);
    case.cfg.forks.delta_time = None;
    let shift = |c: &mut Case, origins: [u64; 3]| {
        for (block, epoch_num) in c.span.blocks.iter_mut().zip(origins) {
            block.epoch_num = epoch_num;
        }
    };
    let steps: [(SpanDropReason, Mend<'_>); 8] = [
        (S::BeforeDelta, &|c| c.cfg.forks.delta_time = Some(0)),
        (S::Future, &|c| {
            c.span.blocks.iter_mut().for_each(|b| b.timestamp -= 2)
        }),
        (S::ParentCheck, &|c| c.span.parent_check[0] ^= 1),
        (S::IncludedTooLate, &|c| shift(c, [103, 103, 104])),
        (S::EpochTooNew, &|c| shift(c, [99, 100, 101])),
        (S::OriginCheck, &|c| {
            c.span.l1_origin_check = FixedBytes::repeat_byte(101);
        }),
        (S::EpochTooOld, &|c| shift(c, [100, 100, 101])),
        (S::Block(DropReason::EmptyTransaction), &|c| {
            c.span.blocks[1].transactions.clear();
        }),
    ];
    for (reason, mend) in steps {
        assert_eq!(whole(&case), SpanVerdict::Drop(reason));
        mend(&mut case);
    }
    assert_eq!(whole(&case), SpanVerdict::Accept);
}

/// Every rule for the new blocks of a span, alone.
#[test]
fn span_blocks_before_holocene() {
    let check = |origins: &[u64], change: fn(&mut Case), expected| {
        let mut case = case(span(501, origins));
        case.cfg = config(Fork::Fjord);
        case.safe_head.time = 9_050;
        change(&mut case);
        let parent = case.safe_head;
        let known = |number: u64| (100..=105).contains(&number).then(|| l1(number));
        let verdict = check_span_blocks(&case.around(), &case.span, &parent, known);
        let expected = match expected {
            None => SpanVerdict::Accept,
            Some(reason) => SpanVerdict::Drop(SpanDropReason::Block(reason)),
        };
        assert_eq!(verdict, expected, "{origins:?}");
    };
    check(&[100, 101, 101], |_| {}, None);
    check(
        &[101, 102],
        |c| c.span.blocks[1].timestamp = l1(102).time,
        None,
    );
    check(
        &[101, 102],
        |c| c.span.blocks[1].timestamp = l1(102).time - 1,
        Some(DropReason::BeforeOrigin),
    );
    let deposit = |c: &mut Case| c.span.blocks[2].transactions = vec![vec![0x7e].into()];
    check(
        &[100, 100, 100],
        deposit,
        Some(DropReason::DepositTransaction),
    );
    let set_code = |c: &mut Case| c.span.blocks[0].transactions = vec![vec![4, 1].into()];
    check(&[100], set_code, Some(DropReason::TransactionType(4)));
    // Blocks that are safe already are not judged by these rules.
    let safe_already = |c: &mut Case| {
        c.span.blocks[0].transactions = vec![Bytes::new()];
        c.span.blocks[0].timestamp = c.safe_head.time;
    };
    check(&[100, 100], safe_already, None);
}

/// Drift within a span: by the time of each block's origin, with the exceptions for empty blocks.
#[test]
fn trap_26_drift_within_a_span() {
    let check = |fork, after_origin: u64, origins: &[u64], has_tx, next_time: u64| {
        let mut case = case(span(501, origins));
        case.cfg = config(fork);
        case.safe_head.time = 9_050;
        for block in &mut case.span.blocks {
            block.timestamp = l1(block.epoch_num).time;
        }
        let (last, parent) = (origins.len() - 1, case.safe_head);
        let origin_time = l1(origins[last]).time;
        case.span.blocks[last].timestamp = origin_time + after_origin;
        if has_tx {
            case.span.blocks[last].transactions = vec![vec![2, 1].into()];
        }
        let next = origins[last] + 1;
        let known = |number: u64| {
            let time = if number == next {
                next_time
            } else {
                l1(number).time
            };
            (100..=105)
                .contains(&number)
                .then(|| L1Ref { time, ..l1(number) })
        };
        match check_span_blocks(&case.around(), &case.span, &parent, known) {
            SpanVerdict::Accept => None,
            SpanVerdict::Drop(SpanDropReason::Block(reason)) => Some(reason),
            other => panic!("{other:?}"),
        }
    };
    let (exceeded, stayed) = (
        Some(DropReason::DriftExceeded),
        Some(DropReason::DriftOriginNotAdvanced),
    );
    for (fork, drift) in [(Fork::Ecotone, 600), (Fork::Fjord, 1800)] {
        let late = u64::MAX;
        assert_eq!(check(fork, drift, &[100, 100], true, late), None);
        assert_eq!(check(fork, drift + 1, &[100, 100], true, late), exceeded);
        assert_eq!(check(fork, drift + 1, &[100, 100], false, late), None);
        let reached = l1(100).time + drift + 1;
        assert_eq!(
            check(fork, drift + 1, &[100, 100], false, reached + 1),
            None
        );
        assert_eq!(check(fork, drift + 1, &[100, 100], false, reached), stayed);
        // A block that takes the next origin may be empty at any time: origins advance by one.
        assert_eq!(check(fork, drift + 1, &[100, 101], false, 0), None);
        assert_eq!(check(fork, drift + 1, &[101], false, 0), None);
        assert_eq!(check(fork, drift + 1, &[101], true, late), exceeded);
    }
}

#[test]
fn span_over_genesis_has_no_parent_before_holocene() {
    let mut case = case(span(501, &[100, 100]));
    case.cfg.genesis.l2.number = SAFE_NUMBER - 1;
    for block in &mut case.span.blocks {
        block.timestamp -= 4;
    }
    case.span.blocks.push(SpanBlock {
        epoch_num: 100,
        timestamp: SAFE_TIME + 2,
        transactions: vec![],
    });
    let window = EpochWindow::default();
    let begin = |rules| OpenSpan::begin(case.span.clone(), rules, &case.around(), &window).err();
    let drop = SpanVerdict::Drop(SpanDropReason::NoParent);
    assert_eq!(begin(SpanRules::Whole), Some(drop));
    assert_eq!(begin(SpanRules::Prefix), Some(SpanVerdict::Undecided));
}

#[test]
fn outdated_origins_void_a_span_before_holocene() {
    // Safe head in epoch 102; the first new block claims an older one.
    let mut case = case(span(501, &[101, 102]));
    case.safe_head = l2(SAFE_NUMBER, 102);
    let known = |number: u64| (102..=105).contains(&number).then(|| l1(number));
    let parent = l2(SAFE_NUMBER - 1, 101);
    let verdict = check_span_blocks(&case.around(), &case.span, &parent, known);
    assert_eq!(verdict, SpanVerdict::Drop(SpanDropReason::OutdatedOrigin));
}
