//! The peer's pipeline over a world: its providers answer at once, from memory, with values that
//! are decoded already, so that nothing is measured but derivation.

use crate::world::World;
use alloy_primitives::{B256, Bytes};
use async_trait::async_trait;
use kona_derive::{
    BlobProvider, BlobProviderError, ChainProvider, EthereumDataSource, L2ChainProvider, Pipeline,
    PipelineBuilder, PipelineError, PipelineErrorKind, ResetSignal, SignalReceiver,
    StatefulAttributesBuilder, StepResult,
};
use kona_genesis::{ChainGenesis, HardForkConfig, RollupConfig, SystemConfig};
use kona_protocol::{BatchValidationProvider, BlockInfo, L2BlockInfo};
use peer_consensus::{Header, Receipt, TxEnvelope};
use peer_eips::{
    BlockNumHash,
    eip2718::Decodable2718,
    eip4844::{Blob, IndexedBlobHash},
};
use peer_engine::OpPayloadAttributes;
use peer_op_consensus::OpBlock;
use std::{
    collections::HashMap,
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

/// The world in the peer's types.
#[derive(Debug)]
struct Store {
    cfg: Arc<RollupConfig>,
    by_hash: HashMap<B256, usize>,
    infos: Vec<BlockInfo>,
    headers: Vec<Header>,
    txs: Vec<Vec<TxEnvelope>>,
    receipts: Vec<Vec<Receipt>>,
    blobs: HashMap<B256, Box<Blob>>,
    l2: Vec<L2BlockInfo>,
    system_config: SystemConfig,
}

/// A handle on the world that implements all of the peer's providers.
#[derive(Clone, Debug)]
pub struct Provider(Arc<Store>);

/// Something that the world does not hold.
#[derive(Debug)]
pub struct Absent;

impl std::fmt::Display for Absent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not in this world")
    }
}

impl From<Absent> for PipelineErrorKind {
    fn from(_: Absent) -> Self {
        PipelineError::EndOfSource.crit()
    }
}

impl Provider {
    /// Translates a world.
    pub fn new(world: &World) -> Self {
        let infos: Vec<_> = world
            .headers
            .iter()
            .zip(&world.hashes)
            .map(|(h, hash)| BlockInfo::new(*hash, h.number, h.parent_hash, h.timestamp))
            .collect();
        let l2 = world.l2.iter().map(|block| L2BlockInfo {
            block_info: BlockInfo::new(block.hash, block.number, block.parent_hash, block.time),
            l1_origin: BlockNumHash {
                number: block.l1_origin.number,
                hash: block.l1_origin.hash,
            },
            seq_num: block.seq_num,
        });
        let ours = &world.cfg.genesis.system_config;
        let system_config = SystemConfig {
            batcher_address: ours.batcher_address,
            overhead: ours.overhead,
            scalar: ours.scalar,
            gas_limit: ours.gas_limit,
            eip1559_denominator: Some(ours.eip1559_denominator),
            eip1559_elasticity: Some(ours.eip1559_elasticity),
            ..Default::default()
        };
        let blobs = world.blobs.iter().map(|(hash, blob)| {
            let mut copy = Box::new(Blob::ZERO);
            copy.copy_from_slice(&blob[..]);
            (*hash, copy)
        });
        Self(Arc::new(Store {
            cfg: Arc::new(config(world, system_config)),
            by_hash: world.hashes.iter().copied().zip(0..).collect(),
            headers: world.headers.iter().map(header).collect(),
            txs: world
                .txs
                .iter()
                .map(|txs| txs.iter().map(decode).collect())
                .collect(),
            receipts: world.receipts.iter().map(|r| receipts(r)).collect(),
            blobs: blobs.collect(),
            infos,
            l2: l2.collect(),
            system_config,
        }))
    }

    /// Derives the first `count` L2 blocks and hands their attributes to `sink`.
    pub fn derive(&self, count: usize, mut sink: impl FnMut(OpPayloadAttributes)) {
        let store = &self.0;
        let cfg = store.cfg.clone();
        let builder = StatefulAttributesBuilder::new(cfg.clone(), self.clone(), self.clone());
        let source = EthereumDataSource::new_from_parts(self.clone(), self.clone(), &cfg);
        let mut pipeline = PipelineBuilder::new()
            .rollup_config(cfg)
            .dap_source(source)
            .l2_chain_provider(self.clone())
            .chain_provider(self.clone())
            .builder(builder)
            .origin(store.infos[0])
            .build_polled();
        let reset = ResetSignal {
            l2_safe_head: store.l2[0],
            l1_origin: store.infos[0],
            system_config: Some(store.system_config),
        };
        now(pipeline.signal(reset.signal())).expect("resets");
        let mut derived = 0;
        while derived < count {
            match now(pipeline.step(store.l2[derived])) {
                StepResult::PreparedAttributes => {
                    let attributes = pipeline.next().expect("prepared");
                    derived += 1;
                    sink(attributes.inner);
                }
                StepResult::AdvancedOrigin
                | StepResult::StepFailed(PipelineErrorKind::Temporary(_)) => {}
                other => panic!("the peer stopped after {derived} blocks: {other:?}"),
            }
        }
    }
}

