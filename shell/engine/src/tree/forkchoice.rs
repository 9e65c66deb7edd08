//! Moving the head pointers, within the unflushed blocks and below them.
//!
//! Unlike a client of L1, the head may go back to one of its ancestors: that is how a rollup node
//! undoes unsafe blocks. spec: protocol/exec-engine.md#engine_forkchoiceupdatedv2

use super::{Tree, UNFLUSHED_MAX, insert::forget_side_blocks};
use crate::{
    block::ChainBlock,
    engine::HeadInfo,
    store::HeadsRecord,
    view::{ChainView, ViewError},
};
use alloy_consensus::Header;
use alloy_primitives::B256;
use alloy_rpc_types_engine::ForkchoiceState;
use std::{collections::BTreeMap, sync::Arc};
use tracing::{debug, info, warn};

/// Abandoned blocks whose transactions return to the pool.
const RETURN_BLOCKS_MAX: usize = 64;

/// What became of a fork choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ForkchoiceOutcome {
    /// The head is as asked.
    Done,
    /// The head is not known.
    Syncing,
    /// The head is invalid.
    Invalid {
        /// Its newest valid ancestor, if that is known.
        latest_valid: Option<B256>,
        /// What is wrong.
        reason: String,
    },
}

/// Why the pointers stay as they are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ForkchoiceRefused {
    /// Safe or finalized block is no ancestor of the head.
    #[error("{0}")]
    Inconsistent(String),
    /// Our storage failed.
    #[error("{0}")]
    Failed(String),
}

