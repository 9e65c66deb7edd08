//! Payloads: their versions, and what they are as blocks.

use super::{Fetched, INVALID_PARAMS, UNSUPPORTED_FORK, Version, refuse};
use crate::block::ChainBlock;
use alloy_consensus::Header;
use alloy_eips::{
    eip4844::{Blob, Bytes48},
    eip4895::Withdrawals,
    eip7594::BlobTransactionSidecarVariant,
    eip7685::Requests,
};
use alloy_primitives::{B256, Bytes, U256};
use alloy_rpc_types_engine::{ExecutionPayloadV1, ExecutionPayloadV2, ExecutionPayloadV3};
use op_alloy_rpc_types_engine::{
    OpExecutionPayload, OpExecutionPayloadEnvelope, OpExecutionPayloadV4,
};
use opal_execution::{ChainConfig, EthFork};
use opal_rpc::EngineError;
use serde_json::{Value, json};
use std::sync::Arc;

/// A payload taken apart: the header it stands for, and its body.
#[derive(Clone, Debug)]
pub(crate) struct DecodedPayload {
    pub(crate) header: Header,
    pub(crate) transactions: Vec<Bytes>,
    pub(crate) withdrawals: Option<Withdrawals>,
    /// The blobs that the transactions must carry, if the caller said so.
    pub(crate) blob_hashes: Option<Vec<B256>>,
}

/// What comes with a payload as further parameters of `engine_newPayload`.
#[derive(Clone, Debug, Default)]
pub(crate) struct PayloadExtras {
    /// V3 and later.
    pub(crate) blob_hashes: Option<Vec<B256>>,
    /// V3 and later.
    pub(crate) parent_beacon_block_root: Option<B256>,
    /// V4.
    pub(crate) requests: Option<Vec<Bytes>>,
}