/// The value of a future that never has to wait.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("providers in memory never wait"),
    }
}

fn config(world: &World, system_config: SystemConfig) -> RollupConfig {
    let ours = &world.cfg;
    let forks = &ours.forks;
    RollupConfig {
        genesis: ChainGenesis {
            l1: BlockNumHash {
                number: ours.genesis.l1.number,
                hash: ours.genesis.l1.hash,
            },
            l2: BlockNumHash {
                number: ours.genesis.l2.number,
                hash: ours.genesis.l2.hash,
            },
            l2_time: ours.genesis.l2_time,
            system_config: Some(system_config),
        },
        block_time: ours.block_time,
        max_sequencer_drift: ours.max_sequencer_drift,
        seq_window_size: ours.seq_window_size,
        channel_timeout: ours.channel_timeout,
        l1_chain_id: ours.l1_chain_id,
        l2_chain_id: ours.l2_chain_id.into(),
        hardforks: HardForkConfig {
            regolith_time: forks.regolith_time,
            canyon_time: forks.canyon_time,
            delta_time: forks.delta_time,
            ecotone_time: forks.ecotone_time,
            fjord_time: forks.fjord_time,
            granite_time: forks.granite_time,
            holocene_time: forks.holocene_time,
            isthmus_time: forks.isthmus_time,
            ..Default::default()
        },
        batch_inbox_address: ours.batch_inbox_address,
        deposit_contract_address: ours.deposit_contract_address,
        l1_system_config_address: ours.l1_system_config_address,
        ..Default::default()
    }
}

fn header(header: &alloy_consensus::Header) -> Header {
    let bytes = alloy_rlp::encode(header);
    alloy_rlp::decode_exact(&bytes).expect("the same encoding")
}

fn decode(tx: &Bytes) -> TxEnvelope {
    TxEnvelope::decode_2718_exact(tx).expect("the same encoding")
}

fn receipts(receipts: &[opal_protocol::L1Receipt]) -> Vec<Receipt> {
    let receipt = |r: &opal_protocol::L1Receipt| Receipt {
        status: r.success.into(),
        cumulative_gas_used: 0,
        logs: r.logs.clone(),
    };
    receipts.iter().map(receipt).collect()
}

#[async_trait]
impl ChainProvider for Provider {
    type Error = Absent;

    async fn header_by_hash(&mut self, hash: B256) -> Result<Header, Absent> {
        let n = *self.0.by_hash.get(&hash).ok_or(Absent)?;
        Ok(self.0.headers[n].clone())
    }

    async fn block_info_by_number(&mut self, number: u64) -> Result<BlockInfo, Absent> {
        self.0.infos.get(number as usize).copied().ok_or(Absent)
    }

    async fn receipts_by_hash(&mut self, hash: B256) -> Result<Vec<Receipt>, Absent> {
        let n = *self.0.by_hash.get(&hash).ok_or(Absent)?;
        Ok(self.0.receipts[n].clone())
    }

    async fn block_info_and_transactions_by_hash(
        &mut self,
        hash: B256,
    ) -> Result<(BlockInfo, Vec<TxEnvelope>), Absent> {
        let n = *self.0.by_hash.get(&hash).ok_or(Absent)?;
        Ok((self.0.infos[n], self.0.txs[n].clone()))
    }
}

#[async_trait]
impl BatchValidationProvider for Provider {
    type Error = Absent;

    async fn l2_block_info_by_number(&mut self, number: u64) -> Result<L2BlockInfo, Absent> {
        self.0.l2.get(number as usize).copied().ok_or(Absent)
    }

    async fn block_by_number(&mut self, _number: u64) -> Result<OpBlock, Absent> {
        Err(Absent)
    }
}

#[async_trait]
impl L2ChainProvider for Provider {
    type Error = Absent;

    async fn system_config_by_number(
        &mut self,
        _number: u64,
        _cfg: Arc<RollupConfig>,
    ) -> Result<SystemConfig, Absent> {
        Ok(self.0.system_config)
    }
}

#[async_trait]
impl BlobProvider for Provider {
    type Error = BlobProviderError;

    async fn get_blobs(
        &mut self,
        _block: &BlockInfo,
        hashes: &[IndexedBlobHash],
    ) -> Result<Vec<Box<Blob>>, BlobProviderError> {
        Ok(hashes
            .iter()
            .map(|h| self.0.blobs[&h.hash].clone())
            .collect())
    }
}
