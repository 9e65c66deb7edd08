//! Whole runs into the traps of the requirements; those that a table shows better are beside it.

use super::{
    kit::{
        BATCHER, Mine, Stop, World, calldata_tx, channel_bytes, channel_data, config, data_of,
        frames, l2_tx, singular, singulars,
    },
    pipeline::{assert_safe, plan},
};
use crate::{
    ChannelDropped, CriticalReason, DataIgnored, DropReason, FrameDropped, L1Request, Rejection,
    SpanDropReason, Step, Trace,
};
use alloy_consensus::{Header, SignableTransaction, TxEip7702, TxEnvelope, TxLegacy};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{Address, B256, Bytes, Log, LogData, Signature, TxKind, U256, keccak256};
use op_alloy_consensus::OpTxEnvelope;
use opal_protocol::{DepositSource, Fork, InboxTx, L1Block, l1_block::L1Receipt};
use std::{vec, vec::Vec};

fn drop_reasons(world: &World) -> Vec<DropReason> {
    let reason = |t: &Trace| match t {
        Trace::BatchDropped { reason, .. } => Some(*reason),
        _ => None,
    };
    world.trace.iter().filter_map(reason).collect()
}

fn deposit_log(portal: Address) -> Log {
    let topic = keccak256("TransactionDeposited(address,address,uint256,bytes)");
    let opaque = [&[0u8; 64][..], &21_000u64.to_be_bytes(), &[0]].concat();
    let mut data = U256::from(32).to_be_bytes_vec();
    data.extend(U256::from(opaque.len()).to_be_bytes_vec());
    data.extend(&opaque);
    data.resize(data.len().next_multiple_of(32), 0);
    let topics = vec![
        topic,
        B256::with_last_byte(1),
        B256::with_last_byte(2),
        B256::ZERO,
    ];
    Log {
        address: portal,
        data: LogData::new_unchecked(topics, data.into()),
    }
}

fn source_hashes(block: &L1Block) -> Vec<B256> {
    let source = |tx: &Bytes| match OpTxEnvelope::decode_2718(&mut &tx[..]).expect("decodes") {
        OpTxEnvelope::Deposit(tx) => tx.source_hash,
        other => panic!("{other:?}"),
    };
    block.deposits.iter().map(source).collect()
}

/// Trap 20: the log index in a deposit's source hash counts over the whole L1 block.
#[test]
fn trap_20_log_index_is_block_wide() {
    let cfg = config(Fork::Karst);
    let ours = deposit_log(cfg.deposit_contract_address);
    let foreign = deposit_log(Address::ZERO);
    let receipt = |success, logs: &[&Log]| L1Receipt {
        success,
        logs: logs.iter().map(|log| (*log).clone()).collect(),
    };
    let receipts = [
        receipt(true, &[&foreign, &ours]),
        receipt(true, &[]),
        receipt(true, &[&foreign]),
        receipt(true, &[&ours]),
    ];
    let header = Header::default();
    let hash = header.hash_slow();
    let txs = vec![legacy_tx(); 4];
    let block = L1Block::new(&cfg, hash, header, &txs, &receipts).expect("parses");
    let source = |log_index| {
        DepositSource::User {
            l1_block_hash: hash,
            log_index,
        }
        .hash()
    };
    assert_eq!(source_hashes(&block), [source(1), source(3)]);
}

fn legacy_tx() -> Vec<u8> {
    let tx = TxLegacy {
        to: TxKind::Call(Address::ZERO),
        ..Default::default()
    };
    TxEnvelope::from(tx.into_signed(Signature::test_signature())).encoded_2718()
}

/// Trap 21: a type-4 transaction to the inbox carries no batches, yet its receipt yields deposits.
#[test]
fn trap_21_set_code_transactions_on_l1() {
    let cfg = config(Fork::Karst);
    let tx = TxEip7702 {
        to: cfg.batch_inbox_address,
        ..Default::default()
    };
    let tx = TxEnvelope::from(tx.into_signed(Signature::test_signature())).encoded_2718();
    let receipt = L1Receipt {
        success: true,
        logs: vec![deposit_log(cfg.deposit_contract_address)],
    };
    let header = Header::default();
    let block = L1Block::new(&cfg, header.hash_slow(), header, &[tx], &[receipt]).expect("parses");
    assert_eq!(block.deposits.len(), 1);
    assert!(block.inbox.iter().all(|tx| tx.tx_type == 4));

    let mut world = World::new(cfg);
    world.mine_empty(1);
    let blocks = world.sequence_on_safe(&plan(3));
    let data = world.span_data(1, &blocks);
    let tx = |tx_type| InboxTx {
        tx_type,
        ..calldata_tx(data.clone())
    };
    world.mine(Mine {
        inbox: vec![tx(4), tx(5), tx(0x7d)],
        ..Default::default()
    });
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_safe(&world, &[]);
    for tx_type in [0, 1, 2, 0x7e] {
        let mut world = world.clone();
        world.mine(Mine {
            inbox: vec![tx(tx_type)],
            ..Default::default()
        });
        assert_eq!(world.run(), Stop::EndOfL1);
        assert_safe(&world, &blocks);
    }
}

