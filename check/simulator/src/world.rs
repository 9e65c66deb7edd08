//! The world: one queue of events in virtual time, one source of chance, and a checker that looks
//! at every node after each event that concerned it.
//!
//! A run has two phases. In the first, faults happen at the rates of the plan, and only safety is
//! checked. Then the faults heal, and in the end everything must be as if they had never been.

mod slot;

use crate::{
    batcher::Batcher,
    checker::{self, Checked, Violation},
    engine::{Store, envelope},
    figures::Figures,
    garbage::Later,
    l1::L1,
    lie::Lie,
    node::{Job, Node, Outside, Sabotage},
    oracle::Oracle,
    plan::{BATCHER, Chaos, GENESIS_TIME, Plan},
    random::Random,
};
use alloy_primitives::B256;
use op_alloy_rpc_types_engine::OpExecutionPayloadEnvelope;
use opal_oracle::Rollup;
use opal_protocol::{Fork, Frame, InboxTx, RollupConfig};
use opal_rollup::{Event as NodeEvent, L2Block, SequencerOptions};
use std::{collections::BTreeMap, sync::Arc};

/// Index of the sequencer's node.
pub const SEQUENCER: usize = 0;
/// Index of the verifier's node.
pub const VERIFIER: usize = 1;
/// Milliseconds between two looks of the batcher.
const BATCHER_POLL_MS: u64 = 1000;
/// Longest outage of a node or the batcher in L1 slots.
const OUTAGE_SLOTS_MAX: u64 = 10;
/// Batcher transactions remembered for replay.
const POSTED_MAX: usize = 64;
/// Percentage of runs in which the naive derivation is asked after every L1 block.
const THOROUGH_PERCENT: u64 = 10;
/// Events that a run may take; more means that something spins.
const EVENTS_MAX: u64 = 2_000_000;

#[derive(Clone, Debug)]
enum Event {
    Slot,
    Notice(usize),
    Job {
        node: usize,
        incarnation: u64,
        job: Job,
    },
    Tick {
        node: usize,
        incarnation: u64,
    },
    Gossip(Box<OpExecutionPayloadEnvelope>),
    BatcherPoll,
    Start(usize),
    StartBatcher,
}

/// What a run is asked for besides its seed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Keep a log of what happens.
    pub keep_log: bool,
    /// A node that crashes forgets which L1 block its safe head was derived from.
    pub forgetful: bool,
    /// The naive derivation is asked after every L1 block of every run, not of some runs.
    pub thorough: bool,
    /// All runs stay in this fork from genesis on.
    pub era: Option<Fork>,
}

/// Everything there is.
#[derive(Debug)]
pub struct World {
    pub(crate) plan: Plan,
    pub(crate) cfg: Arc<RollupConfig>,
    pub(crate) l1: L1,
    pub(crate) store: Store,
    pub(crate) nodes: Vec<Node>,
    pub(crate) batcher: Option<Batcher>,
    /// A batcher with a key that was replaced.
    old_batcher: Option<Batcher>,
    pub(crate) oracle: Oracle,
    pub(crate) figures: Figures,
    /// Per node, what was found in order the last time.
    pub(crate) checked: Vec<Option<Checked>>,
    random: Random,
    queue: BTreeMap<(u64, u64), Event>,
    next_event: u64,
    now_ms: u64,
    slot: u64,
    /// Slots that stay empty until L1 goes on.
    gap: u64,
    chaos: Chaos,
    next_tick: Vec<u64>,
    posted: Vec<InboxTx>,
    /// Garbage that is sent in the slot of the first number.
    garbage: Vec<Later>,
    /// Opened channels that are completed in the slot of the number.
    openers: Vec<(u64, Frame)>,
    /// What happened, if anybody wants to read it.
    log: Option<Vec<String>>,
}

