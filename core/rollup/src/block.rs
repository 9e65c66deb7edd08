//! L2 blocks as the engine hands them out, and the heads of the chain they form.

use alloc::vec::Vec;
use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes};
use alloy_rpc_types_engine::ForkchoiceState;
use opal_protocol::{L2BlockError, L2Ref, RollupConfig, SystemConfig};

/// An L2 block: header and transactions as they lie in the block, still encoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct L2Block {
    /// Hash of `header`.
    pub hash: B256,
    /// The header.
    pub header: Header,
    /// EIP-2718 encodings in block order.
    pub transactions: Vec<Bytes>,
}

impl L2Block {
    fn first_transaction(&self) -> &[u8] {
        self.transactions.first().map_or(&[], |tx| tx.as_ref())
    }

    /// The block's place in the chain, read from its L1 attributes.
    pub fn l2_ref(&self, cfg: &RollupConfig) -> Result<L2Ref, L2BlockError> {
        L2Ref::from_block(cfg, &self.header, self.hash, self.first_transaction())
    }

    /// The system configuration the block was built with.
    pub fn system_config(&self, cfg: &RollupConfig) -> Result<SystemConfig, L2BlockError> {
        SystemConfig::from_l2_block(cfg, &self.header, self.first_transaction())
    }
}

/// The heads of the L2 chain. Each is an ancestor of, or equal to, the one before it in the order
/// unsafe, pending safe, safe, finalized.
///
/// spec: protocol/derivation.md#engine-queue
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heads {
    /// Newest block, maybe known from the sequencer alone.
    pub unsafe_head: L2Ref,
    /// Newest block derived from L1, maybe from an L1 block that has not been read to its end.
    pub pending_safe: L2Ref,
    /// Newest block derived from L1 blocks that have been read to their end.
    pub safe: L2Ref,
    /// Newest block derived from finalized L1 blocks alone.
    pub finalized: L2Ref,
}

impl Heads {
    /// All heads at one block.
    pub const fn at(block: L2Ref) -> Self {
        Self {
            unsafe_head: block,
            pending_safe: block,
            safe: block,
            finalized: block,
        }
    }

    /// What the engine is told.
    pub const fn forkchoice(&self) -> ForkchoiceState {
        ForkchoiceState {
            head_block_hash: self.unsafe_head.hash,
            safe_block_hash: self.safe.hash,
            finalized_block_hash: self.finalized.hash,
        }
    }
}
