//! From a block that a client was told about to the head: what went, then what came.
//!
//! In: the last block answered, canonical then, maybe not now. Out: blocks to take back, newest
//! first, and heights to announce, oldest first. A client that applies both holds the canonical
//! chain again.

use super::{RpcResult, error::internal};
use crate::{block::ChainBlock, view::ChainView};
use alloy_primitives::B256;
use std::{ops::RangeInclusive, sync::Arc};

/// Blocks taken back in one step; of a longer branch only the newest ones are named.
const REMOVED_MAX: usize = 256;

/// A block somebody was told about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) number: u64,
    pub(super) hash: B256,
}

impl Place {
    /// The head of a view.
    pub(super) fn head(view: &ChainView) -> Self {
        Self {
            number: view.head.number,
            hash: view.head.hash,
        }
    }
}

/// What lies between a place and the head.
#[derive(Debug)]
pub(super) struct Steps {
    /// Blocks that left the chain, newest first.
    pub(super) removed: Vec<Arc<ChainBlock>>,
    /// Heights of the blocks that came.
    pub(super) added: RangeInclusive<u64>,
}

/// The way from `last` to the view's head; of many new blocks only the newest `added_max`.
pub(super) fn steps(view: &ChainView, last: Place, added_max: u64) -> RpcResult<Steps> {
    let mut removed = Vec::new();
    let mut at = last;
    while !view.is_canonical(&at.hash, at.number).map_err(internal)? {
        let Some(block) = view.block(&at.hash).map_err(internal)? else {
            // Too far off to be remembered: go on below it.
            at.number = at.number.saturating_sub(1).min(view.head.number);
            break;
        };
        at = Place {
            number: at.number.saturating_sub(1),
            hash: block.header.parent_hash,
        };
        if removed.len() < REMOVED_MAX {
            removed.push(block);
        }
    }
    let head = view.head.number;
    let first = at.number.saturating_add(1);
    let first = first.max(head.saturating_add(1).saturating_sub(added_max));
    Ok(Steps {
        removed,
        added: first..=head,
    })
}
