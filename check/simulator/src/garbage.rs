//! What strangers, and a batcher gone mad, post to the inbox.

use crate::{
    engine::{POISON, Store},
    l1::L1,
    node::Node,
    plan::L2_CHAIN_ID,
    random::Random,
};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::{eip2718::Encodable2718, eip4844::Blob};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, Signature, TxKind, U256};
use opal_protocol::{
    Compression, Frame, InboxTx, L2Ref, RollupConfig, SingularBatch, SpanContext,
    batch::{SpanBatchBuilder, append_to_stream},
    channel,
    frame::encode_frames,
};

/// Nobody in particular.
pub const STRANGER: Address = Address::repeat_byte(0x57);

/// A transaction that nobody needs. `earlier` are transactions of the batcher that were posted
/// before, on whatever fork; `forged` is a channel of batches that are almost right.
pub fn garbage(
    l1: &mut L1,
    earlier: &[InboxTx],
    forged: Option<Vec<u8>>,
    random: &mut Random,
) -> InboxTx {
    let from = if random.percent(40) {
        STRANGER
    } else {
        l1.batcher()
    };
    let data = match random.between(0, 8) {
        0 => {
            let len = random.between(0, 300);
            random.bytes(len)
        }
        1 => {
            let len = random.between(0, 300);
            [vec![0], random.bytes(len)].concat()
        }
        2 => {
            let len = random.between(1, 200);
            whole_channel(random.bytes(len), random)
        }
        3 => open_channel(random),
        4 => whole_channel(bomb(random), random),
        5 if !earlier.is_empty() => {
            let again = random.pick(earlier).clone();
            return InboxTx { from, ..again };
        }
        6 => return bad_blob(l1, from, random),
        _ => match forged {
            Some(channel) => whole_channel(channel, random),
            None => open_channel(random),
        },
    };
    InboxTx {
        from,
        tx_type: 2,
        data: data.into(),
        blob_hashes: vec![],
    }
}

fn whole_channel(mut data: Vec<u8>, random: &mut Random) -> Vec<u8> {
    if random.percent(15) && !data.is_empty() {
        let at = random.bits() as usize % data.len();
        data[at] ^= 1 << random.between(0, 7);
    }
    encode_frames(&[Frame {
        id: FixedBytes::from_slice(&random.bytes(16)),
        number: 0,
        data: data.into(),
        is_last: true,
    }])
}

/// A first frame without a second: it takes the place of a channel that is being posted.
fn open_channel(random: &mut Random) -> Vec<u8> {
    encode_frames(&[Frame {
        id: FixedBytes::from_slice(&random.bytes(16)),
        number: random.between(0, 1) as u16,
        data: random.bytes(20).into(),
        is_last: false,
    }])
}

/// Many bytes out of few.
fn bomb(random: &mut Random) -> Vec<u8> {
    let compression = *random.pick(&[Compression::Brotli, Compression::Zlib]);
    channel::compress(&vec![0; random.between(1, 50_000) as usize], compression, 1)
}

fn bad_blob(l1: &mut L1, from: Address, random: &mut Random) -> InboxTx {
    let hash = l1.add_blob(Box::new(Blob::repeat_byte(random.bits() as u8 | 0x40)));
    InboxTx {
        from,
        tx_type: 3,
        data: Bytes::new(),
        blob_hashes: vec![hash],
    }
}

/// A channel with the next blocks after `safe` as the sequencer has them, one of them changed.
pub fn forge(
    cfg: &RollupConfig,
    node: &Node,
    store: &Store,
    safe: &L2Ref,
    random: &mut Random,
) -> Option<Vec<u8>> {
    let first = safe.number.saturating_sub(random.between(0, 3)).max(1);
    let count = random.between(1, 8);
    let mut batches = vec![];
    for number in first..first + count {
        let Some(block) = node.engine.at(number).and_then(|hash| store.get(&hash)) else {
            break;
        };
        let l2 = block.l2_ref(cfg).ok()?;
        let transactions: Vec<_> = block
            .transactions
            .iter()
            .filter(|tx| tx[0] != 0x7e)
            .cloned()
            .collect();
        let batch = SingularBatch {
            parent_hash: l2.parent_hash,
            epoch_num: l2.l1_origin.number,
            epoch_hash: l2.l1_origin.hash,
            timestamp: l2.time,
            transactions,
        };
        batches.push((batch, l2.seq_num));
    }
    if batches.is_empty() {
        return None;
    }
    let victim = random.bits() as usize % batches.len();
    change(&mut batches[victim].0, random);
    let mut stream = vec![];
    let mut span = SpanBatchBuilder::new(SpanContext::from(cfg));
    let as_span = random.percent(60);
    for (batch, seq_num) in &batches {
        if as_span {
            span.push(batch, *seq_num).ok()?;
        } else {
            append_to_stream(&batch.encode(), &mut stream);
        }
    }
    if as_span {
        append_to_stream(&span.encode()?, &mut stream);
    }
    Some(channel::compress(&stream, Compression::Zlib, 1))
}

fn change(batch: &mut SingularBatch, random: &mut Random) {
    match random.between(0, 7) {
        0 => batch
            .transactions
            .push(l2_transaction(random, POISON.to_vec().into())),
        1 => batch
            .transactions
            .push(l2_transaction(random, Bytes::new())),
        2 => {
            batch.transactions.pop();
        }
        3 => batch.transactions.push(Bytes::from_static(&[0x7e, 1])),
        4 => batch.epoch_num = batch.epoch_num.wrapping_add(1),
        5 => batch.epoch_hash = B256::ZERO,
        6 => batch.parent_hash = B256::ZERO,
        _ => batch.transactions.clear(),
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
