//! Sequencing: blocks in time, on the right origin, whatever else goes on.

use super::world::{GENESIS_TIME, L1_BLOCK_TIME, World, tx};
use crate::{
    Answer, Command, Event, Failure, Lane, Note, ResetCause, SEAL_MARGIN_MS, START_HOLD_MS,
    SequencerOptions, StartRefusal, Wait,
};
use crate::{dialogue::Dialogue, outbox::Outbox};
use alloc::{boxed::Box, string::ToString, vec, vec::Vec};
use alloy_rpc_types_engine::{ForkchoiceUpdated, PayloadStatusEnum};
use opal_protocol::L2Ref;

fn sequencer(l1_length: u64) -> World {
    World::new(l1_length, Some(SequencerOptions::default()))
}

fn built(world: &World) -> Vec<L2Ref> {
    let block = |n: &Note| match n {
        Note::BlockBuilt { block, .. } => Some(*block),
        _ => None,
    };
    world.seen.notes.iter().filter_map(block).collect()
}

/// Lets L2 run with an L1 that mines a block every 12 seconds, for `seconds`.
fn run_both(world: &mut World, seconds: u64) {
    for _ in 0..seconds {
        world.run_for(1000);
        let due = (world.now_ms / 1000 - GENESIS_TIME) / L1_BLOCK_TIME;
        while (world.l1.blocks.len() as u64) <= due {
            let head = world.l1.mine(0);
            world.feed(Event::L1Head(head));
            world.feed(Event::CaughtUp(head));
        }
    }
}

#[test]
fn a_block_is_started_at_its_parents_time_and_sealed_at_its_own() {
    let mut world = sequencer(1);
    world.run_for(100);
    assert_eq!(world.seen.call_names().last(), Some(&"build"));
    world.run_for(2000 - SEAL_MARGIN_MS - 100 - 1);
    assert_eq!(
        world.seen.call_names().last(),
        Some(&"build"),
        "not sealed too early"
    );
    assert!(built(&world).is_empty());
    world.run_for(SEAL_MARGIN_MS + 1);
    assert_eq!(built(&world).len(), 1);
    let head = world.heads().unsafe_head;
    assert_eq!((head.number, head.time), (1, GENESIS_TIME + 2));
    assert_eq!(world.engine.state.head_block_hash, head.hash);
    assert_eq!(world.heads().safe.number, 0);
    // The place that the plan names is the place that the block itself names.
    assert_eq!(
        world.engine.blocks[&head.hash].l2_ref(&world.cfg).unwrap(),
        head
    );
}

#[test]
fn origins_follow_l1_with_the_confirmations_asked_for() {
    let options = SequencerOptions {
        l1_confs: 2,
        ..SequencerOptions::default()
    };
    let mut world = World::new(1, Some(options));
    run_both(&mut world, 120);
    let blocks = built(&world);
    assert_eq!(blocks.len(), 60);
    for pair in blocks.windows(2) {
        let step = pair[1].l1_origin.number - pair[0].l1_origin.number;
        assert!(step <= 1);
        assert_eq!(
            pair[1].seq_num,
            if step == 1 { 0 } else { pair[0].seq_num + 1 }
        );
    }
    let origin = blocks.last().unwrap().l1_origin.number;
    let head = world.l1.head().number;
    assert!(
        origin + 2 <= head && origin + 3 >= head,
        "origin {origin}, head {head}"
    );
}

#[test]
fn a_late_sequencer_catches_up_at_once() {
    let mut world = sequencer(11);
    // Two minutes late; a block takes a few calls of a millisecond each.
    world.now_ms += 120_000;
    world.run_for(1_000);
    let head = world.heads().unsafe_head;
    assert_eq!(head.time, GENESIS_TIME + 120);
    assert_eq!(
        head.l1_origin.number, 10,
        "the origins were caught up with as well"
    );
}

#[test]
fn transactions_of_the_pool_are_taken_unless_the_rules_forbid_it() {
    let mut cfg = (*sequencer(1).cfg).clone();
    cfg.forks.karst_time = Some(GENESIS_TIME + 6);
    let l1 = super::world::FakeL1::new(1);
    let mut world = World::with(cfg, l1, Some(SequencerOptions::default()));
    world.engine.pool = vec![tx(1)];
    world.run_for(12_000);
    let no_pool: Vec<bool> = world
        .seen
        .attributes
        .iter()
        .map(|a| a.no_tx_pool.unwrap())
        .collect();
    assert_eq!(no_pool[..5], [false, false, true, false, false]);
    let count = |n| world.engine.canonical(n).unwrap().transactions.len();
    assert_eq!([count(1), count(2), count(3), count(4)], [2, 2, 1, 2]);
}

