//! A synthetic L1 that carries a synthetic L2 made of real transactions.
//!
//! 2,000 L1 blocks, twelve seconds apart; six L2 blocks for each. Every 24 L1 blocks the batcher
//! posts the 144 L2 blocks of the last 24 as one zlib channel, by turns in blobs and in calldata.
//! Headers, hashes and signatures are genuine; versioned hashes of blobs are not, because neither
//! pipeline looks behind them.

use crate::fixture::Channel;
use alloy_consensus::{Header, SignableTransaction, TxEip1559, TxEip4844};
use alloy_eips::{eip2718::Encodable2718, eip4844::Blob};
use alloy_primitives::{
    Address, B256, Bytes, Log, LogData, Signature, TxKind, U256, address, keccak256,
};
use opal_protocol::{
    Compression, Fork, ForkTimes, Frame, L1Block, L1Id, L1Receipt, L2Id, L2Ref, RollupConfig,
    SingularBatch, SpanBatch, SpanBlock, SpanContext, SystemConfig, batch::append_to_stream, blob,
    channel::compress, deposit::TRANSACTION_DEPOSITED_TOPIC, frame::encode_frames,
};
use std::{collections::HashMap, sync::Arc};

/// L1 blocks of a world.
pub const L1_BLOCKS: u64 = 2_000;
/// L2 blocks for each L1 block.
pub const BLOCKS_PER_EPOCH: u64 = 6;
/// L1 blocks whose L2 blocks share a channel.
const EPOCHS_PER_CHANNEL: u64 = 24;
const BLOCKS_PER_CHANNEL: u64 = BLOCKS_PER_EPOCH * EPOCHS_PER_CHANNEL;
/// L1 blocks that the frames of a channel take at most.
const POSTING_BLOCKS: u64 = 8;
/// Unix time of both genesis blocks in seconds.
const GENESIS_TIME: u64 = 1_717_000_000;
/// Data bytes of a frame in calldata.
const CALLDATA_FRAME_BYTES: usize = 100_000;
/// Blobs of one transaction.
const BLOBS_PER_TX: usize = 3;
/// Transactions of each L1 block that are none of the rollup's business.
const FOREIGN_TXS: usize = 20;
const ZLIB_LEVEL: u8 = 9;

const INBOX: Address = address!("ff00000000000000000000000000000000000010");
const PORTAL: Address = address!("dd00000000000000000000000000000000000010");
const SYSTEM_CONFIG: Address = address!("cc00000000000000000000000000000000000010");
/// Private key of the batcher.
const BATCHER_KEY: [u8; 32] = [0x42; 32];

/// How the L2 blocks are batched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batching {
    /// One batch for each block, with all of its transactions.
    Singular,
    /// One span batch for each channel, with all transactions.
    Span,
    /// One span batch for each channel, with one transaction for each block.
    SparseSpan,
}

/// The channels of a world: what is costly to make and does not depend on the rest.
pub struct Channels(Vec<(Vec<u8>, usize)>);

/// Everything that a derivation reads, and the L2 chain that it must find.
pub struct World {
    pub cfg: RollupConfig,
    pub headers: Vec<Header>,
    pub hashes: Vec<B256>,
    /// Encoded transactions of each L1 block.
    pub txs: Vec<Vec<Bytes>>,
    /// Receipts of each L1 block.
    pub receipts: Vec<Vec<L1Receipt>>,
    pub blobs: Arc<HashMap<B256, Box<Blob>>>,
    /// The L2 chain, genesis first.
    pub l2: Vec<L2Ref>,
}

impl Channels {
    /// Compresses the channels of all of L2, on as many threads as there are cores.
    pub fn new(channel: &Channel, batching: Batching) -> Self {
        let (headers, hashes) = l1_chain();
        drop(headers);
        let count = channel_count();
        let make = |k: u64| {
            let stream = stream(channel, batching, &hashes, k);
            (
                compress(&stream, Compression::Zlib, ZLIB_LEVEL),
                stream.len(),
            )
        };
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
        let mut parts: Vec<(u64, (Vec<u8>, usize))> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|t| {
                    let mine = (t..count).step_by(threads as usize);
                    scope.spawn(move || mine.map(|k| (k, make(k))).collect::<Vec<_>>())
                })
                .collect();
            workers
                .into_iter()
                .flat_map(|w| w.join().expect("compresses"))
                .collect()
        });
        parts.sort_by_key(|(k, _)| *k);
        Self(parts.into_iter().map(|(_, channel)| channel).collect())
    }

    /// Compressed bytes and decompressed length of each channel.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], usize)> {
        self.0.iter().map(|(data, len)| (&data[..], *len))
    }
}

