//! The handle of a running node.

use jsonrpsee::server::ServerHandle;
use opal_rpc::SyncStatus;
use std::{
    net::SocketAddr,
    sync::{Mutex, PoisonError},
};
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
};

/// A running rollup node. Dropping the handle stops the node as well, without waiting for it.
#[derive(Debug)]
pub struct NodeHandle {
    pub(crate) status: watch::Receiver<SyncStatus>,
    pub(crate) rpc_addr: SocketAddr,
    pub(crate) server: ServerHandle,
    pub(crate) running: Mutex<Option<Running>>,
}

#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) task: JoinHandle<()>,
}

impl NodeHandle {
    /// Where the node stands, each time that changes.
    pub fn status(&self) -> watch::Receiver<SyncStatus> {
        self.status.clone()
    }

    /// URL of the JSON-RPC server.
    pub fn rpc_url(&self) -> String {
        format!("http://{}", self.rpc_addr)
    }

    /// Stops the node and waits until it has stopped. A second call returns at once.
    pub async fn shutdown(&self) {
        let running = self
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(Running { stop, task }) = running else {
            return;
        };
        // An error means that the server, or the loop, is gone already.
        let _ = self.server.stop();
        let _ = stop.send(());
        let _ = task.await;
        self.server.clone().stopped().await;
    }
}
