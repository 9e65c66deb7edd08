//! What many readers ask for again and again: which blocks may hold a log, and recent blocks as
//! they come off the disk.
//!
//! Both are named by block hash and never change, so a reorg needs no notice: it leads to other
//! hashes.

use crate::{block::ChainBlock, store::StoreError, view::ChainView};
use alloy_primitives::{B256, Bloom};
use parking_lot::{Mutex, RwLock};
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

/// Blocks whose bloom is kept: some 20 MB.
const LINKS_MAX: usize = 65_536;
/// Blocks that are kept whole.
const BLOCKS_MAX: usize = 1_024;
/// Bytes of the transactions and logs in them, roughly.
const BLOCK_BYTES_MAX: usize = 64 << 20;
/// What a transaction and a log take beside their data, bytes.
const ITEM_BYTES: usize = 200;

/// A block as a search for logs sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) parent: B256,
    pub(crate) bloom: Bloom,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    links: RwLock<HashMap<B256, Link>>,
    blocks: Mutex<Blocks>,
}

#[derive(Debug, Default)]
struct Blocks {
    by_hash: HashMap<B256, Arc<ChainBlock>>,
    order: VecDeque<(B256, usize)>,
    bytes: usize,
}

impl Cache {
    /// Walks from `newest` to its ancestors and answers, newest first, which of the first `count`
    /// blocks may hold what `wanted` says of their bloom.
    pub(crate) fn search(
        &self,
        view: &ChainView,
        newest: B256,
        count: u64,
        wanted: impl Fn(Bloom) -> bool,
    ) -> Result<Vec<B256>, StoreError> {
        let mut found = Vec::new();
        let mut missing = Vec::new();
        let mut hash = newest;
        let links = self.links.read();
        for _ in 0..count {
            let link = match links.get(&hash) {
                Some(link) => *link,
                None => {
                    let Some(header) = view.header(&hash)? else {
                        break;
                    };
                    let link = Link {
                        parent: header.parent_hash,
                        bloom: header.logs_bloom,
                    };
                    missing.push((hash, link));
                    link
                }
            };
            if wanted(link.bloom) {
                found.push(hash);
            }
            hash = link.parent;
        }
        drop(links);
        if !missing.is_empty() {
            let mut links = self.links.write();
            if links.len().saturating_add(missing.len()) > LINKS_MAX {
                links.clear();
            }
            links.extend(missing.into_iter().take(LINKS_MAX));
        }
        Ok(found)
    }

    /// A block that is in memory.
    pub(crate) fn peek(&self, view: &ChainView, hash: &B256) -> Option<Arc<ChainBlock>> {
        if let Some(block) = view.blocks.get(hash) {
            return Some(block.block.clone());
        }
        self.blocks.lock().by_hash.get(hash).cloned()
    }

    /// A block by hash, canonical or not.
    pub(crate) fn block(
        &self,
        view: &ChainView,
        hash: &B256,
    ) -> Result<Option<Arc<ChainBlock>>, StoreError> {
        if let Some(block) = self.peek(view, hash) {
            return Ok(Some(block));
        }
        let block = view.block(hash)?;
        if let Some(block) = &block {
            self.blocks.lock().add(block.clone());
        }
        Ok(block)
    }
}

impl Blocks {
    fn add(&mut self, block: Arc<ChainBlock>) {
        let data = block.body.transactions.iter().map(|tx| tx.len());
        let logs = block.receipts.iter().flat_map(|r| &r.logs);
        let bytes = data
            .chain(logs.map(|log| log.data.data.len()))
            .fold(ITEM_BYTES, |sum, n| {
                sum.saturating_add(n).saturating_add(ITEM_BYTES)
            });
        let hash = block.hash;
        if self.by_hash.insert(hash, block).is_some() {
            return;
        }
        self.order.push_back((hash, bytes));
        self.bytes = self.bytes.saturating_add(bytes);
        while self.order.len() > BLOCKS_MAX || self.bytes > BLOCK_BYTES_MAX {
            let Some((oldest, bytes)) = self.order.pop_front() else {
                return;
            };
            self.by_hash.remove(&oldest);
            self.bytes = self.bytes.saturating_sub(bytes);
        }
    }
}
