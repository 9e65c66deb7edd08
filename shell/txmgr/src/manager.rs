//! The public handle.

use crate::{config::TxManagerConfig, craft::Craft, worker::Worker};
use alloy_eips::{BlockNumHash, eip4844::Blob};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_signer_local::PrivateKeySigner;
use opal_rpc::{EthClient, RpcError};
use opal_txqueue::{FailReason, Market, QueueStatus};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch},
    task::JoinHandle,
};

/// Candidates that may be under way at once. Each may hold several blobs in memory.
const MAX_CANDIDATES: usize = 256;

/// A transaction somebody wants on L1.
#[derive(Clone, Debug, Default)]
pub struct TxCandidate {
    /// Recipient; `None` creates a contract.
    pub to: Option<Address>,
    /// Calldata.
    pub data: Bytes,
    /// Blobs; any make it a type-3 transaction, which needs a recipient.
    pub blobs: Vec<Box<Blob>>,
    /// Wei to transfer.
    pub value: U256,
    /// Gas limit; 0 estimates.
    pub gas_limit: u64,
    /// An L1 block that the transaction rests on. It is sent only while L1 has that block, and
    /// cancelled once L1 has another one in its place.
    pub only_on: Option<BlockNumHash>,
}

/// A transaction that is mined and confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentTx {
    /// Hash of the transaction that was mined.
    pub hash: B256,
    /// Number of the L1 block that holds it.
    pub block_number: u64,
    /// Hash of that block.
    pub block_hash: B256,
    /// Whether its execution succeeded.
    pub success: bool,
}

/// Why a transaction manager cannot start.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StartError {
    /// L1 did not answer, or is another chain.
    #[error("transaction manager: {0}")]
    L1(#[from] RpcError),
}

/// Why a candidate will not be on L1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The queue gave it up.
    #[error(transparent)]
    Failed(#[from] FailReason),
    /// It can never be a valid transaction.
    #[error("not a valid transaction: {0}")]
    Invalid(&'static str),
    /// As many transactions as may be are under way. Try again when one is settled.
    #[error("{MAX_CANDIDATES} transactions are under way, which is the most; try again later")]
    Busy,
    /// The transaction manager was shut down first.
    #[error("the transaction manager was shut down")]
    ShutDown,
}

/// Figures to watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TxManagerStatus {
    /// What the queue says.
    pub queue: QueueStatus,
    /// The last confirmed transaction.
    pub last_confirmed: Option<SentTx>,
    /// Transactions of the account that are mined.
    pub nonce: u64,
    /// Prices on L1, in wei.
    pub market: Market,
    /// Publications that a node took, raised versions among them.
    pub published: u64,
    /// Transactions confirmed, whatever their execution gave.
    pub confirmed: u64,
    /// Of those, how many reverted.
    pub reverted: u64,
    /// Looks at L1 that failed.
    pub rpc_errors: u64,
    /// What the last confirmed transaction took.
    pub last_cost: Cost,
    /// Publications that no node took, by the kind of refusal.
    pub refused: BTreeMap<&'static str, u64>,
    /// What keeps transactions from L1 at present, in words; `None` when nothing does.
    pub error: Option<String>,
}

/// What it took to get a transaction onto L1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// What its gas cost, in wei; blobs are left out.
    pub gas_fee: u128,
    /// How often its fees were raised before it was mined.
    pub raises: u64,
    /// From its first publication to its receipt.
    pub latency: Duration,
}

/// A transaction under way; await [`PendingTx::outcome`]. Dropping it does not cancel it.
#[derive(Debug)]
pub struct PendingTx {
    answer: oneshot::Receiver<Result<SentTx, SendError>>,
}

impl PendingTx {
    /// Waits until the transaction is confirmed or given up.
    pub async fn outcome(self) -> Result<SentTx, SendError> {
        self.answer.await.unwrap_or(Err(SendError::ShutDown))
    }
}

/// A candidate on its way into the loop.
#[derive(Debug)]
pub(crate) struct Submitted {
    pub(crate) candidate: TxCandidate,
    pub(crate) answer: oneshot::Sender<Result<SentTx, SendError>>,
    /// Held until the candidate is settled.
    pub(crate) permit: OwnedSemaphorePermit,
}

/// A handle on the loop; cheap to clone. The loop ends with [`TxManager::shutdown`], or when the
/// last handle is dropped.
#[derive(Clone, Debug)]
pub struct TxManager {
    address: Address,
    status: watch::Receiver<TxManagerStatus>,
    submissions: mpsc::Sender<Submitted>,
    room: Arc<Semaphore>,
    stop: Arc<watch::Sender<bool>>,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl TxManager {
    /// Starts the loop for the account of `signer`.
    pub async fn start(
        config: TxManagerConfig,
        l1: EthClient,
        signer: PrivateKeySigner,
    ) -> Result<Self, StartError> {
        let chain_id = l1.chain_id().await?;
        if let Some(expected) = config.chain_id {
            l1.expect_chain_id(expected).await?;
        }
        let address = signer.address();
        let craft = Craft::new(signer, chain_id, config.sidecar);
        let (status_tx, status) = watch::channel(TxManagerStatus::default());
        let (submissions, received) = mpsc::channel(MAX_CANDIDATES);
        let (stop, mut stopped) = watch::channel(false);
        let worker = Worker::new(config, l1, craft, received, status_tx);
        let task = tokio::spawn(async move {
            tokio::select! {
                () = worker.run() => {}
                _ = stopped.wait_for(|stop| *stop) => {}
            }
        });
        Ok(Self {
            address,
            status,
            submissions,
            room: Arc::new(Semaphore::new(MAX_CANDIDATES)),
            stop: Arc::new(stop),
            task: Arc::new(Mutex::new(Some(task))),
        })
    }

    /// The account that sends.
    pub const fn address(&self) -> Address {
        self.address
    }

    /// Figures to watch.
    pub fn status(&self) -> watch::Receiver<TxManagerStatus> {
        self.status.clone()
    }

    /// Queues a candidate behind those submitted before it.
    pub fn submit(&self, candidate: TxCandidate) -> Result<PendingTx, SendError> {
        let permit = self
            .room
            .clone()
            .try_acquire_owned()
            .map_err(|_| SendError::Busy)?;
        self.enqueue(candidate, permit)
    }

    /// Queues a candidate and waits until it is confirmed or given up.
    pub async fn send(&self, candidate: TxCandidate) -> Result<SentTx, SendError> {
        let room = self.room.clone();
        let permit = room
            .acquire_owned()
            .await
            .map_err(|_| SendError::ShutDown)?;
        self.enqueue(candidate, permit)?.outcome().await
    }

    /// Stops the loop; candidates under way end in [`SendError::ShutDown`]. What was published may
    /// still be mined.
    pub async fn shutdown(&self) {
        self.stop.send_replace(true);
        if let Some(task) = self.task.lock().await.take() {
            let _ = task.await;
        }
    }

    fn enqueue(
        &self,
        candidate: TxCandidate,
        permit: OwnedSemaphorePermit,
    ) -> Result<PendingTx, SendError> {
        if !candidate.blobs.is_empty() && candidate.to.is_none() {
            return Err(SendError::Invalid(
                "a blob transaction cannot create a contract",
            ));
        }
        let (sender, answer) = oneshot::channel();
        let submitted = Submitted {
            candidate,
            answer: sender,
            permit,
        };
        // The channel is as long as there are permits, so it can only be closed, not full.
        self.submissions
            .try_send(submitted)
            .map_err(|_| SendError::ShutDown)?;
        Ok(PendingTx { answer })
    }
}
