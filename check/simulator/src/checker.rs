//! What must hold at every step, and what must hold once everything has healed.
//!
//! The yardstick is the oracle: a derivation from genesis along the same L1. After every event the
//! node concerned is held against it.

use crate::{
    engine::Store,
    world::{SEQUENCER, World},
};
use alloy_primitives::B256;
use opal_protocol::L2Ref;
use opal_rollup::Heads;
use std::fmt;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When, in milliseconds since genesis.
    pub at_ms: u64,
    /// L1 slot.
    pub slot: u64,
    /// What.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "at {} ms (L1 slot {}): {}",
            self.at_ms, self.slot, self.what
        )
    }
}

/// What a verdict depends on: as long as it is the same, the verdict stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    heads: Heads,
    finalized_l1: B256,
    /// Tips of the L1 chains that the safe head may follow from.
    tips: Vec<B256>,
}

/// Holds a node against the oracle.
pub(crate) fn check_node(world: &mut World, index: usize) -> Result<(), Violation> {
    let caught_up = world.nodes[index].take_caught_up();
    if let Some(problem) = world.nodes[index].broken() {
        return Err(world.violation(format!("node {index} cannot go on: {problem}")));
    }
    let Some(heads) = world.nodes[index].heads().copied() else {
        return Ok(());
    };
    let tips = tips(world, index);
    let state = Some(Checked {
        heads,
        finalized_l1: world.l1.finalized().hash,
        tips,
    });
    if world.checked[index] != state {
        world.figures.checks += 1;
        check_order(world, index, &heads)?;
        check_finalized(world, index, &heads)?;
        check_safe(world, index, &heads.safe)?;
        world.checked[index] = state;
    }
    check_naive(world)?;
    let Some(l1) = caught_up else { return Ok(()) };
    let expected = world
        .oracle
        .after(&world.l1, &mut world.store, l1.hash)
        .safe_head();
    if heads.safe != expected {
        let what = format!(
            "node {index} has read L1 up to {l1} and is safe at {}, a derivation from genesis at {expected}",
            heads.safe
        );
        return Err(world.violation(what));
    }
    Ok(())
}

/// The naive derivation found nothing else than the fast one.
pub(crate) fn check_naive(world: &World) -> Result<(), Violation> {
    match world.oracle.disagreement() {
        Some(problem) => Err(world.violation(problem.clone())),
        None => Ok(()),
    }
}

/// finalized, safe, pending safe and unsafe are one chain.
fn check_order(world: &World, index: usize, heads: &Heads) -> Result<(), Violation> {
    let order = [
        ("finalized", heads.finalized),
        ("safe", heads.safe),
        ("pending safe", heads.pending_safe),
        ("unsafe", heads.unsafe_head),
    ];
    for [(lower_name, lower), (upper_name, upper)] in order.array_windows() {
        if !is_ancestor(&world.store, lower, upper) {
            let what = format!(
                "node {index}: {lower_name} {lower} is not an ancestor of {upper_name} {upper}"
            );
            return Err(world.violation(what));
        }
    }
    Ok(())
}

fn is_ancestor(store: &Store, lower: &L2Ref, upper: &L2Ref) -> bool {
    let mut hash = upper.hash;
    for _ in lower.number..upper.number {
        match store.get(&hash) {
            Some(block) => hash = block.header.parent_hash,
            None => return false,
        }
    }
    hash == lower.hash
}

/// What is final was derived from final L1 blocks.
fn check_finalized(world: &mut World, index: usize, heads: &Heads) -> Result<(), Violation> {
    let l1 = world.l1.finalized();
    let after = world.oracle.after(&world.l1, &mut world.store, l1.hash);
    if after.contains(&heads.finalized) {
        return Ok(());
    }
    let what = format!(
        "node {index} finalized {}, which does not follow from final L1 blocks (up to {l1})",
        heads.finalized
    );
    Err(world.violation(what))
}

