//! An execution engine in another process: the Engine API over HTTP with a JWT.
//!
//! In: values of the [`EngineApi`] port. Out: the engine's answers; a token is issued afresh for
//! every request. Nothing is retried here: whoever drives the engine knows whether a repetition
//! still makes sense.
//!
//! spec: protocol/exec-engine.md#engine-api

use crate::{
    engine_api::{BlockTag, EngineApi, EngineError, L2Block},
    error::RpcError,
    eth::{EthClient, EthOptions},
    jwt::JwtSecret,
    retry::RetryPolicy,
};
use alloy_consensus::Header;
use alloy_eips::{BlockId, BlockNumberOrTag, eip2718::Encodable2718};
use alloy_primitives::{Address, B256, address, keccak256};
use alloy_rpc_types_engine::{
    ExecutionPayloadFieldV2, ExecutionPayloadV3, ForkchoiceState, ForkchoiceUpdated, PayloadId,
    PayloadStatus,
};
use alloy_rpc_types_eth::EIP1186AccountProofResponse;
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, TrieAccount, proof::verify_proof};
use futures::future::BoxFuture;
use op_alloy_consensus::OpTxEnvelope;
use op_alloy_rpc_types_engine::{
    OpExecutionPayload, OpExecutionPayloadEnvelope, OpExecutionPayloadV4, OpPayloadAttributes,
};
use opal_protocol::{Fork, RollupConfig};
use serde::{Deserialize, de::DeserializeOwned};
use std::{sync::Arc, time::Duration};

/// Longest wait for one answer of an engine.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Requests under way at once: far more than one node makes, so that no caller waits for another.
const CONCURRENCY_MAX: usize = 64;
/// JSON-RPC code for parameters that do not fit.
const INVALID_PARAMS: i32 = -32602;
/// Code by which engines say that a block tag names nothing yet.
const UNKNOWN_BLOCK: i64 = -39001;
/// Account whose storage root the header carries as `withdrawalsRoot` since Isthmus.
/// spec: isthmus/exec-engine.md#l2tol1messagepasser-storage-root-in-header
const MESSAGE_PASSER: Address = address!("4200000000000000000000000000000000000016");

/// Speaks to one engine over its authenticated port.
#[derive(Clone, Debug)]
pub struct HttpEngine {
    rpc: EthClient,
    config: Arc<RollupConfig>,
}

impl HttpEngine {
    /// `url` is the authenticated port, which serves `engine_` and the `eth_` methods we need. The
    /// fork times of `config` pick the method versions.
    pub fn new(url: &str, jwt: JwtSecret, config: Arc<RollupConfig>) -> Result<Self, RpcError> {
        let options = EthOptions {
            timeout: TIMEOUT,
            retry: RetryPolicy::NONE,
            concurrency_max: CONCURRENCY_MAX,
            ..EthOptions::default()
        };
        Ok(Self {
            rpc: EthClient::connect("the engine", url, options, Some(jwt))?,
            config,
        })
    }

    /// Fails unless the engine answers, takes our token, and is on the rollup's chain.
    pub async fn check(&self) -> Result<(), RpcError> {
        self.rpc.expect_chain_id(self.config.l2_chain_id).await
    }

    fn is_active(&self, fork: Fork, timestamp: u64) -> bool {
        self.config.is_active(fork, timestamp)
    }

    async fn fork_choice(
        &self,
        state: ForkchoiceState,
        attributes: Option<OpPayloadAttributes>,
    ) -> Result<ForkchoiceUpdated, EngineError> {
        let old = attributes
            .as_ref()
            .is_some_and(|a| !self.is_active(Fork::Ecotone, a.payload_attributes.timestamp));
        let method = if old {
            "engine_forkchoiceUpdatedV2"
        } else {
            "engine_forkchoiceUpdatedV3"
        };
        Ok(self.rpc.request(method, (state, attributes)).await?)
    }

