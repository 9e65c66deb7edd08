//! The near end of the pipeline: what was asked for comes in.
//!
//! Invariant: nothing is taken that was not asked for, and L1 blocks form an unbroken chain.

use super::{Derivation, Halt, surroundings};
use crate::{
    batch_stage::BatchStage,
    channel_stage::ChannelStage,
    frame_stage::FrameStage,
    step::{L1Request, L2BlockInput, PushError, ResetReason},
    trace::{ChannelDropped, Trace},
};
use alloc::{boxed::Box, vec::Vec};
use alloy_eips::eip4844::Blob;
use alloy_primitives::B256;
use opal_protocol::{Fork, L1Block};

impl Derivation {
    /// Hands in the L1 block that was asked for. A block that does not continue L1 as read so far
    /// is taken note of, and the next step is a reset.
    pub fn push_l1(&mut self, block: L1Block) -> Result<(), PushError> {
        if self.wanted
            != Some(L1Request::Block {
                number: block.header.number,
            })
        {
            return Err(PushError::NotRequested);
        }
        self.wanted = None;
        if let Err(reason) = self.check_continuity(&block) {
            self.halted = Some(Halt::Reset(reason));
            return Ok(());
        }
        self.enter(block);
        Ok(())
    }

    fn check_continuity(&self, block: &L1Block) -> Result<(), ResetReason> {
        let found = block.id();
        if !self.origin_is_read {
            let expected = self.origin.id();
            if found != expected {
                return Err(ResetReason::WrongBase { expected, found });
            }
        } else if block.header.parent_hash != self.origin.hash {
            let (current, next) = (self.origin.id(), found);
            return Err(ResetReason::L1Reorg { current, next });
        }
        let expected = self.pending.block.l1_origin;
        if found.number == expected.number && found != expected {
            return Err(ResetReason::OriginMismatch { expected, found });
        }
        match self.derived_from {
            Some(expected) if found.number == expected.number && found != expected => {
                Err(ResetReason::SafeHeadOrphaned { expected, found })
            }
            _ => Ok(()),
        }
    }

    /// Makes `block` the one being read.
    fn enter(&mut self, mut block: L1Block) {
        let previous_time = self.origin_is_read.then_some(self.origin.time);
        self.origin = block.as_ref();
        if self.origin_is_read {
            for update in &block.config_updates {
                self.origin_config
                    .apply(&self.cfg, update, block.header.timestamp);
            }
        }
        self.origin_is_read = true;
        self.trace.push(Trace::OriginAdvanced(self.origin));
        self.enter_era(previous_time);
        let inbox = core::mem::take(&mut block.inbox);
        let reads_blobs = self.cfg.is_active(Fork::Ecotone, self.origin.time);
        self.retrieval
            .open(inbox, self.origin_config.batcher_address, reads_blobs);
        if block.header.number >= self.safe.block.l1_origin.number {
            self.window.push(block);
        }
    }

    /// Switches the stages to the rules of the block being read. Holocene counts by the including
    /// L1 block, and discards whatever older stages hold (trap 27).
    ///
    /// spec: holocene/derivation.md#activation
    fn enter_era(&mut self, previous_time: Option<u64>) {
        let holocene = |time| self.cfg.is_active(Fork::Holocene, time);
        if holocene(self.origin.time) && previous_time.is_none_or(|time| !holocene(time)) {
            self.channels
                .clear(ChannelDropped::ForkActivated, &mut self.trace);
            self.frames = FrameStage::holocene();
            self.channels = ChannelStage::holocene();
            self.batches = BatchStage::holocene();
            // Nothing can take back what was confirmed before.
            self.safe = self.pending;
        }
    }

    /// Hands in the blobs that were asked for, in that order. `block` is the hash of the L1 block
    /// they belong to. Whoever fetched them has verified them against their hashes.
    pub fn push_blobs(&mut self, block: B256, blobs: Vec<Box<Blob>>) -> Result<(), PushError> {
        match &self.wanted {
            Some(L1Request::Blobs {
                block: wanted,
                hashes,
            }) if wanted.hash == block => {
                let (wanted, given) = (hashes.len() as u64, blobs.len() as u64);
                if wanted != given {
                    return Err(PushError::WrongCount { wanted, given });
                }
            }
            _ => return Err(PushError::NotRequested),
        }
        self.wanted = None;
        self.retrieval.fill(blobs, &self.origin, &mut self.trace);
        Ok(())
    }

    /// Hands in the safe blocks that were asked for, all of them, in ascending order.
    pub fn push_l2(&mut self, blocks: Vec<L2BlockInput>) -> Result<(), PushError> {
        let Some(around) = surroundings(&self.cfg, &self.pending.block, &self.window, &self.origin)
        else {
            return Err(PushError::NotRequested);
        };
        let trace = &mut self.trace;
        if let Some(reason) = self
            .batches
            .push_l2(&blocks, &around, &self.window, trace)?
        {
            self.halted = Some(Halt::Reset(reason));
        }
        Ok(())
    }
}
