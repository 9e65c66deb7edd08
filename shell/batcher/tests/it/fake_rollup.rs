//! A sequencer's L2 node and rollup node in this process. The rollup node derives from the fake
//! L1 by Holocene's rules, as far as they matter to a batcher.

use crate::fake_l1::{Down, State as L1State, Tx, serve};
use alloy_consensus::{
    Header, Sealable, SignableTransaction, Transaction, TxEip1559,
    proofs::calculate_transaction_root,
};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, Bytes, Signature, TxKind, U64, U256};
use jsonrpsee::server::ServerHandle;
use op_alloy_consensus::OpTxEnvelope;
use opal_protocol::{
    Batch, BatchReader, ChannelRules, Fork, ForkTimes, Frame, L1ChainConfig, L1Id, L2Id, L2Ref,
    RollupConfig, RollupGenesis, SpanContext, SystemConfig, blob, frame::parse_frames,
    l1_info_deposit,
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard};

pub(crate) const L2_CHAIN_ID: u64 = 901;
pub(crate) const INBOX: Address = Address::repeat_byte(0xff);

struct Block {
    header: Header,
    l2: L2Ref,
    txs: Vec<OpTxEnvelope>,
}

pub(crate) struct State {
    pub(crate) chain: RollupConfig,
    l1: Arc<Mutex<L1State>>,
    blocks: Vec<Block>,
    salt: u64,
    pub(crate) is_down: bool,
}

pub(crate) struct FakeRollup {
    state: Arc<Mutex<State>>,
    pub(crate) l2_url: String,
    pub(crate) node_url: String,
    _servers: [ServerHandle; 2],
}

impl Down for State {
    fn is_down(&self) -> bool {
        self.is_down
    }
}

