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
    bad_blocks::{BadBlock, BadBlocks},
    block::{ChainBlock, verify_transactions},
    build::{BuildLimits, BuildRequest, PayloadJobs, build},
    exec::{ExecError, PendingBlock, TIMING, millis},
    halt::Halt,
    metrics::Metrics,
    pool::Pool,
    rpc::{Courtesy, node::Syncing},
    tree::{Command, ForkchoiceOutcome, ForkchoiceRefused, InsertOutcome, TreeHandle},
};
use alloy_consensus::Transaction as _;
use alloy_eips::eip7594::BlobTransactionSidecarVariant;
use alloy_primitives::{B256, Bytes, U256};
use alloy_rpc_types_engine::{
    ForkchoiceState, ForkchoiceUpdated, PayloadId, PayloadStatus, PayloadStatusEnum,
};
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use opal_execution::{ChainConfig, EthFork, Transaction, execute_block};
use opal_rpc::EngineError;
use std::{sync::Arc, time::Instant};
use tokio::sync::watch;
use tracing::debug;

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
    /// Ethereum: blobs of the block's transactions.
    pub(crate) sidecars: Vec<Arc<BlobTransactionSidecarVariant>>,
    /// Ethereum: what the block asks of the consensus layer.
    pub(crate) requests: Vec<Bytes>,
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
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) halt: Arc<Halt>,
    /// Blocks that were refused.
    pub(crate) bad_blocks: Arc<BadBlocks>,
    /// Public requests wait while a payload is judged.
    pub(crate) courtesy: Arc<Courtesy>,
}

