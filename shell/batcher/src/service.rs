//! The public handle, and the start of everything behind it.

use crate::{
    config::{BatcherConfig, BatcherError, DataAvailability},
    metrics,
    worker::{Command, Worker},
};
use alloy_primitives::{B256, U256, keccak256};
use opal_protocol::L1Ref;
use opal_rpc::{EthClient, RollupClient};
use opal_submission::Submission;
use opal_txmgr::{
    SentTx, TxManager, TxManagerConfig, prepare_blob_proofs,
    serve::{AdminMethod, AdminServer, serve_metrics},
};
use std::{net::SocketAddr, sync::Arc, time::SystemTime};
use tokio::{
    sync::{Mutex, mpsc, watch},
    task::JoinHandle,
};

/// Admin commands that may wait.
const MAX_COMMANDS: usize = 16;

/// The admin methods.
const METHODS: [AdminMethod<Command>; 3] = [
    ("admin_startBatcher", Command::Start),
    ("admin_stopBatcher", Command::Stop),
    ("admin_flushBatcher", Command::Flush),
];

/// Figures to watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatcherStatus {
    /// Whether blocks are being posted, as `admin_startBatcher` and `admin_stopBatcher` set it.
    pub is_running: bool,
    /// L2 blocks above the safe head, loaded or not.
    pub backlog_blocks: u64,
    /// Transactions of those that are loaded, in bytes.
    pub backlog_bytes: usize,
    /// L2 blocks that are loaded and in no closed channel.
    pub blocks_pending: usize,
    /// Channels closed so far.
    pub channels_closed: u64,
    /// Bytes before and after compression of the last channel that was closed.
    pub channel_bytes: [usize; 2],
    /// The same of all channels closed so far.
    pub channel_bytes_total: [u64; 2],
    /// Channels closed and not safe yet.
    pub channels_pending: usize,
    /// Batcher transactions handed over for sending so far.
    pub txs_submitted: u64,
    /// Batcher transactions given up so far.
    pub txs_failed: u64,
    /// Batcher transactions confirmed so far.
    pub txs_confirmed: u64,
    /// Compressed bytes put into transactions so far.
    pub bytes_sent: u64,
    /// The last confirmed transaction.
    pub last_tx: Option<SentTx>,
    /// L1's head as the rollup node sees it.
    pub l1_head: L1Ref,
    /// Wei that the account has.
    pub balance: U256,
    /// What is wrong at present, in words; `None` when all is well.
    pub error: Option<String>,
}

/// A handle on the running batcher; cheap to clone.
#[derive(Clone, Debug)]
pub struct BatcherHandle {
    status: watch::Receiver<BatcherStatus>,
    rpc: AdminServer,
    metrics_addr: Option<SocketAddr>,
    tx_manager: TxManager,
    stop: Arc<watch::Sender<bool>>,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl BatcherHandle {
    /// Figures to watch.
    pub fn status(&self) -> watch::Receiver<BatcherStatus> {
        self.status.clone()
    }

    /// URL of the RPC server.
    pub fn rpc_url(&self) -> String {
        self.rpc.url()
    }

    /// URL of the metrics, if they are served.
    pub fn metrics_url(&self) -> Option<String> {
        self.metrics_addr
            .map(|addr| format!("http://{addr}/metrics"))
    }

    /// Stops posting and ends all tasks; returns when they have ended. What is on its way to L1
    /// may still land.
    pub async fn shutdown(&self) {
        self.stop.send_replace(true);
        if let Some(task) = self.task.lock().await.take() {
            let _ = task.await;
        }
        self.rpc.shutdown().await;
        self.tx_manager.shutdown().await;
    }
}

/// Starts the batcher. Everything it has to know of the chain, the rollup node tells.
pub async fn start(
    config: BatcherConfig,
    l1: EthClient,
    l2: EthClient,
    rollup: RollupClient,
) -> Result<BatcherHandle, BatcherError> {
    config.submission().validate()?;
    if config.data_availability == DataAvailability::Blobs {
        prepare_blob_proofs();
    }
    let chain = Arc::new(rollup.rollup_config().await?);
    l2.expect_chain_id(chain.l2_chain_id).await?;
    let tx_config = TxManagerConfig {
        chain_id: Some(chain.l1_chain_id),
        ..config.tx_manager
    };
    let address = config.signer.address();
    let expected = chain.genesis.system_config.batcher_address;
    if address != expected {
        tracing::warn!(
            "the key belongs to {address}, but the chain began with batcher {expected}; unless the \
             system configuration was changed since, nothing this batcher posts will count"
        );
    }
    let submission = Submission::new(config.submission(), chain.clone(), seed(address.as_slice()))?;
    let tx_manager = TxManager::start(tx_config, l1.clone(), config.signer.clone()).await?;
    let (commands, received) = mpsc::channel(MAX_COMMANDS);
    let methods = if config.enable_admin {
        &METHODS[..]
    } else {
        &[]
    };
    let rpc = AdminServer::start(config.rpc_addr, methods, commands).await?;
    let (status_tx, status) = watch::channel(BatcherStatus::default());
    let (stop, mut stopped) = watch::channel(false);
    let metrics_addr = match config.metrics_addr {
        Some(addr) => {
            let (status, sending) = (status.clone(), tx_manager.status());
            let page = move || metrics::page(&status.borrow(), &sending.borrow());
            Some(serve_metrics(addr, page, stop.subscribe()).await?)
        }
        None => None,
    };
    let worker = Worker::new(
        config,
        chain,
        [l1, l2],
        rollup,
        tx_manager.clone(),
        submission,
        received,
        status_tx,
    );
    let task = tokio::spawn(async move {
        tokio::select! {
            () = worker.run() => {}
            _ = stopped.wait_for(|stop| *stop) => {}
        }
    });
    tracing::info!(%address, rpc = rpc.url(), "batcher started");
    Ok(BatcherHandle {
        status,
        rpc,
        metrics_addr,
        tx_manager,
        stop: Arc::new(stop),
        task: Arc::new(Mutex::new(Some(task))),
    })
}

/// Makes the channel ids of this run differ from those of earlier runs.
fn seed(address: &[u8]) -> B256 {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let mut preimage = now.as_nanos().to_be_bytes().to_vec();
    preimage.extend_from_slice(&std::process::id().to_be_bytes());
    preimage.extend_from_slice(address);
    keccak256(preimage)
}
