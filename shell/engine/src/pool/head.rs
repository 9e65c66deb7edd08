//! What a new head does to the pool.

use super::{
    HeadRules, Inner, Pool, PoolTx,
    queue::{Admission, SenderState},
    validate,
};
use crate::{block::ChainBlock, view::ChainView};
use alloy_eips::eip7594::BlobTransactionSidecarVariant;
use alloy_primitives::{Address, B256};
use alloy_rpc_types_eth::erc4337::TransactionConditional;
use opal_execution::{ChainConfig, StateReader, VerifiedTx, fees::L1Costs};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};
use tracing::{debug, warn};

/// Transactions of recent blocks of which more is kept than the blocks hold, in case a reorg
/// returns them.
const INCLUDED_MAX: usize = 256;
/// How often waiting transactions are looked at whether they have waited too long.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(60);
/// Senders up to which every account is read again at each head; above it only those that the
/// blocks touched (the builder then drops what became invalid).
const REFRESH_ALL_MAX: usize = 1_000;

/// What blocks do not say about their transactions: blobs and conditions. Oldest forgotten first.
#[derive(Debug, Default)]
pub(super) struct Included {
    by_hash: BTreeMap<B256, Arc<PoolTx>>,
    order: VecDeque<B256>,
}

impl Included {
    pub(super) fn sidecar(&self, hash: &B256) -> Option<Arc<BlobTransactionSidecarVariant>> {
        self.by_hash.get(hash)?.sidecar.clone()
    }

    fn conditional(&self, hash: &B256) -> Option<Arc<TransactionConditional>> {
        self.by_hash.get(hash)?.conditional.clone()
    }

    fn add(&mut self, tx: Arc<PoolTx>) {
        if tx.sidecar.is_none() && tx.conditional.is_none() {
            return;
        }
        let hash = tx.hash;
        if self.by_hash.insert(hash, tx).is_none() {
            self.order.push_back(hash);
        }
        if self.order.len() > INCLUDED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_hash.remove(&oldest);
        }
    }
}

impl Pool {
    /// Takes in a new head: transactions of `added` blocks leave, those of `abandoned` blocks that
    /// are in none of the added ones return.
    pub(crate) fn on_new_head(
        &self,
        chain: &ChainConfig,
        view: &Arc<ChainView>,
        abandoned: &[Arc<ChainBlock>],
        added: &[Arc<ChainBlock>],
    ) {
        if let Err(problem) = self.try_new_head(chain, view, abandoned, added) {
            warn!(%problem, "the pool does not follow the head");
        }
        self.version.fetch_add(1, Ordering::Relaxed);
    }

    fn try_new_head(
        &self,
        chain: &ChainConfig,
        view: &Arc<ChainView>,
        abandoned: &[Arc<ChainBlock>],
        added: &[Arc<ChainBlock>],
    ) -> Result<(), String> {
        let state = view.head_state().map_err(|e| e.to_string())?;
        let header = view.header(&view.head.hash).map_err(|e| e.to_string())?;
        let header = header.ok_or("the head's header is missing")?;
        let next_time = header.timestamp;
        let costs = chain
            .is_optimism()
            .then(|| L1Costs::read(chain, next_time, &state))
            .transpose()
            .map_err(|e| e.to_string())?;
        let rules = Arc::new(HeadRules {
            head: view.head.hash,
            next_time,
            fork: chain.eth_fork(next_time),
            gas_limit: header.gas_limit,
            costs,
        });
        let now = Instant::now();
        let mut inner = self.inner.lock();
        let old = inner.rules.replace(rules.clone());
        let mut touched = std::mem::take(&mut inner.stale);
        let included = leave(&mut inner, added, &mut touched, now);
        if old.is_none_or(|old| old.costs != rules.costs) {
            inner.queues.reprice(rules.costs.as_ref(), now);
        }
        let senders = inner.queues.senders();
        let all = senders.len() <= REFRESH_ALL_MAX;
        touched.extend(abandoned.iter().flat_map(|b| &b.body.senders));
        for address in senders.into_iter().filter(|a| all || touched.contains(a)) {
            // An account that became a contract sends nothing more; the builder drops the rest.
            if let Ok(sender) = validate::read_sender(&state, address) {
                inner.queues.update_sender(address, sender, now);
            }
        }
        for tx in abandoned.iter().flat_map(|b| b.transactions()) {
            if !tx.tx.is_deposit() && !included.contains(&tx.hash()) {
                self.take_back(&mut inner, &rules, &state, tx, now);
            }
        }
        inner.queues.enforce(&self.limits, now);
        self.expire(&mut inner, now);
        Ok(())
    }

    fn expire(&self, inner: &mut Inner, now: Instant) {
        let last = *inner.expired_at.get_or_insert(now);
        if now.saturating_duration_since(last) < EXPIRY_INTERVAL {
            return;
        }
        inner.expired_at = Some(now);
        let count = inner.queues.expire(self.limits.queued_lifetime, now);
        if count > 0 {
            debug!(count, "transactions waited too long and were dropped");
        }
    }

    fn take_back(
        &self,
        inner: &mut Inner,
        rules: &HeadRules,
        state: &impl StateReader,
        tx: VerifiedTx,
        now: Instant,
    ) {
        let hash = tx.hash();
        let sidecar = inner.included.sidecar(&hash);
        let conditional = inner.included.conditional(&hash);
        let mut tx = PoolTx::new(tx, sidecar, conditional);
        if tx.is_blob() && tx.sidecar.is_none() {
            return;
        }
        tx.sequence = inner.sequence;
        let checked: Result<SenderState, _> =
            validate::check_state(state, rules.costs.as_ref(), &tx);
        if let Ok(sender) = checked {
            inner.sequence = inner.sequence.saturating_add(1);
            let admission = Admission {
                limits: &self.limits,
                costs: rules.costs.as_ref(),
                now,
            };
            drop(inner.queues.insert(Arc::new(tx), sender, admission));
        }
    }
}

/// Removes what the added blocks hold; answers with the hashes.
fn leave(
    inner: &mut Inner,
    added: &[Arc<ChainBlock>],
    touched: &mut BTreeSet<Address>,
    now: Instant,
) -> BTreeSet<B256> {
    let mut included = BTreeSet::new();
    for block in added {
        touched.extend(&block.body.senders);
        for &hash in block.transaction_hashes() {
            if let Some(tx) = inner.queues.remove(&hash, now) {
                inner.included.add(tx);
            }
            included.insert(hash);
        }
    }
    included
}
