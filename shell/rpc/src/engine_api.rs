//! The port between a rollup node and its execution engine.

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes};
use alloy_rpc_types_engine::{ForkchoiceState, ForkchoiceUpdated, PayloadId, PayloadStatus};
use futures::future::BoxFuture;
use op_alloy_rpc_types_engine::{OpExecutionPayloadEnvelope, OpPayloadAttributes};

/// Which block is meant. A reorg can change what a number or a tag names, never what a hash names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum BlockTag {
    Latest,
    Safe,
    Finalized,
    Number(u64),
    Hash(B256),
}

/// An L2 block: header and transactions as they lie in the block, still encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct L2Block {
    /// Hash of `header`.
    pub hash: B256,
    /// The header.
    pub header: Header,
    /// EIP-2718 encodings in block order.
    pub transactions: Vec<Bytes>,
}

/// Why an engine did not answer as asked. What an engine thinks of a *block* (VALID, INVALID,
/// SYNCING) is no error but an answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EngineError {
    /// No answer, or a broken one: the same call may succeed later.
    #[error("engine unreachable: {0}")]
    Unreachable(String),
    /// The engine refused our token: wrong or missing secret, or clocks that differ.
    #[error("engine refused the JWT: {0}")]
    Unauthorized(String),
    /// The engine answered with a JSON-RPC error.
    #[error("engine error {code}: {message}")]
    Rpc {
        /// Engine API code: -38001 unknown payload, -38002 forkchoice, -38003 attributes,
        /// -38004 too large, -38005 unsupported fork, -32602 parameters.
        code: i32,
        /// The engine's own words.
        message: String,
    },
}

/// An execution engine, in this process or another.
///
/// Callers pass the values; the implementor picks the method version from the fork that is active
/// at the block's timestamp (spec: protocol/exec-engine.md#engine-api).
pub trait EngineApi: Send + Sync + 'static {
    /// `engine_forkchoiceUpdatedV{2,3}`.
    fn forkchoice_updated(
        &self,
        state: ForkchoiceState,
        attributes: Option<OpPayloadAttributes>,
    ) -> BoxFuture<'_, Result<ForkchoiceUpdated, EngineError>>;

    /// `engine_getPayloadV{2,3,4,5}`; `timestamp` is that of the payload being built.
    fn get_payload(
        &self,
        id: PayloadId,
        timestamp: u64,
    ) -> BoxFuture<'_, Result<OpExecutionPayloadEnvelope, EngineError>>;

    /// `engine_newPayloadV{2,3,4}`.
    fn new_payload(
        &self,
        payload: OpExecutionPayloadEnvelope,
    ) -> BoxFuture<'_, Result<PayloadStatus, EngineError>>;

    /// A block with its transactions, or `None` if the engine does not have it.
    fn block(&self, tag: BlockTag) -> BoxFuture<'_, Result<Option<L2Block>, EngineError>>;

    /// Storage root of `account` in the state after the block with hash `block`.
    fn storage_root(
        &self,
        account: Address,
        block: B256,
    ) -> BoxFuture<'_, Result<B256, EngineError>>;
}
