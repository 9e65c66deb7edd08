//! The public handle, and the start of everything behind it.

use crate::{
    config::{ProposerConfig, ProposerError},
    contracts::{self, Contract},
    metrics,
    nodes::Nodes,
    worker::{Command, Worker},
};
use alloy_primitives::{B256, U256};
use opal_protocol::L2Ref;
use opal_rpc::{EthClient, RollupClient};
use opal_txmgr::{
    SentTx, TxManager, TxManagerConfig,
    serve::{AdminMethod, AdminServer, serve_metrics},
};
use std::{net::SocketAddr, sync::Arc};
use tokio::{
    sync::{Mutex, mpsc, watch},
    task::JoinHandle,
};

/// Admin commands that may wait.
const MAX_COMMANDS: usize = 16;

/// The admin methods.
const METHODS: [AdminMethod<Command>; 2] = [
    ("admin_startProposer", Command::Start),
    ("admin_stopProposer", Command::Stop),
];

/// A proposal that L1 has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proposed {
    /// The L2 block that it is about.
    pub l2: L2Ref,
    /// The output root.
    pub output_root: B256,
    /// The transaction.
    pub tx: SentTx,
}

/// Figures to watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProposerStatus {
    /// Whether outputs are being proposed, as `admin_startProposer` and `admin_stopProposer` set
    /// it.
    pub is_running: bool,
    /// Proposals made and confirmed so far.
    pub proposals: u64,
    /// Proposals that reverted or were given up.
    pub failures: u64,
    /// The last proposal.
    pub last: Option<Proposed>,
    /// Wei that the account has.
    pub balance: U256,
    /// What the next proposal waits for, in words.
    pub waiting: Option<String>,
    /// What is wrong at present, in words; `None` when all is well.
    pub error: Option<String>,
}

/// A handle on the running proposer; cheap to clone.
#[derive(Clone, Debug)]
pub struct ProposerHandle {
    status: watch::Receiver<ProposerStatus>,
    rpc: AdminServer,
    metrics_addr: Option<SocketAddr>,
    tx_manager: TxManager,
    stop: Arc<watch::Sender<bool>>,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl ProposerHandle {
    /// Figures to watch.
    pub fn status(&self) -> watch::Receiver<ProposerStatus> {
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

    /// Stops proposing and ends all tasks; returns when they have ended. What is on its way to L1
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

/// Starts the proposer. Fails unless L1, a rollup node, the contract and the account are what the
/// configuration says.
pub async fn start(
    config: ProposerConfig,
    l1: EthClient,
    rollup_nodes: Vec<RollupClient>,
) -> Result<ProposerHandle, ProposerError> {
    let nodes = Nodes::connect(
        rollup_nodes,
        l1.clone(),
        config.active_sequencer_check,
        config.allow_non_finalized,
    );
    let nodes = nodes.await?;
    let l1_chain_id = nodes.rollup().l1_chain_id;
    let address = config.signer.address();
    let contract = Contract {
        l1: l1.clone(),
        target: config.target,
        proposer: address,
    };
    contract.check(l1_chain_id).await?;
    let tx_config = TxManagerConfig {
        chain_id: Some(l1_chain_id),
        ..config.tx_manager
    };
    let sync_until = match config.wait_node_sync {
        true => Some(contracts::l1_head(&l1).await?.number),
        false => None,
    };
    let tx_manager = TxManager::start(tx_config, l1.clone(), config.signer.clone()).await?;
    let (commands_tx, commands) = mpsc::channel(MAX_COMMANDS);
    let methods = if config.enable_admin {
        &METHODS[..]
    } else {
        &[]
    };
    let rpc = AdminServer::start(config.rpc_addr, methods, commands_tx).await?;
    let (stop, mut stopped) = watch::channel(false);
    let status = ProposerStatus {
        is_running: true,
        ..ProposerStatus::default()
    };
    let (status_tx, watched) = watch::channel(status.clone());
    let metrics_addr = match config.metrics_addr {
        Some(addr) => {
            let (status, sending) = (watched.clone(), tx_manager.status());
            let page = move || metrics::page(&status.borrow(), &sending.borrow());
            Some(serve_metrics(addr, page, stop.subscribe()).await?)
        }
        None => None,
    };
    let worker = Worker {
        config,
        nodes,
        l1,
        contract,
        tx_manager: tx_manager.clone(),
        commands,
        status_tx,
        status,
        sync_until,
        held: None,
        balance_at: None,
    };
    let task = tokio::spawn(async move {
        tokio::select! {
            () = worker.run() => {}
            _ = stopped.wait_for(|stop| *stop) => {}
        }
    });
    tracing::info!(%address, rpc = rpc.url(), "proposer started");
    Ok(ProposerHandle {
        status: watched,
        rpc,
        metrics_addr,
        tx_manager,
        stop: Arc::new(stop),
        task: Arc::new(Mutex::new(Some(task))),
    })
}