/// Without its upgrade transactions the block that activates a fork is not built at all.
#[test]
fn a_missing_upgrade_bundle_stops_the_sequencer_before_its_block() {
    let mut cfg = (*sequencer(1).cfg).clone();
    cfg.forks.karst_time = Some(GENESIS_TIME + 6);
    let l1 = super::world::FakeL1::new(1);
    let upgrades = opal_protocol::Upgrades::none();
    let options = Some(SequencerOptions::default());
    let mut world = World::with_upgrades(cfg, l1, options, upgrades);
    world.run_for(12_000);
    assert_eq!(world.heads().unsafe_head.number, 2);
    let told = |n: &Note| match n {
        Note::Trouble { call, failure, .. } => {
            *call == "attributes" && failure.to_string().contains("karst")
        }
        _ => false,
    };
    assert!(world.seen.notes.iter().any(told));
}

#[test]
fn when_l1_stalls_building_ends_with_the_drift_and_resumes_with_l1() {
    let mut world = sequencer(1);
    world.run_for(1_900_000);
    let head = world.heads().unsafe_head;
    assert_eq!(
        head.time,
        GENESIS_TIME + 1800,
        "full blocks up to the drift"
    );
    assert!(
        world
            .seen
            .attributes
            .iter()
            .all(|a| a.no_tx_pool == Some(false))
    );
    let origin = head.l1_origin;
    let waits = Note::SequencerWaits(Wait::L1Stalled(origin));
    assert_eq!(
        world.seen.notes.iter().filter(|n| **n == waits).count(),
        1,
        "said once"
    );
    world.seen.attributes.clear();
    // L1 comes back with a block of its own time.
    let l1 = world.l1.mine(0);
    world.feed(Event::L1Head(l1));
    world.run_for(10_000);
    assert!(world.seen.notes.contains(&Note::SequencerResumes));
    let head = world.heads().unsafe_head;
    assert_eq!(head.l1_origin, l1.id());
    assert!(head.time > GENESIS_TIME + 1800);
}

#[test]
fn past_the_drift_blocks_are_empty_until_the_origin_can_move() {
    let mut world = sequencer(1);
    world.run_for(1_900_000);
    world.seen.attributes.clear();
    // The next L1 block is younger than the next L2 blocks: they stay on the old origin.
    let mut late = (*world.l1.blocks[0]).clone();
    late.header.parent_hash = world.l1.blocks[0].hash;
    late.header.number = 1;
    late.header.timestamp = GENESIS_TIME + 1810;
    late.hash = late.header.hash_slow();
    world.l1.blocks.push(alloc::sync::Arc::new(late));
    world.feed(Event::L1Head(world.l1.head()));
    world.run_for(1_000);
    let no_pool: Vec<bool> = world
        .seen
        .attributes
        .iter()
        .map(|a| a.no_tx_pool.unwrap())
        .collect();
    assert_eq!(no_pool[..6], [true, true, true, true, false, false]);
}

#[test]
fn a_head_whose_origin_was_reorganised_away_resets() {
    let mut world = sequencer(1);
    run_both(&mut world, 40);
    let before = world.heads().unsafe_head;
    assert_eq!(before.l1_origin.number, 3);
    world.l1.reorg(2, 4, 1);
    world.feed(Event::L1Head(world.l1.head()));
    world.run_for(10);
    world.run_for(4_000);
    assert!(world.seen.resets.len() > 1, "{:?}", world.seen.resets);
    let head = world.heads().unsafe_head;
    assert!(head.l1_origin.number >= 1);
    let canonical = world.l1.at(head.l1_origin.number).unwrap();
    assert_eq!(
        canonical.id(),
        head.l1_origin,
        "the chain goes on from a canonical origin"
    );
    // And it goes on.
    let number = head.number;
    run_both(&mut world, 10);
    assert!(world.heads().unsafe_head.number > number);
}