/// Trap 22: calldata of a blob transaction is ignored, and calldata and blobs are read in one
/// order.
#[test]
fn trap_22_blobs_and_calldata_in_order() {
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(2);
    let blocks = world.sequence_on_safe(&plan(12));
    let channel = channel_bytes(&[world.span(&blocks)]);
    let pieces: Vec<_> = frames(1, &channel, 5)
        .iter()
        .map(|f| data_of(core::slice::from_ref(f)))
        .collect();
    let mut blob_tx = world.blob_tx(vec![Some(pieces[1].clone()), Some(pieces[2].clone())]);
    // Frames in the calldata of a blob transaction: they would break the channel.
    blob_tx.data = channel_data(9, &singulars(&blocks[..1]));
    let last = world.blob_tx(vec![Some(pieces[4].clone())]);
    let inbox = vec![
        calldata_tx(pieces[0].clone()),
        blob_tx,
        calldata_tx(pieces[3].clone()),
        last,
    ];
    let mut swapped = inbox.clone();
    swapped.swap(1, 2);
    world.mine(Mine {
        inbox,
        ..Default::default()
    });
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_safe(&world, &blocks);

    let mut world = world.restart(0, 0);
    world.l1.pop();
    world.mine(Mine {
        inbox: swapped,
        ..Default::default()
    });
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_safe(&world, &[]);
}

/// All blobs of an L1 block are asked for at once, none of a stranger's.
#[test]
fn trap_22_blobs_are_asked_for_once_per_block() {
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(1);
    let garbage = |byte| Some(Bytes::from(vec![byte; 10]));
    let first = world.blob_tx(vec![garbage(1), garbage(2)]);
    let stranger = InboxTx {
        from: Address::ZERO,
        ..world.blob_tx(vec![garbage(3)])
    };
    let second = world.blob_tx(vec![garbage(4), garbage(1)]);
    let expected = [first.blob_hashes.clone(), second.blob_hashes.clone()].concat();
    let inbox = vec![calldata_tx(Bytes::new()), first, stranger, second];
    world.mine(Mine {
        inbox,
        ..Default::default()
    });
    world.blobs.clear();
    assert_eq!(world.run(), Stop::MissingBlob(expected[0]));
    let Step::NeedL1(L1Request::Blobs { block, hashes }) = world.derivation.step() else {
        panic!("blobs are missing");
    };
    assert_eq!(block, world.l1[2].as_ref());
    assert_eq!(hashes, expected);
}

/// Trap 23: one malformed frame voids its transaction; a malformed blob voids itself alone.
#[test]
fn trap_23_malformed_frames_and_blobs() {
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(2);
    let blocks = world.sequence_on_safe(&plan(6));
    let (first, second) = (
        world.span_data(1, &blocks[..3]),
        world.span_data(2, &blocks[3..]),
    );
    let mut malformed = first.to_vec();
    malformed.extend([1, 2, 3]);
    world.mine_data(vec![malformed.into()]);
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_safe(&world, &[]);
    let tx = world.blob_tx(vec![None, Some(first), None, Some(second), None]);
    world.mine(Mine {
        inbox: vec![tx],
        ..Default::default()
    });
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_safe(&world, &blocks);
    let ignored: Vec<_> = world
        .trace
        .iter()
        .filter_map(|t| match t {
            Trace::DataIgnored { block, reason } => Some((block.number, *reason)),
            _ => None,
        })
        .collect();
    let blob = (4, DataIgnored::MalformedBlob);
    assert_eq!(
        ignored,
        [(3, DataIgnored::MalformedFrames), blob, blob, blob]
    );
}

