//! Whole runs before Holocene: batches in any order, spans as a whole, rejected payloads, windows.

use super::{
    kit::{
        Block, Mine, Stop, World, config, data_of, frames, l2_tx, singular, singulars, zlib_bytes,
        zlib_data,
    },
    pipeline::{assert_safe, plan},
};
use crate::{
    ChannelDropped, CriticalReason, DropReason, FrameDropped, L1Request, Rejection, SpanDropReason,
    Step, Trace,
    batch_queue::BatchQueue,
    batch_stage::{BatchStage, Pull},
    channel_stage::CompleteChannel,
    checks::Surroundings,
    sync_start::{self, Reach},
    trace::TraceLog,
    window::EpochWindow,
};
use alloy_primitives::{B256, Bytes};
use opal_protocol::{ChannelRules, Fork, L1Id, SpanContext};
use std::{vec, vec::Vec};

/// Eras that read singular batches, and those that read span batches, before Holocene.
const SINGULAR: [Fork; 4] = [Fork::Bedrock, Fork::Canyon, Fork::Delta, Fork::Granite];
const SPAN: [Fork; 3] = [Fork::Delta, Fork::Fjord, Fork::Granite];

/// A world before Holocene with a few L1 blocks.
fn world(last: Fork) -> World {
    let mut world = World::new(config(last));
    world.mine_empty(3);
    world
}

/// Posts each piece of data in an L1 block of its own and derives.
#[track_caller]
fn post(world: &mut World, data: Vec<Bytes>) {
    for data in data {
        world.mine_data(vec![data]);
    }
    assert_eq!(world.run(), Stop::EndOfL1);
}

fn count(world: &World, is_it: impl Fn(&Trace) -> bool) -> usize {
    world.trace.iter().filter(|event| is_it(event)).count()
}

fn span_drops(world: &World) -> Vec<SpanDropReason> {
    let reason = |event: &Trace| match event {
        Trace::SpanDropped { reason, .. } => Some(*reason),
        _ => None,
    };
    world.trace.iter().filter_map(reason).collect()
}

fn batch_drops(world: &World) -> Vec<DropReason> {
    let reason = |event: &Trace| match event {
        Trace::BatchDropped { reason, .. } => Some(*reason),
        _ => None,
    };
    world.trace.iter().filter_map(reason).collect()
}

fn with_tx(block: &Block, nonce: u64) -> Block {
    let mut block = block.clone();
    block.transactions.push(l2_tx(nonce));
    block
}

#[test]
fn batches_in_any_order_become_blocks() {
    for fork in SINGULAR {
        let mut world = world(fork);
        let blocks = world.sequence_on_safe(&plan(12));
        let parts = [&blocks[8..], &blocks[4..8], &blocks[..4]];
        let data = |(id, part): (usize, &&[Block])| zlib_data(id as u8, &singulars(part));
        post(&mut world, parts.iter().enumerate().map(data).collect());
        assert_safe(&world, &blocks);
        let deferred = |t: &Trace| matches!(t, Trace::BatchDeferred { .. });
        assert_eq!(count(&world, deferred), 8, "{fork}");
        assert_eq!(world.derived[11].derived_from.number, 6);
    }
    for fork in SPAN {
        let mut world = world(fork);
        let blocks = world.sequence_on_safe(&plan(12));
        // Spans may overlap each other, too.
        let parts = [&blocks[7..], &blocks[4..9], &blocks[..5]];
        let data = |(id, part): (usize, &&[Block])| zlib_data(id as u8, &[world.span(part)]);
        let data = parts.iter().enumerate().map(data).collect();
        post(&mut world, data);
        assert_safe(&world, &blocks);
        assert_eq!(span_drops(&world), []);
    }
}

