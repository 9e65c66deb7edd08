//! Calls to the engine, each with a time limit, in the words of the rollup core.

use alloy_rpc_types_engine::{ForkchoiceState, ForkchoiceUpdated, PayloadId, PayloadStatus};
use op_alloy_rpc_types_engine::{OpExecutionPayloadEnvelope, OpPayloadAttributes};
use opal_rollup::{Failure, L2Block, L2Query};
use opal_rpc::{BlockTag, EngineApi, EngineError};
use std::{future::Future, sync::Arc, time::Duration};

/// Longest time that a call to the engine may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// An engine, seen through the rollup's eyes.
#[derive(Clone)]
pub(crate) struct Engine(pub(crate) Arc<dyn EngineApi>);

impl Engine {
    pub(crate) async fn forkchoice_updated(
        &self,
        state: ForkchoiceState,
        attributes: Option<Box<OpPayloadAttributes>>,
    ) -> Result<ForkchoiceUpdated, Failure> {
        limited(self.0.forkchoice_updated(state, attributes.map(|a| *a))).await
    }

    pub(crate) async fn get_payload(
        &self,
        id: PayloadId,
        timestamp: u64,
    ) -> Result<Box<OpExecutionPayloadEnvelope>, Failure> {
        limited(self.0.get_payload(id, timestamp))
            .await
            .map(Box::new)
    }

    pub(crate) async fn new_payload(
        &self,
        payload: Box<OpExecutionPayloadEnvelope>,
    ) -> Result<PayloadStatus, Failure> {
        limited(self.0.new_payload(*payload)).await
    }

    pub(crate) async fn block(&self, query: L2Query) -> Result<Option<Box<L2Block>>, Failure> {
        let tag = match query {
            L2Query::Number(number) => BlockTag::Number(number),
            L2Query::Hash(hash) => BlockTag::Hash(hash),
        };
        self.block_at(tag).await
    }

    pub(crate) async fn block_at(&self, tag: BlockTag) -> Result<Option<Box<L2Block>>, Failure> {
        let block = limited(self.0.block(tag)).await?;
        Ok(block.map(|b| {
            Box::new(L2Block {
                hash: b.hash,
                header: b.header,
                transactions: b.transactions,
            })
        }))
    }
}

async fn limited<T>(call: impl Future<Output = Result<T, EngineError>>) -> Result<T, Failure> {
    match tokio::time::timeout(CALL_TIMEOUT, call).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(failure(error)),
        Err(_) => {
            let seconds = CALL_TIMEOUT.as_secs();
            Err(Failure::Unavailable(format!(
                "engine did not answer within {seconds} s"
            )))
        }
    }
}

fn failure(error: EngineError) -> Failure {
    match error {
        EngineError::Rpc { code, message } => Failure::from_code(code, message),
        other => Failure::Unavailable(other.to_string()),
    }
}
