//! Where to begin: the walk back from the unsafe head.

use super::world::{FakeL1, World, config, search, search_within};
use crate::{ResetCause, SafeAt, SyncError, SyncPoint};
use alloc::vec::Vec;
use alloy_rpc_types_engine::ForkchoiceState;
use opal_derivation::{ResetReason, sync_start::Reach};
use opal_protocol::L2Ref;

/// An engine with one block on each of the given origins.
fn world(l1_length: u64, origins: &[u64]) -> (World, Vec<L2Ref>) {
    let mut world = World::fast(l1_length);
    let chain = world.extend_chain(origins);
    (world, chain)
}

fn find(world: &World) -> Result<SyncPoint, SyncError> {
    search(&world.cfg, &[], &world.engine, &world.l1)
}

fn one_per_origin(count: u64) -> Vec<u64> {
    (1..=count).collect()
}

#[test]
fn a_fresh_engine_begins_at_genesis() {
    let (world, _) = world(3, &[]);
    let point = find(&world).unwrap();
    let genesis = world.heads().safe;
    assert_eq!(point.heads, crate::Heads::at(genesis));
    assert_eq!(point.start.safe_head, genesis);
    assert_eq!(point.start.l1_base, world.l1.at(0).unwrap());
    assert_eq!(point.start.system_config, world.cfg.genesis.system_config);
    assert_eq!(point.start.l1_base_config, world.cfg.genesis.system_config);
    assert_eq!(point.proven, None);
}

#[test]
fn the_finalized_head_bounds_the_walk() {
    let (mut world, chain) = world(80, &one_per_origin(70));
    world.engine.state.safe_block_hash = chain[65].hash;
    world.engine.state.finalized_block_hash = chain[62].hash;
    let point = find(&world).unwrap();
    assert_eq!(point.heads.unsafe_head, chain[69]);
    assert_eq!(point.heads.safe, chain[62]);
    assert_eq!(point.heads.finalized, chain[62]);
    // Origin 63, a channel timeout of 50 blocks back.
    assert_eq!(point.start.l1_base.number, 13);
    assert_eq!(point.start.safe_head, chain[62]);
}

#[test]
fn without_finality_the_safe_head_is_a_window_old() {
    let (mut world, chain) = world(80, &one_per_origin(70));
    world.engine.state.safe_block_hash = chain[65].hash;
    let point = find(&world).unwrap();
    // The first block whose origin is more than 20 older than origin 70 is that on origin 49; its
    // parent is safe.
    assert_eq!(point.heads.safe, chain[47]);
    assert_eq!(point.heads.safe.l1_origin.number, 48);
    assert_eq!(point.heads.unsafe_head, chain[69]);
    // Never newer than what the engine calls safe.
    world.engine.state.safe_block_hash = chain[9].hash;
    assert_eq!(find(&world).unwrap().heads.safe, chain[8]);
}

#[test]
fn unsafe_blocks_on_orphaned_origins_are_left_behind() {
    let (mut world, chain) = world(30, &one_per_origin(25));
    world.engine.state.safe_block_hash = chain[19].hash;
    world.engine.state.finalized_block_hash = chain[9].hash;
    world.l1.reorg(15, 20, 1);
    let point = find(&world).unwrap();
    // Blocks up to origin 14 stand: that is the fourteenth block.
    assert_eq!(point.heads.unsafe_head, chain[13]);
    assert_eq!(point.heads.safe, chain[9]);
}

#[test]
fn a_shorter_l1_leaves_the_unsafe_chain_alone() {
    // This node's L1 lags behind the sequencer's: origins ahead of it are plausible.
    let (mut world, chain) = world(30, &one_per_origin(25));
    world.l1.blocks.truncate(20);
    world.engine.state.finalized_block_hash = chain[9].hash;
    let point = find(&world).unwrap();
    assert_eq!(point.heads.unsafe_head, chain[24]);
    assert_eq!(point.heads.safe, chain[9]);
}

#[test]
fn what_was_derived_from_canonical_blocks_stays_safe() {
    let (mut world, chain) = world(40, &one_per_origin(30));
    world.engine.state.safe_block_hash = chain[27].hash;
    let at = |n: usize, l1: u64| SafeAt {
        l2: chain[n],
        derived_from: world.l1.at(l1).unwrap(),
    };
    let history = [at(27, 35), at(24, 33), at(20, 30), at(3, 10)];
    world.l1.reorg(32, 12, 1);
    let point = search(&world.cfg, &history, &world.engine, &world.l1).unwrap();
    assert_eq!(
        point.heads.safe, chain[20],
        "the newest that was derived before the reorg"
    );
    assert_eq!(
        point.heads.unsafe_head, chain[29],
        "its origin 30 is canonical still"
    );
    assert_eq!(point.proven, Some(history[2].derived_from));
    // A deep one leaves the oldest entry only.
    world.l1.reorg(11, 40, 2);
    let point = search(&world.cfg, &history, &world.engine, &world.l1).unwrap();
    assert_eq!(
        (point.heads.safe, point.heads.unsafe_head),
        (chain[3], chain[9])
    );
    // And a deeper one none: back to finality, which is genesis here.
    world.l1.reorg(5, 40, 3);
    let point = search(&world.cfg, &history, &world.engine, &world.l1).unwrap();
    assert_eq!((point.heads.safe.number, point.proven), (0, None));
    assert_eq!(point.heads.unsafe_head, chain[3]);
}

