//! A rollup node around the derivation, which checks everything that comes out of it.

use super::{
    engine::{execute, genesis, reference, system_config},
    l1::L1,
};
use alloy_primitives::B256;
use opal_derivation::{
    CriticalReason, Derivation, DerivedAttributes, L1Request, L2BlockInput, PushError, Rejection,
    ResetReason, Start, Step,
    limits::TRACE_EVENTS_MAX,
    sync_start::{Reach, traversal_start},
};
use opal_oracle::{NaiveBlock, Rollup};
use opal_protocol::{L1Id, L2Ref, RollupConfig, deposit::decode_deposit};

/// Answers of the derivation in one script; more than this is no progress.
const STEPS_MAX: usize = 1_000_000;

/// A block of the chain as derived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Derived {
    pub(super) block: NaiveBlock,
    pub(super) reference: L2Ref,
    pub(super) derived_from: L1Id,
}

/// A derivation and the chain that it gave.
#[derive(Clone, Debug)]
pub(super) struct Node {
    rollup: Rollup,
    derivation: Derivation,
    /// From genesis to the pending safe head.
    pub(super) chain: Vec<Derived>,
    /// The L1 blocks that were read, by height.
    read: Vec<L1Id>,
    /// How far back the last start reached.
    reach: Reach,
    /// The L1 block at whose end the last start's safe head was the safe head.
    judged: u64,
    /// Whether to disturb: ask twice, push what nobody asked for, drain at odd times.
    noise: bool,
    steps: usize,
}

impl Node {
    /// A node at genesis.
    pub(super) fn new(rollup: &Rollup, l1: &L1, noise: bool) -> Self {
        let cfg = &rollup.cfg;
        let block = genesis(cfg);
        let reference = reference(cfg, &block);
        let derived_from = l1.at(0).id();
        let chain = vec![Derived {
            block,
            reference,
            derived_from,
        }];
        let config = cfg.genesis.system_config;
        let start = Start {
            safe_head: reference,
            system_config: config,
            l1_base: l1.at(0).as_ref(),
            l1_base_config: config,
            derived_from: None,
        };
        let (l1_chain, upgrades) = (rollup.l1_chain.clone(), rollup.upgrades.clone());
        Self {
            rollup: rollup.clone(),
            derivation: Derivation::new(cfg.clone(), l1_chain, upgrades, start),
            chain,
            read: vec![derived_from],
            reach: Reach::Full,
            judged: 0,
            noise,
            steps: 0,
        }
    }

    /// The newest block.
    pub(super) fn tip(&self) -> &Derived {
        self.chain.last().expect("genesis is always there")
    }

    /// Derives until all of `l1` is read. An error that nothing can heal is given back.
    pub(super) fn run(&mut self, l1: &L1) -> Result<(), Box<CriticalReason>> {
        loop {
            match self.step() {
                Step::Attributes(derived) => self.build(l1, *derived),
                Step::NeedL1(L1Request::Block { number }) => {
                    assert_eq!(
                        self.derivation.safe_head(),
                        self.derivation.pending_safe_head(),
                        "nothing is pending between L1 blocks"
                    );
                    let Some(block) = l1.blocks.get(number as usize) else {
                        return Ok(());
                    };
                    let is_new = number as usize == self.read.len();
                    let newest = self.read.last().expect("genesis was read");
                    let fits = block.header.parent_hash == newest.hash;
                    if is_new && fits {
                        self.read.push(block.id());
                    }
                    self.derivation.push_l1(block.clone()).expect("asked for");
                    let must_reset = is_new && !fits;
                    assert!(!must_reset || matches!(self.derivation.step(), Step::Reset(_)));
                }
                Step::NeedL1(L1Request::Blobs { block, hashes }) => {
                    assert!(!hashes.is_empty());
                    let blobs = hashes.iter().map(|hash| l1.blobs[hash].clone()).collect();
                    let pushed = self.derivation.push_blobs(block.hash, blobs);
                    pushed.expect("asked for");
                }
                Step::NeedL2 { from, to } => self.push_l2(from, to),
                Step::Reset(ResetReason::FrameWithoutStart { block, .. }) => {
                    assert_eq!(
                        self.reach,
                        Reach::Short,
                        "only short starts can be too short"
                    );
                    // That block has not been read to its end.
                    let judged = self.judged.max(block.number - 1);
                    self.restart(l1, judged, Reach::Full);
                }
                Step::Reset(reason) => {
                    let parted = self.read.iter().any(|id| !l1.has(*id));
                    assert!(parted, "a reset without a reorganisation: {reason}");
                    self.restart(l1, u64::MAX, Reach::Short);
                }
                Step::Critical(reason) => return Err(Box::new(reason)),
                Step::Idle => panic!("nothing is out"),
            }
        }
    }

