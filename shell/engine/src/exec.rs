//! From a parent's state to an executed block: the rules of `opal-execution` joined to our state
//! trie.

use crate::{
    block::{ChainBlock, ExecutedBlock},
    store::{BlockBody, Layer},
    view::{StateView, ViewError},
};
use alloy_consensus::Header;
use alloy_primitives::{B256, keccak256};
use opal_execution::{
    BlockBuilder, BuiltBlock, ChainConfig, InvalidBlock, Roots, Severity, StateDiff, VerifiedTx,
    execute_block, header::check_roots,
};
use opal_protocol::{Fork, predeploys::L2_TO_L1_MESSAGE_PASSER};
use opal_trie::{NodeChanges, StateTrie, StateUpdate};
use std::sync::Arc;

/// Resident nodes above which a state trie is not handed on to the next block.
const RESIDENT_NODES_MAX: usize = 400_000;
/// Heights at which the resident nodes are counted.
const RESIDENT_CHECK_BLOCKS: u64 = 64;

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
    let executed = execute_block(
        chain,
        parent,
        &header,
        &transactions,
        withdrawals.as_ref().map(|w| w.as_slice()),
        state,
    )?;
    let mut work = RootWork::new(state, &header)?;
    let roots = work.roots(chain, header.timestamp, &executed.diff)?;
    check_roots(chain, &header, &roots)?;
    let (senders, encoded) = transactions
        .into_iter()
        .map(|tx| (tx.sender, tx.encoded))
        .unzip();
    let body = BlockBody {
        transactions: encoded,
        senders,
        withdrawals,
    };
    let block = Arc::new(ChainBlock::new(hash, header, body, executed.receipts));
    Ok(work.finish(block, executed.diff))
}

/// Closes a builder into an executed block.
pub(crate) fn seal(
    chain: &ChainConfig,
    state: &StateView,
    parent: &Header,
    timestamp: u64,
    builder: BlockBuilder<&StateView>,
) -> Result<ExecutedBlock, ExecError> {
    let mut work = RootWork::new(state, parent)?;
    let built: BuiltBlock = builder.finish(|diff| work.roots(chain, timestamp, diff))?;
    let (senders, encoded) = built
        .transactions
        .into_iter()
        .map(|tx| (tx.sender, tx.encoded))
        .unzip();
    let withdrawals = built.withdrawals.map(Into::into);
    let body = BlockBody {
        transactions: encoded,
        senders,
        withdrawals,
    };
    let (hash, header, receipts) = (built.hash, built.header, built.executed.receipts);
    let block = Arc::new(ChainBlock::new(hash, header, body, receipts));
    Ok(work.finish(block, built.executed.diff))
}

/// The trie's part of a block.
struct RootWork<'a> {
    state: &'a StateView,
    trie: StateTrie,
    update: StateUpdate,
    nodes: NodeChanges,
}

impl<'a> RootWork<'a> {
    fn new(state: &'a StateView, header: &Header) -> Result<Self, ExecError> {
        let mut trie = state.trie()?;
        if header.number.is_multiple_of(RESIDENT_CHECK_BLOCKS)
            && trie.resident_nodes() > RESIDENT_NODES_MAX
        {
            trie = StateTrie::new(trie.root());
        }
        Ok(Self {
            state,
            trie,
            update: StateUpdate::new(),
            nodes: NodeChanges::default(),
        })
    }

    fn roots(
        &mut self,
        chain: &ChainConfig,
        timestamp: u64,
        diff: &StateDiff,
    ) -> Result<Roots, ExecError> {
        self.update = diff.hashed();
        self.nodes = self.trie.update(self.state, &self.update)?;
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
            trie: self.trie,
        }
    }
}
