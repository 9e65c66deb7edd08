//! The rollup node (consensus client): one loop around `opal_rollup` and `opal_derivation`.
//!
//! In: L1 through [`opal_l1::L1Source`], the engine through [`opal_rpc::EngineApi`]. Out: an engine
//! that follows the chain that L1 dictates and, for a sequencer, blocks on top of it; the status
//! over JSON-RPC and [`NodeHandle::status`].
//!
//! Invariant: one task owns all state. Calls run as tasks of their own, derivation on a thread of
//! its own, and the sequencer's events come first.

mod check;
mod config;
mod derive;
mod driver;
mod engine;
mod error;
mod event;
mod fetch;
mod handle;
mod log;
mod resync;
mod rpc;
mod safedb;
mod status;

pub use config::{NodeConfig, NodeMode};
pub use error::NodeError;
pub use handle::NodeHandle;

use crate::{
    driver::Ports, engine::Engine, handle::Running, rpc::RpcState, safedb::SafeDb,
    status::Published,
};
use opal_l1::L1Source;
use opal_rpc::EngineApi;
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, oneshot};

/// Requests over RPC that may wait for the loop.
const REQUESTS_MAX: usize = 64;

/// Starts a rollup node over `l1` and `engine`. Returns once both are proven to belong to the
/// chain of `config` and the RPC server listens.
pub async fn start(
    config: NodeConfig,
    l1: Arc<L1Source>,
    engine: Arc<dyn EngineApi>,
) -> Result<NodeHandle, NodeError> {
    config.rollup.validate()?;
    check::check_l1(&config, &l1).await?;
    check::check_engine(&config, engine.as_ref()).await?;
    check::check_upgrades(&config, engine.as_ref()).await?;
    let memory = match &config.safedb_path {
        None => None,
        Some(path) => Some(SafeDb::open(path).map_err(|source| NodeError::SafeDb {
            path: path.clone(),
            source,
        })?),
    };
    let published = Published::new();
    let (requests, incoming) = mpsc::channel(REQUESTS_MAX);
    let state = RpcState {
        cfg: Arc::new(config.rollup.clone()),
        engine: Engine(engine.clone()),
        status: published.status.subscribe(),
        health: published.health.subscribe(),
        requests,
    };
    let addr = config.rpc_addr;
    let (rpc_addr, server) = rpc::serve(addr, config.enable_admin, state)
        .await
        .map_err(|source| NodeError::Listen { addr, source })?;
    let (stop, shutdown) = oneshot::channel();
    let status = published.status.subscribe();
    let ports = Ports {
        requests: incoming,
        shutdown,
        published,
        memory,
    };
    let task = tokio::spawn(driver::run(config, l1, engine, ports));
    let running = Mutex::new(Some(Running { stop, task }));
    Ok(NodeHandle {
        status,
        rpc_addr,
        server,
        running,
    })
}
