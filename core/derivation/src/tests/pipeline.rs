//! Whole runs: L1 blocks in, blocks out.

use super::kit::{
    BATCHER, Block, Mine, STRANGER, Stop, World, calldata_tx, channel_bytes, channel_data, config,
    data_of, frames, singular, singulars,
};
use crate::{
    L1Request, L2BlockInput, PushError, Rejection, ResetReason, Step, Trace,
    attributes::build,
    sync_start::{self, Reach},
};
use alloy_primitives::{Address, B256, Bytes};
use opal_protocol::{ConfigUpdate, Fork, Frame, InboxTx, L2Ref, SystemConfig};
use std::{vec, vec::Vec};

/// A plan for the sequencer: blocks at two seconds, L1 blocks at twelve.
pub(super) fn plan(count: usize) -> Vec<(u64, usize)> {
    (1..=count).map(|i| ((2 * i / 12) as u64, i % 3)).collect()
}

#[track_caller]
pub(super) fn assert_safe(world: &World, blocks: &[Block]) {
    let derived: Vec<_> = world.l2[1..].iter().map(|b| b.block).collect();
    let expected: Vec<_> = blocks.iter().map(|b| b.block).collect();
    assert_eq!(derived, expected);
}

#[test]
fn singular_batches_become_blocks() {
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(2);
    let blocks = world.sequence_on_safe(&plan(14));
    world.mine_data(vec![channel_data(1, &singulars(&blocks))]);
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_safe(&world, &blocks);
    assert!(
        world
            .derived
            .iter()
            .all(|d| d.is_last_in_span && d.derived_from.number == 3)
    );
    assert_eq!(world.derivation.origin().number, 3);
}

#[test]
fn span_batch_becomes_blocks() {
    for fork in [Fork::Holocene, Fork::Isthmus, Fork::Jovian, Fork::Karst] {
        let mut world = World::new(config(fork));
        world.mine_empty(2);
        let blocks = world.sequence_on_safe(&plan(14));
        let data = world.span_data(1, &blocks);
        world.mine_data(vec![data]);
        assert_eq!(world.run(), Stop::EndOfL1);
        assert_safe(&world, &blocks);
        let last: Vec<_> = world.derived.iter().map(|d| d.is_last_in_span).collect();
        assert_eq!(last, [vec![false; 13], vec![true]].concat());
    }
}

#[test]
fn channel_over_many_transactions_and_blocks() {
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(2);
    let blocks = world.sequence_on_safe(&plan(14));
    let channel = channel_bytes(&[world.span(&blocks[..7]), world.span(&blocks[7..])]);
    let pieces = frames(1, &channel, 5);
    world.mine_data(vec![data_of(&pieces[..1])]);
    world.mine_data(vec![data_of(&pieces[1..3]), data_of(&pieces[3..4])]);
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_safe(&world, &[]);
    world.mine_data(vec![data_of(&pieces[4..])]);
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_safe(&world, &blocks);
}

#[test]
fn several_channels_in_one_block() {
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(2);
    let blocks = world.sequence_on_safe(&plan(12));
    let first = world.span_data(1, &blocks[..4]);
    let both = [
        frames(2, &channel_bytes(&[world.span(&blocks[4..8])]), 1),
        frames(3, &channel_bytes(&singulars(&blocks[8..])), 2),
    ]
    .concat();
    world.mine_data(vec![first, data_of(&both)]);
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_safe(&world, &blocks);
}

#[test]
fn strangers_do_not_count() {
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(1);
    let blocks = world.sequence_on_safe(&plan(4));
    let data = world.span_data(1, &blocks);
    let stranger = InboxTx {
        from: STRANGER,
        ..calldata_tx(data.clone())
    };
    world.mine(Mine {
        inbox: vec![stranger],
        ..Default::default()
    });
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_safe(&world, &[]);
    world.mine_data(vec![data]);
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_safe(&world, &blocks);
}

