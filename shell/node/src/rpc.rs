//! The node's JSON-RPC: `optimism_*`, `admin_*` and `GET /healthz`, in op-node's formats.
//!
//! Reads are answered from the published status and from the engine; whatever touches the node's
//! state goes through its loop.
//!
//! spec: protocol/rollup-node.md#l2-output-rpc-method

use crate::{engine::Engine, event::Request, status::Health};
use alloy_primitives::{B256, U64};
use jsonrpsee::{
    RpcModule,
    server::{Server, ServerConfig, ServerHandle, middleware::http::ProxyGetRequestLayer},
    types::{ErrorObjectOwned, Params},
};
use op_alloy_rpc_types_engine::OpExecutionPayloadEnvelope;
use opal_protocol::{Fork, RollupConfig, output::output_root_v0, predeploys};
use opal_rpc::{BlockTag, OutputAtBlock, SafeHeadAtL1Block, SyncStatus};
use std::{fmt::Display, io, net::SocketAddr, sync::Arc};
use tokio::sync::{mpsc, oneshot, watch};

/// Longest request: an unsafe payload may be posted.
const REQUEST_BYTES_MAX: u32 = 16 << 20;
/// Longest answer.
const RESPONSE_BYTES_MAX: u32 = 4 << 20;
/// Connections at a time.
const CONNECTIONS_MAX: u32 = 256;
/// The call was understood, but cannot be done: op-node's code for any such answer.
const REFUSED: i32 = -32000;

pub(crate) struct RpcState {
    pub(crate) cfg: Arc<RollupConfig>,
    pub(crate) engine: Engine,
    pub(crate) status: watch::Receiver<SyncStatus>,
    pub(crate) health: watch::Receiver<Health>,
    pub(crate) requests: mpsc::Sender<Request>,
}

/// Listens on `addr` and serves.
pub(crate) async fn serve(
    addr: SocketAddr,
    enable_admin: bool,
    state: RpcState,
) -> io::Result<(SocketAddr, ServerHandle)> {
    let config = ServerConfig::builder()
        .max_request_body_size(REQUEST_BYTES_MAX)
        .max_response_body_size(RESPONSE_BYTES_MAX)
        .max_connections(CONNECTIONS_MAX)
        .build();
    let healthz = ProxyGetRequestLayer::new([("/healthz", "healthz")]).map_err(io::Error::other)?;
    let server = Server::builder()
        .set_config(config)
        .set_http_middleware(tower::ServiceBuilder::new().layer(healthz))
        .build(addr)
        .await?;
    let addr = server.local_addr()?;
    let module = module(enable_admin, state).map_err(io::Error::other)?;
    Ok((addr, server.start(module)))
}

type Answered<T> = Result<T, ErrorObjectOwned>;

fn module(
    enable_admin: bool,
    state: RpcState,
) -> Result<RpcModule<RpcState>, jsonrpsee::core::RegisterMethodError> {
    let mut module = RpcModule::new(state);
    module.register_method("healthz", |_, state, _| healthz(state))?;
    module.register_method("optimism_version", |_, _, _| version())?;
    module.register_method("optimism_syncStatus", |_, state, _| {
        Answered::Ok(*state.status.borrow())
    })?;
    module.register_method("optimism_rollupConfig", |_, state, _| {
        serde_json::to_value(state.cfg.as_ref()).map_err(refused)
    })?;
    module.register_async_method("optimism_outputAtBlock", |params, state, _| async move {
        output_at_block(&state, quantity(&params)?).await
    })?;
    module.register_async_method(
        "optimism_safeHeadAtL1Block",
        |params, state, _| async move { safe_head_at_l1_block(&state, quantity(&params)?).await },
    )?;
    if enable_admin {
        register_admin(&mut module)?;
    }
    Ok(module)
}

