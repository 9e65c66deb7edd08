//! Small chains made by hand: what each fork changed.

use crate::lab::{
    L1_STEP, Lab, T0, Wish, channel, config_update, data, frames, poison, set_code, tx, whole,
};
use alloy_primitives::{Address, B64, Bytes, U256};
use opal_oracle::{DeriveError, NaiveDerivation, NaiveL1Block, SafeBlock};
use opal_protocol::{Compression, Fork, Frame, Upgrades};
use std::sync::Arc;

/// The calldata of a block's L1 attributes.
fn l1_calldata(block: &SafeBlock) -> Bytes {
    let mut rest = &block.block.transactions[0][1..];
    let mut fields = alloy_rlp::Header::decode_bytes(&mut rest, true).unwrap();
    let mut last: &[u8] = &[];
    while !fields.is_empty() {
        last = alloy_rlp::Header::decode_bytes(&mut fields, false).unwrap();
    }
    Bytes::copy_from_slice(last)
}

/// A lab where `fork` activates `after` seconds behind genesis, the forks before at genesis.
fn activating(fork: Fork, after: u64) -> Lab {
    let before = Fork::ALL[fork as usize - 1];
    Lab::with(before, |cfg| cfg.forks.set(fork, Some(T0 + after)))
}

/// A lab whose sequencing window closes soon and whose L1 has grown: all its blocks are empty.
fn with_empty_blocks(mut lab: Lab, l1_blocks: u64) -> Lab {
    Arc::make_mut(&mut lab.rollup.cfg).seq_window_size = 2;
    lab.mine_empty(l1_blocks);
    lab
}

// ----- Bedrock and Regolith -----

#[test]
fn singular_batches_become_blocks() {
    let mut lab = Lab::new(Fork::Bedrock);
    lab.mine_empty(1);
    let chain = lab.chain(&lab.genesis(), &[0, 0, 1, 1]);
    let batches: Vec<_> = chain.iter().map(|wish| lab.singular(wish)).collect();
    lab.mine(&[whole(1, &batches)]);
    lab.assert_safe(&chain);
    let safe = lab.safe();
    assert!(
        safe.blocks[1..]
            .iter()
            .all(|block| block.derived_from == lab.l1[2].id())
    );
    let places: Vec<_> = safe
        .blocks
        .iter()
        .map(|b| (b.origin.number, b.sequence_number))
        .collect();
    assert_eq!(places, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]);
}

#[test]
fn batches_out_of_order_wait_before_holocene_and_are_dropped_since() {
    for (fork, waits) in [
        (Fork::Bedrock, true),
        (Fork::Granite, true),
        (Fork::Holocene, false),
    ] {
        let mut lab = Lab::new(fork);
        lab.mine_empty(1);
        let chain = lab.chain(&lab.genesis(), &[0, 0, 1]);
        let [a, b, c] = [0, 1, 2].map(|i| lab.singular(&chain[i]));
        lab.mine(&[whole(1, &[c]), whole(2, &[b])]);
        lab.assert_safe(&[]);
        lab.mine(&[whole(3, &[a])]);
        lab.assert_safe(if waits { &chain } else { &chain[..1] });
    }
}

#[test]
fn the_bank_gives_its_head_alone_until_canyon() {
    for (fork, scans) in [(Fork::Regolith, false), (Fork::Canyon, true)] {
        let mut lab = Lab::new(fork);
        lab.mine_empty(1);
        let chain = lab.chain(&lab.genesis(), &[0, 0]);
        let first = frames(1, &[lab.singular(&chain[1])], 2);
        lab.mine(&[data(&first[..1]), whole(2, &[lab.singular(&chain[0])])]);
        lab.assert_safe(if scans { &chain[..1] } else { &[] });
        lab.mine(&[data(&first[1..])]);
        lab.assert_safe(&chain);
    }
}

#[test]
fn a_channel_that_times_out_gives_way() {
    let mut lab = Lab::new(Fork::Bedrock);
    lab.mine_empty(1);
    let chain = lab.chain(&lab.genesis(), &[0]);
    let late = frames(1, &[lab.singular(&chain[0])], 2);
    // Opened in block 2 with a timeout of 3, it lives until block 5.
    lab.mine(&[data(&late[..1])]);
    lab.mine(&[whole(2, &[lab.singular(&chain[0])])]);
    lab.mine_empty(2);
    lab.assert_safe(&[]);
    lab.mine_empty(1);
    lab.assert_safe(&chain);
}

