//! Random L1 chains: a batcher that mostly means well, and sometimes does not.
//!
//! It foresees the blocks of its batches (the toy engine lets it), posts them in channels of every
//! shape, and breaks what can be broken: batches, channels, frames, data, transactions.

use crate::{
    random::Random,
    toy::{POISON, block_hash, is_deposit},
};
use alloy_consensus::{Header, SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy};
use alloy_eips::{eip2718::Encodable2718, eip7840::BlobParams};
use alloy_primitives::{Address, B256, Bytes, Log, Signature, TxKind, U256, keccak256};
use opal_oracle::{Blobs, NaiveL1Block, NaiveL1Tx, NaiveReceipt, Rollup, SafeBlock, SafeChain};
use opal_protocol::{
    Compression, Fork, ForkTimes, Frame, InboxTx, L1Block, L1ChainConfig, L1Id, L1Receipt, L2Id,
    RollupConfig, SingularBatch, SpanBatch, SpanBlock, SpanContext, SystemConfig, UpgradeBundle,
    UpgradeTx, Upgrades, blob, channel::compress, frame::encode_frames,
};
use std::{collections::VecDeque, sync::Arc};

/// Time of the first L1 block.
pub(crate) const T0: u64 = 1_700_000_000;

/// A block that the batcher means to become safe.
#[derive(Clone, Debug)]
struct Planned {
    hash: B256,
    time: u64,
    /// Height of the L1 origin.
    epoch: u64,
    txs: Vec<Bytes>,
}

/// L1 as it grows, and the batcher.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) rollup: Rollup,
    pub(crate) random: Random,
    pub(crate) l1: Vec<Arc<NaiveL1Block>>,
    /// The same blocks for the other derivation.
    pub(crate) parsed: Vec<L1Block>,
    pub(crate) blobs: Blobs,
    batcher: Address,
    plan: Vec<Planned>,
    /// Blocks of the plan that have been posted.
    posted: usize,
    /// Data to be sent.
    outbox: VecDeque<Vec<u8>>,
    last_channel_id: [u8; 16],
    /// How often, of a hundred times, something is broken.
    malice: u64,
    /// Stays with an L1 origin for as long as it can, and longer.
    is_stubborn: bool,
    /// Lets L2 run ahead of L1.
    is_racing: bool,
}

impl World {
    /// A world at genesis; forks up to `oldest` are active from there on, later ones activate at
    /// some time or never.
    pub(crate) fn new(seed: u64, oldest: Fork) -> Self {
        let mut random = Random::new(seed);
        let batcher = Address::repeat_byte(0xb0);
        let header = Header {
            number: *random.pick(&[0, 7]),
            timestamp: T0,
            ..Header::default()
        };
        let hash = header.hash_slow();
        let forks = fork_times(&mut random, oldest);
        let is_stubborn = random.percent(25);
        let is_racing = random.percent(15);
        let mut cfg = RollupConfig {
            block_time: match is_racing {
                true => 40,
                false => *random.pick(&[1, 2, 2, 2, 3, 12, 40]),
            },
            max_sequencer_drift: random.between(10, 60),
            seq_window_size: random.between(3, 20),
            channel_timeout: random.between(2, 6),
            l1_chain_id: 900,
            l2_chain_id: 901,
            forks,
            batch_inbox_address: Address::repeat_byte(0x1b),
            deposit_contract_address: Address::repeat_byte(0x0d),
            l1_system_config_address: Address::repeat_byte(0x5c),
            keep_karst_upgrade_gas: random.percent(50),
            ..RollupConfig::default()
        };
        let number = header.number;
        cfg.genesis.l1 = L1Id { hash, number };
        cfg.genesis.l2 = L2Id {
            hash: B256::repeat_byte(0x22),
            number: *random.pick(&[0, 5]),
        };
        cfg.genesis.l2_time = T0 + random.between(0, 3);
        cfg.genesis.system_config = SystemConfig {
            batcher_address: batcher,
            gas_limit: 30_000_000,
            overhead: U256::from(random.between(0, 3000)),
            scalar: match random.between(0, 2) {
                0 => U256::from(random.bits() as u32),
                1 => U256::from(random.bits()),
                _ => U256::from(1) << 248 | U256::from(random.bits()),
            },
            ..SystemConfig::default()
        };
        let malice = *random.pick(&[0, 2, 5, 10, 20, 40]);
        let prague = T0 + random.between(0, 300);
        let l1_chain = L1ChainConfig {
            chain_id: 900,
            blob_schedule: vec![
                (T0 + random.between(0, 20), BlobParams::cancun()),
                (prague, BlobParams::prague()),
                (prague + random.between(0, 300), BlobParams::bpo1()),
            ],
        };
        let rollup = Rollup {
            cfg: Arc::new(cfg),
            l1_chain,
            upgrades: Arc::new(upgrades(&mut random)),
        };
        let genesis = Planned {
            hash: rollup.cfg.genesis.l2.hash,
            time: rollup.cfg.genesis.l2_time,
            epoch: number,
            txs: vec![],
        };
        let mut world = Self {
            rollup,
            random,
            l1: vec![],
            parsed: vec![],
            blobs: Blobs::new(),
            batcher,
            plan: vec![genesis],
            posted: 1,
            outbox: VecDeque::new(),
            last_channel_id: [0; 16],
            malice,
            is_stubborn,
            is_racing,
        };
        world.append(header, vec![], vec![]);
        world
    }

