//! A small world to derive in: an L1 that tests fill block by block, a sequencer that builds L2
//! blocks, and a toy engine whose block hash is a hash of the attributes.

use crate::{
    Derivation, DerivedAttributes, L1Request, L2BlockInput, Rejection, Start, Step, Trace,
    attributes,
};
use alloy_consensus::{Header, SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::{eip2718::Encodable2718, eip4844::Blob};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, Signature, TxKind, U256, keccak256};
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use opal_protocol::{
    ChannelId, Compression, ConfigUpdate, Fork, ForkTimes, Frame, InboxTx, L1Block, L1ChainConfig,
    L1Id, L2Id, L2Ref, RollupConfig, RollupGenesis, SingularBatch, SpanContext, SystemConfig,
    UpgradeBundle, Upgrades,
    batch::{SpanBatchBuilder, append_to_stream},
    blob, channel,
    config::ChainOpConfig,
    frame::encode_frames,
    upgrades::UPGRADING_FORKS,
};
use std::{boxed::Box, collections::BTreeMap, sync::Arc, vec, vec::Vec};

pub(super) const BATCHER: Address = Address::repeat_byte(0xba);
pub(super) const STRANGER: Address = Address::repeat_byte(0x57);
pub(super) const INBOX: Address = Address::repeat_byte(0x1b);
pub(super) const L1_TIME: u64 = 1_000_000;
pub(super) const L1_BLOCK_TIME: u64 = 12;
pub(super) const GAS_LIMIT: u64 = 30_000_000;

/// A rollup with every fork up to `last` active at genesis, 2-second blocks, and a short window.
pub(super) fn config(last: Fork) -> RollupConfig {
    RollupConfig {
        genesis: RollupGenesis {
            l1: L1Id::default(),
            l2: L2Id {
                hash: B256::repeat_byte(0x22),
                number: 0,
            },
            l2_time: L1_TIME,
            system_config: SystemConfig {
                batcher_address: BATCHER,
                gas_limit: GAS_LIMIT,
                scalar: U256::from(1) << 248 | U256::from(1368) << 32 | U256::from(810_949),
                ..Default::default()
            },
        },
        block_time: 2,
        max_sequencer_drift: 600,
        seq_window_size: 10,
        channel_timeout: 300,
        l1_chain_id: 900,
        l2_chain_id: 901,
        forks: ForkTimes::at_genesis(last),
        batch_inbox_address: INBOX,
        deposit_contract_address: Address::repeat_byte(0xdc),
        l1_system_config_address: Address::repeat_byte(0x5c),
        protocol_versions_address: Address::ZERO,
        chain_op_config: ChainOpConfig::default(),
        keep_karst_upgrade_gas: false,
        alt_da: None,
    }
}

/// What an L1 block holds besides its header.
#[derive(Clone, Debug, Default)]
pub(super) struct Mine {
    pub(super) inbox: Vec<InboxTx>,
    pub(super) deposits: Vec<Bytes>,
    pub(super) updates: Vec<ConfigUpdate>,
    /// Time of the block; twelve seconds after its parent if not set.
    pub(super) time: Option<u64>,
    /// Makes an otherwise equal block another one.
    pub(super) salt: u64,
}

/// An L2 block of the toy engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) block: L2Ref,
    pub(super) transactions: Vec<Bytes>,
    /// What reads back from it.
    pub(super) config: SystemConfig,
    pub(super) attributes: OpPayloadAttributes,
}

/// Why a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// All of L1 is read.
    EndOfL1,
    /// A blob is not there.
    MissingBlob(B256),
    /// Something a test must look at.
    Step(Step),
}

/// L1, L2 and the pipeline between them.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) cfg: Arc<RollupConfig>,
    pub(super) l1_chain: L1ChainConfig,
    pub(super) upgrades: Arc<Upgrades>,
    /// By height.
    pub(super) l1: Vec<L1Block>,
    pub(super) blobs: BTreeMap<B256, Box<Blob>>,
    /// The safe chain by height, as derived.
    pub(super) l2: Vec<Block>,
    pub(super) derivation: Derivation,
    pub(super) trace: Vec<Trace>,
    /// What was derived, in order.
    pub(super) derived: Vec<DerivedAttributes>,
    /// The engine rejects payloads that contain this transaction.
    pub(super) poison: Option<Bytes>,
}

impl World {
    /// A world at genesis.
    pub(super) fn new(cfg: RollupConfig) -> Self {
        Self::with_upgrades(cfg, Upgrades::none())
    }

