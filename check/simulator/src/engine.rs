//! A toy execution engine: no EVM, but blocks whose hash depends on everything that went in, and
//! the Engine API's manners.
//!
//! Blocks live in one store that all engines share; an engine knows those that it built or was
//! given. What survives a crash is the canonical chain, less its newest blocks.

use alloy_consensus::{EMPTY_ROOT_HASH, Header};
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_primitives::{B256, Bloom, Bytes, U256, keccak256};
use alloy_rpc_types_engine::{
    ExecutionPayloadV1, ExecutionPayloadV2, ExecutionPayloadV3, ForkchoiceState, ForkchoiceUpdated,
    PayloadId, PayloadStatus, PayloadStatusEnum,
};
use op_alloy_rpc_types_engine::{
    OpExecutionPayload, OpExecutionPayloadEnvelope, OpExecutionPayloadV4, OpPayloadAttributes,
};
use opal_protocol::{Fork, RollupConfig};
use opal_rollup::{Failure, L2Block};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The engine finds every block invalid that holds a transaction which ends like this.
pub const POISON: &[u8] = b"poison";

/// Every L2 block of a simulation.
pub type Store = BTreeMap<B256, Arc<L2Block>>;

/// The block that `attributes` and `pool` give on `parent`.
pub fn execute(
    cfg: &RollupConfig,
    parent: &L2Block,
    attributes: &OpPayloadAttributes,
    pool: &[Bytes],
) -> L2Block {
    let inner = &attributes.payload_attributes;
    let mut transactions = attributes.transactions.clone().unwrap_or_default();
    if attributes.no_tx_pool != Some(true) {
        transactions.extend_from_slice(pool);
    }
    let mut content = parent.header.state_root.to_vec();
    for tx in &transactions {
        content.extend_from_slice(tx);
    }
    let is_active = |fork| cfg.is_active(fork, inner.timestamp);
    let header = Header {
        parent_hash: parent.hash,
        number: parent.header.number + 1,
        timestamp: inner.timestamp,
        mix_hash: inner.prev_randao,
        beneficiary: inner.suggested_fee_recipient,
        gas_limit: attributes.gas_limit.unwrap_or_default(),
        state_root: keccak256(&content),
        withdrawals_root: inner.withdrawals.as_ref().map(|_| EMPTY_ROOT_HASH),
        parent_beacon_block_root: inner.parent_beacon_block_root,
        requests_hash: is_active(Fork::Isthmus).then_some(EMPTY_REQUESTS_HASH),
        extra_data: extra_data(cfg, attributes),
        ..Default::default()
    };
    L2Block {
        hash: header.hash_slow(),
        header,
        transactions,
    }
}

/// Whether the engine accepts the block.
pub fn is_valid(block: &L2Block) -> bool {
    !block.transactions.iter().any(is_poison)
}

fn is_poison(tx: &Bytes) -> bool {
    tx.first() != Some(&0x7e) && tx.windows(POISON.len()).any(|part| part == POISON)
}

fn extra_data(cfg: &RollupConfig, attributes: &OpPayloadAttributes) -> Bytes {
    let time = attributes.payload_attributes.timestamp;
    if !cfg.is_active(Fork::Holocene, time) {
        return Bytes::new();
    }
    let jovian = cfg.is_active(Fork::Jovian, time);
    let mut data = vec![u8::from(jovian)];
    match attributes.eip_1559_params {
        Some(params) if !params.is_zero() => data.extend(params.0),
        _ => {
            let constants = &cfg.chain_op_config;
            data.extend((constants.eip1559_denominator_canyon as u32).to_be_bytes());
            data.extend((constants.eip1559_elasticity as u32).to_be_bytes());
        }
    }
    if jovian {
        data.extend(attributes.min_base_fee.unwrap_or_default().to_be_bytes());
    }
    data.into()
}

/// The engine of one node.
#[derive(Clone, Debug)]
pub struct Engine {
    cfg: Arc<RollupConfig>,
    known: BTreeSet<B256>,
    /// By height above genesis.
    canonical: Vec<B256>,
    safe: B256,
    finalized: B256,
    building: BTreeMap<u64, Arc<L2Block>>,
    next_id: u64,
}

