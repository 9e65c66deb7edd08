//! What the safe chain must be: a derivation from genesis for every L1 block ever mined.
//!
//! The state after each L1 block is kept, so that the answer for a fork costs only the blocks of
//! that fork. Blobs are always at hand here, nothing fails, and nothing restarts.

use crate::{
    engine::{Store, execute, is_valid},
    figures::Figures,
    l1::L1,
    lie::Lie,
    naive::Naive,
};
use alloy_primitives::B256;
use opal_derivation::{
    Derivation, DerivedAttributes, L1Request, L2BlockInput, Rejection, Start, Step, Trace,
};
use opal_oracle::Rollup;
use opal_protocol::{L1Block, L1ChainConfig, L2Ref, RollupConfig, Upgrades};
use opal_rollup::L2Block;
use std::{collections::BTreeMap, sync::Arc};

/// The safe chain after one L1 block.
#[derive(Clone, Debug)]
pub struct Snapshot {
    derivation: Derivation,
    /// Hashes by height.
    chain: Vec<B256>,
    /// What the blocks behind genesis were derived from, in order.
    derived: Vec<Arc<DerivedAttributes>>,
}

impl Snapshot {
    /// The newest safe block.
    pub fn safe_head(&self) -> L2Ref {
        self.derivation.safe_head()
    }

    /// Whether the block is part of the safe chain.
    pub fn contains(&self, block: &L2Ref) -> bool {
        self.chain.get(block.number as usize) == Some(&block.hash)
    }

    /// Hashes of the safe chain by height.
    pub fn chain(&self) -> &[B256] {
        &self.chain
    }

    /// What a block of the safe chain was derived from; genesis was not.
    pub fn derived(&self, height: usize) -> Option<&DerivedAttributes> {
        let index = height.checked_sub(1)?;
        self.derived.get(index).map(|derived| &**derived)
    }
}

/// Derivations from genesis, one per L1 block.
#[derive(Debug)]
pub struct Oracle {
    cfg: Arc<RollupConfig>,
    l1_chain: L1ChainConfig,
    upgrades: Arc<Upgrades>,
    snapshots: BTreeMap<B256, Snapshot>,
    naive: Naive,
    /// Whether the naive derivation reads every L1 block, not just those of the last chain.
    is_thorough: bool,
    /// Where the naive derivation came to something else.
    disagreement: Option<String>,
    /// What the fast derivation believes wrongly.
    pub(crate) lie: Option<Lie>,
    /// What happened on the way.
    pub(crate) figures: Figures,
}

impl Oracle {
    /// An oracle that has read nothing yet. A thorough one asks the naive derivation about every
    /// L1 block.
    pub fn new(rollup: Rollup, is_thorough: bool) -> Self {
        let Rollup {
            cfg,
            l1_chain,
            upgrades,
        } = rollup.clone();
        Self {
            cfg,
            l1_chain,
            upgrades,
            snapshots: BTreeMap::new(),
            naive: Naive::new(rollup),
            is_thorough,
            disagreement: None,
            lie: None,
            figures: Figures::default(),
        }
    }

    /// Where the naive derivation came to something else, if anywhere so far.
    pub const fn disagreement(&self) -> Option<&String> {
        self.disagreement.as_ref()
    }

    /// Holds the naive derivation of the canonical L1 beside the fast one.
    pub fn consult_naive(&mut self, l1: &L1, store: &mut Store) {
        let head = l1.head().hash;
        self.after(l1, store, head);
        self.figures.naive_checks += 1;
        let problem = self.naive.read_all(l1, store, &self.snapshots[&head]);
        self.disagreement = self.disagreement.take().or(problem);
    }

    /// The safe chain after the L1 block with this hash.
    ///
    /// # Panics
    /// If derivation demands a reset, which it must not when it reads one chain from genesis.
    pub fn after(&mut self, l1: &L1, store: &mut Store, hash: B256) -> &Snapshot {
        let mut missing: Vec<Arc<L1Block>> = vec![];
        let mut next = hash;
        while !self.snapshots.contains_key(&next)
            && let Some(block) = l1.block(next)
        {
            missing.push(block.clone());
            next = block.header.parent_hash;
        }
        let mut snapshot = match self.snapshots.get(&next) {
            Some(known) if !missing.is_empty() => known.clone(),
            Some(_) => return &self.snapshots[&hash],
            None => self.genesis(l1),
        };
        for block in missing.iter().rev() {
            let trace = self.read(&mut snapshot, block, l1, store);
            for event in &trace {
                self.figures.count_trace(event);
            }
            if self.is_thorough && self.disagreement.is_none() {
                self.figures.naive_checks += 1;
                self.disagreement = self.naive.read(block, l1, store, &snapshot);
            }
            self.snapshots.insert(block.hash, snapshot.clone());
        }
        &self.snapshots[&hash]
    }

