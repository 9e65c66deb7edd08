//! The L1 blocks that the next L2 blocks may have as origin.
//!
//! In: every traversed L1 block from the safe head's origin on. Out: the safe head's origin, the
//! block after it, and canonical hashes. Invariant: heights are consecutive, and the first block
//! is the safe head's origin.
//!
//! Bounded by the protocol: once an epoch's sequencing window is read, a block of that epoch or
//! the next is derived before another L1 block is asked for, so the window holds at most
//! `seq_window_size + 2` blocks.

use alloc::collections::VecDeque;
use alloy_primitives::B256;
use opal_protocol::{L1Block, L1Id, L1Ref};

/// L1 blocks from the safe head's origin to the traversal's origin.
#[derive(Clone, Debug, Default)]
pub(crate) struct EpochWindow {
    blocks: VecDeque<L1Block>,
}

impl EpochWindow {
    /// Appends the next L1 block.
    pub(crate) fn push(&mut self, block: L1Block) {
        self.blocks.push_back(block);
    }

    /// The block at height `number`, if it is in the window.
    pub(crate) fn at(&self, number: u64) -> Option<&L1Block> {
        let first = self.blocks.front()?.header.number;
        let index = usize::try_from(number.checked_sub(first)?).ok()?;
        self.blocks.get(index)
    }

    /// The block at height `number` in short, if it is in the window.
    pub(crate) fn ref_at(&self, number: u64) -> Option<L1Ref> {
        self.at(number).map(L1Block::as_ref)
    }

    /// Hash of the block at height `number`, if it is in the window.
    pub(crate) fn hash_at(&self, number: u64) -> Option<B256> {
        self.at(number).map(|block| block.hash)
    }

    /// Drops the blocks before `origin`, the safe head's new origin.
    pub(crate) fn advance_to(&mut self, origin: L1Id) {
        while self
            .blocks
            .front()
            .is_some_and(|b| b.header.number < origin.number)
        {
            self.blocks.pop_front();
        }
    }
}
