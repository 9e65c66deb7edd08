//! The far end of the pipeline: attributes go out, and the engine's verdict comes back.
//!
//! Invariant: one set of attributes is out at a time, and the heads move only to the block that
//! those attributes became, or back to the safe head.

use super::{Derivation, Halt, Head};
use crate::{
    attributes::{self, AttributesError, Origin},
    step::{CriticalReason, DerivedAttributes, Rejection, ResetReason, Step},
    trace::Trace,
};
use alloc::boxed::Box;
use alloy_primitives::B256;
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use opal_protocol::{Fork, L1Id, L1Ref, L2Ref, SingularBatch, SystemConfig, l1_info};

/// Attributes that were handed out and neither confirmed nor rejected yet.
#[derive(Clone, Debug)]
pub(super) struct Outstanding {
    /// Whether there are transactions of the batch in them, which may be what is wrong.
    has_batch_transactions: bool,
    /// The L1 block with which the batch was complete.
    derived_from: L1Ref,
    /// Identity of the expected block, its hash excepted.
    expected: L2Ref,
    /// The configuration that will read back from it.
    config: SystemConfig,
    /// Whether the block makes everything up to it safe.
    concludes: bool,
}

impl Derivation {
    /// Turns an accepted batch into attributes.
    pub(super) fn hand_out(&mut self, batch: SingularBatch, is_last_in_span: bool) -> Option<Step> {
        let parent = self.pending.block;
        let l1_origin = L1Id {
            hash: batch.epoch_hash,
            number: batch.epoch_num,
        };
        let built = self.build_on_pending(l1_origin, batch.timestamp);
        let (mut attributes, config) = match built {
            Ok(built) => built,
            Err(error) => {
                let reason = CriticalReason::Attributes(parent.id(), error);
                self.halted = Some(Halt::Critical(reason));
                return None;
            }
        };
        let same_epoch = l1_origin.number == parent.l1_origin.number;
        let seq_num = if same_epoch {
            parent.seq_num.saturating_add(1)
        } else {
            0
        };
        let has_batch_transactions = !batch.transactions.is_empty();
        if let Some(transactions) = &mut attributes.transactions {
            transactions.extend(batch.transactions);
        }
        let derived = Box::new(DerivedAttributes {
            attributes,
            parent,
            l1_origin,
            seq_num,
            derived_from: self.origin,
            is_last_in_span,
        });
        let expected = L2Ref {
            hash: B256::ZERO,
            number: parent.number.saturating_add(1),
            parent_hash: parent.hash,
            time: batch.timestamp,
            l1_origin,
            seq_num,
        };
        self.outstanding = Some(Outstanding {
            has_batch_transactions,
            derived_from: self.origin,
            expected,
            config,
            concludes: is_last_in_span || self.is_holocene(),
        });
        Some(Step::Attributes(derived))
    }

    /// Attributes without batch transactions for the block at `time` behind the pending safe head.
    fn build_on_pending(
        &mut self,
        l1_origin: L1Id,
        time: u64,
    ) -> Result<(OpPayloadAttributes, SystemConfig), AttributesError> {
        let parent = self.pending.block;
        let Some(block) = self.window.at(l1_origin.number) else {
            return Err(AttributesError::Origin {
                epoch: l1_origin,
                parent_origin: parent.l1_origin,
            });
        };
        let blob_base_fee = match self.blob_base_fee {
            Some((hash, fee)) if hash == block.hash => fee,
            _ => l1_info::blob_base_fee(&self.cfg, &self.l1_chain, &block.header),
        };
        self.blob_base_fee = Some((block.hash, blob_base_fee));
        let origin = Origin {
            block,
            blob_base_fee,
        };
        let (cfg, config) = (&self.cfg, &self.pending.config);
        attributes::build_at(cfg, &self.upgrades, &parent, config, origin, time)
    }

    /// The attributes became `block`: it is the new pending safe head and, at the end of a batch
    /// (from Holocene on: always), the new safe head.
    ///
    /// A block that does not fit the attributes makes the next step a reset.
    pub fn confirm(&mut self, block: L2Ref) {
        let fits = |o: &Outstanding| {
            block
                == L2Ref {
                    hash: block.hash,
                    ..o.expected
                }
        };
        match self.outstanding.take() {
            Some(outstanding) if fits(&outstanding) => {
                let config = outstanding.config;
                self.pending = Head { block, config };
                if outstanding.concludes {
                    self.safe = self.pending;
                    self.window.advance_to(block.l1_origin);
                }
            }
            None if block == self.pending.block => {}
            _ => self.halted = Some(Halt::Reset(ResetReason::ForeignSafeHead(block.id()))),
        }
    }

    /// The engine found the attributes invalid: says what takes their place.
    ///
    /// spec: protocol/derivation.md#l1-sync-payload-attributes-processing,
    /// holocene/derivation.md#engine-queue
    pub fn reject(&mut self) -> Rejection {
        let Some(mut outstanding) = self.outstanding.take() else {
            return Rejection::NothingOut;
        };
        if !core::mem::take(&mut outstanding.has_batch_transactions) {
            let reason = CriticalReason::DepositsRejected(self.pending.block.id());
            self.halted = Some(Halt::Critical(reason));
            return Rejection::Critical(reason);
        }
        let (number, parent) = (outstanding.expected.number, self.pending.block.hash);
        self.batches.reject(&mut self.trace);
        if self.is_holocene() {
            return self.replace(outstanding);
        }
        let to = self.safe.block;
        let taken_back = self.pending.block.number.saturating_sub(to.number);
        self.trace.push(Trace::BatchRejected {
            number,
            parent,
            taken_back,
        });
        self.pending = self.safe;
        Rejection::Rewind { to }
    }

    /// Hands out attributes again, without batch transactions.
    fn replace(&mut self, outstanding: Outstanding) -> Rejection {
        let (expected, parent) = (outstanding.expected, self.pending.block);
        match self.build_on_pending(expected.l1_origin, expected.time) {
            Ok((attributes, _)) => {
                let (number, parent_hash) = (expected.number, parent.hash);
                self.trace.push(Trace::PayloadReplaced {
                    number,
                    parent: parent_hash,
                });
                let derived_from = outstanding.derived_from;
                self.outstanding = Some(outstanding);
                Rejection::Replace(Box::new(DerivedAttributes {
                    attributes,
                    parent,
                    l1_origin: expected.l1_origin,
                    seq_num: expected.seq_num,
                    derived_from,
                    is_last_in_span: true,
                }))
            }
            Err(error) => {
                let reason = CriticalReason::Attributes(parent.id(), error);
                self.halted = Some(Halt::Critical(reason));
                Rejection::Critical(reason)
            }
        }
    }

    /// Whether the L1 block being read belongs to Holocene.
    pub(super) fn is_holocene(&self) -> bool {
        self.cfg.is_active(Fork::Holocene, self.origin.time)
    }
}