    fn cfg(&self) -> Arc<RollupConfig> {
        self.rollup.cfg.clone()
    }

    fn is_wicked(&mut self) -> bool {
        self.random.percent(self.malice)
    }

    fn l1_block(&self, number: u64) -> Option<&NaiveL1Block> {
        let index = number.checked_sub(self.cfg().genesis.l1.number)?;
        self.l1.get(index as usize).map(|block| &**block)
    }

    /// The next L1 block, made in the knowledge of the safe chain so far.
    pub(crate) fn mine(&mut self, safe: &SafeChain) {
        self.catch_up(safe);
        self.extend_plan();
        if self.random.percent(60) {
            self.post_channels();
        }
        let parent = self.l1.last().unwrap().clone();
        let step = match self.random.between(0, 40) {
            0 => self.random.between(50, 200),
            1..=4 => self.random.between(1, 3),
            _ => 12,
        };
        let time = parent.time() + step;
        let random = &mut self.random;
        let header = Header {
            number: parent.header.number + 1,
            parent_hash: parent.hash,
            timestamp: time,
            mix_hash: keccak256(random.bits().to_be_bytes()),
            base_fee_per_gas: Some(random.between(7, 1_000_000)),
            excess_blob_gas: random.percent(90).then(|| random.between(0, 40_000_000)),
            parent_beacon_block_root: random.percent(90).then(|| B256::repeat_byte(0xbe)),
            ..Header::default()
        };
        let receipts = self.receipts();
        let transactions = self.transactions(time);
        self.append(header, transactions, receipts);
    }

    fn append(
        &mut self,
        header: Header,
        transactions: Vec<NaiveL1Tx>,
        receipts: Vec<NaiveReceipt>,
    ) {
        let (cfg, hash) = (self.cfg(), header.hash_slow());
        let same = |receipt: &NaiveReceipt| L1Receipt {
            success: receipt.success,
            logs: receipt.logs.clone(),
        };
        let for_other: Vec<L1Receipt> = receipts.iter().map(same).collect();
        let none: &[Vec<u8>] = &[];
        let mut parsed = L1Block::new(&cfg, hash, header.clone(), none, &for_other).unwrap();
        let to_inbox = transactions.iter();
        let to_inbox = to_inbox.filter(|tx| tx.to == Some(cfg.batch_inbox_address));
        // Types that never count are left out by whoever parses L1 blocks.
        let to_inbox = to_inbox.filter(|tx| matches!(tx.tx_type, 0..=3 | 0x7e));
        let inbox = to_inbox.map(|tx| InboxTx {
            from: tx.from,
            tx_type: tx.tx_type,
            data: tx.data.clone(),
            blob_hashes: tx.blob_hashes.clone(),
        });
        parsed.inbox = inbox.collect();
        self.parsed.push(parsed);
        self.l1.push(Arc::new(NaiveL1Block {
            hash,
            header,
            transactions,
            receipts,
            encoded_deposits: vec![],
        }));
    }

