//! Sequencing: when to build the next block, on which L1 origin, with or without transactions.
//!
//! In: the unsafe head, the head of L1, the time, and answers. Out: requests to the dialogue with
//! the engine, and questions about L1 and L2.
//!
//! One block goes through: look at the parent and its origin, choose the origin, let the engine
//! start at the parent's time, seal shortly before the block's own time, insert. Whatever goes
//! wrong, the machine returns to the first step and begins anew on the head of that moment; it
//! never builds on anything but the unsafe head.
//!
//! spec: protocol/derivation.md#sequencing--batch-submission-overview

mod answers;
mod planning;

use crate::{
    answer::Ticket,
    backoff::Backoff,
    block::Heads,
    event::{Command, Lane, Note, StartRefusal},
    origin,
    outbox::Outbox,
};
use alloc::{boxed::Box, sync::Arc};
use alloy_primitives::B256;
use alloy_rpc_types_engine::PayloadId;
use op_alloy_rpc_types_engine::{OpExecutionPayloadEnvelope, OpPayloadAttributes};
use opal_protocol::{
    L1Block, L1ChainConfig, L1Id, L1Ref, L2Ref, RollupConfig, SystemConfig, Upgrades,
};

/// A block is sealed this many milliseconds before its own time, so that it is the head in time.
pub const SEAL_MARGIN_MS: u64 = 50;

/// Milliseconds that a sequencer waits after its start for derivation to catch up with L1.
pub const START_HOLD_MS: u64 = 10_000;

/// A block waits for this many milliseconds to learn of the next L1 origin; then it stays on the old
/// one. A slow L1 must not slow L2 down.
pub const NEXT_ORIGIN_PATIENCE_MS: u64 = 200;

/// How a sequencer behaves where the protocol leaves it free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SequencerOptions {
    /// Wait for [`Event::StartSequencer`](crate::Event::StartSequencer).
    pub stopped: bool,
    /// Blocks that L1 must have on top of a block before it becomes an origin.
    pub l1_confs: u64,
    /// Pause while the safe head is this many L2 blocks behind the unsafe head; 0 means never.
    pub max_safe_lag: u64,
}

/// Why no block is being built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wait {
    /// The drift allows no further block, and L1 has no further origin.
    #[error("L1 has no block after {0}, and the sequencer drift is used up")]
    L1Stalled(L1Id),
    /// Verifiers derive blocks from the expired sequencing window: what is built now is in vain.
    #[error(
        "sequencing window of {origin} has expired at L1 block {l1_head}; waiting for the blocks that L1 dictates"
    )]
    WindowExpired {
        /// Origin of the unsafe head.
        origin: L1Id,
        /// Head of L1.
        l1_head: u64,
    },
    /// The safe head is too far behind.
    #[error("safe head is {lag} blocks behind, {max} are allowed")]
    SafeLag {
        /// Blocks it is behind.
        lag: u64,
        /// Blocks it may be behind.
        max: u64,
    },
}

/// What the sequencer wants from the dialogue.
#[derive(Debug)]
pub(crate) enum Request {
    Build {
        parent: L2Ref,
        attributes: Box<OpPayloadAttributes>,
    },
    Insert {
        payload: Box<OpExecutionPayloadEnvelope>,
        block: L2Ref,
    },
}

/// What the sequencer sees of the rest of the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) heads: &'a Heads,
    /// A derived block is being built: the unsafe head is about to move.
    pub(crate) is_building_derived: bool,
    pub(crate) now_ms: u64,
}

#[derive(Debug)]
enum State {
    Idle,
    GettingParent(L2Ref, Ticket),
    GettingCurrent(L2Ref, Ticket),
    /// Waiting for the next origin, until this time.
    GettingNext(L2Ref, u64),
    Starting(Plan),
    Building(Plan, PayloadId),
    Sealing(Plan, PayloadId, Ticket),
    Inserting(Built),
}

/// The block to be.
#[derive(Clone, Copy, Debug)]
struct Plan {
    parent: L2Ref,
    time: u64,
    l1_origin: L1Id,
    seq_num: u64,
}

#[derive(Clone, Copy, Debug)]
struct Built {
    parent: L2Ref,
    block: L2Ref,
    transactions: usize,
    gas_used: u64,
}

