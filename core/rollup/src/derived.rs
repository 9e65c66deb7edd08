//! Following L1: turn derived attributes into the next safe block.
//!
//! In: derived attributes and the engine's answers. Out: engine calls; the news for derivation
//! whether its attributes became a block ([`Command::Confirm`]) or cannot ([`Command::Reject`]).
//!
//! If there is an unsafe block on the pending safe head, it is compared with the attributes: equal
//! means it is safe now. Otherwise, or if there is none, the block is built: forkchoice update with
//! attributes, get payload, new payload; the following forkchoice update is left to the dialogue.
//!
//! spec: protocol/derivation.md#l1-consolidation-payload-attributes-matching and
//! protocol/derivation.md#l1-sync-payload-attributes-processing

use crate::{
    answer::{Answer, Failure, Ticket},
    backoff::Backoff,
    block::{Heads, L2Block},
    consolidation,
    dialogue::{Dialogue, Outcome, Verdict, verdict},
    event::{Command, L2Query, Lane, Note, ResetCause},
    outbox::Outbox,
};
use alloc::{
    boxed::Box,
    string::{String, ToString},
};
use alloy_rpc_types_engine::{PayloadId, PayloadStatus};
use op_alloy_rpc_types_engine::{OpExecutionPayloadEnvelope, OpPayloadAttributes};
use opal_derivation::DerivedAttributes;
use opal_protocol::{L1Ref, L2Ref};

/// Attributes on their way to become a block.
#[derive(Debug)]
pub(crate) struct DerivedJob {
    derived: Box<DerivedAttributes>,
    step: Step,
    backoff: Backoff,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// To be compared or built, whichever applies.
    Ready,
    /// The unsafe block on the pending safe head is being fetched.
    Fetching(Ticket),
    /// To be built as soon as the line to the engine is free.
    Build,
    /// The engine was told to build.
    Starting,
    /// The built block is being fetched.
    Getting(Ticket),
    /// The built block is being executed.
    Inserting(Ticket, L2Ref),
}

impl DerivedJob {
    pub(crate) fn new(derived: Box<DerivedAttributes>) -> Self {
        Self {
            derived,
            step: Step::Ready,
            backoff: Backoff::default(),
        }
    }

    #[cfg(test)]
    pub(crate) const fn builds_on(&self) -> alloy_primitives::B256 {
        self.derived.parent.hash
    }

    /// Whether the block is being built rather than compared.
    pub(crate) const fn is_building(&self) -> bool {
        !matches!(self.step, Step::Ready | Step::Fetching(_))
    }

    pub(crate) const fn wake_at_ms(&self) -> Option<u64> {
        match self.step {
            Step::Ready | Step::Build => self.backoff.wake_at_ms(),
            _ => None,
        }
    }

    /// The attributes, if it is time to send them.
    pub(crate) fn begin_build(&mut self, now_ms: u64) -> Option<Box<OpPayloadAttributes>> {
        if self.step != Step::Build || !self.backoff.is_open(now_ms) {
            return None;
        }
        self.step = Step::Starting;
        Some(Box::new(self.derived.attributes.clone()))
    }

    /// The new block's place in the chain.
    fn block_ref(&self, hash: alloy_primitives::B256) -> L2Ref {
        L2Ref {
            hash,
            number: self.derived.parent.number.saturating_add(1),
            parent_hash: self.derived.parent.hash,
            time: self.derived.attributes.payload_attributes.timestamp,
            l1_origin: self.derived.l1_origin,
            seq_num: self.derived.seq_num,
        }
    }
}

impl Dialogue {
    /// Takes in what derivation found next.
    pub(crate) fn take_derived(&mut self, derived: Box<DerivedAttributes>, out: &mut Outbox) {
        if derived.parent.hash != self.heads.pending_safe.hash {
            let (derived, safe) = (derived.parent.id(), self.heads.pending_safe.id());
            return out.reset(ResetCause::StaleAttributes { derived, safe });
        }
        self.derived = Some(DerivedJob::new(derived));
    }

    /// Derivation goes on from `to`: blocks of a span batch that turned out invalid are not derived
    /// from L1 any more. They stay in the unsafe chain until derived blocks contradict them.
    pub(crate) fn rewind(&mut self, to: L2Ref) {
        let Heads {
            pending_safe, safe, ..
        } = self.heads;
        if to.number >= safe.number && to.number <= pending_safe.number {
            self.derived = None;
            self.heads.pending_safe = to;
        }
    }

    pub(crate) fn poll_derived(&mut self, now_ms: u64, out: &mut Outbox) {
        let acknowledged = self.acknowledged_number();
        let Some(job) = &mut self.derived else { return };
        if job.step != Step::Ready || !job.backoff.is_open(now_ms) {
            return;
        }
        let safe = self.heads.pending_safe.number;
        if self.heads.unsafe_head.number <= safe {
            job.step = Step::Build;
        } else if acknowledged.is_some_and(|number| number > safe) {
            // Only what the engine has adopted can be asked for by height.
            let ticket = out.ticket();
            job.step = Step::Fetching(ticket);
            let (lane, query) = (Lane::Derivation, L2Query::Number(safe.saturating_add(1)));
            out.push(Command::GetL2Block {
                ticket,
                lane,
                query,
            });
        }
    }

