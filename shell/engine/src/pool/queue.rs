//! Queues per sender, and what is given up when they are full.

use super::{PoolError, PoolTx};
use crate::config::PoolLimits;
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, U256};
use opal_execution::fees::L1Costs;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Percent by which each fee must rise to replace a transaction of the same nonce.
const PRICE_BUMP_PERCENT: u128 = 10;
/// The same for blob transactions.
const BLOB_PRICE_BUMP_PERCENT: u128 = 100;

/// Transactions by sender: those that could be in the next block, and those that must wait.
#[derive(Debug, Default)]
pub(crate) struct PoolContent {
    /// Executable one after the other.
    pub(crate) pending: BTreeMap<Address, Vec<Arc<PoolTx>>>,
    /// Behind a gap in nonces, or beyond the balance.
    pub(crate) queued: BTreeMap<Address, Vec<Arc<PoolTx>>>,
}

#[derive(Debug, Default)]
struct Sender {
    /// Nonce and balance in the head's state.
    nonce: u64,
    balance: U256,
    transactions: BTreeMap<u64, Arc<PoolTx>>,
}

impl Sender {
    /// How many transactions from the first on are executable one after the other.
    fn executable_count(&self, costs: Option<&L1Costs>) -> usize {
        let mut next = self.nonce;
        let mut left = self.balance;
        let mut count: usize = 0;
        for (nonce, tx) in &self.transactions {
            let Some(rest) = left.checked_sub(tx.total_cost(costs)) else {
                break;
            };
            if *nonce != next {
                break;
            }
            left = rest;
            next = next.saturating_add(1);
            count = count.saturating_add(1);
        }
        count
    }
}

#[derive(Debug, Default)]
pub(super) struct Queues {
    by_hash: HashMap<B256, Arc<PoolTx>>,
    senders: BTreeMap<Address, Sender>,
    bytes: usize,
    blob_transactions: usize,
}

impl Queues {
    pub(super) fn get(&self, hash: &B256) -> Option<Arc<PoolTx>> {
        self.by_hash.get(hash).cloned()
    }

    pub(super) fn senders(&self) -> Vec<Address> {
        self.senders.keys().copied().collect()
    }

    pub(super) fn insert(
        &mut self,
        tx: Arc<PoolTx>,
        nonce: u64,
        balance: U256,
        limits: &PoolLimits,
        costs: Option<&L1Costs>,
    ) -> Result<(), PoolError> {
        if self.by_hash.contains_key(&tx.hash) {
            return Err(PoolError::AlreadyKnown);
        }
        let sender = self.senders.get(&tx.sender());
        let old = sender
            .and_then(|s| s.transactions.get(&tx.nonce()))
            .cloned();
        match &old {
            Some(old) => check_replacement(old, &tx)?,
            None => {
                let held = sender.map_or(0, |s| s.transactions.len());
                let reach = nonce.saturating_add(limits.per_sender_max as u64);
                if held >= limits.per_sender_max || tx.nonce() >= reach {
                    return Err(PoolError::SenderFull(limits.per_sender_max));
                }
                if tx.is_blob() && self.blob_transactions >= limits.blob_transactions_max {
                    return Err(PoolError::Full);
                }
            }
        }
        if let Some(old) = old {
            self.remove(&old.hash);
        }
        self.make_room(&tx, limits, costs)?;
        let sender = self.senders.entry(tx.sender()).or_default();
        (sender.nonce, sender.balance) = (nonce, balance);
        sender.transactions.insert(tx.nonce(), tx.clone());
        self.bytes = self.bytes.saturating_add(tx.size());
        self.blob_transactions = self
            .blob_transactions
            .saturating_add(usize::from(tx.is_blob()));
        self.by_hash.insert(tx.hash, tx);
        Ok(())
    }

    pub(super) fn remove(&mut self, hash: &B256) -> Option<Arc<PoolTx>> {
        let tx = self.by_hash.remove(hash)?;
        self.bytes = self.bytes.saturating_sub(tx.size());
        self.blob_transactions = self
            .blob_transactions
            .saturating_sub(usize::from(tx.is_blob()));
        if let Some(sender) = self.senders.get_mut(&tx.sender()) {
            sender.transactions.remove(&tx.nonce());
            if sender.transactions.is_empty() {
                self.senders.remove(&tx.sender());
            }
        }
        Some(tx)
    }