#[test]
fn frames_may_arrive_in_any_order_before_holocene() {
    for (fork, any_order) in [
        (Fork::Bedrock, true),
        (Fork::Granite, true),
        (Fork::Holocene, false),
    ] {
        let mut lab = Lab::new(fork);
        lab.mine_empty(1);
        let chain = lab.chain(&lab.genesis(), &[0]);
        let mut pieces = frames(1, &[lab.singular(&chain[0])], 3);
        pieces.reverse();
        let datas: Vec<_> = pieces
            .iter()
            .map(|piece| data(std::slice::from_ref(piece)))
            .collect();
        lab.mine(&datas);
        lab.assert_safe(if any_order { &chain } else { &[] });
    }
}

#[test]
fn an_invalid_block_is_retried_with_the_next_batch_before_holocene() {
    let mut lab = Lab::new(Fork::Granite);
    lab.mine_empty(1);
    let bad = lab.next(&lab.genesis(), 0, &[poison()]);
    let good = lab.chain(&lab.genesis(), &[0]);
    lab.mine(&[whole(1, &[lab.singular(&bad), lab.singular(&good[0])])]);
    lab.assert_safe(&good);
}

#[test]
fn regolith_takes_the_privilege_from_the_l1_attributes() {
    for (fork, tail) in [
        (Fork::Bedrock, "8408f0d18001"),
        (Fork::Regolith, "830f424080"),
    ] {
        let lab = with_empty_blocks(Lab::new(fork), 4);
        let tx = hex::encode(&lab.safe().blocks[1].block.transactions[0]);
        // mint 0, value 0, gas, is_system_tx, then 260 bytes of calldata.
        assert!(
            tx.contains(&format!("15{}{tail}b90104015d8eb9", "8080")),
            "{tx}"
        );
    }
}

// ----- empty batches -----

#[test]
fn blocks_without_batches_are_empty_once_the_window_is_closed() {
    let mut lab = with_empty_blocks(Lab::new(Fork::Bedrock), 1);
    lab.assert_safe(&[]);
    // At block 2 the window of epoch 0 closes: it is filled up to the time of block 1.
    lab.mine_empty(1);
    let mut parent = lab.genesis();
    let mut chain: Vec<Wish> = vec![];
    for epoch in [0, 0] {
        parent = lab.next(&parent, epoch, &[]);
        chain.push(parent.clone());
    }
    lab.assert_safe(&chain);
    // At block 3 that of epoch 1 closes.
    lab.mine_empty(1);
    for epoch in [1, 1, 1] {
        parent = lab.next(&parent, epoch, &[]);
        chain.push(parent.clone());
    }
    lab.assert_safe(&chain);
}

#[test]
fn a_batch_in_the_last_block_of_its_window_counts_and_later_does_not() {
    for (late, counts) in [(0, true), (1, false)] {
        let mut lab = Lab::new(Fork::Bedrock);
        lab.mine_empty(9 + late);
        let chain = lab.chain(&lab.genesis(), &[0]);
        lab.mine(&[whole(1, &[lab.singular(&chain[0])])]);
        assert_eq!(lab.safe().blocks[1].block.hash == chain[0].hash, counts);
    }
}

// ----- Canyon, Delta -----

#[test]
fn canyon_adds_withdrawals_and_ecotone_the_beacon_root() {
    let forks = [Fork::Regolith, Fork::Canyon, Fork::Ecotone];
    let got = forks.map(|fork| {
        let lab = with_empty_blocks(Lab::new(fork), 5);
        let attributes = lab.safe().blocks[4].attributes.clone().unwrap();
        let inner = attributes.payload_attributes;
        (
            inner.withdrawals.is_some(),
            inner.parent_beacon_block_root.is_some(),
        )
    });
    assert_eq!(got, [(false, false), (true, false), (true, true)]);
}