impl From<ViewError> for ForkchoiceRefused {
    fn from(error: ViewError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<crate::store::StoreError> for ForkchoiceRefused {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// The way from the canonical chain to a new head.
struct Branch {
    /// Height of the newest common block.
    ancestor_number: u64,
    /// Its hash.
    ancestor: B256,
    /// Blocks above it, newest first.
    blocks: Vec<(u64, B256)>,
}

impl Tree {
    pub(super) fn forkchoice(
        &mut self,
        state: &ForkchoiceState,
    ) -> Result<ForkchoiceOutcome, ForkchoiceRefused> {
        let hash = state.head_block_hash;
        if self.ready.iter().any(|block| block.hash == hash) || self.buffer.contains(&hash) {
            // Its parent may have come.
            self.judge_all_ready();
        }
        self.wanted = None;
        if let Some((latest_valid, reason)) = self.invalid.get(&hash) {
            return Ok(ForkchoiceOutcome::Invalid {
                latest_valid,
                reason,
            });
        }
        let Some(header) = self.view().header(&hash)? else {
            self.wanted = self.buffer.contains(&hash).then_some(*state);
            return Ok(ForkchoiceOutcome::Syncing);
        };
        self.ensure_state(hash).map_err(ForkchoiceRefused::Failed)?;
        let view = self.view();
        let branch = branch_to(&view, hash, &header)?;
        let (safe, finalized) = (state.safe_block_hash, state.finalized_block_hash);
        check_ancestor(&view, &header, &branch, finalized, "finalized")?;
        check_ancestor(&view, &header, &branch, safe, "safe")?;
        let head = HeadInfo {
            hash,
            number: header.number,
            timestamp: header.timestamp,
            safe: if safe.is_zero() {
                keep(&view, &header, &branch, view.head.safe)?
            } else {
                safe
            },
            finalized: if finalized.is_zero() {
                keep(&view, &header, &branch, view.head.finalized)?
            } else {
                finalized
            },
        };
        if head == view.head {
            return Ok(ForkchoiceOutcome::Done);
        }
        if head.finalized.is_zero() && !view.head.finalized.is_zero() {
            // As deployed clients do: whoever drives us knows more about finality than we.
            warn!(
                number = head.number, %hash, finalized = %view.head.finalized,
                "the head leaves the finalized block behind"
            );
        }
        self.move_head(&view, head, &branch)?;
        Ok(ForkchoiceOutcome::Done)
    }

    fn move_head(
        &mut self,
        old: &Arc<ChainView>,
        head: HeadInfo,
        branch: &Branch,
    ) -> Result<(), ForkchoiceRefused> {
        let abandoned = blocks_above(old, branch.ancestor_number)?;
        let added: Vec<Arc<ChainBlock>> = branch
            .blocks
            .iter()
            .rev()
            .filter_map(|(_, hash)| old.blocks.get(hash).map(|b| b.block.clone()))
            .collect();
        if !abandoned.is_empty() {
            self.unwind(branch, &head)?;
        }
        let view = self.view();
        let mut canonical: BTreeMap<u64, B256> = view
            .canonical
            .range(..=branch.ancestor_number)
            .map(|(n, h)| (*n, *h))
            .collect();
        canonical.extend(branch.blocks.iter().copied());
        let mut blocks = view.blocks.clone();
        forget_side_blocks(&mut blocks, &canonical, head.number, UNFLUSHED_MAX);
        let view = self.publish(ChainView::new(
            view.db.clone(),
            view.flushed,
            view.flushed_trie.clone(),
            blocks,
            canonical,
            head,
        ));
        if abandoned.is_empty() {
            debug!(number = head.number, hash = %head.hash, "head");
        } else {
            info!(
                number = head.number, hash = %head.hash,
                abandoned = abandoned.len(), ancestor = branch.ancestor_number,
                "head moved to another branch"
            );
        }
        if head.hash != old.head.hash {
            self.pool
                .on_new_head(&self.chain, &view, &abandoned, &added);
        }
        Ok(())
    }

    /// Takes the state on disk back to the branch's ancestor, if it is beyond.
    fn unwind(&mut self, branch: &Branch, head: &HeadInfo) -> Result<(), ForkchoiceRefused> {
        // A flush that runs may be writing the very blocks that are abandoned now.
        if !self.finish_flush() {
            let trouble = self.published.trouble().unwrap_or_default();
            let problem = format!("the database cannot be written: {trouble}");
            return Err(ForkchoiceRefused::Failed(problem));
        }
        let view = self.view();
        if view.db.flushed_number() <= branch.ancestor_number {
            return Ok(());
        }
        let state = view.state_at(branch.ancestor)?;
        let Some(layer) = state.rewind_layer()? else {
            return Ok(());
        };
        let trie = state.held_trie()?;
        let heads = HeadsRecord {
            head: branch.ancestor,
            head_number: branch.ancestor_number,
            safe: head.safe,
            finalized: head.finalized,
        };
        self.store.unwind(&layer, heads)?;
        view.cache.clear();
        let db = Arc::new(self.store.snapshot()?);
        // Until the caller publishes the new head, the old one stands on nothing: this view is
        // never seen with its canonical blocks.
        let ancestor = view.header(&branch.ancestor)?;
        let number = branch.ancestor_number;
        let timestamp = ancestor.map_or(0, |h| h.timestamp);
        self.publish(ChainView::new(
            db,
            branch.ancestor,
            trie,
            view.blocks.clone(),
            BTreeMap::new(),
            HeadInfo {
                hash: branch.ancestor,
                number,
                timestamp,
                ..*head
            },
        ));
        Ok(())
    }
}

/// Walks from a block down to the canonical chain.
fn branch_to(view: &ChainView, hash: B256, header: &Header) -> Result<Branch, ForkchoiceRefused> {
    let mut blocks = Vec::new();
    let (mut at, mut number, mut parent) = (hash, header.number, header.parent_hash);
    while !view.is_canonical(&at, number)? {
        blocks.push((number, at));
        let above = view
            .header(&parent)?
            .ok_or(ViewError::UnknownBlock(parent))?;
        (at, number, parent) = (parent, above.number, above.parent_hash);
    }
    Ok(Branch {
        ancestor_number: number,
        ancestor: at,
        blocks,
    })
}

/// Whether the block is the new head or one of its ancestors.
fn is_on_new_chain(
    view: &ChainView,
    head: &Header,
    branch: &Branch,
    hash: B256,
    number: u64,
) -> Result<bool, ForkchoiceRefused> {
    Ok(if number > head.number {
        false
    } else if number > branch.ancestor_number {
        branch.blocks.contains(&(number, hash))
    } else {
        view.is_canonical(&hash, number)?
    })
}

fn check_ancestor(
    view: &ChainView,
    head: &Header,
    branch: &Branch,
    hash: B256,
    name: &str,
) -> Result<(), ForkchoiceRefused> {
    if hash.is_zero() {
        return Ok(());
    }
    let Some(header) = view.header(&hash)? else {
        return Err(ForkchoiceRefused::Inconsistent(format!(
            "{name} block {hash} is not known"
        )));
    };
    if is_on_new_chain(view, head, branch, hash, header.number)? {
        return Ok(());
    }
    let problem = format!("{name} block {hash} is not an ancestor of the head");
    Err(ForkchoiceRefused::Inconsistent(problem))
}

/// A pointer that the fork choice leaves out stays if it still is an ancestor of the head.
fn keep(
    view: &ChainView,
    head: &Header,
    branch: &Branch,
    hash: B256,
) -> Result<B256, ForkchoiceRefused> {
    let Some(header) = view.header(&hash)? else {
        return Ok(B256::ZERO);
    };
    let stays = is_on_new_chain(view, head, branch, hash, header.number)?;
    Ok(if stays { hash } else { B256::ZERO })
}

/// Canonical blocks above `number`, oldest first; of many only the newest ones.
fn blocks_above(view: &ChainView, number: u64) -> Result<Vec<Arc<ChainBlock>>, ForkchoiceRefused> {
    let mut blocks = Vec::new();
    for height in (number.saturating_add(1)..=view.head.number)
        .rev()
        .take(RETURN_BLOCKS_MAX)
    {
        if let Some(hash) = view.canonical_hash(height)?
            && let Some(block) = view.block(&hash)?
        {
            blocks.push(block);
        }
    }
    blocks.reverse();
    Ok(blocks)
}
