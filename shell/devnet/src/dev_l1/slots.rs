//! The consensus side of the development L1: which execution block stands in which slot.
//!
//! A slot is `(timestamp - genesis_time) / seconds_per_slot`, as on a real beacon chain. Slots may
//! be empty. Beacon block roots are derived from the execution block, since there is no committee
//! whose signatures could be hashed.

use alloy_primitives::{B256, keccak256};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// One canonical block of the development L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotBlock {
    /// Hash of the execution block.
    pub(crate) hash: B256,
    /// Hash of its parent.
    pub(crate) parent: B256,
    /// Its state root, shown in beacon headers.
    pub(crate) state_root: B256,
    /// Unix time in seconds.
    pub(crate) time: u64,
}

/// The canonical chain by slot.
#[derive(Debug)]
pub(crate) struct Slots {
    /// Unix time of slot 0.
    pub(crate) genesis_time: u64,
    /// Length of a slot.
    pub(crate) seconds_per_slot: u64,
    blocks: Mutex<BTreeMap<u64, SlotBlock>>,
}

impl Slots {
    /// A chain of no blocks yet.
    pub(crate) fn new(genesis_time: u64, seconds_per_slot: u64) -> Self {
        Self {
            genesis_time,
            seconds_per_slot: seconds_per_slot.max(1),
            blocks: Mutex::default(),
        }
    }

    /// The slot that covers `time`; times before genesis fall into slot 0.
    pub(crate) const fn slot_at(&self, time: u64) -> u64 {
        time.saturating_sub(self.genesis_time) / self.seconds_per_slot
    }

    /// Unix time at which `slot` starts.
    pub(crate) const fn time_of(&self, slot: u64) -> u64 {
        self.genesis_time
            .saturating_add(slot.saturating_mul(self.seconds_per_slot))
    }

    /// Makes `block` the head: all blocks in its slot and later ones leave the chain.
    /// Returns blocks that fell out of the `keep` newest.
    pub(crate) fn set_head(&self, block: SlotBlock, keep: usize) -> Vec<SlotBlock> {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = self.slot_at(block.time);
        blocks.split_off(&slot);
        blocks.insert(slot, block);
        let mut dropped = Vec::new();
        while blocks.len() > keep {
            dropped.extend(blocks.pop_first().map(|(_, block)| block));
        }
        dropped
    }

    /// The block in `slot`, if the slot is not empty.
    pub(crate) fn block(&self, slot: u64) -> Option<(u64, SlotBlock)> {
        let blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.get(&slot).map(|block| (slot, *block))
    }

    /// The newest block.
    pub(crate) fn head(&self) -> Option<(u64, SlotBlock)> {
        let blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.last_key_value().map(|(slot, block)| (*slot, *block))
    }

    /// The block whose beacon root is `root`.
    pub(crate) fn block_by_root(&self, root: B256) -> Option<(u64, SlotBlock)> {
        let blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        let found = blocks
            .iter()
            .rev()
            .find(|(_, block)| beacon_root(block.hash) == root);
        found.map(|(slot, block)| (*slot, *block))
    }
}

/// The beacon block root that belongs to an execution block.
pub(crate) fn beacon_root(execution_block: B256) -> B256 {
    keccak256(
        [
            b"opal development beacon".as_slice(),
            execution_block.as_slice(),
        ]
        .concat(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(n: u8, time: u64) -> SlotBlock {
        SlotBlock {
            hash: B256::repeat_byte(n),
            parent: B256::ZERO,
            state_root: B256::ZERO,
            time,
        }
    }

    #[test]
    fn a_reorg_replaces_later_slots() {
        let slots = Slots::new(100, 2);
        for (n, time) in [(1, 100), (2, 102), (3, 106), (4, 108)] {
            assert!(slots.set_head(block(n, time), 10).is_empty());
        }
        assert_eq!(slots.block(2), None, "slot 2 is empty");
        slots.set_head(block(9, 106), 10);
        assert_eq!(slots.head(), Some((3, block(9, 106))));
        assert_eq!(slots.block(4), None);
        assert_eq!(
            slots
                .block_by_root(beacon_root(B256::repeat_byte(2)))
                .unwrap()
                .0,
            1
        );
    }

    #[test]
    fn old_blocks_fall_out() {
        let slots = Slots::new(0, 1);
        slots.set_head(block(1, 0), 2);
        slots.set_head(block(2, 1), 2);
        assert_eq!(slots.set_head(block(3, 2), 2), [block(1, 0)]);
    }
}
