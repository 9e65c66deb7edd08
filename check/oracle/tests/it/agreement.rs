//! Both derivations read the same random L1 chains and must come to the same blocks, by the same
//! attributes, at the same L1 blocks.

use crate::{batcher::World, toy};
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use opal_derivation::{Derivation, L1Request, L2BlockInput, Rejection, Start, Step, Trace};
use opal_oracle::{Input, NaiveBlock, NaiveDerivation, NaiveL1Block, SafeBlock, SafeChain, derive};
use opal_protocol::{Fork, L1Id, L2Ref, RollupConfig};
use std::{env, sync::Arc};

/// The fast derivation with what it derived.
struct Fast {
    derivation: Derivation,
    /// As the naive derivation keeps its blocks, from genesis on.
    chain: Vec<SafeBlock>,
    /// What it said about the newest L1 block.
    trace: Vec<Trace>,
}

impl Fast {
    fn new(world: &World, genesis: SafeBlock) -> Self {
        let cfg = world.rollup.cfg.clone();
        let config = cfg.genesis.system_config;
        let start = Start {
            safe_head: l2_ref(&genesis),
            system_config: config,
            l1_base: world.parsed[0].as_ref(),
            l1_base_config: config,
            derived_from: None,
        };
        let rollup = world.rollup.clone();
        Self {
            derivation: Derivation::new(cfg, rollup.l1_chain, rollup.upgrades, start),
            chain: vec![genesis],
            trace: vec![],
        }
    }

    /// Reads the newest L1 block to its end.
    fn read(&mut self, world: &World) {
        let cfg = &world.rollup.cfg;
        let newest = world.parsed.last().unwrap();
        loop {
            match self.derivation.step() {
                Step::NeedL1(L1Request::Block { number }) if number == newest.header.number => {
                    self.derivation.push_l1(newest.clone()).unwrap();
                }
                Step::NeedL1(L1Request::Block { .. }) => break,
                Step::NeedL1(L1Request::Blobs { block, hashes }) => {
                    let blobs = hashes.iter().map(|hash| world.blobs[hash].clone());
                    self.derivation
                        .push_blobs(block.hash, blobs.collect())
                        .unwrap();
                }
                Step::NeedL2 { from, to } => {
                    let genesis = cfg.genesis.l2.number;
                    let heights = (from - genesis) as usize..=(to - genesis) as usize;
                    let blocks = self.chain[heights].iter().map(l2_input).collect();
                    self.derivation.push_l2(blocks).unwrap();
                }
                Step::Attributes(derived) => {
                    let parent = self.chain.last().unwrap().block.clone();
                    assert_eq!(derived.parent.hash, parent.hash);
                    if let Some(block) = toy::execute(cfg, &parent, &derived.attributes) {
                        self.confirm(block, *derived);
                        continue;
                    }
                    match self.derivation.reject() {
                        Rejection::Replace(derived) => {
                            let block = toy::execute(cfg, &parent, &derived.attributes).unwrap();
                            self.confirm(block, *derived);
                        }
                        Rejection::Rewind { to } => {
                            let height = to.number - cfg.genesis.l2.number;
                            self.chain.truncate(height as usize + 1);
                        }
                        other => panic!("{other:?}"),
                    }
                }
                step => panic!("{step:?}"),
            }
        }
        self.trace = self.derivation.drain_trace();
    }

    fn confirm(&mut self, block: NaiveBlock, derived: opal_derivation::DerivedAttributes) {
        let block = SafeBlock {
            block,
            origin: derived.l1_origin,
            sequence_number: derived.seq_num,
            derived_from: L1Id {
                hash: derived.derived_from.hash,
                number: derived.derived_from.number,
            },
            attributes: Some(derived.attributes),
        };
        self.derivation.confirm(l2_ref(&block));
        self.chain.push(block);
    }
}

fn l2_ref(block: &SafeBlock) -> L2Ref {
    L2Ref {
        hash: block.block.hash,
        number: block.block.number,
        parent_hash: block.block.parent_hash,
        time: block.block.time,
        l1_origin: block.origin,
        seq_num: block.sequence_number,
    }
}

fn l2_input(block: &SafeBlock) -> L2BlockInput {
    L2BlockInput {
        block: l2_ref(block),
        transactions: block.block.transactions.clone(),
    }
}

