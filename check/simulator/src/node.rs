//! A rollup node: the cores `rollup` and `derivation` and a toy engine, glued together as the real
//! node's loop does it, but without threads, clock or sockets.
//!
//! Whatever the node wants done is a [`Job`]; the world performs it some time later, maybe fails
//! it, and never performs those of a node that crashed meanwhile.

mod perform;

use crate::{
    engine::{Engine, Store},
    garbage::l2_transaction,
    l1::L1,
    lie::Lie,
    random::Random,
};
use alloy_primitives::{B256, Bytes};
use opal_derivation::{Derivation, L1Request, L2BlockInput, Start, sync_start::Reach};
use opal_protocol::{L1Block, L1ChainConfig, L1Ref, L2Ref, RollupConfig, Upgrades};
use opal_rollup::{
    Command, Event, Heads, Note, ResetCause, Rollup, RollupOptions, SafeAt, SequencerOptions,
};
use std::{collections::VecDeque, sync::Arc};

/// Something that takes time.
#[derive(Clone, Debug)]
pub enum Job {
    /// A call to the engine or to L1.
    Call(Box<Command>),
    /// Derivation works on what it was given.
    Work {
        /// Void after a reset.
        generation: u64,
    },
    /// A piece of L1 for derivation.
    FetchL1 {
        /// Void after a reset.
        generation: u64,
        /// What.
        request: L1Request,
    },
    /// Safe blocks for derivation.
    FetchL2 {
        /// Void after a reset.
        generation: u64,
        /// First height.
        from: u64,
        /// Last height.
        to: u64,
    },
    /// The search for new heads.
    Search {
        /// Void after a reset.
        generation: u64,
    },
}

/// A rule that a node is made to break, to prove that the checker notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// Batches of some L1 blocks go unread.
    DropBatch,
    /// Deposits of some L1 blocks go unread.
    DropDeposit,
    /// Changes of the system configuration go unread.
    DropConfigUpdate,
    /// A safe head is kept as long as its L1 origin is canonical, wherever its batch was.
    TrustOrigin,
    /// What was read before Holocene still counts after it.
    KeepAcrossHolocene,
    /// Derivation believes something wrong.
    Believe(Lie),
}

/// What a node can reach while it performs a job.
#[derive(Debug)]
pub struct Outside<'a> {
    /// L1 as it is at this moment.
    pub l1: &'a L1,
    /// All L2 blocks.
    pub store: &'a mut Store,
    /// Chance.
    pub random: &'a mut Random,
    /// The time in milliseconds.
    pub now_ms: u64,
    /// Percentage of calls that fail.
    pub failed_call: u64,
    /// Percentage of attempts at which blobs are missing.
    pub missing_blobs: u64,
    /// Whether anybody reads the nodes' log.
    pub keep_notes: bool,
}

impl Outside<'_> {
    /// What is in the transaction pool at this moment.
    fn pool(&mut self) -> Vec<Bytes> {
        (0..self.random.between(0, 3))
            .map(|_| {
                let len = self.random.between(0, 120);
                let input = self.random.bytes(len).into();
                l2_transaction(self.random, input)
            })
            .collect()
    }
}

#[derive(Clone, Debug)]
enum Input {
    Reset(Box<Start>),
    L1(Box<L1Block>),
    Blobs(B256, Vec<Box<alloy_eips::eip4844::Blob>>),
    L2(Vec<L2BlockInput>),
    Confirm(L2Ref),
    Reject,
}

