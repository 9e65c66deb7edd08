//! The node's loop: the one owner of the rollup's state.
//!
//! In: [`Event`]s of the node's own tasks, heads of L1, [`Request`]s over RPC, the clock. Out:
//! calls to engine and L1 as tasks, work for derivation, the status.
//!
//! Nothing in the loop waits or computes for long: calls are tasks, derivation has a thread of its
//! own. What belongs to the sequencer comes first, so that a node that is catching up builds its
//! blocks in time.

mod execute;
mod search;

use crate::{
    config::NodeConfig,
    derive::{Delivery, Lane, Outcome},
    engine::Engine,
    event::{Event, Request},
    fetch::Fetcher,
    log::Journal,
    safedb::SafeDb,
    status::{Health, Published},
};
use opal_derivation::{L1Request, Rejection, Step, sync_start::Reach};
use opal_l1::{L1Heads, L1Source};
use opal_protocol::{L1Ref, RollupConfig};
use opal_rollup::{Event as RollupEvent, ResetCause, Rollup, RollupOptions, SafeAt, StartRefusal};
use opal_rpc::EngineApi;
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::AbortHandle,
};

/// Reports of the node's own tasks that may wait for the loop.
const EVENTS_MAX: usize = 256;
/// Operators that may wait for the sequencer to stop.
const STOPPERS_MAX: usize = 16;
/// Longest time the loop sleeps when nothing happens.
const IDLE_TICK: Duration = Duration::from_secs(1);

/// The ends of the node's channels that its loop holds.
pub(crate) struct Ports {
    pub(crate) requests: mpsc::Receiver<Request>,
    pub(crate) shutdown: oneshot::Receiver<()>,
    pub(crate) published: Published,
    /// The file of safe heads, and what an earlier run left in it.
    pub(crate) memory: Option<(SafeDb, Vec<SafeAt>)>,
}

pub(crate) struct Driver {
    cfg: Arc<RollupConfig>,
    name: Arc<str>,
    rollup: Rollup,
    lane: Lane,
    fetcher: Fetcher,
    l1: Arc<L1Source>,
    engine: Engine,
    heads_l1: L1Heads,
    /// The L1 block up to which derivation has read everything.
    current_l1: L1Ref,
    /// Derivation waits for L1 to reach this height.
    awaited_l1: Option<u64>,
    journal: Journal,
    published: Published,
    events: mpsc::Sender<Event>,
    urgent: mpsc::Sender<Event>,
    search: Option<AbortHandle>,
    memory: Option<SafeDb>,
    last_reset: Option<Instant>,
    /// How far back the next start of derivation is to be.
    reach: Reach,
    hasty_resets: u32,
    starters: VecDeque<oneshot::Sender<Result<(), StartRefusal>>>,
    stoppers: VecDeque<oneshot::Sender<Result<alloy_primitives::B256, StartRefusal>>>,
}

/// Runs the node until it is told to stop.
pub(crate) async fn run(
    config: NodeConfig,
    l1: Arc<L1Source>,
    engine: Arc<dyn EngineApi>,
    mut ports: Ports,
) {
    let (events, mut ordinary) = mpsc::channel(EVENTS_MAX);
    let (urgent, mut sequencer) = mpsc::channel(EVENTS_MAX);
    let mut l1_heads = l1.watch();
    let mut driver = Driver::new(config, l1, engine, events, urgent, ports.published);
    if let Some((memory, entries)) = ports.memory {
        entries.into_iter().for_each(|e| driver.rollup.remember(e));
        driver.memory = Some(memory);
    }
    driver.feed(RollupEvent::Tick);
    let first = *l1_heads.borrow_and_update();
    driver.l1_moved(first);
    loop {
        let wake = driver.sleep();
        tokio::select! {
            biased;
            _ = &mut ports.shutdown => break,
            Some(event) = sequencer.recv() => driver.take_in(event),
            () = tokio::time::sleep(wake) => driver.feed(RollupEvent::Tick),
            Some(event) = ordinary.recv() => driver.take_in(event),
            Ok(()) = l1_heads.changed() => {
                let heads = *l1_heads.borrow_and_update();
                driver.l1_moved(heads);
            }
            Some(request) = ports.requests.recv() => driver.answer(request),
        }
        driver.publish();
    }
    driver.stop();
}