impl World {
    /// The world of a seed, before anything happened.
    pub fn new(seed: u64, options: Options) -> Self {
        let mut random = Random::new(seed);
        let mut plan = Plan::draw(&mut random, options.era);
        let l1_chain = plan.l1_chain.clone();
        let l1 = L1::new(l1_chain.clone(), GENESIS_TIME, BATCHER, plan.finality_depth);
        plan.cfg.genesis.l1 = l1.head().id();
        let genesis = genesis_block(&plan.cfg);
        plan.cfg.genesis.l2.hash = genesis.hash;
        let cfg = Arc::new(plan.cfg.clone());
        let sequencer = SequencerOptions {
            stopped: false,
            l1_confs: plan.sequencer_confirmations,
            max_safe_lag: 0,
        };
        let node = |sequencer| {
            let (cfg, upgrades) = (cfg.clone(), plan.upgrades.clone());
            let (genesis, forgetful) = (genesis.hash, options.forgetful);
            Node::new(
                cfg,
                l1_chain.clone(),
                upgrades,
                sequencer,
                genesis,
                forgetful,
            )
        };
        let nodes = vec![node(Some(sequencer)), node(None)];
        let rollup = Rollup {
            cfg: cfg.clone(),
            l1_chain,
            upgrades: plan.upgrades.clone(),
        };
        let is_thorough = random.percent(THOROUGH_PERCENT) || options.thorough;
        let mut world = Self {
            chaos: plan.chaos,
            batcher: Some(Batcher::new(&plan, cfg.clone(), None, &mut random)),
            old_batcher: None,
            plan,
            cfg,
            l1,
            store: Store::from([(genesis.hash, Arc::new(genesis))]),
            next_tick: vec![u64::MAX; nodes.len()],
            checked: vec![None; nodes.len()],
            nodes,
            oracle: Oracle::new(rollup, is_thorough),
            figures: Figures::default(),
            random,
            queue: BTreeMap::new(),
            next_event: 0,
            now_ms: GENESIS_TIME * 1000,
            slot: 0,
            gap: 0,
            posted: vec![],
            garbage: vec![],
            openers: vec![],
            log: options.keep_log.then(Vec::new),
        };
        let slot_ms = world.plan.l1_block_time * 1000;
        world.schedule(0, Event::Start(SEQUENCER));
        world.schedule(0, Event::Start(VERIFIER));
        world.schedule(BATCHER_POLL_MS, Event::BatcherPoll);
        world.schedule(slot_ms, Event::Slot);
        world
    }

    /// Makes a node break a rule.
    pub fn sabotage(&mut self, node: usize, sabotage: Sabotage) {
        self.nodes[node].sabotage = Some(sabotage);
    }

    /// Makes every pipeline believe something wrong, so that only the naive derivation knows better.
    pub fn deceive(&mut self, lie: Lie) {
        self.oracle.lie = Some(lie);
        for node in &mut self.nodes {
            node.sabotage = Some(Sabotage::Believe(lie));
        }
    }

    /// Lets time pass until the end of both phases, and checks that all has healed.
    pub fn run(&mut self) -> Result<Figures, Violation> {
        let slots = self.plan.safety_slots + self.plan.liveness_slots;
        while self.slot < slots {
            let ((at, _), event) = self.queue.pop_first().expect("slots never end");
            self.now_ms = at;
            self.figures.events += 1;
            if self.figures.events > EVENTS_MAX {
                return Err(self.violation("the world spins: too many events".to_string()));
            }
            let concerned = self.happen(event);
            if let Some(index) = concerned {
                self.after(index)?;
            }
        }
        checker::check_healed(self)?;
        self.oracle.consult_naive(&self.l1, &mut self.store);
        checker::check_naive(self)?;
        self.sum_up();
        Ok(self.figures.clone())
    }

    /// Adds up what the run came to.
    fn sum_up(&mut self) {
        self.figures.safe_blocks = self.safe_chain_len();
        self.figures.add(&core::mem::take(&mut self.oracle.figures));
        let end = self.l1.head().header.timestamp;
        for fork in Fork::ALL {
            match self.cfg.forks.time_of(fork) {
                Some(time) if time <= GENESIS_TIME => {}
                Some(time) if time <= end => self.figures.count(format!("fork crossed: {fork}")),
                _ => {}
            }
        }
        if self
            .plan
            .l1_chain
            .blob_schedule
            .iter()
            .any(|(time, _)| *time > GENESIS_TIME)
        {
            self.figures.count("L1's blob parameters change");
        }
    }

    /// What happened so far.
    pub fn log(&self) -> &[String] {
        self.log.as_deref().unwrap_or(&[])
    }

    /// A violation found now.
    pub(crate) fn violation(&self, what: String) -> Violation {
        Violation {
            at_ms: self.now_ms - GENESIS_TIME * 1000,
            slot: self.slot,
            what,
        }
    }

    /// The time in unix seconds.
    pub(crate) const fn now(&self) -> u64 {
        self.now_ms / 1000
    }

