//! The rollup node's RPC: `optimism_*` and `admin_*`, in op-node's JSON.
//!
//! spec: protocol/rollup-node.md#l2-output-rpc-method

use crate::{
    error::RpcError,
    eth::{EthClient, EthOptions},
};
use alloy_primitives::{B256, U64};
use op_alloy_rpc_types_engine::OpExecutionPayloadEnvelope;
use opal_protocol::{L1Id, L1Ref, L2Id, L2Ref, RollupConfig};
use serde::{Deserialize, Serialize};

/// Where a rollup node stands. A block that is not known yet is all zeros.
/// spec: protocol/rollup-node.md#syncstatus
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncStatus {
    /// The L1 block that derivation has read last. Everything up to and including it has been
    /// turned into safe blocks.
    pub current_l1: L1Ref,
    /// Old name of `finalized_l1`, kept for tools that read it.
    #[serde(default)]
    pub current_l1_finalized: L1Ref,
    /// Head of L1.
    pub head_l1: L1Ref,
    /// Head of L1 that its consensus calls safe.
    pub safe_l1: L1Ref,
    /// Head of L1 that its consensus calls finalized.
    pub finalized_l1: L1Ref,
    /// Head of L2, maybe known from the sequencer alone.
    pub unsafe_l2: L2Ref,
    /// Head of the L2 blocks that were derived from L1.
    pub safe_l2: L2Ref,
    /// Head of the L2 blocks that were derived from finalized L1 blocks.
    pub finalized_l2: L2Ref,
    /// Head of the L2 blocks of a span batch that is not complete yet.
    #[serde(default)]
    pub pending_safe_l2: L2Ref,
    /// Head of the L2 blocks whose cross-chain messages are checked; equals `unsafe_l2` without
    /// interop.
    #[serde(default)]
    pub cross_unsafe_l2: L2Ref,
    /// Head of the L2 blocks derived from L1, cross-chain messages unchecked; equals `safe_l2`
    /// without interop.
    #[serde(default)]
    pub local_safe_l2: L2Ref,
    /// First unsafe block that waits for its parent.
    #[serde(default)]
    pub queued_unsafe_l2: L2Ref,
}

/// Answer of `optimism_outputAtBlock`. spec: protocol/rollup-node.md#output-method-api
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutputAtBlock {
    /// Version of the output root's preimage: zero.
    pub version: B256,
    /// The output root.
    pub output_root: B256,
    /// The block it commits to.
    pub block_ref: L2Ref,
    /// Storage root of the L2ToL1MessagePasser after that block.
    pub withdrawal_storage_root: B256,
    /// State root of that block.
    pub state_root: B256,
    /// Where the node stood when it answered.
    pub sync_status: SyncStatus,
}

/// Answer of `optimism_safeHeadAtL1Block`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SafeHeadAtL1Block {
    /// The L1 block asked for, or the last one before it that is recorded.
    pub l1_block: L1Id,
    /// The safe head once that block was read.
    pub safe_head: L2Id,
}

/// A rollup node in another process (or behind this one's own port).
#[derive(Clone, Debug)]
pub struct RollupClient {
    rpc: EthClient,
}

impl RollupClient {
    /// A client with default limits.
    pub fn new(url: &str) -> Result<Self, RpcError> {
        Self::with_options(url, EthOptions::default())
    }

    /// A client with limits of one's own.
    pub fn with_options(url: &str, options: EthOptions) -> Result<Self, RpcError> {
        Ok(Self {
            rpc: EthClient::with_options(url, options)?,
        })
    }

    /// Where the node is: scheme, host and port.
    pub fn endpoint(&self) -> &str {
        self.rpc.endpoint()
    }

    /// `optimism_syncStatus`.
    pub async fn sync_status(&self) -> Result<SyncStatus, RpcError> {
        self.rpc.request("optimism_syncStatus", ()).await
    }

    /// `optimism_outputAtBlock`.
    pub async fn output_at_block(&self, number: u64) -> Result<OutputAtBlock, RpcError> {
        self.rpc
            .request("optimism_outputAtBlock", (U64::from(number),))
            .await
    }

    /// `optimism_rollupConfig`.
    pub async fn rollup_config(&self) -> Result<RollupConfig, RpcError> {
        self.rpc.request("optimism_rollupConfig", ()).await
    }

    /// `optimism_version`.
    pub async fn version(&self) -> Result<String, RpcError> {
        self.rpc.request("optimism_version", ()).await
    }

    /// `optimism_safeHeadAtL1Block`.
    pub async fn safe_head_at_l1_block(&self, number: u64) -> Result<SafeHeadAtL1Block, RpcError> {
        self.rpc
            .request("optimism_safeHeadAtL1Block", (U64::from(number),))
            .await
    }

    /// `admin_sequencerActive`.
    pub async fn sequencer_active(&self) -> Result<bool, RpcError> {
        self.rpc.request("admin_sequencerActive", ()).await
    }

    /// `admin_startSequencer`: starts building on `head`, which must be the node's unsafe head.
    pub async fn start_sequencer(&self, head: B256) -> Result<(), RpcError> {
        self.rpc.request_once("admin_startSequencer", (head,)).await
    }

    /// `admin_stopSequencer`: the hash of the last block built.
    pub async fn stop_sequencer(&self) -> Result<B256, RpcError> {
        self.rpc.request_once("admin_stopSequencer", ()).await
    }

    /// `admin_resetDerivationPipeline`.
    pub async fn reset_derivation_pipeline(&self) -> Result<(), RpcError> {
        self.rpc
            .request_once("admin_resetDerivationPipeline", ())
            .await
    }

    /// `admin_postUnsafePayload`.
    pub async fn post_unsafe_payload(
        &self,
        payload: &OpExecutionPayloadEnvelope,
    ) -> Result<(), RpcError> {
        self.rpc
            .request("admin_postUnsafePayload", (payload,))
            .await
    }
}