    // ----- what the batcher wants the chain to be -----

    /// Gives up a plan that the safe chain contradicts; not always at once.
    fn catch_up(&mut self, safe: &SafeChain) {
        let height = safe.blocks.len();
        let agrees =
            self.plan.len() >= height && self.plan[height - 1].hash == safe.safe_head().block.hash;
        let gives_up = if agrees {
            self.random.percent(4)
        } else {
            self.random.percent(85)
        };
        if gives_up {
            self.plan = safe.blocks.iter().map(planned).collect();
            self.posted = height;
        } else if self.random.percent(10) {
            // What was posted is posted again.
            self.posted = self.posted.min(height);
        }
    }

    fn extend_plan(&mut self) {
        let cfg = self.cfg();
        let ahead = if self.is_racing { 3000 } else { 20 };
        let horizon = self.l1.last().unwrap().time() + self.random.between(0, ahead);
        let most = match self.random.between(0, 2) {
            0 => self.random.between(0, 12),
            _ => 80,
        };
        for _ in 0..most {
            let parent = self.plan.last().unwrap().clone();
            let time = parent.time + cfg.block_time;
            if time > horizon && !self.is_wicked() {
                return;
            }
            let next = self.l1_block(parent.epoch + 1).map(|block| block.time());
            let may_advance = next.is_some_and(|next_time| next_time <= time);
            let origin_time = self.l1_block(parent.epoch).unwrap().time();
            let drift = cfg.max_sequencer_drift_at(origin_time);
            let must_advance = time > origin_time + drift;
            let advances = if self.is_stubborn {
                self.random.percent(15)
            } else {
                must_advance || self.random.percent(70)
            };
            let advances = (may_advance && advances)
                || (next.is_some() && self.is_wicked() && self.random.percent(10));
            let epoch = parent.epoch + u64::from(advances);
            let must_be_empty = (must_advance && !advances)
                || cfg.is_activation_block(Fork::Jovian, time)
                || cfg.is_activation_block(Fork::Karst, time);
            let count = if must_be_empty && !self.is_wicked() {
                0
            } else {
                self.random.between(0, 3)
            };
            let txs: Vec<Bytes> = (0..count).map(|_| self.tx(time)).collect();
            let randao = self.l1_block(epoch).unwrap().header.mix_hash;
            self.plan.push(Planned {
                hash: block_hash(parent.hash, time, randao, &txs),
                time,
                epoch,
                txs,
            });
        }
    }

