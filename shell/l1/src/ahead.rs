//! What is kept of L1: blocks by hash, and the window of blocks that are being fetched ahead.
//!
//! Invariant: both are bounded, and a block fetched ahead is handed out once at most; when L1 is
//! seen to reorg, the window is dropped. (Hashes never go stale, numbers do.)

use crate::error::L1Error;
use alloy_primitives::B256;
use futures::future::{BoxFuture, Shared};
use opal_protocol::{L1Block, L1Ref};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// A block on its way.
pub(crate) type Coming = Shared<BoxFuture<'static, Result<Option<Arc<L1Block>>, L1Error>>>;

/// What the source remembers.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    blocks: BTreeMap<B256, Arc<L1Block>>,
    /// Hashes of `blocks`, oldest first.
    order: VecDeque<B256>,
    /// Hash last seen at a height; only a hint where to look in `blocks`.
    numbers: BTreeMap<u64, B256>,
    ahead: BTreeMap<u64, Coming>,
    /// The block handed out last by number.
    last: Option<(u64, B256)>,
    /// L1's head as last seen.
    head: Option<L1Ref>,
}

impl Memory {
    pub(crate) fn block(&self, hash: B256) -> Option<Arc<L1Block>> {
        self.blocks.get(&hash).cloned()
    }

    /// The block kept for a height. It was canonical once; whether it still is, must be asked.
    pub(crate) fn block_at(&self, number: u64) -> Option<Arc<L1Block>> {
        self.numbers.get(&number).and_then(|hash| self.block(*hash))
    }

    pub(crate) fn keep(&mut self, block: &Arc<L1Block>, blocks_max: usize) {
        self.numbers.insert(block.header.number, block.hash);
        if self.blocks.insert(block.hash, block.clone()).is_none() {
            self.order.push_back(block.hash);
        }
        while self.order.len() > blocks_max {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            let number = self.blocks.remove(&oldest).map(|block| block.header.number);
            if let Some(number) = number
                && self.numbers.get(&number) == Some(&oldest)
            {
                self.numbers.remove(&number);
            }
        }
    }

    /// Takes the block that was fetched ahead for this height.
    pub(crate) fn take_ahead(&mut self, number: u64) -> Option<Coming> {
        self.ahead.remove(&number)
    }

    /// Whether `block` continues the one handed out before it, as far as is known.
    pub(crate) fn continues(&self, block: &L1Block) -> bool {
        match self.last {
            Some((number, hash)) if number.checked_add(1) == Some(block.header.number) => {
                hash == block.header.parent_hash
            }
            _ => true,
        }
    }

    /// Notes that `block` is handed out by number. If it does not continue the last one, L1 has
    /// reorged and everything fetched ahead is dropped.
    pub(crate) fn handed_out(&mut self, block: &L1Block) {
        if !self.continues(block) {
            self.ahead.clear();
        }
        self.last = Some((block.header.number, block.hash));
    }

    /// Heights after `number` that should be on their way and are not. Whatever lies outside the
    /// window is dropped.
    pub(crate) fn wanted_ahead(&mut self, number: u64, window_blocks: u64) -> Vec<u64> {
        let first = number.saturating_add(1);
        let head = self.head.map_or(0, |head| head.number);
        let last = number.saturating_add(window_blocks).min(head);
        self.ahead
            .retain(|number, _| (first..=last).contains(number));
        (first..=last)
            .filter(|number| !self.ahead.contains_key(number))
            .collect()
    }

    pub(crate) fn put_ahead(&mut self, number: u64, coming: Coming) {
        self.ahead.insert(number, coming);
    }

    pub(crate) fn head(&self) -> Option<L1Ref> {
        self.head
    }

    /// Notes a head of L1 and the one before it. `canonical` says whether the former head is known
    /// to be an ancestor of the new one.
    pub(crate) fn saw_head(&mut self, head: L1Ref, canonical: bool) {
        if !canonical {
            self.ahead.clear();
        }
        self.head = Some(head);
    }
}
