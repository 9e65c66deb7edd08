//! A small world around the submission: an L2 chain, an L1 that loses things, and a derivation of
//! Holocene's rules that decodes with `opal-protocol`.

use super::*;
use alloc::{collections::BTreeMap, sync::Arc, vec, vec::Vec};
use alloy_consensus::{SignableTransaction, TxEip1559, TxLegacy};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use opal_protocol::{
    Batch, BatchReader, ChannelRules, Compression, Fork, ForkTimes, Frame, L1Id, L2Ref,
    RollupConfig, SpanContext, blob, frame::parse_frames,
};

const L2_CHAIN_ID: u64 = 901;
const BLOCK_TIME: u64 = 2;
const L1_BLOCK_TIME: u64 = 4;

struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn bytes(&mut self, len: u64) -> Bytes {
        (0..len)
            .map(|_| self.below(256) as u8)
            .collect::<Vec<_>>()
            .into()
    }
}

fn rollup(forks: ForkTimes) -> Arc<RollupConfig> {
    Arc::new(RollupConfig {
        block_time: BLOCK_TIME,
        max_sequencer_drift: 600,
        seq_window_size: 3600,
        channel_timeout: 300,
        l1_chain_id: 900,
        l2_chain_id: L2_CHAIN_ID,
        forks,
        ..RollupConfig::default()
    })
}

fn jovian() -> Arc<RollupConfig> {
    rollup(ForkTimes::at_genesis(Fork::Jovian))
}

/// An encoded transaction with `data` as its calldata.
fn transaction(random: &mut Random, data: Bytes) -> Bytes {
    let (r, s) = (
        U256::from(random.below(u64::MAX)),
        U256::from(random.below(u64::MAX)),
    );
    let signature = Signature::new(r, s, random.below(2) == 1);
    let to = TxKind::Call(Address::repeat_byte(random.below(256) as u8));
    let (nonce, gas_limit) = (random.below(1000), 21_000 + random.below(100_000));
    if random.below(3) == 0 {
        let chain_id = Some(L2_CHAIN_ID);
        let tx = TxLegacy {
            chain_id,
            nonce,
            gas_price: 7,
            gas_limit,
            to,
            input: data,
            ..TxLegacy::default()
        };
        return tx.into_signed(signature).encoded_2718().into();
    }
    let tx = TxEip1559 {
        chain_id: L2_CHAIN_ID,
        nonce,
        gas_limit,
        max_fee_per_gas: 9,
        max_priority_fee_per_gas: 1,
        to,
        input: data,
        ..TxEip1559::default()
    };
    tx.into_signed(signature).encoded_2718().into()
}

fn genesis() -> L2Ref {
    L2Ref {
        hash: keccak256("genesis"),
        l1_origin: l1_id(0, 0),
        ..L2Ref::default()
    }
}

fn l1_id(branch: u64, number: u64) -> L1Id {
    L1Id {
        hash: keccak256([branch.to_be_bytes(), number.to_be_bytes()].concat()),
        number,
    }
}

/// The next block of a chain whose L1 origin advances with time.
fn next_block(parent: &L2Ref, random: &mut Random, max_txs: u64, max_data: u64) -> Block {
    let time = parent.time + BLOCK_TIME;
    let origin = (time / L1_BLOCK_TIME).min(parent.l1_origin.number + 1);
    let deposit = Bytes::from_static(&[0x7e, 1, 2, 3]);
    let count = random.below(max_txs + 1);
    let mut txs = vec![deposit];
    for _ in 0..count {
        let len = random.below(max_data + 1);
        let data = random.bytes(len);
        txs.push(transaction(random, data));
    }
    let number = parent.number + 1;
    let salt = random.below(u64::MAX);
    let l2 = L2Ref {
        hash: keccak256([parent.hash.as_slice(), &salt.to_be_bytes()].concat()),
        number,
        parent_hash: parent.hash,
        time,
        l1_origin: l1_id(0, origin),
        seq_num: if origin == parent.l1_origin.number {
            parent.seq_num + 1
        } else {
            0
        },
    };
    Block::new(l2, txs)
}

fn chain(len: u64, random: &mut Random, max_txs: u64, max_data: u64) -> Vec<Block> {
    let mut parent = genesis();
    let mut blocks = vec![];
    for _ in 0..len {
        blocks.push(next_block(&parent, random, max_txs, max_data));
        parent = *blocks.last().unwrap().l2();
    }
    blocks
}