    /// A transaction for a batch.
    fn tx(&mut self, l2_time: u64) -> Bytes {
        let cfg = self.cfg();
        let is_isthmus = cfg.is_active(Fork::Isthmus, l2_time);
        let allows_set_code = is_isthmus || self.is_wicked();
        let mut input = {
            let len = self.random.between(0, 40);
            self.random.bytes(len)
        };
        if self.random.percent(self.malice / 5) {
            input.extend(POISON);
        }
        let random = &mut self.random;
        let (r, s) = (U256::from(random.bits()), U256::from(random.bits()));
        let signature = Signature::new(r, s, random.percent(50));
        let to = match random.percent(70) {
            true => TxKind::Call(Address::repeat_byte(random.bits() as u8)),
            false => TxKind::Create,
        };
        let (nonce, gas_limit) = (random.between(0, 300), random.between(0, 1 << 40));
        let (gas_price, value) = (u128::from(random.bits()), U256::from(random.bits()));
        let chain_id = cfg.l2_chain_id;
        let input = Bytes::from(input);
        let kinds = if allows_set_code { 3 } else { 2 };
        let encoded = match random.between(0, kinds) {
            0 => {
                let chain_id = random.percent(70).then_some(chain_id);
                let tx = TxLegacy {
                    chain_id,
                    nonce,
                    gas_price,
                    gas_limit,
                    to,
                    value,
                    input,
                };
                tx.into_signed(signature).encoded_2718()
            }
            1 => {
                let access_list = Default::default();
                let tx = TxEip2930 {
                    chain_id,
                    nonce,
                    gas_price,
                    gas_limit,
                    to,
                    value,
                    access_list,
                    input,
                };
                tx.into_signed(signature).encoded_2718()
            }
            2 => {
                let tx = TxEip1559 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: gas_price,
                    max_priority_fee_per_gas: 1,
                    to,
                    value,
                    access_list: Default::default(),
                    input,
                };
                tx.into_signed(signature).encoded_2718()
            }
            _ => {
                let tx = TxEip7702 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: gas_price,
                    max_priority_fee_per_gas: 1,
                    to: Address::repeat_byte(7),
                    value,
                    access_list: Default::default(),
                    authorization_list: vec![],
                    input,
                };
                tx.into_signed(signature).encoded_2718()
            }
        };
        encoded.into()
    }

    // ----- from blocks to data -----

    fn post_channels(&mut self) {
        if self.random.percent(self.malice) && self.posted > 1 {
            self.post_false_overlap();
        }
        let mut from = self.posted.min(self.plan.len());
        if self.is_wicked() {
            let back = self.random.between(0, 5) as usize;
            let forth = self.random.between(0, 2) as usize;
            from = (from.saturating_sub(back) + forth).clamp(1, self.plan.len());
        }
        let to = self.plan.len();
        let mut channels = vec![];
        while from < to {
            let size = self.random.between(1, 20) as usize;
            let end = (from + size).min(to);
            let batches = self.batches(from, end);
            channels.push(self.frames(&batches));
            from = end;
        }
        if to > self.posted {
            self.posted = to;
        }
        if channels.len() > 1 && self.is_wicked() {
            let (a, b) = (self.random.bits() as usize, self.random.bits() as usize);
            let count = channels.len();
            channels.swap(a % count, b % count);
        }
        let mut frames: Vec<Frame> = channels.into_iter().flatten().collect();
        if frames.len() > 1 && self.is_wicked() {
            self.break_frames(&mut frames);
        }
        self.fill_outbox(&frames);
    }

    /// Posts a span batch that goes on with the plan, but says of a block behind it what is not so.
    fn post_false_overlap(&mut self) {
        let cfg = self.cfg();
        let posted = self.posted.min(self.plan.len());
        let from = (posted - 1)
            .saturating_sub(self.random.between(0, 3) as usize)
            .max(1);
        let until = (posted + self.random.between(0, 5) as usize).min(self.plan.len());
        let blocks = &self.plan[from..until];
        let Some(last) = blocks.last() else { return };
        let last = self.l1_block(last.epoch).unwrap().hash;
        let mut span = SpanBatch {
            parent_check: self.plan[from - 1].hash[..20].try_into().unwrap(),
            l1_origin_check: last[..20].try_into().unwrap(),
            first_starts_epoch: blocks[0].epoch != self.plan[from - 1].epoch,
            blocks: blocks
                .iter()
                .map(|block| SpanBlock {
                    epoch_num: block.epoch,
                    timestamp: block.time,
                    transactions: block.txs.clone(),
                })
                .collect(),
        };
        let time = self.plan[from].time;
        let other = self.tx(time);
        let index = self.random.bits() as usize % (posted - from).max(1);
        let block = &mut span.blocks[index.min(until - from - 1)];
        match self.random.between(0, 3) {
            0 => block.transactions.clear(),
            1 => block.transactions.push(other),
            2 => block.transactions = vec![other],
            _ => {}
        }
        if let Ok(encoded) = span.encode(SpanContext::from(&*cfg)) {
            let frames = self.frames(&[encoded]);
            self.fill_outbox(&frames);
        }
    }

    /// The batches of planned blocks, encoded.
    fn batches(&mut self, from: usize, end: usize) -> Vec<Vec<u8>> {
        let mut encoded = vec![];
        let mut at = from;
        while at < end {
            let is_span = self.random.percent(60);
            let size = if is_span {
                self.random.between(1, 6) as usize
            } else {
                1
            };
            let until = (at + size).min(end);
            let batch = if is_span {
                self.span(at, until)
            } else {
                Some(self.singular(at))
            };
            encoded.extend(batch);
            at = until;
        }
        if !self.is_wicked() || encoded.is_empty() {
            return encoded;
        }
        let index = self.random.bits() as usize % encoded.len();
        match self.random.between(0, 4) {
            0 => drop(encoded.remove(index)),
            1 => encoded.insert(index, encoded[index].clone()),
            2 => encoded.swap(0, index),
            3 => {
                let len = self.random.between(0, 50);
                encoded.insert(index, self.random.bytes(len));
            }
            _ => {
                let (at, bits) = (self.random.bits() as usize, self.random.bits());
                let batch = &mut encoded[index];
                let at = at % batch.len();
                batch[at] ^= bits as u8;
            }
        }
        encoded
    }

    fn singular(&mut self, at: usize) -> Vec<u8> {
        let (block, parent) = (self.plan[at].clone(), self.plan[at - 1].clone());
        let mut batch = SingularBatch {
            parent_hash: parent.hash,
            epoch_num: block.epoch,
            epoch_hash: self.l1_block(block.epoch).unwrap().hash,
            timestamp: block.time,
            transactions: block.txs,
        };
        if self.is_wicked() {
            let block_time = self.cfg().block_time;
            let random = &mut self.random;
            match random.between(0, 8) {
                0 => batch.parent_hash = B256::repeat_byte(1),
                1 => batch.epoch_hash = B256::repeat_byte(1),
                2 => batch.epoch_num += 1,
                3 => batch.epoch_num = batch.epoch_num.saturating_sub(random.between(1, 3)),
                4 => batch.timestamp += *random.pick(&[1, block_time]),
                5 => batch.timestamp -= *random.pick(&[1, block_time]),
                6 => batch.transactions.push(Bytes::new()),
                7 => batch.transactions.push(Bytes::from_static(&[0x7e, 0xc0])),
                _ => {
                    let kind = *random.pick(&[0, 3, 4, 5, 0x7d, 0x7f, 0x80]);
                    batch.transactions.push(vec![kind, 1, 2].into());
                }
            }
        }
        batch.encode()
    }

    fn span(&mut self, from: usize, until: usize) -> Option<Vec<u8>> {
        let cfg = self.cfg();
        let parent = self.plan[from - 1].clone();
        let blocks = &self.plan[from..until];
        let last = self.l1_block(blocks.last()?.epoch)?.hash;
        let mut span = SpanBatch {
            parent_check: parent.hash[..20].try_into().unwrap(),
            l1_origin_check: last[..20].try_into().unwrap(),
            first_starts_epoch: blocks[0].epoch != parent.epoch,
            blocks: blocks
                .iter()
                .map(|block| SpanBlock {
                    epoch_num: block.epoch,
                    timestamp: block.time,
                    transactions: block.txs.clone(),
                })
                .collect(),
        };
        if self.is_wicked() {
            let extra = self.tx(parent.time);
            let random = &mut self.random;
            let index = random.bits() as usize % span.blocks.len();
            match random.between(0, 7) {
                0 => span.parent_check[0] ^= 1,
                1 => span.l1_origin_check[0] ^= 1,
                2 => span
                    .blocks
                    .iter_mut()
                    .for_each(|block| block.timestamp += cfg.block_time),
                3 => span
                    .blocks
                    .iter_mut()
                    .for_each(|block| block.timestamp += 1),
                4 => {
                    let back = random.between(1, 3) * cfg.block_time;
                    span.blocks
                        .iter_mut()
                        .for_each(|block| block.timestamp -= back);
                }
                5 => span
                    .blocks
                    .iter_mut()
                    .for_each(|block| block.epoch_num += 1),
                6 => {
                    let later = span.blocks.iter_mut().skip(index);
                    later.for_each(|block| block.epoch_num += 1);
                }
                _ => span.blocks[index].transactions.push(extra),
            }
        }
        let encoded = span.encode(SpanContext::from(&*cfg)).ok()?;
        if self.random.percent(self.malice / 5) {
            return self.with_hostile_prefix(&encoded);
        }
        Some(encoded)
    }

    /// A span batch with another `rel_timestamp` and `l1_origin_num`: numbers that wrap around, or
    /// a span that claims to hold genesis and what came before.
    fn with_hostile_prefix(&mut self, encoded: &[u8]) -> Option<Vec<u8>> {
        let mut rest = &encoded[1..];
        let (mut rel_timestamp, mut origin_num) =
            (read_uvarint(&mut rest), read_uvarint(&mut rest));
        let block_time = self.cfg().block_time;
        let back = self.random.between(0, 8) * block_time;
        let hostile = [
            0,
            block_time,
            u64::MAX,
            0u64.wrapping_sub(back),
            0u64.wrapping_sub(self.cfg().genesis.l2_time),
            1 << 63,
        ];
        match self.random.between(0, 2) {
            0 => rel_timestamp = *self.random.pick(&hostile),
            1 => origin_num = *self.random.pick(&[0, 1, origin_num + 1, u64::MAX]),
            _ => {
                rel_timestamp = *self.random.pick(&hostile);
                origin_num = *self.random.pick(&[0, origin_num, u64::MAX]);
            }
        }
        let mut out = vec![1];
        write_uvarint(rel_timestamp, &mut out);
        write_uvarint(origin_num, &mut out);
        out.extend(rest);
        Some(out)
    }

    /// The frames of a channel.
    fn frames(&mut self, batches: &[Vec<u8>]) -> Vec<Frame> {
        let mut stream = vec![];
        for batch in batches {
            alloy_rlp::Encodable::encode(batch.as_slice(), &mut stream);
        }
        let is_fjord = self
            .cfg()
            .is_active(Fork::Fjord, self.l1.last().unwrap().time());
        let is_brotli =
            (is_fjord && self.random.percent(50)) || self.random.percent(self.malice / 5);
        let kind = if is_brotli {
            Compression::Brotli
        } else {
            Compression::Zlib
        };
        let mut data = compress(&stream, kind, 9);
        if self.is_wicked() {
            let at = self.random.bits() as usize % data.len();
            match self.random.between(0, 4) {
                0 => data.truncate(at),
                1 => data[at] ^= 1 << self.random.between(0, 7),
                2 => data.extend([1, 2, 3]),
                3 => data[0] ^= 3,
                _ => {}
            }
        }
        if !self.is_wicked() {
            self.last_channel_id = self.random.bytes(16).try_into().unwrap();
        }
        let id = self.last_channel_id.into();
        let size = match self.random.between(0, 3) {
            0 => self.random.between(10, 200),
            _ => self.random.between(200, 4000),
        } as usize;
        let pieces: Vec<&[u8]> = data.chunks(size).collect();
        let count = pieces.len();
        let frame = |(number, piece): (usize, &&[u8])| Frame {
            id,
            number: number as u16,
            data: piece.to_vec().into(),
            is_last: number + 1 == count,
        };
        pieces.iter().enumerate().map(frame).collect()
    }

    fn break_frames(&mut self, frames: &mut Vec<Frame>) {
        for _ in 0..self.random.between(1, 3) {
            let a = self.random.bits() as usize % frames.len();
            let b = self.random.bits() as usize % frames.len();
            match self.random.between(0, 5) {
                0 if frames.len() > 1 => drop(frames.remove(a)),
                1 => frames.insert(a, frames[b].clone()),
                2 => frames.swap(a, b),
                3 => frames[a].is_last = !frames[a].is_last,
                4 => frames[a].number = frames[a].number.wrapping_add(1),
                _ => frames[a].id = frames[b].id,
            }
        }
    }

    /// Puts frames into the data of transactions.
    fn fill_outbox(&mut self, frames: &[Frame]) {
        let mut rest = frames;
        while !rest.is_empty() {
            let count = (self.random.between(1, 4) as usize).min(rest.len());
            let (now, later) = rest.split_at(count);
            let mut data = encode_frames(now);
            if self.is_wicked() {
                match self.random.between(0, 6) {
                    0 => data[0] = 1,
                    1 => data.push(0),
                    2 => data.truncate(data.len() - 1),
                    3 => data.truncate(1),
                    4 => {
                        let len = data.len();
                        data[len - 1] = 2;
                    }
                    _ => {}
                }
            }
            self.outbox.push_back(data);
            rest = later;
        }
    }

    // ----- from data to L1 transactions -----

    fn transactions(&mut self, _time: u64) -> Vec<NaiveL1Tx> {
        let inbox = self.cfg().batch_inbox_address;
        let mut transactions = vec![];
        let most = match self.random.between(0, 9) {
            0 => 0,
            1..=3 => 3,
            _ => 100,
        };
        for _ in 0..most {
            let Some(data) = self.outbox.pop_front() else {
                break;
            };
            if self.outbox.len() > 1 && self.is_wicked() {
                // This one is late.
                let at = self.random.bits() as usize % self.outbox.len();
                self.outbox.insert(at, data);
                continue;
            }
            let mut tx = NaiveL1Tx {
                from: self.batcher,
                to: Some(inbox),
                tx_type: *self.random.pick(&[0, 1, 2, 2, 0x7e]),
                data: data.clone().into(),
                blob_hashes: vec![],
            };
            if self.random.percent(40) {
                self.move_into_blobs(&mut tx, data);
            }
            if self.random.percent(self.malice / 4) {
                match self.random.between(0, 3) {
                    0 => tx.from = Address::repeat_byte(0xbb),
                    1 => tx.to = Some(Address::repeat_byte(0x33)),
                    2 => tx.to = None,
                    _ => tx.tx_type = 4,
                }
            }
            transactions.push(tx);
        }
        transactions
    }

    fn move_into_blobs(&mut self, tx: &mut NaiveL1Tx, first: Vec<u8>) {
        tx.tx_type = 3;
        let mut datas = vec![first];
        for _ in 0..self.random.between(0, 2) {
            datas.extend(self.outbox.pop_front());
        }
        for data in datas {
            let mut blob = blob::encode(&data).unwrap();
            if self.is_wicked() {
                let at = self.random.between(0, 200) as usize;
                blob.0[at] ^= self.random.bits() as u8;
            }
            let hash = keccak256((self.blobs.len() as u64).to_be_bytes());
            self.blobs.insert(hash, blob);
            tx.blob_hashes.push(hash);
        }
        // Before Ecotone only the calldata counts, and since then it does not.
        if self.random.percent(50) {
            tx.data = Bytes::from_static(b"of no importance");
        }
    }

    // ----- deposits and the system configuration -----

    fn receipts(&mut self) -> Vec<NaiveReceipt> {
        let mut receipts = vec![];
        for _ in 0..self.random.between(0, 3) {
            let success = self.random.percent(90);
            let mut logs = vec![];
            for _ in 0..self.random.between(0, 2) {
                let log = match self.random.between(0, 9) {
                    0..=4 => self.deposit_log(),
                    5 => self.update_log(success),
                    _ => Log::new_unchecked(Address::repeat_byte(0xee), vec![], Bytes::new()),
                };
                logs.push(log);
            }
            receipts.push(NaiveReceipt { success, logs });
        }
        receipts
    }

    fn deposit_log(&mut self) -> Log {
        let contract = self.cfg().deposit_contract_address;
        let random = &mut self.random;
        let topics = vec![
            keccak256("TransactionDeposited(address,address,uint256,bytes)"),
            Address::repeat_byte(random.bits() as u8).into_word(),
            Address::repeat_byte(random.bits() as u8).into_word(),
            B256::ZERO,
        ];
        let mut opaque = vec![];
        let mint = if random.percent(50) { random.bits() } else { 0 };
        opaque.extend(U256::from(mint).to_be_bytes::<32>());
        opaque.extend(U256::from(random.bits()).to_be_bytes::<32>());
        opaque.extend(random.bits().to_be_bytes());
        opaque.push(u8::from(random.percent(20)));
        let len = random.between(0, 70);
        opaque.extend(random.bytes(len));
        let mut data = vec![];
        data.extend(U256::from(32).to_be_bytes::<32>());
        data.extend(U256::from(opaque.len()).to_be_bytes::<32>());
        data.extend(&opaque);
        data.resize(data.len().next_multiple_of(32), 0);
        Log::new_unchecked(contract, topics, data.into())
    }

    /// `counts`: whether the log's transaction succeeded.
    fn update_log(&mut self, counts: bool) -> Log {
        let contract = self.cfg().l1_system_config_address;
        let random = &mut self.random;
        let kind = random.between(0, 8);
        let word = match kind {
            0 => U256::from_be_bytes(Address::repeat_byte(random.bits() as u8).into_word().0),
            1 => U256::from(random.bits()),
            2 => U256::from(random.between(1_000_000, 100_000_000)),
            5 => U256::from(random.bits()) << random.between(0, 32),
            7 => U256::from(random.bits() as u16),
            _ => U256::from(random.bits()),
        };
        let mut words = vec![word];
        if kind == 1 {
            let version = *random.pick(&[0, 0, 1, 1, 2]);
            words.push(U256::from(version) << 248 | word >> random.between(0, 60));
        }
        let mut is_well_formed = true;
        if random.percent(15) {
            is_well_formed = false;
            words.push(U256::from(random.bits()));
        }
        let mut data = vec![];
        data.extend(U256::from(32).to_be_bytes::<32>());
        let claimed = if kind == 1 { 64 } else { 32 };
        data.extend(U256::from(claimed).to_be_bytes::<32>());
        for word in words {
            data.extend(word.to_be_bytes::<32>());
        }
        if kind == 0 && counts && is_well_formed {
            self.batcher = Address::from_word(word.into());
        }
        let topics = vec![
            keccak256("ConfigUpdate(uint256,uint8,bytes)"),
            B256::ZERO,
            U256::from(kind).into(),
        ];
        Log::new_unchecked(contract, topics, data.into())
    }
}