impl FakeRollup {
    pub(crate) async fn start(l1: Arc<Mutex<L1State>>, batcher: Address) -> Self {
        let (genesis_l1, chain_id) = (id(&l1.lock().unwrap().blocks[0]), crate::fake_l1::CHAIN_ID);
        let header = Header {
            timestamp: 0,
            ..Header::default()
        };
        let hash = header.hash_slow();
        let system_config = SystemConfig {
            batcher_address: batcher,
            gas_limit: 30_000_000,
            ..SystemConfig::default()
        };
        let chain = RollupConfig {
            genesis: RollupGenesis {
                l1: genesis_l1,
                l2: L2Id { hash, number: 0 },
                l2_time: 0,
                system_config,
            },
            block_time: 2,
            max_sequencer_drift: 600,
            seq_window_size: 3600,
            channel_timeout: 300,
            l1_chain_id: chain_id,
            l2_chain_id: L2_CHAIN_ID,
            forks: ForkTimes::at_genesis(Fork::Jovian),
            batch_inbox_address: INBOX,
            ..RollupConfig::default()
        };
        let l2 = L2Ref {
            hash,
            l1_origin: genesis_l1,
            ..L2Ref::default()
        };
        let genesis = Block {
            header,
            l2,
            txs: vec![],
        };
        let state = State {
            chain,
            l1,
            blocks: vec![genesis],
            salt: 0,
            is_down: false,
        };
        let state = Arc::new(Mutex::new(state));
        let (l2_url, l2_server) = serve(
            state.clone(),
            &[
                ("eth_chainId", |_, _| Ok(json!(U64::from(L2_CHAIN_ID)))),
                ("eth_getBlockByNumber", |state: &mut State, params| {
                    let number: U64 = serde_json::from_value(params[0].clone()).unwrap();
                    Ok(state
                        .blocks
                        .get(number.to::<usize>())
                        .map_or(Value::Null, Block::to_json))
                }),
            ],
        )
        .await;
        let (node_url, node_server) = serve(
            state.clone(),
            &[
                ("optimism_rollupConfig", |state: &mut State, _| {
                    Ok(json!(state.chain))
                }),
                ("optimism_syncStatus", |state: &mut State, _| {
                    Ok(state.sync_status())
                }),
            ],
        )
        .await;
        Self {
            state,
            l2_url,
            node_url,
            _servers: [l2_server, node_server],
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Block {
    fn to_json(&self) -> Value {
        let mut value = serde_json::to_value(&self.header).unwrap();
        value["hash"] = json!(self.l2.hash);
        value["transactions"] = self.txs.iter().map(|tx| json!(tx)).collect();
        value
    }

    fn batch_txs(&self) -> Vec<Bytes> {
        self.txs
            .iter()
            .filter(|tx| !tx.is_deposit())
            .map(|tx| tx.encoded_2718().into())
            .collect()
    }
}

fn id(block: &crate::fake_l1::L1Block) -> L1Id {
    L1Id {
        hash: block.hash,
        number: block.header.number,
    }
}

impl State {
    pub(crate) fn head(&self) -> L2Ref {
        self.blocks.last().unwrap().l2
    }

    /// The sequencer builds `count` blocks with `txs` transactions of `bytes` calldata each.
    pub(crate) fn build(&mut self, count: usize, txs: u64, bytes: usize) {
        for _ in 0..count {
            let parent = self.head();
            let l1 = self.l1.lock().unwrap();
            let next = (parent.l1_origin.number + 1).min(l1.head().header.number);
            let origin = &l1.blocks[next as usize];
            let seq_num = if next == parent.l1_origin.number {
                parent.seq_num + 1
            } else {
                0
            };
            let time = parent.time + self.chain.block_time;
            let info = l1_info_deposit(
                &self.chain,
                &L1ChainConfig::dev(self.chain.l1_chain_id),
                &self.chain.genesis.system_config,
                seq_num,
                &origin.header,
                origin.hash,
                time,
            );
            let l1_origin = id(origin);
            drop(l1);
            let mut all = vec![OpTxEnvelope::Deposit(info.seal_slow())];
            for _ in 0..txs {
                self.salt += 1;
                all.push(transaction(self.salt, bytes));
            }
            let header = Header {
                parent_hash: parent.hash,
                number: parent.number + 1,
                timestamp: time,
                transactions_root: calculate_transaction_root(&all),
                extra_data: self.salt.to_be_bytes().into(),
                ..Header::default()
            };
            let l2 = L2Ref {
                hash: header.hash_slow(),
                number: header.number,
                parent_hash: parent.hash,
                time,
                l1_origin,
                seq_num,
            };
            self.blocks.push(Block {
                header,
                l2,
                txs: all,
            });
        }
    }

    /// The sequencer drops its last `depth` blocks and builds others.
    pub(crate) fn reorg(&mut self, depth: usize) {
        self.blocks.truncate(self.blocks.len() - depth);
        self.salt += 1_000_000;
        self.build(depth, 1, 100);
    }

    fn sync_status(&self) -> Value {
        let l1 = self.l1.lock().unwrap();
        let head = l1.head();
        let head_l1 = json!({
            "hash": head.hash, "number": head.header.number,
            "parentHash": head.header.parent_hash, "timestamp": head.header.timestamp,
        });
        let safe = Derivation::run(self, &l1);
        let zero = json!(L2Ref::default());
        json!({
            "current_l1": head_l1, "current_l1_finalized": head_l1, "head_l1": head_l1,
            "safe_l1": head_l1, "finalized_l1": head_l1, "unsafe_l2": self.head(),
            "safe_l2": safe, "finalized_l2": zero, "pending_safe_l2": safe,
            "cross_unsafe_l2": zero, "local_safe_l2": safe, "queued_unsafe_l2": zero,
        })
    }

    pub(crate) fn safe(&self) -> L2Ref {
        Derivation::run(self, &self.l1.lock().unwrap())
    }
}

fn transaction(salt: u64, bytes: usize) -> OpTxEnvelope {
    let mut input = vec![];
    while input.len() < bytes {
        let seed = (salt, input.len());
        input.extend_from_slice(alloy_primitives::keccak256(format!("{seed:?}")).as_slice());
    }
    input.truncate(bytes);
    let tx = TxEip1559 {
        chain_id: L2_CHAIN_ID,
        nonce: salt,
        gas_limit: 100_000,
        max_fee_per_gas: 9,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(INBOX),
        input: input.into(),
        ..TxEip1559::default()
    };
    tx.into_signed(Signature::new(U256::from(salt), U256::from(7), false))
        .into()
}

/// Frame queue, channel and batch stage in one.
struct Derivation<'a> {
    state: &'a State,
    safe: L2Ref,
    frames: Vec<Frame>,
}

impl<'a> Derivation<'a> {
    fn run(state: &'a State, l1: &L1State) -> L2Ref {
        let mut derivation = Self {
            state,
            safe: state.blocks[0].l2,
            frames: vec![],
        };
        let batcher = state.chain.genesis.system_config.batcher_address;
        for tx in l1
            .mined()
            .iter()
            .filter(|tx| tx.from == batcher && tx.envelope.to() == Some(INBOX))
        {
            derivation.read_tx(tx);
        }
        derivation.safe
    }

    fn read_tx(&mut self, tx: &Tx) {
        let blobs = tx.blobs();
        let data: Vec<Bytes> = if blobs.is_empty() {
            vec![tx.envelope.input().clone()]
        } else {
            blobs
                .iter()
                .filter_map(|blob| blob::decode(blob).ok())
                .collect()
        };
        for frame in data
            .iter()
            .filter_map(|data| parse_frames(data).ok())
            .flatten()
        {
            let continues = self
                .frames
                .last()
                .is_some_and(|last| last.id == frame.id && last.number + 1 == frame.number);
            if frame.number == 0 {
                self.frames.clear();
            } else if !continues {
                continue;
            }
            let is_last = frame.is_last;
            self.frames.push(frame);
            if is_last {
                let data: Vec<u8> = self
                    .frames
                    .drain(..)
                    .flat_map(|f| f.data.to_vec())
                    .collect();
                self.read_channel(&data);
            }
        }
    }

    fn read_channel(&mut self, data: &[u8]) {
        let chain = &self.state.chain;
        let Ok(batches) =
            BatchReader::open(data, ChannelRules::at(chain, 1), SpanContext::from(chain))
        else {
            return;
        };
        for batch in batches {
            let blocks = match batch {
                Ok(Batch::Span(span)) => span.blocks,
                Ok(Batch::Singular(_)) | Err(_) => return,
            };
            for block in blocks {
                let next = self.safe.number as usize + 1;
                if block.timestamp <= self.safe.time {
                    continue;
                }
                let Some(ours) = self.state.blocks.get(next) else {
                    return;
                };
                if block.timestamp != ours.l2.time || block.transactions != ours.batch_txs() {
                    return;
                }
                self.safe = ours.l2;
            }
        }
    }
}