#[test]
fn span_batches_count_from_delta_on() {
    for (fork, counts) in [(Fork::Canyon, false), (Fork::Delta, true)] {
        let mut lab = Lab::new(fork);
        lab.mine_empty(1);
        let chain = lab.chain(&lab.genesis(), &[0, 0, 1]);
        lab.mine(&[whole(1, &[lab.span(&chain)])]);
        lab.assert_safe(if counts { &chain } else { &[] });
    }
}

#[test]
fn an_invalid_block_takes_its_span_with_it_until_holocene() {
    for fork in [Fork::Granite, Fork::Holocene] {
        let mut lab = Lab::new(fork);
        lab.mine_empty(1);
        let mut span = lab.chain(&lab.genesis(), &[0, 0]);
        span.push(lab.next(&span[1], 1, &[poison()]));
        span.push(lab.next(&span[2], 1, &[tx(1)]));
        let good = lab.chain(&span[1], &[1]);
        // Behind the span, in the same channel, and then in another one.
        let batches = [lab.span(&span), lab.singular(&good[0])];
        lab.mine(&[whole(1, &batches)]);
        if fork == Fork::Granite {
            // Nothing of the span stays, so that the batch behind it has no parent.
            lab.assert_safe(&[]);
            lab.mine(&[whole(2, &[lab.span(&[&span[..2], &good].concat())])]);
            lab.assert_safe(&[&span[..2], &good].concat());
        } else {
            // The third block is there without its transaction; all behind it is gone.
            let replaced = lab.next(&span[1], 1, &[]);
            lab.assert_safe(&[&span[..2], &[replaced]].concat());
        }
    }
}

#[test]
fn a_span_may_overlap_the_safe_chain_if_it_says_the_same() {
    for fork in [Fork::Delta, Fork::Holocene] {
        for (says_the_same, origin) in [(true, 1), (false, 1), (true, 0)] {
            let mut lab = Lab::new(fork);
            lab.mine_empty(2);
            let chain = lab.chain(&lab.genesis(), &[0, 0, 1]);
            lab.mine(&[whole(1, &[lab.span(&chain)])]);
            let mut span = chain.clone();
            span[2].epoch = origin;
            if !says_the_same {
                span[1].txs = vec![tx(77)];
            }
            span.extend(lab.chain(&chain[2], &[1, 1]));
            lab.mine(&[whole(2, &[lab.span(&span[1..])])]);
            let fits = says_the_same && origin == 1;
            if fits {
                lab.assert_safe(&span);
            } else {
                lab.assert_safe(&chain);
            }
        }
    }
}

// ----- Ecotone, Fjord, Granite -----

#[test]
fn blobs_are_read_from_ecotone_on_and_calldata_beside_them_until_then() {
    for (fork, reads_blobs) in [(Fork::Delta, false), (Fork::Ecotone, true)] {
        let mut lab = Lab::new(fork);
        lab.mine_empty(1);
        let in_blob = lab.chain(&lab.genesis(), &[0]);
        let in_calldata = vec![lab.next(&lab.genesis(), 0, &[tx(99)])];
        let mut sent = lab.in_blob(&whole(1, &[lab.singular(&in_blob[0])]));
        sent.data = whole(2, &[lab.singular(&in_calldata[0])]).into();
        lab.mine_with(L1_STEP, vec![sent], vec![]);
        lab.assert_safe(if reads_blobs { &in_blob } else { &in_calldata });
    }
}

#[test]
fn a_damaged_blob_is_ignored_and_a_missing_one_is_an_error() {
    let mut lab = Lab::new(Fork::Ecotone);
    lab.mine_empty(1);
    let chain = lab.chain(&lab.genesis(), &[0]);
    let batch = whole(1, &[lab.singular(&chain[0])]);
    let damaged = lab.in_blob(&[9; 100]);
    lab.blobs.get_mut(&damaged.blob_hashes[0]).unwrap().0[32] |= 0x80;
    let good = lab.in_blob(&batch);
    lab.mine_with(L1_STEP, vec![damaged, good], vec![]);
    lab.assert_safe(&chain);
    lab.blobs.clear();
    let mut derivation = NaiveDerivation::new(lab.rollup.clone());
    let mut read = |block: &Arc<NaiveL1Block>| {
        derivation.read_l1_block(block.clone(), &lab.blobs, &mut |_, _| None)
    };
    let results: Vec<_> = lab.l1.iter().map(&mut read).collect();
    assert!(matches!(results[2], Err(DeriveError::MissingBlob { .. })));
}