/// Whose data counts follows the L1 block that includes it, at once; whose address the L1
/// attributes name follows the epoch.
#[test]
fn batcher_change_counts_from_its_l1_block_on() {
    let other = Address::repeat_byte(0xb2);
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(1);
    let blocks = world.sequence_on_safe(&plan(6));
    let by = |from, data| InboxTx {
        from,
        ..calldata_tx(data)
    };
    let (first, second) = (
        world.span_data(1, &blocks[..3]),
        world.span_data(2, &blocks[3..]),
    );
    world.mine(Mine {
        inbox: vec![by(other, second.clone())],
        ..Default::default()
    });
    world.mine(Mine {
        inbox: vec![by(BATCHER, first)],
        ..Default::default()
    });
    world.mine(Mine {
        updates: vec![ConfigUpdate::Batcher(other)],
        inbox: vec![by(BATCHER, second.clone())],
        ..Default::default()
    });
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_safe(&world, &blocks[..3]);
    world.mine(Mine {
        inbox: vec![by(other, second)],
        ..Default::default()
    });
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_safe(&world, &blocks);
    let epoch = world.l1[4].clone();
    let (parent, config) = (blocks[5].block, blocks[5].config);
    assert_eq!(config.batcher_address, BATCHER);
    assert!(parent.l1_origin.number < epoch.header.number);
}

#[test]
fn window_expiry_gives_empty_blocks_with_deposits() {
    let mut world = World::new(config(Fork::Karst));
    let deposit = Bytes::from_static(&[0x7e, 0xd]);
    world.mine(Mine {
        deposits: vec![deposit.clone()],
        ..Default::default()
    });
    world.mine_empty(9);
    assert_eq!(world.run(), Stop::EndOfL1);
    // L1 block 10 closes the window of epoch 0 only.
    let expected: Vec<_> = world.sequence(&world.l2[0], &[(0, 0); 5]);
    assert_safe(&world, &expected);
    world.mine_empty(1);
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_eq!(world.l2.len(), 1 + 5 + 6);
    assert_eq!(world.l2[6].transactions[1], deposit);
    assert_eq!(world.l2[6].block.l1_origin.number, 1);
    world.mine_empty(20);
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_eq!(world.safe().block.l1_origin.number, 21);
    assert!(
        world
            .trace
            .iter()
            .any(|t| matches!(t, Trace::WindowExpired { epoch: 1, .. }))
    );
    // The chain that L1 forced is a chain that batches can go on from.
    let next: Vec<_> = world.sequence_on_safe(&[(22, 1), (22, 2)]);
    let data = world.span_data(1, &next);
    world.mine_data(vec![data]);
    let before = world.l2.len();
    assert_eq!(world.run(), Stop::EndOfL1);
    // Its own window closes with this block too: what is left of the epoch is empty.
    assert_eq!(world.l2[before..before + 2], next);
    assert!(
        world.l2[before + 2..]
            .iter()
            .all(|b| b.block.l1_origin.number == 22)
    );
}

#[test]
fn late_batches_fill_the_window_to_its_last_block() {
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(9);
    let blocks = world.sequence_on_safe(&plan(5));
    let data = world.span_data(1, &blocks);
    world.mine_data(vec![data.clone()]);
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_safe(&world, &blocks);

    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(10);
    world.mine_data(vec![data]);
    assert_eq!(world.run(), Stop::EndOfL1);
    let empty = world.sequence(&world.l2[0], &[(0, 0); 5]);
    assert_eq!(world.l2[1..6], empty);
}

#[test]
fn l1_reorg_is_a_reset() {
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(3);
    assert_eq!(world.run(), Stop::EndOfL1);
    world.l1.pop();
    world.mine(Mine {
        salt: 1,
        ..Default::default()
    });
    world.mine_empty(1);
    let Stop::Step(Step::Reset(reason)) = world.run() else {
        panic!("no reset")
    };
    let ResetReason::L1Reorg { current, next } = reason else {
        panic!("{reason}")
    };
    assert_eq!((current.number, next.number), (3, 4));
    assert_eq!(
        world.derivation.step(),
        Step::Reset(reason),
        "until reset is called"
    );
    let mut world = world.restart(0, 0);
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_eq!(world.derivation.origin().number, 4);
}

