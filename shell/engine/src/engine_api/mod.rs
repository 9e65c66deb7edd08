//! The Engine API: what a rollup node asks of its engine, in this process or over HTTP.
//!
//! Inputs: fork choices, payloads, attributes. Outputs: verdicts, payloads, error codes that the
//! rollup node acts on: -38002 makes it reset, -38003 makes it drop the attributes.
//! spec: protocol/exec-engine.md#engine-api

mod attributes;
mod payload;
mod port;
pub(crate) mod server;
#[cfg(test)]
mod tests;

pub(crate) use payload::DecodedPayload;

use crate::{
    block::{ChainBlock, verify_transactions},
    build::{BuildLimits, BuildRequest, PayloadJobs, build},
    exec::{ExecError, PendingBlock},
    pool::Pool,
    rpc::node::Syncing,
    tree::{Command, ForkchoiceOutcome, ForkchoiceRefused, InsertOutcome, TreeHandle},
};
use alloy_primitives::{B256, U256};
use alloy_rpc_types_engine::{
    ForkchoiceState, ForkchoiceUpdated, PayloadId, PayloadStatus, PayloadStatusEnum,
};
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use opal_execution::{BlockAttributes, ChainConfig};
use opal_rpc::EngineError;
use std::sync::Arc;
use tokio::sync::watch;

pub(crate) const UNKNOWN_PAYLOAD: i32 = -38001;
pub(crate) const INVALID_FORKCHOICE: i32 = -38002;
pub(crate) const INVALID_ATTRIBUTES: i32 = -38003;
pub(crate) const TOO_LARGE: i32 = -38004;
pub(crate) const UNSUPPORTED_FORK: i32 = -38005;
pub(crate) const INVALID_PARAMS: i32 = -32602;
pub(crate) const INTERNAL: i32 = -32603;

/// An error with one of the codes above.
pub(crate) fn refuse(code: i32, message: impl Into<String>) -> EngineError {
    EngineError::Rpc {
        code,
        message: message.into(),
    }
}

/// Version of a method, as its name ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    V1 = 1,
    V2,
    V3,
    V4,
    V5,
}

/// A fetched payload: the block and what it earns.
#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    pub(crate) block: Arc<ChainBlock>,
    pub(crate) fees: U256,
}

/// The Engine API over the parts that do the work. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    pub(crate) chain: Arc<ChainConfig>,
    pub(crate) tree: TreeHandle,
    pub(crate) pool: Arc<Pool>,
    pub(crate) jobs: Arc<PayloadJobs>,
    pub(crate) limits: Arc<BuildLimits>,
    /// Set while we were told of blocks that we cannot reach.
    pub(crate) syncing: Arc<watch::Sender<Option<Syncing>>>,
}

impl Api {
    /// `engine_forkchoiceUpdated`, after the checks of its version.
    pub(crate) async fn forkchoice(
        &self,
        version: Version,
        state: ForkchoiceState,
        attributes: Option<OpPayloadAttributes>,
    ) -> Result<ForkchoiceUpdated, EngineError> {
        if let Some(attributes) = &attributes {
            attributes::check_version(&self.chain, version, attributes)?;
        }
        if state.head_block_hash.is_zero() {
            let status = PayloadStatusEnum::Invalid {
                validation_error: "head is zero".into(),
            };
            return Ok(ForkchoiceUpdated::new(PayloadStatus::new(status, None)));
        }
        let outcome = self
            .tree
            .ask(|reply| Command::Forkchoice(state, reply))
            .await;
        let status = match outcome.map_err(|e| refuse(INTERNAL, e.to_string()))? {
            Ok(ForkchoiceOutcome::Done) => {
                self.note_head();
                PayloadStatus::new(PayloadStatusEnum::Valid, Some(state.head_block_hash))
            }
            Ok(ForkchoiceOutcome::Syncing) => {
                self.note_missing(0);
                PayloadStatus::new(PayloadStatusEnum::Syncing, None)
            }
            Ok(ForkchoiceOutcome::Invalid {
                latest_valid,
                reason,
            }) => invalid(latest_valid, reason),
            Err(ForkchoiceRefused::Inconsistent(e)) => return Err(refuse(INVALID_FORKCHOICE, e)),
            Err(ForkchoiceRefused::Failed(e)) => return Err(refuse(INTERNAL, e)),
        };
        let updated = ForkchoiceUpdated::new(status);
        match attributes {
            Some(attributes) if updated.payload_status.is_valid() => {
                let id = self
                    .start_job(version, state.head_block_hash, attributes)
                    .await?;
                Ok(updated.with_payload_id(id))
            }
            _ => Ok(updated),
        }
    }