/// Tips of the L1 chains that the node may be following: the chain of the block it reads, canonical
/// or a fork that it has not left yet, and, between the search for heads and the first time that
/// derivation has caught up, the L1 of the search, which the safe head rests on.
fn tips(world: &World, index: usize) -> Vec<B256> {
    let node = &world.nodes[index];
    let reading = node
        .origin()
        .map(|origin| world.l1.tip_through(origin.id()));
    reading.into_iter().chain(node.searched_at()).collect()
}

/// The safe head is part of the chain that follows from the L1 that the node is reading.
fn check_safe(world: &mut World, index: usize, safe: &L2Ref) -> Result<(), Violation> {
    let tips = tips(world, index);
    for tip in &tips {
        if world
            .oracle
            .after(&world.l1, &mut world.store, *tip)
            .contains(safe)
        {
            return Ok(());
        }
    }
    let Some(tip) = tips.first() else {
        return Ok(());
    };
    let expected = world
        .oracle
        .after(&world.l1, &mut world.store, *tip)
        .safe_head();
    let what = format!(
        "node {index} is safe at {safe}, which a derivation from genesis up to L1 block {tip} does not know (it ends at {expected})"
    );
    Err(world.violation(what))
}

/// After the liveness phase: both nodes are at the end of the safe chain, the sequencer builds in
/// time, and what it builds becomes safe by the batcher's work.
pub(crate) fn check_healed(world: &mut World) -> Result<(), Violation> {
    let head = world.l1.head().clone();
    let snapshot = world
        .oracle
        .after(&world.l1, &mut world.store, head.hash)
        .clone();
    let fail = |world: &World, what: String| Err(world.violation(format!("not healed: {what}")));
    if world.oracle.from_scratch(&world.l1, &mut world.store) != snapshot.chain() {
        return fail(world, "two derivations from genesis differ".to_string());
    }
    if !world.plan.keeps_up {
        return Ok(());
    }
    let slack = 3 * world.plan.l1_block_time;
    for index in 0..world.nodes.len() {
        let Some(heads) = world.nodes[index].heads().copied() else {
            return fail(
                world,
                format!("node {index} is down or looks for its heads"),
            );
        };
        // The newest L1 blocks may be on their way to the node, or being derived.
        let current = world.nodes[index].current_l1();
        if !snapshot.contains(&heads.safe) || current.number + 3 < head.header.number {
            let what = format!(
                "node {index} has read L1 up to {current} and is safe at {}",
                heads.safe
            );
            return fail(world, what);
        }
        if index == SEQUENCER && heads.unsafe_head.time + slack < world.now() {
            let behind = world.now() - heads.unsafe_head.time;
            return fail(world, format!("the sequencer is {behind} seconds behind"));
        }
    }
    check_batcher(world, snapshot.safe_head(), snapshot.chain())
}

fn check_batcher(world: &mut World, safe: L2Ref, chain: &[B256]) -> Result<(), Violation> {
    let has_batch_txs = |hash: &B256| {
        let block = &world.store[hash];
        block
            .transactions
            .iter()
            .any(|tx| tx.first() != Some(&0x7e))
    };
    let full = chain.iter().filter(|hash| has_batch_txs(hash)).count() as u64;
    world.figures.full_blocks = full;
    let plan = &world.plan;
    let duration = plan.submission.max_channel_duration + plan.batcher.confirmations;
    let slots = 2 * duration + plan.sequencer_confirmations + 6;
    let lag = world.now().saturating_sub(safe.time);
    if lag > slots * plan.l1_block_time {
        let backlog = world.batcher.as_ref().map(|b| b.status());
        let what = format!(
            "not healed: the safe head {safe} is {lag} seconds old, {slots} L1 slots are allowed; batcher {backlog:?}"
        );
        return Err(world.violation(what));
    }
    let recent = &chain[chain.len().saturating_sub(20)..];
    if !recent.iter().any(has_batch_txs) {
        let what = "not healed: no batch transaction in the last 20 safe blocks".to_string();
        return Err(world.violation(what));
    }
    Ok(())
}