/// The first valid batch in the order of inclusion wins; invalid ones before it do no harm.
#[test]
fn the_first_valid_batch_wins() {
    for fork in SINGULAR {
        let mut world = world(fork);
        let blocks = world.sequence_on_safe(&plan(3));
        let mut foreign = singular(&with_tx(&blocks[1], 1));
        foreign.parent_hash = B256::repeat_byte(1);
        let winner = with_tx(&blocks[1], 2);
        let later = [foreign.encode(), singular(&winner).encode()];
        let loser = singular(&with_tx(&blocks[1], 3)).encode();
        let first = singular(&blocks[0]).encode();
        let data = vec![zlib_data(1, &later), zlib_data(2, &[loser, first])];
        post(&mut world, data);
        assert_eq!(world.l2.len(), 3, "{fork}");
        assert_eq!(world.l2[1], blocks[0]);
        assert_eq!(world.l2[2].transactions, winner.transactions);
        assert_eq!(batch_drops(&world), [DropReason::ParentHash]);
        let past = |t: &Trace| matches!(t, Trace::BatchPast { .. });
        assert_eq!(count(&world, past), 1, "the loser");
    }
}

#[test]
fn an_invalid_batch_leaves_its_channel_alone() {
    for fork in SINGULAR {
        let mut world = world(fork);
        let blocks = world.sequence_on_safe(&plan(8));
        let mut batches = singulars(&blocks);
        let mut bad = singular(&blocks[0]);
        bad.epoch_hash = B256::repeat_byte(9);
        batches.insert(0, bad.encode());
        batches.insert(5, bad.encode());
        post(&mut world, vec![zlib_data(1, &batches)]);
        assert_safe(&world, &blocks);
        assert_eq!(batch_drops(&world), [DropReason::EpochHash], "{fork}");
        // A batch that does not decode does end its channel.
        let more = world.sequence_on_safe(&[(1, 1), (1, 1)]);
        let mut batches = singulars(&more);
        batches.insert(1, vec![7]);
        post(&mut world, vec![zlib_data(2, &batches)]);
        assert_eq!(world.safe(), &more[0]);
    }
}

/// One invalid block voids the whole span, but nothing else of its channel.
#[test]
fn a_span_stands_or_falls_as_a_whole() {
    for fork in SPAN {
        let mut world = world(fork);
        let blocks = world.sequence_on_safe(&plan(8));
        let mut forged = blocks.clone();
        for (seq_num, block) in (0..).zip(&mut forged[3..]) {
            block.block.l1_origin = world.l1[1].id();
            block.block.seq_num = seq_num;
        }
        let batches = [world.span(&forged), world.span(&blocks)];
        post(&mut world, vec![zlib_data(1, &batches)]);
        assert_safe(&world, &blocks);
        let reason = SpanDropReason::Block(DropReason::BeforeOrigin);
        assert_eq!(span_drops(&world), [reason], "{fork}");
    }
}

/// What a span names and nobody knows is invalid: it neither waits nor makes others wait.
#[test]
fn a_span_of_unknown_origins_is_dropped() {
    let mut world = world(Fork::Granite);
    let blocks = world.sequence_on_safe(&plan(8));
    let mut ahead = blocks.clone();
    for (number, block) in (0..).zip(&mut ahead) {
        let hash = B256::repeat_byte(number as u8);
        block.block.l1_origin = L1Id { hash, number };
        block.block.seq_num = 0;
    }
    ahead[0].block.l1_origin = world.l1[0].id();
    ahead[0].block.seq_num = 1;
    let data = [world.span(&ahead), world.span(&blocks)];
    post(&mut world, vec![zlib_data(1, &data)]);
    assert_safe(&world, &blocks);
    assert_eq!(span_drops(&world), [SpanDropReason::OriginUnknown]);
}

#[test]
fn trap_29_overlap_must_match_before_holocene_too() {
    for fork in SPAN {
        let mut world = world(fork);
        let blocks = world.sequence_on_safe(&plan(10));
        let first = world.span(&blocks[..6]);
        let mut forged = blocks.clone();
        forged[4] = with_tx(&forged[4], 4711);
        let batches = [first, world.span(&forged[2..]), world.span(&blocks[2..])];
        post(&mut world, vec![zlib_data(1, &batches)]);
        assert_safe(&world, &blocks);
        let reason = SpanDropReason::OverlapTransactions;
        assert_eq!(span_drops(&world), [reason], "{fork}");
    }
}