/// Frames as a node reads them from L1.
fn read_frames(tx: &TxData) -> Vec<Frame> {
    if tx.in_blobs {
        assert!(tx.calldata().is_empty());
        let blobs = tx.blobs();
        assert!(blobs.len() <= MAX_BLOBS_PER_TX && blobs.len() == tx.frames.len());
        let parse = |blob| parse_frames(&blob::decode(blob).unwrap()).unwrap();
        return blobs.iter().flat_map(|blob| parse(blob)).collect();
    }
    parse_frames(&tx.calldata()).unwrap()
}

/// Holocene's frame queue, channel assembler and batch stage, as far as they matter here.
struct Derivation {
    rollup: Arc<RollupConfig>,
    canonical: BTreeMap<u64, Block>,
    safe: L2Ref,
    channel: Option<(Vec<Frame>, u64)>,
    channels_read: usize,
}

impl Derivation {
    fn new(rollup: &Arc<RollupConfig>, blocks: &[Block]) -> Self {
        Self {
            rollup: rollup.clone(),
            canonical: blocks.iter().map(|b| (b.l2().number, b.clone())).collect(),
            safe: genesis(),
            channel: None,
            channels_read: 0,
        }
    }

    fn read_tx(&mut self, l1: u64, tx: &TxData) {
        for frame in read_frames(tx) {
            let continues = self.channel.as_ref().is_some_and(|(frames, open)| {
                let last = frames.last().unwrap();
                frame.id == last.id
                    && frame.number == last.number + 1
                    && l1 <= open + self.rollup.channel_timeout_at(l1 * L1_BLOCK_TIME)
            });
            match &mut self.channel {
                Some((frames, _)) if continues => frames.push(frame),
                _ if frame.number == 0 => self.channel = Some((vec![frame], l1)),
                _ => continue,
            }
            if self.channel.as_ref().unwrap().0.last().unwrap().is_last {
                let (frames, _) = self.channel.take().unwrap();
                self.read_channel(&frames, l1);
            }
        }
    }

    fn read_channel(&mut self, frames: &[Frame], l1: u64) {
        self.channels_read += 1;
        let data = frames
            .iter()
            .flat_map(|f| f.data.to_vec())
            .collect::<Vec<_>>();
        let rules = ChannelRules::at(&self.rollup, l1 * L1_BLOCK_TIME);
        let context = SpanContext::from(&*self.rollup);
        for batch in BatchReader::open(&data, rules, context).unwrap() {
            match batch.unwrap() {
                Batch::Singular(batch) => {
                    if batch.timestamp == self.safe.time + BLOCK_TIME {
                        assert_eq!(batch.parent_hash, self.safe.hash);
                        self.accept(batch.timestamp, batch.epoch_num, &batch.transactions);
                    } else if batch.timestamp > self.safe.time {
                        return;
                    }
                }
                Batch::Span(span) => {
                    if span.blocks[0].timestamp > self.safe.time + BLOCK_TIME {
                        return;
                    }
                    for block in &span.blocks {
                        if block.timestamp > self.safe.time {
                            self.accept(block.timestamp, block.epoch_num, &block.transactions);
                        }
                    }
                }
            }
        }
    }

    fn accept(&mut self, timestamp: u64, epoch: u64, transactions: &[Bytes]) {
        let block = &self.canonical[&(self.safe.number + 1)];
        assert_eq!(block.l2().time, timestamp);
        assert_eq!(block.l2().l1_origin.number, epoch);
        assert_eq!(block.transactions(), transactions);
        self.safe = *block.l2();
    }
}

fn status(current_l1: u64, safe: &L2Ref, head: &L2Ref) -> RollupStatus {
    RollupStatus {
        current_l1: l1_id(0, current_l1),
        head_l1: l1_id(0, current_l1),
        safe: *safe,
        unsafe_head: head.id(),
    }
}

fn started(config: SubmissionConfig, rollup: &Arc<RollupConfig>) -> Submission {
    let mut submission = Submission::new(config, rollup.clone(), B256::ZERO).unwrap();
    submission.on_l1_head(1, L1_BLOCK_TIME);
    submission.reset(genesis());
    submission
}

fn push_all(submission: &mut Submission, blocks: &[Block]) {
    for block in blocks {
        submission.push_block(block.clone()).unwrap();
    }
}