#[test]
fn what_l1_says_wins_over_the_block_in_progress() {
    let mut world = sequencer(3);
    world.run_for(4_500);
    let head = world.heads().unsafe_head;
    assert_eq!(head.number, 2);
    let genesis = world.heads().safe;
    world.feed(Event::Derived(world.derive(genesis, 0, &[tx(9)], 2)));
    world.run_for(100);
    assert_eq!(world.heads().safe.number, 1);
    assert!(
        world
            .seen
            .notes
            .iter()
            .any(|n| matches!(n, Note::UnsafeReorg { .. }))
    );
    assert!(
        world
            .seen
            .notes
            .iter()
            .any(|n| matches!(n, Note::BuildAbandoned { .. }))
    );
    // The sequencer goes on from there, and makes up for the time lost.
    world.run_for(2_000);
    assert_eq!(world.heads().unsafe_head.time, GENESIS_TIME + 6);
    let second = world.engine.canonical(2).unwrap();
    assert_eq!(second.header.parent_hash, world.heads().safe.hash);
}

#[test]
fn an_invalid_block_of_our_own_is_followed_by_an_empty_one() {
    let mut world = sequencer(1);
    world.engine.pool = vec![tx(6)];
    world.engine.poison = Some(tx(6));
    world.run_for(8_000);
    assert!(
        world
            .seen
            .notes
            .iter()
            .any(|n| matches!(n, Note::SequencedInvalid { number: 1, .. }))
    );
    assert_eq!(world.engine.canonical(1).unwrap().transactions.len(), 1);
    assert!(
        world.heads().unsafe_head.number >= 2,
        "and the chain goes on"
    );
}