impl World {
    /// A world whose forks up to `last` are active from genesis, with `deposits` user deposits in
    /// each L1 block.
    pub fn new(channel: &Channel, channels: &Channels, last: Fork, deposits: usize) -> Self {
        let (headers, hashes) = l1_chain();
        let mut foreign = Vec::new();
        for block in &channel.span.blocks {
            foreign.extend(block.transactions.iter().cloned());
        }
        let mut txs: Vec<Vec<Bytes>> = (0..headers.len())
            .map(|n| {
                let from = n * FOREIGN_TXS % (foreign.len() - FOREIGN_TXS);
                foreign[from..from + FOREIGN_TXS].to_vec()
            })
            .collect();
        let mut blobs = HashMap::new();
        for (k, (data, _)) in channels.iter().enumerate() {
            let first = (k as u64 + 1) * EPOCHS_PER_CHANNEL + 1;
            post(k as u64, data, &mut txs[first as usize..], &mut blobs);
        }
        let receipts = (0..headers.len() as u64)
            .map(|n| receipts(n, deposits))
            .collect();
        let l2 = (0..=channel_count() * BLOCKS_PER_CHANNEL)
            .map(|n| l2_ref(&hashes, n))
            .collect();
        Self {
            cfg: config(last, hashes[0]),
            headers,
            hashes,
            txs,
            receipts,
            blobs: Arc::new(blobs),
            l2,
        }
    }

    /// L2 blocks that the first `l1_blocks` L1 blocks carry.
    pub fn l2_blocks(&self, l1_blocks: u64) -> usize {
        let channels = l1_blocks.saturating_sub(POSTING_BLOCKS) / EPOCHS_PER_CHANNEL;
        ((channels * BLOCKS_PER_CHANNEL) as usize).min(self.l2.len() - 1)
    }

    /// Transactions to the inbox.
    pub fn inbox(&self) -> impl Iterator<Item = &Bytes> {
        self.txs.iter().flat_map(|txs| {
            let count = txs.len() - FOREIGN_TXS;
            txs[FOREIGN_TXS / 2..][..count].iter()
        })
    }

    /// User deposits on all of L1.
    pub fn deposits(&self) -> usize {
        let logs = |r: &L1Receipt| r.logs.iter().filter(|log| log.address == PORTAL).count();
        self.receipts.iter().flatten().map(logs).sum()
    }

    /// L1 block `number` as our pipeline takes it, made of the raw block.
    pub fn l1_block(&self, number: u64) -> L1Block {
        let n = number as usize;
        L1Block::new(
            &self.cfg,
            self.hashes[n],
            self.headers[n].clone(),
            &self.txs[n],
            &self.receipts[n],
        )
        .expect("the portal's logs are well-formed")
    }
}

fn channel_count() -> u64 {
    (L1_BLOCKS - POSTING_BLOCKS) / EPOCHS_PER_CHANNEL - 1
}

/// Headers of L1 and their hashes. They commit to nothing: nobody here opens the roots.
fn l1_chain() -> (Vec<Header>, Vec<B256>) {
    let (mut headers, mut hashes) = (Vec::new(), Vec::new());
    let mut parent_hash = keccak256("before genesis");
    for number in 0..L1_BLOCKS {
        let header = Header {
            parent_hash,
            number,
            timestamp: GENESIS_TIME + 12 * number,
            gas_limit: 30_000_000,
            gas_used: 15_000_000,
            base_fee_per_gas: Some(7_000_000_000 + number),
            mix_hash: keccak256(number.to_be_bytes()),
            withdrawals_root: Some(B256::ZERO),
            blob_gas_used: Some(393_216),
            excess_blob_gas: Some(60_000_000 + 1_000 * number),
            parent_beacon_block_root: Some(keccak256((number + 1).to_be_bytes())),
            requests_hash: Some(B256::ZERO),
            ..Default::default()
        };
        parent_hash = header.hash_slow();
        hashes.push(parent_hash);
        headers.push(header);
    }
    (headers, hashes)
}