fn small_calldata() -> SubmissionConfig {
    SubmissionConfig {
        data: DataForm::Calldata { max_bytes: 1024 },
        target_num_frames: 2,
        compression_level: 5,
        ..SubmissionConfig::default()
    }
}

fn closes(submission: &mut Submission) -> Vec<CloseReason> {
    let trace = submission.drain_trace();
    let reason = |trace| match trace {
        Trace::ChannelClosed { reason, .. } => Some(reason),
        _ => None,
    };
    trace.into_iter().filter_map(reason).collect()
}

#[test]
fn whatever_the_limits_the_same_blocks_come_out() {
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let data = if random.below(4) == 0 {
            DataForm::Blobs {
                max_per_tx: 1 + random.below(6) as usize,
            }
        } else {
            DataForm::Calldata {
                max_bytes: 1000 + random.below(8000) as usize,
            }
        };
        let (compression, level) = if random.below(3) == 0 {
            (Compression::Zlib, random.below(10) as u8)
        } else {
            (Compression::Brotli, random.below(8) as u8)
        };
        let config = SubmissionConfig {
            batch: if random.below(3) == 0 {
                BatchForm::Singular
            } else {
                BatchForm::Span
            },
            compression,
            compression_level: level,
            data,
            target_num_frames: 1 + random.below(7) as usize,
            max_channel_duration: random.below(4),
            max_blocks_per_span_batch: random.below(20),
            ..SubmissionConfig::default()
        };
        let rollup = jovian();
        let (max_txs, max_data) = (random.below(8), random.below(4000));
        let len = 1 + random.below(80);
        let blocks = chain(len, &mut random, max_txs, max_data);
        let mut derivation = Derivation::new(&rollup, &blocks);
        let mut submission = started(config, &rollup);
        for (at, block) in (1..).zip(&blocks) {
            submission.push_block(block.clone()).unwrap();
            submission.on_l1_head(1 + at / 2, L1_BLOCK_TIME * (1 + at / 2));
            while let Some(tx) = submission.next_tx() {
                derivation.read_tx(1 + at / 2, &tx);
            }
        }
        submission.flush();
        while let Some(tx) = submission.next_tx() {
            derivation.read_tx(1 + len, &tx);
        }
        assert_eq!(derivation.safe, *blocks.last().unwrap().l2(), "seed {seed}");
        assert_eq!(submission.status().blocks_unsubmitted, 0, "seed {seed}");
    }
}

#[test]
fn full_channels_are_nearly_full_and_rarely_too_full() {
    let mut random = Random::new(3);
    let blocks = chain(1200, &mut random, 6, 300);
    let target = 3 * (1024 - 24);
    let config = SubmissionConfig {
        target_num_frames: 3,
        ..small_calldata()
    };
    let mut submission = started(config, &jovian());
    push_all(&mut submission, &blocks);
    let mut sizes = vec![];
    while submission.next_tx().is_some() {
        for trace in submission.drain_trace() {
            if let Trace::ChannelClosed {
                bytes,
                reason: CloseReason::Full,
                ..
            } = trace
            {
                sizes.push(bytes);
            }
        }
    }
    assert!(sizes.len() > 100);
    let good = sizes
        .iter()
        .filter(|bytes| (target * 7 / 10..=target).contains(*bytes))
        .count();
    assert!(
        good * 10 >= sizes.len() * 8,
        "{good} of {}: {sizes:?}",
        sizes.len()
    );
}

#[test]
fn a_channel_closes_by_duration_window_or_demand() {
    let rollup = jovian();
    let mut random = Random::new(1);
    let blocks = chain(3, &mut random, 1, 10);
    // (max duration, sequencing window, L1 head at which it closes)
    for (duration, window, closes_at) in [(2, 3600, 12), (0, 40, 30), (100, 25, 15), (0, 10, 10)] {
        let rollup = Arc::new(RollupConfig {
            seq_window_size: window,
            ..(*rollup).clone()
        });
        let config = SubmissionConfig {
            max_channel_duration: duration,
            ..small_calldata()
        };
        let mut submission = started(config, &rollup);
        submission.on_l1_head(10, 40);
        push_all(&mut submission, &blocks);
        let mut closed_at = None;
        for head in 10..60 {
            submission.on_l1_head(head, 4 * head);
            if submission.next_tx().is_some() {
                closed_at = Some(head);
                break;
            }
        }
        // The first block's origin is L1 block 0 and the margin 10.
        assert_eq!(closed_at, Some(closes_at), "{duration} {window}");
        assert_eq!(closes(&mut submission), [CloseReason::Deadline]);
    }
    let mut submission = started(small_calldata(), &rollup);
    submission.flush();
    assert_eq!(submission.next_tx(), None);
    push_all(&mut submission, &blocks);
    assert_eq!(
        submission.next_tx(),
        None,
        "a flush holds for what was there"
    );
    submission.flush();
    let tx = submission.next_tx().unwrap();
    assert_eq!(tx.blocks, (1, 3));
    assert_eq!(closes(&mut submission), [CloseReason::Flushed]);
}

