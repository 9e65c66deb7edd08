//! Payloads: their versions, and what they are as blocks.

use super::{Fetched, INVALID_PARAMS, UNSUPPORTED_FORK, Version, refuse};
use crate::block::ChainBlock;
use alloy_consensus::Header;
use alloy_eips::{eip4895::Withdrawals, eip7685::EMPTY_REQUESTS_HASH};
use alloy_primitives::{B256, Bytes, U256};
use alloy_rpc_types_engine::{
    BlobsBundleV1, ExecutionPayloadV1, ExecutionPayloadV2, ExecutionPayloadV3,
};
use op_alloy_rpc_types_engine::{
    OpExecutionPayload, OpExecutionPayloadEnvelope, OpExecutionPayloadEnvelopeV3,
    OpExecutionPayloadEnvelopeV4, OpExecutionPayloadV4,
};
use opal_execution::ChainConfig;
use opal_protocol::Fork;
use opal_rpc::EngineError;
use serde_json::{Value, json};

/// A payload taken apart: the header it stands for, and its body.
#[derive(Clone, Debug)]
pub(crate) struct DecodedPayload {
    pub(crate) header: Header,
    pub(crate) transactions: Vec<Bytes>,
    pub(crate) withdrawals: Option<Withdrawals>,
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
/// a block.
pub(super) fn decode(
    chain: &ChainConfig,
    version: Version,
    payload: OpExecutionPayload,
    extras: PayloadExtras,
) -> Result<DecodedPayload, EngineError> {
    let timestamp = payload.timestamp();
    let active = |fork| chain.is_op_active(fork, timestamp);
    check_insert_version(version, &active, &payload)?;
    if extras
        .blob_hashes
        .as_ref()
        .is_some_and(|hashes| !hashes.is_empty())
    {
        return Err(refuse(
            INVALID_PARAMS,
            "expectedBlobVersionedHashes must be empty",
        ));
    }
    if extras
        .requests
        .as_ref()
        .is_some_and(|requests| !requests.is_empty())
    {
        return Err(refuse(INVALID_PARAMS, "executionRequests must be empty"));
    }
    if version >= Version::V3
        && (extras.blob_hashes.is_none() || extras.parent_beacon_block_root.is_none())
    {
        let message = "expectedBlobVersionedHashes and parentBeaconBlockRoot are required";
        return Err(refuse(INVALID_PARAMS, message));
    }
    if version >= Version::V4 && extras.requests.is_none() {
        return Err(refuse(INVALID_PARAMS, "executionRequests are required"));
    }
    let withdrawals = payload
        .as_v2()
        .map(|p| Withdrawals::new(p.withdrawals.clone()));
    if withdrawals.as_ref().is_some_and(|w| !w.is_empty()) {
        return Err(refuse(INVALID_PARAMS, "withdrawals must be empty"));
    }
    let block = payload
        .into_block_raw()
        .map_err(|e| refuse(INVALID_PARAMS, e.to_string()))?;
    let mut header = block.header;
    header.parent_beacon_block_root = extras.parent_beacon_block_root;
    if active(Fork::Isthmus) {
        header.requests_hash = Some(EMPTY_REQUESTS_HASH);
    }
    Ok(DecodedPayload {
        header,
        transactions: block.body.transactions,
        withdrawals,
    })
}

fn check_insert_version(
    version: Version,
    active: &impl Fn(Fork) -> bool,
    payload: &OpExecutionPayload,
) -> Result<(), EngineError> {
    match version {
        Version::V1 | Version::V2 => {
            if active(Fork::Ecotone) {
                return Err(refuse(
                    UNSUPPORTED_FORK,
                    "from Ecotone on, use newPayloadV3 or V4",
                ));
            }
            if version == Version::V1 && active(Fork::Canyon) {
                return Err(refuse(INVALID_PARAMS, "from Canyon on, use newPayloadV2"));
            }
            if payload.as_v2().is_some() != active(Fork::Canyon) {
                let message = "withdrawals must be present from Canyon on, and absent before";
                return Err(refuse(INVALID_PARAMS, message));
            }
        }
        Version::V3 => {
            if !active(Fork::Ecotone) || active(Fork::Isthmus) {
                let message = "newPayloadV3 is for Ecotone up to Holocene";
                return Err(refuse(UNSUPPORTED_FORK, message));
            }
        }
        _ => {
            if !active(Fork::Isthmus) {
                return Err(refuse(
                    UNSUPPORTED_FORK,
                    "newPayloadV4 is for Isthmus and later",
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
    let active = |fork| chain.is_op_active(fork, timestamp);
    if active(Fork::Karst) {
        Version::V5
    } else if active(Fork::Isthmus) {
        Version::V4
    } else if active(Fork::Ecotone) {
        Version::V3
    } else {
        Version::V2
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

/// A block of an OP chain as a payload.
pub(super) fn to_envelope(block: &ChainBlock) -> OpExecutionPayloadEnvelope {
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
                (Some(_), Some(_), Some(withdrawals_root)) => {
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
pub(super) fn to_response(version: Version, fetched: &Fetched) -> Result<Value, serde_json::Error> {
    let OpExecutionPayloadEnvelope {
        parent_beacon_block_root,
        execution_payload,
    } = to_envelope(&fetched.block);
    let parent_beacon_block_root = parent_beacon_block_root.unwrap_or_default();
    let blobs_bundle = BlobsBundleV1::empty();
    let (block_value, should_override_builder) = (fetched.fees, false);
    match execution_payload {
        OpExecutionPayload::V4(execution_payload) => {
            serde_json::to_value(OpExecutionPayloadEnvelopeV4 {
                execution_payload,
                block_value,
                blobs_bundle,
                should_override_builder,
                parent_beacon_block_root,
                execution_requests: Vec::new(),
            })
        }
        OpExecutionPayload::V3(execution_payload) => {
            serde_json::to_value(OpExecutionPayloadEnvelopeV3 {
                execution_payload,
                block_value,
                blobs_bundle,
                should_override_builder,
                parent_beacon_block_root,
            })
        }
        OpExecutionPayload::V2(payload) => {
            respond_v2(version, serde_json::to_value(payload)?, block_value)
        }
        OpExecutionPayload::V1(payload) => {
            respond_v2(version, serde_json::to_value(payload)?, block_value)
        }
    }
}

/// V1 answers with the bare payload, V2 wraps it.
fn respond_v2(version: Version, payload: Value, fees: U256) -> Result<Value, serde_json::Error> {
    Ok(match version {
        Version::V1 => payload,
        _ => json!({ "executionPayload": payload, "blockValue": serde_json::to_value(fees)? }),
    })
}