#[test]
fn unknown_data_versions_are_ignored() {
    let mut world = World::new(config(Fork::Karst));
    let alt_da = Bytes::from_static(&[1, 0, 9, 9]);
    world.mine_data(vec![alt_da, Bytes::new(), Bytes::from_static(&[0xff])]);
    assert_eq!(world.run(), Stop::EndOfL1);
    let ignored: Vec<_> = world
        .trace
        .iter()
        .filter_map(|t| match t {
            Trace::DataIgnored { reason, .. } => Some(*reason),
            _ => None,
        })
        .collect();
    use DataIgnored::{Empty, UnknownVersion};
    assert_eq!(ignored, [UnknownVersion(1), Empty, UnknownVersion(0xff)]);
}

/// Trap 24: a channel that decompresses to more than the limit is clipped; what is whole counts.
#[test]
fn trap_24_decompressed_size_is_clipped() {
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(2);
    let blocks = world.sequence_on_safe(&plan(4));
    let mut batches = singulars(&blocks[..3]);
    batches.push(vec![0; 100_000_000]);
    batches.extend(singulars(&blocks[3..]));
    world.mine_data(vec![channel_data(1, &batches)]);
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_safe(&world, &blocks[..3]);
}

/// Trap 27: Holocene activates by the time of the including L1 block and discards open channels.
#[test]
fn trap_27_activation_discards_open_channels() {
    let base = {
        let mut world = World::new(config(Fork::Karst));
        world.mine_empty(2);
        let blocks = world.sequence_on_safe(&plan(7));
        let pieces = frames(1, &channel_bytes(&[world.span(&blocks)]), 2);
        world.mine_data(vec![data_of(&pieces[..1])]);
        (world, blocks, pieces)
    };
    for (holocene_from, survives) in [(0, true), (4, false)] {
        let (mut world, blocks, pieces) = base.clone();
        let mut cfg = (*world.cfg).clone();
        world.mine_data(vec![data_of(&pieces[1..])]);
        let time = world.l1[holocene_from].header.timestamp;
        cfg.forks.holocene_time = Some(time);
        // A safe head whose origin is the last L1 block before the activation.
        let mut safe_head = world.l2[0].block;
        safe_head.l1_origin = world.l1[3].id();
        let start = crate::Start {
            safe_head,
            system_config: world.l2[0].config,
            l1_base: world.l1[2].as_ref(),
            l1_base_config: world.l2[0].config,
            derived_from: None,
        };
        world.cfg = cfg.into();
        world.derivation = crate::Derivation::new(
            world.cfg.clone(),
            world.l1_chain.clone(),
            world.upgrades.clone(),
            start,
        );
        world.run();
        let decoded = world
            .trace
            .iter()
            .any(|t| matches!(t, Trace::ChannelDecoded { .. }));
        assert_eq!(decoded, survives);
        let orphan = world.trace.iter().any(|t| {
            matches!(
                t,
                Trace::FrameDropped {
                    reason: FrameDropped::NoChannel,
                    ..
                }
            )
        });
        assert_eq!(orphan, !survives);
        assert_eq!(blocks.len(), 7);
    }
}

/// Trap 28: a past batch is skipped and its channel goes on; a dropped batch ends its channel.
#[test]
fn trap_28_past_keeps_the_channel_and_drop_ends_it() {
    let mut base = World::new(config(Fork::Karst));
    base.mine_empty(2);
    let blocks = base.sequence_on_safe(&plan(8));
    let first = base.span_data(1, &blocks[..3]);
    base.mine_data(vec![first]);
    assert_eq!(base.run(), Stop::EndOfL1);

    let mut past = base.clone();
    let batches = [
        singulars(&blocks[..2]),
        vec![past.span(&blocks[1..3])],
        singulars(&blocks[3..]),
    ]
    .concat();
    past.mine_data(vec![channel_data(2, &batches)]);
    assert_eq!(past.run(), Stop::EndOfL1);
    assert_safe(&past, &blocks);
    assert_eq!(drop_reasons(&past), []);

    let mut dropped = base.clone();
    let mut gap = singular(&blocks[4]);
    gap.timestamp += 2;
    let batches = [
        singulars(&blocks[3..4]),
        vec![gap.encode()],
        singulars(&blocks[4..]),
    ]
    .concat();
    let next = channel_data(3, &singulars(&blocks[4..6]));
    dropped.mine_data(vec![channel_data(2, &batches), next]);
    assert_eq!(dropped.run(), Stop::EndOfL1);
    assert_safe(&dropped, &blocks[..6]);
    assert_eq!(drop_reasons(&dropped), [DropReason::Future]);
    let ended = Trace::ChannelDropped {
        channel: super::kit::channel_id(2),
        reason: ChannelDropped::InvalidBatch,
    };
    assert!(dropped.trace.contains(&ended));
}