impl Api {
    /// `engine_forkchoiceUpdated`, after the checks of its version.
    pub(crate) async fn forkchoice(
        &self,
        version: Version,
        state: ForkchoiceState,
        attributes: Option<OpPayloadAttributes>,
    ) -> Result<ForkchoiceUpdated, EngineError> {
        let _timer = self.metrics.forkchoice.timer();
        if let Some(attributes) = &attributes {
            attributes::check_version(&self.chain, version, attributes)?;
        }
        if state.head_block_hash.is_zero() {
            let status = PayloadStatusEnum::Invalid {
                validation_error: "head is zero".into(),
            };
            return Ok(ForkchoiceUpdated::new(PayloadStatus::new(status, None)));
        }
        if self.is_old_head(state.head_block_hash)? {
            // On Ethereum a head that has descendants is taken for a consensus layer that catches
            // up. spec: execution-apis paris.md#engine_forkchoiceupdatedv1
            let hash = Some(state.head_block_hash);
            let status = PayloadStatus::new(PayloadStatusEnum::Valid, hash);
            return Ok(ForkchoiceUpdated::new(status));
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

    /// Whether the block is an ancestor of the head, where heads do not go back.
    fn is_old_head(&self, hash: B256) -> Result<bool, EngineError> {
        let view = self.tree.view();
        if self.chain.is_optimism() || hash == view.head.hash {
            return Ok(false);
        }
        let failed = |e: crate::store::StoreError| refuse(INTERNAL, e.to_string());
        let Some(header) = view.header(&hash).map_err(failed)? else {
            return Ok(false);
        };
        view.is_canonical(&hash, header.number).map_err(failed)
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
        let id = attributes::payload_id(version, &parent_hash, attributes);
        if self.jobs.get(id).is_some() {
            return Ok(id);
        }
        let state = view
            .state_at(parent_hash)
            .map_err(|e| internal(e.to_string()))?
            .through_cache();
        let forced = attributes.transactions.clone().unwrap_or_default();
        let forced = verify_transactions(&forced, |hash| self.pool.verified(hash)).map_err(
            |(index, e)| {
                refuse(
                    INVALID_ATTRIBUTES,
                    format!("forced transaction {index}: {e}"),
                )
            },
        )?;
        let block_attributes = attributes::to_block_attributes(&self.chain, &parent, attributes)?;
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
        let _timer = self.metrics.get_payload.timer();
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
            .map_err(|e| refuse(INTERNAL, e.to_string()))?
            .map_err(|problem| refuse(INTERNAL, problem))?;
        let (mut sidecars, mut requests) = (Vec::new(), Vec::new());
        if !self.chain.is_optimism() {
            let blob_transactions = chain_block
                .transaction_hashes()
                .iter()
                .zip(&chain_block.body.transactions)
                .filter(|(_, encoded)| encoded.first() == Some(&3));
            let found = blob_transactions.filter_map(|(hash, _)| self.pool.sidecar(hash));
            sidecars.extend(found);
            requests = self.requests(&chain_block)?;
        }
        Ok(Fetched {
            block: chain_block,
            fees,
            sidecars,
            requests,
        })
    }

    /// What a block of ours asks of the consensus layer: executed again, because blocks do not keep
    /// it. spec: EIP-7685
    fn requests(&self, block: &ChainBlock) -> Result<Vec<Bytes>, EngineError> {
        if self.chain.eth_fork(block.header.timestamp) < EthFork::Prague {
            return Ok(Vec::new());
        }
        let internal = |e: String| refuse(INTERNAL, e);
        let (view, parent_hash) = (self.tree.view(), block.header.parent_hash);
        let parent = view
            .header(&parent_hash)
            .map_err(|e| internal(e.to_string()))?
            .ok_or_else(|| internal(format!("block {parent_hash} is gone")))?;
        let state = view
            .state_at(parent_hash)
            .map_err(|e| internal(e.to_string()))?;
        let withdrawals = block.body.withdrawals.as_ref().map(|w| w.as_slice());
        let transactions = block.transactions();
        execute_block(
            &self.chain,
            &parent,
            &block.header,
            &transactions,
            withdrawals,
            state,
        )
        .map(|executed| executed.requests)
        .map_err(|e| internal(e.to_string()))
    }

    /// `engine_newPayload`, after the checks of its version: a header that is complete but for its
    /// hash, which must be `hash`; or why the payload makes no block.
    pub(crate) async fn insert(
        &self,
        hash: B256,
        decoded: Result<DecodedPayload, String>,
    ) -> Result<PayloadStatus, EngineError> {
        let _timer = self.metrics.new_payload.timer();
        let _judging = self.courtesy.judging();
        let decoded = match decoded {
            Ok(decoded) => decoded,
            Err(problem) => return Ok(invalid(None, problem)),
        };
        let view = self.tree.view();
        let known = view
            .header(&hash)
            .map_err(|e| refuse(INTERNAL, e.to_string()))?;
        let found = decoded.header.hash_slow();
        if found != hash {
            let problem = format!("blockHash: the payload's hash is {found}, it says {hash}");
            return Ok(invalid(None, problem));
        }
        // The hash does not commit to this list.
        if let Err(problem) = check_blob_hashes(&decoded) {
            return Ok(invalid(None, problem));
        }
        if known.is_some() {
            return Ok(PayloadStatus::new(PayloadStatusEnum::Valid, Some(hash)));
        }
        let (number, parent) = (decoded.header.number, decoded.header.parent_hash);
        // Costs a counter per transaction.
        let whole = decoded.clone();
        let this = self.clone();
        let recovered = tokio::task::spawn_blocking(move || this.recover(hash, decoded))
            .await
            .map_err(|e| refuse(INTERNAL, e.to_string()))?;
        let outcome = self
            .tree
            .ask(|reply| match recovered {
                Ok(block) => Command::Insert(Box::new(block), reply),
                Err(reason) => Command::Reject(hash, parent, reason, reply),
            })
            .await;
        match outcome.map_err(|e| refuse(INTERNAL, e.to_string()))? {
            InsertOutcome::Valid => Ok(PayloadStatus::new(PayloadStatusEnum::Valid, Some(hash))),
            InsertOutcome::Invalid {
                latest_valid,
                reason,
            } => {
                self.metrics.invalid_payloads.add(1);
                self.bad_blocks.add(BadBlock::new(hash, whole));
                Ok(invalid(latest_valid, reason))
            }
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

    /// Decodes the transactions; says which is none, if so.
    pub(crate) fn recover(
        &self,
        hash: B256,
        decoded: DecodedPayload,
    ) -> Result<PendingBlock, String> {
        let DecodedPayload {
            header,
            transactions,
            withdrawals,
            ..
        } = decoded;
        let started = Instant::now();
        let verified = verify_transactions(&transactions, |hash| self.pool.verified(hash));
        debug!(target: TIMING, senders_ms = millis(started), "transactions decoded");
        match verified {
            Ok(transactions) => Ok(PendingBlock {
                hash,
                header,
                transactions,
                withdrawals,
            }),
            Err((index, e)) => Err(format!("transactions: number {index}: {e}")),
        }
    }
}

/// Whether the blobs of the transactions are those that the caller expects, in order.
/// spec: execution-apis cancun.md#engine_newpayloadv3
fn check_blob_hashes(decoded: &DecodedPayload) -> Result<(), String> {
    let Some(expected) = &decoded.blob_hashes else {
        return Ok(());
    };
    let mut found = Vec::new();
    for encoded in &decoded.transactions {
        if encoded.first() == Some(&3)
            && let Ok(tx) = Transaction::decode(encoded)
        {
            found.extend_from_slice(tx.blob_versioned_hashes().unwrap_or_default());
        }
    }
    if found == *expected {
        return Ok(());
    }
    let (found, expected) = (found.len(), expected.len());
    Err(format!(
        "expectedBlobVersionedHashes: the transactions carry {found} blobs, other than the \
         {expected} expected ones"
    ))
}

fn invalid(latest_valid: Option<B256>, validation_error: String) -> PayloadStatus {
    PayloadStatus::new(
        PayloadStatusEnum::Invalid { validation_error },
        latest_valid,
    )
}