    /// A world at genesis with these upgrade transactions; forks without some have none.
    pub(super) fn with_upgrades(mut cfg: RollupConfig, mut upgrades: Upgrades) -> Self {
        for fork in UPGRADING_FORKS {
            if upgrades.get(fork).is_none() {
                upgrades.insert(UpgradeBundle {
                    fork,
                    transactions: vec![],
                });
            }
        }
        let genesis = l1_block(
            None,
            Mine {
                time: Some(L1_TIME),
                ..Default::default()
            },
        );
        cfg.genesis.l1 = genesis.id();
        let (cfg, upgrades) = (Arc::new(cfg), Arc::new(upgrades));
        let l1_chain = L1ChainConfig::dev(cfg.l1_chain_id);
        let block = L2Ref {
            hash: cfg.genesis.l2.hash,
            number: 0,
            parent_hash: B256::ZERO,
            time: cfg.genesis.l2_time,
            l1_origin: cfg.genesis.l1,
            seq_num: 0,
        };
        let config = cfg.genesis.system_config;
        let start = Start {
            safe_head: block,
            system_config: config,
            l1_base: genesis.as_ref(),
            l1_base_config: config,
            derived_from: None,
        };
        let derivation = Derivation::new(cfg.clone(), l1_chain.clone(), upgrades.clone(), start);
        let l2 = vec![Block {
            block,
            transactions: vec![],
            config,
            attributes: Default::default(),
        }];
        Self {
            cfg,
            l1_chain,
            upgrades,
            l1: vec![genesis],
            blobs: BTreeMap::new(),
            l2,
            derivation,
            trace: vec![],
            derived: vec![],
            poison: None,
        }
    }

    /// Appends an L1 block.
    pub(super) fn mine(&mut self, content: Mine) -> L1Id {
        let block = l1_block(self.l1.last(), content);
        let id = block.id();
        self.l1.push(block);
        id
    }

    /// Appends an L1 block with batcher transactions that carry `data` as calldata.
    pub(super) fn mine_data(&mut self, data: Vec<Bytes>) -> L1Id {
        let inbox = data.into_iter().map(calldata_tx).collect();
        self.mine(Mine {
            inbox,
            ..Default::default()
        })
    }

    /// Appends `count` empty L1 blocks.
    pub(super) fn mine_empty(&mut self, count: u64) {
        for _ in 0..count {
            self.mine(Mine::default());
        }
    }

    /// A blob transaction with these blobs; `None` stands for a malformed blob.
    pub(super) fn blob_tx(&mut self, blobs: Vec<Option<Bytes>>) -> InboxTx {
        let mut blob_hashes = vec![];
        for data in blobs {
            let blob = data.map_or_else(
                || Box::new(Blob::repeat_byte(0xff)),
                |data| blob::encode(&data).expect("fits"),
            );
            let hash = keccak256(&blob[..]);
            self.blobs.insert(hash, blob);
            blob_hashes.push(hash);
        }
        // Calldata of a blob transaction means nothing, even if it looks like frames.
        InboxTx {
            from: BATCHER,
            tx_type: 3,
            data: Bytes::from_static(b"\0"),
            blob_hashes,
        }
    }

    /// Derives as far as L1 allows.
    pub(super) fn run(&mut self) -> Stop {
        loop {
            let step = self.derivation.step();
            self.trace.extend(self.derivation.drain_trace());
            match step {
                Step::Attributes(derived) => self.engine(*derived),
                Step::NeedL1(L1Request::Block { number }) => {
                    let Some(block) = self.l1.get(number as usize) else {
                        return Stop::EndOfL1;
                    };
                    self.derivation.push_l1(block.clone()).expect("asked for");
                }
                Step::NeedL1(L1Request::Blobs { block, hashes }) => {
                    let mut blobs = vec![];
                    for hash in hashes {
                        let Some(blob) = self.blobs.get(&hash) else {
                            return Stop::MissingBlob(hash);
                        };
                        blobs.push(blob.clone());
                    }
                    self.derivation
                        .push_blobs(block.hash, blobs)
                        .expect("asked for");
                }
                Step::NeedL2 { from, to } => {
                    let input = |block: &Block| L2BlockInput {
                        block: block.block,
                        transactions: block.transactions.clone(),
                    };
                    let blocks = &self.l2[from as usize..=to as usize];
                    self.derivation
                        .push_l2(blocks.iter().map(input).collect())
                        .expect("asked for");
                }
                step => return Stop::Step(step),
            }
        }
    }