    /// The safe chain of the canonical L1, derived in one go without any kept state.
    pub fn from_scratch(&self, l1: &L1, store: &mut Store) -> Vec<B256> {
        let mut snapshot = self.genesis(l1);
        let mut number = 0;
        while let Some(block) = l1.at(number) {
            drop(self.read(&mut snapshot, block, l1, store));
            number += 1;
        }
        snapshot.chain
    }

    fn genesis(&self, l1: &L1) -> Snapshot {
        let cfg = &self.cfg;
        let l1_base = l1.at(0).expect("genesis").as_ref().as_ref();
        let safe_head = L2Ref {
            hash: cfg.genesis.l2.hash,
            number: cfg.genesis.l2.number,
            parent_hash: B256::ZERO,
            time: cfg.genesis.l2_time,
            l1_origin: cfg.genesis.l1,
            seq_num: 0,
        };
        let config = cfg.genesis.system_config;
        let start = Start {
            safe_head,
            system_config: config,
            l1_base,
            l1_base_config: config,
            derived_from: None,
        };
        let (cfg, l1_chain) = match self.lie {
            Some(lie) => (Arc::new(lie.config(cfg)), lie.l1_chain(&self.l1_chain)),
            None => (cfg.clone(), self.l1_chain.clone()),
        };
        let derivation = Derivation::new(cfg, l1_chain, self.upgrades.clone(), start);
        Snapshot {
            derivation,
            chain: vec![safe_head.hash],
            derived: vec![],
        }
    }

    /// Reads one more L1 block to its end; gives what happened meanwhile.
    fn read(
        &self,
        snapshot: &mut Snapshot,
        block: &Arc<L1Block>,
        l1: &L1,
        store: &mut Store,
    ) -> Vec<Trace> {
        loop {
            let derivation = &mut snapshot.derivation;
            match derivation.step() {
                Step::NeedL1(L1Request::Block { number }) if number == block.header.number => {
                    derivation.push_l1((**block).clone()).expect("asked for");
                }
                Step::NeedL1(L1Request::Block { .. }) => break,
                Step::NeedL1(L1Request::Blobs { block, hashes }) => {
                    let blob = |hash| l1.blob(hash).expect("all blobs are kept");
                    let blobs = hashes.into_iter().map(blob).collect();
                    derivation.push_blobs(block.hash, blobs).expect("asked for");
                }
                Step::NeedL2 { from, to } => {
                    let heights = from as usize..=to as usize;
                    let input = |hash: &B256| self.input(&store[hash]);
                    let blocks = snapshot.chain[heights].iter().map(input).collect();
                    derivation.push_l2(blocks).expect("asked for");
                }
                Step::Attributes(derived) => match self.build(derivation, derived, store) {
                    Some((block, derived)) => {
                        derivation.confirm(block.l2_ref(&self.cfg).expect("well-formed"));
                        snapshot.chain.push(block.hash);
                        snapshot.derived.push(derived);
                        store.insert(block.hash, Arc::new(block));
                    }
                    None => {
                        // The batch is dropped, and with it what it had become already.
                        let safe = derivation.safe_head().number as usize;
                        snapshot.chain.truncate(safe + 1);
                        snapshot.derived.truncate(safe);
                    }
                },
                step => panic!("a derivation from genesis came to {step:?}"),
            }
        }
        snapshot.derivation.drain_trace()
    }

    /// The block that the attributes, or what replaces them, become; none if their batch is dropped.
    fn build(
        &self,
        derivation: &mut Derivation,
        derived: Box<DerivedAttributes>,
        store: &Store,
    ) -> Option<(L2Block, Arc<DerivedAttributes>)> {
        let parent = &store[&derived.parent.hash];
        let build = |mut derived: Box<DerivedAttributes>| {
            if let Some(lie) = self.lie {
                lie.amend(&self.cfg, &mut derived);
            }
            (
                execute(&self.cfg, parent, &derived.attributes, &[]),
                derived.into(),
            )
        };
        let built = build(derived);
        if is_valid(&built.0) {
            return Some(built);
        }
        match derivation.reject() {
            Rejection::Replace(replacement) => Some(build(replacement)),
            Rejection::Rewind { .. } => None,
            other => panic!("only batch transactions are poisoned: {other:?}"),
        }
    }

    fn input(&self, block: &L2Block) -> L2BlockInput {
        L2BlockInput {
            block: block.l2_ref(&self.cfg).expect("well-formed"),
            transactions: block.transactions.clone(),
        }
    }
}