    /// Whether all that was read is canonical.
    pub(super) fn is_on(&self, l1: &L1) -> bool {
        self.read.iter().all(|id| l1.has(*id)) && l1.has(self.derivation.origin().id())
    }

    fn step(&mut self) -> Step {
        self.steps += 1;
        assert!(self.steps < STEPS_MAX, "no progress");
        let step = self.derivation.step();
        let expected = match &step {
            Step::Attributes(_) => Step::Idle,
            step => step.clone(),
        };
        if self.noise {
            self.disturb(&step);
            assert_eq!(
                self.derivation.step(),
                expected,
                "asking again changes nothing"
            );
        }
        if self.noise || self.steps.is_multiple_of(1_000) {
            assert!(self.derivation.drain_trace().len() <= TRACE_EVENTS_MAX + 1);
        }
        step
    }

    /// Pushes what was not asked for.
    fn disturb(&mut self, step: &Step) {
        let refused = Err(PushError::NotRequested);
        let block = opal_protocol::L1Block::default();
        if *step != Step::NeedL1(L1Request::Block { number: 0 }) {
            assert_eq!(self.derivation.push_l1(block), refused);
        }
        assert_eq!(
            self.derivation.push_blobs(B256::repeat_byte(9), vec![]),
            refused
        );
        if !matches!(step, Step::NeedL2 { .. }) {
            assert_eq!(self.derivation.push_l2(vec![]), refused);
        }
    }

    fn push_l2(&mut self, from: u64, to: u64) {
        assert!(from <= to && to <= self.tip().reference.number);
        let input = |derived: &Derived| L2BlockInput {
            block: derived.reference,
            transactions: derived.block.transactions.clone(),
        };
        let wanted = &self.chain[from as usize..=to as usize];
        let wanted = wanted.iter().map(input).collect();
        self.derivation.push_l2(wanted).expect("asked for");
    }

    /// Lets the engine build the attributes or refuse them.
    fn build(&mut self, l1: &L1, derived: DerivedAttributes) {
        self.check(l1, &derived);
        let cfg = self.rollup.cfg.clone();
        let parent = self.tip().block.clone();
        let mut derived = derived;
        let mut block = execute(&cfg, &parent, &derived.attributes);
        if block.is_none() {
            let safe = self.derivation.safe_head();
            match self.derivation.reject() {
                Rejection::Replace(replacement) => {
                    assert!(batch_transactions(&replacement).is_empty());
                    self.check(l1, &replacement);
                    derived = *replacement;
                    block = execute(&cfg, &parent, &derived.attributes);
                }
                Rejection::Rewind { to } => {
                    assert_eq!(to, safe);
                    self.chain.truncate(to.number as usize + 1);
                    assert_eq!(self.tip().reference, to);
                    assert_eq!(self.derivation.pending_safe_head(), to);
                    return;
                }
                other => panic!("batch transactions were refused: {other:?}"),
            }
        }
        let block = block.expect("deposits are valid");
        let reference = reference(&cfg, &block);
        assert_eq!(reference.l1_origin, derived.l1_origin);
        assert_eq!(reference.seq_num, derived.seq_num);
        self.derivation.confirm(reference);
        assert_eq!(self.derivation.pending_safe_head(), reference);
        self.chain.push(Derived {
            block,
            reference,
            derived_from: derived.derived_from.id(),
        });
    }

