//! The transaction pool: what users sent and no block holds yet.
//!
//! Inputs: network bytes, and the new head with the blocks that came and went. Outputs:
//! transactions ordered for a builder, and answers by hash, sender and nonce. Invariants: every
//! transaction was checked against the head it arrived at; one per sender and nonce; the limits of
//! [`PoolLimits`] hold after every call.

mod best;
mod blobs;
mod head;
mod queue;
#[cfg(test)]
mod tests;
mod validate;

pub(crate) use best::BestTransactions;
pub(crate) use queue::PoolContent;

use crate::{
    config::PoolLimits,
    view::{ChainView, StateView},
};
use alloy_consensus::Transaction as _;
use alloy_eips::eip7594::BlobTransactionSidecarVariant;
use alloy_primitives::{Address, B256, U256};
use opal_execution::{ChainConfig, EthFork, VerifiedTx, fees::L1Costs};
use parking_lot::Mutex;
use queue::Queues;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio::sync::broadcast;

/// Hashes of new transactions that a slow subscriber may lag behind.
const EVENTS_MAX: usize = 1_024;

/// A transaction in the pool.
#[derive(Debug)]
pub(crate) struct PoolTx {
    pub(crate) tx: VerifiedTx,
    pub(crate) hash: B256,
    /// Blobs of a type-3 transaction.
    pub(crate) sidecar: Option<Arc<BlobTransactionSidecarVariant>>,
    /// Value and most it can pay for gas and blobs, wei.
    cost: U256,
    /// Order of arrival.
    sequence: u64,
}

impl PoolTx {
    fn new(
        tx: VerifiedTx,
        sidecar: Option<Arc<BlobTransactionSidecarVariant>>,
        sequence: u64,
    ) -> Self {
        let t = &tx.tx;
        let gas = U256::from(t.gas_limit()).saturating_mul(U256::from(t.max_fee_per_gas()));
        let blobs = U256::from(t.blob_gas_used().unwrap_or_default())
            .saturating_mul(U256::from(t.max_fee_per_blob_gas().unwrap_or_default()));
        let cost = t.value().saturating_add(gas).saturating_add(blobs);
        Self {
            hash: tx.hash(),
            tx,
            sidecar,
            cost,
            sequence,
        }
    }

    pub(crate) const fn sender(&self) -> Address {
        self.tx.sender
    }

    pub(crate) fn nonce(&self) -> u64 {
        self.tx.tx.nonce()
    }

    pub(crate) fn is_blob(&self) -> bool {
        self.tx.tx.blob_versioned_hashes().is_some()
    }

    fn size(&self) -> usize {
        self.tx.encoded.len()
    }

    /// Priority fee per gas that a block with this base fee earns; `None` if it cannot hold it.
    fn tip_at(&self, base_fee: u64) -> Option<u128> {
        let room = self
            .tx
            .tx
            .max_fee_per_gas()
            .checked_sub(u128::from(base_fee))?;
        Some(room.min(self.tx.tx.priority_fee_or_price()))
    }

    /// Most wei the sender may lose: with the L1 fee and the operator fee on an OP chain.
    fn total_cost(&self, costs: Option<&L1Costs>) -> U256 {
        let extra = costs.map_or(U256::ZERO, |c| {
            c.l1_fee(&self.tx.encoded)
                .saturating_add(c.operator_fee(self.tx.tx.gas_limit()))
        });
        self.cost.saturating_add(extra)
    }
}

/// Why a transaction is not in the pool. The words are those that wallets know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PoolError {
    #[error("already known")]
    AlreadyKnown,
    #[error("transaction type not supported")]
    TypeNotSupported,
    #[error("transaction cannot be decoded: {0}")]
    Malformed(String),
    #[error("oversized data: transaction size {0}, limit {1}")]
    TooLarge(usize, usize),
    #[error("invalid chain id for signer: have {0} want {1}")]
    ChainId(u64, u64),
    #[error("max priority fee per gas higher than max fee per gas")]
    TipAboveFeeCap,
    #[error("transaction underpriced: minimum needed {0} wei")]
    Underpriced(u128),
    #[error("replacement transaction underpriced")]
    ReplacementUnderpriced,
    #[error("exceeds block gas limit: transaction gas limit {0}, most allowed {1}")]
    GasLimit(u64, u64),
    #[error("max initcode size exceeded: code size {0}, limit 49152")]
    InitCode(usize),
    #[error("intrinsic gas too low: gas {0}, minimum needed {1}")]
    IntrinsicGas(u64, u64),
    #[error("nonce has max value")]
    NonceMax,
    #[error("nonce too low: next nonce {state}, tx nonce {tx}")]
    NonceTooLow { tx: u64, state: u64 },
    #[error("nonce too high: the pool holds at most {0} transactions of one account")]
    SenderFull(usize),
    #[error("insufficient funds for gas * price + value: balance {have}, tx cost {want}")]
    InsufficientFunds { have: U256, want: U256 },
    #[error("sender not an eoa")]
    SenderIsContract,
    #[error("invalid blobs: {0}")]
    Blobs(String),
    #[error("txpool is full")]
    Full,
    #[error("state of the head cannot be read: {0}")]
    State(String),
}