#[test]
fn older_chains_get_what_they_can_read() {
    // (newest fork, compression, batch)
    let table = [
        (Fork::Bedrock, Compression::Zlib, BatchForm::Singular),
        (Fork::Canyon, Compression::Zlib, BatchForm::Singular),
        (Fork::Delta, Compression::Zlib, BatchForm::Span),
        (Fork::Ecotone, Compression::Zlib, BatchForm::Span),
        (Fork::Fjord, Compression::Brotli, BatchForm::Span),
    ];
    for (fork, compression, batch) in table {
        let rollup = rollup(ForkTimes::at_genesis(fork));
        let mut submission = started(small_calldata(), &rollup);
        push_all(&mut submission, &chain(2, &mut Random::new(1), 1, 10));
        submission.flush();
        let frames = submission.next_tx().unwrap().frames;
        let is_brotli = frames[0].data[0] == 1;
        assert_eq!(is_brotli, compression == Compression::Brotli, "{fork}");
        let rules = ChannelRules::at(&rollup, 100);
        let mut reader =
            BatchReader::open(&frames[0].data, rules, SpanContext::from(&*rollup)).unwrap();
        let is_span = matches!(reader.next_batch(), Some(Ok(Batch::Span(_))));
        assert_eq!(is_span, batch == BatchForm::Span, "{fork}");
    }
}

/// A chain whose forks up to Fjord activate 100 seconds apart, Regolith at 100.
fn growing() -> Arc<RollupConfig> {
    let mut forks = ForkTimes::default();
    for (index, fork) in Fork::ALL.into_iter().enumerate().skip(1).take(5) {
        forks.set(fork, Some(index as u64 * 100));
    }
    rollup(forks)
}

#[test]
fn channels_follow_the_forks_of_l1() {
    use Compression::{Brotli, Zlib};
    let rollup = growing();
    let blobs = SubmissionConfig {
        compression_level: 1,
        ..SubmissionConfig::default()
    };
    // Time of L1's head, Ecotone at 400, Fjord at 500.
    for (time, compression, in_blobs) in [
        (399, Zlib, false),
        (400, Zlib, true),
        (499, Zlib, true),
        (500, Brotli, true),
    ] {
        let mut submission = started(blobs, &rollup);
        submission.on_l1_head(1, time);
        push_all(&mut submission, &chain(2, &mut Random::new(1), 1, 10));
        submission.flush();
        let tx = submission.next_tx().unwrap();
        assert_eq!(tx.in_blobs, in_blobs, "{time}");
        assert_eq!(tx.calldata().is_empty(), in_blobs, "{time}");
        assert_eq!(tx.blobs().is_empty(), !in_blobs, "{time}");
        let is_brotli = tx.frames[0].data[0] == 1;
        assert_eq!(is_brotli, compression == Brotli, "{time}");
    }
}

#[test]
fn a_channel_keeps_the_form_it_began_with() {
    let rollup = growing();
    let mut submission = started(SubmissionConfig::default(), &rollup);
    submission.on_l1_head(1, 399);
    let blocks = chain(4, &mut Random::new(1), 1, 10);
    push_all(&mut submission, &blocks[..2]);
    assert_eq!(submission.next_tx(), None, "nothing is due yet");
    submission.on_l1_head(2, 500);
    push_all(&mut submission, &blocks[2..]);
    submission.flush();
    let tx = submission.next_tx().unwrap();
    assert_eq!((tx.blocks, tx.in_blobs), ((1, 4), false));
    assert_ne!(tx.frames[0].data[0], 1, "zlib");
}

