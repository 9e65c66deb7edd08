//! Immutable snapshots: the chain as of one moment, and the state after one of its blocks.
//!
//! The block tree publishes a new [`ChainView`] whenever a block arrives, the head moves or a flush
//! ends. A reader keeps the view it took; whatever it reads from it fits together.

mod anchor;

pub(crate) use anchor::DbNodes;

use crate::{
    block::{ChainBlock, ExecutedBlock},
    cache::{CacheAt, Known, StateCache},
    engine::HeadInfo,
    held::HeldTrie,
    store::{DbSnapshot, Layer, StoreError},
};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use anchor::Anchor;
use opal_execution::{Account, StateError, StateReader};
use opal_trie::{Nibbles, NodeReader, ReadError, StateTrie};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

/// Unflushed blocks up to which they are asked for a trie node before the database is.
const LAYERS_FIRST_MAX: usize = 8;
/// States of flushed blocks kept ready per view.
const ANCHORS_MAX: usize = 16;
/// Blocks below the flushed one that a reader may go back to in one step.
pub(crate) const REWIND_BLOCKS_MAX: u64 = 10_000;

/// Why there is no state after a block.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ViewError {
    #[error("block {0} is not known")]
    UnknownBlock(B256),
    #[error(
        "the state after block {0} is not available: it is older than the states that are kept (see --history.state and --gcmode), or not canonical"
    )]
    NoState(B256),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Trie(#[from] opal_trie::TrieError),
}

/// The chain as of one moment.
#[derive(Debug)]
pub(crate) struct ChainView {
    /// What lies on disk.
    pub(crate) db: Arc<DbSnapshot>,
    /// Hash of the block whose state lies on disk.
    pub(crate) flushed: B256,
    /// State trie after that block.
    pub(crate) flushed_trie: HeldTrie,
    /// Blocks that are not on disk, on all branches.
    pub(crate) blocks: BTreeMap<B256, Arc<ExecutedBlock>>,
    /// The canonical ones among them, by height.
    pub(crate) canonical: BTreeMap<u64, B256>,
    /// The head pointers.
    pub(crate) head: HeadInfo,
    /// Accounts and slots by block, for those who execute.
    pub(crate) cache: Arc<StateCache>,
    anchors: Mutex<BTreeMap<u64, Arc<Anchor>>>,
}

impl ChainView {
    pub(crate) fn new(
        db: Arc<DbSnapshot>,
        flushed: B256,
        flushed_trie: HeldTrie,
        blocks: BTreeMap<B256, Arc<ExecutedBlock>>,
        canonical: BTreeMap<u64, B256>,
        head: HeadInfo,
    ) -> Self {
        let anchors = Mutex::default();
        Self {
            db,
            flushed,
            flushed_trie,
            blocks,
            canonical,
            head,
            cache: Arc::default(),
            anchors,
        }
    }

    /// The view that comes after `other` goes on with its cache; with the same database it keeps
    /// the anchors.
    pub(crate) fn after(mut self, other: &Self) -> Self {
        self.cache = other.cache.clone();
        if Arc::ptr_eq(&self.db, &other.db) {
            *self.anchors.lock() = other.anchors.lock().clone();
        }
        self
    }

    /// A header by hash, canonical or not.
    pub(crate) fn header(&self, hash: &B256) -> Result<Option<Header>, StoreError> {
        match self.blocks.get(hash) {
            Some(block) => Ok(Some(block.block.header.clone())),
            None => self.db.header(hash),
        }
    }

    /// A block by hash, canonical or not.
    pub(crate) fn block(&self, hash: &B256) -> Result<Option<Arc<ChainBlock>>, StoreError> {
        if let Some(block) = self.blocks.get(hash) {
            return Ok(Some(block.block.clone()));
        }
        let Some(header) = self.db.header(hash)? else {
            return Ok(None);
        };
        let Some(body) = self.db.body(hash)? else {
            return Ok(None);
        };
        // Pruned: whoever needs them asks the block whether it has them.
        let receipts = self.db.receipts(hash)?.unwrap_or_default();
        Ok(Some(Arc::new(ChainBlock::new(
            *hash, header, body, receipts,
        ))))
    }

