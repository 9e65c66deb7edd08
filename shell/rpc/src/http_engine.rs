//! An execution engine in another process: the Engine API over HTTP with a JWT.

use crate::{
    engine_api::{BlockTag, EngineApi, EngineError, L2Block},
    error::RpcError,
    jwt::JwtSecret,
};
use alloy_primitives::{Address, B256};
use alloy_rpc_types_engine::{ForkchoiceState, ForkchoiceUpdated, PayloadId, PayloadStatus};
use futures::future::BoxFuture;
use op_alloy_rpc_types_engine::{OpExecutionPayloadEnvelope, OpPayloadAttributes};
use opal_protocol::RollupConfig;
use std::sync::Arc;

/// Speaks to one engine over its authenticated port.
#[derive(Clone, Debug)]
pub struct HttpEngine {}

impl HttpEngine {
    /// `url` is the authenticated port, which serves `engine_` and the `eth_` methods we need.
    pub fn new(_url: &str, _jwt: JwtSecret, _config: Arc<RollupConfig>) -> Result<Self, RpcError> {
        unimplemented!()
    }
}

impl EngineApi for HttpEngine {
    fn forkchoice_updated(
        &self,
        _: ForkchoiceState,
        _: Option<OpPayloadAttributes>,
    ) -> BoxFuture<'_, Result<ForkchoiceUpdated, EngineError>> {
        unimplemented!()
    }
    fn get_payload(
        &self,
        _: PayloadId,
        _: u64,
    ) -> BoxFuture<'_, Result<OpExecutionPayloadEnvelope, EngineError>> {
        unimplemented!()
    }
    fn new_payload(
        &self,
        _: OpExecutionPayloadEnvelope,
    ) -> BoxFuture<'_, Result<PayloadStatus, EngineError>> {
        unimplemented!()
    }
    fn block(&self, _: BlockTag) -> BoxFuture<'_, Result<Option<L2Block>, EngineError>> {
        unimplemented!()
    }
    fn storage_root(&self, _: Address, _: B256) -> BoxFuture<'_, Result<B256, EngineError>> {
        unimplemented!()
    }
}
