//! The whole machine: one place where events become commands.

use crate::{
    answer::{Answer, Ticket},
    backoff::Backoff,
    block::Heads,
    dialogue::{Dialogue, Outcome},
    event::{Command, Event, Note, ResetCause, StartRefusal},
    finality::{Finality, Finalizable, SafeAt},
    outbox::Outbox,
    sequencer::{Request, Sequencer, SequencerOptions, View},
};
use alloc::{sync::Arc, vec::Vec};
use alloy_primitives::B256;
use opal_protocol::{L1ChainConfig, L1Ref, L2Id, RollupConfig, Upgrades};

/// What the machine must know of its chain and of its job.
#[derive(Clone, Debug)]
pub struct RollupOptions {
    /// The chain.
    pub cfg: Arc<RollupConfig>,
    /// Its L1.
    pub l1_chain: L1ChainConfig,
    /// Transactions of its forks.
    pub upgrades: Arc<Upgrades>,
    /// How to build blocks; a verifier has none.
    pub sequencer: Option<SequencerOptions>,
}

/// The machine. It begins in a reset: its first command is [`Command::Reset`].
#[derive(Debug)]
pub struct Rollup {
    dialogue: Dialogue,
    sequencer: Option<Sequencer>,
    finality: Finality,
    /// An entry of the history that L1 is being asked about.
    proving: Option<(Ticket, SafeAt)>,
    proof_backoff: Backoff,
    /// The L1 block up to which derivation has read everything.
    caught_up: Option<L1Ref>,
    is_resetting: bool,
    out: Outbox,
}

impl Rollup {
    /// A machine that knows nothing of the chain's heads yet.
    pub fn new(options: RollupOptions) -> Self {
        let RollupOptions {
            cfg,
            l1_chain,
            upgrades,
            sequencer,
        } = options;
        let mut out = Outbox::default();
        out.reset(ResetCause::Start);
        Self {
            sequencer: sequencer.map(|s| Sequencer::new(cfg.clone(), l1_chain, upgrades, s)),
            dialogue: Dialogue::new(cfg),
            finality: Finality::default(),
            proving: None,
            proof_backoff: Backoff::default(),
            caught_up: None,
            is_resetting: false,
            out,
        }
    }

    /// Takes in an event at the time `now_ms`, unix milliseconds, and says what is to be done.
    pub fn handle(&mut self, event: Event, now_ms: u64) -> Vec<Command> {
        self.take_in(event, now_ms);
        self.settle(now_ms);
        self.out.take()
    }

    /// When to send [`Event::Tick`] at the latest, if nothing else happens before.
    pub fn wake_at_ms(&self, now_ms: u64) -> Option<u64> {
        if self.is_resetting {
            return None;
        }
        let heads = &self.dialogue.heads;
        let sequencer = self.sequencer.as_ref().and_then(|s| s.wake_at_ms(heads));
        let proof = self.proof_backoff.wake_at_ms();
        // What is due already waits for an event.
        [self.dialogue.wake_at_ms(), sequencer, proof]
            .into_iter()
            .flatten()
            .filter(|at| *at > now_ms)
            .min()
    }

    /// The heads; all zero before the first [`Event::Restarted`].
    pub const fn heads(&self) -> &Heads {
        &self.dialogue.heads
    }

    /// Whether new heads are being looked for.
    pub const fn is_resetting(&self) -> bool {
        self.is_resetting
    }

    /// Whether blocks are being built, as far as the operator is concerned.
    pub fn is_sequencing(&self) -> bool {
        self.sequencer.as_ref().is_some_and(Sequencer::is_active)
    }

    /// The unsafe block waiting for its parent at the lowest height.
    pub fn queued_unsafe(&self) -> Option<L2Id> {
        self.dialogue.queue.first()
    }

    /// The safe head as it stood once L1 block `number` had been read, as far as this run of the
    /// node remembers.
    pub fn safe_at(&self, number: u64) -> Option<SafeAt> {
        self.finality.safe_at(number)
    }