#[test]
fn wrong_start_is_a_reset() {
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(3);
    let blocks = world.sequence_on_safe(&plan(8));
    let data = world.span_data(1, &blocks);
    world.mine_data(vec![data]);
    assert_eq!(world.run(), Stop::EndOfL1);

    let mut wrong_base = world.restart(0, 0);
    wrong_base.l1[0].hash = B256::ZERO;
    let reason = match wrong_base.run() {
        Stop::Step(Step::Reset(reason)) => reason,
        other => panic!("{other:?}"),
    };
    assert!(matches!(reason, ResetReason::WrongBase { .. }), "{reason}");

    // The safe head's origin (block 1) is not canonical any more.
    let mut wrong_origin = world.restart(8, 0);
    wrong_origin.l1.truncate(1);
    wrong_origin.mine(Mine {
        salt: 9,
        ..Default::default()
    });
    let reason = match wrong_origin.run() {
        Stop::Step(Step::Reset(reason)) => reason,
        other => panic!("{other:?}"),
    };
    assert!(
        matches!(reason, ResetReason::OriginMismatch { .. }),
        "{reason}"
    );
}

#[test]
fn sync_start_goes_back_a_channel_timeout() {
    let mut cfg = config(Fork::Karst);
    cfg.genesis.l1.number = 20;
    let mut safe_head = L2Ref::default();
    for (origin, start) in [(20, 20), (69, 20), (70, 20), (71, 21), (1000, 950)] {
        safe_head.l1_origin.number = origin;
        assert_eq!(
            sync_start::traversal_start(&cfg, &safe_head, 0, Reach::Full),
            start
        );
    }
    // Before Granite the longer timeout counts.
    cfg.forks.granite_time = Some(1_000);
    safe_head.l1_origin.number = 1000;
    assert_eq!(
        sync_start::traversal_start(&cfg, &safe_head, 999, Reach::Full),
        700
    );
    assert_eq!(
        sync_start::traversal_start(&cfg, &safe_head, 1_000, Reach::Full),
        950
    );
    cfg.channel_timeout = 10;
    assert_eq!(
        sync_start::traversal_start(&cfg, &safe_head, 999, Reach::Full),
        950
    );
}

/// From whatever safe head a node starts, it ends on the same chain.
#[test]
fn sync_start_at_every_safe_head_gives_the_same_chain() {
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(3);
    let blocks = world.sequence_on_safe(&plan(20));
    let channel = channel_bytes(&[world.span(&blocks[..9]), world.span(&blocks[9..14])]);
    let pieces = frames(1, &channel, 3);
    let overlapping = world.span_data(2, &blocks[10..17]);
    let single = channel_data(3, &singulars(&blocks[12..]));
    world.mine_data(vec![data_of(&pieces[..2])]);
    world.mine_data(vec![data_of(&pieces[2..])]);
    world.mine_data(vec![overlapping]);
    world.mine_data(vec![single]);
    world.mine_empty(12);
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_eq!(world.l2[1..21], blocks);
    assert!(world.l2.len() > 21);
    for number in 0..world.l2.len() as u64 {
        let safe_head = world.l2[number as usize].block;
        let base = sync_start::traversal_start(&world.cfg, &safe_head, 0, Reach::Full);
        let mut restarted = world.restart(number, base);
        assert_eq!(restarted.run(), Stop::EndOfL1);
        assert_eq!(restarted.safe_ids(), world.safe_ids(), "from {number}");
    }
}