/// Trap 31: before Holocene the batch of an invalid payload is dropped, with all of its span, and
/// the next batch has its turn.
#[test]
fn trap_31_rejected_span_is_taken_back_before_holocene() {
    for fork in SPAN {
        for poisoned in [0, 4, 7] {
            let mut world = world(fork);
            let blocks = world.sequence_on_safe(&plan(8));
            let mut dirty = blocks.clone();
            dirty[poisoned] = with_tx(&dirty[poisoned], 4711);
            world.poison = Some(l2_tx(4711));
            let batches = [world.span(&dirty), world.span(&blocks)];
            post(&mut world, vec![zlib_data(1, &batches)]);
            assert_safe(&world, &blocks);
            let back = poisoned as u64;
            let rejected = |t: &Trace| matches!(t, Trace::BatchRejected { taken_back, .. } if *taken_back == back);
            assert_eq!(count(&world, rejected), 1, "{fork} {poisoned}");
        }
    }
}

#[test]
fn trap_31_rejected_singular_batch_leaves_the_blocks_before_it() {
    for fork in SINGULAR {
        let mut world = world(fork);
        let blocks = world.sequence_on_safe(&plan(6));
        let mut batches = singulars(&blocks);
        batches.insert(2, singular(&with_tx(&blocks[2], 4711)).encode());
        world.poison = Some(l2_tx(4711));
        post(&mut world, vec![zlib_data(1, &batches)]);
        assert_safe(&world, &blocks);
        let rejected = |t: &Trace| {
            matches!(
                t,
                Trace::BatchRejected {
                    taken_back: 0,
                    number: 3,
                    ..
                }
            )
        };
        assert_eq!(count(&world, rejected), 1, "{fork}");
    }
}

/// With no other batch at hand, the window has to close.
#[test]
fn trap_31_rejected_span_leaves_a_gap_until_its_window_closes() {
    let mut world = world(Fork::Granite);
    let blocks = world.sequence_on_safe(&plan(5));
    let mut dirty = blocks.clone();
    dirty[3] = with_tx(&dirty[3], 4711);
    world.poison = Some(l2_tx(4711));
    let data = zlib_data(1, &[world.span(&dirty)]);
    post(&mut world, vec![data]);
    assert_eq!(world.l2.len(), 1);
    world.mine_empty(6);
    assert_eq!(world.run(), Stop::EndOfL1);
    let empty = world.sequence(&world.l2[0], &[(0, 0); 5]);
    assert_safe(&world, &empty);
}

/// The pending safe head runs ahead of the safe head within a span, and falls back to it.
#[test]
fn safe_head_moves_at_the_end_of_a_span() {
    let mut world = world(Fork::Granite);
    let blocks = world.sequence_on_safe(&plan(4));
    let data = zlib_data(1, &[world.span(&blocks[..3]), world.span(&blocks[3..])]);
    world.mine_data(vec![data]);
    let genesis = world.l2[0].block;
    let (mut heads, mut rejected) = (vec![], false);
    let derivation = &mut world.derivation;
    loop {
        match derivation.step() {
            Step::NeedL1(L1Request::Block { number }) => match world.l1.get(number as usize) {
                Some(block) => derivation.push_l1(block.clone()).expect("asked"),
                None => break,
            },
            Step::Attributes(derived) => {
                let number = derived.parent.number;
                assert_eq!(derived.parent, derivation.pending_safe_head());
                assert_eq!(derived.is_last_in_span, number >= 2);
                if number == 1 && !rejected {
                    rejected = true;
                    assert_eq!(derivation.reject(), Rejection::Rewind { to: genesis });
                    assert_eq!(derivation.reject(), Rejection::NothingOut);
                } else {
                    derivation.confirm(blocks[number as usize].block);
                }
                let safe = derivation.safe_head().number;
                heads.push((safe, derivation.pending_safe_head().number));
            }
            other => panic!("{other:?}"),
        }
    }
    // The first span is gone with its second block; the second one leaves a gap, and waits.
    assert_eq!(heads, [(0, 1), (0, 0)]);
    let again = zlib_data(2, &[world.span(&blocks[..3])]);
    world.mine_data(vec![again]);
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_safe(&world, &blocks);
}

#[test]
fn windows_close_before_holocene_too() {
    for fork in SINGULAR {
        let mut base = World::new(config(fork));
        base.mine_empty(9);
        let blocks = base.sequence_on_safe(&plan(5));
        let data = zlib_data(1, &singulars(&blocks));
        let mut in_time = base.clone();
        // Whatever else the last block of the window holds, all of it is read first.
        let noise = zlib_data(2, &singulars(&blocks[3..]));
        in_time.mine_data(vec![noise, data.clone()]);
        assert_eq!(in_time.run(), Stop::EndOfL1);
        assert_safe(&in_time, &blocks);
        let mut late = base.clone();
        late.mine_empty(1);
        post(&mut late, vec![data]);
        let empty = late.sequence(&late.l2[0], &[(0, 0); 5]);
        assert_eq!(late.l2[1..6], empty, "{fork}");
        assert_eq!(late.safe().block.l1_origin.number, 1);
    }
}

