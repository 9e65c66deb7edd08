//! L1 chains made by hand: one block after the other, with whatever a test puts into them.

use crate::toy;
use alloy_consensus::{Header, SignableTransaction, TxEip1559, TxEip7702, TxLegacy};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Log, Signature, TxKind, U256, keccak256};
use alloy_rlp::Encodable;
use opal_oracle::{
    Blobs, Input, NaiveL1Block, NaiveL1Tx, NaiveReceipt, Rollup, SafeChain, SingularBatch, derive,
};
use opal_protocol::{
    Compression, Fork, ForkTimes, Frame, L1ChainConfig, L1Id, L2Id, RollupConfig, SpanBatch,
    SpanBlock, SpanContext, SystemConfig, UpgradeBundle, UpgradeTx, Upgrades, blob,
    channel::compress, frame::encode_frames,
};
use std::sync::Arc;

/// Time of both genesis blocks.
pub(crate) const T0: u64 = 1_000_000;
/// Seconds between L2 blocks.
pub(crate) const L2_STEP: u64 = 2;
/// Seconds between L1 blocks, unless a test says otherwise.
pub(crate) const L1_STEP: u64 = 6;
/// Who may post batches.
pub(crate) const BATCHER: Address = Address::repeat_byte(0xb0);

/// A block that a test wants to have.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) hash: B256,
    pub(crate) parent: B256,
    pub(crate) time: u64,
    /// Height of the L1 origin.
    pub(crate) epoch: u64,
    pub(crate) txs: Vec<Bytes>,
}

/// L1 as a test makes it.
#[derive(Clone, Debug)]
pub(crate) struct Lab {
    pub(crate) rollup: Rollup,
    pub(crate) l1: Vec<Arc<NaiveL1Block>>,
    pub(crate) blobs: Blobs,
}

impl Lab {
    /// A rollup with every fork up to `newest` from genesis on.
    pub(crate) fn new(newest: Fork) -> Self {
        Self::with(newest, |_| {})
    }

    /// The same with something changed.
    pub(crate) fn with(newest: Fork, change: impl FnOnce(&mut RollupConfig)) -> Self {
        let header = Header {
            timestamp: T0,
            ..Header::default()
        };
        let hash = header.hash_slow();
        let mut cfg = RollupConfig {
            block_time: L2_STEP,
            max_sequencer_drift: 20,
            seq_window_size: 10,
            channel_timeout: 3,
            l1_chain_id: 900,
            l2_chain_id: 901,
            forks: ForkTimes::at_genesis(newest),
            batch_inbox_address: Address::repeat_byte(0x1b),
            deposit_contract_address: Address::repeat_byte(0x0d),
            l1_system_config_address: Address::repeat_byte(0x5c),
            ..RollupConfig::default()
        };
        cfg.genesis.l1 = L1Id { hash, number: 0 };
        let hash = B256::repeat_byte(0x22);
        cfg.genesis.l2 = L2Id { hash, number: 0 };
        cfg.genesis.l2_time = T0;
        cfg.genesis.system_config = SystemConfig {
            batcher_address: BATCHER,
            gas_limit: 30_000_000,
            ..SystemConfig::default()
        };
        change(&mut cfg);
        let mut upgrades = Upgrades::none();
        for fork in [
            Fork::Ecotone,
            Fork::Fjord,
            Fork::Isthmus,
            Fork::Jovian,
            Fork::Karst,
        ] {
            let transactions = vec![UpgradeTx {
                data: Bytes::from_static(b"upgrade"),
                from: Address::repeat_byte(4),
                gas_limit: 1_000,
                intent: "Upgrade".to_string(),
                to: None,
            }];
            upgrades.insert(UpgradeBundle { fork, transactions });
        }
        let rollup = Rollup {
            cfg: Arc::new(cfg),
            l1_chain: L1ChainConfig::dev(900),
            upgrades: Arc::new(upgrades),
        };
        let mut lab = Self {
            rollup,
            l1: vec![],
            blobs: Blobs::new(),
        };
        lab.append(header, vec![], vec![]);
        lab
    }