impl Driver {
    fn new(
        config: NodeConfig,
        l1: Arc<L1Source>,
        engine: Arc<dyn EngineApi>,
        events: mpsc::Sender<Event>,
        urgent: mpsc::Sender<Event>,
        published: Published,
    ) -> Self {
        let sequencer = config.mode.sequencer();
        let (cfg, upgrades) = (Arc::new(config.rollup), Arc::new(config.upgrades));
        let name: Arc<str> = config.name.into();
        let engine = Engine(engine);
        let l1_chain = config.l1_config;
        Self {
            lane: Lane::new(
                cfg.clone(),
                l1_chain.clone(),
                upgrades.clone(),
                events.clone(),
            ),
            fetcher: Fetcher {
                name: name.clone(),
                cfg: cfg.clone(),
                l1: l1.clone(),
                engine: engine.clone(),
                events: events.clone(),
                running: None,
            },
            rollup: Rollup::new(RollupOptions {
                cfg: cfg.clone(),
                l1_chain,
                upgrades,
                sequencer,
            }),
            journal: Journal::new(name.clone()),
            cfg,
            name,
            l1,
            engine,
            heads_l1: L1Heads::default(),
            current_l1: L1Ref::default(),
            awaited_l1: None,
            published,
            events,
            urgent,
            search: None,
            memory: None,
            last_reset: None,
            reach: Reach::Short,
            hasty_resets: 0,
            starters: VecDeque::new(),
            stoppers: VecDeque::new(),
        }
    }

    /// How long the loop may sleep.
    fn sleep(&self) -> Duration {
        let now = unix_ms();
        let rollup = self.rollup.wake_at_ms(now).map(|at| at.saturating_sub(now));
        rollup
            .map_or(IDLE_TICK, Duration::from_millis)
            .min(IDLE_TICK)
    }

    fn take_in(&mut self, event: Event) {
        match event {
            Event::Answer { ticket, answer } => {
                self.feed(RollupEvent::Answer { ticket, answer });
            }
            Event::Stepped(stepped) => {
                if let Some(outcome) = self.lane.take_back(*stepped) {
                    self.stepped(outcome);
                }
            }
            Event::DerivationDied(problem) => {
                let reason = format!("derivation broke down, which is a bug: {problem}");
                tracing::error!(name = %self.name, "{reason}");
                self.published.health(Health::Broken(reason));
            }
            Event::Delivered(Delivery { generation, input }) => {
                if generation == self.lane.generation() {
                    self.lane.push(input);
                }
            }
            Event::SyncFound(point) => {
                self.search = None;
                self.published.health(Health::Good);
                self.journal.restarted(&point);
                self.current_l1 = point.start.l1_base;
                self.lane.restart(point.start);
                let (heads, proven) = (Box::new(point.heads), point.proven);
                self.feed(RollupEvent::Restarted { heads, proven });
            }
            Event::SyncFailed(error) => self.sync_failed(&error),
        }
    }

    /// Hands an event to the rollup and does what it says.
    fn feed(&mut self, event: RollupEvent) {
        let mut queue = VecDeque::from(self.rollup.handle(event, unix_ms()));
        while let Some(command) = queue.pop_front() {
            self.execute(command);
        }
    }

