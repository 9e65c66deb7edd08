//! The transaction pool: what users sent and no block holds yet.
//!
//! Inputs: network bytes, and the new head with the blocks that came and went. Outputs:
//! transactions ordered for a builder, and answers by hash, sender and nonce. Invariants: every
//! transaction was checked against the head it arrived at; one per sender and nonce; the limits of
//! [`PoolLimits`] hold after every call.

mod best;
mod blobs;
pub(crate) mod conditional;
mod head;
pub(crate) mod journal;
mod queue;
#[cfg(test)]
mod random;
#[cfg(test)]
mod tests;
mod validate;

pub(crate) use best::BestTransactions;
pub(crate) use queue::PoolContent;

use crate::{config::PoolLimits, view::ChainView};
use alloy_consensus::Transaction as _;
use alloy_eips::eip7594::BlobTransactionSidecarVariant;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rpc_types_eth::erc4337::TransactionConditional;
use journal::Journal;
use opal_execution::{ChainConfig, EthFork, VerifiedTx, fees::L1Costs};
use parking_lot::Mutex;
use queue::{Admission, Queues};
use std::{
    collections::BTreeSet,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};
use tokio::sync::broadcast;

/// Hashes of new transactions that a slow subscriber may lag behind.
const EVENTS_MAX: usize = 1_024;

/// Bytes of a transaction that is decoded, hashed and priced in no time.
const CHEAP_BYTES_MAX: usize = 4_096;

/// A transaction in the pool.
#[derive(Debug)]
pub(crate) struct PoolTx {
    pub(crate) tx: VerifiedTx,
    pub(crate) hash: B256,
    /// Blobs of a type-3 transaction.
    pub(crate) sidecar: Option<Arc<BlobTransactionSidecarVariant>>,
    /// What must hold for a block to include it.
    pub(crate) conditional: Option<Arc<TransactionConditional>>,
    /// Accounts whose code it sets (EIP-7702).
    authorities: Vec<Address>,
    /// Value and most it can pay for gas and blobs, wei.
    cost: U256,
    /// Order of arrival.
    sequence: u64,
}