    fn append(&mut self, header: Header, transactions: Vec<NaiveL1Tx>, logs: Vec<Log>) {
        let hash = header.hash_slow();
        self.l1.push(Arc::new(NaiveL1Block {
            hash,
            header,
            transactions,
            receipts: vec![NaiveReceipt {
                success: true,
                logs,
            }],
            encoded_deposits: vec![],
        }));
    }

    /// An L1 block with everything.
    pub(crate) fn mine_with(&mut self, step: u64, transactions: Vec<NaiveL1Tx>, logs: Vec<Log>) {
        let parent = self.l1.last().unwrap().clone();
        let number = parent.header.number + 1;
        let header = Header {
            number,
            parent_hash: parent.hash,
            timestamp: parent.time() + step,
            mix_hash: keccak256(number.to_be_bytes()),
            base_fee_per_gas: Some(7),
            excess_blob_gas: Some(30_000_000),
            parent_beacon_block_root: Some(B256::repeat_byte(0xbe)),
            ..Header::default()
        };
        self.append(header, transactions, logs);
    }

    /// An L1 block with calldata of the batcher.
    pub(crate) fn mine(&mut self, data: &[Vec<u8>]) {
        let transactions = data.iter().map(|data| self.calldata(data)).collect();
        self.mine_with(L1_STEP, transactions, vec![]);
    }

    /// Empty L1 blocks.
    pub(crate) fn mine_empty(&mut self, count: u64) {
        for _ in 0..count {
            self.mine(&[]);
        }
    }

    /// A batcher transaction with this calldata.
    pub(crate) fn calldata(&self, data: &[u8]) -> NaiveL1Tx {
        NaiveL1Tx {
            from: BATCHER,
            to: Some(self.rollup.cfg.batch_inbox_address),
            tx_type: 2,
            data: data.to_vec().into(),
            blob_hashes: vec![],
        }
    }

    /// A batcher transaction with this blob.
    pub(crate) fn in_blob(&mut self, data: &[u8]) -> NaiveL1Tx {
        let hash = keccak256(data);
        self.blobs.insert(hash, blob::encode(data).unwrap());
        NaiveL1Tx {
            tx_type: 3,
            data: Bytes::new(),
            blob_hashes: vec![hash],
            ..self.calldata(&[])
        }
    }

    pub(crate) fn genesis(&self) -> Wish {
        Wish {
            hash: self.rollup.cfg.genesis.l2.hash,
            parent: B256::ZERO,
            time: T0,
            epoch: 0,
            txs: vec![],
        }
    }

    /// The block after `parent` with the L1 origin at height `epoch`.
    pub(crate) fn next(&self, parent: &Wish, epoch: u64, txs: &[Bytes]) -> Wish {
        let time = parent.time + self.rollup.cfg.block_time;
        let randao = self.l1[epoch as usize].header.mix_hash;
        Wish {
            hash: toy::block_hash(parent.hash, time, randao, txs),
            parent: parent.hash,
            time,
            epoch,
            txs: txs.to_vec(),
        }
    }

    /// Blocks after `parent` with one transaction each, by the heights of their L1 origins.
    pub(crate) fn chain(&self, parent: &Wish, epochs: &[u64]) -> Vec<Wish> {
        let mut parent = parent.clone();
        let mut chain = vec![];
        for epoch in epochs {
            parent = self.next(&parent, *epoch, &[tx(parent.time)]);
            chain.push(parent.clone());
        }
        chain
    }

    /// A singular batch, encoded.
    pub(crate) fn singular(&self, wish: &Wish) -> Vec<u8> {
        let batch = SingularBatch {
            parent_hash: wish.parent,
            epoch_num: wish.epoch,
            epoch_hash: self.l1[wish.epoch as usize].hash,
            timestamp: wish.time,
            transactions: wish.txs.clone(),
        };
        let mut encoded = vec![0];
        batch.encode(&mut encoded);
        encoded
    }

