//! L1's finality carries over to what was derived from it, and to nothing else.

use super::world::World;
use crate::{
    Event, Note, ResetCause,
    finality::{Finality, Finalizable, HISTORY_L1_BLOCKS_MAX, SafeAt},
};
use alloc::vec::Vec;
use alloy_primitives::B256;
use opal_protocol::{L1Ref, L2Ref};

fn l1(number: u64) -> L1Ref {
    L1Ref {
        hash: B256::from(alloy_primitives::U256::from(number)),
        number,
        ..L1Ref::default()
    }
}

fn l2(number: u64) -> L2Ref {
    L2Ref {
        hash: B256::from(alloy_primitives::U256::from(number)),
        number,
        ..L2Ref::default()
    }
}

#[test]
fn the_newest_block_derived_from_finalized_l1_is_final() {
    let mut finality = Finality::default();
    finality.record(l2(1), l1(10));
    finality.record(l2(2), l1(10));
    finality.record(l2(3), l1(12));
    let genesis = l2(0);
    assert_eq!(
        finality.check(&genesis),
        Finalizable::Nothing,
        "no signal yet"
    );
    let unproven = |l2, derived_from| Finalizable::Unproven(SafeAt { l2, derived_from });
    let table = [
        (9, Finalizable::Nothing),
        (10, Finalizable::Final(l2(2))),
        (11, unproven(l2(2), l1(10))),
        // A signal that goes back is ignored.
        (5, unproven(l2(2), l1(10))),
        (12, Finalizable::Final(l2(3))),
        (99, unproven(l2(3), l1(12))),
    ];
    for (signal, expected) in table {
        finality.signal(l1(signal));
        assert_eq!(finality.check(&genesis), expected, "signal {signal}");
    }
    assert_eq!(
        finality.check(&l2(3)),
        Finalizable::Nothing,
        "it is final already"
    );
}

#[test]
fn a_finalized_block_other_than_the_one_read_is_noticed() {
    let mut finality = Finality::default();
    finality.record(l2(1), l1(10));
    finality.signal(L1Ref {
        hash: B256::repeat_byte(9),
        ..l1(10)
    });
    let entry = SafeAt {
        l2: l2(1),
        derived_from: l1(10),
    };
    assert_eq!(finality.check(&l2(0)), Finalizable::Orphaned(entry));
}

#[test]
fn the_history_is_bounded_and_can_be_truncated() {
    let mut finality = Finality::default();
    for n in 0..HISTORY_L1_BLOCKS_MAX as u64 + 5 {
        finality.record(l2(n + 1), l1(n));
    }
    assert_eq!(finality.newest_first().count(), HISTORY_L1_BLOCKS_MAX);
    assert_eq!(finality.safe_at(4), None);
    assert_eq!(finality.safe_at(7).unwrap().l2, l2(8));
    finality.truncate(Some(l1(7)));
    let left: Vec<u64> = finality.newest_first().map(|e| e.l2.number).collect();
    assert_eq!(left, [8, 7, 6]);
    // Derived again after a reset, the same heights take the places of the old.
    finality.record(l2(7), l1(6));
    let left: Vec<u64> = finality.newest_first().map(|e| e.l2.number).collect();
    assert_eq!(left, [7, 6]);
    finality.truncate(None);
    assert_eq!(finality.newest_first().count(), 0);
}

#[test]
fn finality_asks_l1_and_moves_the_head() {
    let mut world = World::new(8, None);
    let genesis = world.heads().safe;
    world.feed(Event::Derived(world.derive(genesis, 0, &[], 2)));
    world.run_for(100);
    let first = world.heads().safe;
    world.feed(Event::Derived(world.derive(first, 0, &[], 4)));
    world.run_for(100);
    assert_eq!(world.heads().safe.number, 2);

    world.feed(Event::L1Finalized(world.l1.at(3).unwrap()));
    world.run_for(100);
    assert_eq!(world.heads().finalized, first);
    assert_eq!(
        world.engine.state.finalized_block_hash, first.hash,
        "the engine is told"
    );
    assert!(world.seen.notes.contains(&Note::FinalizedAdvanced(first)));
    assert_eq!(world.rollup.safe_at(3).unwrap().l2, first);
    assert_eq!(world.rollup.safe_at(1), None);
}

#[test]
fn a_history_that_l1_has_finalized_away_leads_to_a_reset() {
    let mut world = World::new(8, None);
    let genesis = world.heads().safe;
    world.feed(Event::Derived(world.derive(genesis, 0, &[], 4)));
    world.run_for(100);
    world.l1.reorg(3, 6, 1);
    world.feed(Event::L1Finalized(world.l1.at(6).unwrap()));
    world.run_for(100);
    assert!(matches!(
        world.seen.resets.last(),
        Some(ResetCause::FinalityMismatch { .. })
    ));
    assert_eq!(world.heads().finalized, genesis);
    assert_eq!(
        world.heads().safe,
        genesis,
        "the block rests on nothing canonical any more"
    );
    assert_eq!(
        world.heads().unsafe_head.number,
        1,
        "but may stay as unsafe block"
    );
}
