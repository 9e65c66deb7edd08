//! Blocks that a consensus client sent and that were refused: the newest few, whole, for who wants to
//! know why (`debug_getBadBlocks`).
//!
//! In: blocks as they were judged. Out: the same, newest first. Invariant: never more than
//! [`BLOCKS_MAX`] blocks, nor more than [`BYTES_MAX`] bytes of transactions unless one block alone
//! has them.

use crate::engine_api::DecodedPayload;
use alloy_consensus::Header;
use alloy_eips::eip4895::Withdrawals;
use alloy_primitives::{B256, Bytes};
use parking_lot::Mutex;
use std::{collections::VecDeque, sync::Arc};

/// Blocks that are kept.
const BLOCKS_MAX: usize = 16;
/// Bytes of transactions in them.
const BYTES_MAX: usize = 32 << 20;

/// A refused block.
#[derive(Debug)]
pub(crate) struct BadBlock {
    pub(crate) hash: B256,
    pub(crate) header: Header,
    /// As they came: some may be none.
    pub(crate) transactions: Vec<Bytes>,
    pub(crate) withdrawals: Option<Withdrawals>,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct BadBlocks(Mutex<VecDeque<Arc<BadBlock>>>);

impl BadBlock {
    pub(crate) fn new(hash: B256, payload: DecodedPayload) -> Self {
        Self {
            hash,
            header: payload.header,
            transactions: payload.transactions,
            withdrawals: payload.withdrawals,
        }
    }

    fn bytes(&self) -> usize {
        self.transactions
            .iter()
            .fold(0, |sum, tx| sum.saturating_add(tx.len()))
    }
}

impl BadBlocks {
    /// Keeps a block; the oldest ones make room. One that is kept already stays where it is.
    pub(crate) fn add(&self, block: BadBlock) {
        let mut blocks = self.0.lock();
        if blocks.iter().any(|known| known.hash == block.hash) {
            return;
        }
        blocks.push_front(Arc::new(block));
        let mut bytes = 0_usize;
        let kept = blocks.iter().take(BLOCKS_MAX).take_while(|block| {
            bytes = bytes.saturating_add(block.bytes());
            bytes <= BYTES_MAX
        });
        let kept = kept.count().max(1);
        blocks.truncate(kept);
    }

    /// All that are kept, newest first.
    pub(crate) fn all(&self) -> Vec<Arc<BadBlock>> {
        self.0.lock().iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(number: u64, bytes: usize) -> BadBlock {
        BadBlock {
            hash: B256::with_last_byte(number as u8),
            header: Header {
                number,
                ..Header::default()
            },
            transactions: vec![vec![0; bytes].into()],
            withdrawals: None,
        }
    }

    fn numbers(blocks: &BadBlocks) -> Vec<u64> {
        blocks.all().iter().map(|b| b.header.number).collect()
    }

    #[test]
    fn the_newest_bad_blocks_are_kept_within_limits() {
        let blocks = BadBlocks::default();
        for number in 0..20 {
            blocks.add(block(number, 1));
        }
        let newest: Vec<u64> = (4..20).rev().collect();
        assert_eq!(numbers(&blocks), newest);
        blocks.add(block(10, 1));
        assert_eq!(numbers(&blocks), newest, "it is known");
        blocks.add(block(30, BYTES_MAX - 2));
        assert_eq!(numbers(&blocks), [30, 19, 18], "two bytes are left");
        blocks.add(block(31, BYTES_MAX + 1));
        assert_eq!(numbers(&blocks), [31], "the newest one is always kept");
        blocks.add(block(32, 1));
        assert_eq!(numbers(&blocks), [32]);
    }
}