fn l2_hash(number: u64) -> B256 {
    keccak256([&b"l2"[..], &number.to_be_bytes()].concat())
}

fn l2_ref(l1_hashes: &[B256], number: u64) -> L2Ref {
    let epoch = number / BLOCKS_PER_EPOCH;
    L2Ref {
        hash: l2_hash(number),
        number,
        parent_hash: number.checked_sub(1).map_or(B256::ZERO, l2_hash),
        time: GENESIS_TIME + 2 * number,
        l1_origin: L1Id {
            hash: l1_hashes[epoch as usize],
            number: epoch,
        },
        seq_num: number % BLOCKS_PER_EPOCH,
    }
}

fn config(last: Fork, l1_genesis: B256) -> RollupConfig {
    let mut cfg = RollupConfig {
        block_time: 2,
        max_sequencer_drift: 600,
        seq_window_size: 3600,
        channel_timeout: 300,
        l1_chain_id: 1,
        l2_chain_id: crate::fixture::CONTEXT.chain_id,
        forks: ForkTimes::at_genesis(last),
        batch_inbox_address: INBOX,
        deposit_contract_address: PORTAL,
        l1_system_config_address: SYSTEM_CONFIG,
        ..Default::default()
    };
    cfg.genesis.l1 = L1Id {
        hash: l1_genesis,
        number: 0,
    };
    cfg.genesis.l2 = L2Id {
        hash: l2_hash(0),
        number: 0,
    };
    cfg.genesis.l2_time = GENESIS_TIME;
    cfg.genesis.system_config = SystemConfig {
        batcher_address: batcher(),
        gas_limit: 30_000_000,
        // Set, so that they read the same from every block's header.
        eip1559_denominator: 250,
        eip1559_elasticity: 6,
        ..Default::default()
    };
    cfg.genesis.system_config.set_ecotone_scalars(1368, 810_949);
    cfg
}

/// The decompressed stream of channel `k`.
fn stream(channel: &Channel, batching: Batching, l1_hashes: &[B256], k: u64) -> Vec<u8> {
    let blocks = k * BLOCKS_PER_CHANNEL + 1..=(k + 1) * BLOCKS_PER_CHANNEL;
    let transactions = |n: u64| {
        let all = channel.transactions(n as usize);
        match batching {
            Batching::SparseSpan => all[..all.len().min(1)].to_vec(),
            _ => all.to_vec(),
        }
    };
    let mut out = Vec::new();
    if batching == Batching::Singular {
        for n in blocks {
            let block = l2_ref(l1_hashes, n);
            let batch = SingularBatch {
                parent_hash: block.parent_hash,
                epoch_num: block.l1_origin.number,
                epoch_hash: block.l1_origin.hash,
                timestamp: block.time,
                transactions: transactions(n),
            };
            append_to_stream(&batch.encode(), &mut out);
        }
        return out;
    }
    let last = l2_ref(l1_hashes, *blocks.end());
    let first = l2_ref(l1_hashes, *blocks.start());
    let span = SpanBatch {
        parent_check: prefix(first.parent_hash),
        l1_origin_check: prefix(last.l1_origin.hash),
        first_starts_epoch: first.seq_num == 0,
        blocks: blocks
            .map(|n| {
                let block = l2_ref(l1_hashes, n);
                SpanBlock {
                    epoch_num: block.l1_origin.number,
                    timestamp: block.time,
                    transactions: transactions(n),
                }
            })
            .collect(),
    };
    let context = SpanContext {
        genesis_time: GENESIS_TIME,
        ..crate::fixture::CONTEXT
    };
    let encoded = span.encode(context).expect("real transactions");
    append_to_stream(&encoded, &mut out);
    out
}

fn prefix(hash: B256) -> alloy_primitives::FixedBytes<20> {
    alloy_primitives::FixedBytes::from_slice(&hash[..20])
}