#[test]
fn the_first_block_of_a_fork_still_calls_l1_block_as_before() {
    let lengths = [
        (Fork::Ecotone, 260, 164),
        (Fork::Isthmus, 164, 176),
        (Fork::Jovian, 176, 178),
    ];
    for (fork, before, after) in lengths {
        let lab = with_empty_blocks(activating(fork, 4), 6);
        let safe = lab.safe();
        let got = [1, 2, 3].map(|i| l1_calldata(&safe.blocks[i]).len());
        assert_eq!(got, [before, before, after], "{fork}");
        // And it carries the upgrade transactions, behind the deposits.
        let counts = [1, 2, 3].map(|i| safe.blocks[i].block.transactions.len());
        assert_eq!(counts, [1, 2, 1], "{fork}");
    }
}

#[test]
fn upgrade_transactions_that_are_missing_are_an_error() {
    let mut lab = with_empty_blocks(activating(Fork::Isthmus, 4), 6);
    lab.rollup.upgrades = Arc::new(Upgrades::none());
    let mut derivation = NaiveDerivation::new(lab.rollup.clone());
    let cfg = lab.rollup.cfg.clone();
    let mut read = |block: &Arc<NaiveL1Block>| {
        let mut execute =
            |parent: &_, attributes: &_| crate::toy::execute(&cfg, parent, attributes);
        derivation.read_l1_block(block.clone(), &lab.blobs, &mut execute)
    };
    let error = lab.l1.iter().find_map(|block| read(block).err());
    let fork = Fork::Isthmus;
    assert_eq!(error, Some(DeriveError::MissingBundle { fork }));
}

#[test]
fn brotli_counts_from_fjord_on() {
    for (fork, counts) in [(Fork::Ecotone, false), (Fork::Fjord, true)] {
        let mut lab = Lab::new(fork);
        lab.mine_empty(1);
        let chain = lab.chain(&lab.genesis(), &[0]);
        let content = channel(&[lab.singular(&chain[0])], Compression::Brotli);
        let frame = Frame {
            id: [1; 16].into(),
            number: 0,
            data: content.into(),
            is_last: true,
        };
        lab.mine(&[data(&[frame])]);
        lab.assert_safe(if counts { &chain } else { &[] });
    }
}

#[test]
fn the_drift_is_a_constant_from_fjord_on() {
    for (fork, counts) in [(Fork::Ecotone, 10), (Fork::Fjord, 12)] {
        let mut lab = Lab::new(fork);
        lab.mine_with(100, vec![], vec![]);
        // Twenty seconds of drift are ten blocks.
        let chain = lab.chain(&lab.genesis(), &[0; 12]);
        lab.mine(&[
            whole(1, &[lab.span(&chain[..10])]),
            whole(2, &[lab.span(&chain[10..])]),
        ]);
        lab.assert_safe(&chain[..counts]);
    }
}

#[test]
fn beyond_the_drift_empty_blocks_may_wait_for_the_next_origin() {
    let mut lab = Lab::new(Fork::Ecotone);
    lab.mine_with(24, vec![], vec![]);
    let mut chain = lab.chain(&lab.genesis(), &[0; 10]);
    chain.push(lab.next(&chain[9], 0, &[]));
    // The next could have the next origin.
    let wrong = lab.next(&chain[10], 0, &[]);
    let batches = [lab.span(&chain), lab.singular(&wrong)];
    lab.mine(&[whole(1, &batches)]);
    lab.assert_safe(&chain);
}

#[test]
fn channels_take_fifty_blocks_from_granite_on() {
    for (fork, counts) in [(Fork::Fjord, false), (Fork::Granite, true)] {
        let mut lab = Lab::with(fork, |cfg| cfg.seq_window_size = 100);
        lab.mine_empty(1);
        let chain = lab.chain(&lab.genesis(), &[0]);
        let pieces = frames(1, &[lab.singular(&chain[0])], 2);
        lab.mine(&[data(&pieces[..1])]);
        lab.mine_empty(49);
        let mut late = lab.clone();
        lab.mine(&[data(&pieces[1..])]);
        lab.assert_safe(if counts { &chain } else { &[] });
        late.mine_empty(1);
        late.mine(&[data(&pieces[1..])]);
        late.assert_safe(&[]);
    }
}

