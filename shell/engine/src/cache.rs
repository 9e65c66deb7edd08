//! Accounts and slots kept from block to block, so that what is hot needs no database, and so that
//! what is cold needs no search through unflushed blocks.
//!
//! The cache stands at one block, its *tip*. Inputs: what is read of the tip's state, and the changes
//! of the next block. Invariants: every value is that of the tip's state; everything that unflushed
//! blocks up to the tip changed is in it, so what is missing lies on disk as it is. Whoever reads
//! another state is told nothing.

#[cfg(test)]
mod tests;

use crate::block::ExecutedBlock;
use alloy_primitives::{
    B256, U256,
    map::{B256Map, HashMap},
};
use opal_trie::Account;
use parking_lot::Mutex;
use std::{hash::Hash, sync::Arc};

/// Accounts of one generation; there are two.
const ACCOUNTS_MAX: usize = 100_000;
/// Slots of one generation.
const SLOTS_MAX: usize = 200_000;

/// What the cache says about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known<T> {
    /// Its value.
    Value(T),
    /// No unflushed block changes it: the database has its value.
    OnDisk,
    /// Nothing: the cache stands at another block.
    Nothing,
}

/// The cache. All views of the chain share it.
#[derive(Debug)]
pub(crate) struct StateCache(Mutex<Inner>);

impl Default for StateCache {
    fn default() -> Self {
        Self(Mutex::new(Inner::new(0, ACCOUNTS_MAX, SLOTS_MAX)))
    }
}

/// The cache as seen from one state.
#[derive(Clone, Debug)]
pub(crate) struct CacheAt {
    cache: Arc<StateCache>,
    tip: B256,
    /// Height of the block that the state's snapshot of the database holds.
    flushed: u64,
}

#[derive(Debug)]
struct Inner {
    tip: B256,
    /// Height up to which the changes of blocks may be missing, because they are on disk.
    flushed: u64,
    accounts: Generations<B256, Option<Account>>,
    slots: Generations<(B256, B256), U256>,
    /// Accounts that lost their storage: their slots are not cached until the block of that height,
    /// the last one that changed their storage, is on disk.
    destroyed: B256Map<u64>,
    counts: CacheCounts,
}

/// How often the cache had what was asked for, since the start, and what it holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheCounts {
    /// Look-ups that it answered.
    pub(crate) hits: u64,
    /// Look-ups that went to the database.
    pub(crate) misses: u64,
    /// Accounts and slots in it.
    pub(crate) entries: u64,
}

/// A value, and the height of the block that wrote it; zero if it was read.
#[derive(Clone, Copy, Debug)]
struct Entry<V> {
    value: V,
    written: u64,
}

/// Two maps: when the young one is full, it becomes the old one. What is used moves on.
#[derive(Debug)]
struct Generations<K, V> {
    young: HashMap<K, Entry<V>>,
    old: HashMap<K, Entry<V>>,
    /// Entries of a full one.
    max: usize,
    /// Entries that the young one started with: it is not full before it has doubled.
    kept: usize,
}

impl<K: Copy + Eq + Hash, V: Copy> Generations<K, V> {
    fn new(max: usize) -> Self {
        Self {
            young: HashMap::default(),
            old: HashMap::default(),
            max,
            kept: 0,
        }
    }

    fn get(&mut self, key: &K) -> Option<V> {
        if let Some(entry) = self.young.get(key) {
            return Some(entry.value);
        }
        let entry = self.old.remove(key)?;
        self.young.insert(*key, entry);
        Some(entry.value)
    }

    /// What is there, unmoved.
    fn peek(&self, key: &K) -> Option<V> {
        let entry = self.young.get(key).or_else(|| self.old.get(key))?;
        Some(entry.value)
    }

    fn put(&mut self, key: K, value: V, written: u64, flushed: u64) {
        if self.young.len() >= self.max.max(self.kept.saturating_mul(2)) {
            let full = std::mem::take(&mut self.young);
            let older = std::mem::replace(&mut self.old, full);
            let unflushed = older.into_iter().filter(|(_, e)| e.written > flushed);
            self.young
                .extend(unflushed.filter(|(key, _)| !self.old.contains_key(key)));
            self.kept = self.young.len();
        }
        self.young.insert(key, Entry { value, written });
    }

    fn len(&self) -> usize {
        self.young.len().saturating_add(self.old.len())
    }

    fn retain(&mut self, keep: impl Fn(&K) -> bool) {
        self.young.retain(|key, _| keep(key));
        self.old.retain(|key, _| keep(key));
    }
}

impl Inner {
    fn new(flushed: u64, accounts_max: usize, slots_max: usize) -> Self {
        Self {
            tip: B256::ZERO,
            flushed,
            accounts: Generations::new(accounts_max),
            slots: Generations::new(slots_max),
            destroyed: B256Map::default(),
            counts: CacheCounts::default(),
        }
    }