/// A batch that waits was included when it was included, however late its turn comes.
#[test]
fn windows_count_by_the_inclusion_of_a_batch_that_waits() {
    let mut world = World::new(config(Fork::Granite));
    world.mine_empty(3);
    let blocks = world.sequence_on_safe(&plan(7));
    let early = zlib_data(1, &singulars(&blocks[1..]));
    world.mine_data(vec![early]);
    world.mine_empty(5);
    let first = zlib_data(2, &singulars(&blocks[..1]));
    post(&mut world, vec![first]);
    assert_safe(&world, &blocks);
}

/// Drift: the configured value before Fjord, 1800 seconds after, by the time of the L1 origin.
#[test]
fn trap_26_drift_before_and_after_fjord() {
    for (fork, drift) in [(Fork::Ecotone, 600), (Fork::Fjord, 1800)] {
        let mut world = World::new(config(fork));
        // L1 stands still for longer than any drift.
        let late = world.l1[0].header.timestamp + 4000;
        world.mine(Mine {
            time: Some(late),
            ..Default::default()
        });
        let within = (drift / 2) as usize;
        let blocks = world.sequence_on_safe(&vec![(0, 1); within + 1]);
        post(&mut world, vec![zlib_data(1, &singulars(&blocks))]);
        assert_safe(&world, &blocks[..within]);
        assert_eq!(batch_drops(&world), [DropReason::DriftExceeded], "{fork}");
        // Empty blocks may go on until the next origin can be adopted.
        let rest = 2000 - within;
        let mut empty = world.sequence_on_safe(&vec![(0, 0); rest]);
        let advance = world.sequence(empty.last().expect("some"), &[(1, 1)]);
        let stays = world.sequence(&empty[rest - 2], &[(0, 0)]);
        assert_eq!(stays[0].block.time, late);
        empty.truncate(rest - 1);
        let mut batches = singulars(&empty);
        batches.extend(singulars(&stays));
        post(&mut world, vec![zlib_data(2, &batches)]);
        assert_eq!(world.safe(), empty.last().expect("some"));
        assert_eq!(
            batch_drops(&world).last(),
            Some(&DropReason::DriftOriginNotAdvanced)
        );
        let turn = world.sequence_on_safe(&[(1, 1)]);
        post(&mut world, vec![zlib_data(3, &singulars(&turn))]);
        assert_eq!(world.safe(), &turn[0]);
        assert_ne!(turn, advance);
    }
}

#[test]
fn trap_26_delta_by_l1_origin_before_holocene() {
    let mut cfg = config(Fork::Canyon);
    let genesis = cfg.genesis.l2_time;
    cfg.forks.set(Fork::Delta, Some(genesis + 24));
    let mut world = World::new(cfg);
    world.mine_empty(3);
    let blocks = world.sequence_on_safe(&plan(15));
    // Blocks 12 and later belong to epoch 2, which is the first of Delta.
    assert_eq!(blocks[11].block.l1_origin.number, 2);
    let future = zlib_data(1, &[world.span(&blocks[11..])]);
    let spans = zlib_data(2, &[world.span(&blocks[..11])]);
    let singles = zlib_data(3, &singulars(&blocks[..11]));
    post(&mut world, vec![future.clone(), spans, singles]);
    assert_safe(&world, &blocks[..11]);
    // Judged by the origin that the next block would have, even those that lie in the future.
    assert_eq!(span_drops(&world), [SpanDropReason::BeforeDelta; 2]);
    post(&mut world, vec![future]);
    assert_safe(&world, &blocks);
}

