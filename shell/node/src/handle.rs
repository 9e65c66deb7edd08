//! The handle of a running node.

use opal_rpc::SyncStatus;
use tokio::sync::watch;

/// A running rollup node.
#[derive(Debug)]
pub struct NodeHandle {
    status: watch::Receiver<SyncStatus>,
    rpc_url: String,
}

impl NodeHandle {
    /// Where the node stands, each time that changes.
    pub fn status(&self) -> watch::Receiver<SyncStatus> {
        self.status.clone()
    }

    /// URL of the JSON-RPC server.
    pub fn rpc_url(&self) -> String {
        self.rpc_url.clone()
    }

    /// Stops the node and waits until it has stopped.
    pub async fn shutdown(&self) {
        unimplemented!()
    }
}
