//! An engine that executes nothing: a block is its attributes.

use alloy_consensus::{EMPTY_ROOT_HASH, Header};
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_primitives::{Address, B256, Bloom, Bytes, U256, keccak256};
use alloy_rpc_types_engine::{
    ExecutionPayloadV1, ExecutionPayloadV2, ExecutionPayloadV3, ForkchoiceState, ForkchoiceUpdated,
    PayloadId, PayloadStatus, PayloadStatusEnum,
};
use futures::{FutureExt, future::BoxFuture};
use op_alloy_rpc_types_engine::{
    OpExecutionPayload, OpExecutionPayloadEnvelope, OpExecutionPayloadV4, OpPayloadAttributes,
};
use opal_rpc::{BlockTag, EngineApi, EngineError, L2Block};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

pub(crate) const STATE_ROOT: B256 = B256::repeat_byte(0x57);
pub(crate) const PASSER_ROOT: B256 = B256::repeat_byte(0x3a);

pub(crate) struct State {
    blocks: BTreeMap<B256, L2Block>,
    pub(crate) heads: ForkchoiceState,
    built: BTreeMap<u64, L2Block>,
    pub(crate) payloads: u64,
    /// Every call fails with this.
    pub(crate) failure: Option<EngineError>,
}

/// The engine; its state can be looked into and changed.
pub(crate) struct FakeEngine(Mutex<State>);

pub(crate) fn genesis(time: u64) -> L2Block {
    let header = Header {
        timestamp: time,
        gas_limit: 30_000_000,
        withdrawals_root: Some(PASSER_ROOT),
        state_root: STATE_ROOT,
        extra_data: Bytes::from(vec![1, 0, 0, 0, 250, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0]),
        ..Header::default()
    };
    L2Block {
        hash: header.hash_slow(),
        header,
        transactions: Vec::new(),
    }
}

impl FakeEngine {
    pub(crate) fn new(genesis: L2Block) -> Self {
        Self(Mutex::new(State {
            heads: ForkchoiceState::same_hash(genesis.hash),
            blocks: BTreeMap::from([(genesis.hash, genesis)]),
            built: BTreeMap::new(),
            payloads: 0,
            failure: None,
        }))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn answer<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut State) -> Result<T, EngineError>,
    ) -> BoxFuture<'_, Result<T, EngineError>> {
        let mut state = self.state();
        let result = match &state.failure {
            Some(failure) => Err(failure.clone()),
            None => call(&mut state),
        };
        async { result }.boxed()
    }
}

impl State {
    /// The chain that ends in the head, newest first.
    pub(crate) fn chain(&self) -> Vec<&L2Block> {
        let mut chain = vec![&self.blocks[&self.heads.head_block_hash]];
        while let Some(parent) = self.blocks.get(&chain[chain.len() - 1].header.parent_hash) {
            chain.push(parent);
        }
        chain
    }

    fn find(&self, tag: BlockTag) -> Option<L2Block> {
        let hash = match tag {
            BlockTag::Latest => self.heads.head_block_hash,
            BlockTag::Safe => self.heads.safe_block_hash,
            BlockTag::Finalized => self.heads.finalized_block_hash,
            BlockTag::Hash(hash) => hash,
            BlockTag::Number(number) => {
                return self
                    .chain()
                    .into_iter()
                    .find(|b| b.header.number == number)
                    .cloned();
            }
        };
        self.blocks.get(&hash).cloned()
    }