    /// What must hold of all attributes, whatever L1 holds.
    fn check(&self, l1: &L1, derived: &DerivedAttributes) {
        let cfg: &RollupConfig = &self.rollup.cfg;
        let (parent, origin) = (self.tip().reference, derived.l1_origin);
        assert_eq!(
            derived.parent, parent,
            "attributes build on the pending safe head"
        );
        let time = derived.attributes.payload_attributes.timestamp;
        assert_eq!(
            time,
            parent.time + cfg.block_time,
            "time goes on block by block"
        );
        let advance = origin.number.checked_sub(parent.l1_origin.number);
        let advance = advance.expect("origins never go back");
        assert!(advance <= 1, "no epoch is left out");
        let seq_num = if advance == 1 { 0 } else { parent.seq_num + 1 };
        assert_eq!(derived.seq_num, seq_num);
        assert!(l1.has(origin), "origins are canonical");
        assert!(l1.has(derived.derived_from.id()));
        assert_eq!(derived.derived_from, self.derivation.origin());
        let origin = l1.at(origin.number);
        let origin_time = origin.header.timestamp;
        assert!(time >= origin_time, "no block is older than its origin");
        let from = derived.derived_from.number;
        assert!(
            from > origin.header.number,
            "batches come after their origin"
        );

        let batch = batch_transactions(derived);
        if !batch.is_empty() {
            assert!(
                from <= origin.header.number + cfg.seq_window_size,
                "included in time"
            );
            assert!(
                time <= origin_time + cfg.max_sequencer_drift_at(origin_time),
                "no drift"
            );
        }
        assert!(
            batch
                .iter()
                .all(|tx| tx.first() != Some(&0x7e) && !tx.is_empty())
        );
        assert_eq!(derived.attributes.no_tx_pool, Some(true));

        let transactions = derived
            .attributes
            .transactions
            .as_deref()
            .unwrap_or_default();
        let first = decode_deposit(&transactions[0]).expect("the L1 attributes");
        let info = opal_protocol::L1Info::decode(&first.input).expect("the L1 attributes");
        assert_eq!((info.origin(), info.seq_num), (origin.id(), seq_num));
        if advance == 1 {
            assert!(
                transactions[1..].starts_with(&origin.deposits),
                "no deposit is lost"
            );
        }
    }

    /// Starts anew from what was safe at the end of the newest canonical L1 block at or below
    /// height `at_most`.
    pub(super) fn restart(&mut self, l1: &L1, at_most: u64, reach: Reach) {
        let cfg = self.rollup.cfg.clone();
        let common = |id: &&L1Id| id.number <= at_most && l1.has(**id);
        let newest = *self.read.iter().rfind(common).expect("genesis was read");
        self.read.truncate(newest.number as usize + 1);
        self.chain
            .retain(|derived| derived.derived_from.number <= newest.number);
        let safe = self.tip().clone();
        let origin = l1.at(safe.reference.l1_origin.number);
        let base = traversal_start(&cfg, &safe.reference, origin.header.timestamp, reach);
        (self.reach, self.judged) = (reach, newest.number);
        let of_base = |derived: &&Derived| derived.reference.l1_origin.number == base;
        let of_base = self
            .chain
            .iter()
            .find(of_base)
            .expect("every origin has a block");
        self.derivation.reset(Start {
            safe_head: safe.reference,
            system_config: system_config(&cfg, &safe.block),
            l1_base: l1.at(base).as_ref(),
            l1_base_config: system_config(&cfg, &of_base.block),
            derived_from: Some(newest),
        });
    }
}

/// The transactions that are no deposits.
fn batch_transactions(derived: &DerivedAttributes) -> &[alloy_primitives::Bytes] {
    let transactions = derived
        .attributes
        .transactions
        .as_deref()
        .unwrap_or_default();
    let is_deposit = |tx: &&alloy_primitives::Bytes| tx.first() == Some(&0x7e);
    let deposits = transactions.iter().take_while(is_deposit).count();
    &transactions[deposits..]
}