    /// Takes in what an earlier run of the node remembered, oldest first, before the first event.
    /// What of it still counts is decided by the search for heads.
    pub fn remember(&mut self, entry: SafeAt) {
        self.finality.record(entry.l2, entry.derived_from);
    }

    /// Which safe head was derived from which L1 block, newest first, for [`crate::SyncStart`].
    pub fn history(&self) -> impl DoubleEndedIterator<Item = &SafeAt> + Clone {
        self.finality.newest_first()
    }

    /// The block on which attributes are being worked on.
    #[cfg(test)]
    pub(crate) fn derived_parent(&self) -> Option<B256> {
        self.dialogue.derived.as_ref().map(|job| job.builds_on())
    }

    fn take_in(&mut self, event: Event, now_ms: u64) {
        match event {
            Event::Tick => {}
            Event::L1Head(head) => self.l1_head(head),
            Event::L1Finalized(l1) => self.finality.signal(l1),
            Event::Derived(_)
            | Event::Rewound(_)
            | Event::L1Read(_)
            | Event::CaughtUp(_)
            | Event::UnsafePayload(_)
                if self.is_resetting => {}
            Event::Derived(derived) => self.dialogue.take_derived(derived, &mut self.out),
            Event::Rewound(to) => self.dialogue.rewind(to),
            Event::L1Read(l1) => self.dialogue.l1_read(l1),
            Event::CaughtUp(l1) => self.catch_up(l1),
            Event::UnsafePayload(payload) => self.dialogue.take_unsafe(payload, &mut self.out),
            Event::Answer { ticket, answer } => self.answer(ticket, answer, now_ms),
            Event::StartSequencer(head) => self.start_sequencer(head),
            Event::StopSequencer => self.stop_sequencer(),
            Event::Reset(cause) => self.out.reset(cause),
            Event::Restarted { heads, proven } => self.restart(*heads, proven, now_ms),
        }
    }

    /// Lets every part do what is due, until nothing is.
    fn settle(&mut self, now_ms: u64) {
        loop {
            if let Some(cause) = self.out.take_reset() {
                self.begin_reset(cause);
            }
            if self.is_resetting {
                return;
            }
            self.poll_sequencer(now_ms);
            self.dialogue.poll(now_ms, &mut self.out);
            self.check_finality(now_ms);
            if !self.hand_out_outcomes(now_ms) && !self.out.wants_reset() {
                return;
            }
        }
    }

    fn poll_sequencer(&mut self, now_ms: u64) {
        let Some(sequencer) = &mut self.sequencer else {
            return;
        };
        let view = View {
            heads: &self.dialogue.heads,
            is_building_derived: self.dialogue.is_building_derived(),
            now_ms,
        };
        let request = sequencer.poll(view, &mut self.out);
        self.forward(request);
    }

    fn forward(&mut self, request: Option<Request>) {
        match request {
            None => {}
            Some(Request::Build { parent, attributes }) => {
                self.dialogue.request_build(parent, attributes);
            }
            Some(Request::Insert { payload, block }) => {
                self.dialogue.request_insert(payload, block);
            }
        }
    }

    /// Passes on what the dialogue brought about; says whether there was anything.
    fn hand_out_outcomes(&mut self, now_ms: u64) -> bool {
        let outcomes = core::mem::take(&mut self.dialogue.outcomes);
        let any = !outcomes.is_empty();
        for outcome in outcomes {
            if let Outcome::SafeAdvanced {
                safe,
                derived_from,
                blocks,
                built,
            } = outcome
            {
                self.finality.record(safe, derived_from);
                self.out.note(Note::SafeAdvanced {
                    safe,
                    derived_from,
                    blocks,
                    built,
                });
            } else if let Some(sequencer) = &mut self.sequencer {
                sequencer.outcome(outcome, &self.dialogue.heads, now_ms, &mut self.out);
            }
        }
        any
    }

    fn l1_head(&mut self, head: L1Ref) {
        if let Some(sequencer) = &mut self.sequencer {
            sequencer.l1_head(head);
        }
        // A longer reorganisation shows when derivation reads on; one of equal length would not
        // show before the next block.
        if let Some(read) = self.caught_up
            && read.number == head.number
            && read.hash != head.hash
        {
            self.out.reset(ResetCause::L1Reorg { read, head });
        }
    }

