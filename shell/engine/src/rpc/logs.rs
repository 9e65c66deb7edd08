//! Finding logs.

use super::{
    Eth, RpcResult, convert,
    error::{internal, invalid_params, limit_exceeded, need_receipts, unknown_block},
};
use crate::{block::ChainBlock, view::ChainView};
use alloy_eips::BlockNumberOrTag;
use alloy_rpc_types_eth::{Filter, FilterBlockOption};
use serde_json::Value;

/// Addresses of a filter, and alternatives for one of its topics.
const FILTER_ITEMS_MAX: usize = 1_000;

/// Logs in the blocks the filter names.
pub(super) fn logs(eth: &Eth, filter: &Filter) -> RpcResult<Vec<Value>> {
    let view = eth.view();
    let mut found = Vec::new();
    match filter.block_option {
        FilterBlockOption::AtBlockHash(hash) => {
            let block = view.block(&hash).map_err(internal)?;
            let block = block.ok_or_else(|| unknown_block(hash))?;
            collect(&block, filter, &mut found);
        }
        FilterBlockOption::Range {
            from_block,
            to_block,
        } => {
            let from = number(&view, from_block.unwrap_or_default())?;
            let to = number(&view, to_block.unwrap_or_default())?;
            if from > to {
                return Err(invalid_params("invalid block range params"));
            }
            if to > view.head.number {
                return Err(invalid_params(
                    "block range extends beyond current head block",
                ));
            }
            in_range(eth, &view, filter, from, to, &mut found)?;
        }
    }
    Ok(found)
}

/// Logs of the canonical blocks `from..=to`.
pub(super) fn in_range(
    eth: &Eth,
    view: &ChainView,
    filter: &Filter,
    from: u64,
    to: u64,
    found: &mut Vec<Value>,
) -> RpcResult<()> {
    if to.saturating_sub(from) >= eth.limits.log_blocks_max {
        let most = eth.limits.log_blocks_max;
        return Err(limit_exceeded(format!(
            "at most {most} blocks can be searched at once"
        )));
    }
    if filter.address.len() > FILTER_ITEMS_MAX
        || filter.topics.iter().any(|t| t.len() > FILTER_ITEMS_MAX)
    {
        return Err(invalid_params(format!(
            "a filter names at most {FILTER_ITEMS_MAX} addresses, and as many topics in a place"
        )));
    }
    let to = to.min(view.head.number);
    let Some(newest) = view.canonical_hash(to).map_err(internal)? else {
        return Ok(());
    };
    let count = to.saturating_add(1).saturating_sub(from);
    let mut may_match = eth
        .cache
        .search(view, newest, count, |bloom| filter.matches_bloom(bloom))
        .map_err(internal)?;
    may_match.reverse();
    for hash in may_match {
        if let Some(block) = eth.cache.block(view, &hash).map_err(internal)? {
            need_receipts(&block)?;
            collect(&block, filter, found);
        }
        if found.len() > eth.limits.logs_max {
            let most = eth.limits.logs_max;
            return Err(limit_exceeded(format!(
                "more than {most} logs; ask for fewer blocks"
            )));
        }
    }
    Ok(())
}

/// Logs of a block that left the chain, last one first.
pub(super) fn collect_removed(block: &ChainBlock, filter: &Filter, found: &mut Vec<Value>) {
    let mut gone = Vec::new();
    collect(block, filter, &mut gone);
    for log in gone.iter_mut().rev() {
        log["removed"] = true.into();
    }
    found.extend(gone.into_iter().rev());
}

/// Logs of one block that match.
pub(super) fn collect(block: &ChainBlock, filter: &Filter, found: &mut Vec<Value>) {
    let mut log_index: usize = 0;
    for (index, receipt) in block.receipts.iter().enumerate() {
        for log in &receipt.logs {
            if filter.matches(log)
                && let Some(&hash) = block.transaction_hashes().get(index)
            {
                found.push(convert::log(block, hash, index, log_index, log));
            }
            log_index = log_index.saturating_add(1);
        }
    }
}

/// Height that a tag names.
pub(super) fn number(view: &ChainView, tag: BlockNumberOrTag) -> RpcResult<u64> {
    let of = |hash, name: &str| {
        let header = view.header(&hash).map_err(internal)?;
        header.map(|h| h.number).ok_or_else(|| unknown_block(name))
    };
    match tag {
        BlockNumberOrTag::Number(number) => Ok(number),
        BlockNumberOrTag::Earliest => Ok(0),
        BlockNumberOrTag::Latest | BlockNumberOrTag::Pending => Ok(view.head.number),
        BlockNumberOrTag::Safe => of(view.head.safe, "safe"),
        BlockNumberOrTag::Finalized => of(view.head.finalized, "finalized"),
    }
}
