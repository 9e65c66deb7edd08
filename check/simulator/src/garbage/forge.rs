//! Channels of batches that are almost right.

use crate::{
    engine::{POISON, Store},
    l1::L1,
    node::Node,
    plan::L2_CHAIN_ID,
    random::Random,
};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEip7702, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use opal_protocol::{
    Compression, Fork, L2Ref, RollupConfig, SingularBatch, SpanContext,
    batch::{SpanBatchBuilder, append_to_stream},
    channel,
};

/// Most blocks of a channel that goes beyond the sequencer's chain.
const EXTENDED_BLOCKS_MAX: u64 = 100;

/// A batch and the place of its block in its epoch.
type Placed = (SingularBatch, u64);

/// A channel with blocks around `safe` as the sequencer has them, most often one of them changed.
/// It may overlap the safe chain, or leave a gap behind it.
pub fn forge(
    cfg: &RollupConfig,
    l1: &L1,
    node: &Node,
    store: &Store,
    safe: &L2Ref,
    random: &mut Random,
) -> Option<Vec<u8>> {
    let first = match random.between(0, 9) {
        0..=5 => safe.number.saturating_sub(random.between(0, 3)),
        6 | 7 => safe.number + 1,
        _ => safe.number + random.between(2, 6),
    };
    let first = first.max(1);
    let is_longer = random.percent(15);
    let count = match random.between(0, 4) {
        _ if is_longer => EXTENDED_BLOCKS_MAX,
        0 => random.between(10, 40),
        _ => random.between(1, 8),
    };
    let mut batches: Vec<Placed> = vec![];
    let mut tip = B256::ZERO;
    for number in first..first + count {
        let Some(block) = node.engine.at(number).and_then(|hash| store.get(&hash)) else {
            break;
        };
        let l2 = block.l2_ref(cfg).ok()?;
        let is_batch_tx = |tx: &&Bytes| tx[0] != 0x7e;
        let transactions = block.transactions.iter().filter(is_batch_tx);
        let batch = SingularBatch {
            parent_hash: l2.parent_hash,
            epoch_num: l2.l1_origin.number,
            epoch_hash: l2.l1_origin.hash,
            timestamp: l2.time,
            transactions: transactions.cloned().collect(),
        };
        tip = l2.hash;
        batches.push((batch, l2.seq_num));
    }
    if is_longer {
        extend(cfg, &mut batches, tip, random);
    }
    if batches.is_empty() {
        return None;
    }
    let is_activation = |time| {
        [Fork::Jovian, Fork::Karst]
            .into_iter()
            .any(|fork| cfg.is_activation_block(fork, time))
    };
    let activation = batches.iter().position(|(b, _)| is_activation(b.timestamp));
    let victim = random.bits() as usize % batches.len();
    match activation {
        Some(activation) if random.percent(60) => {
            let tx = l2_transaction(random, Bytes::new());
            batches[activation].0.transactions.push(tx);
        }
        _ if !is_longer && random.percent(80) => change(&mut batches, victim, l1, random),
        _ => {}
    }
    let mut stream = encode(cfg, &batches, random)?;
    if random.percent(10) {
        stream.extend(random.bytes(9));
    }
    let compression = *random.pick(&[Compression::Zlib, Compression::Zlib, Compression::Brotli]);
    Some(channel::compress(&stream, compression, 1))
}

/// Blocks that the sequencer has not built, on its newest one: with its L1 origin, however old that
/// is. While L1 pauses, the sequencer waits here.
fn extend(cfg: &RollupConfig, batches: &mut Vec<Placed>, tip: B256, random: &mut Random) {
    for _ in 0..random.between(1, 3) {
        let Some((last, seq_num)) = batches.last().cloned() else {
            return;
        };
        let with_tx = random.percent(50);
        let transactions = with_tx.then(|| l2_transaction(random, Bytes::new()));
        let batch = SingularBatch {
            parent_hash: tip,
            timestamp: last.timestamp + cfg.block_time,
            transactions: transactions.into_iter().collect(),
            ..last
        };
        batches.push((batch, seq_num + 1));
    }
}