/// The short way leads to the same chain, or says that it was too short.
#[test]
fn a_short_start_gives_the_same_chain_or_asks_for_the_full_one() {
    let mut world = World::new(config(Fork::Karst));
    let mut ends = vec![];
    let mut read = |world: &mut World, data: Vec<Bytes>| {
        world.mine_data(data);
        assert_eq!(world.run(), Stop::EndOfL1);
        ends.push((
            world.safe().block.number,
            world.l1.last().expect("some").id(),
        ));
    };
    world.mine_empty(3);
    let blocks = world.sequence_on_safe(&plan(8));
    let data = world.span_data(1, &blocks);
    read(&mut world, vec![data]);
    // A channel stays open while windows close, and holds blocks that come after those.
    let opening = frames(2, &channel_bytes(&[]), 1).remove(0);
    let opening = Frame {
        data: opening.data.slice(..1),
        is_last: false,
        ..opening
    };
    read(&mut world, vec![data_of(&[opening])]);
    for _ in 0..15 {
        read(&mut world, vec![]);
    }
    let epoch = world.safe().block.l1_origin.number;
    assert!(epoch > 6);
    let blocks = world.sequence_on_safe(&[(epoch + 1, 1), (epoch + 1, 2), (epoch + 1, 0)]);
    let rest = Frame {
        id: super::kit::channel_id(2),
        number: 1,
        data: channel_bytes(&[world.span(&blocks)])[1..].to_vec().into(),
        is_last: true,
    };
    read(&mut world, vec![data_of(&[rest])]);
    assert!(world.l2.contains(&blocks[2]));
    let blocks = world.sequence_on_safe(&[(epoch + 2, 3)]);
    let data = world.span_data(3, &blocks);
    read(&mut world, vec![data]);
    assert!(world.l2.contains(&blocks[0]));
    for _ in 0..14 {
        read(&mut world, vec![]);
    }
    let (mut enough, mut too_short) = (0, 0);
    for number in 0..world.l2.len() as u64 {
        let source = ends.iter().rfind(|(safe, _)| *safe == number).map(|e| e.1);
        let safe_head = world.l2[number as usize].block;
        let base = sync_start::traversal_start(&world.cfg, &safe_head, 0, Reach::Short);
        assert_eq!(base, safe_head.l1_origin.number);
        let mut restarted = world.restart_from(number, base, source);
        match restarted.run() {
            Stop::EndOfL1 => enough += 1,
            Stop::Step(Step::Reset(ResetReason::FrameWithoutStart { channel, block })) => {
                too_short += 1;
                assert!(block.number >= base && channel == super::kit::channel_id(2));
                let base = sync_start::traversal_start(&world.cfg, &safe_head, 0, Reach::Full);
                restarted = world.restart_from(number, base, source);
                assert_eq!(restarted.run(), Stop::EndOfL1);
            }
            stop => panic!("{stop:?}"),
        }
        assert_eq!(restarted.safe_ids(), world.safe_ids(), "from {number}");
    }
    assert!(enough > 5 && too_short > 5, "{enough} {too_short}");
}

#[test]
fn a_short_start_is_for_holocene_alone() {
    let mut cfg = config(Fork::Granite);
    cfg.forks.holocene_time = Some(1_000);
    let mut safe_head = World::new(cfg.clone()).safe().block;
    safe_head.l1_origin.number = 1_000;
    let start = |time| sync_start::traversal_start(&cfg, &safe_head, time, Reach::Short);
    assert_eq!((start(999), start(1_000)), (950, 1_000));
}

