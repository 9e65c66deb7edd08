//! From a parent's state to an executed block: the rules of `opal-execution` joined to our state
//! trie.

use crate::{
    block::{ChainBlock, ExecutedBlock},
    cores::on_all_cores,
    held::HeldTrie,
    keys::Keys,
    preload::{Watched, preloading},
    store::{BlockBody, Layer},
    view::{StateView, ViewError},
};
use alloy_consensus::Header;
use alloy_primitives::{B256, keccak256};
use opal_execution::{
    BlockBuilder, BuiltBlock, ChainConfig, InvalidBlock, Roots, Severity, StateDiff, VerifiedTx,
    check_execution, header::check_roots, run_block,
};
use opal_protocol::{Fork, predeploys::L2_TO_L1_MESSAGE_PASSER};
use opal_trie::{NodeChanges, StateTrie, StateUpdate, Task};
use rayon::prelude::*;
use std::{sync::Arc, time::Instant};
use tracing::debug;

/// Resident nodes above which the deep ones are forgotten.
const RESIDENT_NODES_MAX: usize = 400_000;
/// Nibbles below which nodes are forgotten then: what lies above is needed by every block.
const RESIDENT_DEPTH: usize = 3;
/// Heights at which the resident nodes are counted.
const RESIDENT_CHECK_BLOCKS: u64 = 64;

/// Transactions from which on a second thread loads trie nodes during execution.
pub(crate) const PRELOAD_MIN: usize = 8;

/// Target of events that say how long something took, in fields that end in `_ms`.
pub(crate) const TIMING: &str = "opal_engine::timing";

/// Milliseconds since `start`.
pub(crate) fn millis(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

/// Why there is no executed block.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExecError {
    /// The block is invalid.
    #[error(transparent)]
    Invalid(InvalidBlock),
    /// Nothing is known about the block: our state failed.
    #[error("{0}")]
    Engine(String),
}

impl From<InvalidBlock> for ExecError {
    fn from(error: InvalidBlock) -> Self {
        match error.severity() {
            Severity::Invalid => Self::Invalid(error),
            Severity::Temporary => Self::Engine(error.to_string()),
        }
    }
}

impl From<ViewError> for ExecError {
    fn from(error: ViewError) -> Self {
        Self::Engine(error.to_string())
    }
}

impl From<opal_trie::TrieError> for ExecError {
    fn from(error: opal_trie::TrieError) -> Self {
        Self::Engine(error.to_string())
    }
}

/// A block that somebody else built, not yet executed.
#[derive(Clone, Debug)]
pub(crate) struct PendingBlock {
    pub(crate) hash: B256,
    pub(crate) header: Header,
    pub(crate) transactions: Vec<VerifiedTx>,
    pub(crate) withdrawals: Option<alloy_eips::eip4895::Withdrawals>,
}

/// Executes a block on its parent's state and checks all of its header.
pub(crate) fn execute(
    chain: &ChainConfig,
    state: &StateView,
    parent: &Header,
    block: PendingBlock,
) -> Result<ExecutedBlock, ExecError> {
    let PendingBlock {
        hash,
        header,
        transactions,
        withdrawals,
    } = block;
    let started = Instant::now();
    let held = state.held_trie()?;
    let trie = without_deep_nodes(held.take(), &header);
    let many = transactions.len() >= PRELOAD_MIN;
    let list = withdrawals.as_ref().map(|w| w.as_slice());
    let keys = Keys::default();
    let (executed, trie) = preloading(state, &keys, trie, many, |reader, trie| {
        let executed = run_block(chain, parent, &header, &transactions, list, reader);
        (executed, trie.into_trie())
    });
    let executed = match executed {
        Ok(executed) => executed,
        Err(error) => {
            // Somebody will build a block that is valid.
            held.give_back(trie);
            return Err(error.into());
        }
    };
    let execution_ms = millis(started);
    let started = Instant::now();
    let mut work = RootWork::new(state, trie, keys.hashed(&executed.diff));
    let (checked, roots) = on_all_cores(|| {
        rayon::join(
            || check_execution(chain, &header, &executed),
            || work.roots(chain, header.timestamp),
        )
    });
    checked?;
    check_roots(chain, &header, &roots?)?;
    debug!(target: TIMING, execution_ms, root_ms = millis(started), "block executed");
    let body = BlockBody::of(transactions, withdrawals);
    let block = Arc::new(ChainBlock::new(hash, header, body, executed.receipts));
    Ok(work.finish(block, executed.diff))
}

/// Closes a builder into an executed block. `trie` is that of the parent, `keys` are what was read.
pub(crate) fn seal(
    chain: &ChainConfig,
    state: &StateView,
    timestamp: u64,
    trie: StateTrie,
    keys: &Keys,
    builder: BlockBuilder<Watched<'_>>,
) -> Result<ExecutedBlock, ExecError> {
    let started = Instant::now();
    let mut work = RootWork::new(state, trie, StateUpdate::new());
    let roots = |diff: &StateDiff| {
        work.update = keys.hashed(diff);
        on_all_cores(|| work.roots(chain, timestamp))
    };
    let built: BuiltBlock = builder.finish(roots)?;
    debug!(target: TIMING, seal_ms = millis(started), "block built");
    let body = BlockBody::of(built.transactions, built.withdrawals.map(Into::into));
    let (hash, header, receipts) = (built.hash, built.header, built.executed.receipts);
    let block = Arc::new(ChainBlock::new(hash, header, body, receipts));
    Ok(work.finish(block, built.executed.diff))
}

/// The state trie of the parent of a block, without deep nodes if there are too many; `header` is
/// that of either block.
pub(crate) fn without_deep_nodes(mut trie: StateTrie, header: &Header) -> StateTrie {
    if header.number.is_multiple_of(RESIDENT_CHECK_BLOCKS)
        && trie.resident_nodes() > RESIDENT_NODES_MAX
    {
        trie.evict(RESIDENT_DEPTH);
    }
    trie
}

/// The trie's part of a block.
struct RootWork<'a> {
    state: &'a StateView,
    trie: StateTrie,
    update: StateUpdate,
    nodes: NodeChanges,
}

impl<'a> RootWork<'a> {
    fn new(state: &'a StateView, trie: StateTrie, update: StateUpdate) -> Self {
        Self {
            state,
            trie,
            update,
            nodes: NodeChanges::default(),
        }
    }

    fn roots(&mut self, chain: &ChainConfig, timestamp: u64) -> Result<Roots, ExecError> {
        let trie = std::mem::replace(&mut self.trie, StateTrie::new(B256::ZERO));
        (self.trie, self.nodes) = trie.updated(self.state, &self.update, |tasks| {
            tasks.par_iter_mut().for_each(Task::run);
        })?;
        let message_passer_storage_root = if chain.is_op_active(Fork::Isthmus, timestamp) {
            self.trie
                .storage_root(self.state, keccak256(L2_TO_L1_MESSAGE_PASSER))?
        } else {
            B256::ZERO
        };
        Ok(Roots {
            state_root: self.trie.root(),
            message_passer_storage_root,
        })
    }

    fn finish(self, block: Arc<ChainBlock>, diff: StateDiff) -> ExecutedBlock {
        let layer = Layer {
            state: self.update,
            code: diff.code,
            nodes: self.nodes,
        };
        ExecutedBlock {
            block,
            layer,
            trie: HeldTrie::new(self.trie),
        }
    }
}