/// Whether `engine_newPayload` of this version may carry a payload of that time, and turns it into
/// a block. The inner error says why no block can be made of it: an INVALID payload, not a call
/// that is wrong.
pub(super) fn decode(
    chain: &ChainConfig,
    version: Version,
    payload: OpExecutionPayload,
    extras: PayloadExtras,
) -> Result<Result<DecodedPayload, String>, EngineError> {
    let fork = chain.eth_fork(payload.timestamp());
    check_insert_version(version, fork, &payload)?;
    if version >= Version::V3
        && (extras.blob_hashes.is_none() || extras.parent_beacon_block_root.is_none())
    {
        let message = "expectedBlobVersionedHashes and parentBeaconBlockRoot are required";
        return Err(refuse(INVALID_PARAMS, message));
    }
    let requests_hash = match &extras.requests {
        None if version >= Version::V4 => {
            return Err(refuse(INVALID_PARAMS, "executionRequests are required"));
        }
        Some(requests) if fork >= EthFork::Prague => Some(check_requests(requests)?),
        _ => None,
    };
    let withdrawals = payload
        .as_v2()
        .map(|p| Withdrawals::new(p.withdrawals.clone()));
    if chain.is_optimism() {
        if withdrawals.as_ref().is_some_and(|w| !w.is_empty()) {
            return Ok(Err("withdrawals must be empty on L2".into()));
        }
        if extras.requests.is_some_and(|requests| !requests.is_empty()) {
            return Ok(Err("executionRequests must be empty on L2".into()));
        }
    }
    let block = match payload.into_block_raw() {
        Ok(block) => block,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let mut header = block.header;
    header.parent_beacon_block_root = extras.parent_beacon_block_root;
    header.requests_hash = requests_hash;
    Ok(Ok(DecodedPayload {
        header,
        transactions: block.body.transactions,
        withdrawals,
        blob_hashes: extras.blob_hashes,
    }))
}

/// Requests are lists of types in ascending order, none of them empty. spec: EIP-7685, and
/// execution-apis prague.md#engine_newpayloadv4
fn check_requests(requests: &[Bytes]) -> Result<B256, EngineError> {
    let kinds = requests.iter().map(|request| request.first());
    if !kinds.is_sorted_by(|a, b| a < b) || requests.iter().any(|request| request.len() < 2) {
        let message = "executionRequests must have ascending types, and none of them be empty";
        return Err(refuse(INVALID_PARAMS, message));
    }
    Ok(Requests::new(requests.to_vec()).requests_hash())
}

fn check_insert_version(
    version: Version,
    fork: EthFork,
    payload: &OpExecutionPayload,
) -> Result<(), EngineError> {
    match version {
        Version::V1 | Version::V2 => {
            if fork >= EthFork::Cancun {
                return Err(refuse(
                    UNSUPPORTED_FORK,
                    "from Cancun (Ecotone) on, use newPayloadV3 or V4",
                ));
            }
            if version == Version::V1 && fork >= EthFork::Shanghai {
                let message = "from Shanghai (Canyon) on, use newPayloadV2";
                return Err(refuse(INVALID_PARAMS, message));
            }
            if payload.as_v2().is_some() != (fork >= EthFork::Shanghai) {
                let message =
                    "withdrawals must be present from Shanghai (Canyon) on, and absent before";
                return Err(refuse(INVALID_PARAMS, message));
            }
        }
        Version::V3 => {
            if fork != EthFork::Cancun {
                let message = "newPayloadV3 is for Cancun (Ecotone up to Holocene)";
                return Err(refuse(UNSUPPORTED_FORK, message));
            }
        }
        _ => {
            if fork < EthFork::Prague {
                return Err(refuse(
                    UNSUPPORTED_FORK,
                    "newPayloadV4 is for Prague (Isthmus) and later",
                ));
            }
        }
    }
    Ok(())
}

/// Whether `engine_getPayload` of this version may fetch a payload of that time.
pub(super) fn check_fetch_version(
    chain: &ChainConfig,
    version: Version,
    timestamp: u64,
) -> Result<(), EngineError> {
    let wanted = fetch_version_at(chain, timestamp);
    if version == wanted || (version == Version::V1 && wanted == Version::V2) {
        return Ok(());
    }
    let message = format!("a payload at {timestamp} is fetched by getPayload{wanted:?}");
    Err(refuse(UNSUPPORTED_FORK, message))
}

/// The version of `engine_getPayload` for a payload of that time.
pub(super) fn fetch_version_at(chain: &ChainConfig, timestamp: u64) -> Version {
    match chain.eth_fork(timestamp) {
        EthFork::Paris | EthFork::Shanghai => Version::V2,
        EthFork::Cancun => Version::V3,
        EthFork::Prague => Version::V4,
        EthFork::Osaka => Version::V5,
    }
}

/// The version of `engine_newPayload` for a payload of that time.
pub(super) fn insert_version_at(chain: &ChainConfig, timestamp: u64) -> Version {
    fetch_version_at(chain, timestamp).min(Version::V4)
}

/// The version of `engine_forkchoiceUpdated` for attributes of that time.
pub(super) fn forkchoice_version_at(chain: &ChainConfig, timestamp: u64) -> Version {
    fetch_version_at(chain, timestamp).min(Version::V3)
}

/// A block as a payload. Only those of OP chains say what their withdrawals root is.
pub(super) fn to_envelope(chain: &ChainConfig, block: &ChainBlock) -> OpExecutionPayloadEnvelope {
    let header = &block.header;
    let v1 = ExecutionPayloadV1 {
        parent_hash: header.parent_hash,
        fee_recipient: header.beneficiary,
        state_root: header.state_root,
        receipts_root: header.receipts_root,
        logs_bloom: header.logs_bloom,
        prev_randao: header.mix_hash,
        block_number: header.number,
        gas_limit: header.gas_limit,
        gas_used: header.gas_used,
        timestamp: header.timestamp,
        extra_data: header.extra_data.clone(),
        base_fee_per_gas: U256::from(header.base_fee_per_gas.unwrap_or_default()),
        block_hash: block.hash,
        transactions: block.body.transactions.clone(),
    };
    let execution_payload = match (&block.body.withdrawals, header.parent_beacon_block_root) {
        (None, _) => OpExecutionPayload::V1(v1),
        (Some(withdrawals), root) => {
            let v2 = ExecutionPayloadV2 {
                payload_inner: v1,
                withdrawals: withdrawals.to_vec(),
            };
            let v3 = |payload_inner| ExecutionPayloadV3 {
                payload_inner,
                blob_gas_used: header.blob_gas_used.unwrap_or_default(),
                excess_blob_gas: header.excess_blob_gas.unwrap_or_default(),
            };
            match (root, header.requests_hash, header.withdrawals_root) {
                (None, _, _) => OpExecutionPayload::V2(v2),
                (Some(_), Some(_), Some(withdrawals_root)) if chain.is_optimism() => {
                    OpExecutionPayload::V4(OpExecutionPayloadV4 {
                        payload_inner: v3(v2),
                        withdrawals_root,
                    })
                }
                _ => OpExecutionPayload::V3(v3(v2)),
            }
        }
    };
    OpExecutionPayloadEnvelope {
        parent_beacon_block_root: header.parent_beacon_block_root,
        execution_payload,
    }
}

/// The answer of `engine_getPayload`.
pub(super) fn to_response(
    chain: &ChainConfig,
    version: Version,
    fetched: &Fetched,
) -> Result<Value, serde_json::Error> {
    let OpExecutionPayloadEnvelope {
        parent_beacon_block_root,
        execution_payload,
    } = to_envelope(chain, &fetched.block);
    let payload = match execution_payload {
        OpExecutionPayload::V4(payload) => serde_json::to_value(payload)?,
        OpExecutionPayload::V3(payload) => serde_json::to_value(payload)?,
        OpExecutionPayload::V2(payload) => serde_json::to_value(payload)?,
        OpExecutionPayload::V1(payload) => serde_json::to_value(payload)?,
    };
    if version == Version::V1 {
        return Ok(payload);
    }
    let mut answer = json!({
        "executionPayload": payload,
        "blockValue": serde_json::to_value(fetched.fees)?,
    });
    if version >= Version::V3 {
        answer["blobsBundle"] = blobs_bundle(&fetched.sidecars)?;
        answer["shouldOverrideBuilder"] = json!(false);
        if chain.is_optimism() {
            // spec: ecotone/exec-engine.md#engine_getpayloadv3
            let root = parent_beacon_block_root.unwrap_or_default();
            answer["parentBeaconBlockRoot"] = json!(root);
        }
    }
    if version >= Version::V4 {
        answer["executionRequests"] = json!(fetched.requests);
    }
    Ok(answer)
}

/// Commitments, proofs and blobs, in block order. From Osaka on the pool holds proofs of cells.
fn blobs_bundle(
    sidecars: &[Arc<BlobTransactionSidecarVariant>],
) -> Result<Value, serde_json::Error> {
    let (mut commitments, mut proofs) = (Vec::<&Bytes48>::new(), Vec::<&Bytes48>::new());
    let mut blobs = Vec::<&Blob>::new();
    for sidecar in sidecars {
        match &**sidecar {
            BlobTransactionSidecarVariant::Eip4844(sidecar) => {
                commitments.extend(&sidecar.commitments);
                proofs.extend(&sidecar.proofs);
                blobs.extend(&sidecar.blobs);
            }
            BlobTransactionSidecarVariant::Eip7594(sidecar) => {
                commitments.extend(&sidecar.commitments);
                proofs.extend(&sidecar.cell_proofs);
                blobs.extend(&sidecar.blobs);
            }
        }
    }
    Ok(json!({
        "commitments": serde_json::to_value(commitments)?,
        "proofs": serde_json::to_value(proofs)?,
        "blobs": serde_json::to_value(blobs)?,
    }))
}