    /// Hash of the canonical block at `number`.
    pub(crate) fn canonical_hash(&self, number: u64) -> Result<Option<B256>, StoreError> {
        if number > self.head.number {
            return Ok(None);
        }
        match self.canonical.get(&number) {
            Some(hash) => Ok(Some(*hash)),
            None => self.db.canonical_hash(number),
        }
    }

    /// Whether the block is an ancestor of the head, or the head.
    pub(crate) fn is_canonical(&self, hash: &B256, number: u64) -> Result<bool, StoreError> {
        Ok(self.canonical_hash(number)? == Some(*hash))
    }

    /// Where a transaction of the canonical chain lies: its block and its index there.
    pub(crate) fn transaction(
        &self,
        hash: &B256,
    ) -> Result<Option<(Arc<ChainBlock>, usize)>, StoreError> {
        for block_hash in self.canonical.values().rev() {
            let Some(block) = self.blocks.get(block_hash) else {
                continue;
            };
            let hashes = block.block.transaction_hashes();
            if let Some(index) = hashes.iter().position(|h| h == hash) {
                return Ok(Some((block.block.clone(), index)));
            }
        }
        let Some((number, index)) = self.db.transaction(hash)? else {
            return Ok(None);
        };
        let Some(block_hash) = self.canonical_hash(number)? else {
            return Ok(None);
        };
        let Some(block) = self.block(&block_hash)? else {
            return Ok(None);
        };
        let index = index as usize;
        let held = block
            .body
            .transactions
            .get(index)
            .is_some_and(|tx| keccak256(tx) == *hash);
        Ok(held.then_some((block, index)))
    }

    /// The state after the block `hash`.
    pub(crate) fn state_at(self: &Arc<Self>, hash: B256) -> Result<StateView, ViewError> {
        let mut layers = Vec::new();
        let mut at = hash;
        while let Some(block) = self.blocks.get(&at) {
            layers.push(block.clone());
            at = block.parent();
        }
        let past = if at == self.flushed {
            None
        } else {
            let number = match layers.last() {
                Some(block) => block.number().checked_sub(1),
                None => self.db.header(&at)?.map(|h| h.number),
            };
            let number = number.ok_or(ViewError::UnknownBlock(hash))?;
            if number > self.db.flushed_number() || self.db.canonical_hash(number)? != Some(at) {
                return Err(match self.db.header(&hash)? {
                    None if layers.is_empty() => ViewError::UnknownBlock(hash),
                    _ => ViewError::NoState(hash),
                });
            }
            Some(if self.db.is_indexed(number) {
                Past::Indexed { number, hash: at }
            } else {
                Past::Anchored(self.anchor(number, at)?)
            })
        };
        Ok(StateView {
            chain: self.clone(),
            layers,
            past,
            cached: None,
        })
    }

    /// The state after the head.
    pub(crate) fn head_state(self: &Arc<Self>) -> Result<StateView, ViewError> {
        self.state_at(self.head.hash)
    }

    /// Whether the way to the state after `hash` has to be made block by block first.
    pub(crate) fn is_far(&self, hash: &B256) -> Result<bool, StoreError> {
        if *hash == self.flushed || self.blocks.contains_key(hash) {
            return Ok(false);
        }
        let header = self.db.header(hash)?;
        Ok(header.is_some_and(|header| {
            let number = header.number;
            !self.db.is_indexed(number) && !self.anchors.lock().contains_key(&number)
        }))
    }

    fn anchor(&self, number: u64, hash: B256) -> Result<Arc<Anchor>, ViewError> {
        if let Some(anchor) = self.anchors.lock().get(&number) {
            return Ok(anchor.clone());
        }
        if self.db.flushed_number().saturating_sub(number) > REWIND_BLOCKS_MAX {
            return Err(ViewError::NoState(hash));
        }
        let state = self.db.rewind_to(number)?.ok_or(ViewError::NoState(hash))?;
        let header = self
            .db
            .header(&hash)?
            .ok_or(ViewError::UnknownBlock(hash))?;
        let layer = Layer {
            state,
            ..Layer::default()
        };
        let anchor = Arc::new(Anchor {
            layer,
            root: header.state_root,
            trie: OnceLock::new(),
        });
        let mut anchors = self.anchors.lock();
        if anchors.len() >= ANCHORS_MAX {
            anchors.pop_first();
        }
        anchors.insert(number, anchor.clone());
        Ok(anchor)
    }
}