impl Engine {
    /// An engine that knows the genesis block.
    pub fn new(cfg: Arc<RollupConfig>, genesis: B256) -> Self {
        Self {
            cfg,
            known: BTreeSet::from([genesis]),
            canonical: vec![genesis],
            safe: genesis,
            finalized: genesis,
            building: BTreeMap::new(),
            next_id: 0,
        }
    }

    /// Hash of the newest canonical block.
    pub fn head(&self) -> B256 {
        *self.canonical.last().expect("genesis is never cut")
    }

    /// Hash of the canonical block at a height.
    pub fn at(&self, number: u64) -> Option<B256> {
        self.canonical.get(number as usize).copied()
    }

    /// The `safe` label.
    pub const fn safe(&self) -> B256 {
        self.safe
    }

    /// The `finalized` label.
    pub const fn finalized(&self) -> B256 {
        self.finalized
    }

    /// Whether the engine has this block.
    pub fn knows(&self, hash: B256) -> bool {
        self.known.contains(&hash)
    }

    /// Loses what was not on disk: the newest `lost` blocks, everything not canonical, payloads.
    pub fn crash(&mut self, lost: usize) {
        let kept = self.canonical.len().saturating_sub(lost).max(1);
        self.canonical.truncate(kept);
        self.known = self.canonical.iter().copied().collect();
        let head = self.head();
        for label in [&mut self.safe, &mut self.finalized] {
            if !self.known.contains(label) {
                *label = head;
            }
        }
        self.building.clear();
    }

    /// `engine_forkchoiceUpdated`. With attributes, the block is built at once from `pool`.
    pub fn forkchoice(
        &mut self,
        store: &mut Store,
        state: ForkchoiceState,
        attributes: Option<&OpPayloadAttributes>,
        pool: &[Bytes],
    ) -> Result<ForkchoiceUpdated, Failure> {
        if !self.known.contains(&state.head_block_hash) {
            return Ok(ForkchoiceUpdated::from_status(PayloadStatusEnum::Syncing));
        }
        let chain = self.chain_to(store, state.head_block_hash);
        for label in [state.safe_block_hash, state.finalized_block_hash] {
            let on_chain = store
                .get(&label)
                .is_some_and(|b| chain.get(b.header.number as usize) == Some(&label));
            if !on_chain {
                let what = format!("{label} is not an ancestor of {}", state.head_block_hash);
                return Err(Failure::InconsistentForkchoice(what));
            }
        }
        self.canonical = chain;
        (self.safe, self.finalized) = (state.safe_block_hash, state.finalized_block_hash);
        let mut updated = ForkchoiceUpdated::from_status(PayloadStatusEnum::Valid);
        if let Some(attributes) = attributes {
            let parent = &store[&state.head_block_hash];
            let block = execute(&self.cfg, parent, attributes, pool);
            // Forced transactions that are invalid fail the payload.
            if attributes.no_tx_pool == Some(true) && !is_valid(&block) {
                let validation_error = "forced transaction is invalid".to_string();
                let status = PayloadStatusEnum::Invalid { validation_error };
                return Ok(ForkchoiceUpdated::from_status(status));
            }
            self.next_id += 1;
            self.building.insert(self.next_id, Arc::new(block));
            updated.payload_id = Some(PayloadId::new(self.next_id.to_be_bytes()));
        }
        Ok(updated)
    }

    /// `engine_getPayload`.
    pub fn get_payload(&self, id: PayloadId) -> Result<Box<OpExecutionPayloadEnvelope>, Failure> {
        match self.building.get(&u64::from_be_bytes(id.0.0)) {
            Some(block) => Ok(Box::new(envelope(block))),
            None => Err(Failure::UnknownPayload("no such payload".to_string())),
        }
    }