    /// Builds derived attributes, or rejects them.
    fn engine(&mut self, mut derived: DerivedAttributes) {
        let poisoned = |derived: &DerivedAttributes| {
            let poison = self.poison.as_ref();
            let txs = derived
                .attributes
                .transactions
                .as_ref()
                .expect("always set");
            poison.is_some_and(|poison| txs.contains(poison))
        };
        if poisoned(&derived) {
            match self.derivation.reject() {
                Rejection::Replace(replacement) => derived = *replacement,
                Rejection::Rewind { to } => {
                    self.l2.truncate(to.number as usize + 1);
                    self.derived.truncate(to.number as usize);
                    return;
                }
                other => panic!("had batch transactions: {other:?}"),
            }
        }
        let block = self.seal(&derived);
        self.derived.push(derived);
        self.derivation.confirm(block.block);
        self.l2.push(block);
    }

    fn seal(&self, derived: &DerivedAttributes) -> Block {
        let parent = self.l2.last().expect("genesis");
        assert_eq!(
            derived.parent, parent.block,
            "attributes build on the safe head"
        );
        let epoch = &self.l1[derived.l1_origin.number as usize];
        let txs = derived
            .attributes
            .transactions
            .as_ref()
            .expect("always set");
        let sequenced = txs.iter().filter(|tx| tx[0] != 0x7e).cloned().collect();
        let block = self.build(parent, epoch, sequenced);
        assert_eq!(block.attributes, derived.attributes, "derived equals built");
        assert_eq!(
            (block.block.l1_origin, block.block.seq_num),
            (derived.l1_origin, derived.seq_num)
        );
        block
    }

    /// The block on `parent` with origin `epoch` and these transactions.
    pub(super) fn build(&self, parent: &Block, epoch: &L1Block, txs: Vec<Bytes>) -> Block {
        let l2_time = parent.block.time + self.cfg.block_time;
        let (mut attributes, config) = attributes::build(
            &self.cfg,
            &self.l1_chain,
            &self.upgrades,
            &parent.block,
            &parent.config,
            epoch,
            l2_time,
        )
        .expect("a legal origin");
        let transactions = attributes.transactions.as_mut().expect("always set");
        transactions.extend(txs);
        let transactions = transactions.clone();
        let same_epoch = epoch.id() == parent.block.l1_origin;
        let block = L2Ref {
            hash: hash_of(&parent.block, &attributes),
            number: parent.block.number + 1,
            parent_hash: parent.block.hash,
            time: l2_time,
            l1_origin: epoch.id(),
            seq_num: if same_epoch {
                parent.block.seq_num + 1
            } else {
                0
            },
        };
        Block {
            block,
            transactions,
            config,
            attributes,
        }
    }

    /// Blocks on `parent`, one for each `(epoch number, transactions)`.
    pub(super) fn sequence(&self, parent: &Block, plan: &[(u64, usize)]) -> Vec<Block> {
        let mut blocks: Vec<Block> = vec![];
        for (epoch, count) in plan {
            let parent = blocks.last().unwrap_or(parent);
            let first = parent.block.number * 100;
            let txs = (0..*count as u64).map(|i| l2_tx(first + i)).collect();
            blocks.push(self.build(parent, &self.l1[*epoch as usize], txs));
        }
        blocks
    }

    /// Blocks on the safe head.
    pub(super) fn sequence_on_safe(&self, plan: &[(u64, usize)]) -> Vec<Block> {
        self.sequence(self.l2.last().expect("genesis"), plan)
    }

    /// A channel of one span batch, in one piece of batcher data.
    pub(super) fn span_data(&self, id: u8, blocks: &[Block]) -> Bytes {
        channel_data(id, &[self.span(blocks)])
    }

    /// The encoded span batch of these blocks.
    pub(super) fn span(&self, blocks: &[Block]) -> Vec<u8> {
        let mut builder = SpanBatchBuilder::new(SpanContext::from(&*self.cfg));
        for block in blocks {
            builder
                .push(&singular(block), block.block.seq_num)
                .expect("consecutive");
        }
        builder.encode().expect("not empty")
    }

    /// Heights and hashes of the safe chain.
    pub(super) fn safe_ids(&self) -> Vec<L2Id> {
        self.l2.iter().map(|b| b.block.id()).collect()
    }

    pub(super) fn safe(&self) -> &Block {
        self.l2.last().expect("genesis")
    }

    /// A fresh pipeline that starts at safe height `number`, reading L1 from `base`, without
    /// knowing what the safe head was derived from.
    pub(super) fn restart(&self, number: u64, base: u64) -> Self {
        self.restart_from(number, base, None)
    }

    /// The same, with the L1 block that the safe head was derived from.
    pub(super) fn restart_from(&self, number: u64, base: u64, derived_from: Option<L1Id>) -> Self {
        let mut world = self.clone();
        world.l2.truncate(number as usize + 1);
        let safe = world.safe().clone();
        let of_base = self.l2.iter().find(|b| b.block.l1_origin.number == base);
        world.derivation.reset(Start {
            safe_head: safe.block,
            system_config: safe.config,
            l1_base: self.l1[base as usize].as_ref(),
            l1_base_config: of_base.expect("every origin has a block").config,
            derived_from,
        });
        world.trace.clear();
        world.derived.clear();
        world
    }
}