/// One node.
#[derive(Debug)]
pub struct Node {
    cfg: Arc<RollupConfig>,
    l1_chain: L1ChainConfig,
    upgrades: Arc<Upgrades>,
    sequencer: Option<SequencerOptions>,
    /// Survives a crash, at least in part.
    pub engine: Engine,
    /// Which safe head was derived from which L1 block, oldest first. Survives a crash, unless the
    /// node is forgetful.
    memory: Vec<SafeAt>,
    is_forgetful: bool,
    rollup: Option<Rollup>,
    derivation: Option<Derivation>,
    inputs: VecDeque<Input>,
    generation: u64,
    is_work_due: bool,
    /// How far back the next start of derivation is to be.
    reach: Reach,
    awaited_l1: Option<u64>,
    l1_head: L1Ref,
    finalized_l1: L1Ref,
    current_l1: L1Ref,
    /// Head of L1 when the heads were looked for, until derivation has caught up again.
    searched_at: Option<B256>,
    caught_up: Option<L1Ref>,
    jobs: Vec<Job>,
    /// Blocks that this node sequenced since somebody looked.
    built: Vec<L2Ref>,
    notes: Vec<String>,
    /// Names of what happened and is worth counting.
    counted: Vec<&'static str>,
    broken: Option<String>,
    /// Counts starts; jobs of earlier ones are void.
    pub incarnation: u64,
    /// The rule it breaks.
    pub sabotage: Option<Sabotage>,
}

impl Node {
    /// A node that is down.
    pub fn new(
        cfg: Arc<RollupConfig>,
        l1_chain: L1ChainConfig,
        upgrades: Arc<Upgrades>,
        sequencer: Option<SequencerOptions>,
        genesis: B256,
        is_forgetful: bool,
    ) -> Self {
        Self {
            engine: Engine::new(cfg.clone(), genesis),
            memory: vec![],
            is_forgetful,
            cfg,
            l1_chain,
            upgrades,
            sequencer,
            rollup: None,
            derivation: None,
            inputs: VecDeque::new(),
            generation: 0,
            is_work_due: false,
            reach: Reach::Short,
            awaited_l1: None,
            l1_head: L1Ref::default(),
            finalized_l1: L1Ref::default(),
            current_l1: L1Ref::default(),
            searched_at: None,
            caught_up: None,
            jobs: vec![],
            built: vec![],
            notes: vec![],
            counted: vec![],
            broken: None,
            incarnation: 0,
            sabotage: None,
        }
    }

    /// Starts the node, as after a crash.
    pub fn start(&mut self, out: &mut Outside<'_>) {
        self.rollup = Some(Rollup::new(RollupOptions {
            cfg: self.cfg.clone(),
            l1_chain: self.l1_chain.clone(),
            upgrades: self.upgrades.clone(),
            sequencer: self.sequencer,
        }));
        (self.l1_head, self.finalized_l1) = Default::default();
        self.feed(Event::Tick, out);
        self.notice_l1(out);
    }

    /// Ends the node; its engine loses its newest `lost` blocks.
    pub fn crash(&mut self, lost: usize) {
        self.incarnation += 1;
        self.halt();
        self.rollup = None;
        self.derivation = None;
        self.caught_up = None;
        self.searched_at = None;
        self.jobs.clear();
        self.built.clear();
        self.engine.crash(lost);
        if self.is_forgetful {
            self.memory.clear();
        }
    }

    /// Whether it runs.
    pub const fn is_up(&self) -> bool {
        self.rollup.is_some()
    }

    /// Its heads; `None` while it is down or looks for them.
    pub fn heads(&self) -> Option<&Heads> {
        let rollup = self.rollup.as_ref()?;
        (!rollup.is_resetting() && rollup.heads().unsafe_head.hash != B256::ZERO)
            .then(|| rollup.heads())
    }

    /// The L1 block that derivation is at.
    pub fn origin(&self) -> Option<L1Ref> {
        self.derivation.as_ref().map(Derivation::origin)
    }

    /// The L1 block that derivation has read to its end.
    pub const fn current_l1(&self) -> L1Ref {
        self.current_l1
    }

    /// The head of L1 as the node knows it.
    pub const fn l1_head(&self) -> L1Ref {
        self.l1_head
    }

    /// Head of L1 when the node looked for its heads, until it has caught up again.
    pub const fn searched_at(&self) -> Option<B256> {
        self.searched_at
    }

    /// The L1 block with which derivation has just caught up.
    pub const fn take_caught_up(&mut self) -> Option<L1Ref> {
        self.caught_up.take()
    }

    /// What the node wants done since the last call.
    pub fn take_jobs(&mut self) -> Vec<Job> {
        core::mem::take(&mut self.jobs)
    }

    /// Blocks it sequenced since the last call.
    pub fn take_built(&mut self) -> Vec<L2Ref> {
        core::mem::take(&mut self.built)
    }

