//! A sequencer and a batcher that follow a script: mostly honest, at times wrong in every place
//! where a batch, a channel or a frame can be wrong.

use super::{
    engine::{POISON, execute, reference, system_config},
    l1::L1,
    node::Derived,
};
use crate::{input::Input, transactions};
use alloy_primitives::{B256, Bytes, FixedBytes};
use opal_derivation::attributes;
use opal_oracle::{NaiveBlock, Rollup};
use opal_protocol::{
    ChannelId, Compression, Frame, SingularBatch, SpanContext,
    batch::{SpanBatchBuilder, append_to_stream},
    channel::compress,
};

/// Most blocks that the sequencer is ahead of the safe head.
const AHEAD_MAX: usize = 48;
/// Most frames that wait to be posted.
const FRAMES_MAX: usize = 64;

/// Blocks that are not safe yet, and frames that are not posted yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Batcher {
    /// Sequenced blocks on top of `base`.
    ahead: Vec<NaiveBlock>,
    /// The block that `ahead` builds on.
    base: Option<NaiveBlock>,
    pub(super) frames: Vec<Frame>,
    channels: u8,
    nonce: u64,
}

impl Batcher {
    /// Forgets the sequenced blocks and goes on from the safe head.
    pub(super) fn follow(&mut self, chain: &[Derived]) {
        self.ahead.clear();
        self.base = chain.last().map(|derived| derived.block.clone());
    }

    /// Takes back some safe blocks as if they had not been posted, to post them again.
    pub(super) fn repeat(&mut self, chain: &[Derived], count: usize) {
        let at = chain.len().saturating_sub(count + 1);
        self.base = chain.get(at).map(|derived| derived.block.clone());
        let again = chain.iter().skip(at + 1);
        self.ahead = again.map(|derived| derived.block.clone()).collect();
    }

    /// Sequences blocks on the newest one.
    pub(super) fn sequence(&mut self, input: &mut Input<'_>, rollup: &Rollup, l1: &L1) {
        for _ in 0..=input.below(8) {
            let Some(parent) = self.ahead.last().or(self.base.as_ref()).cloned() else {
                return;
            };
            if self.ahead.len() >= AHEAD_MAX {
                return;
            }
            let choice = input.u8();
            let Some(block) = self.block(choice, input, &parent, rollup, l1) else {
                return;
            };
            self.ahead.push(block);
        }
    }

    fn block(
        &mut self,
        choice: u8,
        input: &mut Input<'_>,
        parent: &NaiveBlock,
        rollup: &Rollup,
        l1: &L1,
    ) -> Option<NaiveBlock> {
        let cfg = &rollup.cfg;
        let on = reference(cfg, parent);
        let time = on.time + cfg.block_time;
        // The next origin as soon as it may be adopted, unless the script keeps the old one.
        let next = l1.blocks.get(on.l1_origin.number as usize + 1);
        let next = next.filter(|next| next.header.timestamp <= time && choice < 192);
        let current = l1.blocks.get(on.l1_origin.number as usize)?;
        let config = system_config(cfg, parent);
        let built = attributes::build(
            cfg,
            &rollup.l1_chain,
            &rollup.upgrades,
            &on,
            &config,
            next.unwrap_or(current),
            time,
        );
        let (mut attributes, _) = built.ok()?;
        let transactions = attributes.transactions.get_or_insert_default();
        for _ in 0..choice % 4 {
            transactions.push(self.transaction(choice, input, cfg.l2_chain_id));
        }
        // The sequencer may lie about what its engine says.
        let block = execute(cfg, parent, &attributes);
        block.or_else(|| {
            let without = attributes.transactions.take().unwrap_or_default();
            let is_deposit = |tx: &Bytes| tx.first() == Some(&0x7e);
            attributes.transactions = Some(
                without
                    .iter()
                    .filter(|tx| is_deposit(tx))
                    .cloned()
                    .collect(),
            );
            let mut block = execute(cfg, parent, &attributes)?;
            block.transactions = without;
            Some(block)
        })
    }

    fn transaction(&mut self, choice: u8, input: &mut Input<'_>, chain_id: u64) -> Bytes {
        self.nonce += 1;
        match choice / 4 % 16 {
            15 => transactions::any(input, chain_id),
            14 => transactions::poisoned(chain_id, self.nonce, POISON),
            _ => transactions::plain(chain_id, self.nonce),
        }
    }

    /// Makes a channel of sequenced blocks and queues its frames.
    pub(super) fn channel(&mut self, input: &mut Input<'_>, rollup: &Rollup) {
        let kind = input.u8();
        let skip = input.below(4) * input.below(8);
        let count = input.below(self.ahead.len() + 1);
        let count = if count == 0 { self.ahead.len() } else { count };
        let batches = self.batches(skip, count, rollup);
        let mut stream = Vec::new();
        for batch in encoded_batches(input, kind, batches, rollup) {
            append_to_stream(&batch, &mut stream);
        }
        wound(input, &mut stream);
        let compression = match kind & 4 {
            0 => Compression::Zlib,
            _ => Compression::Brotli,
        };
        let mut channel = compress(&stream, compression, 1);
        wound(input, &mut channel);
        let id = self.channel_id(input);
        self.cut(input, id, &channel);
    }