/// Posts channel `k`: even ones in blobs, odd ones in calldata; two frames or one blob transaction
/// in each L1 block.
fn post(k: u64, data: &[u8], txs: &mut [Vec<Bytes>], blobs: &mut HashMap<B256, Box<Blob>>) {
    let in_blobs = k.is_multiple_of(2);
    let frame_bytes = if in_blobs {
        blob::MAX_BLOB_DATA_BYTES - 24
    } else {
        CALLDATA_FRAME_BYTES
    };
    let id = keccak256(k.to_be_bytes());
    let pieces: Vec<_> = data.chunks(frame_bytes).collect();
    let frames: Vec<_> = pieces
        .iter()
        .enumerate()
        .map(|(number, piece)| {
            encode_frames(&[Frame {
                id: alloy_primitives::FixedBytes::from_slice(&id[..16]),
                number: number as u16,
                data: Bytes::copy_from_slice(piece),
                is_last: number + 1 == pieces.len(),
            }])
        })
        .collect();
    let per_block = if in_blobs { BLOBS_PER_TX } else { 2 };
    assert!(frames.len().div_ceil(per_block) as u64 <= POSTING_BLOCKS);
    for (block, frames) in txs.iter_mut().zip(frames.chunks(per_block)) {
        if in_blobs {
            let hashes = frames.iter().map(|frame| {
                let mut hash = keccak256(frame);
                hash.0[0] = 1;
                blobs.insert(hash, blob::encode(frame).expect("fits"));
                hash
            });
            block.insert(FOREIGN_TXS / 2, blob_tx(hashes.collect()));
        } else {
            for (place, frame) in (FOREIGN_TXS / 2..).zip(frames) {
                block.insert(place, calldata_tx(frame.clone().into()));
            }
        }
    }
}

fn batcher() -> Address {
    let key = k256::ecdsa::SigningKey::from_bytes(&BATCHER_KEY.into()).expect("a valid key");
    Address::from_public_key(key.verifying_key())
}

fn sign(hash: B256) -> Signature {
    let key = k256::ecdsa::SigningKey::from_bytes(&BATCHER_KEY.into()).expect("a valid key");
    key.sign_prehash_recoverable(hash.as_slice())
        .expect("signs")
        .into()
}

fn calldata_tx(input: Bytes) -> Bytes {
    let tx = TxEip1559 {
        chain_id: 1,
        gas_limit: 2_000_000,
        max_fee_per_gas: 20_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: TxKind::Call(INBOX),
        input,
        ..Default::default()
    };
    let signature = sign(tx.signature_hash());
    tx.into_signed(signature).encoded_2718().into()
}

fn blob_tx(blob_versioned_hashes: Vec<B256>) -> Bytes {
    let tx = TxEip4844 {
        chain_id: 1,
        gas_limit: 21_000,
        max_fee_per_gas: 20_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: INBOX,
        blob_versioned_hashes,
        max_fee_per_blob_gas: 1_000_000_000,
        ..Default::default()
    };
    let signature = sign(tx.signature_hash());
    tx.into_signed(signature).encoded_2718().into()
}

/// One receipt for each foreign transaction, each with the log of a token transfer, and one
/// receipt with the deposits.
fn receipts(number: u64, deposits: usize) -> Vec<L1Receipt> {
    let transfer = Log {
        address: Address::repeat_byte(0x70),
        data: LogData::new_unchecked(
            vec![
                keccak256("Transfer(address,address,uint256)"),
                B256::ZERO,
                B256::ZERO,
            ],
            Bytes::from_static(&[7; 32]),
        ),
    };
    let mut receipts = vec![
        L1Receipt {
            success: true,
            logs: vec![transfer],
        };
        FOREIGN_TXS
    ];
    receipts.push(L1Receipt {
        success: true,
        logs: (0..deposits).map(|i| deposit_log(number, i)).collect(),
    });
    receipts
}

fn deposit_log(number: u64, index: usize) -> Log {
    /// mint, value, gas limit, whether it creates, and 68 bytes of calldata.
    const OPAQUE_BYTES: usize = 32 + 32 + 8 + 1 + 68;
    let word = |v: u64| B256::from(U256::from(v));
    let mut data = Vec::new();
    data.extend(word(32));
    data.extend(word(OPAQUE_BYTES as u64));
    data.extend(word(1_000 + index as u64));
    data.extend(word(1_000));
    data.extend(100_000u64.to_be_bytes());
    data.push(0);
    data.extend([index as u8; 68]);
    data.resize(64 + OPAQUE_BYTES.next_multiple_of(32), 0);
    let party = |byte| Address::repeat_byte(byte).into_word();
    Log {
        address: PORTAL,
        data: LogData::new_unchecked(
            vec![
                TRANSACTION_DEPOSITED_TOPIC,
                party(number as u8),
                party(index as u8),
                B256::ZERO,
            ],
            data.into(),
        ),
    }
}