#[test]
fn failing_calls_are_repeated() {
    let down = || Failure::Unavailable("down".to_string());
    let gone = || Failure::UnknownPayload("gone".to_string());
    let table: [(&'static str, Vec<Failure>); 5] = [
        ("forkchoiceUpdated", vec![down(), down()]),
        ("getPayload", vec![down(), down()]),
        ("getPayload", vec![gone()]),
        ("newPayload", vec![down()]),
        ("getBlock", vec![down()]),
    ];
    for (call, failures) in table {
        let mut world = sequencer(2);
        world.run_for(2_500);
        world.engine.faults.insert(call, failures);
        world.run_for(6_000);
        assert_eq!(world.heads().unsafe_head.time, GENESIS_TIME + 8, "{call}");
        assert_eq!(world.seen.resets, [ResetCause::Start], "{call}");
        assert!(
            world
                .seen
                .notes
                .iter()
                .any(|n| matches!(n, Note::Trouble { .. })),
            "{call}"
        );
    }
}

/// A slow L1 costs a block a few hundred milliseconds at most, and the origins follow all the same.
#[test]
fn a_slow_l1_does_not_slow_l2_down() {
    for latency in [150, 1_500, 5_000] {
        let mut world = sequencer(1);
        run_both(&mut world, 8);
        world.l1_latency_ms = latency;
        run_both(&mut world, 92);
        let blocks = built(&world);
        assert_eq!(
            blocks.len(),
            50,
            "a block every two seconds at {latency} ms"
        );
        let origin = blocks.last().unwrap().l1_origin.number;
        assert!(
            origin + 1 >= world.l1.head().number,
            "{latency} ms: origin {origin}"
        );
        assert_eq!(world.seen.resets, [ResetCause::Start]);
    }
}

#[test]
fn an_l1_that_does_not_answer_is_asked_again() {
    let mut world = sequencer(1);
    run_both(&mut world, 11);
    world.l1.is_down = true;
    run_both(&mut world, 10);
    let during = world.heads().unsafe_head;
    world.l1.is_down = false;
    run_both(&mut world, 20);
    assert!(world.heads().unsafe_head.number >= during.number + 9);
}

#[test]
fn a_safe_head_too_far_behind_pauses_building() {
    let options = SequencerOptions {
        max_safe_lag: 3,
        ..SequencerOptions::default()
    };
    let mut world = World::new(2, Some(options));
    world.run_for(20_000);
    assert_eq!(world.heads().unsafe_head.number, 3);
    let wait = Note::SequencerWaits(Wait::SafeLag { lag: 3, max: 3 });
    assert!(world.seen.notes.contains(&wait));
    let genesis = world.heads().safe;
    world.feed(Event::Derived(world.derive(genesis, 0, &[], 1)));
    world.run_for(100);
    assert_eq!(world.heads().safe.number, 1);
    assert_eq!(
        world.heads().unsafe_head.number,
        4,
        "consolidated, so one more may be built"
    );
}

#[test]
fn an_operator_stops_and_starts_it() {
    let mut world = sequencer(1);
    world.run_for(4_500);
    world.feed(Event::StopSequencer);
    let head = world.heads().unsafe_head;
    assert!(!world.rollup.is_sequencing());
    world.run_for(20_000);
    assert_eq!(world.heads().unsafe_head, head, "nothing is built any more");
    let wrong = genesis_hash(&world);
    world.feed(Event::StartSequencer(wrong));
    world.feed(Event::StartSequencer(head.hash));
    world.feed(Event::StartSequencer(head.hash));
    let replies: Vec<&Command> = world.seen.replies.iter().collect();
    let mismatch = StartRefusal::HeadMismatch {
        head: head.hash,
        received: wrong,
    };
    match replies[..] {
        [
            Command::SequencerStopped(Ok(stopped)),
            Command::SequencerStarted(Err(first)),
            Command::SequencerStarted(Ok(())),
            Command::SequencerStarted(Err(StartRefusal::Running)),
        ] => {
            assert_eq!(*stopped, head.hash);
            assert_eq!(*first, mismatch);
        }
        _ => panic!("{replies:?}"),
    }
    world.run_for(2_000);
    assert!(world.heads().unsafe_head.number > head.number);
}

fn genesis_hash(world: &World) -> alloy_primitives::B256 {
    world.cfg.genesis.l2.hash
}

/// The operator learns the hash of the block that is being inserted, not of the one before.
#[test]
fn stopping_sees_the_block_in_progress_through() {
    let mut world = sequencer(1);
    world.latency_ms = 20;
    world.run_for(2_000 - SEAL_MARGIN_MS + 25);
    assert_eq!(world.seen.call_names().last(), Some(&"new"));
    world.feed(Event::StopSequencer);
    assert!(world.seen.replies.is_empty());
    world.run_for(100);
    let head = world.heads().unsafe_head;
    assert_eq!(head.number, 1);
    match world.seen.replies[..] {
        [Command::SequencerStopped(Ok(hash))] => assert_eq!(hash, head.hash),
        _ => panic!("{:?}", world.seen.replies),
    }
}

#[test]
fn a_stopped_sequencer_waits_for_its_start() {
    let options = SequencerOptions {
        stopped: true,
        ..SequencerOptions::default()
    };
    let mut world = World::new(1, Some(options));
    world.run_for(10_000);
    assert_eq!(world.heads().unsafe_head.number, 0);
    world.feed(Event::StartSequencer(genesis_hash(&world)));
    world.run_for(1_000);
    assert_eq!(world.heads().unsafe_head.number, 5);
}

#[test]
fn after_its_start_derivation_may_catch_up_first() {
    let l1 = super::world::FakeL1::new(2);
    let cfg = super::world::config(l1.blocks[0].id());
    // `World` itself reports that derivation has caught up; here it has not.
    let mut world = World::with(cfg, l1, None);
    let options = crate::RollupOptions {
        cfg: world.cfg.clone(),
        l1_chain: opal_protocol::L1ChainConfig::dev(900),
        upgrades: alloc::sync::Arc::new(opal_protocol::Upgrades::none()),
        sequencer: Some(SequencerOptions::default()),
    };
    world.run_for(100);
    world.seen.calls.clear();
    world.rollup = crate::Rollup::new(options);
    world.feed(Event::Tick);
    world.feed(Event::L1Head(world.l1.head()));
    world.run_for(START_HOLD_MS - 200);
    assert!(!world.seen.call_names().contains(&"build"));
    world.run_for(300);
    assert!(
        world.seen.call_names().contains(&"build"),
        "but it does not wait for ever"
    );
}

/// A sequencer that was away for longer than the sequencing window takes over the blocks that L1
/// dictates, and what it builds itself meanwhile is what verifiers derive.
#[test]
fn after_the_window_expired_the_derived_chain_is_accepted() {
    let mut world = sequencer(1);
    run_both(&mut world, 24);
    world.feed(Event::StopSequencer);
    world.run_for(100);
    let stale = world.heads().unsafe_head;
    assert!(stale.number > 5);
    // No batch was ever posted. L1 goes on for three windows.
    for _ in 0..60 {
        world.l1.mine(0);
    }
    world.now_ms = (GENESIS_TIME + 62 * L1_BLOCK_TIME) * 1000;
    world.engine.pool = vec![tx(5)];
    world.feed(Event::L1Head(world.l1.head()));
    world.feed(Event::StartSequencer(stale.hash));
    world.run_for(2_000);
    assert_eq!(
        world.heads().unsafe_head,
        stale,
        "building on it would be in vain"
    );
    assert!(
        world
            .seen
            .notes
            .iter()
            .any(|n| matches!(n, Note::SequencerWaits(Wait::WindowExpired { .. })))
    );
    // Derivation dictates a block that differs from ours, then empty blocks up to the last epoch
    // whose window has closed.
    let genesis = world.heads().safe;
    world.feed(Event::Derived(world.derive(genesis, 0, &[tx(1)], 21)));
    world.run_for(50);
    assert_eq!(world.heads().unsafe_head, world.heads().safe);
    world.seen.attributes.clear();
    let last_epoch = world.l1.head().number - world.cfg.seq_window_size;
    loop {
        let safe = world.heads().safe;
        let next = safe.l1_origin.number + 1;
        let epoch = if safe.time + 2 >= world.l1.at(next).unwrap().time {
            next
        } else {
            next - 1
        };
        if epoch > last_epoch {
            break;
        }
        let derived = world.derive(safe, epoch, &[], epoch + world.cfg.seq_window_size);
        world.feed(Event::Derived(derived));
        world.run_for(10);
    }
    world.run_for(5_000);
    let safe = world.heads().safe;
    assert_eq!(safe.l1_origin.number, last_epoch);
    assert!(world.seen.notes.contains(&Note::SequencerResumes));
    let head = world.heads().unsafe_head;
    assert!(
        head.time + 2 > world.now_ms / 1000,
        "caught up with the clock: {head:?}"
    );
    // While it lagged, it built what verifiers would have derived anyway.
    let half = world.l1.head().number - world.cfg.seq_window_size / 2;
    for number in safe.number + 1..=head.number {
        let block = world.engine.canonical(number).unwrap();
        let parent = world
            .engine
            .canonical(number - 1)
            .unwrap()
            .l2_ref(&world.cfg)
            .unwrap();
        let is_empty = block.transactions.len() == 1;
        assert_eq!(is_empty, parent.l1_origin.number < half, "block {number}");
    }
}

/// Scenario of a burst: thousands of blocks to consolidate must not delay a block by more than a
/// few calls.
#[test]
fn consolidating_thousands_of_blocks_does_not_delay_building() {
    let mut world = sequencer(1);
    world.now_ms += 11_000 * 2_000;
    let origins = vec![0; 800];
    world.extend_chain(&origins);
    world.now_ms = (GENESIS_TIME + 1_600) * 1000;
    world.feed(Event::Reset(ResetCause::Operator));
    world.feed(Event::CaughtUp(world.l1.head()));
    world.latency_ms = 4;
    world.run_for(1_000);
    let begin = world.heads().unsafe_head.number;
    let (mut last, mut gap_max, mut seen) = (world.now_ms, 0, begin);
    let mut parent = world.heads().safe;
    while parent.number < 700 {
        if !world.is_following(parent) {
            world.feed(Event::Derived(world.derive(parent, 0, &[], 0)));
        }
        world.run_for(1);
        parent = world.heads().safe;
        if world.heads().unsafe_head.number > seen {
            gap_max = gap_max.max(world.now_ms - last);
            (last, seen) = (world.now_ms, world.heads().unsafe_head.number);
        }
    }
    assert!(seen > begin, "blocks were built meanwhile");
    assert!(gap_max < 2_100, "gap of {gap_max} ms between blocks");
}

/// When the line to the engine becomes free, the sequencer's call goes first, and carries along
/// whatever else is to be told.
#[test]
fn the_sequencers_call_goes_first() {
    let world = World::new(2, None);
    let genesis = world.heads().safe;
    let attributes = Box::new(world.derive(genesis, 0, &[], 1).attributes);
    let (mut dialogue, mut out) = (Dialogue::new(world.cfg.clone()), Outbox::default());
    dialogue.restart(world.heads());
    dialogue.poll(0, &mut out);
    let Some(Command::Forkchoice {
        ticket,
        attributes: None,
        ..
    }) = out.take().pop()
    else {
        panic!("a forkchoice update is on its way");
    };
    dialogue.request_build(genesis, attributes);
    dialogue.heads.finalized.hash.0[0] ^= 1;
    dialogue.poll(1, &mut out);
    assert!(out.take().is_empty(), "the line is occupied");
    let valid = ForkchoiceUpdated::from_status(PayloadStatusEnum::Valid);
    dialogue.answer(ticket, Answer::Forkchoice(Ok(valid)), 2, &mut out);
    dialogue.poll(2, &mut out);
    match &out.take()[..] {
        [
            Command::Forkchoice {
                lane: Lane::Sequencer,
                state,
                attributes: Some(_),
                ..
            },
        ] => {
            assert_eq!(*state, dialogue.heads.forkchoice());
        }
        other => panic!("{other:?}"),
    }
}