#[test]
fn span_batches_go_by_the_time_of_the_first_l1_origin() {
    let rollup = growing();
    // Delta at 300. The block is younger than its L1 origin.
    for (origin_time, is_span) in [(299, false), (300, true)] {
        let info = opal_protocol::l1_info_deposit(
            &rollup,
            &opal_protocol::L1ChainConfig::dev(900),
            &opal_protocol::SystemConfig::default(),
            0,
            &alloy_consensus::Header {
                timestamp: origin_time,
                ..Default::default()
            },
            B256::ZERO,
            310,
        );
        let deposit = opal_protocol::deposit::encode_deposit(&info);
        let mut random = Random::new(1);
        let tx = transaction(&mut random, Bytes::new());
        let l2 = L2Ref {
            hash: B256::repeat_byte(1),
            number: 1,
            parent_hash: genesis().hash,
            time: 310,
            ..L2Ref::default()
        };
        let mut submission = started(small_calldata(), &rollup);
        submission.on_l1_head(1, 310);
        push_all(&mut submission, &[Block::new(l2, [deposit, tx])]);
        submission.flush();
        let data = submission.next_tx().unwrap().frames[0].data.clone();
        let rules = ChannelRules::at(&rollup, 310);
        let mut reader = BatchReader::open(&data, rules, SpanContext::from(&*rollup)).unwrap();
        let is = matches!(reader.next_batch(), Some(Ok(Batch::Span(_))));
        assert_eq!(is, is_span, "{origin_time}");
    }
}

#[test]
fn blocks_whose_window_closes_travel_one_by_one() {
    // The first block's origin is L1 block 0, the window 40 and the margin 10.
    for (head, is_span) in [(29, true), (30, false), (200, false)] {
        let rollup = Arc::new(RollupConfig {
            seq_window_size: 40,
            ..(*jovian()).clone()
        });
        let blocks = chain(3, &mut Random::new(1), 1, 10);
        let mut submission = started(small_calldata(), &rollup);
        submission.on_l1_head(head, 4 * head);
        push_all(&mut submission, &blocks);
        submission.flush();
        let data = submission.next_tx().unwrap().frames[0].data.clone();
        let rules = ChannelRules::at(&rollup, 4 * head);
        let reader = BatchReader::open(&data, rules, SpanContext::from(&*rollup)).unwrap();
        let batches: Vec<_> = reader.map(Result::unwrap).collect();
        assert_eq!(matches!(batches[..], [Batch::Span(_)]), is_span, "{head}");
        assert_eq!(batches.len(), if is_span { 1 } else { 3 }, "{head}");
    }
}

#[test]
fn blocks_must_be_consecutive() {
    let mut random = Random::new(9);
    let blocks = chain(3, &mut random, 1, 10);
    let mut submission = Submission::new(small_calldata(), jovian(), B256::ZERO).unwrap();
    assert!(matches!(
        submission.push_block(blocks[0].clone()),
        Err(PushError::NotNext { .. })
    ));
    assert_eq!(submission.wants(9), None);
    submission.reset(genesis());
    assert_eq!(submission.wants(9), Some(1..=9));
    let error = PushError::NotNext {
        expected: 1,
        got: 2,
    };
    assert_eq!(submission.push_block(blocks[1].clone()), Err(error));
    submission.push_block(blocks[0].clone()).unwrap();
    let other = chain(2, &mut random, 1, 10);
    assert!(matches!(
        submission.push_block(other[1].clone()),
        Err(PushError::Reorg { .. })
    ));
    assert_eq!(submission.wants(1), None);
}

#[test]
fn the_buffer_is_bounded() {
    let mut submission = started(small_calldata(), &jovian());
    let mut parent = genesis();
    let mut random = Random::new(2);
    let big = Bytes::from(vec![2; 4 << 20]);
    let mut taken = 0_usize;
    loop {
        let next = next_block(&parent, &mut random, 0, 0);
        let block = Block::new(*next.l2(), [big.clone()]);
        parent = *block.l2();
        match submission.push_block(block) {
            Ok(()) => taken += 1,
            Err(error) => break assert_eq!(error, PushError::Full),
        }
    }
    assert_eq!(taken, MAX_BUFFERED_BYTES / big.len());
    assert_eq!(submission.wants(1000), None);
}

