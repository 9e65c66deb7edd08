//! Queues per sender, and what is given up when they are full.
//!
//! Inputs: checked transactions, and what the head says of their senders. Outputs: executable
//! transactions in order. Invariants: the counts and the ranking agree with the queues after every
//! call; the limits hold; what a sender's transactions cost together was covered when the last of
//! them came.

mod admission;
#[cfg(test)]
mod audit;

use super::{PoolError, PoolTx};
use crate::config::PoolLimits;
use admission::check_replacement;
use alloy_primitives::{Address, B256, U256};
use opal_execution::fees::L1Costs;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

/// Transactions by sender: those that could be in the next block, and those that must wait.
#[derive(Debug, Default)]
pub(crate) struct PoolContent {
    /// Executable one after the other.
    pub(crate) pending: BTreeMap<Address, Vec<Arc<PoolTx>>>,
    /// Behind a gap in nonces, or beyond the balance.
    pub(crate) queued: BTreeMap<Address, Vec<Arc<PoolTx>>>,
}

/// What the head says of an account.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SenderState {
    pub(super) nonce: u64,
    pub(super) balance: U256,
    /// Whether the account has code, which can only be a delegation.
    pub(super) delegated: bool,
}

/// How much a sender's last transaction is worth keeping, least first: waiting ones before
/// executable ones, then by the least tip among the transactions it stands on, then newest first.
type Rank = (bool, u128, Reverse<u64>, Address);

#[derive(Debug)]
struct Entry {
    tx: Arc<PoolTx>,
    /// Most wei the sender may lose by it, with the fees in force.
    cost: U256,
}

#[derive(Debug)]
struct Sender {
    state: SenderState,
    entries: BTreeMap<u64, Entry>,
    /// How many from the first on are executable one after the other.
    executable: usize,
    rank: Option<Rank>,
    /// When a transaction last came or became executable.
    progress: Instant,
}

impl Sender {
    fn new(state: SenderState, now: Instant) -> Self {
        Self {
            state,
            entries: BTreeMap::new(),
            executable: 0,
            rank: None,
            progress: now,
        }
    }

    fn queued(&self) -> usize {
        self.entries.len().saturating_sub(self.executable)
    }

    /// What all transactions cost but the one with this nonce.
    fn cost_without(&self, nonce: u64) -> U256 {
        self.entries
            .iter()
            .filter(|(n, _)| **n != nonce)
            .fold(U256::ZERO, |sum, (_, e)| sum.saturating_add(e.cost))
    }

