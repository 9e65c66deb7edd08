//! The far end of the pipeline: attributes go out, and the engine's verdict comes back.
//!
//! Invariant: one set of attributes is out at a time, and the safe head moves only to the block
//! that those attributes became.

use super::{Derivation, Halt};
use crate::{
    attributes::{self, AttributesError},
    step::{CriticalReason, DerivedAttributes, ResetReason, Step},
    trace::Trace,
};
use alloc::boxed::Box;
use alloy_primitives::B256;
use opal_protocol::{L1Id, L2Ref, SingularBatch, SystemConfig};

/// Attributes that were handed out and neither confirmed nor rejected yet.
#[derive(Clone, Debug)]
pub(super) struct Outstanding {
    /// The attributes without batch transactions, unless that is what was handed out.
    deposits_only: Option<Box<DerivedAttributes>>,
    /// Identity of the expected block, its hash excepted.
    expected: L2Ref,
    /// The configuration that will read back from it.
    config: SystemConfig,
}

impl Derivation {
    /// Turns an accepted batch into attributes.
    pub(super) fn hand_out(&mut self, batch: SingularBatch, is_last_in_span: bool) -> Option<Step> {
        let parent = self.safe_head;
        let l1_origin = L1Id {
            hash: batch.epoch_hash,
            number: batch.epoch_num,
        };
        let built = match self.window.at(l1_origin.number) {
            Some(epoch) => attributes::build(
                &self.cfg,
                &self.l1_chain,
                &self.upgrades,
                &parent,
                &self.safe_config,
                epoch,
                batch.timestamp,
            ),
            None => {
                let parent_origin = parent.l1_origin;
                Err(AttributesError::Origin {
                    epoch: l1_origin,
                    parent_origin,
                })
            }
        };
        let (attributes, config) = match built {
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
        let mut derived = Box::new(DerivedAttributes {
            attributes,
            parent,
            l1_origin,
            seq_num,
            derived_from: self.origin,
            is_last_in_span,
        });
        let deposits_only = (!batch.transactions.is_empty()).then(|| {
            Box::new(DerivedAttributes {
                is_last_in_span: true,
                ..(*derived).clone()
            })
        });
        if let Some(transactions) = &mut derived.attributes.transactions {
            transactions.extend(batch.transactions);
        }
        let expected = L2Ref {
            hash: B256::ZERO,
            number: parent.number.saturating_add(1),
            parent_hash: parent.hash,
            time: batch.timestamp,
            l1_origin,
            seq_num,
        };
        self.outstanding = Some(Outstanding {
            deposits_only,
            expected,
            config,
        });
        Some(Step::Attributes(derived))
    }

    /// The attributes became `block`: it is the new safe head.
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
                self.safe_head = block;
                self.safe_config = outstanding.config;
                self.window.advance_to(block.l1_origin);
            }
            None if block == self.safe_head => {}
            _ => self.halted = Some(Halt::Reset(ResetReason::ForeignSafeHead(block.id()))),
        }
    }

    /// The engine found the attributes invalid. Gives the attributes of the block that takes their
    /// place: the same without batch transactions; the rest of the channel is dropped. `None` if
    /// there were none to leave out (or nothing is out): then derivation is stuck.
    ///
    /// spec: holocene/derivation.md#engine-queue
    pub fn reject(&mut self) -> Option<DerivedAttributes> {
        let outstanding = self.outstanding.as_mut()?;
        let Some(deposits_only) = outstanding.deposits_only.take() else {
            let reason = CriticalReason::DepositsRejected(self.safe_head.id());
            self.halted = Some(Halt::Critical(reason));
            return None;
        };
        let (number, parent) = (outstanding.expected.number, self.safe_head.hash);
        self.trace.push(Trace::PayloadReplaced { number, parent });
        self.batches.flush(&mut self.trace);
        Some(*deposits_only)
    }
}