/// The sequencer. Inactive, it does nothing.
#[derive(Debug)]
pub(crate) struct Sequencer {
    cfg: Arc<RollupConfig>,
    l1_chain: L1ChainConfig,
    upgrades: Arc<Upgrades>,
    options: SequencerOptions,
    is_active: bool,
    state: State,
    backoff: Backoff,
    l1_head: Option<L1Ref>,
    /// System configuration of the block with this hash.
    parent_config: Option<(B256, SystemConfig)>,
    /// The origin looked at last.
    current: Option<Arc<L1Block>>,
    /// The L1 block after it, once it was fetched.
    next: Option<Arc<L1Block>>,
    /// The L1 block at this height has been asked for.
    asking: Option<(Ticket, u64)>,
    /// The next block takes no transactions from the pool.
    is_next_empty: bool,
    waiting: Option<Wait>,
    /// An operator waits for the block in progress to be inserted.
    is_stopping: bool,
    hold: Hold,
}

/// After the start of the node, L1 may know blocks that the engine lost when it went down. To build
/// in their place would be in vain, so derivation gets a moment to catch up first.
#[derive(Clone, Copy, Debug)]
enum Hold {
    NotStarted,
    UntilMs(u64),
    Over,
}

impl Sequencer {
    pub(crate) fn new(
        cfg: Arc<RollupConfig>,
        l1_chain: L1ChainConfig,
        upgrades: Arc<Upgrades>,
        options: SequencerOptions,
    ) -> Self {
        Self {
            cfg,
            l1_chain,
            upgrades,
            options,
            is_active: !options.stopped,
            state: State::Idle,
            backoff: Backoff::default(),
            l1_head: None,
            parent_config: None,
            current: None,
            next: None,
            asking: None,
            is_next_empty: false,
            waiting: None,
            is_stopping: false,
            hold: Hold::NotStarted,
        }
    }

    pub(crate) const fn is_active(&self) -> bool {
        self.is_active
    }

    pub(crate) fn l1_head(&mut self, head: L1Ref) {
        // Unless the new head continues the old one, what was fetched may be orphaned.
        if self.l1_head.is_none_or(|old| head.parent_hash != old.hash) {
            self.next = None;
        }
        self.l1_head = Some(head);
    }

    pub(crate) fn start(&mut self, head: &L2Ref, received: B256) -> Result<(), StartRefusal> {
        if self.is_active {
            return Err(StartRefusal::Running);
        }
        if head.hash != received {
            return Err(StartRefusal::HeadMismatch {
                head: head.hash,
                received,
            });
        }
        self.is_active = true;
        Ok(())
    }

    /// Stops building. A block that is being inserted is seen through, so that the hash given to
    /// the operator is the last word: then the answer comes later.
    pub(crate) fn stop(&mut self, head: &L2Ref, out: &mut Outbox) {
        if !self.is_active {
            return out.push(Command::SequencerStopped(Err(StartRefusal::NotRunning)));
        }
        self.is_active = false;
        self.is_stopping = true;
        self.waiting = None;
        if !matches!(self.state, State::Inserting(_)) {
            self.state = State::Idle;
            self.finish_stopping(head, out);
        }
    }

    pub(super) fn finish_stopping(&mut self, head: &L2Ref, out: &mut Outbox) {
        if core::mem::take(&mut self.is_stopping) {
            out.push(Command::SequencerStopped(Ok(head.hash)));
        }
    }

    /// Forgets the block in progress: the heads were found anew.
    pub(crate) fn restart(&mut self, head: &L2Ref, now_ms: u64, out: &mut Outbox) {
        if matches!(self.hold, Hold::NotStarted) {
            self.hold = Hold::UntilMs(now_ms.saturating_add(START_HOLD_MS));
        }
        self.state = State::Idle;
        self.parent_config = None;
        self.current = None;
        self.next = None;
        self.asking = None;
        self.backoff.succeed();
        self.finish_stopping(head, out);
    }

    /// Derivation has read all of L1.
    pub(crate) const fn caught_up(&mut self) {
        self.hold = Hold::Over;
    }

    const fn is_held(&self, now_ms: u64) -> bool {
        match self.hold {
            Hold::NotStarted => true,
            Hold::UntilMs(end) => now_ms < end,
            Hold::Over => false,
        }
    }

    /// Whether this ticket is that of our own question.
    pub(crate) fn expects(&self, ticket: Ticket) -> bool {
        let asked = match self.state {
            State::GettingParent(_, t) | State::GettingCurrent(_, t) | State::Sealing(_, _, t) => {
                t == ticket
            }
            _ => false,
        };
        asked || self.asking.is_some_and(|(t, _)| t == ticket)
    }