fn register_admin(
    module: &mut RpcModule<RpcState>,
) -> Result<(), jsonrpsee::core::RegisterMethodError> {
    module.register_async_method("admin_startSequencer", |params, state, _| async move {
        let head: B256 = params.one()?;
        ask(&state, |reply| Request::StartSequencer(head, reply))
            .await?
            .map_err(refused)
    })?;
    module.register_async_method("admin_stopSequencer", |_, state, _| async move {
        ask(&state, Request::StopSequencer).await?.map_err(refused)
    })?;
    module.register_async_method("admin_sequencerActive", |_, state, _| async move {
        ask(&state, Request::SequencerActive).await
    })?;
    module.register_async_method("admin_resetDerivationPipeline", |_, state, _| async move {
        ask(&state, Request::ResetDerivation).await
    })?;
    module.register_async_method("admin_postUnsafePayload", |params, state, _| async move {
        let payload: OpExecutionPayloadEnvelope = params.one()?;
        ask(&state, |reply| {
            Request::PostUnsafePayload(Box::new(payload), reply)
        })
        .await
    })?;
    Ok(())
}

fn version() -> String {
    concat!("v", env!("CARGO_PKG_VERSION"), "-opal").to_owned()
}

fn healthz(state: &RpcState) -> Answered<serde_json::Value> {
    match &*state.health.borrow() {
        Health::Good => Ok(serde_json::json!({ "version": version() })),
        Health::Broken(reason) => Err(refused(reason)),
    }
}

async fn output_at_block(state: &RpcState, number: u64) -> Answered<OutputAtBlock> {
    let block = state
        .engine
        .block_at(BlockTag::Number(number))
        .await
        .map_err(refused)?;
    let block = block.ok_or_else(|| refused(format!("L2 block {number} not found")))?;
    let block_ref = block.l2_ref(&state.cfg).map_err(refused)?;
    let header = &block.header;
    // From Isthmus on the header itself commits to this storage root.
    // spec: isthmus/exec-engine.md#l2tol1messagepasser-storage-root-in-header
    let in_header = header
        .withdrawals_root
        .filter(|_| state.cfg.is_active(Fork::Isthmus, header.timestamp));
    let withdrawal_storage_root = match in_header {
        Some(root) => root,
        None => {
            let passer = predeploys::L2_TO_L1_MESSAGE_PASSER;
            state
                .engine
                .0
                .storage_root(passer, block.hash)
                .await
                .map_err(refused)?
        }
    };
    Ok(OutputAtBlock {
        version: B256::ZERO,
        output_root: output_root_v0(header.state_root, withdrawal_storage_root, block.hash),
        block_ref,
        withdrawal_storage_root,
        state_root: header.state_root,
        sync_status: *state.status.borrow(),
    })
}

async fn safe_head_at_l1_block(state: &RpcState, number: u64) -> Answered<SafeHeadAtL1Block> {
    let read = state.status.borrow().current_l1.number;
    if number > read {
        return Err(refused(format!(
            "L1 block {number} has not been read yet, only up to {read}"
        )));
    }
    match ask(state, |reply| Request::SafeHeadAt(number, reply)).await? {
        Some(entry) => Ok(SafeHeadAtL1Block {
            l1_block: entry.derived_from.id(),
            safe_head: entry.l2.id(),
        }),
        None => Err(refused(format!(
            "the safe head at L1 block {number} is not remembered; the memory begins with the start of the node"
        ))),
    }
}

/// The one parameter of a method, a quantity.
fn quantity(params: &Params<'_>) -> Answered<u64> {
    Ok(params.one::<U64>()?.to())
}

/// Asks the node's loop.
async fn ask<T>(
    state: &RpcState,
    request: impl FnOnce(oneshot::Sender<T>) -> Request,
) -> Answered<T> {
    let (reply, answer) = oneshot::channel();
    let stopping = || refused("the node is stopping");
    state
        .requests
        .send(request(reply))
        .await
        .map_err(|_| stopping())?;
    answer.await.map_err(|_| stopping())
}

fn refused(problem: impl Display) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(REFUSED, problem.to_string(), None::<()>)
}
