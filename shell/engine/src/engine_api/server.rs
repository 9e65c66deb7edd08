//! The `engine_` methods of the authenticated server.

use super::{
    Api, Version,
    payload::{self, PayloadExtras, to_envelope, to_response},
};
use crate::rpc::error::{RpcResult, bad_params, from_engine, internal, invalid_params};
use alloy_primitives::{B256, Bytes, U64};
use alloy_rpc_types_engine::{
    ExecutionPayloadBodyV1, ExecutionPayloadInputV2, ExecutionPayloadV1, ExecutionPayloadV3,
    ForkchoiceState, PayloadId,
};
use jsonrpsee::{RpcModule, types::Params};
use op_alloy_rpc_types_engine::{
    OpExecutionPayload, OpExecutionPayloadV4, OpPayloadAttributes, ProtocolVersion,
    ProtocolVersionFormatV0, SuperchainSignal,
};
use opal_execution::ChainConfig;
use serde_json::{Value, json};

/// Bodies that one request may ask for.
const BODIES_MAX: u64 = 1_024;
/// The methods this engine offers.
const CAPABILITIES: [&str; 16] = [
    "engine_forkchoiceUpdatedV1",
    "engine_forkchoiceUpdatedV2",
    "engine_forkchoiceUpdatedV3",
    "engine_getPayloadV1",
    "engine_getPayloadV2",
    "engine_getPayloadV3",
    "engine_getPayloadV4",
    "engine_getPayloadV5",
    "engine_newPayloadV1",
    "engine_newPayloadV2",
    "engine_newPayloadV3",
    "engine_newPayloadV4",
    "engine_getPayloadBodiesByHashV1",
    "engine_getPayloadBodiesByRangeV1",
    "engine_getClientVersionV1",
    "engine_signalSuperchainV1",
];
/// The protocol version this engine implements: OP Stack v9.0.0 plus the forks after it.
/// spec: protocol/superchain-upgrades.md#protocol-version-format
const PROTOCOL_VERSION_MAJOR: u32 = 9;

/// Adds the `engine_` methods.
pub(crate) fn register(
    module: &mut RpcModule<Api>,
) -> Result<(), jsonrpsee::core::RegisterMethodError> {
    register_forkchoice(module)?;
    register_new_payload(module)?;
    register_get_payload(module)?;
    module.register_method("engine_exchangeCapabilities", |_, _, _| {
        CAPABILITIES.to_vec()
    })?;
    module.register_method("engine_getClientVersionV1", |_, _, _| {
        json!([{
            "code": "OL", "name": "Opal", "version": env!("CARGO_PKG_VERSION"), "commit": "00000000"
        }])
    })?;
    module.register_method("engine_signalSuperchainV1", |params, api, _| {
        signal(api, &params)
    })?;
    module.register_blocking_method("engine_getPayloadBodiesByHashV1", |params, api, _| {
        let hashes: Vec<B256> = params.one().map_err(bad_params)?;
        if hashes.len() as u64 > BODIES_MAX {
            return Err(too_large());
        }
        let view = api.tree.view();
        let body = |hash: &B256| view.block(hash).map(|b| b.map(|b| body_of(&api.chain, &b)));
        hashes
            .iter()
            .map(body)
            .collect::<Result<Vec<_>, _>>()
            .map_err(internal)
    })?;
    module.register_blocking_method("engine_getPayloadBodiesByRangeV1", |params, api, _| {
        let (start, count): (U64, U64) = params.parse().map_err(bad_params)?;
        let (start, count) = (start.to::<u64>(), count.to::<u64>());
        if start == 0 || count == 0 {
            return Err(invalid_params("start and count must be at least 1"));
        }
        if count > BODIES_MAX {
            return Err(too_large());
        }
        let view = api.tree.view();
        let last = start.saturating_add(count - 1).min(view.head.number);
        let mut bodies = Vec::new();
        for number in start..=last {
            let hash = view
                .canonical_hash(number)
                .map_err(internal)?
                .unwrap_or_default();
            bodies.push(
                view.block(&hash)
                    .map_err(internal)?
                    .map(|b| body_of(&api.chain, &b)),
            );
        }
        Ok(bodies)
    })?;
    Ok(())
}