#[test]
fn a_failed_transaction_takes_everything_behind_it_along() {
    let mut random = Random::new(4);
    let blocks = chain(60, &mut random, 4, 200);
    let rollup = jovian();
    let mut submission = started(small_calldata(), &rollup);
    push_all(&mut submission, &blocks);
    submission.flush();
    let mut derivation = Derivation::new(&rollup, &blocks);
    let mut sent = vec![];
    for _ in 0..6 {
        sent.push(submission.next_tx().unwrap());
    }
    // The third transaction fails; those behind it land all the same and count for nothing.
    for (index, tx) in sent.iter().enumerate().filter(|(index, _)| *index != 2) {
        derivation.read_tx(5, tx);
        if index < 2 {
            submission.on_confirmed(tx.id, l1_id(0, 5));
        }
    }
    let safe = derivation.safe.number;
    assert!(safe < sent[2].blocks.1);
    submission.on_failed(sent[2].id);
    let next = submission.next_tx().unwrap();
    assert_eq!(next.blocks.0, sent[2].blocks.0);
    assert_eq!(next.frames[0].number, 0);
    assert_ne!(next.frames[0].id, sent[2].frames[0].id);
    derivation.read_tx(6, &next);
    // Nobody knows the ids of dropped channels any more.
    submission.on_confirmed(sent[4].id, l1_id(0, 5));
    submission.on_failed(sent[5].id);
    submission.flush();
    while let Some(tx) = submission.next_tx() {
        derivation.read_tx(6, &tx);
    }
    assert_eq!(derivation.safe.number, 60);
}

#[test]
fn a_channel_that_times_out_is_built_again() {
    let rollup = jovian();
    let blocks = chain(20, &mut Random::new(4), 4, 400);
    let config = SubmissionConfig {
        target_num_frames: 4,
        ..small_calldata()
    };
    // (second transaction lands at, head at which that is noticed)
    for (lands, head) in [(Some(61), 61), (None, 61), (Some(60), 0)] {
        let mut submission = started(config, &rollup);
        push_all(&mut submission, &blocks);
        submission.flush();
        let first = submission.next_tx().unwrap();
        while submission.next_tx().is_some() {}
        submission.drain_trace();
        submission.on_l1_head(60, 240);
        submission.on_confirmed(first.id, l1_id(0, 10));
        assert_eq!(submission.drain_trace(), []);
        if let Some(at) = lands {
            for id in 1..4 {
                submission.on_confirmed(TxId(first.id.0 + id), l1_id(0, at));
            }
        }
        submission.on_l1_head(61, 244);
        let requeued = Trace::Requeued {
            from: 1,
            reason: RequeueReason::ChannelTimeout,
        };
        let trace = submission.drain_trace();
        assert_eq!(trace.contains(&requeued), head == 61, "{lands:?} {trace:?}");
    }
}

#[test]
fn safe_blocks_are_dropped_and_lost_ones_sent_again() {
    let mut random = Random::new(4);
    let blocks = chain(30, &mut random, 2, 200);
    let mut submission = started(small_calldata(), &jovian());
    let head = *blocks[29].l2();
    push_all(&mut submission, &blocks);
    submission.flush();
    let mut txs = vec![];
    while let Some(tx) = submission.next_tx() {
        submission.on_confirmed(tx.id, l1_id(0, 5));
        txs.push(tx);
    }
    let safe = *blocks[9].l2();
    assert_eq!(
        submission.on_status(&status(5, &safe, &head)),
        Verdict::InSync
    );
    assert_eq!(submission.status().blocks, 20);
    submission.drain_trace();
    assert_eq!(
        submission.next_tx(),
        None,
        "block 5 may still be under derivation"
    );
    assert_eq!(
        submission.on_status(&status(6, &safe, &head)),
        Verdict::InSync
    );
    let trace = submission.drain_trace();
    let lost = |t: &Trace| {
        matches!(
            t,
            Trace::Requeued {
                from: 11,
                reason: RequeueReason::NotDerived { passed: 5, .. }
            }
        )
    };
    assert!(trace.iter().any(lost), "{trace:?}");
    submission.flush();
    assert_eq!(submission.next_tx().unwrap().blocks.0, 11);
    // Everything safe: nothing is held any more, even what others posted.
    let ahead = next_block(&head, &mut random, 0, 0);
    assert_eq!(
        submission.on_status(&status(7, ahead.l2(), ahead.l2())),
        Verdict::InSync
    );
    assert_eq!(submission.status(), SubmissionStatus::default());
    assert_eq!(submission.wants(40), Some(32..=40));
}