/// The state after one block: layers of unflushed blocks, maybe an anchor, and the database.
#[derive(Clone, Debug)]
pub(crate) struct StateView {
    chain: Arc<ChainView>,
    /// Newest first.
    layers: Vec<Arc<ExecutedBlock>>,
    past: Option<Past>,
    cached: Option<CacheAt>,
}

/// The state after an older flushed block.
#[derive(Clone, Debug)]
enum Past {
    /// As a change of the flushed state.
    Anchored(Arc<Anchor>),
    /// In the index of an archive. Its trie, if somebody wants it, is that of an anchor.
    Indexed { number: u64, hash: B256 },
}

impl StateView {
    /// The state trie, with the nodes that earlier blocks left resident.
    pub(crate) fn trie(&self) -> Result<StateTrie, ViewError> {
        Ok(self.held_trie()?.share())
    }

    /// The same, where it is held.
    pub(crate) fn held_trie(&self) -> Result<HeldTrie, ViewError> {
        if let Some(newest) = self.layers.first() {
            return Ok(newest.trie.clone());
        }
        match self.anchor()? {
            None => Ok(self.chain.flushed_trie.clone()),
            Some(anchor) => anchor
                .trie(&self.chain)
                .map(|(trie, _)| HeldTrie::new(trie.clone()))
                .map_err(|e| StoreError::Inconsistent(e.0).into()),
        }
    }

    /// What leads from the flushed state to this one, if this is an older flushed block.
    pub(crate) fn rewind_layer(&self) -> Result<Option<Layer>, ViewError> {
        match self.anchor()? {
            None => Ok(None),
            Some(anchor) => anchor
                .trie(&self.chain)
                .map(|(_, layer)| Some(layer.clone()))
                .map_err(|e| StoreError::Inconsistent(e.0).into()),
        }
    }

    /// The account with that hashed address.
    pub(crate) fn account_hashed(&self, address: &B256) -> Result<Option<Account>, StateError> {
        let known = self.cached.as_ref().map(|c| c.account(address));
        match known {
            Some(Known::Value(account)) => return Ok(account),
            Some(Known::OnDisk) => {
                let account = self.chain.db.account(address).map_err(state_error)?;
                if let Some(cached) = &self.cached {
                    cached.note_account(*address, account);
                }
                return Ok(account);
            }
            Some(Known::Nothing) | None => {}
        }
        for layer in self.layers() {
            if let Some(account) = layer.account(address) {
                return Ok(account);
            }
        }
        let db = &self.chain.db;
        match &self.past {
            Some(Past::Indexed { number, .. }) => db.account_at(address, *number),
            _ => db.account(address),
        }
        .map_err(state_error)
    }

    /// The value of a slot, by hashed keys.
    pub(crate) fn storage_hashed(&self, address: &B256, slot: &B256) -> Result<U256, StateError> {
        let known = self.cached.as_ref().map(|c| c.slot(address, slot));
        match known {
            Some(Known::Value(value)) => return Ok(value),
            Some(Known::OnDisk) => {
                let value = self.chain.db.storage(address, slot).map_err(state_error)?;
                if let Some(cached) = &self.cached {
                    cached.note_slot(*address, *slot, value);
                }
                return Ok(value);
            }
            Some(Known::Nothing) | None => {}
        }
        for layer in self.layers() {
            if let Some(value) = layer.storage(address, slot) {
                return Ok(value);
            }
        }
        let db = &self.chain.db;
        match &self.past {
            Some(Past::Indexed { number, .. }) => db.storage_at(address, slot, *number),
            _ => db.storage(address, slot),
        }
        .map_err(state_error)
    }

    /// This state without the index of an archive, which knows what a key was, but not which keys
    /// there were.
    pub(crate) fn walkable(mut self) -> Result<Self, ViewError> {
        if let Some(anchor) = self.anchor()? {
            self.past = Some(Past::Anchored(anchor));
        }
        Ok(self)
    }