/// A span that was dropped for coming before Delta must not be judged by a later epoch when a node
/// starts behind it. (Found by the simulator.)
#[test]
fn sync_start_before_holocene_does_not_judge_batches_twice() {
    let mut cfg = config(Fork::Canyon);
    let genesis = cfg.genesis.l2_time;
    cfg.forks.set(Fork::Delta, Some(genesis + 24));
    let mut world = World::new(cfg);
    world.mine_empty(3);
    let blocks = world.sequence_on_safe(&plan(15));
    post(&mut world, vec![zlib_data(1, &singulars(&blocks[..9]))]);
    let early = zlib_data(2, &[world.span(&blocks[9..14])]);
    post(&mut world, vec![early]);
    assert_eq!(span_drops(&world), [SpanDropReason::BeforeDelta]);
    post(&mut world, vec![zlib_data(3, &singulars(&blocks[9..12]))]);
    assert_safe(&world, &blocks[..12]);
    let judged = world.l1.last().expect("some").id();
    world.mine_empty(2);
    assert_eq!(world.run(), Stop::EndOfL1);
    let mut knowing = world.restart_from(12, 0, Some(judged));
    assert_eq!(knowing.run(), Stop::EndOfL1);
    assert_eq!(knowing.safe_ids(), world.safe_ids());
    // Whoever does not know can but judge again.
    let mut ignorant = world.restart(12, 0);
    assert_eq!(ignorant.run(), Stop::EndOfL1);
    assert_safe(&ignorant, &blocks[..14]);
}

/// Trap 27: Holocene, by the time of the including L1 block, discards frames, channels and batches.
#[test]
fn trap_27_activation_discards_channels_and_batches() {
    let mut cfg = config(Fork::Granite);
    let activation = cfg.genesis.l2_time + 6 * 12;
    cfg.forks.set(Fork::Holocene, Some(activation));
    let mut world = World::new(cfg);
    world.mine_empty(3);
    let blocks = world.sequence_on_safe(&plan(8));
    let waiting = zlib_data(1, &singulars(&blocks[5..]));
    let pieces = frames(2, &zlib_bytes(&singulars(&blocks[..2])), 2);
    let first = zlib_data(3, &singulars(&blocks[..5]));
    let data = vec![
        waiting.clone(),
        data_of(&pieces[..1]),
        [data_of(&pieces[1..]).to_vec(), first[1..].to_vec()]
            .concat()
            .into(),
    ];
    post(&mut world, data);
    assert_eq!(world.l1.len() - 1, 6, "the block that activates Holocene");
    assert_safe(&world, &blocks[..5]);
    let flushed = |t: &Trace| matches!(t, Trace::ChannelDropped { reason, .. } if *reason == ChannelDropped::ForkActivated);
    assert_eq!(count(&world, flushed), 1);
    let orphan = |t: &Trace| matches!(t, Trace::FrameDropped { reason, .. } if *reason == FrameDropped::NoChannel);
    assert_eq!(count(&world, orphan), 1);
    post(&mut world, vec![waiting]);
    assert_safe(&world, &blocks);
}

/// Batches wait over a restart: a node that starts anew finds them again on L1.
#[test]
fn sync_start_before_holocene_gives_the_same_chain() {
    for fork in [Fork::Delta, Fork::Granite] {
        let mut world = world(fork);
        let blocks = world.sequence_on_safe(&plan(20));
        let early = zlib_data(1, &[world.span(&blocks[4..9])]);
        let channel = zlib_bytes(&[world.span(&blocks[9..14]), world.span(&blocks[8..17])]);
        let pieces = frames(2, &channel, 3);
        let steps = vec![
            early,
            data_of(&pieces[1..]),
            zlib_data(3, &singulars(&blocks[..2])),
            zlib_data(4, &singulars(&blocks[2..4])),
            data_of(&pieces[..1]),
            zlib_data(5, &singulars(&blocks[16..])),
        ];
        // The safe head at the end of each L1 block, which is what a node may start from.
        let mut ends = vec![];
        for data in steps {
            post(&mut world, vec![data]);
            ends.push((
                world.safe().block.number,
                world.l1.last().expect("some").id(),
            ));
        }
        assert_safe(&world, &blocks);
        world.mine_empty(15);
        assert_eq!(world.run(), Stop::EndOfL1);
        assert!(world.l2.len() > 21);
        for (number, source) in ends {
            for derived_from in [None, Some(source)] {
                let safe_head = world.l2[number as usize].block;
                let base = sync_start::traversal_start(&world.cfg, &safe_head, 0, Reach::Full);
                let mut restarted = world.restart_from(number, base, derived_from);
                assert_eq!(restarted.run(), Stop::EndOfL1);
                assert_eq!(restarted.safe_ids(), world.safe_ids(), "from {number}");
                let first = restarted.derived.first().expect("some");
                assert!(first.derived_from.number > source.number || derived_from.is_none());
            }
        }
    }
}