/// Within a span the blocks before an invalid one stand, and those behind it fall.
#[test]
fn trap_28_invalid_block_ends_its_span_forward() {
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(2);
    let mut blocks = world.sequence_on_safe(&plan(8));
    // Block 5 carries a transaction that no batch may carry; later blocks build on it.
    let bad = Bytes::from_static(&[0x7e]);
    let batches: Vec<_> = blocks
        .iter()
        .map(|block| {
            let mut batch = singular(block);
            if block.block.number == 5 {
                batch.transactions = vec![bad.clone()];
            }
            batch.encode()
        })
        .collect();
    world.mine_data(vec![channel_data(1, &batches)]);
    assert_eq!(world.run(), Stop::EndOfL1);
    blocks.truncate(4);
    assert_safe(&world, &blocks);
    assert_eq!(drop_reasons(&world), [DropReason::DepositTransaction]);

    // The same within a span: its block 5 is older than its L1 origin.
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(2);
    let mut blocks = world.sequence_on_safe(&[(0, 1); 8]);
    for block in &mut blocks[4..] {
        block.block.l1_origin = world.l1[1].id();
        block.block.seq_num = block.block.number - 5;
    }
    let span = world.span(&blocks);
    let rest = singulars(&blocks[4..]);
    world.mine_data(vec![channel_data(1, &[vec![span], rest].concat())]);
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_safe(&world, &blocks[..4]);
    assert_eq!(drop_reasons(&world), [DropReason::BeforeOrigin]);
}

/// Trap 29: outdated L1 origins behind the overlap make a span invalid, and nothing worse.
#[test]
fn trap_29_outdated_origins_behind_the_overlap() {
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(3);
    // Ahead of L1's time by enough that three origins could be adopted at once.
    let first = world.sequence_on_safe(&[[(0, 1); 18].as_slice(), &[(1, 1), (2, 1)]].concat());
    let data = world.span_data(1, &first);
    world.mine_data(vec![data]);
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_safe(&world, &first);
    // A span that agrees with the safe chain up to block 18, then goes on with origin 0 to the
    // height after the safe head, and only then adopts origin 2, so that its check holds.
    let stale = world.sequence(&first[17], &[(0, 1), (0, 1), (0, 1), (1, 1), (2, 1)]);
    let mut span_blocks = first[10..18].to_vec();
    span_blocks.extend(stale);
    let single = singulars(&world.sequence_on_safe(&[(2, 1)]));
    let batches = [vec![world.span(&span_blocks)], single.clone()].concat();
    world.mine_data(vec![channel_data(2, &batches)]);
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_safe(&world, &first);
    assert!(world.trace.iter().any(|t| matches!(
        t,
        Trace::SpanDropped {
            reason: SpanDropReason::OverlapOrigin
                | SpanDropReason::OverlapTransactions
                | SpanDropReason::OutdatedOrigin,
            ..
        }
    )));
    world.mine_data(vec![channel_data(3, &single)]);
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_eq!(
        world.l2.len(),
        first.len() + 2,
        "the channel was dropped, the pipeline lives"
    );
}

/// Trap 30: bit 0 of a span's origin bits is its first block.
#[test]
fn trap_30_origin_bits_keep_their_order() {
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(3);
    let origins = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2];
    let plan: Vec<_> = origins.iter().map(|origin| (*origin, 1)).collect();
    let blocks = world.sequence_on_safe(&plan);
    let data = world.span_data(1, &blocks);
    world.mine_data(vec![data]);
    assert_eq!(world.run(), Stop::EndOfL1);
    let derived: Vec<_> = world.derived.iter().map(|d| d.l1_origin.number).collect();
    assert_eq!(derived, origins);
}