    /// `engine_newPayload`.
    pub fn new_payload(
        &mut self,
        store: &mut Store,
        payload: &OpExecutionPayloadEnvelope,
    ) -> PayloadStatus {
        let block = block_of(payload);
        let status = if !self.known.contains(&block.header.parent_hash) {
            PayloadStatusEnum::Syncing
        } else if !is_valid(&block) {
            PayloadStatusEnum::Invalid {
                validation_error: "poison".to_string(),
            }
        } else {
            self.known.insert(block.hash);
            store.entry(block.hash).or_insert_with(|| Arc::new(block));
            PayloadStatusEnum::Valid
        };
        PayloadStatus::from_status(status)
    }

    /// Hashes by height of the chain that ends in `head`.
    fn chain_to(&self, store: &Store, head: B256) -> Vec<B256> {
        let mut above = vec![];
        let mut block = &store[&head];
        while self.at(block.header.number) != Some(block.hash) {
            above.push(block.hash);
            block = &store[&block.header.parent_hash];
        }
        let mut chain = self.canonical[..=block.header.number as usize].to_vec();
        chain.extend(above.into_iter().rev());
        chain
    }
}

/// The payload of a block.
pub fn envelope(block: &L2Block) -> OpExecutionPayloadEnvelope {
    let header = &block.header;
    let v1 = ExecutionPayloadV1 {
        parent_hash: header.parent_hash,
        fee_recipient: header.beneficiary,
        state_root: header.state_root,
        receipts_root: header.receipts_root,
        logs_bloom: Bloom::ZERO,
        prev_randao: header.mix_hash,
        block_number: header.number,
        gas_limit: header.gas_limit,
        gas_used: header.gas_used,
        timestamp: header.timestamp,
        extra_data: header.extra_data.clone(),
        base_fee_per_gas: U256::ZERO,
        block_hash: block.hash,
        transactions: block.transactions.clone(),
    };
    let v2 = |payload_inner| ExecutionPayloadV2 {
        payload_inner,
        withdrawals: vec![],
    };
    let v3 = |payload_inner| ExecutionPayloadV3 {
        payload_inner: v2(payload_inner),
        blob_gas_used: 0,
        excess_blob_gas: 0,
    };
    let v4 = |payload_inner| OpExecutionPayloadV4 {
        payload_inner: v3(payload_inner),
        withdrawals_root: EMPTY_ROOT_HASH,
    };
    let beacon_root = header.parent_beacon_block_root;
    let execution_payload = match (header.withdrawals_root, beacon_root, header.requests_hash) {
        (None, ..) => OpExecutionPayload::V1(v1),
        (_, None, _) => OpExecutionPayload::V2(v2(v1)),
        (_, _, None) => OpExecutionPayload::V3(v3(v1)),
        _ => OpExecutionPayload::V4(v4(v1)),
    };
    OpExecutionPayloadEnvelope {
        parent_beacon_block_root: beacon_root,
        execution_payload,
    }
}

fn block_of(payload: &OpExecutionPayloadEnvelope) -> L2Block {
    let v1 = payload.execution_payload.as_v1();
    let version = match payload.execution_payload {
        OpExecutionPayload::V1(_) => 1,
        OpExecutionPayload::V2(_) => 2,
        OpExecutionPayload::V3(_) => 3,
        OpExecutionPayload::V4(_) => 4,
    };
    let header = Header {
        parent_hash: v1.parent_hash,
        number: v1.block_number,
        timestamp: v1.timestamp,
        mix_hash: v1.prev_randao,
        beneficiary: v1.fee_recipient,
        gas_limit: v1.gas_limit,
        state_root: v1.state_root,
        withdrawals_root: (version >= 2).then_some(EMPTY_ROOT_HASH),
        parent_beacon_block_root: payload.parent_beacon_block_root,
        requests_hash: (version >= 4).then_some(EMPTY_REQUESTS_HASH),
        extra_data: v1.extra_data.clone(),
        ..Default::default()
    };
    let block = L2Block {
        hash: header.hash_slow(),
        header,
        transactions: v1.transactions.clone(),
    };
    assert_eq!(block.hash, v1.block_hash, "a payload describes its block");
    block
}