/// Before Canyon an unfinished channel of somebody else may hold up ours until it times out.
#[test]
fn a_channel_may_wait_in_the_bank_before_canyon() {
    for (fork, patience) in [(Fork::Regolith, 300), (Fork::Canyon, 0)] {
        let rollup = rollup(ForkTimes::at_genesis(fork));
        let blocks = chain(3, &mut Random::new(1), 1, 10);
        let mut submission = started(small_calldata(), &rollup);
        push_all(&mut submission, &blocks);
        submission.flush();
        let tx = submission.next_tx().unwrap();
        submission.on_l1_head(10, 40);
        submission.on_confirmed(tx.id, l1_id(0, 10));
        let head = blocks[2].l2();
        submission.on_status(&status(10 + patience, &genesis(), head));
        assert_eq!(submission.status().channels, 1, "{fork}");
        submission.on_status(&status(11 + patience, &genesis(), head));
        assert_eq!(submission.status().channels, 0, "{fork}");
    }
}

#[test]
fn reorgs_and_restarts_of_the_node() {
    let mut random = Random::new(4);
    let blocks = chain(10, &mut random, 2, 200);
    let (head, safe) = (*blocks[9].l2(), *blocks[4].l2());
    let other = L2Ref {
        hash: keccak256("other"),
        ..head
    };
    let other_safe = L2Ref {
        hash: keccak256("other"),
        ..safe
    };
    let zero = RollupStatus::default();
    // (status, verdict is, blocks held afterwards)
    let in_sync = |v: &Verdict| *v == Verdict::InSync;
    let behind = |v: &Verdict| *v == Verdict::CatchingUp;
    let went_back = |v: &Verdict| {
        matches!(
            v,
            Verdict::Reset(ResetReason::SafeHeadWentBack { from: 5, to: 2 })
        )
    };
    let safe_reorg = |v: &Verdict| matches!(v, Verdict::Reset(ResetReason::SafeReorg { .. }));
    let unsafe_reorg = |v: &Verdict| matches!(v, Verdict::Reset(ResetReason::UnsafeReorg { .. }));
    type Check<'a> = &'a dyn Fn(&Verdict) -> bool;
    let table: [(RollupStatus, Check<'_>, usize); 7] = [
        (status(20, &safe, &head), &in_sync, 5),
        (zero, &behind, 5),
        (status(20, blocks[1].l2(), &head), &went_back, 0),
        (status(20, &other_safe, &head), &safe_reorg, 0),
        (status(20, &safe, &other), &unsafe_reorg, 0),
        (status(20, &safe, blocks[7].l2()), &in_sync, 5),
        (
            RollupStatus {
                head_l1: l1_id(0, 30),
                ..status(19, &safe, &head)
            },
            &behind,
            5,
        ),
    ];
    for (index, (status_now, check, held)) in table.into_iter().enumerate() {
        let mut submission = Submission::new(small_calldata(), jovian(), B256::ZERO).unwrap();
        let start = submission.on_status(&status(20, &genesis(), &head));
        assert_eq!(start, Verdict::Reset(ResetReason::Start));
        push_all(&mut submission, &blocks);
        assert_eq!(
            submission.on_status(&status(20, &safe, &head)),
            Verdict::InSync
        );
        let verdict = submission.on_status(&status_now);
        assert!(check(&verdict), "{index}: {verdict:?}");
        assert_eq!(submission.status().blocks, held, "{index}");
    }
}

#[test]
fn a_fresh_start_waits_for_the_node() {
    let config = SubmissionConfig {
        wait_node_sync: Some(2),
        ..small_calldata()
    };
    let mut submission = Submission::new(config, jovian(), B256::ZERO).unwrap();
    let lagging = RollupStatus {
        head_l1: l1_id(0, 30),
        ..status(27, &genesis(), &genesis())
    };
    assert_eq!(submission.on_status(&lagging), Verdict::CatchingUp);
    let near = RollupStatus {
        current_l1: l1_id(0, 28),
        ..lagging
    };
    assert_eq!(
        submission.on_status(&near),
        Verdict::Reset(ResetReason::Start)
    );
}

#[test]
fn settings_out_of_range_are_named() {
    let good = SubmissionConfig::default();
    let table = [
        SubmissionConfig {
            data: DataForm::Blobs { max_per_tx: 7 },
            ..good
        },
        SubmissionConfig {
            data: DataForm::Blobs { max_per_tx: 0 },
            ..good
        },
        SubmissionConfig {
            data: DataForm::Calldata { max_bytes: 999 },
            ..good
        },
        SubmissionConfig {
            data: DataForm::Calldata {
                max_bytes: 2_000_000,
            },
            ..good
        },
        SubmissionConfig {
            target_num_frames: 0,
            ..good
        },
        SubmissionConfig {
            compression_level: 12,
            ..good
        },
        SubmissionConfig {
            compression: Compression::Zlib,
            compression_level: 10,
            ..good
        },
    ];
    assert_eq!(good.validate(), Ok(()));
    for config in table {
        assert!(config.validate().is_err(), "{config:?}");
    }
}

/// One run in a world that loses transactions, reorganises L1 and restarts the batcher, and then
/// behaves: everything must become safe.
fn run_world(seed: u64) {
    let mut random = Random::new(seed);
    let rollup = jovian();
    let blocks = chain(60, &mut random, 3, 600);
    let config = SubmissionConfig {
        target_num_frames: 1 + random.below(5) as usize,
        max_channel_duration: 1 + random.below(3),
        ..small_calldata()
    };
    let mut submission = Submission::new(config, rollup.clone(), B256::ZERO).unwrap();
    let mut l1: Vec<Vec<TxData>> = vec![vec![]];
    let mut in_flight: Vec<TxData> = vec![];
    for round in 0..400_u64 {
        let is_rough = round < 120;
        let head_l2 = *blocks[(round as usize).min(blocks.len() - 1)].l2();
        if is_rough {
            match random.below(12) {
                0 if l1.len() > 3 => {
                    // A reorg whose transactions are lost.
                    l1.truncate(l1.len() - 1 - random.below(2) as usize);
                }
                1 => {
                    let seed = B256::from(U256::from(round));
                    submission = Submission::new(config, rollup.clone(), seed).unwrap();
                    in_flight.clear();
                }
                2 if !in_flight.is_empty() => {
                    let index = random.below(in_flight.len() as u64) as usize;
                    submission.on_failed(in_flight.remove(index).id);
                }
                _ => {}
            }
        }
        // L1 takes some of what is in flight, in order.
        let take = random.below(in_flight.len() as u64 + 1) as usize;
        l1.push(in_flight.drain(..take).collect());
        let number = l1.len() as u64 - 1;
        for tx in l1.last().unwrap().clone() {
            submission.on_confirmed(tx.id, l1_id(0, number));
        }
        let mut derivation = Derivation::new(&rollup, &blocks);
        // The node reads L1 a few blocks late, so that a reorg can take what it never read.
        let read = number.saturating_sub(if is_rough { random.below(5) } else { 0 });
        for (number, txs) in l1.iter().enumerate().take(read as usize + 1) {
            txs.iter()
                .for_each(|tx| derivation.read_tx(number as u64, tx));
        }
        submission.on_l1_head(number, number * L1_BLOCK_TIME);
        let node = RollupStatus {
            head_l1: l1_id(0, number),
            ..status(read, &derivation.safe, &head_l2)
        };
        let is_behind = submission.on_status(&node) == Verdict::CatchingUp;
        let wanted = submission.wants(head_l2.number).filter(|_| !is_behind);
        for number in wanted.into_iter().flatten() {
            submission
                .push_block(blocks[number as usize - 1].clone())
                .unwrap();
        }
        while in_flight.len() < 5
            && let Some(tx) = submission.next_tx()
        {
            in_flight.push(tx);
        }
        if !is_rough && derivation.safe.number == 60 {
            assert!(submission.status().blocks == 0);
            return;
        }
    }
    panic!(
        "seed {seed}: the chain did not become safe; {:?}",
        submission.status()
    );
}

#[test]
fn everything_becomes_safe_whatever_is_lost() {
    (0..60).for_each(run_world);
}

#[test]
fn building_costs_are_linear() {
    // 20,000 blocks: with quadratic span building this would take minutes.
    let blocks = chain(MAX_BUFFERED_BLOCKS as u64, &mut Random::new(8), 1, 40);
    let config = SubmissionConfig {
        compression_level: 1,
        ..SubmissionConfig::default()
    };
    let mut submission = started(config, &jovian());
    let started_at = std::time::Instant::now();
    push_all(&mut submission, &blocks);
    submission.flush();
    let mut last = 0;
    while let Some(tx) = submission.next_tx() {
        last = tx.blocks.1;
    }
    assert_eq!(last, blocks.len() as u64);
    assert!(
        started_at.elapsed().as_secs() < 60,
        "took {:?}",
        started_at.elapsed()
    );
}
