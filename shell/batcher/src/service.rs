//! The public handle.

use crate::config::{BatcherConfig, BatcherError};
use opal_rpc::{EthClient, RollupClient};
use opal_txmgr::SentTx;
use tokio::sync::watch;

/// Figures to watch.
#[derive(Clone, Debug, Default)]
pub struct BatcherStatus {
    /// Whether blocks are being posted, as `admin_startBatcher` and `admin_stopBatcher` set it.
    pub is_running: bool,
    /// L2 blocks loaded that are not safe yet.
    pub backlog_blocks: usize,
    /// Their transactions, in bytes.
    pub backlog_bytes: usize,
    /// Channels closed so far.
    pub channels_closed: u64,
    /// Channels on their way to L1.
    pub channels_pending: usize,
    /// Batcher transactions confirmed so far.
    pub txs_confirmed: u64,
    /// The last of them.
    pub last_tx: Option<SentTx>,
    /// What is wrong at present, in words; `None` when all is well.
    pub error: Option<String>,
}

/// A handle on the running batcher.
#[derive(Clone, Debug)]
pub struct BatcherHandle {
    status: watch::Receiver<BatcherStatus>,
}

impl BatcherHandle {
    /// Figures to watch.
    pub fn status(&self) -> watch::Receiver<BatcherStatus> {
        self.status.clone()
    }

    /// URL of the RPC server.
    pub fn rpc_url(&self) -> String {
        unimplemented!()
    }

    /// Stops posting and ends all tasks; returns when they have ended.
    pub async fn shutdown(&self) {
        unimplemented!()
    }
}

/// Starts the batcher.
pub async fn start(
    config: BatcherConfig,
    l1: EthClient,
    l2: EthClient,
    rollup: RollupClient,
) -> Result<BatcherHandle, BatcherError> {
    unimplemented!("{config:?} {l1:?} {l2:?} {rollup:?}")
}