fn register_forkchoice(
    module: &mut RpcModule<Api>,
) -> Result<(), jsonrpsee::core::RegisterMethodError> {
    let versions = [
        ("engine_forkchoiceUpdatedV1", Version::V1),
        ("engine_forkchoiceUpdatedV2", Version::V2),
        ("engine_forkchoiceUpdatedV3", Version::V3),
    ];
    for (name, version) in versions {
        module.register_async_method(name, move |params, api, _| async move {
            let mut params = params.sequence();
            let state: ForkchoiceState = params.next().map_err(bad_params)?;
            let attributes: Option<OpPayloadAttributes> =
                params.optional_next().map_err(bad_params)?;
            api.forkchoice(version, state, attributes)
                .await
                .map_err(from_engine)
        })?;
    }
    Ok(())
}

fn register_new_payload(
    module: &mut RpcModule<Api>,
) -> Result<(), jsonrpsee::core::RegisterMethodError> {
    let versions = [
        ("engine_newPayloadV1", Version::V1),
        ("engine_newPayloadV2", Version::V2),
        ("engine_newPayloadV3", Version::V3),
        ("engine_newPayloadV4", Version::V4),
    ];
    for (name, version) in versions {
        module.register_async_method(name, move |params, api, _| async move {
            let (payload, extras) = parse_new_payload(&api.chain, version, &params)?;
            let hash = payload.block_hash();
            let decoded =
                payload::decode(&api.chain, version, payload, extras).map_err(from_engine)?;
            api.insert(hash, decoded).await.map_err(from_engine)
        })?;
    }
    Ok(())
}

fn parse_new_payload(
    chain: &ChainConfig,
    version: Version,
    params: &Params<'_>,
) -> RpcResult<(OpExecutionPayload, PayloadExtras)> {
    let mut params = params.sequence();
    let payload = match version {
        Version::V1 => {
            OpExecutionPayload::V1(params.next::<ExecutionPayloadV1>().map_err(bad_params)?)
        }
        Version::V2 => {
            let payload: ExecutionPayloadInputV2 = params.next().map_err(bad_params)?;
            OpExecutionPayload::v2(payload)
        }
        Version::V3 => {
            OpExecutionPayload::V3(params.next::<ExecutionPayloadV3>().map_err(bad_params)?)
        }
        _ if !chain.is_optimism() => {
            OpExecutionPayload::V3(params.next::<ExecutionPayloadV3>().map_err(bad_params)?)
        }
        _ => OpExecutionPayload::V4(params.next::<OpExecutionPayloadV4>().map_err(bad_params)?),
    };
    let mut extras = PayloadExtras::default();
    if version >= Version::V3 {
        extras.blob_hashes = params.optional_next::<Vec<B256>>().map_err(bad_params)?;
        extras.parent_beacon_block_root = params.optional_next().map_err(bad_params)?;
    }
    if version >= Version::V4 {
        extras.requests = params.optional_next::<Vec<Bytes>>().map_err(bad_params)?;
    }
    Ok((payload, extras))
}

fn register_get_payload(
    module: &mut RpcModule<Api>,
) -> Result<(), jsonrpsee::core::RegisterMethodError> {
    let versions = [
        ("engine_getPayloadV1", Version::V1),
        ("engine_getPayloadV2", Version::V2),
        ("engine_getPayloadV3", Version::V3),
        ("engine_getPayloadV4", Version::V4),
        ("engine_getPayloadV5", Version::V5),
    ];
    for (name, version) in versions {
        module.register_async_method(name, move |params, api, _| async move {
            let id: PayloadId = params.one().map_err(bad_params)?;
            let fetched = api.fetch(version, id).await.map_err(from_engine)?;
            to_response(&api.chain, version, &fetched).map_err(internal)
        })?;
    }
    Ok(())
}

fn body_of(chain: &ChainConfig, block: &crate::block::ChainBlock) -> ExecutionPayloadBodyV1 {
    let payload = to_envelope(chain, block).execution_payload;
    ExecutionPayloadBodyV1 {
        withdrawals: payload.as_v2().map(|p| p.withdrawals.clone()),
        transactions: payload.as_v1().transactions.clone(),
    }
}

fn signal(api: &Api, params: &Params<'_>) -> RpcResult<Value> {
    let signal: SuperchainSignal = params.one().map_err(bad_params)?;
    let ours = ProtocolVersionFormatV0 {
        major: PROTOCOL_VERSION_MAJOR,
        ..Default::default()
    };
    let ours = ProtocolVersion::V0(ours);
    api.halt.signal(&signal, &ours);
    Ok(json!(ours))
}

fn too_large() -> jsonrpsee::types::ErrorObjectOwned {
    let message = format!("at most {BODIES_MAX} bodies can be asked for");
    from_engine(super::refuse(super::TOO_LARGE, message))
}
