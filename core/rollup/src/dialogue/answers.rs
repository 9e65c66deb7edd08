//! What the engine's answers mean.

use super::{Acknowledged, BuildFailure, Dialogue, Flight, Outcome, Purpose};
use crate::{
    answer::{Answer, Failure, Ticket},
    event::{Lane, Note, ResetCause},
    outbox::Outbox,
};
use alloc::string::{String, ToString};
use alloy_rpc_types_engine::{ForkchoiceUpdated, PayloadId, PayloadStatus, PayloadStatusEnum};

impl Dialogue {
    /// Takes in the answer to one of our calls; others are ignored.
    pub(crate) fn answer(&mut self, ticket: Ticket, answer: Answer, now_ms: u64, out: &mut Outbox) {
        match answer {
            Answer::Forkchoice(result) => {
                if let Some(flight) = self.flight.take_if(|f| f.ticket == ticket) {
                    self.answer_forkchoice(flight, result, now_ms, out);
                }
            }
            Answer::NewPayload(result)
                if self
                    .insert
                    .as_ref()
                    .is_some_and(|i| i.ticket == Some(ticket)) =>
            {
                self.answer_insert(result, now_ms, out);
            }
            Answer::NewPayload(result) if self.queue.is_inserting(ticket) => {
                self.answer_unsafe(result, now_ms, out);
            }
            other => self.answer_derived(ticket, other, now_ms, out),
        }
    }

    fn answer_forkchoice(
        &mut self,
        flight: Flight,
        result: Result<ForkchoiceUpdated, Failure>,
        now_ms: u64,
        out: &mut Outbox,
    ) {
        if flight.purpose == Purpose::Stale {
            return;
        }
        match result {
            Ok(updated) => match updated.payload_status.status {
                PayloadStatusEnum::Valid => {
                    let Flight {
                        state, head_number, ..
                    } = flight;
                    self.acknowledged = Some(Acknowledged { state, head_number });
                    self.sync_backoff.succeed();
                    self.built(flight.purpose, updated.payload_id, now_ms, out);
                }
                PayloadStatusEnum::Invalid { validation_error } => {
                    self.refused(flight.purpose, validation_error, out);
                }
                status @ (PayloadStatusEnum::Syncing | PayloadStatusEnum::Accepted) => {
                    let failure = Failure::Unavailable(alloc::format!("engine answers {status}"));
                    self.retry_forkchoice(flight.purpose, failure, now_ms, out);
                }
            },
            Err(Failure::InconsistentForkchoice(why)) => {
                out.reset(ResetCause::EngineForkchoice(why));
            }
            Err(Failure::InvalidAttributes(why)) => self.refused(flight.purpose, why, out),
            Err(failure) => self.retry_forkchoice(flight.purpose, failure, now_ms, out),
        }
    }

    /// The engine adopted the heads; with attributes, it also started to build.
    fn built(&mut self, purpose: Purpose, id: Option<PayloadId>, now_ms: u64, out: &mut Outbox) {
        let missing = || Failure::Unavailable("engine did not start to build".to_string());
        match (purpose, id) {
            (Purpose::Sync | Purpose::Stale, _) => {}
            (Purpose::SequencerBuild, Some(id)) => self.outcomes.push(Outcome::BuildStarted(id)),
            (Purpose::DerivedBuild, Some(id)) => self.derived_started(id, out),
            (_, None) => self.retry_forkchoice(purpose, missing(), now_ms, out),
        }
    }

    /// The engine calls the attributes invalid or, where there were none, the heads.
    fn refused(&mut self, purpose: Purpose, why: String, out: &mut Outbox) {
        match purpose {
            Purpose::Stale => {}
            Purpose::Sync => out.reset(ResetCause::EngineForkchoice(why)),
            Purpose::SequencerBuild => {
                self.outcomes
                    .push(Outcome::BuildFailed(BuildFailure::Invalid(why)));
            }
            Purpose::DerivedBuild => self.derived_invalid(why, out),
        }
    }

    fn retry_forkchoice(
        &mut self,
        purpose: Purpose,
        failure: Failure,
        now_ms: u64,
        out: &mut Outbox,
    ) {
        match purpose {
            Purpose::Stale => {}
            Purpose::Sync => {
                let retry_in_ms = self.sync_backoff.fail(now_ms);
                let (lane, call) = (Lane::Derivation, "forkchoiceUpdated");
                out.note(Note::Trouble {
                    lane,
                    call,
                    failure,
                    retry_in_ms,
                });
            }
            Purpose::SequencerBuild => {
                self.outcomes
                    .push(Outcome::BuildFailed(BuildFailure::Failed(failure)));
            }
            Purpose::DerivedBuild => self.derived_retry("forkchoiceUpdated", failure, now_ms, out),
        }
    }

    fn answer_insert(
        &mut self,
        result: Result<PayloadStatus, Failure>,
        now_ms: u64,
        out: &mut Outbox,
    ) {
        let Some(mut job) = self.insert.take() else {
            return;
        };
        match verdict(result) {
            Verdict::Valid if job.block.parent_hash == self.heads.unsafe_head.hash => {
                self.heads.unsafe_head = job.block;
                self.outcomes.push(Outcome::Inserted);
            }
            Verdict::Valid => self
                .outcomes
                .push(Outcome::InsertFailed(BuildFailure::Abandoned)),
            Verdict::Invalid(why) => {
                self.outcomes
                    .push(Outcome::InsertFailed(BuildFailure::Invalid(why)));
            }
            Verdict::Retry(failure) => {
                let retry_in_ms = job.backoff.fail(now_ms);
                job.ticket = None;
                self.insert = Some(job);
                let (lane, call) = (Lane::Sequencer, "newPayload");
                out.note(Note::Trouble {
                    lane,
                    call,
                    failure,
                    retry_in_ms,
                });
            }
        }
    }
}

/// What the answer to a new payload means.
pub(crate) enum Verdict {
    Valid,
    Invalid(String),
    Retry(Failure),
}

/// Reads the answer to a new payload.
pub(crate) fn verdict(result: Result<PayloadStatus, Failure>) -> Verdict {
    match result {
        Ok(PayloadStatus {
            status: PayloadStatusEnum::Valid,
            ..
        }) => Verdict::Valid,
        Ok(PayloadStatus {
            status: PayloadStatusEnum::Invalid { validation_error },
            ..
        }) => Verdict::Invalid(validation_error),
        // The parent is known to the engine, so that it has no reason to put the block off for
        // long.
        Ok(PayloadStatus { status, .. }) => Verdict::Retry(Failure::Unavailable(alloc::format!(
            "engine answers {status}"
        ))),
        Err(failure) => Verdict::Retry(failure),
    }
}