fn planned(block: &Arc<SafeBlock>) -> Planned {
    let transactions = block.block.transactions.iter();
    Planned {
        hash: block.block.hash,
        time: block.block.time,
        epoch: block.origin.number,
        txs: transactions.filter(|tx| !is_deposit(tx)).cloned().collect(),
    }
}

fn fork_times(random: &mut Random, oldest: Fork) -> ForkTimes {
    let mut times = ForkTimes::at_genesis(oldest);
    let horizon = *random.pick(&[0, 60, 300, 1200]);
    let mut at = T0;
    for fork in Fork::ALL.into_iter().filter(|fork| *fork > oldest) {
        if random.percent(10) {
            break;
        }
        // Some forks share a time with the one before.
        if random.percent(70) {
            at += random.between(0, horizon / 3);
        }
        times.set(fork, Some(at));
    }
    if random.percent(30) {
        times.pectra_blob_schedule_time = Some(T0 + random.between(0, 600));
    }
    times
}

/// Upgrade transactions of no meaning.
fn upgrades(random: &mut Random) -> Upgrades {
    let mut upgrades = Upgrades::none();
    for fork in [
        Fork::Ecotone,
        Fork::Fjord,
        Fork::Isthmus,
        Fork::Jovian,
        Fork::Karst,
    ] {
        let mut transactions = vec![];
        for i in 0..random.between(0, 3) {
            transactions.push(UpgradeTx {
                data: random.bytes(20).into(),
                from: Address::repeat_byte(random.bits() as u8),
                gas_limit: random.between(0, 10_000_000),
                intent: format!("Step {i}"),
                to: random.percent(50).then(|| Address::repeat_byte(9)),
            });
        }
        upgrades.insert(UpgradeBundle { fork, transactions });
    }
    upgrades
}

fn read_uvarint(rest: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let (byte, behind) = rest.split_first().unwrap();
        *rest = behind;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}

fn write_uvarint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