    /// When [`poll`](Self::poll) has something to do that no event announces.
    pub(crate) fn wake_at_ms(&self, heads: &Heads) -> Option<u64> {
        match &self.state {
            State::Idle if self.is_active => {
                let hold = if let Hold::UntilMs(end) = self.hold {
                    end
                } else {
                    0
                };
                let start = heads.unsafe_head.time.saturating_mul(1000).max(hold);
                Some(
                    self.backoff
                        .wake_at_ms()
                        .map_or(start, |pause| pause.max(start)),
                )
            }
            State::Building(plan, _) => {
                let seal = seal_at_ms(plan);
                Some(
                    self.backoff
                        .wake_at_ms()
                        .map_or(seal, |pause| pause.max(seal)),
                )
            }
            State::GettingNext(_, until_ms) => Some(*until_ms),
            _ => None,
        }
    }

    /// Takes the next step, if it is time.
    pub(crate) fn poll(&mut self, view: View<'_>, out: &mut Outbox) -> Option<Request> {
        self.abandon_if_moved(view.heads, out);
        match self.state {
            State::Idle => self.begin(view, out),
            State::GettingNext(parent, until_ms) if view.now_ms >= until_ms => {
                self.plan_without_next(parent, view.now_ms, out)
            }
            State::Building(plan, id)
                if view.now_ms >= seal_at_ms(&plan) && self.backoff.is_open(view.now_ms) =>
            {
                let (ticket, lane, timestamp) = (out.ticket(), Lane::Sequencer, plan.time);
                self.state = State::Sealing(plan, id, ticket);
                out.push(Command::GetPayload {
                    ticket,
                    lane,
                    id,
                    timestamp,
                });
                None
            }
            _ => None,
        }
    }

    fn abandon_if_moved(&mut self, heads: &Heads, out: &mut Outbox) {
        let (parent, started) = match &self.state {
            State::GettingParent(p, _) | State::GettingCurrent(p, _) => (*p, false),
            State::GettingNext(p, _) => (*p, false),
            State::Building(plan, _) | State::Sealing(plan, ..) => (plan.parent, true),
            // The dialogue tells what becomes of these.
            State::Idle | State::Starting(_) | State::Inserting(_) => return,
        };
        if parent.hash != heads.unsafe_head.hash {
            self.state = State::Idle;
            if started {
                out.note(Note::BuildAbandoned { parent });
            }
        }
    }

    fn begin(&mut self, view: View<'_>, out: &mut Outbox) -> Option<Request> {
        let parent = view.heads.unsafe_head;
        let l1_head = self.l1_head?;
        let is_time = view.now_ms >= parent.time.saturating_mul(1000);
        if !self.is_active
            || self.is_held(view.now_ms)
            || view.is_building_derived
            || !is_time
            || !self.backoff.is_open(view.now_ms)
        {
            return None;
        }
        if let Some(wait) = self.must_wait(view.heads, &l1_head) {
            self.wait(wait, out);
            return None;
        }
        self.get_parent(parent, view.now_ms, out)
    }

    fn must_wait(&self, heads: &Heads, l1_head: &L1Ref) -> Option<Wait> {
        let parent = &heads.unsafe_head;
        if origin::is_window_expired(&self.cfg, parent, l1_head.number) {
            let (origin, l1_head) = (parent.l1_origin, l1_head.number);
            return Some(Wait::WindowExpired { origin, l1_head });
        }
        let (lag, max) = (
            parent.number.saturating_sub(heads.safe.number),
            self.options.max_safe_lag,
        );
        (max > 0 && lag >= max).then_some(Wait::SafeLag { lag, max })
    }

    /// Notes why nothing is built, once per reason.
    pub(super) fn wait(&mut self, wait: Wait, out: &mut Outbox) {
        let is_new = self
            .waiting
            .is_none_or(|known| core::mem::discriminant(&known) != core::mem::discriminant(&wait));
        self.waiting = Some(wait);
        if is_new {
            out.note(Note::SequencerWaits(wait));
        }
    }
}

const fn seal_at_ms(plan: &Plan) -> u64 {
    plan.time
        .saturating_mul(1000)
        .saturating_sub(SEAL_MARGIN_MS)
}