    fn build(&self, parent: B256, attributes: &OpPayloadAttributes) -> L2Block {
        let (parent, inner) = (&self.blocks[&parent], &attributes.payload_attributes);
        let transactions = attributes.transactions.clone().unwrap_or_default();
        let content: Vec<u8> = transactions.iter().flatten().copied().collect();
        let mut extra = vec![1];
        match attributes.eip_1559_params {
            Some(params) if !params.is_zero() => extra.extend(params.0),
            _ => extra.extend([0, 0, 0, 250, 0, 0, 0, 6]),
        }
        extra.extend(attributes.min_base_fee.unwrap_or_default().to_be_bytes());
        let header = Header {
            parent_hash: parent.hash,
            number: parent.header.number + 1,
            timestamp: inner.timestamp,
            mix_hash: inner.prev_randao,
            beneficiary: inner.suggested_fee_recipient,
            gas_limit: attributes.gas_limit.unwrap(),
            state_root: STATE_ROOT,
            withdrawals_root: Some(PASSER_ROOT),
            parent_beacon_block_root: inner.parent_beacon_block_root,
            transactions_root: keccak256(content),
            receipts_root: EMPTY_ROOT_HASH,
            requests_hash: Some(EMPTY_REQUESTS_HASH),
            extra_data: extra.into(),
            ..Header::default()
        };
        L2Block {
            hash: header.hash_slow(),
            header,
            transactions,
        }
    }
}

impl EngineApi for FakeEngine {
    fn forkchoice_updated(
        &self,
        heads: ForkchoiceState,
        attributes: Option<OpPayloadAttributes>,
    ) -> BoxFuture<'_, Result<ForkchoiceUpdated, EngineError>> {
        self.answer(|state| {
            state.heads = heads;
            let mut updated = ForkchoiceUpdated::from_status(PayloadStatusEnum::Valid);
            if let Some(attributes) = attributes {
                state.payloads += 1;
                let block = state.build(heads.head_block_hash, &attributes);
                state.built.insert(state.payloads, block);
                updated.payload_id = Some(PayloadId::new(state.payloads.to_be_bytes()));
            }
            Ok(updated)
        })
    }

    fn get_payload(
        &self,
        id: PayloadId,
        _timestamp: u64,
    ) -> BoxFuture<'_, Result<OpExecutionPayloadEnvelope, EngineError>> {
        self.answer(move |state| {
            let unknown = || EngineError::Rpc {
                code: -38001,
                message: "unknown".to_owned(),
            };
            state
                .built
                .get(&u64::from_be_bytes(id.0.0))
                .map(envelope)
                .ok_or_else(unknown)
        })
    }

    fn new_payload(
        &self,
        payload: OpExecutionPayloadEnvelope,
    ) -> BoxFuture<'_, Result<PayloadStatus, EngineError>> {
        self.answer(move |state| {
            let hash = payload.execution_payload.block_hash();
            let block = state.built.values().find(|b| b.hash == hash).cloned();
            state
                .blocks
                .insert(hash, block.expect("only what was built here comes back"));
            Ok(PayloadStatus::from_status(PayloadStatusEnum::Valid))
        })
    }

    fn block(&self, tag: BlockTag) -> BoxFuture<'_, Result<Option<L2Block>, EngineError>> {
        self.answer(|state| Ok(state.find(tag)))
    }

    fn storage_root(
        &self,
        _account: Address,
        _block: B256,
    ) -> BoxFuture<'_, Result<B256, EngineError>> {
        self.answer(|_| Ok(PASSER_ROOT))
    }
}

fn envelope(block: &L2Block) -> OpExecutionPayloadEnvelope {
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
        gas_used: 0,
        timestamp: header.timestamp,
        extra_data: header.extra_data.clone(),
        base_fee_per_gas: U256::ZERO,
        block_hash: block.hash,
        transactions: block.transactions.clone(),
    };
    let v2 = ExecutionPayloadV2 {
        payload_inner: v1,
        withdrawals: Vec::new(),
    };
    let v3 = ExecutionPayloadV3 {
        payload_inner: v2,
        blob_gas_used: 0,
        excess_blob_gas: 0,
    };
    let v4 = OpExecutionPayloadV4 {
        payload_inner: v3,
        withdrawals_root: PASSER_ROOT,
    };
    OpExecutionPayloadEnvelope {
        parent_beacon_block_root: header.parent_beacon_block_root,
        execution_payload: OpExecutionPayload::V4(v4),
    }
}