/// As singular batches, as one span batch, or as two.
fn encode(cfg: &RollupConfig, batches: &[Placed], random: &mut Random) -> Option<Vec<u8>> {
    let mut stream = vec![];
    if random.percent(40) {
        for (batch, _) in batches {
            append_to_stream(&batch.encode(), &mut stream);
        }
        return Some(stream);
    }
    let middle = random.bits() as usize % batches.len();
    for part in [&batches[..middle], &batches[middle..]] {
        let mut span = SpanBatchBuilder::new(SpanContext::from(cfg));
        for (batch, seq_num) in part {
            span.push(batch, *seq_num).ok()?;
        }
        if let Some(span) = span.encode() {
            append_to_stream(&span, &mut stream);
        }
    }
    Some(stream)
}

fn change(batches: &mut [Placed], victim: usize, l1: &L1, random: &mut Random) {
    match random.between(0, 15) {
        0..=6 => change_transactions(&mut batches[victim].0.transactions, random),
        7 => batches[victim].0.epoch_hash = B256::ZERO,
        8 => batches[victim].0.parent_hash = B256::ZERO,
        9 => {
            let batch = &mut batches[victim].0;
            batch.timestamp = batch.timestamp.wrapping_add(random.between(1, 3));
        }
        // All of them, between the times that blocks have or one block off.
        10 => {
            let seconds = random.between(1, 2);
            for (batch, _) in batches {
                batch.timestamp = batch.timestamp.wrapping_sub(seconds);
            }
        }
        // A span counts its epochs back from its last one by what is said here.
        11 | 12 => batches[victim].1 = u64::from(batches[victim].1 == 0),
        13 => move_epoch(&mut batches[victim], l1, random),
        // From here on the origin stays what it was.
        _ => {
            let earlier = batches[victim.saturating_sub(1)].0.clone();
            for (batch, seq_num) in &mut batches[victim..] {
                (batch.epoch_num, batch.epoch_hash) = (earlier.epoch_num, earlier.epoch_hash);
                *seq_num = (*seq_num).max(1);
            }
        }
    }
}

fn change_transactions(transactions: &mut Vec<Bytes>, random: &mut Random) {
    match random.between(0, 9) {
        0..=3 => transactions.push(l2_transaction(random, POISON.to_vec().into())),
        4 => transactions.push(l2_transaction(random, Bytes::new())),
        5 => drop(transactions.pop()),
        6 => transactions.push(Bytes::from_static(&[0x7e, 1])),
        7 | 8 => transactions.push(set_code_transaction(random)),
        _ => transactions.push(Bytes::new()),
    }
}

/// Another L1 origin, most often one that exists.
fn move_epoch((batch, seq_num): &mut Placed, l1: &L1, random: &mut Random) {
    batch.epoch_num = match random.between(0, 3) {
        0 | 1 => batch.epoch_num.wrapping_add(1),
        2 => batch.epoch_num.wrapping_add(random.between(2, 40)),
        _ => batch.epoch_num.saturating_sub(random.between(1, 30)),
    };
    *seq_num = 0;
    if random.percent(80)
        && let Some(block) = l1.at(batch.epoch_num)
    {
        batch.epoch_hash = block.hash;
    }
}

/// A signed-looking transaction of L2.
pub fn l2_transaction(random: &mut Random, input: Bytes) -> Bytes {
    let tx = TxEip1559 {
        chain_id: L2_CHAIN_ID,
        nonce: random.between(0, 1000),
        gas_limit: 21_000,
        max_fee_per_gas: 1_000_000_000,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(Address::repeat_byte(random.bits() as u8)),
        value: U256::from(random.bits()),
        access_list: Default::default(),
        input,
    };
    let (r, s) = (U256::from(random.bits() | 1), U256::from(random.bits() | 1));
    let signature = Signature::new(r, s, random.percent(50));
    TxEnvelope::from(tx.into_signed(signature))
        .encoded_2718()
        .into()
}

/// A transaction of type 4, which batches may hold since Isthmus.
fn set_code_transaction(random: &mut Random) -> Bytes {
    let tx = TxEip7702 {
        chain_id: L2_CHAIN_ID,
        nonce: random.between(0, 1000),
        gas_limit: 50_000,
        max_fee_per_gas: 1_000_000_000,
        max_priority_fee_per_gas: 1,
        to: Address::repeat_byte(random.bits() as u8),
        value: U256::ZERO,
        access_list: Default::default(),
        authorization_list: vec![],
        input: Bytes::new(),
    };
    let signature = Signature::new(U256::from(7), U256::from(random.bits() | 1), true);
    TxEnvelope::from(tx.into_signed(signature))
        .encoded_2718()
        .into()
}
