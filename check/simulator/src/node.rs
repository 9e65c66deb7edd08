//! A rollup node: the cores `rollup` and `derivation` and a toy engine, glued together as the real
//! node's loop does it, but without threads, clock or sockets.
//!
//! Whatever the node wants done is a [`Job`]; the world performs it some time later, maybe fails
//! it, and never performs those of a node that crashed meanwhile.

use crate::{
    engine::{Engine, Store},
    garbage::l2_transaction,
    l1::L1,
    random::Random,
};
use alloy_primitives::{B256, Bytes};
use opal_derivation::{Derivation, DerivedAttributes, L1Request, L2BlockInput, Start, Step};
use opal_protocol::{L1Block, L1ChainConfig, L1Ref, L2Ref, RollupConfig, Upgrades};
use opal_rollup::{
    Answer, Command, Event, Failure, Found, Heads, L1Query, L2Block, L2Query, Note, Query,
    ResetCause, Rollup, RollupOptions, SafeAt, SequencerOptions, SyncPoint, SyncStart, SyncStep,
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
            awaited_l1: None,
            l1_head: L1Ref::default(),
            finalized_l1: L1Ref::default(),
            current_l1: L1Ref::default(),
            searched_at: None,
            caught_up: None,
            jobs: vec![],
            built: vec![],
            notes: vec![],
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
        if out.keep_notes {
            self.notes.push(format!("reset: {cause}"));
        }
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

    /// Feeds derivation and lets it step.
    fn work(&mut self, out: &mut Outside<'_>) {
        self.is_work_due = false;
        let mut replacement: Option<Box<DerivedAttributes>> = None;
        while let Some(input) = self.inputs.pop_front() {
            if let Input::Reset(start) = input {
                let (cfg, upgrades) = (self.cfg.clone(), self.upgrades.clone());
                let l1_chain = self.l1_chain.clone();
                self.derivation = Some(Derivation::new(cfg, l1_chain, upgrades, *start));
                continue;
            }
            let Some(derivation) = &mut self.derivation else {
                return;
            };
            let pushed = match input {
                Input::L1(block) => derivation.push_l1(*block),
                Input::Blobs(block, blobs) => derivation.push_blobs(block, blobs),
                Input::L2(blocks) => derivation.push_l2(blocks),
                Input::Confirm(block) => {
                    derivation.confirm(block);
                    Ok(())
                }
                Input::Reject => {
                    replacement = derivation.reject().map(Box::new);
                    Ok(())
                }
                Input::Reset(_) => Ok(()),
            };
            if let Err(error) = pushed {
                self.broken = Some(format!("derivation refused its input: {error}"));
            }
        }
        let Some(derivation) = &mut self.derivation else {
            return;
        };
        let (step, origin) = (derivation.step(), derivation.origin());
        let trace = derivation.drain_trace();
        if out.keep_notes {
            self.notes
                .extend(trace.iter().map(|event| format!("{event:?}")));
        }
        if let Some(replacement) = replacement {
            self.feed(Event::Derived(replacement), out);
        }
        self.stepped(step, origin, out);
    }

    fn stepped(&mut self, step: Step, origin: L1Ref, out: &mut Outside<'_>) {
        let generation = self.generation;
        match step {
            Step::Attributes(derived) => self.feed(Event::Derived(derived), out),
            Step::NeedL1(request) => {
                if let L1Request::Block { number } = request {
                    // Asked for the next block, derivation has read the last one to its end.
                    if number > origin.number {
                        self.current_l1 = origin;
                        self.feed(Event::L1Read(origin), out);
                    }
                    if number > self.l1_head.number {
                        self.awaited_l1 = Some(number);
                        self.caught_up = Some(origin);
                        self.searched_at = None;
                        return self.feed(Event::CaughtUp(origin), out);
                    }
                }
                self.jobs.push(Job::FetchL1 {
                    generation,
                    request,
                });
            }
            Step::NeedL2 { from, to } => self.jobs.push(Job::FetchL2 {
                generation,
                from,
                to,
            }),
            Step::Reset(reason) => {
                self.feed(Event::Reset(ResetCause::Derivation(reason)), out);
            }
            Step::Critical(reason) => self.broken = Some(format!("derivation: {reason}")),
            Step::Idle => {}
        }
    }

    fn fetch_l1(&mut self, request: L1Request, out: &mut Outside<'_>) {
        let generation = self.generation;
        let fails = out.random.percent(out.failed_call);
        match &request {
            L1Request::Block { number } => {
                if let Some(block) = out.l1.at(*number).filter(|_| !fails) {
                    let block = self.tamper((**block).clone(), out.random);
                    return self.push(Input::L1(Box::new(block)));
                }
            }
            L1Request::Blobs { block, hashes } => {
                if !fails && !out.random.percent(out.missing_blobs) {
                    let blob = |hash: &B256| out.l1.blob(*hash).cloned();
                    let blobs: Option<Vec<_>> = hashes.iter().map(blob).collect();
                    return self.push(Input::Blobs(block.hash, blobs.unwrap_or_default()));
                }
            }
        }
        self.jobs.push(Job::FetchL1 {
            generation,
            request,
        });
    }

    /// Breaks a rule, if this node is meant to.
    fn tamper(&self, mut block: L1Block, random: &mut Random) -> L1Block {
        match self.sabotage {
            Some(Sabotage::DropBatch) if random.percent(20) => block.inbox.clear(),
            Some(Sabotage::DropDeposit) => block.deposits.clear(),
            Some(Sabotage::DropConfigUpdate) => block.config_updates.clear(),
            _ => {}
        }
        block
    }

    fn fetch_l2(&mut self, from: u64, to: u64, out: &mut Outside<'_>) {
        let input = |number| {
            let block = &out.store[&self.engine.at(number)?];
            let transactions = block.transactions.clone();
            Some(L2BlockInput {
                block: block.l2_ref(&self.cfg).ok()?,
                transactions,
            })
        };
        let blocks: Option<Vec<_>> = (from..=to).map(input).collect();
        match blocks {
            Some(blocks) if !out.random.percent(out.failed_call) => self.push(Input::L2(blocks)),
            _ => self.jobs.push(Job::FetchL2 {
                generation: self.generation,
                from,
                to,
            }),
        }
    }

    fn call(&mut self, command: Command, out: &mut Outside<'_>) {
        let fails = out.random.percent(out.failed_call);
        // A failed call may have had its effect.
        if fails && out.random.percent(50) {
            return self.answer(command, None, out);
        }
        let answer = self.effect(&command, out);
        self.answer(command, answer.filter(|_| !fails), out);
    }

    fn answer(&mut self, command: Command, answer: Option<Answer>, out: &mut Outside<'_>) {
        let failure = || Failure::Unavailable("simulated".to_string());
        let (ticket, failed) = match command {
            Command::Forkchoice { ticket, .. } => (ticket, Answer::Forkchoice(Err(failure()))),
            Command::GetPayload { ticket, .. } => (ticket, Answer::Payload(Err(failure()))),
            Command::NewPayload { ticket, .. } => (ticket, Answer::NewPayload(Err(failure()))),
            Command::GetL2Block { ticket, .. } => (ticket, Answer::L2Block(Err(failure()))),
            Command::GetL1Block { ticket, .. } => (ticket, Answer::L1Block(Err(failure()))),
            Command::GetL1Ref { ticket, .. } => (ticket, Answer::L1Ref(Err(failure()))),
            _ => return,
        };
        let answer = answer.unwrap_or(failed);
        self.feed(Event::Answer { ticket, answer }, out);
    }

    fn effect(&mut self, command: &Command, out: &mut Outside<'_>) -> Option<Answer> {
        let answer = match command {
            Command::Forkchoice {
                state, attributes, ..
            } => {
                let attributes = attributes.as_deref();
                let takes_pool = attributes.is_some_and(|a| a.no_tx_pool != Some(true));
                let pool = if takes_pool { out.pool() } else { vec![] };
                Answer::Forkchoice(self.engine.forkchoice(out.store, *state, attributes, &pool))
            }
            Command::GetPayload { id, .. } => Answer::Payload(self.engine.get_payload(*id)),
            Command::NewPayload { payload, .. } => {
                Answer::NewPayload(Ok(self.engine.new_payload(out.store, payload)))
            }
            Command::GetL2Block { query, .. } => {
                let hash = match query {
                    L2Query::Number(number) => self.engine.at(*number),
                    L2Query::Hash(hash) => Some(*hash),
                };
                Answer::L2Block(Ok(self.l2_block(hash, out.store)))
            }
            Command::GetL1Block { query, .. } => {
                let block = match query {
                    L1Query::Number(number) => out.l1.at(*number),
                    L1Query::Hash(hash) => out.l1.block(*hash),
                };
                Answer::L1Block(Ok(block.cloned()))
            }
            Command::GetL1Ref { number, .. } => {
                Answer::L1Ref(Ok(out.l1.at(*number).map(|b| b.as_ref().as_ref())))
            }
            _ => return None,
        };
        Some(answer)
    }

    fn l2_block(&self, hash: Option<B256>, store: &Store) -> Option<Box<L2Block>> {
        let hash = hash.filter(|hash| self.engine.knows(*hash))?;
        store.get(&hash).map(|block| Box::new((**block).clone()))
    }

    /// Looks for new heads, and goes on from them.
    fn search(&mut self, out: &mut Outside<'_>) {
        let again = Job::Search {
            generation: self.generation,
        };
        if out.random.percent(out.failed_call) {
            return self.jobs.push(again);
        }
        // An entry helps only if the engine still has its block.
        let engine = &self.engine;
        self.memory
            .retain(|e| engine.at(e.l2.number) == Some(e.l2.hash));
        let mut search = SyncStart::new(self.cfg.clone(), self.memory.iter().rev());
        let point = loop {
            match search.step() {
                SyncStep::Ask(query) => search.answer(self.found(query, out)),
                SyncStep::Done(point) => break point,
                SyncStep::Failed(error) if error.is_temporary() => return self.jobs.push(again),
                SyncStep::Failed(error) => {
                    self.broken = Some(format!("no heads to go on from: {error}"));
                    return;
                }
            }
        };
        let mut point = point;
        self.keep_safe_head(&mut point, out);
        self.searched_at = Some(out.l1.head().hash);
        self.current_l1 = point.start.l1_base;
        let (heads, proven) = (Box::new(point.heads), point.proven);
        let proven_number = proven.map(|l1| l1.number);
        self.memory
            .retain(|e| Some(e.derived_from.number) <= proven_number);
        if out.keep_notes {
            let (safe, base) = (heads.safe, point.start.l1_base);
            self.notes
                .push(format!("goes on from safe {safe}, reads L1 from {base}"));
        }
        self.push(Input::Reset(Box::new(point.start)));
        self.feed(Event::Restarted { heads, proven }, out);
    }

    /// Breaks the rule of the search for heads, if this node is meant to.
    fn keep_safe_head(&self, point: &mut SyncPoint, out: &Outside<'_>) {
        let block = &out.store[&self.engine.safe()];
        let (Ok(safe), Ok(config)) = (block.l2_ref(&self.cfg), block.system_config(&self.cfg))
        else {
            return;
        };
        let trusts = self.sabotage == Some(Sabotage::TrustOrigin);
        if !trusts || !out.l1.is_canonical(safe.l1_origin) {
            return;
        }
        (point.heads.safe, point.heads.pending_safe) = (safe, safe);
        if point.heads.unsafe_head.number < safe.number {
            point.heads.unsafe_head = safe;
        }
        (point.start.safe_head, point.start.system_config) = (safe, config);
        point.start.derived_from = None;
    }

    fn found(&self, query: Query, out: &Outside<'_>) -> Found {
        let hash = match query {
            Query::L1Number(number) => {
                return Found::L1(out.l1.at(number).map(|b| b.as_ref().as_ref()));
            }
            Query::L2Latest => Some(self.engine.head()),
            Query::L2Safe => Some(self.engine.safe()),
            Query::L2Finalized => Some(self.engine.finalized()),
            Query::L2Hash(hash) => Some(hash),
            Query::L2Number(number) => self.engine.at(number),
        };
        Found::L2(self.l2_block(hash, out.store))
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