    /// Starts building on the head, which the fork choice has just set.
    async fn start_job(
        &self,
        version: Version,
        parent_hash: B256,
        attributes: OpPayloadAttributes,
    ) -> Result<PayloadId, EngineError> {
        let this = self.clone();
        let work = move || this.start_job_blocking(version, parent_hash, &attributes);
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result,
            Err(e) => Err(refuse(INTERNAL, format!("building failed: {e}"))),
        }
    }

    fn start_job_blocking(
        &self,
        version: Version,
        parent_hash: B256,
        attributes: &OpPayloadAttributes,
    ) -> Result<PayloadId, EngineError> {
        let view = self.tree.view();
        let internal = |e: String| refuse(INTERNAL, e);
        let parent = view
            .header(&parent_hash)
            .map_err(|e| internal(e.to_string()))?;
        let parent = parent.ok_or_else(|| internal(format!("block {parent_hash} is gone")))?;
        attributes::check_values(&self.chain, &parent, attributes)?;
        let id = attributes.payload_id(&parent_hash, version as u8);
        if self.jobs.get(id).is_some() {
            return Ok(id);
        }
        let state = view
            .state_at(parent_hash)
            .map_err(|e| internal(e.to_string()))?;
        let forced = attributes.transactions.clone().unwrap_or_default();
        let forced = verify_transactions(&forced, |hash| self.pool.verified(hash)).map_err(
            |(index, e)| {
                refuse(
                    INVALID_ATTRIBUTES,
                    format!("forced transaction {index}: {e}"),
                )
            },
        )?;
        let block_attributes = BlockAttributes::from_op(attributes)
            .ok_or_else(|| refuse(INVALID_ATTRIBUTES, "gasLimit is required"))?;
        let request = BuildRequest {
            state,
            parent,
            parent_hash,
            attributes: block_attributes,
            forced,
            limits: self.limits.get(),
        };
        let first = build(&self.chain, &request, None).map_err(|error| match error {
            ExecError::Invalid(e) => refuse(INVALID_ATTRIBUTES, e.to_string()),
            ExecError::Engine(e) => internal(e),
        })?;
        let no_pool = attributes.no_tx_pool.unwrap_or_default();
        let pool = (!no_pool).then(|| self.pool.clone());
        self.jobs.start(id, &self.chain, request, first, pool);
        Ok(id)
    }

    /// `engine_getPayload`: the job's block, which the tree then knows already.
    pub(crate) async fn fetch(
        &self,
        version: Version,
        id: PayloadId,
    ) -> Result<Fetched, EngineError> {
        let Some(job) = self.jobs.get(id) else {
            return Err(refuse(
                UNKNOWN_PAYLOAD,
                format!("payload {id} is not known"),
            ));
        };
        payload::check_fetch_version(&self.chain, version, job.timestamp)?;
        let (block, fees) = tokio::task::spawn_blocking(move || job.resolve())
            .await
            .map_err(|e| refuse(INTERNAL, e.to_string()))?;
        let chain_block = block.block.clone();
        self.tree
            .ask(|reply| Command::InsertBuilt(block, reply))
            .await
            .map_err(|e| refuse(INTERNAL, e.to_string()))?;
        Ok(Fetched {
            block: chain_block,
            fees,
        })
    }

    /// `engine_newPayload`, after the checks of its version: `header` is complete but for its hash,
    /// which must be `hash`.
    pub(crate) async fn insert(
        &self,
        hash: B256,
        decoded: DecodedPayload,
    ) -> Result<PayloadStatus, EngineError> {
        let view = self.tree.view();
        let known = view
            .header(&hash)
            .map_err(|e| refuse(INTERNAL, e.to_string()))?;
        let found = decoded.header.hash_slow();
        if found != hash {
            let validation_error = format!("block hash is {found}, the payload says {hash}");
            let status = PayloadStatusEnum::Invalid { validation_error };
            return Ok(PayloadStatus::new(status, None));
        }
        if known.is_some() {
            return Ok(PayloadStatus::new(PayloadStatusEnum::Valid, Some(hash)));
        }
        let number = decoded.header.number;
        let this = self.clone();
        let recover = move || this.recover(hash, decoded);
        let recovered = tokio::task::spawn_blocking(recover)
            .await
            .map_err(|e| refuse(INTERNAL, e.to_string()))?;
        let block = match recovered {
            Ok(block) => block,
            Err((parent, reason)) => return Ok(invalid(parent, reason)),
        };
        let outcome = self
            .tree
            .ask(|reply| Command::Insert(Box::new(block), reply))
            .await;
        match outcome.map_err(|e| refuse(INTERNAL, e.to_string()))? {
            InsertOutcome::Valid => Ok(PayloadStatus::new(PayloadStatusEnum::Valid, Some(hash))),
            InsertOutcome::Invalid {
                latest_valid,
                reason,
            } => Ok(invalid(latest_valid, reason)),
            InsertOutcome::ParentUnknown => {
                self.note_missing(number);
                Ok(PayloadStatus::new(PayloadStatusEnum::Syncing, None))
            }
            InsertOutcome::Failed(e) => Err(refuse(INTERNAL, e)),
        }
    }

    /// Notes a block of height `number`, or of unknown height, that we cannot reach yet.
    fn note_missing(&self, number: u64) {
        let head = self.tree.view().head.number;
        self.syncing.send_modify(|syncing| {
            let known = syncing.get_or_insert(Syncing {
                starting: head,
                highest: head,
            });
            known.highest = known.highest.max(number);
        });
    }

    /// Notes that the head is where we were told: nothing is missing.
    fn note_head(&self) {
        self.syncing
            .send_if_modified(|syncing| syncing.take().is_some());
    }

    /// Decodes the transactions; answers with the parent's hash if one is none.
    pub(crate) fn recover(
        &self,
        hash: B256,
        decoded: DecodedPayload,
    ) -> Result<PendingBlock, (B256, String)> {
        let DecodedPayload {
            header,
            transactions,
            withdrawals,
        } = decoded;
        match verify_transactions(&transactions, |hash| self.pool.verified(hash)) {
            Ok(transactions) => Ok(PendingBlock {
                hash,
                header,
                transactions,
                withdrawals,
            }),
            Err((index, e)) => Err((header.parent_hash, format!("transaction {index}: {e}"))),
        }
    }
}

fn invalid(latest_valid: B256, validation_error: String) -> PayloadStatus {
    PayloadStatus::new(
        PayloadStatusEnum::Invalid { validation_error },
        Some(latest_valid),
    )
}
