//! The public handle.

use crate::config::TxManagerConfig;
use alloy_eips::eip4844::Blob;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_signer_local::PrivateKeySigner;
use opal_rpc::{EthClient, RpcError};
use opal_txqueue::{FailReason, QueueStatus};
use tokio::sync::{oneshot, watch};

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
    /// The transaction manager was shut down first.
    #[error("the transaction manager was shut down")]
    ShutDown,
}

/// Figures to watch.
#[derive(Clone, Debug, Default)]
pub struct TxManagerStatus {
    /// What the queue says.
    pub queue: QueueStatus,
    /// The last confirmed transaction.
    pub last_confirmed: Option<SentTx>,
    /// What keeps transactions from L1 at present, in words; `None` when nothing does.
    pub error: Option<String>,
}

/// A transaction under way; await [`PendingTx::outcome`]. Dropping it does not cancel it.
#[derive(Debug)]
pub struct PendingTx {
    pub(crate) answer: oneshot::Receiver<Result<SentTx, SendError>>,
}

impl PendingTx {
    /// Waits until the transaction is confirmed or given up.
    pub async fn outcome(self) -> Result<SentTx, SendError> {
        self.answer.await.unwrap_or(Err(SendError::ShutDown))
    }
}

/// A handle on the loop; cheap to clone.
#[derive(Clone, Debug)]
pub struct TxManager {
    address: Address,
    status: watch::Receiver<TxManagerStatus>,
}

impl TxManager {
    /// Starts the loop for the account of `signer`.
    pub async fn start(
        config: TxManagerConfig,
        l1: EthClient,
        signer: PrivateKeySigner,
    ) -> Result<Self, StartError> {
        unimplemented!("{config:?} {l1:?} {signer:?}")
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
        unimplemented!("{candidate:?}")
    }

    /// Queues a candidate and waits until it is confirmed or given up.
    pub async fn send(&self, candidate: TxCandidate) -> Result<SentTx, SendError> {
        self.submit(candidate)?.outcome().await
    }

    /// Stops the loop. What was published may still be mined.
    pub async fn shutdown(&self) {
        unimplemented!()
    }
}
