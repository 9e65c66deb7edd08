//! The dialogue with the engine: who may tell it what, and when.
//!
//! In: requests of the sequencer, derived attributes, unsafe payloads, and the engine's answers.
//! Out: engine calls, and [`Outcome`]s for the sequencer and for finality.
//!
//! Invariants:
//! - [`Dialogue::heads`] is what the engine shall believe; at most one forkchoice update is on its
//!   way, so that an older one can never overtake a newer one.
//! - When that line is free, the sequencer's call goes first: derivation can delay a block by the
//!   time of one call, never by more.
//! - What L1 says wins: attributes are compared with, or built on, the pending safe head, whatever
//!   the sequencer does meanwhile.
//!
//! spec: protocol/derivation.md#engine-queue

mod answers;

pub(crate) use answers::{Verdict, verdict};

use crate::{
    answer::{Failure, Ticket},
    backoff::Backoff,
    block::Heads,
    derived::DerivedJob,
    event::{Command, Lane},
    outbox::Outbox,
    unsafe_queue::UnsafeQueue,
};
use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use alloy_rpc_types_engine::{ForkchoiceState, PayloadId};
use op_alloy_rpc_types_engine::{OpExecutionPayloadEnvelope, OpPayloadAttributes};
use opal_protocol::{L1Ref, L2Ref, RollupConfig};

/// What the rest of the machine learns from the dialogue.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The engine builds the sequencer's block.
    BuildStarted(PayloadId),
    /// It does not; the sequencer must begin anew.
    BuildFailed(BuildFailure),
    /// The sequencer's block is the unsafe head.
    Inserted,
    /// It is not, and never will be.
    InsertFailed(BuildFailure),
    /// The safe head moved.
    SafeAdvanced {
        safe: L2Ref,
        derived_from: L1Ref,
        blocks: u64,
        built: u64,
    },
}

#[derive(Debug)]
pub(crate) enum BuildFailure {
    /// The unsafe head moved meanwhile.
    Abandoned,
    /// The engine found the block or its attributes invalid.
    Invalid(String),
    /// The call failed.
    Failed(Failure),
}

/// Why a forkchoice update is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// The heads changed.
    Sync,
    SequencerBuild,
    DerivedBuild,
    /// It is from before a reset: only its end matters.
    Stale,
}

#[derive(Clone, Copy, Debug)]
struct Flight {
    ticket: Ticket,
    purpose: Purpose,
    state: ForkchoiceState,
    head_number: u64,
}

/// The heads that the engine is known to have adopted.
#[derive(Clone, Copy, Debug)]
struct Acknowledged {
    state: ForkchoiceState,
    head_number: u64,
}

#[derive(Debug)]
struct BuildRequest {
    parent: L2Ref,
    attributes: Box<OpPayloadAttributes>,
}

#[derive(Debug)]
struct InsertJob {
    payload: Box<OpExecutionPayloadEnvelope>,
    block: L2Ref,
    ticket: Option<Ticket>,
    backoff: Backoff,
}

#[derive(Debug)]
pub(crate) struct Dialogue {
    pub(crate) cfg: Arc<RollupConfig>,
    pub(crate) heads: Heads,
    pub(crate) derived: Option<DerivedJob>,
    /// Blocks built from attributes since the safe head moved last.
    pub(crate) built_since: u64,
    pub(crate) queue: UnsafeQueue,
    pub(crate) outcomes: Vec<Outcome>,
    acknowledged: Option<Acknowledged>,
    flight: Option<Flight>,
    sync_backoff: Backoff,
    build: Option<BuildRequest>,
    insert: Option<InsertJob>,
}

impl Dialogue {
    pub(crate) fn new(cfg: Arc<RollupConfig>) -> Self {
        Self {
            cfg,
            heads: Heads::default(),
            derived: None,
            built_since: 0,
            queue: UnsafeQueue::default(),
            outcomes: Vec::new(),
            acknowledged: None,
            flight: None,
            sync_backoff: Backoff::default(),
            build: None,
            insert: None,
        }
    }

    /// Goes on from other heads. What was on its way is void, except that the line stays occupied
    /// until the last forkchoice update has been answered.
    pub(crate) fn restart(&mut self, heads: Heads) {
        self.stop();
        self.heads = heads;
    }

