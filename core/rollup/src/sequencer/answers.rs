//! What came of the sequencer's questions and requests.

use super::{Built, Plan, Request, Sequencer, State};
use crate::{
    answer::{Answer, Failure, Ticket},
    block::{Heads, L2Block},
    dialogue::{BuildFailure, Outcome},
    event::{Lane, Note, ResetCause},
    outbox::Outbox,
};
use alloc::{boxed::Box, string::ToString};
use alloy_rpc_types_engine::PayloadId;
use op_alloy_rpc_types_engine::OpExecutionPayloadEnvelope;
use opal_protocol::L2Ref;

impl Sequencer {
    /// Takes in the answer to one of our questions; others are ignored.
    pub(crate) fn answer(
        &mut self,
        ticket: Ticket,
        answer: Answer,
        now_ms: u64,
        out: &mut Outbox,
    ) -> Option<Request> {
        match (&self.state, answer) {
            (State::GettingParent(parent, t), Answer::L2Block(result)) if *t == ticket => {
                let parent = *parent;
                self.answer_parent(parent, result, now_ms, out)
            }
            (State::GettingCurrent(parent, t), Answer::L1Block(result)) if *t == ticket => {
                let parent = *parent;
                match result {
                    Ok(Some(block)) => {
                        self.current = Some(block);
                        self.get_parent(parent, now_ms, out)
                    }
                    Ok(None) => {
                        out.reset(ResetCause::UnsafeOrphaned(parent));
                        None
                    }
                    Err(failure) => self.trouble("getL1Block", failure, now_ms, out),
                }
            }
            (_, Answer::L1Block(result)) if self.asking.is_some_and(|(t, _)| t == ticket) => {
                self.answer_next(result, now_ms, out)
            }
            (State::Sealing(plan, id, t), Answer::Payload(result)) if *t == ticket => {
                let (plan, id) = (*plan, *id);
                self.answer_sealed(plan, id, result, now_ms, out)
            }
            _ => None,
        }
    }

    fn answer_parent(
        &mut self,
        parent: L2Ref,
        result: Result<Option<Box<L2Block>>, Failure>,
        now_ms: u64,
        out: &mut Outbox,
    ) -> Option<Request> {
        let missing = || Failure::Unavailable("engine does not have the unsafe head".to_string());
        let config = result.and_then(|block| {
            let block = block.ok_or_else(missing)?;
            block
                .system_config(&self.cfg)
                .map_err(|e| Failure::Unavailable(e.to_string()))
        });
        match config {
            Ok(config) => {
                self.parent_config = Some((parent.hash, config));
                self.get_current(parent, config, now_ms, out)
            }
            Err(failure) => self.trouble("getBlock", failure, now_ms, out),
        }
    }

    fn answer_sealed(
        &mut self,
        plan: Plan,
        id: PayloadId,
        result: Result<Box<OpExecutionPayloadEnvelope>, Failure>,
        now_ms: u64,
        out: &mut Outbox,
    ) -> Option<Request> {
        match result {
            Ok(payload) => {
                let sealed = &payload.execution_payload;
                if sealed.parent_hash() != plan.parent.hash {
                    let failure = "engine built on another parent".to_string();
                    return self.trouble("getPayload", Failure::Unavailable(failure), now_ms, out);
                }
                let block = L2Ref {
                    hash: sealed.block_hash(),
                    number: plan.parent.number.saturating_add(1),
                    parent_hash: plan.parent.hash,
                    time: plan.time,
                    l1_origin: plan.l1_origin,
                    seq_num: plan.seq_num,
                };
                self.state = State::Inserting(Built {
                    parent: plan.parent,
                    block,
                    transactions: sealed.transactions().len(),
                    gas_used: sealed.as_v1().gas_used,
                });
                Some(Request::Insert { payload, block })
            }
            // The same payload can be asked for again, unless the engine forgot it.
            Err(failure @ Failure::Unavailable(_)) => {
                self.trouble("getPayload", failure, now_ms, out);
                self.state = State::Building(plan, id);
                None
            }
            Err(failure) => self.trouble("getPayload", failure, now_ms, out),
        }
    }

    /// Takes in what the dialogue made of our request.
    pub(crate) fn outcome(
        &mut self,
        outcome: Outcome,
        heads: &Heads,
        now_ms: u64,
        out: &mut Outbox,
    ) {
        match (&self.state, outcome) {
            (State::Starting(plan), Outcome::BuildStarted(id)) => {
                self.state = State::Building(*plan, id);
                self.backoff.succeed();
            }
            (State::Starting(plan), Outcome::BuildFailed(why)) => {
                let parent = plan.parent;
                self.failed(parent, "forkchoiceUpdated", why, now_ms, out);
            }
            (State::Inserting(built), Outcome::Inserted) => {
                let Built {
                    block,
                    transactions,
                    gas_used,
                    ..
                } = *built;
                self.state = State::Idle;
                self.backoff.succeed();
                self.is_next_empty = false;
                out.note(Note::BlockBuilt {
                    block,
                    transactions,
                    gas_used,
                });
                self.finish_stopping(&heads.unsafe_head, out);
            }
            (State::Inserting(built), Outcome::InsertFailed(why)) => {
                let parent = built.parent;
                self.failed(parent, "newPayload", why, now_ms, out);
                self.finish_stopping(&heads.unsafe_head, out);
            }
            _ => {}
        }
    }

    fn failed(
        &mut self,
        parent: L2Ref,
        call: &'static str,
        why: BuildFailure,
        now_ms: u64,
        out: &mut Outbox,
    ) {
        self.state = State::Idle;
        match why {
            BuildFailure::Abandoned => out.note(Note::BuildAbandoned { parent }),
            BuildFailure::Failed(failure) => {
                self.trouble(call, failure, now_ms, out);
            }
            BuildFailure::Invalid(reason) => {
                self.is_next_empty = true;
                self.backoff.fail(now_ms);
                let number = parent.number.saturating_add(1);
                out.note(Note::SequencedInvalid { number, reason });
            }
        }
    }

    /// Begins anew after a pause.
    pub(super) fn trouble(
        &mut self,
        call: &'static str,
        failure: Failure,
        now_ms: u64,
        out: &mut Outbox,
    ) -> Option<Request> {
        self.state = State::Idle;
        let retry_in_ms = self.backoff.fail(now_ms);
        out.note(Note::Trouble {
            lane: Lane::Sequencer,
            call,
            failure,
            retry_in_ms,
        });
        None
    }
}