fn l1_block(parent: Option<&L1Block>, content: Mine) -> L1Block {
    let number = parent.map_or(0, |p| p.header.number + 1);
    let header = Header {
        number,
        parent_hash: parent.map_or(B256::ZERO, |p| p.hash),
        timestamp: content
            .time
            .unwrap_or_else(|| parent.map_or(L1_TIME, |p| p.header.timestamp + L1_BLOCK_TIME)),
        mix_hash: keccak256(number.to_be_bytes()),
        base_fee_per_gas: Some(7 + number),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::repeat_byte(0xbe)),
        nonce: content.salt.to_be_bytes().into(),
        ..Default::default()
    };
    L1Block {
        hash: header.hash_slow(),
        header,
        inbox: content.inbox,
        deposits: content.deposits,
        config_updates: content.updates,
    }
}

fn hash_of(parent: &L2Ref, attributes: &OpPayloadAttributes) -> B256 {
    let mut bytes = parent.hash.to_vec();
    bytes.extend(std::format!("{attributes:?}").into_bytes());
    keccak256(bytes)
}

/// A batcher transaction with calldata.
pub(super) fn calldata_tx(data: Bytes) -> InboxTx {
    InboxTx {
        from: BATCHER,
        tx_type: 2,
        data,
        blob_hashes: vec![],
    }
}

/// A signed-looking L2 transaction.
pub(super) fn l2_tx(nonce: u64) -> Bytes {
    let tx = TxEip1559 {
        chain_id: 901,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 1_000_000_000,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(Address::repeat_byte(0x77)),
        value: U256::from(1),
        access_list: Default::default(),
        input: Bytes::new(),
    };
    let signature = Signature::new(U256::from(nonce + 1), U256::from(2), false);
    TxEnvelope::from(tx.into_signed(signature))
        .encoded_2718()
        .into()
}

/// The singular batch of a block.
pub(super) fn singular(block: &Block) -> SingularBatch {
    SingularBatch {
        parent_hash: block.block.parent_hash,
        epoch_num: block.block.l1_origin.number,
        epoch_hash: block.block.l1_origin.hash,
        timestamp: block.block.time,
        transactions: block
            .transactions
            .iter()
            .filter(|tx| tx[0] != 0x7e)
            .cloned()
            .collect(),
    }
}

/// The encoded singular batches of these blocks.
pub(super) fn singulars(blocks: &[Block]) -> Vec<Vec<u8>> {
    blocks
        .iter()
        .map(|block| singular(block).encode())
        .collect()
}

pub(super) fn channel_id(id: u8) -> ChannelId {
    FixedBytes::repeat_byte(id)
}

/// The compressed bytes of a channel with these encoded batches.
pub(super) fn channel_bytes(batches: &[Vec<u8>]) -> Vec<u8> {
    let mut stream = vec![];
    for batch in batches {
        append_to_stream(batch, &mut stream);
    }
    channel::compress(&stream, Compression::Brotli, 5)
}

/// A whole channel, compressed in the way that every era reads, in one piece of batcher data.
pub(super) fn zlib_data(id: u8, batches: &[Vec<u8>]) -> Bytes {
    data_of(&frames(id, &zlib_bytes(batches), 1))
}

/// The compressed bytes of a channel that every era reads.
pub(super) fn zlib_bytes(batches: &[Vec<u8>]) -> Vec<u8> {
    let mut stream = vec![];
    for batch in batches {
        append_to_stream(batch, &mut stream);
    }
    channel::compress(&stream, Compression::Zlib, 6)
}

/// A channel cut into `count` frames.
pub(super) fn frames(id: u8, channel: &[u8], count: usize) -> Vec<Frame> {
    let size = channel.len().div_ceil(count).max(1);
    let mut pieces: Vec<_> = channel.chunks(size).collect();
    pieces.resize(count, &[]);
    let last = count - 1;
    pieces
        .into_iter()
        .enumerate()
        .map(|(number, data)| Frame {
            id: channel_id(id),
            number: number as u16,
            data: Bytes::copy_from_slice(data),
            is_last: number == last,
        })
        .collect()
}

/// Batcher data with these frames.
pub(super) fn data_of(frames: &[Frame]) -> Bytes {
    encode_frames(frames).into()
}

/// A whole channel in one piece of batcher data.
pub(super) fn channel_data(id: u8, batches: &[Vec<u8>]) -> Bytes {
    data_of(&frames(id, &channel_bytes(batches), 1))
}