    /// What it would have logged since the last call.
    pub fn take_notes(&mut self) -> Vec<String> {
        core::mem::take(&mut self.notes)
    }

    /// Names of what happened since the last call and is worth counting.
    pub(crate) fn take_counted(&mut self) -> Vec<&'static str> {
        core::mem::take(&mut self.counted)
    }

    /// Why it cannot go on.
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// When it must be woken at the latest, in milliseconds.
    pub fn wake_at_ms(&self, now_ms: u64) -> Option<u64> {
        self.rollup.as_ref()?.wake_at_ms(now_ms)
    }

    /// Lets it look at the head of L1.
    pub fn notice_l1(&mut self, out: &mut Outside<'_>) {
        if self.rollup.is_none() {
            return;
        }
        let head = out.l1.head().as_ref().as_ref();
        let finalized = out.l1.finalized();
        if core::mem::replace(&mut self.l1_head, head) != head {
            self.feed(Event::L1Head(head), out);
        }
        if core::mem::replace(&mut self.finalized_l1, finalized) != finalized {
            self.feed(Event::L1Finalized(finalized), out);
        }
        if let Some(number) = self.awaited_l1.take_if(|number| *number <= head.number) {
            let (generation, request) = (self.generation, L1Request::Block { number });
            self.jobs.push(Job::FetchL1 {
                generation,
                request,
            });
        }
    }

    /// Hands an event to the rollup and does what it says.
    pub fn feed(&mut self, event: Event, out: &mut Outside<'_>) {
        let Some(rollup) = &mut self.rollup else {
            return;
        };
        let commands = rollup.handle(event, out.now_ms);
        if let Some(newest) = rollup.history().next().copied() {
            remember(&mut self.memory, newest);
        }
        for command in commands {
            match command {
                Command::Confirm(block) => self.push(Input::Confirm(block)),
                Command::Reject => self.push(Input::Reject),
                Command::Reset(cause) => self.reset(&cause, out),
                Command::Note(note) => self.note(&note, out),
                Command::SequencerStarted(_) | Command::SequencerStopped(_) => {}
                call => self.jobs.push(Job::Call(Box::new(call))),
            }
        }
    }

    /// Performs a job.
    pub fn perform(&mut self, job: Job, out: &mut Outside<'_>) {
        match job {
            Job::Call(command) => self.call(*command, out),
            Job::Work { generation } if generation == self.generation => self.work(out),
            Job::FetchL1 {
                generation,
                request,
            } if generation == self.generation => {
                self.fetch_l1(request, out);
            }
            Job::FetchL2 {
                generation,
                from,
                to,
            } if generation == self.generation => {
                self.fetch_l2(from, to, out);
            }
            Job::Search { generation } if generation == self.generation => self.search(out),
            _ => {}
        }
    }

    fn note(&mut self, note: &Note, out: &Outside<'_>) {
        if let Note::BlockBuilt { block, .. } = note {
            self.built.push(*block);
        }
        if out.keep_notes {
            self.notes.push(format!("{note:?}"));
        }
    }

    fn halt(&mut self) {
        self.generation += 1;
        self.inputs.clear();
        self.is_work_due = false;
        self.awaited_l1 = None;
    }

    fn reset(&mut self, cause: &ResetCause, out: &Outside<'_>) {
        self.counted.push("node: reset");
        if out.keep_notes {
            self.notes.push(format!("reset: {cause}"));
        }
        self.reach = cause.reach();
        self.halt();
        self.jobs.push(Job::Search {
            generation: self.generation,
        });
    }

    fn push(&mut self, input: Input) {
        self.inputs.push_back(input);
        if !self.is_work_due {
            self.is_work_due = true;
            self.jobs.push(Job::Work {
                generation: self.generation,
            });
        }
    }
}

/// Adds the newest entry of a node's history; what it contradicts is void.
fn remember(memory: &mut Vec<SafeAt>, newest: SafeAt) {
    if memory.last() == Some(&newest) {
        return;
    }
    memory.retain(|e| {
        e.derived_from.number < newest.derived_from.number && e.l2.number < newest.l2.number
    });
    memory.push(newest);
}