    /// A span batch, encoded.
    pub(crate) fn span(&self, wishes: &[Wish]) -> Vec<u8> {
        let (first, last) = (&wishes[0], wishes.last().unwrap());
        let end_hash = self.l1[last.epoch as usize].hash;
        let block = |wish: &Wish| SpanBlock {
            epoch_num: wish.epoch,
            timestamp: wish.time,
            transactions: wish.txs.clone(),
        };
        let span = SpanBatch {
            parent_check: first.parent[..20].try_into().unwrap(),
            l1_origin_check: end_hash[..20].try_into().unwrap(),
            first_starts_epoch: true,
            blocks: wishes.iter().map(block).collect(),
        };
        span.encode(SpanContext::from(&*self.rollup.cfg)).unwrap()
    }

    /// The safe chain, without genesis.
    pub(crate) fn safe(&self) -> SafeChain {
        let input = Input {
            rollup: &self.rollup,
            l1: &self.l1,
            blobs: &self.blobs,
        };
        let cfg = &self.rollup.cfg;
        derive(&input, |parent, attributes| {
            toy::execute(cfg, parent, attributes)
        })
        .unwrap()
    }

    /// Asserts that the safe chain is genesis and these blocks.
    #[track_caller]
    pub(crate) fn assert_safe(&self, wishes: &[Wish]) {
        let safe = self.safe();
        let got: Vec<_> = safe.blocks[1..]
            .iter()
            .map(|b| (b.block.time, b.block.hash))
            .collect();
        let want: Vec<_> = wishes.iter().map(|wish| (wish.time, wish.hash)).collect();
        assert_eq!(got, want);
    }
}

/// A valid transaction; `salt` tells it from others.
pub(crate) fn tx(salt: u64) -> Bytes {
    let tx = TxEip1559 {
        chain_id: 901,
        nonce: salt,
        gas_limit: 21_000,
        to: TxKind::Call(Address::repeat_byte(1)),
        ..TxEip1559::default()
    };
    tx.into_signed(signature()).encoded_2718().into()
}

/// A transaction that the engine refuses.
pub(crate) fn poison() -> Bytes {
    let tx = TxLegacy {
        input: Bytes::from_static(toy::POISON),
        to: TxKind::Create,
        ..TxLegacy::default()
    };
    tx.into_signed(signature()).encoded_2718().into()
}

/// A transaction of type 4.
pub(crate) fn set_code() -> Bytes {
    let tx = TxEip7702 {
        chain_id: 901,
        ..TxEip7702::default()
    };
    tx.into_signed(signature()).encoded_2718().into()
}

fn signature() -> Signature {
    Signature::new(U256::from(5), U256::from(6), true)
}

/// A compressed channel of encoded batches.
pub(crate) fn channel(batches: &[Vec<u8>], compression: Compression) -> Vec<u8> {
    let mut stream = vec![];
    for batch in batches {
        batch.as_slice().encode(&mut stream);
    }
    compress(&stream, compression, 9)
}

/// The frames of a zlib channel of encoded batches, in `count` pieces.
pub(crate) fn frames(id: u8, batches: &[Vec<u8>], count: usize) -> Vec<Frame> {
    let data = channel(batches, Compression::Zlib);
    let size = data.len().div_ceil(count);
    let pieces = data.chunks(size).enumerate();
    pieces
        .map(|(number, piece)| Frame {
            id: [id; 16].into(),
            number: number as u16,
            data: piece.to_vec().into(),
            is_last: number + 1 == data.len().div_ceil(size),
        })
        .collect()
}

/// Data with these frames.
pub(crate) fn data(frames: &[Frame]) -> Vec<u8> {
    encode_frames(frames)
}

/// Data with a whole channel.
pub(crate) fn whole(id: u8, batches: &[Vec<u8>]) -> Vec<u8> {
    data(&frames(id, batches, 1))
}

/// A log of the SystemConfig contract with one word.
pub(crate) fn config_update(cfg: &RollupConfig, kind: u64, word: U256) -> Log {
    let mut data = vec![];
    for word in [U256::from(32), U256::from(32), word] {
        data.extend(word.to_be_bytes::<32>());
    }
    let topic = keccak256("ConfigUpdate(uint256,uint8,bytes)");
    let topics = vec![topic, B256::ZERO, U256::from(kind).into()];
    Log::new_unchecked(cfg.l1_system_config_address, topics, data.into())
}