    async fn payload(
        &self,
        id: PayloadId,
        timestamp: u64,
    ) -> Result<OpExecutionPayloadEnvelope, EngineError> {
        let (execution_payload, parent_beacon_block_root) = if self
            .is_active(Fork::Isthmus, timestamp)
        {
            let karst = self.is_active(Fork::Karst, timestamp);
            let method = if karst {
                "engine_getPayloadV5"
            } else {
                "engine_getPayloadV4"
            };
            let built: Built<OpExecutionPayloadV4> = self.built(method, id).await?;
            (
                OpExecutionPayload::V4(built.execution_payload),
                built.parent_beacon_block_root,
            )
        } else if self.is_active(Fork::Ecotone, timestamp) {
            let built: Built<ExecutionPayloadV3> = self.built("engine_getPayloadV3", id).await?;
            (
                OpExecutionPayload::V3(built.execution_payload),
                built.parent_beacon_block_root,
            )
        } else {
            let built: Built<ExecutionPayloadFieldV2> =
                self.built("engine_getPayloadV2", id).await?;
            let payload = match built.execution_payload {
                ExecutionPayloadFieldV2::V1(payload) => OpExecutionPayload::V1(payload),
                ExecutionPayloadFieldV2::V2(payload) => OpExecutionPayload::V2(payload),
            };
            (payload, None)
        };
        Ok(OpExecutionPayloadEnvelope {
            parent_beacon_block_root,
            execution_payload,
        })
    }

    async fn built<P: DeserializeOwned>(
        &self,
        method: &str,
        id: PayloadId,
    ) -> Result<Built<P>, EngineError> {
        Ok(self.rpc.request(method, (id,)).await?)
    }

    async fn insert(
        &self,
        payload: OpExecutionPayloadEnvelope,
    ) -> Result<PayloadStatus, EngineError> {
        let timestamp = payload.execution_payload.timestamp();
        let block = &payload.execution_payload;
        let no_hashes: [B256; 0] = [];
        let no_requests: [B256; 0] = [];
        if !self.is_active(Fork::Ecotone, timestamp) {
            return Ok(self.rpc.request("engine_newPayloadV2", (block,)).await?);
        }
        let Some(root) = payload.parent_beacon_block_root else {
            return Err(EngineError::Rpc {
                code: INVALID_PARAMS,
                message: "a payload since Ecotone needs a parent beacon block root".to_owned(),
            });
        };
        if !self.is_active(Fork::Isthmus, timestamp) {
            return Ok(self
                .rpc
                .request("engine_newPayloadV3", (block, no_hashes, root))
                .await?);
        }
        let params = (block, no_hashes, root, no_requests);
        Ok(self.rpc.request("engine_newPayloadV4", params).await?)
    }

    async fn l2_block(&self, tag: BlockTag) -> Result<Option<L2Block>, EngineError> {
        let id: BlockId = match tag {
            BlockTag::Latest => BlockNumberOrTag::Latest.into(),
            BlockTag::Safe => BlockNumberOrTag::Safe.into(),
            BlockTag::Finalized => BlockNumberOrTag::Finalized.into(),
            BlockTag::Number(number) => number.into(),
            BlockTag::Hash(hash) => hash.into(),
        };
        let block = match self.rpc.op_block(id).await {
            Ok(Some(block)) => block,
            Ok(None) => return Ok(None),
            // Before the first fork choice there is no safe and no finalized block.
            Err(RpcError::Response {
                code: UNKNOWN_BLOCK,
                ..
            }) => return Ok(None),
            Err(RpcError::Response { message, .. })
                if matches!(tag, BlockTag::Safe | BlockTag::Finalized)
                    && message.contains("not found") =>
            {
                return Ok(None);
            }
            Err(e) => return Err(e.into()),
        };
        self.check_hash(&block.header, block.hash)?;
        if let BlockTag::Hash(asked) = tag {
            self.check_hash(&block.header, asked)?;
        }
        let transactions = block
            .transactions
            .iter()
            .map(|tx: &OpTxEnvelope| tx.encoded_2718().into())
            .collect();
        Ok(Some(L2Block {
            hash: block.hash,
            header: block.header,
            transactions,
        }))
    }

