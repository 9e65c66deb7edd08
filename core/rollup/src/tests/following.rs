//! Following L1: consolidation, building from attributes, and what the engine may answer.

use super::world::{World, envelope, tx};
use crate::{Answer, Command, Event, Failure, Lane, Mismatch, Note, ResetCause, Ticket};
use alloc::{boxed::Box, string::ToString, vec, vec::Vec};
use alloy_rpc_types_engine::ForkchoiceState;
use opal_protocol::L2Ref;

fn trouble(world: &World, wanted: &str) -> usize {
    let is_it = |n: &&Note| matches!(n, Note::Trouble { call, .. } if *call == wanted);
    world.seen.notes.iter().filter(is_it).count()
}

#[test]
fn attributes_become_a_block() {
    let mut world = World::fast(3);
    world.run_for(100);
    assert_eq!(
        world.seen.call_names(),
        ["forkchoice"],
        "the first action after a reset"
    );
    world.seen.calls.clear();
    let genesis = world.heads().safe;
    world.feed(Event::Derived(world.derive(genesis, 1, &[tx(1)], 2)));
    world.run_for(100);
    assert_eq!(
        world.seen.call_names(),
        ["build", "get", "new", "forkchoice", "forkchoice"],
        "the last one makes it safe, at the end of its L1 block"
    );
    let heads = world.heads();
    assert_eq!(heads.safe.number, 1);
    assert_eq!(heads.unsafe_head, heads.safe);
    assert_eq!(heads.finalized, genesis);
    assert_eq!(world.seen.confirmed, [heads.safe]);
    assert_eq!(world.engine.state, heads.forkchoice());
    // The place that the attributes name is the place that the block itself names.
    let block = &world.engine.blocks[&heads.safe.hash];
    assert_eq!(block.l2_ref(&world.cfg).unwrap(), heads.safe);
}

#[test]
fn an_equal_unsafe_block_is_consolidated_without_building() {
    let mut world = World::fast(3);
    let chain = world.extend_chain(&[0, 1, 1]);
    world.feed(Event::Reset(ResetCause::Operator));
    world.run_for(100);
    assert_eq!(world.heads().unsafe_head, chain[2]);
    assert_eq!(world.heads().safe.number, 0);
    world.seen.calls.clear();
    let mut parent = world.heads().safe;
    for (block, epoch) in chain.iter().zip([0, 1, 1]) {
        world.feed(Event::Derived(world.derive(parent, epoch, &[], 2)));
        world.run_for(10);
        parent = *block;
    }
    assert_eq!(world.seen.confirmed, chain);
    assert_eq!(world.heads().safe, chain[2]);
    assert!(!world.seen.call_names().contains(&"build"));
    assert_eq!(world.engine.state.safe_block_hash, chain[2].hash);
}

#[test]
fn an_unsafe_block_that_differs_is_given_up_for_the_derived_one() {
    let mut world = World::fast(3);
    let chain = world.extend_chain(&[0, 0, 0]);
    world.feed(Event::Reset(ResetCause::Operator));
    world.run_for(100);
    let genesis = world.heads().safe;
    world.feed(Event::Derived(world.derive(genesis, 0, &[tx(7)], 2)));
    world.run_for(100);
    let heads = world.heads();
    assert_eq!((heads.safe.number, heads.unsafe_head), (1, heads.safe));
    assert_ne!(heads.safe.hash, chain[0].hash);
    assert_eq!(world.engine.state, heads.forkchoice());
    let reorg = Note::UnsafeReorg {
        from: chain[2],
        to: genesis,
        mismatch: Mismatch::TransactionCount {
            derived: 2,
            found: 1,
        },
    };
    assert!(world.seen.notes.contains(&reorg), "{:?}", world.seen.notes);
}

#[test]
fn an_invalid_payload_is_replaced_by_what_derivation_offers() {
    let mut world = World::fast(3);
    world.engine.poison = Some(tx(6));
    let genesis = world.heads().safe;
    world.feed(Event::Derived(world.derive(genesis, 0, &[tx(6)], 2)));
    world.run_for(100);
    assert_eq!((world.seen.rejected, world.heads().safe.number), (1, 0));
    assert_eq!(world.heads().unsafe_head, genesis);
    assert!(
        world
            .seen
            .notes
            .iter()
            .any(|n| matches!(n, Note::DerivedInvalid { number: 1, .. }))
    );
    world.feed(Event::Derived(world.derive(genesis, 0, &[], 2)));
    world.run_for(100);
    assert_eq!(world.heads().safe.number, 1);
}