/// Trap 31: a payload that the engine rejects is replaced by one without batch transactions, and
/// the rest of its span and channel is dropped.
#[test]
fn trap_31_rejected_payload_becomes_deposits_only() {
    let mut world = World::new(config(Fork::Karst));
    let deposit = Bytes::from_static(&[0x7e, 0xd]);
    world.mine(Mine {
        deposits: vec![deposit.clone()],
        ..Default::default()
    });
    world.mine_empty(1);
    let poison = l2_tx(0xbad);
    let mut blocks = world.sequence_on_safe(&[(0, 1); 5]);
    let sixth = world.build(&blocks[4], &world.l1[1], vec![l2_tx(1), poison.clone()]);
    let mut rest = world.sequence(&sixth, &[(1, 1); 3]);
    blocks.push(sixth);
    blocks.append(&mut rest);
    world.poison = Some(poison);
    let data = channel_data(
        1,
        &[vec![world.span(&blocks)], singulars(&blocks[8..])].concat(),
    );
    world.mine_data(vec![data]);
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_eq!(world.l2.len(), 7);
    assert_eq!(world.l2[1..6], blocks[..5]);
    let replaced = world.safe();
    assert_eq!(replaced.transactions.len(), 2);
    assert_eq!(replaced.transactions[1], deposit);
    assert_eq!(replaced.block.l1_origin, blocks[5].block.l1_origin);
    assert_ne!(replaced.block.hash, blocks[5].block.hash);
    assert!(
        world
            .trace
            .iter()
            .any(|t| matches!(t, Trace::PayloadReplaced { number: 6, .. }))
    );
    // The chain goes on from the replacement, and a restart on it ends there too.
    let next = world.sequence_on_safe(&[(1, 1)]);
    world.mine_data(vec![channel_data(2, &singulars(&next))]);
    assert_eq!(world.run(), Stop::EndOfL1);
    assert_eq!(world.l2[7], next[0]);
    for number in 0..world.l2.len() as u64 {
        let mut restarted = world.restart(number, 0);
        assert_eq!(restarted.run(), Stop::EndOfL1);
        assert_eq!(restarted.safe_ids(), world.safe_ids(), "from {number}");
    }
}

/// Trap 31: rejecting a deposits-only payload is the end.
#[test]
fn trap_31_rejected_deposits_are_critical() {
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(1);
    let blocks = world.sequence_on_safe(&[(0, 2), (0, 1)]);
    let data = world.span_data(1, &blocks);
    world.mine_data(vec![data]);
    loop {
        match world.derivation.step() {
            Step::NeedL1(L1Request::Block { number }) => {
                world
                    .derivation
                    .push_l1(world.l1[number as usize].clone())
                    .expect("asked");
            }
            Step::Attributes(_) => break,
            other => panic!("{other:?}"),
        }
    }
    let Rejection::Replace(deposits_only) = world.derivation.reject() else {
        panic!("two transactions less");
    };
    assert_eq!(
        deposits_only.attributes.transactions.map(|txs| txs.len()),
        Some(1)
    );
    assert_eq!(world.derivation.step(), Step::Idle);
    let critical = CriticalReason::DepositsRejected(world.l2[0].block.id());
    assert_eq!(world.derivation.reject(), Rejection::Critical(critical));
    assert_eq!(world.derivation.step(), Step::Critical(critical));
}

/// Traps 32 and 40 in one run: window expiry, and an activation block that is not empty.
#[test]
fn trap_40_activation_block_with_transactions_is_dropped() {
    for (fork, dropped) in [
        (Fork::Isthmus, false),
        (Fork::Jovian, true),
        (Fork::Karst, true),
    ] {
        let mut cfg = config(Fork::Holocene);
        for later in [Fork::Isthmus, Fork::Jovian, Fork::Karst] {
            if later < fork {
                cfg.forks.set(later, Some(0));
            }
        }
        cfg.forks.set(fork, Some(cfg.genesis.l2_time + 6));
        let mut world = World::new(cfg);
        world.mine_empty(2);
        let blocks = world.sequence_on_safe(&[(0, 1); 5]);
        let data = world.span_data(1, &blocks);
        world.mine_data(vec![data]);
        assert_eq!(world.run(), Stop::EndOfL1);
        assert_safe(&world, if dropped { &blocks[..2] } else { &blocks });
        let expected: &[_] = if dropped {
            &[DropReason::ActivationBlockNotEmpty]
        } else {
            &[]
        };
        assert_eq!(drop_reasons(&world), expected, "{fork}");
    }
}

/// The batcher may post nothing at all.
#[test]
fn trap_32_windows_close_one_after_the_other() {
    let mut world = World::new(config(Fork::Karst));
    world.mine_empty(25);
    assert_eq!(world.run(), Stop::EndOfL1);
    let mut origins: Vec<_> = world.l2.iter().map(|b| b.block.l1_origin.number).collect();
    assert!(world.l2.iter().all(|b| {
        let origin = &world.l1[b.block.l1_origin.number as usize].header;
        b.block.time >= origin.timestamp && b.block.time < origin.timestamp + 12
    }));
    origins.dedup();
    assert_eq!(origins, (0..=15).collect::<Vec<_>>());
    assert_eq!(world.safe().config.batcher_address, BATCHER);
}