    /// Takes in what the new head says of an account; drops transactions that are done.
    pub(super) fn update_sender(&mut self, address: Address, nonce: u64, balance: U256) {
        let Some(sender) = self.senders.get_mut(&address) else {
            return;
        };
        (sender.nonce, sender.balance) = (nonce, balance);
        let done: Vec<B256> = sender
            .transactions
            .range(..nonce)
            .map(|(_, tx)| tx.hash)
            .collect();
        for hash in done {
            self.remove(&hash);
        }
    }

    pub(super) fn next_nonce(&self, address: Address, costs: Option<&L1Costs>) -> Option<u64> {
        let sender = self.senders.get(&address)?;
        Some(
            sender
                .nonce
                .saturating_add(sender.executable_count(costs) as u64),
        )
    }

    /// Executable transactions of each sender, in order of nonce.
    pub(super) fn executable(&self, costs: Option<&L1Costs>) -> Vec<Vec<Arc<PoolTx>>> {
        self.senders
            .values()
            .map(|s| {
                s.transactions
                    .values()
                    .take(s.executable_count(costs))
                    .cloned()
                    .collect()
            })
            .filter(|txs: &Vec<_>| !txs.is_empty())
            .collect()
    }

    pub(super) fn content(&self, costs: Option<&L1Costs>) -> PoolContent {
        let mut content = PoolContent::default();
        for (address, sender) in &self.senders {
            let count = sender.executable_count(costs);
            let (pending, queued): (Vec<_>, Vec<_>) = sender
                .transactions
                .values()
                .cloned()
                .enumerate()
                .partition(|(i, _)| *i < count);
            for (part, map) in [
                (pending, &mut content.pending),
                (queued, &mut content.queued),
            ] {
                if !part.is_empty() {
                    map.insert(*address, part.into_iter().map(|(_, tx)| tx).collect());
                }
            }
        }
        content
    }

    /// Gives up the worst transactions until `tx` fits; refuses `tx` if it is the worst itself.
    fn make_room(
        &mut self,
        tx: &PoolTx,
        limits: &PoolLimits,
        costs: Option<&L1Costs>,
    ) -> Result<(), PoolError> {
        while self.by_hash.len() >= limits.transactions_max
            || self.bytes.saturating_add(tx.size()) > limits.bytes_max
        {
            let Some((executable, tip, hash)) = self.worst(costs) else {
                return Err(PoolError::Full);
            };
            if executable && tip >= tx.tx.tx.priority_fee_or_price() {
                return Err(PoolError::Full);
            }
            self.remove(&hash);
        }
        Ok(())
    }

    /// The least valuable among the last transactions of each sender: waiting ones first, then by
    /// priority fee.
    fn worst(&self, costs: Option<&L1Costs>) -> Option<(bool, u128, B256)> {
        self.senders
            .values()
            .filter_map(|s| {
                let last = s.transactions.values().next_back()?;
                let executable = s.executable_count(costs) == s.transactions.len();
                Some((executable, last.tx.tx.priority_fee_or_price(), last.hash))
            })
            .min()
    }
}

/// A replacement must raise every fee.
fn check_replacement(old: &PoolTx, new: &PoolTx) -> Result<(), PoolError> {
    if old.is_blob() != new.is_blob() {
        return Err(PoolError::ReplacementUnderpriced);
    }
    let percent = if old.is_blob() {
        BLOB_PRICE_BUMP_PERCENT
    } else {
        PRICE_BUMP_PERCENT
    };
    let enough = |old: u128, new: u128| {
        let factor = U256::from(percent.saturating_add(100));
        U256::from(new) * U256::from(100) >= U256::from(old) * factor
    };
    let (o, n) = (&old.tx.tx, &new.tx.tx);
    let raised = enough(o.max_fee_per_gas(), n.max_fee_per_gas())
        && enough(o.priority_fee_or_price(), n.priority_fee_or_price())
        && enough(
            o.max_fee_per_blob_gas().unwrap_or_default(),
            n.max_fee_per_blob_gas().unwrap_or_default(),
        );
    if raised {
        Ok(())
    } else {
        Err(PoolError::ReplacementUnderpriced)
    }
}