impl PoolTx {
    fn new(
        tx: VerifiedTx,
        sidecar: Option<Arc<BlobTransactionSidecarVariant>>,
        conditional: Option<Arc<TransactionConditional>>,
    ) -> Self {
        let t = &tx.tx;
        let gas = U256::from(t.gas_limit()).saturating_mul(U256::from(t.max_fee_per_gas()));
        let blobs = U256::from(t.blob_gas_used().unwrap_or_default())
            .saturating_mul(U256::from(t.max_fee_per_blob_gas().unwrap_or_default()));
        let cost = t.value().saturating_add(gas).saturating_add(blobs);
        // One that nobody signed sets nobody's code.
        let authorities = t.authorization_list().unwrap_or_default();
        let authorities: BTreeSet<Address> = authorities
            .iter()
            .filter_map(|a| a.recover_authority().ok())
            .collect();
        Self {
            hash: tx.hash(),
            tx,
            sidecar,
            conditional,
            authorities: authorities.into_iter().collect(),
            cost,
            sequence: 0,
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

    /// Most priority fee per gas it pays, wei.
    fn tip(&self) -> u128 {
        self.tx.tx.priority_fee_or_price()
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
    #[error(
        "insufficient funds for gas * price + value: balance {have}, queued cost {queued}, tx cost {want}"
    )]
    Overdraft {
        have: U256,
        queued: U256,
        want: U256,
    },
    #[error("in-flight transaction limit reached for delegated accounts")]
    InFlightLimit,
    #[error("gapped-nonce tx from delegated accounts")]
    GappedDelegated,
    #[error("authority already reserved")]
    AuthorityReserved,
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
    journal: OnceLock<Journal>,
}

#[derive(Debug, Default)]
struct Inner {
    queues: Queues,
    rules: Option<Arc<HeadRules>>,
    sequence: u64,
    included: head::Included,
    /// Senders whose account was read at another head than the pool's: read again at the next.
    stale: BTreeSet<Address>,
    expired_at: Option<Instant>,
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
            journal: OnceLock::new(),
        }
    }

    /// Whether checking these network bytes takes no longer than recovering one sender: without
    /// blobs (type 3), without authorities (type 4), and with little data.
    pub(crate) fn is_cheap(bytes: &[u8]) -> bool {
        bytes.len() <= CHEAP_BYTES_MAX && !bytes.first().is_some_and(|ty| matches!(ty, 3 | 4))
    }

    /// Checks a transaction against the head's state and takes it in.
    pub(crate) fn add(&self, bytes: &[u8], view: &Arc<ChainView>) -> Result<B256, PoolError> {
        self.add_conditional(bytes, None, view)
    }

    /// The same with what must hold for a block to include it, which the caller has checked.
    pub(crate) fn add_conditional(
        &self,
        bytes: &[u8],
        conditional: Option<Arc<TransactionConditional>>,
        view: &Arc<ChainView>,
    ) -> Result<B256, PoolError> {
        let tx = self.admit(bytes, conditional, view)?;
        if let Some(journal) = self.journal.get()
            && let Some(record) = journal::record(&tx)
        {
            journal.append(record);
        }
        self.version.fetch_add(1, Ordering::Relaxed);
        drop(self.events.send(tx.hash));
        Ok(tx.hash)
    }

    /// All costly checks happen before the lock is taken, so that senders are recovered on all
    /// cores.
    fn admit(
        &self,
        bytes: &[u8],
        conditional: Option<Arc<TransactionConditional>>,
        view: &Arc<ChainView>,
    ) -> Result<Arc<PoolTx>, PoolError> {
        let unready = || PoolError::State("no head yet".into());
        let rules = self.inner.lock().rules.clone().ok_or_else(unready)?;
        let decoded = validate::decode(&self.chain, &self.limits, bytes)?;
        if self.get(&decoded.tx.hash()).is_some() {
            return Err(PoolError::AlreadyKnown);
        }
        validate::check_rules(&self.chain, &rules, &self.limits, &decoded.tx.tx)?;
        let mut tx = PoolTx::new(decoded.tx, decoded.sidecar, conditional);
        let state = view
            .head_state()
            .map_err(|e| PoolError::State(e.to_string()))?;
        let state = validate::check_state(&state, rules.costs.as_ref(), &tx)?;
        let mut inner = self.inner.lock();
        let rules = inner.rules.clone().ok_or_else(unready)?;
        if rules.head != view.head.hash {
            inner.stale.insert(tx.sender());
        }
        tx.sequence = inner.sequence;
        inner.sequence = inner.sequence.saturating_add(1);
        let tx = Arc::new(tx);
        let admission = Admission {
            limits: &self.limits,
            costs: rules.costs.as_ref(),
            now: Instant::now(),
        };
        inner.queues.insert(tx.clone(), state, admission)?;
        Ok(tx)
    }

    /// Writes down from now on what the pool holds.
    pub(crate) fn keep_journal(&self, journal: Journal) {
        drop(self.journal.set(journal));
    }

    /// Writes the journal a last time.
    pub(crate) fn close_journal(&self) {
        if let Some(journal) = self.journal.get() {
            journal.close();
        }
    }

    /// What the journal holds when it is written anew.
    fn journal_records(&self) -> Vec<Bytes> {
        let transactions = self.inner.lock().queues.in_order();
        transactions
            .iter()
            .filter_map(|tx| journal::record(tx))
            .collect()
    }

    /// A transaction by hash.
    pub(crate) fn get(&self, hash: &B256) -> Option<Arc<PoolTx>> {
        self.inner.lock().queues.get(hash)
    }

    /// A sender's transaction with a nonce.
    pub(crate) fn by_nonce(&self, sender: Address, nonce: u64) -> Option<Arc<PoolTx>> {
        self.inner.lock().queues.by_nonce(sender, nonce)
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
            None => inner.included.sidecar(hash),
        }
    }

    /// Executable transactions for a block with these fees, best first.
    pub(crate) fn best(&self, base_fee: u64, blob_fee: Option<u128>) -> BestTransactions {
        let executable = self.inner.lock().queues.executable();
        BestTransactions::new(executable, base_fee, blob_fee)
    }

    /// Next nonce of an account if all its executable transactions are counted as done.
    pub(crate) fn next_nonce(&self, sender: Address) -> Option<u64> {
        self.inner.lock().queues.next_nonce(sender)
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
            let now = Instant::now();
            inner.queues.remove(hash, now);
            inner.queues.enforce(&self.limits, now);
        }
    }

    /// Forgets every transaction.
    pub(crate) fn clear(&self) {
        self.inner.lock().queues = Queues::default();
        self.version.fetch_add(1, Ordering::Relaxed);
    }

    /// All transactions by sender, executable ones apart.
    pub(crate) fn content(&self) -> PoolContent {
        self.inner.lock().queues.content()
    }

    /// How many transactions are executable, and how many wait.
    pub(crate) fn counts(&self) -> (usize, usize) {
        self.inner.lock().queues.counts()
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