    /// The batches of some of the blocks ahead.
    fn batches(&self, skip: usize, count: usize, rollup: &Rollup) -> Vec<(SingularBatch, u64)> {
        let blocks = self.ahead.iter().skip(skip).take(count);
        let batch = |block: &NaiveBlock| {
            let on = reference(&rollup.cfg, block);
            let is_deposit = |tx: &&Bytes| tx.first() == Some(&0x7e);
            let transactions = &block.transactions;
            let deposits = transactions.iter().take_while(is_deposit).count();
            let batch = SingularBatch {
                parent_hash: block.parent_hash,
                epoch_num: on.l1_origin.number,
                epoch_hash: on.l1_origin.hash,
                timestamp: block.time,
                transactions: transactions[deposits..].to_vec(),
            };
            (batch, on.seq_num)
        };
        blocks.map(batch).collect()
    }

    fn channel_id(&mut self, input: &mut Input<'_>) -> ChannelId {
        // Rarely the id of the channel before.
        if input.u8() < 250 {
            self.channels = self.channels.wrapping_add(1);
        }
        FixedBytes::repeat_byte(self.channels)
    }

    fn cut(&mut self, input: &mut Input<'_>, id: ChannelId, channel: &[u8]) {
        let count = 1 + input.below(6);
        let size = channel.len().div_ceil(count).max(1);
        for number in 0..count {
            let start = (number * size).min(channel.len());
            let end = (start + size).min(channel.len());
            self.frames.push(Frame {
                id,
                number: number as u16,
                data: Bytes::copy_from_slice(&channel[start..end]),
                is_last: number + 1 == count,
            });
        }
        let excess = self.frames.len().saturating_sub(FRAMES_MAX);
        self.frames.drain(..excess);
    }

    /// Takes frames off the queue, or does to them what nobody should.
    pub(super) fn take_frames(&mut self, input: &mut Input<'_>) -> Vec<Frame> {
        let count = (1 + input.below(8)).min(self.frames.len());
        let how = input.u8();
        let mut frames: Vec<Frame> = match how % 8 {
            // Newest first.
            6 => self.frames.split_off(self.frames.len() - count),
            // Again later.
            7 => self.frames.iter().take(count).cloned().collect(),
            _ => self.frames.drain(..count).collect(),
        };
        match how {
            240.. if !frames.is_empty() => {
                let at = input.below(frames.len());
                match input.u8() % 8 {
                    0 => frames.reverse(),
                    1 => drop(frames.remove(at)),
                    2 => frames[at].is_last ^= true,
                    3 => frames[at].number = input.u16(),
                    4 => frames[at].id = FixedBytes::repeat_byte(input.u8()),
                    5 => frames.push(frames[at].clone()),
                    6 => frames[at].data = Bytes::copy_from_slice(input.short_bytes()),
                    _ => frames.swap(at, 0),
                }
            }
            _ => {}
        }
        frames
    }
}

/// Changes a byte, cuts off the end or adds to it, if the script says so.
pub(super) fn wound(input: &mut Input<'_>, bytes: &mut Vec<u8>) {
    let how = input.u8();
    if how < 240 || bytes.is_empty() {
        return;
    }
    let at = usize::from(input.u16()) % bytes.len();
    match how % 4 {
        0 => bytes[at] ^= input.u8(),
        1 => bytes.truncate(at),
        2 => bytes.extend(input.short_bytes()),
        _ => bytes.insert(at, input.u8()),
    }
}

/// Singular batches, one span batch, or both.
fn encoded_batches(
    input: &mut Input<'_>,
    kind: u8,
    mut batches: Vec<(SingularBatch, u64)>,
    rollup: &Rollup,
) -> Vec<Vec<u8>> {
    let mut encoded = Vec::new();
    if kind & 8 != 0 {
        lie(input, &mut batches, rollup.cfg.block_time);
    }
    let singulars = match kind & 3 {
        0 | 1 => 0,
        2 => batches.len(),
        _ => batches.len() / 2,
    };
    let spanned = batches.split_off(singulars);
    encoded.extend(batches.iter().map(|(batch, _)| batch.encode()));
    let mut builder = SpanBatchBuilder::new(SpanContext::from(&*rollup.cfg));
    for (batch, seq_num) in &spanned {
        // What cannot travel in a span batch travels alone.
        if builder.push(batch, *seq_num).is_err() {
            encoded.push(batch.encode());
        }
    }
    encoded.extend(builder.encode());
    if kind & 16 != 0 {
        encoded.reverse();
    }
    for batch in &mut encoded {
        if kind & 32 != 0 {
            wound(input, batch);
        }
    }
    encoded
}

/// Makes one of the batches a wrong one.
fn lie(input: &mut Input<'_>, batches: &mut [(SingularBatch, u64)], block_time: u64) {
    if batches.is_empty() {
        return;
    }
    let (batch, seq_num) = &mut batches[input.below(batches.len())];
    match input.u8() % 12 {
        0 => batch.parent_hash = B256::repeat_byte(0x99),
        1 => batch.epoch_hash = B256::repeat_byte(0x99),
        2 => batch.epoch_num += 1,
        3 => batch.epoch_num = batch.epoch_num.saturating_sub(1),
        4 => batch.timestamp += block_time,
        5 => batch.timestamp -= block_time.min(batch.timestamp),
        6 => batch.timestamp += 1,
        7 => batch.epoch_num = input.u64(),
        8 => batch.timestamp = input.u64(),
        9 => batch
            .transactions
            .push(Bytes::copy_from_slice(input.short_bytes())),
        10 => batch.transactions.clear(),
        _ => *seq_num = u64::from(*seq_num == 0),
    }
}