    /// Drops all work in progress.
    pub(crate) fn stop(&mut self) {
        if let Some(flight) = &mut self.flight {
            flight.purpose = Purpose::Stale;
        }
        self.acknowledged = None;
        self.derived = None;
        self.built_since = 0;
        self.build = None;
        self.insert = None;
        self.queue.release();
        self.sync_backoff.succeed();
    }

    /// The sequencer wants the engine to build on `parent`.
    pub(crate) fn request_build(&mut self, parent: L2Ref, attributes: Box<OpPayloadAttributes>) {
        self.build = Some(BuildRequest { parent, attributes });
    }

    /// The sequencer's block is ready.
    pub(crate) fn request_insert(
        &mut self,
        payload: Box<OpExecutionPayloadEnvelope>,
        block: L2Ref,
    ) {
        let backoff = Backoff::default();
        self.insert = Some(InsertJob {
            payload,
            block,
            ticket: None,
            backoff,
        });
    }

    /// The sequencer gives up whatever it asked for.
    pub(crate) fn withdraw_build(&mut self) {
        self.build = None;
        if let Some(flight) = &mut self.flight
            && flight.purpose == Purpose::SequencerBuild
        {
            flight.purpose = Purpose::Sync;
        }
    }

    /// Whether a derived block is being built, so that building on the unsafe head is in vain.
    pub(crate) fn is_building_derived(&self) -> bool {
        self.derived.as_ref().is_some_and(DerivedJob::is_building)
    }

    /// Height up to which the engine's canonical chain is ours.
    pub(crate) fn acknowledged_number(&self) -> Option<u64> {
        self.acknowledged.map(|a| a.head_number)
    }

    /// Issues whatever calls are due.
    pub(crate) fn poll(&mut self, now_ms: u64, out: &mut Outbox) {
        self.poll_insert(now_ms, out);
        self.poll_derived(now_ms, out);
        self.poll_unsafe(now_ms, out);
        self.poll_forkchoice(now_ms, out);
    }

    /// When [`poll`](Self::poll) has something to do that no event announces.
    pub(crate) fn wake_at_ms(&self) -> Option<u64> {
        let insert = self.insert.as_ref().filter(|i| i.ticket.is_none());
        [
            self.sync_backoff.wake_at_ms(),
            insert.and_then(|i| i.backoff.wake_at_ms()),
            self.derived.as_ref().and_then(DerivedJob::wake_at_ms),
            self.queue.wake_at_ms(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn poll_insert(&mut self, now_ms: u64, out: &mut Outbox) {
        let Some(job) = &mut self.insert else { return };
        if job.ticket.is_none() && job.backoff.is_open(now_ms) {
            let ticket = out.ticket();
            job.ticket = Some(ticket);
            let payload = job.payload.clone();
            out.push(Command::NewPayload {
                ticket,
                lane: Lane::Sequencer,
                payload,
            });
        }
    }

    fn poll_forkchoice(&mut self, now_ms: u64, out: &mut Outbox) {
        if self.flight.is_some() {
            return;
        }
        if let Some(request) = self.build.take() {
            if request.parent.hash == self.heads.unsafe_head.hash {
                let attributes = Some(request.attributes);
                return self.send_forkchoice(Purpose::SequencerBuild, attributes, out);
            }
            self.outcomes
                .push(Outcome::BuildFailed(BuildFailure::Abandoned));
        }
        if let Some(job) = &mut self.derived
            && let Some(attributes) = job.begin_build(now_ms)
        {
            return self.send_forkchoice(Purpose::DerivedBuild, Some(attributes), out);
        }
        let changed = self
            .acknowledged
            .is_none_or(|a| a.state != self.heads.forkchoice());
        if changed && self.sync_backoff.is_open(now_ms) {
            self.send_forkchoice(Purpose::Sync, None, out);
        }
    }

    fn send_forkchoice(
        &mut self,
        purpose: Purpose,
        attributes: Option<Box<OpPayloadAttributes>>,
        out: &mut Outbox,
    ) {
        let (ticket, state) = (out.ticket(), self.heads.forkchoice());
        let head_number = self.heads.unsafe_head.number;
        self.flight = Some(Flight {
            ticket,
            purpose,
            state,
            head_number,
        });
        let lane = if purpose == Purpose::SequencerBuild {
            Lane::Sequencer
        } else {
            Lane::Derivation
        };
        out.push(Command::Forkchoice {
            ticket,
            lane,
            state,
            attributes,
        });
    }
}