/// Once every channel from before a short start must be over, no frame can continue one.
#[test]
fn a_short_start_stops_asking_when_the_timeout_is_over() {
    for (empty, asks) in [(46, true), (47, false)] {
        let mut cfg = config(Fork::Karst);
        cfg.seq_window_size = 1_000;
        let mut world = World::new(cfg);
        world.mine_empty(2);
        let blocks = world.sequence_on_safe(&[[(0, 0); 5].as_slice(), &[(1, 0)]].concat());
        let data = world.span_data(1, &blocks);
        world.mine_data(vec![data]);
        assert_eq!(world.run(), Stop::EndOfL1);
        world.mine_empty(empty);
        let orphan = frames(7, b"rest", 2).split_off(1);
        world.mine_data(vec![data_of(&orphan)]);
        let source = world.l1[3].id();
        // The first frame of its own channel comes before: start behind it.
        let mut restarted = world.restart_from(6, 1, Some(source));
        restarted.l1[3].inbox.clear();
        let stop = restarted.run();
        let reset = matches!(
            stop,
            Stop::Step(Step::Reset(ResetReason::FrameWithoutStart { .. }))
        );
        assert_eq!(reset, asks, "{empty} {stop:?}");
    }
}

/// A channel that came too early was dropped by a node that read along. A node that starts behind
/// the gap must know that it was judged, or it would accept what nobody else did.
#[test]
fn sync_start_does_not_judge_batches_twice() {
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(2);
    let blocks = world.sequence_on_safe(&plan(8));
    let (early, late) = (
        world.span_data(1, &blocks[4..]),
        world.span_data(2, &blocks[..4]),
    );
    world.mine_data(vec![early]);
    let judged = world.mine_data(vec![late]);
    world.mine_empty(2);
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_safe(&world, &blocks[..4]);
    let mut knowing = world.restart_from(4, 0, Some(judged));
    assert_eq!(knowing.run(), Stop::EndOfL1);
    assert_safe(&knowing, &blocks[..4]);
    // Whoever does not know can but judge again, as the proof program does.
    let mut ignorant = world.restart(4, 0);
    assert_eq!(ignorant.run(), Stop::EndOfL1);
    assert_safe(&ignorant, &blocks);
    // What came later is judged by everybody, and no window closes twice.
    let rest = world.span_data(3, &blocks[4..]);
    for world in [&mut world, &mut knowing] {
        world.mine_data(vec![rest.clone()]);
        world.mine_empty(8);
        assert_eq!(world.run(), Stop::EndOfL1);
    }
    assert_eq!(world.l2[5..9], blocks[4..]);
    assert_eq!(knowing.safe_ids(), world.safe_ids());
}

#[test]
fn reorg_below_the_safe_heads_source_is_a_reset() {
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(2);
    let blocks = world.sequence_on_safe(&plan(3));
    let data = world.span_data(1, &blocks);
    let derived_from = world.mine_data(vec![data]);
    assert_eq!(world.run(), Stop::EndOfL1);
    world.l1.pop();
    world.mine(Mine {
        salt: 1,
        ..Default::default()
    });
    let found = world.l1[3].id();
    let mut restarted = world.restart_from(3, 0, Some(derived_from));
    let reason = ResetReason::SafeHeadOrphaned {
        expected: derived_from,
        found,
    };
    assert_eq!(restarted.run(), Stop::Step(Step::Reset(reason)));
}

#[test]
fn overlapping_span_must_match_the_safe_chain() {
    let mut base = World::new(config(Fork::Karst));
    base.mine_empty(3);
    let blocks = base.sequence_on_safe(&plan(16));
    let first = base.span_data(1, &blocks[..8]);
    base.mine_data(vec![first]);
    assert_eq!(base.run(), Stop::EndOfL1);

    let mut same = base.clone();
    let data = same.span_data(2, &blocks[4..]);
    same.mine_data(vec![data]);
    assert_eq!(same.run(), Stop::EndOfL1);
    assert_safe(&same, &blocks);

    // The same parent and origins, but one transaction more in a block that is safe already.
    let mut forged = blocks.clone();
    forged[6].transactions.push(super::kit::l2_tx(4711));
    let mut other = base.clone();
    let data = other.span_data(2, &forged[4..]);
    other.mine_data(vec![data]);
    assert_eq!(other.run(), Stop::EndOfL1);
    assert_safe(&other, &blocks[..8]);
    let reason = crate::SpanDropReason::OverlapTransactions;
    assert!(
        other
            .trace
            .iter()
            .any(|t| matches!(t, Trace::SpanDropped { reason: r, .. } if *r == reason))
    );

    // Another parent.
    let mut forged = blocks.clone();
    forged[4].block.parent_hash = B256::repeat_byte(1);
    let mut other = base.clone();
    let data = other.span_data(2, &forged[4..]);
    other.mine_data(vec![data]);
    assert_eq!(other.run(), Stop::EndOfL1);
    assert_safe(&other, &blocks[..8]);
}

