//! What a new head does to the pool.

use super::{HeadRules, Inner, Pool, PoolTx, validate};
use crate::{block::ChainBlock, view::ChainView};
use alloy_eips::eip7594::BlobTransactionSidecarVariant;
use alloy_primitives::{Address, B256};
use opal_execution::{ChainConfig, StateReader, VerifiedTx, fees::L1Costs};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, atomic::Ordering},
};
use tracing::warn;

/// Blob transactions of recent blocks whose blobs are kept, in case a reorg returns them.
const INCLUDED_BLOBS_MAX: usize = 256;
/// Senders up to which every account is read again at each head; above it only those that the
/// blocks touched (the builder then drops what became invalid).
const REFRESH_ALL_MAX: usize = 1_000;

/// Blobs of transactions in recent blocks, oldest forgotten first.
#[derive(Debug, Default)]
pub(super) struct IncludedBlobs {
    by_hash: BTreeMap<B256, Arc<BlobTransactionSidecarVariant>>,
    order: VecDeque<B256>,
}

impl IncludedBlobs {
    pub(super) fn get(&self, hash: &B256) -> Option<Arc<BlobTransactionSidecarVariant>> {
        self.by_hash.get(hash).cloned()
    }

    fn add(&mut self, hash: B256, sidecar: Arc<BlobTransactionSidecarVariant>) {
        if self.by_hash.insert(hash, sidecar).is_none() {
            self.order.push_back(hash);
        }
        if self.order.len() > INCLUDED_BLOBS_MAX
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
        let rules = HeadRules {
            head: view.head.hash,
            next_time,
            fork: chain.eth_fork(next_time),
            gas_limit: header.gas_limit,
            costs,
        };
        let mut inner = self.inner.lock();
        inner.rules = Some(rules.clone());
        let mut touched: BTreeSet<Address> = BTreeSet::new();
        let included = leave(&mut inner, added, &mut touched);
        for tx in abandoned.iter().flat_map(|b| b.transactions()) {
            touched.insert(tx.sender);
            if !tx.tx.is_deposit() && !included.contains(&tx.hash()) {
                self.take_back(&mut inner, &rules, &state, tx);
            }
        }
        let senders = inner.queues.senders();
        let all = senders.len() <= REFRESH_ALL_MAX;
        for address in senders.into_iter().filter(|a| all || touched.contains(a)) {
            let account = state.account(address).map_err(|e| e.0)?.unwrap_or_default();
            inner
                .queues
                .update_sender(address, account.nonce, account.balance);
        }
        Ok(())
    }

    fn take_back(
        &self,
        inner: &mut Inner,
        rules: &HeadRules,
        state: &impl StateReader,
        tx: VerifiedTx,
    ) {
        let sidecar = inner.included_blobs.get(&tx.hash());
        let tx = Arc::new(PoolTx::new(tx, sidecar, inner.sequence));
        if tx.is_blob() && tx.sidecar.is_none() {
            return;
        }
        let checked = validate::check_state(state, rules.costs.as_ref(), &tx);
        if let Ok((nonce, balance)) = checked {
            inner.sequence = inner.sequence.saturating_add(1);
            let costs = rules.costs.as_ref();
            drop(inner.queues.insert(tx, nonce, balance, &self.limits, costs));
        }
    }
}

/// Removes what the added blocks hold; answers with the hashes.
fn leave(
    inner: &mut Inner,
    added: &[Arc<ChainBlock>],
    touched: &mut BTreeSet<Address>,
) -> BTreeSet<B256> {
    let mut included = BTreeSet::new();
    for block in added {
        touched.extend(&block.body.senders);
        for &hash in block.transaction_hashes() {
            if let Some(tx) = inner.queues.remove(&hash)
                && let Some(sidecar) = &tx.sidecar
            {
                inner.included_blobs.add(hash, sidecar.clone());
            }
            included.insert(hash);
        }
    }
    included
}