    fn stepped(&mut self, outcome: Outcome) {
        let Outcome {
            rejection,
            step,
            trace,
            origin,
        } = outcome;
        self.journal.trace(&trace);
        match rejection {
            Some(Rejection::Replace(attributes)) => self.feed(RollupEvent::Derived(attributes)),
            Some(Rejection::Rewind { to }) => self.feed(RollupEvent::Rewound(to)),
            // What is critical is in the step.
            Some(Rejection::Critical(_) | Rejection::NothingOut) | None => {}
        }
        match step {
            Step::Attributes(derived) => self.feed(RollupEvent::Derived(derived)),
            Step::NeedL1(request) => self.need_l1(request, origin),
            Step::NeedL2 { from, to } => self.fetcher.l2(self.lane.generation(), from, to),
            Step::Reset(reason) => {
                self.feed(RollupEvent::Reset(ResetCause::Derivation(reason)));
            }
            Step::Critical(reason) => {
                let reason = format!("derivation halted: {reason}");
                tracing::error!(name = %self.name, "{reason}");
                self.published.health(Health::Broken(reason));
            }
            Step::Idle => {}
        }
    }

    fn need_l1(&mut self, request: L1Request, origin: L1Ref) {
        if let L1Request::Block { number } = request {
            // Asked for the next block, derivation has no more use for the last one.
            if number > origin.number {
                self.current_l1 = origin;
                self.feed(RollupEvent::L1Read(origin));
            }
            if number > self.heads_l1.head.number {
                self.awaited_l1 = Some(number);
                self.journal.caught_up();
                return self.feed(RollupEvent::CaughtUp(origin));
            }
        }
        self.fetcher.l1(self.lane.generation(), request);
    }

    fn l1_moved(&mut self, heads: L1Heads) {
        // Before the first look at L1 succeeds, there is nothing to see.
        if heads.head == L1Ref::default() {
            return;
        }
        let former = std::mem::replace(&mut self.heads_l1, heads);
        if former.head != heads.head {
            self.feed(RollupEvent::L1Head(heads.head));
        }
        if let Some(finalized) = heads.finalized
            && former.finalized != heads.finalized
        {
            self.feed(RollupEvent::L1Finalized(finalized));
        }
        if let Some(number) = self.awaited_l1
            && number <= heads.head.number
        {
            self.awaited_l1 = None;
            self.fetcher
                .l1(self.lane.generation(), L1Request::Block { number });
        }
    }

    fn answer(&mut self, request: Request) {
        match request {
            Request::StartSequencer(head, reply) => {
                self.starters.push_back(reply);
                self.feed(RollupEvent::StartSequencer(head));
            }
            Request::StopSequencer(reply) => {
                if self.stoppers.len() < STOPPERS_MAX {
                    self.stoppers.push_back(reply);
                    self.feed(RollupEvent::StopSequencer);
                }
            }
            Request::SequencerActive(reply) => {
                let _ = reply.send(self.rollup.is_sequencing());
            }
            Request::ResetDerivation(reply) => {
                self.feed(RollupEvent::Reset(ResetCause::Operator));
                let _ = reply.send(());
            }
            Request::PostUnsafePayload(payload, reply) => {
                self.feed(RollupEvent::UnsafePayload(payload));
                let _ = reply.send(());
            }
            Request::SafeHeadAt(number, reply) => {
                let _ = reply.send(self.rollup.safe_at(number));
            }
        }
    }

    fn publish(&mut self) {
        if let Some(memory) = &mut self.memory
            && let Err(error) = memory.note(self.rollup.history())
        {
            // Nothing depends on it before the next start: go on without.
            tracing::warn!(name = %self.name, "cannot remember safe heads any more: {error}");
            self.memory = None;
        }
        self.journal.flush();
        let queued = self.rollup.queued_unsafe();
        self.published.update(
            self.rollup.heads(),
            &self.heads_l1,
            &self.current_l1,
            queued,
        );
    }

    fn stop(&mut self) {
        self.fetcher.abort();
        self.lane.halt();
        if let Some(search) = self.search.take() {
            search.abort();
        }
        self.journal.stopped();
    }
}

/// Unix time in milliseconds; a clock before 1970 reads as 0.
fn unix_ms() -> u64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
