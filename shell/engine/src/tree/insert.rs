//! Blocks coming in: judged once, kept until they are flushed or abandoned.

use super::{SIDE_BLOCKS_DEPTH, Tree, UNFLUSHED_MAX};
use crate::{
    block::ExecutedBlock,
    exec::{ExecError, PendingBlock, execute},
    view::ViewError,
};
use alloy_primitives::B256;
use std::{collections::BTreeMap, sync::Arc};
use tracing::{debug, warn};

/// Blocks that may be executed again to reach the state of an abandoned one.
const REVIVE_BLOCKS_MAX: usize = 1_024;

/// The verdict on a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum InsertOutcome {
    /// It is valid.
    Valid,
    /// It is invalid, or descends from an invalid block.
    Invalid {
        /// Its newest valid ancestor, if that is known.
        latest_valid: Option<B256>,
        /// What is wrong.
        reason: String,
    },
    /// Its parent is not known: the block waits for it.
    ParentUnknown,
    /// We could not tell.
    Failed(String),
}

impl Tree {
    pub(super) fn insert(&mut self, block: PendingBlock) -> InsertOutcome {
        let waits = |ready: &PendingBlock| {
            ready.hash == block.hash || ready.hash == block.header.parent_hash
        };
        if self.ready.iter().any(waits) {
            self.judge_all_ready();
        }
        self.judge(block)
    }

    fn judge(&mut self, block: PendingBlock) -> InsertOutcome {
        let hash = block.hash;
        let outcome = match self.try_insert(block) {
            Ok(outcome) => outcome,
            Err(problem) => InsertOutcome::Failed(problem),
        };
        if matches!(
            outcome,
            InsertOutcome::Valid | InsertOutcome::Invalid { .. }
        ) {
            self.ready.extend(self.buffer.take_children(&hash));
        }
        outcome
    }

    /// Judges one block whose parent came; the head moves if a fork choice waits for it.
    pub(super) fn judge_ready(&mut self) {
        let Some(block) = self.ready.pop_front() else {
            return;
        };
        let (hash, number) = (block.hash, block.header.number);
        let outcome = self.judge(block);
        debug!(%hash, number, ?outcome, "block that waited for its parent");
        if let Some(state) = self.wanted
            && state.head_block_hash == hash
            && let Err(error) = self.forkchoice(&state)
        {
            warn!(%hash, %error, "the head does not move to the block that waited");
        }
    }

    pub(super) fn judge_all_ready(&mut self) {
        while !self.ready.is_empty() {
            self.judge_ready();
        }
    }

    /// A block whose body cannot be read. Its header's hash commits to that body.
    pub(super) fn reject(&mut self, hash: B256, parent: B256, reason: String) -> InsertOutcome {
        let latest_valid = match self.invalid.get(&parent) {
            Some((latest_valid, _)) => latest_valid,
            None => match self.view().header(&parent) {
                Ok(header) => header.map(|_| parent),
                Err(error) => return InsertOutcome::Failed(error.to_string()),
            },
        };
        warn!(%hash, %reason, "block is invalid");
        self.invalid.add(hash, latest_valid, reason.clone());
        self.ready.extend(self.buffer.take_children(&hash));
        InsertOutcome::Invalid {
            latest_valid,
            reason,
        }
    }

    fn try_insert(&mut self, block: PendingBlock) -> Result<InsertOutcome, String> {
        let view = self.view();
        if view
            .header(&block.hash)
            .map_err(|e| e.to_string())?
            .is_some()
        {
            return Ok(InsertOutcome::Valid);
        }
        if let Some((latest_valid, reason)) = self.invalid.get(&block.hash) {
            return Ok(InsertOutcome::Invalid {
                latest_valid,
                reason,
            });
        }
        let parent_hash = block.header.parent_hash;
        if let Some((latest_valid, _)) = self.invalid.get(&parent_hash) {
            let reason = format!("parent {parent_hash} is invalid");
            self.invalid.add(block.hash, latest_valid, reason.clone());
            return Ok(InsertOutcome::Invalid {
                latest_valid,
                reason,
            });
        }
        let Some(parent) = view.header(&parent_hash).map_err(|e| e.to_string())? else {
            self.buffer.add(block);
            return Ok(InsertOutcome::ParentUnknown);
        };
        self.make_room();
        if let Some(problem) = self.no_room() {
            return Err(problem);
        }
        self.ensure_state(parent_hash)?;
        let state = self
            .view()
            .state_at(parent_hash)
            .map_err(|e| e.to_string())?
            .through_cache();
        let (hash, number) = (block.hash, block.header.number);
        match execute(&self.chain, &state, &parent, block) {
            Ok(executed) => {
                self.add(Arc::new(executed));
                Ok(InsertOutcome::Valid)
            }
            Err(ExecError::Invalid(error)) => {
                let reason = error.to_string();
                warn!(%hash, number, %reason, "block is invalid");
                // Another body may come that is the one this header commits to.
                if !error.concerns_body(&self.chain) {
                    self.invalid.add(hash, Some(parent_hash), reason.clone());
                }
                Ok(InsertOutcome::Invalid {
                    latest_valid: Some(parent_hash),
                    reason,
                })
            }
            Err(ExecError::Engine(problem)) => Err(problem),
        }
    }