#[test]
fn history_of_another_branch_is_ignored() {
    let (mut world, chain) = world(40, &one_per_origin(30));
    let foreign = L2Ref {
        hash: alloy_primitives::B256::repeat_byte(1),
        ..chain[20]
    };
    let history = [SafeAt {
        l2: foreign,
        derived_from: world.l1.at(30).unwrap(),
    }];
    world.engine.state.finalized_block_hash = chain[4].hash;
    let point = search(&world.cfg, &history, &world.engine, &world.l1).unwrap();
    assert_eq!((point.heads.safe, point.proven), (chain[4], None));
}

#[test]
fn what_cannot_be_repaired_is_said() {
    // L1 broke its finality.
    let (mut broken, chain) = world(30, &one_per_origin(25));
    broken.engine.state.finalized_block_hash = chain[19].hash;
    broken.l1.reorg(10, 30, 1);
    let error = find(&broken).unwrap_err();
    let (finalized, origin) = (chain[19].id(), chain[19].l1_origin);
    assert_eq!(error, SyncError::FinalityBroken { finalized, origin });
    assert!(!error.is_temporary());

    // Another L1 altogether.
    let (mut foreign, _) = world(5, &[]);
    foreign.l1.reorg(0, 5, 7);
    let error = find(&foreign).unwrap_err();
    assert_eq!(error, SyncError::L1Genesis(foreign.cfg.genesis.l1));

    // Another rollup.
    let (mut stranger, _) = world(5, &[]);
    let mut cfg = config(stranger.l1.blocks[0].id());
    cfg.genesis.l2.hash.0[0] ^= 1;
    stranger.cfg = alloc::sync::Arc::new(cfg);
    assert!(matches!(find(&stranger).unwrap_err(), SyncError::Block(_)));

    // An engine that forgot its own chain may remember it later.
    let (mut forgetful, chain) = world(9, &one_per_origin(5));
    forgetful.engine.blocks.remove(&chain[2].hash);
    let error = find(&forgetful).unwrap_err();
    assert_eq!(error, SyncError::MissingL2(chain[2].hash));
    assert!(error.is_temporary());
    forgetful.engine.state = ForkchoiceState::same_hash(chain[2].hash);
    assert!(find(&forgetful).is_err());
}

#[test]
fn a_chain_that_breaks_the_rules_of_origins_is_corrupt() {
    let (mut world, _) = world(9, &[1, 1, 2]);
    // The fourth block jumps from origin 2 to 4: attributes cannot even be made, so the block is
    // bent by hand.
    let head = world.engine.blocks[&world.engine.state.head_block_hash].clone();
    let parent = head.l2_ref(&world.cfg).unwrap();
    let skipping = L2Ref {
        l1_origin: world.l1.at(3).unwrap().id(),
        ..parent
    };
    let derived = world.derive(skipping, 4, &[], 5);
    let block = world.engine.build(parent.hash, &derived.attributes);
    world.engine.state.head_block_hash = block.hash;
    let child = block.l2_ref(&world.cfg).unwrap().id();
    world.engine.blocks.insert(block.hash, block);
    assert_eq!(find(&world).unwrap_err(), SyncError::Corrupt { child });
}

#[test]
fn an_answer_that_does_not_fit_the_question_is_refused() {
    let l1 = FakeL1::new(1);
    let cfg = alloc::sync::Arc::new(config(l1.blocks[0].id()));
    let mut search = crate::SyncStart::new(cfg, &[]);
    assert_eq!(
        search.step(),
        crate::SyncStep::Ask(crate::Query::L2Finalized)
    );
    search.answer(crate::Found::L1(None));
    assert_eq!(
        search.step(),
        crate::SyncStep::Failed(SyncError::WrongAnswer)
    );
}

#[test]
fn a_short_start_begins_at_the_safe_heads_origin() {
    let (mut world, chain) = world(80, &one_per_origin(70));
    world.engine.state.safe_block_hash = chain[65].hash;
    world.engine.state.finalized_block_hash = chain[62].hash;
    for (reach, base) in [(Reach::Full, 13), (Reach::Short, 63)] {
        let point = search_within(reach, &world.cfg, &[], &world.engine, &world.l1).unwrap();
        assert_eq!(point.heads.safe, chain[62]);
        assert_eq!(point.start.l1_base, world.l1.at(base).unwrap());
    }
    let reason = ResetReason::FrameWithoutStart {
        channel: Default::default(),
        block: chain[0].l1_origin,
    };
    assert_eq!(ResetCause::Derivation(reason).reach(), Reach::Full);
    assert_eq!(ResetCause::Start.reach(), Reach::Short);
}
