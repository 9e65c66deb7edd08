//! Which attributes fit which version of `engine_forkchoiceUpdated`, and which fit the chain.
//!
//! A fork choice without attributes fits every version at every time: rollup nodes send it as V3
//! from the first block on, so the attributes are judged, never the head.

use super::{INVALID_ATTRIBUTES, INVALID_PARAMS, UNSUPPORTED_FORK, Version, refuse};
use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes};
use alloy_rpc_types_engine::PayloadId;
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use opal_execution::{BlockAttributes, ChainConfig, EthFork};
use opal_protocol::Fork;
use opal_rpc::EngineError;

/// The checks that depend on the method's version.
pub(super) fn check_version(
    chain: &ChainConfig,
    version: Version,
    attributes: &OpPayloadAttributes,
) -> Result<(), EngineError> {
    let base = &attributes.payload_attributes;
    let fork = chain.eth_fork(base.timestamp);
    let has_root = base.parent_beacon_block_root.is_some();
    let has_withdrawals = base.withdrawals.is_some();
    match version {
        Version::V1 => {
            if has_withdrawals || has_root {
                let message = "withdrawals and parentBeaconBlockRoot are not part of V1";
                return Err(refuse(INVALID_PARAMS, message));
            }
            if fork >= EthFork::Shanghai {
                return Err(refuse(
                    INVALID_PARAMS,
                    "forkchoiceUpdatedV1 called after Shanghai (Canyon)",
                ));
            }
        }
        Version::V2 => {
            if has_root {
                let message = "parentBeaconBlockRoot is not part of V2";
                return Err(refuse(INVALID_ATTRIBUTES, message));
            }
            if fork >= EthFork::Cancun {
                let message = "forkchoiceUpdatedV2 cannot build from Cancun (Ecotone) on, use V3";
                return Err(refuse(UNSUPPORTED_FORK, message));
            }
            if has_withdrawals != (fork >= EthFork::Shanghai) {
                let message =
                    "withdrawals must be present from Shanghai (Canyon) on, and absent before";
                return Err(refuse(INVALID_ATTRIBUTES, message));
            }
        }
        _ => {
            if !has_withdrawals {
                return Err(refuse(INVALID_ATTRIBUTES, "withdrawals are missing"));
            }
            if !has_root {
                return Err(refuse(
                    INVALID_ATTRIBUTES,
                    "parentBeaconBlockRoot is missing",
                ));
            }
            if fork < EthFork::Cancun {
                let message = "forkchoiceUpdatedV3 cannot build before Cancun (Ecotone), use V2";
                return Err(refuse(UNSUPPORTED_FORK, message));
            }
        }
    }
    Ok(())
}

/// The checks that depend on the chain alone.
pub(super) fn check_values(
    chain: &ChainConfig,
    parent: &Header,
    attributes: &OpPayloadAttributes,
) -> Result<(), EngineError> {
    let bad = |message: String| Err(refuse(INVALID_ATTRIBUTES, message));
    let base = &attributes.payload_attributes;
    if base.timestamp <= parent.timestamp {
        return bad(format!(
            "timestamp {} is not later than the parent's {}",
            base.timestamp, parent.timestamp
        ));
    }
    if !chain.is_optimism() {
        let of_l2 = attributes.transactions.is_some()
            || attributes.no_tx_pool.is_some()
            || attributes.gas_limit.is_some()
            || attributes.eip_1559_params.is_some()
            || attributes.min_base_fee.is_some();
        return match of_l2 {
            true => bad("the fields that OP chains add do not exist on Ethereum".into()),
            false => Ok(()),
        };
    }
    if attributes.gas_limit.is_none() {
        return bad("gasLimit is required".into());
    }
    if base.withdrawals.as_ref().is_some_and(|w| !w.is_empty()) {
        return bad("withdrawals must be empty".into());
    }
    let holocene = chain.is_op_active(Fork::Holocene, base.timestamp);
    match attributes.eip_1559_params {
        None if holocene => return bad("eip1559Params are required from Holocene on".into()),
        Some(_) if !holocene => return bad("eip1559Params are not allowed before Holocene".into()),
        Some(params) => {
            let (denominator, elasticity) = params.split_at(4);
            let is_zero = |half: &[u8]| half.iter().all(|b| *b == 0);
            if is_zero(denominator) && !is_zero(elasticity) {
                return bad("eip1559Params: denominator is 0 but elasticity is not".into());
            }
            if is_zero(elasticity) && !is_zero(denominator) {
                return bad("eip1559Params: elasticity is 0 but denominator is not".into());
            }
        }
        None => {}
    }
    let jovian = chain.is_op_active(Fork::Jovian, base.timestamp);
    if attributes.min_base_fee.is_some() != jovian {
        return bad("minBaseFee must be present from Jovian on, and absent before".into());
    }
    Ok(())
}

/// The id of the payload with these attributes on `parent`: the same attributes have the same id,
/// and its first byte is the method's version.
pub(super) fn payload_id(
    version: Version,
    parent: &B256,
    attributes: &OpPayloadAttributes,
) -> PayloadId {
    let version = version as u8;
    if attributes.payload_attributes.withdrawals.is_some() {
        return attributes.payload_id(parent, version);
    }
    // The reference client hashes absent withdrawals as an empty list; the library leaves them out.
    let mut attributes = attributes.clone();
    attributes.payload_attributes.withdrawals = Some(Vec::new());
    attributes.payload_id(parent, version)
}

/// What a block is built with. On Ethereum the gas limit stays what it is.
pub(super) fn to_block_attributes(
    chain: &ChainConfig,
    parent: &Header,
    attributes: &OpPayloadAttributes,
) -> Result<BlockAttributes, EngineError> {
    if chain.is_optimism() {
        return BlockAttributes::from_op(attributes)
            .ok_or_else(|| refuse(INVALID_ATTRIBUTES, "gasLimit is required"));
    }
    let base = &attributes.payload_attributes;
    Ok(BlockAttributes {
        timestamp: base.timestamp,
        prev_randao: base.prev_randao,
        fee_recipient: base.suggested_fee_recipient,
        gas_limit: parent.gas_limit,
        parent_beacon_block_root: base.parent_beacon_block_root,
        withdrawals: base.withdrawals.clone(),
        eip1559_params: None,
        min_base_fee: None,
        extra_data: Bytes::from_static(b"opal"),
    })
}