#[test]
fn each_failure_is_met_as_the_protocol_says() {
    let down = || Failure::Unavailable("connection refused".to_string());
    let gone = || Failure::UnknownPayload("gone".to_string());
    let refused = || Failure::Refused {
        code: -32000,
        message: "internal".to_string(),
    };
    // Where, which failures in a row: the block is there in the end, and nothing else happened.
    let table: [(&'static str, &str, Vec<Failure>); 6] = [
        (
            "forkchoiceUpdated",
            "forkchoiceUpdated",
            vec![down(), down(), down()],
        ),
        ("forkchoiceUpdated", "forkchoiceUpdated", vec![refused()]),
        ("getPayload", "getPayload", vec![down()]),
        ("getPayload", "getPayload", vec![gone()]),
        ("newPayload", "newPayload", vec![down(), refused()]),
        ("newPayload", "newPayload", vec![gone()]),
    ];
    for (call, name, failures) in table {
        let mut world = World::fast(3);
        world.run_for(10);
        let count = failures.len();
        world.engine.faults.insert(call, failures);
        let genesis = world.heads().safe;
        world.feed(Event::Derived(world.derive(genesis, 0, &[tx(1)], 2)));
        world.run_for(5_000);
        assert_eq!(world.heads().safe.number, 1, "{call}");
        assert_eq!(
            trouble(&world, name),
            count,
            "{call}: {:?}",
            world.seen.notes
        );
        assert_eq!(
            (world.seen.rejected, world.seen.resets.len()),
            (0, 1),
            "{call}"
        );
    }
}

#[test]
fn refused_attributes_are_rejected_and_inconsistent_heads_reset() {
    let mut world = World::fast(3);
    world.run_for(10);
    let genesis = world.heads().safe;
    let refusal = Failure::from_code(-38003, "bad attributes".to_string());
    world
        .engine
        .faults
        .insert("forkchoiceUpdated", vec![refusal]);
    world.feed(Event::Derived(world.derive(genesis, 0, &[tx(1)], 2)));
    world.run_for(100);
    assert_eq!((world.seen.rejected, world.seen.resets.len()), (1, 1));

    let inconsistent = Failure::from_code(-38002, "what head?".to_string());
    world
        .engine
        .faults
        .insert("forkchoiceUpdated", vec![inconsistent]);
    world.feed(Event::Derived(world.derive(genesis, 0, &[tx(1)], 2)));
    world.run_for(100);
    let cause = ResetCause::EngineForkchoice("what head?".to_string());
    assert_eq!(world.seen.resets.last(), Some(&cause));
    assert_eq!(
        world.engine.state,
        world.heads().forkchoice(),
        "told again after the reset"
    );
}

#[test]
fn pauses_grow_and_end_with_success() {
    let mut world = World::fast(3);
    world.run_for(10);
    let down = Failure::Unavailable("down".to_string());
    world
        .engine
        .faults
        .insert("forkchoiceUpdated", vec![down; 4]);
    let genesis = world.heads().safe;
    world.feed(Event::Derived(world.derive(genesis, 0, &[], 2)));
    world.run_for(5_000);
    let pauses: Vec<u64> = world
        .seen
        .notes
        .iter()
        .filter_map(|n| match n {
            Note::Trouble { retry_in_ms, .. } => Some(*retry_in_ms),
            _ => None,
        })
        .collect();
    assert_eq!(pauses, [100, 200, 400, 800]);
    assert_eq!(world.heads().safe.number, 1);
}

#[test]
fn attributes_on_another_block_than_the_safe_head_reset() {
    let mut world = World::fast(3);
    let stranger = L2Ref {
        number: 5,
        ..world.heads().safe
    };
    let mut derived = world.derive(stranger, 0, &[], 2);
    derived.parent.hash.0[0] ^= 1;
    world.feed(Event::Derived(derived));
    assert!(matches!(
        world.seen.resets.last(),
        Some(ResetCause::StaleAttributes { .. })
    ));
}

#[test]
fn a_block_that_the_engine_lost_resets() {
    let mut world = World::fast(3);
    let chain = world.extend_chain(&[0, 0]);
    world.feed(Event::Reset(ResetCause::Operator));
    world.run_for(100);
    world.engine.state = ForkchoiceState::same_hash(world.heads().safe.hash);
    let genesis = world.heads().safe;
    world.feed(Event::Derived(world.derive(genesis, 0, &[], 2)));
    world.run_for(100);
    assert_eq!(
        world.seen.resets.last(),
        Some(&ResetCause::EngineLostBlock(1))
    );
    assert_ne!(world.heads().unsafe_head, chain[1]);
}

/// Answers to calls from before a reset change nothing, but the line to the engine stays occupied
/// until the last forkchoice update has come back (`World` asserts that there is never a second).
#[test]
fn answers_from_before_a_reset_are_void() {
    let mut world = World::fast(3);
    world.latency_ms = 50;
    world.run_for(200);
    let genesis = world.heads().safe;
    world.feed(Event::Derived(world.derive(genesis, 0, &[tx(1)], 2)));
    world.run_for(20);
    world.feed(Event::Reset(ResetCause::Operator));
    world.run_for(500);
    assert!(world.seen.confirmed.is_empty());
    assert_eq!(world.heads().safe, genesis);
    // A foreign ticket is no more welcome.
    world.feed(Event::Answer {
        ticket: Ticket(u64::MAX),
        answer: Answer::L2Block(Ok(None)),
    });
    assert_eq!(world.seen.resets.len(), 2);
}

#[test]
fn a_head_of_equal_height_on_another_branch_resets() {
    let mut world = World::fast(5);
    world.l1.reorg(4, 1, 1);
    world.feed(Event::L1Head(world.l1.head()));
    assert!(matches!(
        world.seen.resets.last(),
        Some(ResetCause::L1Reorg { .. })
    ));
}

/// So that a node that begins anew always begins at the end of an L1 block.
#[test]
fn blocks_are_safe_once_their_l1_block_has_been_read_to_its_end() {
    let mut world = World::fast(6);
    world.is_last_in_l1 = false;
    let genesis = world.heads().safe;
    world.feed(Event::Derived(world.derive(genesis, 0, &[tx(1)], 3)));
    world.run_for(100);
    let first = world.heads().pending_safe;
    world.feed(Event::Derived(world.derive(first, 1, &[tx(2)], 3)));
    // Asked too early: attributes are out.
    world.feed(Event::L1Read(world.l1.at(3).unwrap()));
    world.run_for(100);
    let second = world.heads().pending_safe;
    assert_eq!(
        (first.number, second.number, world.heads().safe),
        (1, 2, genesis)
    );
    assert_eq!(world.heads().unsafe_head, second);
    assert_eq!(world.engine.state.safe_block_hash, genesis.hash);
    assert_eq!(world.rollup.safe_at(3), None);

    world.feed(Event::L1Read(world.l1.at(3).unwrap()));
    world.run_for(100);
    assert_eq!(world.heads().safe, second);
    assert_eq!(world.engine.state.safe_block_hash, second.hash);
    assert_eq!(world.rollup.safe_at(3).unwrap().l2, second);
    let derived_from = world.l1.at(3).unwrap();
    let note = Note::SafeAdvanced {
        safe: second,
        derived_from,
        blocks: 2,
        built: 2,
    };
    assert!(world.seen.notes.contains(&note));

    // What was not read to its end is found again after a reset, but is not safe.
    world.feed(Event::Derived(world.derive(second, 1, &[], 4)));
    world.run_for(100);
    world.feed(Event::Reset(ResetCause::Operator));
    world.run_for(100);
    assert_eq!(world.heads().safe, second);
    assert_eq!(world.heads().unsafe_head.number, 3);
}

#[test]
fn unsafe_payloads_wait_for_their_parent() {
    let mut other = World::fast(3);
    let chain = other.extend_chain(&[0, 0, 1]);
    let payload = |n: usize| Box::new(envelope(&other.engine.blocks[&chain[n].hash]));
    let mut world = World::fast(3);
    for n in [2, 1] {
        world.feed(Event::UnsafePayload(payload(n)));
    }
    world.run_for(100);
    assert_eq!(world.heads().unsafe_head.number, 0);
    assert_eq!(world.rollup.queued_unsafe(), Some(chain[1].id()));
    world.feed(Event::UnsafePayload(payload(0)));
    world.run_for(100);
    assert_eq!(world.heads().unsafe_head, chain[2]);
    assert_eq!(world.rollup.queued_unsafe(), None);
    assert_eq!(world.engine.state.head_block_hash, chain[2].hash);
    // What is below the head, or does not build on it, is dropped.
    world.feed(Event::UnsafePayload(payload(1)));
    assert!(
        world
            .seen
            .notes
            .iter()
            .any(|n| matches!(n, Note::UnsafeDropped { .. }))
    );
}

#[test]
fn a_verifier_cannot_sequence() {
    let mut world = World::fast(3);
    world.feed(Event::StartSequencer(world.heads().unsafe_head.hash));
    world.feed(Event::StopSequencer);
    assert!(matches!(
        world.seen.replies[..],
        [
            Command::SequencerStarted(Err(_)),
            Command::SequencerStopped(Err(_))
        ]
    ));
    world.run_for(60_000);
    assert!(
        world
            .seen
            .calls
            .iter()
            .all(|(lane, _)| *lane == Lane::Derivation)
    );
}

/// Before Holocene an invalid block of a span batch takes back those before it.
#[test]
fn a_rejected_span_is_taken_back() {
    let mut world = World::fast(3);
    world.run_for(100);
    world.is_last_in_l1 = false;
    let genesis = world.heads().safe;
    world.feed(Event::Derived(world.derive(genesis, 0, &[tx(1)], 2)));
    world.run_for(100);
    let first = world.heads().pending_safe;
    assert_eq!((first.number, world.heads().safe), (1, genesis));
    world.feed(Event::Derived(world.derive(first, 1, &[tx(2)], 2)));
    world.feed(Event::Rewound(genesis));
    world.run_for(100);
    assert_eq!(world.heads().pending_safe, genesis);
    assert_eq!(
        world.heads().unsafe_head,
        first,
        "until something else is derived"
    );
    // Another batch for the same height takes its place.
    world.is_last_in_l1 = true;
    world.feed(Event::Derived(world.derive(genesis, 0, &[tx(3)], 2)));
    world.run_for(100);
    let other = world.heads().safe;
    assert_eq!((other.number, world.heads().unsafe_head), (1, other));
    assert_ne!(other, first);
    assert_eq!(world.seen.resets, [ResetCause::Start]);
    // What is safe already is never taken back.
    world.feed(Event::Rewound(genesis));
    world.run_for(100);
    assert_eq!(world.heads().pending_safe, other);
}