// ----- Holocene -----

#[test]
fn past_batches_are_passed_over_and_invalid_ones_end_their_channel() {
    let mut lab = Lab::new(Fork::Holocene);
    lab.mine_empty(1);
    let chain = lab.chain(&lab.genesis(), &[0, 0, 1, 1]);
    let all: Vec<_> = chain.iter().map(|wish| lab.singular(wish)).collect();
    lab.mine(&[whole(1, &all[..1])]);
    let mut other = lab.clone();
    // The first is past; the others count.
    lab.mine(&[whole(2, &all[..3])]);
    lab.assert_safe(&chain[..3]);
    // One is missing: the next is invalid, and with it all behind it.
    other.mine(&[whole(2, &[all[2].clone(), all[1].clone()])]);
    other.assert_safe(&chain[..1]);
}

#[test]
fn a_new_first_frame_drops_the_open_channel() {
    let mut lab = Lab::new(Fork::Holocene);
    lab.mine_empty(1);
    let chain = lab.chain(&lab.genesis(), &[0, 0]);
    let a = frames(1, &[lab.singular(&chain[0])], 2);
    let b = frames(2, &[lab.singular(&chain[1])], 1);
    // Within one transaction the frame queue sees to it, and A's end comes too late.
    lab.mine(&[data(&[a[0].clone(), b[0].clone(), a[1].clone()])]);
    lab.assert_safe(&[]);
    // Across transactions the staging channel does.
    lab.mine(&[data(&a[..1]), data(&b), data(&a[1..])]);
    lab.assert_safe(&[]);
    lab.mine(&[data(&a[..1]), data(&a[1..])]);
    lab.assert_safe(&chain[..1]);
}

#[test]
fn holocene_starts_with_nothing_in_the_bank() {
    // The second L1 block behind the first frame is the first of Holocene.
    for (second_frame_after, counts) in [(0, true), (1, false)] {
        let mut lab = activating(Fork::Holocene, 4 * L1_STEP);
        lab.mine_empty(1);
        let chain = lab.chain(&lab.genesis(), &[0]);
        let pieces = frames(1, &[lab.singular(&chain[0])], 2);
        lab.mine(&[data(&pieces[..1])]);
        lab.mine_empty(second_frame_after);
        lab.mine(&[data(&pieces[1..])]);
        lab.assert_safe(if counts { &chain } else { &[] });
    }
}

#[test]
fn eip_1559_parameters_are_read_back_from_the_block_before() {
    let mut lab = activating(Fork::Holocene, 4);
    Arc::make_mut(&mut lab.rollup.cfg).seq_window_size = 2;
    lab.mine_empty(1);
    let cfg = lab.rollup.cfg.clone();
    let update = config_update(&cfg, 4, U256::from(9) << 32 | U256::from(5));
    lab.mine_with(L1_STEP, vec![], vec![update]);
    lab.mine_empty(4);
    let params = |i: usize| {
        lab.safe().blocks[i]
            .attributes
            .clone()
            .unwrap()
            .eip_1559_params
    };
    let constants = 250 << 32 | 6;
    // None, then zero in the first block, then what that block recorded, then what L1 announced.
    let want = [
        None,
        Some(0),
        Some(constants),
        Some(constants),
        Some(constants),
        Some(9 << 32 | 5),
    ];
    let got = [1, 2, 3, 4, 5, 6].map(params);
    assert_eq!(got, want.map(|p| p.map(|p: u64| B64::from(p))));
}

// ----- Pectra's blob schedule, Isthmus, Jovian, Karst -----

#[test]
fn the_pectra_blob_schedule_keeps_cancuns_price() {
    let price = |lab: &Lab| {
        let safe = lab.safe();
        let calldata = l1_calldata(safe.safe_head());
        U256::from_be_slice(&calldata[68..100])
    };
    let prague = with_empty_blocks(Lab::new(Fork::Granite), 5);
    let late = Lab::with(Fork::Granite, |cfg| {
        cfg.forks.pectra_blob_schedule_time = Some(T0 + 1000);
    });
    let cancun = with_empty_blocks(late, 5);
    // 30,000,000 of excess: e^(30,000,000 / 3,338,477)
    assert_eq!(price(&cancun), U256::from(7991));
    assert!(price(&prague) < U256::from(50));
}