    /// Adds a block that a builder made on a state of this tree.
    pub(super) fn insert_built(&mut self, block: Arc<ExecutedBlock>) -> Result<(), String> {
        let view = self.view();
        let known = view.header(&block.hash()).is_ok_and(|h| h.is_some());
        let parent_known = view.header(&block.parent()).is_ok_and(|h| h.is_some());
        if !known && parent_known {
            self.make_room();
            if let Some(problem) = self.no_room() {
                return Err(problem);
            }
            let hash = block.hash();
            self.add(block);
            self.ready.extend(self.buffer.take_children(&hash));
        }
        Ok(())
    }

    fn add(&self, block: Arc<ExecutedBlock>) {
        let view = self.view();
        view.cache.advance(&block);
        let mut blocks = view.blocks.clone();
        blocks.insert(block.hash(), block);
        self.publish_blocks(blocks);
    }

    /// Makes the state after a known block readable, executing abandoned blocks again if needed.
    pub(super) fn ensure_state(&mut self, hash: B256) -> Result<(), String> {
        let view = self.view();
        let mut missing = Vec::new();
        let mut at = hash;
        loop {
            match view.state_at(at) {
                Ok(_) => break,
                Err(ViewError::NoState(_)) if missing.len() < REVIVE_BLOCKS_MAX => {
                    let block = view.block(&at).map_err(|e| e.to_string())?;
                    let block = block.ok_or_else(|| ViewError::UnknownBlock(at).to_string())?;
                    let number = block.header.number;
                    if view.is_canonical(&at, number).map_err(|e| e.to_string())? {
                        return Err(ViewError::NoState(at).to_string());
                    }
                    at = block.header.parent_hash;
                    missing.push(block);
                }
                Err(error) => return Err(error.to_string()),
            }
        }
        for block in missing.into_iter().rev() {
            let view = self.view();
            let parent_hash = block.header.parent_hash;
            let state = view.state_at(parent_hash).map_err(|e| e.to_string())?;
            let parent = view.header(&parent_hash).map_err(|e| e.to_string())?;
            let parent = parent.ok_or_else(|| ViewError::UnknownBlock(parent_hash).to_string())?;
            let pending = PendingBlock {
                hash: block.hash,
                header: block.header.clone(),
                transactions: block.transactions(),
                withdrawals: block.body.withdrawals.clone(),
            };
            let executed = execute(&self.chain, &state, &parent, pending)
                .map_err(|e| format!("block {} cannot be executed again: {e}", block.hash))?;
            self.add(Arc::new(executed));
        }
        Ok(())
    }

    /// Keeps the number of unflushed blocks below its limit.
    fn make_room(&mut self) {
        if self.view().blocks.len() < UNFLUSHED_MAX {
            return;
        }
        self.flush_all();
        let view = self.view();
        let mut blocks = view.blocks.clone();
        forget_side_blocks(&mut blocks, &view.canonical, u64::MAX, UNFLUSHED_MAX / 2);
        self.publish_blocks(blocks);
    }
}

/// Forgets blocks off the canonical chain: those far below the head, and the lowest ones while
/// there are more than `keep`.
pub(super) fn forget_side_blocks(
    blocks: &mut BTreeMap<B256, Arc<ExecutedBlock>>,
    canonical: &BTreeMap<u64, B256>,
    head_number: u64,
    keep: usize,
) {
    let lowest = head_number.saturating_sub(SIDE_BLOCKS_DEPTH);
    let mut side: Vec<(u64, B256)> = blocks
        .values()
        .filter(|b| canonical.get(&b.number()) != Some(&b.hash()))
        .map(|b| (b.number(), b.hash()))
        .collect();
    side.sort_unstable();
    for (number, hash) in side {
        let too_many = blocks.len() > keep;
        if too_many || (head_number != u64::MAX && number < lowest) {
            blocks.remove(&hash);
        }
    }
}
