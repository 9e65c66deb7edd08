//! Origin selection and the rules for empty blocks.

use super::world::{GENESIS_TIME, config};
use crate::{
    OriginChoice::{self, AwaitL1, Current, Next, Orphaned},
    is_empty_activation, is_lagging, is_past_drift, is_window_expired, select_origin,
};
use alloy_primitives::B256;
use opal_protocol::{Fork, ForkTimes, L1Id, L1Ref, L2Ref, RollupConfig};

fn l1(number: u64, time: u64) -> L1Ref {
    L1Ref {
        hash: B256::with_last_byte(number as u8),
        number,
        parent_hash: B256::with_last_byte(number as u8 - 1),
        time,
    }
}

fn l2(time: u64, origin: u64) -> L2Ref {
    let l1_origin = L1Id {
        hash: B256::with_last_byte(origin as u8),
        number: origin,
    };
    L2Ref {
        time,
        l1_origin,
        ..L2Ref::default()
    }
}

fn cfg() -> RollupConfig {
    config(L1Id::default())
}

#[test]
fn the_origin_advances_as_soon_as_it_may() {
    let t = GENESIS_TIME;
    let orphan = L1Ref {
        parent_hash: B256::repeat_byte(7),
        ..l1(6, t + 12)
    };
    // Block time is 2 s; the drift is 1800 s since Fjord. Parent time, next origin, choice.
    let table: [(u64, Option<L1Ref>, OriginChoice); 8] = [
        (t, None, Current),
        (t, Some(l1(6, t + 12)), Current),
        (t + 9, Some(l1(6, t + 12)), Current),
        (t + 10, Some(l1(6, t + 12)), Next),
        (t + 500, Some(l1(6, t + 12)), Next),
        (t + 1798, None, Current),
        (t + 1799, None, AwaitL1),
        (t + 10, Some(orphan), Orphaned),
    ];
    for (number, (time, next, expected)) in table.into_iter().enumerate() {
        let choice = select_origin(&cfg(), &l2(time, 5), &l1(5, t), next.as_ref());
        assert_eq!(choice, expected, "row {number}");
    }
    // Past the drift, an origin that is too young yet still cannot be taken: the block stays on
    // the old one, and must be empty.
    let next = l1(6, t + 5000);
    assert_eq!(
        select_origin(&cfg(), &l2(t + 1900, 5), &l1(5, t), Some(&next)),
        Current
    );
    assert!(is_past_drift(&cfg(), &l1(5, t), t + 1902));
}

#[test]
fn the_drift_is_configured_before_fjord_only() {
    let mut cfg = cfg();
    assert!(!is_past_drift(&cfg, &l1(5, 1000), 2800));
    assert!(is_past_drift(&cfg, &l1(5, 1000), 2801));
    cfg.forks = ForkTimes::at_genesis(Fork::Ecotone);
    assert!(!is_past_drift(&cfg, &l1(5, 1000), 1600));
    assert!(is_past_drift(&cfg, &l1(5, 1000), 1601));
}

#[test]
fn activation_blocks_are_empty() {
    let mut cfg = cfg();
    cfg.forks = ForkTimes::at_genesis(Fork::Holocene);
    cfg.forks.set(Fork::Isthmus, Some(GENESIS_TIME + 10));
    cfg.forks.set(Fork::Jovian, Some(GENESIS_TIME + 21));
    cfg.forks.set(Fork::Karst, Some(GENESIS_TIME + 30));
    let empty: std::vec::Vec<u64> = (0..40)
        .step_by(2)
        .filter(|offset| is_empty_activation(&cfg, GENESIS_TIME + offset))
        .collect();
    assert_eq!(empty, [10, 22, 30]);
    // Granite and Holocene have no such rule.
    cfg.forks = ForkTimes::at_genesis(Fork::Fjord);
    cfg.forks.set(Fork::Granite, Some(GENESIS_TIME + 4));
    cfg.forks.set(Fork::Holocene, Some(GENESIS_TIME + 8));
    assert!((0..40).all(|offset| !is_empty_activation(&cfg, GENESIS_TIME + offset)));
}

#[test]
fn the_window_is_judged_by_the_next_possible_origin() {
    let cfg = cfg();
    assert_eq!(cfg.seq_window_size, 20);
    let parent = l2(0, 100);
    // The next block is on epoch 101 at best; its batch must be included in 121 at the latest.
    assert!(!is_window_expired(&cfg, &parent, 120));
    assert!(is_window_expired(&cfg, &parent, 121));
    assert!(!is_lagging(&cfg, &parent, 110));
    assert!(is_lagging(&cfg, &parent, 111));
}
