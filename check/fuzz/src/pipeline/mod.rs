//! The whole pipeline: L1 blocks of every kind in, and the chain that comes out is the one that a
//! naive derivation gives.
//!
//! A script chooses the chain and its forks, lets a sequencer and a batcher act, mines L1 blocks,
//! reorganises L1 and restarts the node. Four chains must be equal in the end: that of the node that
//! lived through the script, that of a fresh node which is handed all of L1 at once, that of the
//! oracle, and (as far as both go) the one of a node that restarts in the middle.

mod batcher;
mod engine;
mod l1;
mod node;
mod script;

use crate::{input::Input, rollup};
use alloy_primitives::Bytes;
use l1::{Content, L1, Outline};
use node::Node;
use opal_derivation::{AttributesError, CriticalReason, sync_start::Reach};
use opal_oracle::{DeriveError, Rollup, SafeChain};
use opal_protocol::{Fork, L1ChainConfig, UpgradeBundle, UpgradeTx, Upgrades};
use script::World;
use std::sync::Arc;

/// Forks with upgrade transactions.
const UPGRADING: [Fork; 5] = [
    Fork::Ecotone,
    Fork::Fjord,
    Fork::Isthmus,
    Fork::Jovian,
    Fork::Karst,
];

/// A script for L1, the batcher, and the node.
pub fn pipeline(data: &[u8]) {
    let mut input = Input::new(data);
    let rollup = rollup(&mut input);
    let mut world = World::new(rollup.clone());
    let lived = world.play(&mut input);
    let World { l1, mut node, .. } = world;

    let oracle_input = opal_oracle::Input {
        rollup: &rollup,
        l1: &l1.naive,
        blobs: &l1.blobs,
    };
    let expected = opal_oracle::derive(&oracle_input, |parent, attributes| {
        engine::execute(&rollup.cfg, parent, attributes)
    });
    if let Err(error) = &lived {
        return check_stuck(error, expected.as_ref().err());
    }
    let expected = expected.unwrap_or_else(|e| panic!("the oracle is stuck and we are not: {e}"));
    assert!(node.is_on(&l1));
    check_chain(&node, &expected, "the node that lived through it");

    let mut fresh = Node::new(&rollup, &l1, true);
    fresh.run(&l1).expect("as before");
    check_chain(&fresh, &expected, "a fresh node");
    assert_eq!(
        fresh.chain.last().map(|b| &b.block),
        node.chain.last().map(|b| &b.block)
    );

    let height = l1.blocks.len() as u64 / 2;
    for reach in [Reach::Full, Reach::Short] {
        node.restart(&l1, height, reach);
        node.run(&l1).expect("as before");
        check_chain(&node, &expected, "a node that starts in the middle");
    }
}

/// A chain whose forks all have upgrade transactions, save one at times.
fn rollup(input: &mut Input<'_>) -> Rollup {
    let mut cfg = rollup::config(input);
    let mut l1 = L1::default();
    l1.mine(&cfg, Content::default(), Outline::default());
    cfg.genesis.l1 = l1.at(0).id();
    let mut upgrades = Upgrades::none();
    let missing = input.u8();
    for (index, fork) in UPGRADING.into_iter().enumerate() {
        if usize::from(missing) == 250 + index {
            continue;
        }
        let tx = UpgradeTx {
            data: Bytes::from_static(&[7]),
            from: rollup::BATCHER,
            gas_limit: 1_000,
            intent: "Something".to_owned(),
            to: None,
        };
        upgrades.insert(UpgradeBundle {
            fork,
            transactions: vec![tx],
        });
    }
    Rollup {
        l1_chain: L1ChainConfig::dev(cfg.l1_chain_id),
        cfg: Arc::new(cfg),
        upgrades: Arc::new(upgrades),
    }
}

/// Only a missing bundle may stop a derivation, and it stops both.
fn check_stuck(ours: &CriticalReason, theirs: Option<&DeriveError>) {
    match (ours, theirs) {
        (
            CriticalReason::Attributes(_, AttributesError::MissingBundle { fork, .. }),
            Some(DeriveError::MissingBundle { fork: expected }),
        ) => assert_eq!(fork, expected),
        _ => panic!("stuck: {ours}; the oracle: {theirs:?}"),
    }
}

/// The node's chain is the expected one, block by block.
fn check_chain(node: &Node, expected: &SafeChain, who: &str) {
    for (ours, theirs) in node.chain.iter().zip(&expected.blocks) {
        let number = theirs.block.number;
        assert_eq!(ours.block, theirs.block, "{who}: L2 block {number}");
        assert_eq!(
            ours.reference.l1_origin, theirs.origin,
            "{who}: L2 block {number}"
        );
        assert_eq!(
            ours.derived_from, theirs.derived_from,
            "{who}: L2 block {number}"
        );
    }
    assert_eq!(node.chain.len(), expected.blocks.len(), "{who}: length");
}