#[test]
fn set_code_transactions_count_from_isthmus_on() {
    for (fork, counts) in [(Fork::Granite, 0), (Fork::Holocene, 0), (Fork::Isthmus, 1)] {
        let mut lab = Lab::new(fork);
        lab.mine_empty(1);
        let chain = [lab.next(&lab.genesis(), 0, &[set_code()])];
        lab.mine(&[
            whole(1, &[lab.singular(&chain[0])]),
            whole(2, &[lab.span(&chain)]),
        ]);
        lab.assert_safe(&chain[..counts]);
    }
}

#[test]
fn what_l1_announces_before_its_fork_is_forgotten() {
    let mut lab = activating(Fork::Isthmus, 20);
    Arc::make_mut(&mut lab.rollup.cfg).seq_window_size = 2;
    let cfg = lab.rollup.cfg.clone();
    let fee = |scalar: u64| config_update(&cfg, 5, U256::from(scalar) << 64 | U256::from(1));
    lab.mine_with(L1_STEP, vec![], vec![fee(7)]);
    lab.mine_empty(3);
    lab.mine_with(L1_STEP, vec![], vec![fee(8)]);
    lab.mine_empty(3);
    let safe = lab.safe();
    let fees = safe.blocks.iter().filter_map(|block| {
        let calldata = block.attributes.as_ref().map(|_| l1_calldata(block))?;
        let fee = calldata.get(164..168)?;
        Some((block.origin.number, fee[3]))
    });
    let fees: Vec<_> = fees.collect();
    assert_eq!(fees.first(), Some(&(3, 0)));
    assert_eq!(fees.last(), Some(&(6, 8)));
}

#[test]
fn the_first_block_of_jovian_and_karst_is_empty() {
    for (fork, counts) in [(Fork::Isthmus, 2), (Fork::Jovian, 1), (Fork::Karst, 1)] {
        let mut lab = activating(fork, 4);
        lab.mine_empty(1);
        let chain = lab.chain(&lab.genesis(), &[0, 0]);
        lab.mine(&[whole(1, &[lab.span(&chain)])]);
        lab.assert_safe(&chain[..counts]);
    }
}

#[test]
fn jovian_announces_its_default_scalar_and_the_minimum_base_fee() {
    let lab = with_empty_blocks(Lab::new(Fork::Jovian), 5);
    let safe = lab.safe();
    assert_eq!(l1_calldata(safe.safe_head())[176..], [1, 144]);
    assert_eq!(
        safe.safe_head().attributes.as_ref().unwrap().min_base_fee,
        Some(0)
    );
}

#[test]
fn karst_adds_gas_to_its_first_block_and_some_chains_keep_it() {
    for (keeps, after) in [(false, 30_000_000), (true, 30_001_000)] {
        let mut lab = activating(Fork::Karst, 4);
        Arc::make_mut(&mut lab.rollup.cfg).keep_karst_upgrade_gas = keeps;
        let lab = with_empty_blocks(lab, 5);
        let safe = lab.safe();
        let limits = [1, 2, 3, 4].map(|i| safe.blocks[i].block.gas_limit);
        assert_eq!(limits, [30_000_000, 30_001_000, after, after]);
    }
}

// ----- the system configuration -----

#[test]
fn a_new_batcher_counts_from_the_block_that_announces_it() {
    let mut lab = Lab::new(Fork::Holocene);
    lab.mine_empty(1);
    let chain = lab.chain(&lab.genesis(), &[0, 0]);
    let other = Address::repeat_byte(0xb1);
    let update = config_update(&lab.rollup.cfg, 0, other.into_word().into());
    let mut old = lab.calldata(&whole(1, &[lab.singular(&chain[0])]));
    let mut new = old.clone();
    new.from = other;
    old.data = whole(2, &[lab.singular(&chain[1])]).into();
    lab.mine_with(L1_STEP, vec![new, old], vec![update]);
    lab.assert_safe(&chain[..1]);
}