    pub(crate) fn answer_derived(
        &mut self,
        ticket: Ticket,
        answer: Answer,
        now_ms: u64,
        out: &mut Outbox,
    ) {
        let Some(job) = &self.derived else { return };
        match (job.step, answer) {
            (Step::Fetching(t), Answer::L2Block(result)) if t == ticket => match result {
                Ok(Some(block)) => self.consolidate(&block, out),
                Ok(None) => {
                    let number = self.heads.pending_safe.number.saturating_add(1);
                    out.reset(ResetCause::EngineLostBlock(number));
                }
                Err(failure) => self.derived_retry("getBlock", failure, now_ms, out),
            },
            (Step::Getting(t), Answer::Payload(result)) if t == ticket => match result {
                Ok(payload) => self.derived_insert(payload, now_ms, out),
                Err(failure) => self.derived_retry("getPayload", failure, now_ms, out),
            },
            (Step::Inserting(t, block), Answer::NewPayload(result)) if t == ticket => {
                self.derived_inserted(block, result, now_ms, out);
            }
            _ => {}
        }
    }

    fn consolidate(&mut self, block: &L2Block, out: &mut Outbox) {
        let Some(job) = &mut self.derived else { return };
        let parent = job.derived.parent.hash;
        match consolidation::compare(&self.cfg, parent, &job.derived.attributes, block) {
            Ok(()) => {
                let block = job.block_ref(block.hash);
                self.adopt(block, false, out);
            }
            Err(mismatch) => {
                job.step = Step::Build;
                let (from, to) = (self.heads.unsafe_head, self.heads.pending_safe);
                self.heads.unsafe_head = to;
                out.note(Note::UnsafeReorg { from, to, mismatch });
            }
        }
    }

    /// The engine builds the block.
    pub(crate) fn derived_started(&mut self, id: PayloadId, out: &mut Outbox) {
        let Some(job) = &mut self.derived else { return };
        let ticket = out.ticket();
        job.step = Step::Getting(ticket);
        let timestamp = job.derived.attributes.payload_attributes.timestamp;
        out.push(Command::GetPayload {
            ticket,
            lane: Lane::Derivation,
            id,
            timestamp,
        });
    }

    fn derived_insert(
        &mut self,
        payload: Box<OpExecutionPayloadEnvelope>,
        now_ms: u64,
        out: &mut Outbox,
    ) {
        let Some(job) = &mut self.derived else { return };
        let built = &payload.execution_payload;
        if built.parent_hash() != job.derived.parent.hash {
            let failure = Failure::Unavailable("engine built on another parent".to_string());
            return self.derived_retry("getPayload", failure, now_ms, out);
        }
        let ticket = out.ticket();
        job.step = Step::Inserting(ticket, job.block_ref(built.block_hash()));
        out.push(Command::NewPayload {
            ticket,
            lane: Lane::Derivation,
            payload,
        });
    }

    fn derived_inserted(
        &mut self,
        block: L2Ref,
        result: Result<PayloadStatus, Failure>,
        now_ms: u64,
        out: &mut Outbox,
    ) {
        match verdict(result) {
            Verdict::Valid => {
                let head = self.heads.unsafe_head;
                if head.hash != block.parent_hash {
                    out.note(Note::UnsafeReplaced {
                        from: head,
                        to: block,
                    });
                }
                self.heads.unsafe_head = block;
                self.adopt(block, true, out);
            }
            Verdict::Invalid(why) => self.derived_invalid(why, out),
            Verdict::Retry(failure) => self.derived_retry("newPayload", failure, now_ms, out),
        }
    }

    /// `block` is what L1 says.
    fn adopt(&mut self, block: L2Ref, built: bool, out: &mut Outbox) {
        self.derived = None;
        self.heads.pending_safe = block;
        self.built_since += u64::from(built);
        out.push(Command::Confirm(block));
    }

    /// L1 block `derived_from` has been read to its end, and with it every batch that it completed:
    /// only now are their blocks safe. A node that has to begin anew so always begins at the end of
    /// an L1 block, and derives the same chain as a node that never had to.
    pub(crate) fn l1_read(&mut self, derived_from: L1Ref) {
        let Heads {
            pending_safe, safe, ..
        } = self.heads;
        if pending_safe == safe || self.derived.is_some() {
            return;
        }
        let blocks = pending_safe.number.saturating_sub(safe.number);
        let built = core::mem::take(&mut self.built_since);
        self.heads.safe = pending_safe;
        let safe = pending_safe;
        self.outcomes.push(Outcome::SafeAdvanced {
            safe,
            derived_from,
            blocks,
            built,
        });
    }

    /// The engine found the attributes invalid. What takes their place is derivation's decision.
    /// spec: holocene/derivation.md#engine-queue
    pub(crate) fn derived_invalid(&mut self, reason: String, out: &mut Outbox) {
        let Some(job) = self.derived.take() else {
            return;
        };
        let number = job.derived.parent.number.saturating_add(1);
        out.note(Note::DerivedInvalid { number, reason });
        out.push(Command::Reject);
    }

    pub(crate) fn derived_retry(
        &mut self,
        call: &'static str,
        failure: Failure,
        now_ms: u64,
        out: &mut Outbox,
    ) {
        let Some(job) = &mut self.derived else { return };
        let retry_in_ms = job.backoff.fail(now_ms);
        job.step = Step::Ready;
        out.note(Note::Trouble {
            lane: Lane::Derivation,
            call,
            failure,
            retry_in_ms,
        });
    }
}