    fn catch_up(&mut self, l1: L1Ref) {
        self.caught_up = Some(l1);
        if let Some(sequencer) = &mut self.sequencer {
            sequencer.caught_up();
        }
    }

    fn answer(&mut self, ticket: Ticket, answer: Answer, now_ms: u64) {
        if let Some((_, entry)) = self.proving.take_if(|p| p.0 == ticket) {
            return self.answer_proof(&entry, answer, now_ms);
        }
        match &mut self.sequencer {
            Some(sequencer) if !self.is_resetting && sequencer.expects(ticket) => {
                let request = sequencer.answer(ticket, answer, now_ms, &mut self.out);
                self.forward(request);
            }
            _ => self.dialogue.answer(ticket, answer, now_ms, &mut self.out),
        }
    }

    fn check_finality(&mut self, now_ms: u64) {
        if self.proving.is_some() || !self.proof_backoff.is_open(now_ms) {
            return;
        }
        match self.finality.check(&self.dialogue.heads.finalized) {
            Finalizable::Nothing => {}
            Finalizable::Final(block) => {
                self.dialogue.heads.finalized = block;
                self.out.note(Note::FinalizedAdvanced(block));
            }
            Finalizable::Unproven(entry) => {
                let (ticket, number) = (self.out.ticket(), entry.derived_from.number);
                self.proving = Some((ticket, entry));
                self.out.push(Command::GetL1Ref { ticket, number });
            }
            Finalizable::Orphaned(entry) => self.finality_mismatch(&entry),
        }
    }

    fn answer_proof(&mut self, entry: &SafeAt, answer: Answer, now_ms: u64) {
        let Answer::L1Ref(Ok(Some(canonical))) = answer else {
            self.proof_backoff.fail(now_ms);
            return;
        };
        self.proof_backoff.succeed();
        if self.is_resetting || !self.finality.holds(entry) {
            return;
        }
        if canonical.hash != entry.derived_from.hash {
            return self.finality_mismatch(entry);
        }
        if entry.l2.number > self.dialogue.heads.finalized.number {
            self.dialogue.heads.finalized = entry.l2;
            self.out.note(Note::FinalizedAdvanced(entry.l2));
        }
    }

    fn finality_mismatch(&mut self, entry: &SafeAt) {
        let (derived_from, number) = (entry.derived_from, entry.derived_from.number);
        self.out.reset(ResetCause::FinalityMismatch {
            derived_from,
            number,
        });
    }

    fn start_sequencer(&mut self, head: B256) {
        let result = match &mut self.sequencer {
            None => Err(StartRefusal::NotASequencer),
            Some(_) if self.is_resetting => Err(StartRefusal::Resetting),
            Some(sequencer) => sequencer.start(&self.dialogue.heads.unsafe_head, head),
        };
        self.out.push(Command::SequencerStarted(result));
    }

    fn stop_sequencer(&mut self) {
        match &mut self.sequencer {
            None => {
                let refusal = Err(StartRefusal::NotASequencer);
                self.out.push(Command::SequencerStopped(refusal));
            }
            Some(sequencer) => {
                sequencer.stop(&self.dialogue.heads.unsafe_head, &mut self.out);
                self.dialogue.withdraw_build();
            }
        }
    }

    fn begin_reset(&mut self, cause: ResetCause) {
        if self.is_resetting {
            return;
        }
        self.is_resetting = true;
        self.caught_up = None;
        self.proving = None;
        self.dialogue.stop();
        self.dialogue.outcomes.clear();
        self.out.push(Command::Reset(cause));
    }

    fn restart(&mut self, heads: Heads, proven: Option<L1Ref>, now_ms: u64) {
        self.is_resetting = false;
        self.finality.truncate(proven);
        self.dialogue.restart(heads);
        if let Some(sequencer) = &mut self.sequencer {
            let head = self.dialogue.heads.unsafe_head;
            sequencer.restart(&head, now_ms, &mut self.out);
        }
    }
}