/// A long overlap is read piece by piece.
#[test]
fn overlap_is_read_in_bounded_pieces() {
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(3);
    let blocks = world.sequence_on_safe(&[(0, 1); 200]);
    let first = world.span_data(1, &blocks[..150]);
    world.mine_data(vec![first]);
    assert_eq!(world.run(), Stop::EndOfL1);
    let safe = world.l2.len() as u64 - 1;
    let tail = world.sequence_on_safe(&[(1, 1)]);
    let both = [&world.l2[1..], &tail].concat();
    let mut builder = world.clone();
    let data = builder.span_data(2, &both);
    builder.mine_data(vec![data]);
    let mut asked = vec![];
    loop {
        match builder.derivation.step() {
            Step::NeedL2 { from, to } => {
                assert!(to - from < crate::limits::OVERLAP_BLOCKS_MAX);
                assert_eq!(
                    builder.derivation.step(),
                    Step::NeedL2 { from, to },
                    "again"
                );
                asked.push((from, to));
                let input = |b: &Block| L2BlockInput {
                    block: b.block,
                    transactions: b.transactions.clone(),
                };
                let blocks = &builder.l2[from as usize..=to as usize];
                builder
                    .derivation
                    .push_l2(blocks.iter().map(input).collect())
                    .expect("asked");
            }
            Step::NeedL1(L1Request::Block { number }) => {
                let Some(block) = builder.l1.get(number as usize) else {
                    break;
                };
                builder.derivation.push_l1(block.clone()).expect("asked");
            }
            Step::Attributes(derived) => {
                assert_eq!(derived.parent.number, safe);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(asked.first(), Some(&(0, 63)));
    assert_eq!(asked.last().map(|(_, to)| *to), Some(safe));
    assert!(asked.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0));
}

#[test]
fn foreign_safe_blocks_are_a_reset() {
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(3);
    let blocks = world.sequence_on_safe(&plan(8));
    let (first, second) = (
        world.span_data(1, &blocks[..4]),
        world.span_data(2, &blocks),
    );
    world.mine_data(vec![first]);
    assert_eq!(world.run(), Stop::EndOfL1);
    world.mine_data(vec![second]);
    world.l2[3].block.hash = B256::repeat_byte(0xee);
    let stop = world.run();
    let Stop::Step(Step::Reset(ResetReason::ForeignL2Block(id))) = stop else {
        panic!("{stop:?}")
    };
    assert_eq!(id.number, 4);
}

#[test]
fn unasked_input_is_refused() {
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(2);
    let (genesis, first, second) = (
        world.l1[0].clone(),
        world.l1[1].clone(),
        world.l1[2].clone(),
    );
    let derivation = &mut world.derivation;
    assert_eq!(
        derivation.push_l1(genesis.clone()),
        Err(PushError::NotRequested)
    );
    assert_eq!(
        derivation.step(),
        Step::NeedL1(L1Request::Block { number: 0 })
    );
    assert_eq!(
        derivation.step(),
        Step::NeedL1(L1Request::Block { number: 0 })
    );
    assert_eq!(
        derivation.push_l1(first.clone()),
        Err(PushError::NotRequested)
    );
    assert_eq!(
        derivation.push_blobs(B256::ZERO, vec![]),
        Err(PushError::NotRequested)
    );
    assert_eq!(derivation.push_l2(vec![]), Err(PushError::NotRequested));
    assert_eq!(derivation.push_l1(genesis), Ok(()));
    assert_eq!(
        derivation.push_l1(first.clone()),
        Err(PushError::NotRequested)
    );
    assert_eq!(
        derivation.step(),
        Step::NeedL1(L1Request::Block { number: 1 })
    );
    assert_eq!(derivation.push_l1(first), Ok(()));
    assert_eq!(
        derivation.step(),
        Step::NeedL1(L1Request::Block { number: 2 })
    );
    assert_eq!(derivation.push_l2(vec![]), Err(PushError::NotRequested));
    assert_eq!(derivation.push_l1(second), Ok(()));
    assert_eq!(derivation.reject(), Rejection::NothingOut);
}

#[test]
fn confirm_answers_attributes_once() {
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(1);
    let blocks = world.sequence_on_safe(&plan(2));
    let data = world.span_data(1, &blocks);
    world.mine_data(vec![data]);
    let attributes = loop {
        match world.derivation.step() {
            Step::NeedL1(L1Request::Block { number }) => {
                world
                    .derivation
                    .push_l1(world.l1[number as usize].clone())
                    .expect("asked");
            }
            Step::Attributes(attributes) => break attributes,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(attributes.parent, world.l2[0].block);
    assert_eq!(world.derivation.step(), Step::Idle);
    // Another origin than derived.
    let mut foreign = world.derivation.clone();
    let mut block = blocks[0].block;
    block.seq_num = 9;
    foreign.confirm(block);
    assert!(matches!(
        foreign.step(),
        Step::Reset(ResetReason::ForeignSafeHead(_))
    ));
    // Twice the same is once.
    world.derivation.confirm(blocks[0].block);
    world.derivation.confirm(blocks[0].block);
    assert!(matches!(world.derivation.step(), Step::Attributes(_)));
    assert_eq!(world.derivation.safe_head(), blocks[0].block);
}

#[test]
fn missing_blob_is_waited_for() {
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(1);
    let blocks = world.sequence_on_safe(&plan(5));
    let data = world.span_data(1, &blocks);
    let tx = world.blob_tx(vec![Some(data)]);
    let hash = tx.blob_hashes[0];
    let blob = world.blobs.remove(&hash).expect("there");
    world.mine(Mine {
        inbox: vec![tx],
        ..Default::default()
    });
    assert_eq!(world.run(), Stop::MissingBlob(hash));
    assert_eq!(world.run(), Stop::MissingBlob(hash));
    let block = world.l1[2].hash;
    let wrong = PushError::WrongCount {
        wanted: 1,
        given: 0,
    };
    assert_eq!(world.derivation.push_blobs(block, vec![]), Err(wrong));
    assert_eq!(
        world.derivation.push_blobs(B256::ZERO, vec![blob.clone()]),
        Err(PushError::NotRequested)
    );
    world.blobs.insert(hash, blob);
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_safe(&world, &blocks);
}

/// The configuration that derivation carries along equals the one a restarted node reads back.
#[test]
fn carried_config_equals_the_one_read_back() {
    let mut cfg = config(Fork::Holocene);
    for (fork, offset) in [(Fork::Isthmus, 14), (Fork::Jovian, 28), (Fork::Karst, 40)] {
        cfg.forks.set(fork, Some(cfg.genesis.l2_time + offset));
    }
    let mut world = World::new(cfg);
    let updates = vec![
        ConfigUpdate::OperatorFee {
            scalar: 5,
            constant: 6,
        },
        ConfigUpdate::GasLimit(31_000_000),
        ConfigUpdate::DaFootprintGasScalar(77),
        ConfigUpdate::MinBaseFee(12),
    ];
    for _ in 0..4 {
        world.mine(Mine {
            updates: updates.clone(),
            ..Default::default()
        });
    }
    world.mine_empty(12);
    assert_eq!(world.run(), Stop::EndOfL1);
    assert!(world.l2.len() > 30);
    for block in &world.l2[1..] {
        let header = alloy_consensus::Header {
            number: block.block.number,
            timestamp: block.block.time,
            gas_limit: block.attributes.gas_limit.expect("set"),
            extra_data: extra_data(block),
            ..Default::default()
        };
        let first = &block.transactions[0];
        let hash = header.hash_slow();
        let block_ref = L2Ref::from_block(&world.cfg, &header, hash, first).expect("parses");
        assert_eq!(block_ref.l1_origin, block.block.l1_origin);
        assert_eq!(block_ref.seq_num, block.block.seq_num);
        let read = SystemConfig::from_l2_block(&world.cfg, &header, first).expect("parses");
        // Zero stands for the default of each.
        let mut carried = block.config;
        carried.scalar = read.scalar;
        if carried.da_footprint_gas_scalar == 0 && read.da_footprint_gas_scalar == 400 {
            carried.da_footprint_gas_scalar = 400;
        }
        if carried.eip1559_denominator == 0 {
            carried.eip1559_denominator = read.eip1559_denominator;
            carried.eip1559_elasticity = read.eip1559_elasticity;
        }
        assert_eq!(carried, read, "block {}", block.block.number);
    }
    let epoch = &world.l1[world.safe().block.l1_origin.number as usize];
    let safe = world.safe();
    let time = safe.block.time + 2;
    let built = build(
        &world.cfg,
        &world.l1_chain,
        &world.upgrades,
        &safe.block,
        &safe.config,
        epoch,
        time,
    );
    assert_eq!(built.expect("builds").0.min_base_fee, Some(12));
}

/// What the engine writes for the attributes' EIP-1559 parameters.
fn extra_data(block: &Block) -> Bytes {
    let params = block.attributes.eip_1559_params.expect("Holocene");
    let params = if params.is_zero() {
        (250u64 << 32 | 6).to_be_bytes()
    } else {
        params.0
    };
    match block.attributes.min_base_fee {
        None => [&[0][..], &params].concat().into(),
        Some(min) => [&[1][..], &params, &min.to_be_bytes()].concat().into(),
    }
}

/// Whatever the batcher posts, nothing panics and the chain goes on.
#[test]
fn garbage_of_the_batcher_is_survived() {
    let mut seed = 1u64;
    let mut random = move || {
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        seed >> 33
    };
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(1);
    for round in 0..60 {
        let number = world.l1.len() as u64 - 1;
        let blocks = world.sequence_on_safe(&[(world.safe().block.l1_origin.number, 2); 3]);
        let mut batches = singulars(&blocks);
        batches.push(world.span(&blocks));
        let victim = random() as usize % batches.len();
        let at = random() as usize % batches[victim].len();
        batches[victim][at] ^= 1 << (random() % 8);
        let mut channel = channel_bytes(&batches);
        if random() % 2 == 0 {
            let at = random() as usize % channel.len();
            channel[at] ^= 1 << (random() % 8);
        }
        let mut data = data_of(&frames(round, &channel, 2)).to_vec();
        if random() % 2 == 0 {
            let at = random() as usize % data.len();
            data[at] = random() as u8;
        }
        if random() % 4 == 0 {
            data.truncate(random() as usize % data.len());
        }
        world.mine_data(vec![data.into()]);
        assert_eq!(world.run(), Stop::EndOfL1, "L1 block {number}");
    }
    let mut last = singular(&world.build(
        world.safe(),
        &world.l1[world.safe().block.l1_origin.number as usize],
        vec![],
    ));
    last.timestamp = u64::MAX;
    world.mine_data(vec![channel_data(1, &[last.encode()])]);
    world.mine_empty(30);
    assert_eq!(world.run(), Stop::EndOfL1);
    assert!(world.safe().block.l1_origin.number > 60);
}