/// Alt-DA commitments and calldata of blob transactions, by era.
#[test]
fn trap_22_blob_transactions_count_by_calldata_before_ecotone() {
    for (fork, by_calldata) in [(Fork::Delta, true), (Fork::Ecotone, false)] {
        let mut world = world(fork);
        let blocks = world.sequence_on_safe(&plan(8));
        let blob = zlib_data(1, &singulars(&blocks[..4]));
        let mut tx = world.blob_tx(vec![Some(blob)]);
        tx.data = zlib_data(2, &singulars(&blocks));
        world.mine(Mine {
            inbox: vec![tx],
            ..Default::default()
        });
        assert_eq!(world.run(), Stop::EndOfL1);
        assert_safe(&world, &blocks[..if by_calldata { 8 } else { 4 }]);
    }
}

/// Batches that wait are bounded, and those that can never count go first.
#[test]
fn waiting_batches_are_bounded() {
    let world = world(Fork::Granite);
    let blocks = world.sequence(&world.l2[0], &plan(20));
    let mut window = EpochWindow::default();
    for block in &world.l1 {
        window.push(block.clone());
    }
    let mut safe_head = world.l2[0].block;
    let mut stage = BatchStage::Queue(BatchQueue::new(1000));
    let (cfg, mut trace) = (&*world.cfg, TraceLog::default());
    let rules = ChannelRules::at(cfg, world.l1[3].header.timestamp);
    let mut feed = |stage: &mut BatchStage, safe_head: &_, epoch: usize, blocks: &[Block]| {
        let mut stream = vec![];
        for batch in singulars(blocks) {
            opal_protocol::batch::append_to_stream(&batch, &mut stream);
        }
        let data = opal_protocol::channel::compress(&stream, opal_protocol::Compression::Zlib, 6);
        let (id, data) = (super::kit::channel_id(1), data.into());
        let context = SpanContext::from(cfg);
        stage.open(
            CompleteChannel { id, data },
            true,
            rules,
            context,
            &mut trace,
        );
        let around = Surroundings {
            cfg,
            safe_head,
            epoch: world.l1[epoch].as_ref(),
            next_epoch: world.l1[epoch + 1].as_ref(),
            inclusion: world.l1[3].as_ref(),
        };
        loop {
            match stage.pull(true, &around, &window, &mut trace) {
                Pull::Progress => {}
                pull => return pull,
            }
        }
    };
    // Four batches of epoch 0 wait, too many are an error.
    assert!(matches!(
        feed(&mut stage, &safe_head, 0, &blocks[1..5]),
        Pull::Dry
    ));
    let mut full = stage.clone();
    let many = feed(&mut full, &safe_head, 0, &blocks[5..20]);
    let reason = CriticalReason::TooManyBatches(world.l1[3].as_ref());
    assert!(matches!(many, Pull::Critical(found) if found == reason));
    // With the safe head in epoch 1 those of epoch 0 are forgotten, as soon as room is needed.
    safe_head.l1_origin = world.l1[1].id();
    assert!(matches!(
        feed(&mut stage, &safe_head, 1, &blocks[8..11]),
        Pull::Dry
    ));
}

/// The rules are those of the L1 block that is read, not of the pipeline's first one.
#[test]
fn batches_are_judged_by_the_rules_of_their_l1_block() {
    for (holocene_at, waits) in [(60, true), (48, false)] {
        let mut cfg = config(Fork::Granite);
        let time = cfg.genesis.l2_time + holocene_at;
        cfg.forks.set(Fork::Holocene, Some(time));
        let mut world = World::new(cfg);
        world.mine_empty(3);
        let blocks = world.sequence_on_safe(&plan(8));
        let backwards: Vec<_> = singulars(&blocks).into_iter().rev().collect();
        post(&mut world, vec![zlib_data(1, &backwards)]);
        assert_eq!(world.l2.len(), if waits { 9 } else { 1 });
    }
}