    fn safe_chain_len(&mut self) -> u64 {
        let head = self.l1.head().hash;
        self.oracle
            .after(&self.l1, &mut self.store, head)
            .safe_head()
            .number
    }

    fn schedule(&mut self, delay_ms: u64, event: Event) {
        let key = (self.now_ms + delay_ms, self.next_event);
        self.next_event += 1;
        self.queue.insert(key, event);
    }

    fn latency(&mut self) -> u64 {
        self.random.between(1, self.plan.latency_max_ms)
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            let ms = self.now_ms - GENESIS_TIME * 1000;
            log.push(format!("{:>8}.{:03} {}", ms / 1000, ms % 1000, what()));
        }
    }

    /// Lets an event happen; gives the node it concerned.
    fn happen(&mut self, event: Event) -> Option<usize> {
        match event {
            Event::Slot => {
                self.happen_slot();
                None
            }
            Event::Notice(node) => self.with_node(node, |node, out| node.notice_l1(out)),
            Event::Job {
                node,
                incarnation,
                job,
            } => {
                if self.nodes[node].incarnation != incarnation {
                    return None;
                }
                self.with_node(node, |node, out| node.perform(job, out))
            }
            Event::Tick { node, incarnation } => {
                if self.nodes[node].incarnation != incarnation {
                    return None;
                }
                self.next_tick[node] = u64::MAX;
                self.with_node(node, |node, out| node.feed(NodeEvent::Tick, out))
            }
            Event::Gossip(payload) => self.with_node(VERIFIER, |node, out| {
                node.feed(NodeEvent::UnsafePayload(payload), out);
            }),
            Event::BatcherPoll => {
                self.poll_batcher();
                self.schedule(BATCHER_POLL_MS, Event::BatcherPoll);
                None
            }
            Event::Start(node) => {
                self.note(|| format!("node {node} starts"));
                self.next_tick[node] = u64::MAX;
                self.with_node(node, |node, out| node.start(out))
            }
            Event::StartBatcher => {
                self.note(|| "batcher starts".to_string());
                let batcher = Batcher::new(&self.plan, self.cfg.clone(), None, &mut self.random);
                self.batcher = Some(batcher);
                None
            }
        }
    }

    /// Lets a node do something with the outside world at hand.
    fn with_node(
        &mut self,
        index: usize,
        action: impl FnOnce(&mut Node, &mut Outside<'_>),
    ) -> Option<usize> {
        let mut outside = Outside {
            l1: &self.l1,
            store: &mut self.store,
            random: &mut self.random,
            now_ms: self.now_ms,
            failed_call: self.chaos.failed_call,
            missing_blobs: self.chaos.missing_blobs,
            keep_notes: self.log.is_some(),
        };
        action(&mut self.nodes[index], &mut outside);
        Some(index)
    }

    /// Looks after a node to which something happened: schedules its wishes, checks it.
    fn after(&mut self, index: usize) -> Result<(), Violation> {
        let incarnation = self.nodes[index].incarnation;
        for name in self.nodes[index].take_counted() {
            self.figures.count(name);
        }
        for note in self.nodes[index].take_notes() {
            self.note(|| format!("node {index}: {note}"));
        }
        for job in self.nodes[index].take_jobs() {
            let delay = self.latency();
            self.schedule(
                delay,
                Event::Job {
                    node: index,
                    incarnation,
                    job,
                },
            );
        }
        for block in self.nodes[index].take_built() {
            let lost = self.random.percent(self.chaos.lost_gossip);
            if self.plan.gossip && index == SEQUENCER && !lost {
                let payload = Box::new(envelope(&self.store[&block.hash]));
                let delay = self.latency() * 3;
                self.schedule(delay, Event::Gossip(payload));
            }
        }
        if let Some(at) = self.nodes[index].wake_at_ms(self.now_ms)
            && at < self.next_tick[index]
        {
            self.next_tick[index] = at;
            let delay = at.saturating_sub(self.now_ms);
            self.schedule(
                delay,
                Event::Tick {
                    node: index,
                    incarnation,
                },
            );
        }
        checker::check_node(self, index)
    }
}

fn genesis_block(cfg: &RollupConfig) -> L2Block {
    let header = alloy_consensus::Header {
        timestamp: cfg.genesis.l2_time,
        gas_limit: cfg.genesis.system_config.gas_limit,
        state_root: B256::repeat_byte(0x22),
        ..Default::default()
    };
    L2Block {
        hash: header.hash_slow(),
        header,
        transactions: vec![],
    }
}
