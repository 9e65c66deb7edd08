//! Blocks that wait for their parent.
//!
//! In: blocks whose parent is not known. Out: the children of a block, once it is. Invariant: never
//! more than [`BLOCKS_MAX`] blocks and [`BYTES_MAX`] bytes; the oldest are forgotten first.

use crate::exec::PendingBlock;
use alloy_primitives::B256;
use std::collections::BTreeMap;

/// Blocks that wait at once.
pub(super) const BLOCKS_MAX: usize = 256;
/// Bytes of all blocks that wait.
pub(super) const BYTES_MAX: usize = 64 << 20;
/// What a block takes besides its transactions, bytes.
const BLOCK_BYTES: usize = 1 << 10;

/// Blocks that wait for their parent.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    blocks: BTreeMap<B256, Waiting>,
    /// Hashes by age, oldest first.
    order: BTreeMap<u64, B256>,
    next: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    block: PendingBlock,
    bytes: usize,
    age: u64,
}

impl Buffer {
    pub(super) fn contains(&self, hash: &B256) -> bool {
        self.blocks.contains_key(hash)
    }

    /// Keeps a block until its parent comes, or until newer ones need its place.
    pub(super) fn add(&mut self, block: PendingBlock) {
        let bytes = size(&block);
        if bytes > BYTES_MAX || self.contains(&block.hash) {
            return;
        }
        while self.blocks.len() >= BLOCKS_MAX || self.bytes.saturating_add(bytes) > BYTES_MAX {
            let Some((_, oldest)) = self.order.pop_first() else {
                break;
            };
            self.remove(&oldest);
        }
        let age = self.next;
        self.next = self.next.wrapping_add(1);
        self.order.insert(age, block.hash);
        self.bytes = self.bytes.saturating_add(bytes);
        self.blocks
            .insert(block.hash, Waiting { block, bytes, age });
    }

    /// Takes out the blocks whose parent is `parent`.
    pub(super) fn take_children(&mut self, parent: &B256) -> Vec<PendingBlock> {
        let is_child = |waiting: &&Waiting| waiting.block.header.parent_hash == *parent;
        let children: Vec<B256> = self.blocks.values().filter(is_child).map(hash_of).collect();
        children
            .iter()
            .filter_map(|hash| self.remove(hash))
            .collect()
    }

    fn remove(&mut self, hash: &B256) -> Option<PendingBlock> {
        let waiting = self.blocks.remove(hash)?;
        self.order.remove(&waiting.age);
        self.bytes = self.bytes.saturating_sub(waiting.bytes);
        Some(waiting.block)
    }
}

fn hash_of(waiting: &Waiting) -> B256 {
    waiting.block.hash
}

fn size(block: &PendingBlock) -> usize {
    let transactions = block.transactions.iter().map(|tx| tx.encoded.len());
    transactions.fold(BLOCK_BYTES, usize::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::Header;

    fn block(hash: u16, parent: u16) -> PendingBlock {
        let word = |n: u16| B256::left_padding_from(&n.to_be_bytes());
        PendingBlock {
            hash: word(hash),
            header: Header {
                parent_hash: word(parent),
                ..Header::default()
            },
            transactions: Vec::new(),
            withdrawals: None,
        }
    }

    #[test]
    fn children_come_out_once_and_the_oldest_are_forgotten() {
        let mut buffer = Buffer::default();
        buffer.add(block(1, 9));
        buffer.add(block(2, 9));
        buffer.add(block(2, 9));
        buffer.add(block(3, 2));
        assert_eq!(buffer.bytes, 3 * BLOCK_BYTES);
        assert_eq!(buffer.take_children(&block(9, 0).hash).len(), 2);
        assert!(buffer.take_children(&block(9, 0).hash).is_empty());
        for i in 100..1_000 {
            buffer.add(block(i, 50));
        }
        assert_eq!(buffer.blocks.len(), BLOCKS_MAX);
        assert_eq!(buffer.order.len(), BLOCKS_MAX);
        assert!(!buffer.contains(&block(3, 2).hash), "the oldest is gone");
        assert!(buffer.contains(&block(999, 2).hash));
        buffer.take_children(&block(50, 0).hash);
        assert_eq!((buffer.bytes, buffer.order.len()), (0, 0));
    }

    #[test]
    fn bytes_are_bounded() {
        let mut buffer = Buffer::default();
        for i in 0..10 {
            let mut large = block(i, 50);
            let encoded = alloy_primitives::Bytes::from(vec![0; BYTES_MAX / 4]);
            let tx = op_alloy_consensus::TxDeposit::default();
            let tx = opal_execution::Transaction::Deposit(alloy_consensus::Sealable::seal_slow(tx));
            large.transactions.push(opal_execution::VerifiedTx {
                tx,
                sender: Default::default(),
                encoded,
            });
            buffer.add(large);
            assert!(buffer.bytes <= BYTES_MAX);
        }
        assert_eq!(buffer.blocks.len(), 3);
    }
}