/// What the head means for transactions of the next block.
#[derive(Clone, Debug)]
pub(crate) struct HeadRules {
    pub(crate) head: B256,
    /// Time of the head, unix seconds: the next block is later.
    pub(crate) next_time: u64,
    pub(crate) fork: EthFork,
    pub(crate) gas_limit: u64,
    /// Fees of an OP chain beyond gas.
    pub(crate) costs: Option<L1Costs>,
}

/// The pool. Every method takes the lock for a short time only.
#[derive(Debug)]
pub(crate) struct Pool {
    chain: Arc<ChainConfig>,
    limits: PoolLimits,
    inner: Mutex<Inner>,
    version: AtomicU64,
    events: broadcast::Sender<B256>,
}

#[derive(Debug, Default)]
struct Inner {
    queues: Queues,
    rules: Option<HeadRules>,
    sequence: u64,
    included_blobs: head::IncludedBlobs,
}

impl Pool {
    pub(crate) fn new(chain: Arc<ChainConfig>, limits: PoolLimits) -> Self {
        let events = broadcast::Sender::new(EVENTS_MAX);
        Self {
            chain,
            limits,
            inner: Mutex::default(),
            version: AtomicU64::new(0),
            events,
        }
    }

    /// Checks a transaction against the head's state and takes it in.
    pub(crate) fn add(&self, bytes: &[u8], view: &Arc<ChainView>) -> Result<B256, PoolError> {
        let decoded = validate::decode(&self.chain, &self.limits, bytes)?;
        let hash = decoded.tx.hash();
        if self.inner.lock().queues.get(&hash).is_some() {
            return Err(PoolError::AlreadyKnown);
        }
        let state = view
            .head_state()
            .map_err(|e| PoolError::State(e.to_string()))?;
        self.add_checked(decoded, &state)?;
        self.version.fetch_add(1, Ordering::Relaxed);
        drop(self.events.send(hash));
        Ok(hash)
    }

    fn add_checked(&self, decoded: validate::Decoded, state: &StateView) -> Result<(), PoolError> {
        let mut inner = self.inner.lock();
        let sequence = inner.sequence;
        let tx = Arc::new(PoolTx::new(decoded.tx, decoded.sidecar, sequence));
        let rules = inner
            .rules
            .as_ref()
            .ok_or_else(|| PoolError::State("no head yet".into()))?;
        validate::check_rules(&self.chain, rules, &self.limits, &tx.tx.tx)?;
        let (nonce, balance) = validate::check_state(state, rules.costs.as_ref(), &tx)?;
        inner.sequence = sequence.saturating_add(1);
        let costs = inner.rules.as_ref().and_then(|r| r.costs.clone());
        inner
            .queues
            .insert(tx, nonce, balance, &self.limits, costs.as_ref())
    }

    /// A transaction by hash.
    pub(crate) fn get(&self, hash: &B256) -> Option<Arc<PoolTx>> {
        self.inner.lock().queues.get(hash)
    }

    /// A transaction whose sender is known already, so that nobody recovers it twice.
    pub(crate) fn verified(&self, hash: &B256) -> Option<VerifiedTx> {
        self.get(hash).map(|tx| tx.tx.clone())
    }

    /// Blobs of a transaction in the pool or in a recent block.
    pub(crate) fn sidecar(&self, hash: &B256) -> Option<Arc<BlobTransactionSidecarVariant>> {
        let inner = self.inner.lock();
        match inner.queues.get(hash) {
            Some(tx) => tx.sidecar.clone(),
            None => inner.included_blobs.get(hash),
        }
    }

    /// Executable transactions for a block with these fees, best first.
    pub(crate) fn best(&self, base_fee: u64, blob_fee: Option<u128>) -> BestTransactions {
        let inner = self.inner.lock();
        let costs = inner.rules.as_ref().and_then(|r| r.costs.as_ref());
        BestTransactions::new(inner.queues.executable(costs), base_fee, blob_fee)
    }

    /// Next nonce of an account if all its executable transactions are counted as done.
    pub(crate) fn next_nonce(&self, sender: Address) -> Option<u64> {
        let inner = self.inner.lock();
        let costs = inner.rules.as_ref().and_then(|r| r.costs.as_ref());
        inner.queues.next_nonce(sender, costs)
    }

    /// Removes a transaction that can never be included on the state after `block`, if that still
    /// is the head: another head may allow it.
    pub(crate) fn remove_invalid(&self, hash: &B256, block: B256) {
        let mut inner = self.inner.lock();
        if inner
            .rules
            .as_ref()
            .is_some_and(|rules| rules.head == block)
        {
            inner.queues.remove(hash);
        }
    }

    /// Forgets every transaction.
    pub(crate) fn clear(&self) {
        self.inner.lock().queues = Queues::default();
        self.version.fetch_add(1, Ordering::Relaxed);
    }

    /// All transactions by sender, executable ones apart.
    pub(crate) fn content(&self) -> PoolContent {
        let inner = self.inner.lock();
        let costs = inner.rules.as_ref().and_then(|r| r.costs.as_ref());
        inner.queues.content(costs)
    }

    /// Grows with every change that a builder may profit from.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Relaxed)
    }

    /// Hashes of transactions as they arrive.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<B256> {
        self.events.subscribe()
    }
}