    /// What lies on disk, below the layers.
    pub(crate) fn db(&self) -> &DbSnapshot {
        &self.chain.db
    }

    /// This state, read through what is cached from block to block. For those who execute blocks:
    /// the cache then follows this state.
    pub(crate) fn through_cache(mut self) -> Self {
        if self.past.is_none() {
            let tip = self.layers.first().map_or(self.chain.flushed, |b| b.hash());
            let flushed = self.chain.db.flushed_number();
            let layers = self.layers.iter().rev();
            self.cached = Some(self.chain.cache.at(tip, flushed, layers.map(|b| &**b)));
        }
        self
    }

    const fn asks_disk_first(&self) -> bool {
        self.layers.len() > LAYERS_FIRST_MAX && self.past.is_none()
    }

    /// The node as the newest of the layers has it, or the disk.
    fn node_in_order(
        &self,
        owner: Option<B256>,
        path: &Nibbles,
        hash: B256,
    ) -> Result<Option<Bytes>, ReadError> {
        for block in &self.layers {
            if let Some(node) = block.layer.node(owner, path) {
                return Ok(node.cloned());
            }
        }
        let anchor = self.anchor().map_err(|e| ReadError(e.to_string()))?;
        if let Some(anchor) = anchor
            && let Some(node) = anchor.trie(&self.chain)?.1.node(owner, path)
        {
            return Ok(node.cloned());
        }
        DbNodes(&self.chain.db).node(owner, path, hash)
    }

    /// Changes on what lies on disk, newest first; not those of an archive's index.
    pub(crate) fn layers(&self) -> impl Iterator<Item = &Layer> {
        let anchor = match &self.past {
            Some(Past::Anchored(anchor)) => Some(&anchor.layer),
            _ => None,
        };
        self.layers.iter().map(|b| &b.layer).chain(anchor)
    }

    /// What leads back from the flushed state, if this state lies below it.
    fn anchor(&self) -> Result<Option<Arc<Anchor>>, ViewError> {
        match &self.past {
            None => Ok(None),
            Some(Past::Anchored(anchor)) => Ok(Some(anchor.clone())),
            Some(Past::Indexed { number, hash }) => self.chain.anchor(*number, *hash).map(Some),
        }
    }
}

impl StateReader for StateView {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        self.account_hashed(&keccak256(address))
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        let (address, slot) = (keccak256(address), keccak256(slot.to_be_bytes::<32>()));
        self.storage_hashed(&address, &slot)
    }

    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        if hash == KECCAK256_EMPTY {
            return Ok(Bytes::new());
        }
        for layer in self.layers() {
            if let Some(code) = layer.code.get(&hash) {
                return Ok(code.clone());
            }
        }
        let code = self.chain.db.code(&hash).map_err(state_error)?;
        code.ok_or_else(|| StateError(format!("code {hash} is missing")))
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        if let Some(block) = self.layers.iter().find(|b| b.number() == number) {
            return Ok(block.hash());
        }
        let hash = self.chain.db.canonical_hash(number).map_err(state_error)?;
        hash.ok_or_else(|| StateError(format!("hash of block {number} is missing")))
    }
}

impl NodeReader for StateView {
    fn node(&self, o: Option<B256>, p: &Nibbles, h: B256) -> Result<Option<Bytes>, ReadError> {
        // Nodes of unflushed blocks are mostly resident: who asks mostly asks for one on disk, and
        // its hash tells whether that is the one.
        if self.asks_disk_first() {
            return DbNodes(&self.chain.db).node(o, p, h);
        }
        self.node_in_order(o, p, h)
    }

    fn node_elsewhere(
        &self,
        o: Option<B256>,
        p: &Nibbles,
        h: B256,
    ) -> Result<Option<Bytes>, ReadError> {
        if !self.asks_disk_first() {
            return Ok(None);
        }
        self.node_in_order(o, p, h)
    }

    fn known_account(&self, address: &B256) -> Option<Account> {
        self.cached.as_ref()?.peek_account(address).flatten()
    }

    fn known_slot(&self, owner: &B256, slot: &B256) -> Option<U256> {
        self.cached.as_ref()?.peek_slot(owner, slot)
    }
}

fn state_error(error: StoreError) -> StateError {
    StateError(error.to_string())
}