/// What a run had in it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) blocks: usize,
    pub(crate) with_batch: usize,
    pub(crate) replaced: usize,
}

/// Lets both derivations read the random L1 chain of a seed, block by block.
fn run(seed: u64, oldest: Fork, l1_blocks: usize) -> Figures {
    let mut world = World::new(seed, oldest);
    let rollup = world.rollup.clone();
    let cfg: &RollupConfig = &rollup.cfg;
    let mut naive = NaiveDerivation::new(rollup.clone());
    let genesis = (*naive.safe_chain().blocks[0]).clone();
    let mut fast = Fast::new(&world, genesis);
    let mut figures = Figures::default();
    let mut compared = 0;
    let mut execute = |parent: &NaiveBlock, attributes: &OpPayloadAttributes| {
        let block = toy::execute(cfg, parent, attributes);
        figures.replaced += usize::from(block.is_none());
        block
    };
    for index in 0..l1_blocks {
        if index > 0 {
            world.mine(&naive.safe_chain());
        }
        let newest = world.l1.last().unwrap().clone();
        naive
            .read_l1_block(newest, &world.blobs, &mut execute)
            .unwrap();
        fast.read(&world);
        let expected = naive.safe_chain().blocks;
        // What was safe already has been compared.
        for (expected, got) in expected.iter().zip(&fast.chain).skip(compared) {
            let at = format!(
                "seed {seed}, L1 block {index}, L2 block {}",
                got.block.number
            );
            assert_eq!(expected.origin, got.origin, "{at}: origin");
            assert_eq!(expected.attributes, got.attributes, "{at}: attributes");
            assert_eq!(**expected, *got, "{at}");
        }
        let lengths = (expected.len(), fast.chain.len());
        assert_eq!(
            lengths.0,
            lengths.1,
            "seed {seed}, L1 block {index}: blocks of naive, fast; the naive head {:?}; the fast one said {:?}",
            expected.last(),
            fast.trace,
        );
        compared = expected.len();
    }
    assert_converted_blocks_do(&world, &naive.safe_chain());
    let is_sequenced = |block: &&SafeBlock| {
        let mut transactions = block.block.transactions.iter();
        transactions.any(|tx| !toy::is_deposit(tx))
    };
    figures.blocks = fast.chain.len();
    figures.with_batch = fast.chain.iter().filter(is_sequenced).count();
    figures
}

/// Asserts that the L1 blocks of the fast derivation, converted, give the same chain.
fn assert_converted_blocks_do(world: &World, expected: &SafeChain) {
    let cfg = &world.rollup.cfg;
    let convert = |block| Arc::new(NaiveL1Block::from_parsed(cfg, block));
    let l1: Vec<_> = world.parsed.iter().map(convert).collect();
    let input = Input {
        rollup: &world.rollup,
        l1: &l1,
        blobs: &world.blobs,
    };
    let got = derive(&input, |parent, attributes| {
        toy::execute(cfg, parent, attributes)
    });
    assert_eq!(got.unwrap().hashes(), expected.hashes());
}

/// Runs the seeds from 0 on: as many as `ORACLE_SEEDS` says, or few enough for a daily test; or only
/// the one that `ORACLE_SEED` names.
fn run_all(oldest: Fork) {
    let number = |name| {
        env::var(name)
            .ok()
            .map(|value| value.parse::<u64>().unwrap())
    };
    let seeds = match number("ORACLE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("ORACLE_SEEDS").unwrap_or(20),
    };
    let count = seeds.end - seeds.start;
    let mut total = Figures::default();
    for seed in seeds {
        let figures = run(seed, oldest, 90);
        total.blocks += figures.blocks;
        total.with_batch += figures.with_batch;
        total.replaced += figures.replaced;
    }
    println!("{oldest}: {total:?}");
    let is_rich = total.with_batch > total.blocks / 20 && total.replaced > 0;
    assert!(is_rich || count < 20, "{total:?}");
}

#[test]
fn they_agree_from_holocene_on() {
    run_all(Fork::Holocene);
}

#[test]
fn they_agree_from_bedrock_on() {
    run_all(Fork::Bedrock);
}

#[test]
fn they_agree_from_canyon_on() {
    run_all(Fork::Canyon);
}

#[test]
fn they_agree_from_delta_on() {
    run_all(Fork::Delta);
}

#[test]
fn they_agree_from_granite_on() {
    run_all(Fork::Granite);
}