    /// Forgets everything; only blocks above `flushed` count from now on.
    fn reset(&mut self, flushed: u64) {
        let counts = self.counts;
        *self = Self::new(flushed, self.accounts.max, self.slots.max);
        self.counts = counts;
    }

    /// Counts a look-up and answers it.
    fn told<V>(&mut self, found: Option<V>) -> Known<V> {
        match found {
            Some(value) => {
                self.counts.hits = self.counts.hits.saturating_add(1);
                Known::Value(value)
            }
            None => {
                self.counts.misses = self.counts.misses.saturating_add(1);
                Known::OnDisk
            }
        }
    }

    fn apply(&mut self, block: &ExecutedBlock) {
        let (number, flushed) = (block.number(), self.flushed);
        for (address, update) in &block.layer.state {
            let account = update.account;
            self.accounts.put(*address, account, number, flushed);
            if update.destroyed || account.is_none() {
                self.slots.retain(|(owner, _)| owner != address);
                self.destroyed.insert(*address, number);
            }
            if let Some(written) = self.destroyed.get_mut(address) {
                // What it stores anew is not cached either: it must reach the disk first, too.
                if !update.storage.is_empty() {
                    *written = number;
                }
                continue;
            }
            for (slot, value) in &update.storage {
                let key = (*address, *slot);
                self.slots.put(key, *value, number, flushed);
            }
        }
        self.tip = block.hash();
    }
}

impl StateCache {
    /// Makes the cache stand at the block `tip`, whose unflushed ancestors are `blocks`, oldest
    /// first, itself included.
    pub(crate) fn at<'b>(
        self: &Arc<Self>,
        tip: B256,
        flushed: u64,
        blocks: impl Iterator<Item = &'b ExecutedBlock>,
    ) -> CacheAt {
        let mut inner = self.0.lock();
        if inner.tip != tip {
            inner.reset(flushed);
            for block in blocks {
                inner.apply(block);
            }
            inner.tip = tip;
        }
        CacheAt {
            cache: self.clone(),
            tip,
            flushed,
        }
    }

    /// Goes on to a block, if the cache stands at its parent.
    pub(crate) fn advance(&self, block: &ExecutedBlock) {
        let mut inner = self.0.lock();
        if inner.tip == block.parent() {
            inner.apply(block);
        }
    }

    /// Blocks up to this height are on disk now.
    pub(crate) fn flushed(&self, number: u64) {
        let mut inner = self.0.lock();
        inner.flushed = inner.flushed.max(number);
        inner.destroyed.retain(|_, written| *written > number);
    }

    /// How well it serves.
    pub(crate) fn counts(&self) -> CacheCounts {
        let inner = self.0.lock();
        let entries = inner.accounts.len().saturating_add(inner.slots.len());
        CacheCounts {
            entries: entries as u64,
            ..inner.counts
        }
    }

    /// Forgets everything: the database went back.
    pub(crate) fn clear(&self) {
        self.0.lock().reset(0);
    }
}

impl CacheAt {
    /// The cache, if it still stands at this state and lacks nothing that the state's snapshot of
    /// the database lacks.
    fn inner(&self) -> Option<parking_lot::MutexGuard<'_, Inner>> {
        let inner = self.cache.0.lock();
        (inner.tip == self.tip && inner.flushed <= self.flushed).then_some(inner)
    }

    pub(crate) fn account(&self, address: &B256) -> Known<Option<Account>> {
        let Some(mut inner) = self.inner() else {
            return Known::Nothing;
        };
        let found = inner.accounts.get(address);
        inner.told(found)
    }

    pub(crate) fn slot(&self, address: &B256, slot: &B256) -> Known<U256> {
        let Some(mut inner) = self.inner() else {
            return Known::Nothing;
        };
        if inner.destroyed.contains_key(address) {
            return Known::Nothing;
        }
        let found = inner.slots.get(&(*address, *slot));
        inner.told(found)
    }

    /// The account, if it is in the cache; the look-up does not count.
    pub(crate) fn peek_account(&self, address: &B256) -> Option<Option<Account>> {
        self.inner()?.accounts.peek(address)
    }

    /// The slot, if it is in the cache; the look-up does not count.
    pub(crate) fn peek_slot(&self, address: &B256, slot: &B256) -> Option<U256> {
        let inner = self.inner()?;
        let hidden = inner.destroyed.contains_key(address);
        let found = || inner.slots.peek(&(*address, *slot));
        (!hidden).then(found).flatten()
    }

    /// Keeps what the database said.
    pub(crate) fn note_account(&self, address: B256, account: Option<Account>) {
        if let Some(mut inner) = self.inner() {
            let flushed = inner.flushed;
            inner.accounts.put(address, account, 0, flushed);
        }
    }

    /// Keeps what the database said.
    pub(crate) fn note_slot(&self, address: B256, slot: B256, value: U256) {
        if let Some(mut inner) = self.inner()
            && !inner.destroyed.contains_key(&address)
        {
            let flushed = inner.flushed;
            inner.slots.put((address, slot), value, 0, flushed);
        }
    }
}
