//! The node's loop: the one owner of the rollup's state.
//!
//! In: [`Event`]s of the node's own tasks, heads of L1, [`Request`]s over RPC, the clock. Out:
//! calls to engine and L1 as tasks, work for derivation, the status.
//!
//! Nothing in the loop waits or computes for long: calls are tasks, derivation has a thread of its
//! own. What belongs to the sequencer comes first, so that a node that is catching up builds its
//! blocks in time.

use crate::{
    config::NodeConfig,
    derive::{Delivery, Input, Lane, Outcome},
    engine::Engine,
    event::{Event, Request},
    fetch::Fetcher,
    log::Journal,
    resync::Resync,
    status::{Health, Published},
};
use opal_derivation::{L1Request, Step};
use opal_l1::{L1Heads, L1Source};
use opal_protocol::{L1Ref, RollupConfig};
use opal_rollup::{
    Answer, Command, Event as RollupEvent, Failure, L1Query, Lane as CallLane, ResetCause, Rollup,
    RollupOptions, StartRefusal, SyncError, Ticket,
};
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
/// Resets that follow each other faster than this are spaced out.
const RESET_CALM: Duration = Duration::from_secs(10);
/// Longest pause before a reset.
const RESET_PAUSE_MAX: Duration = Duration::from_secs(5);
/// Pause before a search for heads is repeated that only a person can mend.
const HOPELESS_PAUSE: Duration = Duration::from_secs(30);
/// Longest time the loop sleeps when nothing happens.
const IDLE_TICK: Duration = Duration::from_secs(1);

/// The ends of the node's channels that its loop holds.
pub(crate) struct Ports {
    pub(crate) requests: mpsc::Receiver<Request>,
    pub(crate) shutdown: oneshot::Receiver<()>,
    pub(crate) published: Published,
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
    last_reset: Option<Instant>,
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
            last_reset: None,
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
                let (heads, proven) = (point.heads, point.proven);
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

    fn execute(&mut self, command: Command) {
        match command {
            Command::Forkchoice {
                ticket,
                lane,
                state,
                attributes,
            } => {
                let engine = self.engine.clone();
                self.call(ticket, lane, async move {
                    Answer::Forkchoice(engine.forkchoice_updated(state, attributes).await)
                });
            }
            Command::GetPayload {
                ticket,
                lane,
                id,
                timestamp,
            } => {
                let engine = self.engine.clone();
                self.call(ticket, lane, async move {
                    Answer::Payload(engine.get_payload(id, timestamp).await)
                });
            }
            Command::NewPayload {
                ticket,
                lane,
                payload,
            } => {
                let engine = self.engine.clone();
                self.call(ticket, lane, async move {
                    Answer::NewPayload(engine.new_payload(payload).await)
                });
            }
            Command::GetL2Block {
                ticket,
                lane,
                query,
            } => {
                let engine = self.engine.clone();
                self.call(ticket, lane, async move {
                    Answer::L2Block(engine.block(query).await)
                });
            }
            Command::GetL1Block { ticket, query } => self.get_l1_block(ticket, query),
            Command::GetL1Ref { ticket, number } => {
                let l1 = self.l1.clone();
                self.call(ticket, CallLane::Derivation, async move {
                    let block = l1.ref_by_number(number).await;
                    Answer::L1Ref(block.map_err(|e| Failure::Unavailable(e.to_string())))
                });
            }
            Command::Confirm(block) => self.lane.push(Input::Confirm(block)),
            Command::Reject => self.lane.push(Input::Reject),
            Command::Reset(cause) => self.reset(&cause),
            Command::SequencerStarted(result) => {
                self.journal.sequencer_started(&result);
                if let Some(starter) = self.starters.pop_front() {
                    let _ = starter.send(result);
                }
            }
            Command::SequencerStopped(result) => {
                self.journal.sequencer_stopped(&result);
                if let Some(stopper) = self.stoppers.pop_front() {
                    let _ = stopper.send(result);
                }
            }
            Command::Note(note) => self.journal.note(&note),
        }
    }

    fn get_l1_block(&self, ticket: Ticket, query: L1Query) {
        let l1 = self.l1.clone();
        self.call(ticket, CallLane::Sequencer, async move {
            let block = match query {
                L1Query::Number(number) => l1.block_by_number(number).await,
                L1Query::Hash(hash) => l1.block_by_hash(hash).await,
            };
            Answer::L1Block(block.map_err(|e| Failure::Unavailable(e.to_string())))
        });
    }

    /// Runs a call as a task of its own; its answer comes back as an event, on the lane it belongs
    /// to.
    fn call(
        &self,
        ticket: Ticket,
        lane: CallLane,
        call: impl Future<Output = Answer> + Send + 'static,
    ) {
        let channel = if lane == CallLane::Sequencer {
            &self.urgent
        } else {
            &self.events
        };
        let channel = channel.clone();
        tokio::spawn(async move {
            let answer = call.await;
            // The loop is gone when the node stops; then nobody misses this.
            let _ = channel.send(Event::Answer { ticket, answer }).await;
        });
    }

    fn stepped(&mut self, outcome: Outcome) {
        let Outcome {
            replacement,
            step,
            trace,
            origin,
        } = outcome;
        self.journal.trace(&trace);
        if let Some(replacement) = replacement {
            self.feed(RollupEvent::Derived(replacement));
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

    /// Looks for new heads. Resets in quick succession are spaced out.
    fn reset(&mut self, cause: &ResetCause) {
        self.journal.reset(cause);
        self.fetcher.abort();
        self.lane.halt();
        self.awaited_l1 = None;
        let now = Instant::now();
        let is_hasty = self.last_reset.is_some_and(|last| now - last < RESET_CALM);
        self.hasty_resets = if is_hasty {
            self.hasty_resets.saturating_add(1)
        } else {
            0
        };
        self.last_reset = Some(now);
        let pause = match self.hasty_resets {
            0 => Duration::ZERO,
            n => Duration::from_millis(50 << n.min(10)).min(RESET_PAUSE_MAX),
        };
        self.search(pause);
    }

    fn search(&mut self, pause: Duration) {
        let resync = Resync {
            name: self.name.clone(),
            cfg: self.cfg.clone(),
            l1: self.l1.clone(),
            engine: self.engine.clone(),
            history: self.rollup.history().copied().collect(),
        };
        let events = self.events.clone();
        let task = tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            let event = match resync.run().await {
                Ok(point) => Event::SyncFound(point),
                Err(error) => Event::SyncFailed(error),
            };
            // The loop is gone when the node stops; then nobody misses this.
            let _ = events.send(event).await;
        });
        if let Some(former) = self.search.replace(task.abort_handle()) {
            former.abort();
        }
    }

    fn sync_failed(&mut self, error: &SyncError) {
        let seconds = HOPELESS_PAUSE.as_secs();
        let reason = format!("no heads to go on from: {error}");
        tracing::error!(name = %self.name, "{reason}; looking again in {seconds} s");
        self.published.health(Health::Broken(reason));
        self.search(HOPELESS_PAUSE);
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