    async fn account_storage_root(
        &self,
        account: Address,
        block: B256,
    ) -> Result<B256, EngineError> {
        let header = self
            .rpc
            .header(block)
            .await?
            .map(|block| block.header)
            .ok_or_else(|| EngineError::Rpc {
                code: INVALID_PARAMS,
                message: format!("unknown block {block}"),
            })?;
        self.check_hash(&header, block)?;
        if account == MESSAGE_PASSER
            && self.is_active(Fork::Isthmus, header.timestamp)
            && let Some(root) = header.withdrawals_root
        {
            return Ok(root);
        }
        let proof = self.rpc.proof(account, &[], block).await?;
        proven_storage_root(account, header.state_root, &proof)
            .map_err(|problem| self.broken(format!("its proof of {account} at {block} {problem}")))
    }

    fn check_hash(&self, header: &Header, claimed: B256) -> Result<(), EngineError> {
        let actual = header.hash_slow();
        if actual == claimed {
            return Ok(());
        }
        Err(self.broken(format!("its header of block {claimed} hashes to {actual}")))
    }

    fn broken(&self, problem: String) -> EngineError {
        EngineError::Unreachable(format!("{}: {problem}", self.rpc.endpoint()))
    }
}

impl EngineApi for HttpEngine {
    fn forkchoice_updated(
        &self,
        state: ForkchoiceState,
        attributes: Option<OpPayloadAttributes>,
    ) -> BoxFuture<'_, Result<ForkchoiceUpdated, EngineError>> {
        Box::pin(self.fork_choice(state, attributes))
    }

    fn get_payload(
        &self,
        id: PayloadId,
        timestamp: u64,
    ) -> BoxFuture<'_, Result<OpExecutionPayloadEnvelope, EngineError>> {
        Box::pin(self.payload(id, timestamp))
    }

    fn new_payload(
        &self,
        payload: OpExecutionPayloadEnvelope,
    ) -> BoxFuture<'_, Result<PayloadStatus, EngineError>> {
        Box::pin(self.insert(payload))
    }

    fn block(&self, tag: BlockTag) -> BoxFuture<'_, Result<Option<L2Block>, EngineError>> {
        Box::pin(self.l2_block(tag))
    }

    fn storage_root(
        &self,
        account: Address,
        block: B256,
    ) -> BoxFuture<'_, Result<B256, EngineError>> {
        Box::pin(self.account_storage_root(account, block))
    }
}

impl From<RpcError> for EngineError {
    fn from(error: RpcError) -> Self {
        match error {
            RpcError::Unauthorized { .. } => Self::Unauthorized(error.to_string()),
            RpcError::Response { code, message, .. } => Self::Rpc {
                code: i32::try_from(code).unwrap_or(i32::MIN),
                message,
            },
            other => Self::Unreachable(other.to_string()),
        }
    }
}

/// Answer of `engine_getPayload`, of which value, blobs and requests are nothing to a rollup.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Built<P> {
    execution_payload: P,
    #[serde(default)]
    parent_beacon_block_root: Option<B256>,
}

/// The storage root in an account proof, once the proof leads to `state_root`.
fn proven_storage_root(
    account: Address,
    state_root: B256,
    proof: &EIP1186AccountProofResponse,
) -> Result<B256, String> {
    let leaf = TrieAccount {
        nonce: proof.nonce,
        balance: proof.balance,
        storage_root: proof.storage_hash,
        code_hash: proof.code_hash,
    };
    // An account that does not exist has no leaf, and its storage is empty.
    let absent = proof.is_empty() || proof.storage_hash.is_zero();
    let expected = (!absent).then(|| alloy_rlp::encode(leaf));
    let key = Nibbles::unpack(keccak256(account));
    verify_proof(state_root, key, expected, &proof.account_proof)
        .map_err(|e| format!("is wrong: {e}"))?;
    Ok(if absent {
        EMPTY_ROOT_HASH
    } else {
        proof.storage_hash
    })
}