    fn count_executable(&self) -> usize {
        let mut next = self.state.nonce;
        let mut left = self.state.balance;
        let mut count: usize = 0;
        for (nonce, entry) in &self.entries {
            let Some(rest) = left.checked_sub(entry.cost) else {
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

    fn rank_of(&self, address: Address) -> Option<Rank> {
        let (_, last) = self.entries.last_key_value()?;
        let executable = self.queued() == 0;
        let skip = if executable { 0 } else { self.executable };
        let tip = self.entries.values().skip(skip).map(|e| e.tx.tip()).min();
        Some((
            executable,
            tip.unwrap_or_default(),
            Reverse(last.tx.sequence),
            address,
        ))
    }
}

#[derive(Debug, Default)]
pub(super) struct Queues {
    by_hash: HashMap<B256, Arc<PoolTx>>,
    senders: BTreeMap<Address, Sender>,
    ranking: BTreeSet<Rank>,
    /// How many transactions name an account as an authority (EIP-7702).
    authorities: BTreeMap<Address, usize>,
    bytes: usize,
    blob_transactions: usize,
    /// Transactions that are not executable.
    queued: usize,
}

/// What an insertion is judged by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Admission<'a> {
    pub(super) limits: &'a PoolLimits,
    pub(super) costs: Option<&'a L1Costs>,
    pub(super) now: Instant,
}

impl Queues {
    pub(super) fn get(&self, hash: &B256) -> Option<Arc<PoolTx>> {
        self.by_hash.get(hash).cloned()
    }

    pub(super) fn by_nonce(&self, sender: Address, nonce: u64) -> Option<Arc<PoolTx>> {
        let entry = self.senders.get(&sender)?.entries.get(&nonce)?;
        Some(entry.tx.clone())
    }

    pub(super) fn senders(&self) -> Vec<Address> {
        self.senders.keys().copied().collect()
    }

    /// Executable and waiting transactions.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.by_hash.len().saturating_sub(self.queued), self.queued)
    }

    /// Takes in a transaction that is valid on its own.
    pub(super) fn insert(
        &mut self,
        tx: Arc<PoolTx>,
        state: SenderState,
        admission: Admission<'_>,
    ) -> Result<(), PoolError> {
        if self.by_hash.contains_key(&tx.hash) {
            return Err(PoolError::AlreadyKnown);
        }
        let cost = tx.total_cost(admission.costs);
        let (address, limits) = (tx.sender(), admission.limits);
        let old = self.by_nonce(address, tx.nonce());
        self.check_sender(&tx, &state, cost, old.as_deref(), limits)?;
        self.check_delegation(&tx, &state, old.is_some())?;
        let executable = tx.nonce() <= self.next_nonce_with(address, &state);
        if let Some(old) = &old {
            check_replacement(old, &tx, limits)?;
        } else if tx.is_blob() && self.blob_transactions >= limits.blob_transactions_max {
            return Err(PoolError::Full);
        }
        let victims = self.victims(&tx, executable, old.as_deref(), limits)?;
        if let Some(old) = old {
            self.take(&old.hash);
        }
        for victim in victims {
            self.remove(&victim, admission.now);
        }
        self.put(tx, cost, state, admission.now);
        self.settle(address, admission.now);
        Ok(())
    }

    fn next_nonce_with(&self, address: Address, state: &SenderState) -> u64 {
        let executable = self.senders.get(&address).map_or(0, |s| s.executable);
        state.nonce.saturating_add(executable as u64)
    }

    fn put(&mut self, tx: Arc<PoolTx>, cost: U256, state: SenderState, now: Instant) {
        let address = tx.sender();
        let sender = self
            .senders
            .entry(address)
            .or_insert_with(|| Sender::new(state, now));
        sender.state = state;
        sender.progress = now;
        for authority in &tx.authorities {
            let count = self.authorities.entry(*authority).or_default();
            *count = count.saturating_add(1);
        }
        self.bytes = self.bytes.saturating_add(tx.size());
        self.blob_transactions = self
            .blob_transactions
            .saturating_add(usize::from(tx.is_blob()));
        self.queued = self.queued.saturating_add(1);
        let entry = Entry {
            tx: tx.clone(),
            cost,
        };
        sender.entries.insert(tx.nonce(), entry);
        self.by_hash.insert(tx.hash, tx);
    }

    /// Takes a transaction out and leaves its sender to be settled.
    fn take(&mut self, hash: &B256) -> Option<Arc<PoolTx>> {
        let tx = self.by_hash.remove(hash)?;
        self.bytes = self.bytes.saturating_sub(tx.size());
        self.blob_transactions = self
            .blob_transactions
            .saturating_sub(usize::from(tx.is_blob()));
        for authority in &tx.authorities {
            if let Some(count) = self.authorities.get_mut(authority) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.authorities.remove(authority);
                }
            }
        }
        if let Some(sender) = self.senders.get_mut(&tx.sender()) {
            let was = sender.queued();
            sender.entries.remove(&tx.nonce());
            sender.executable = sender.executable.min(sender.entries.len());
            self.queued = self
                .queued
                .saturating_sub(was)
                .saturating_add(sender.queued());
        }
        Some(tx)
    }

    pub(super) fn remove(&mut self, hash: &B256, now: Instant) -> Option<Arc<PoolTx>> {
        let tx = self.take(hash)?;
        self.settle(tx.sender(), now);
        Some(tx)
    }

    /// Counts a sender's executable transactions again and ranks it anew.
    fn settle(&mut self, address: Address, now: Instant) {
        let Some(sender) = self.senders.get_mut(&address) else {
            return;
        };
        if let Some(rank) = sender.rank.take() {
            self.ranking.remove(&rank);
        }
        let was = sender.queued();
        let before = sender.executable;
        sender.executable = sender.count_executable();
        if sender.executable > before {
            sender.progress = now;
        }
        self.queued = self
            .queued
            .saturating_sub(was)
            .saturating_add(sender.queued());
        sender.rank = sender.rank_of(address);
        match sender.rank {
            Some(rank) => {
                self.ranking.insert(rank);
            }
            None => {
                self.senders.remove(&address);
            }
        }
    }

    /// Takes in what the new head says of an account; drops transactions that are done.
    pub(super) fn update_sender(&mut self, address: Address, state: SenderState, now: Instant) {
        let Some(sender) = self.senders.get_mut(&address) else {
            return;
        };
        sender.state = state;
        let done: Vec<B256> = sender
            .entries
            .range(..state.nonce)
            .map(|(_, e)| e.tx.hash)
            .collect();
        for hash in done {
            self.take(&hash);
        }
        self.settle(address, now);
    }

    /// Prices everything anew after the fees of the chain changed.
    pub(super) fn reprice(&mut self, costs: Option<&L1Costs>, now: Instant) {
        for sender in self.senders.values_mut() {
            for entry in sender.entries.values_mut() {
                entry.cost = entry.tx.total_cost(costs);
            }
        }
        for address in self.senders() {
            self.settle(address, now);
        }
    }

    /// Gives up waiting transactions beyond the limits, which a new head may have made of
    /// executable ones.
    pub(super) fn enforce(&mut self, limits: &PoolLimits, now: Instant) {
        let most = limits.queued_per_sender_max;
        let mut excess: Vec<B256> = Vec::new();
        for sender in self.senders.values() {
            let count = sender.queued().saturating_sub(most);
            excess.extend(sender.entries.values().rev().take(count).map(|e| e.tx.hash));
        }
        for hash in excess {
            self.remove(&hash, now);
        }
        while self.queued > limits.queued_max {
            let Some((false, _, _, address)) = self.ranking.first().copied() else {
                return;
            };
            let last = self.senders.get(&address);
            let last = last.and_then(|s| s.entries.last_key_value());
            let Some(hash) = last.map(|(_, e)| e.tx.hash) else {
                return;
            };
            self.remove(&hash, now);
        }
    }

    /// Drops what has waited too long for a missing transaction.
    pub(super) fn expire(&mut self, lifetime: Duration, now: Instant) -> usize {
        let mut old: Vec<B256> = Vec::new();
        for sender in self.senders.values() {
            if now.saturating_duration_since(sender.progress) >= lifetime {
                let waiting = sender.entries.values().skip(sender.executable);
                old.extend(waiting.map(|e| e.tx.hash));
            }
        }
        for hash in &old {
            self.remove(hash, now);
        }
        old.len()
    }

    pub(super) fn next_nonce(&self, address: Address) -> Option<u64> {
        let sender = self.senders.get(&address)?;
        Some(self.next_nonce_with(address, &sender.state))
    }

    /// Executable transactions of each sender, in order of nonce.
    pub(super) fn executable(&self) -> Vec<Vec<Arc<PoolTx>>> {
        self.senders
            .values()
            .filter(|s| s.executable > 0)
            .map(|s| {
                let entries = s.entries.values().take(s.executable);
                entries.map(|e| e.tx.clone()).collect()
            })
            .collect()
    }

    pub(super) fn content(&self) -> PoolContent {
        let mut content = PoolContent::default();
        for (address, sender) in &self.senders {
            let mut all: Vec<_> = sender.entries.values().map(|e| e.tx.clone()).collect();
            let queued = all.split_off(sender.executable.min(all.len()));
            if !all.is_empty() {
                content.pending.insert(*address, all);
            }
            if !queued.is_empty() {
                content.queued.insert(*address, queued);
            }
        }
        content
    }

    /// All transactions in the order they came.
    pub(super) fn in_order(&self) -> Vec<Arc<PoolTx>> {
        let mut all: Vec<_> = self.by_hash.values().cloned().collect();
        all.sort_unstable_by_key(|tx| tx.sequence);
        all
    }
}
