//! Filters that a client opens, polls and closes. Those that nobody polls are dropped.
//!
//! A poll answers what happened since the last one: after a reorg, logs of the blocks that left
//! come first, marked `removed`.

use super::{
    Eth, Module, Registered, RpcResult, convert,
    error::{internal, limit_exceeded, server},
    follow::{Place, Steps, steps},
    logs, method,
};
use crate::view::ChainView;
use alloy_primitives::{B256, U256};
use alloy_rpc_types_eth::{Filter, FilterBlockOption};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tokio::sync::broadcast;

/// A filter that was not polled for this long is gone.
const LIFETIME: Duration = Duration::from_secs(300);
/// Blocks whose hashes one poll answers.
const POLLED_BLOCKS_MAX: u64 = 10_000;

#[derive(Debug)]
enum Kind {
    Blocks,
    Logs(Box<Filter>),
    /// With `true`, whole transactions.
    Transactions(broadcast::Receiver<B256>, bool),
}

#[derive(Debug)]
struct Open {
    kind: Kind,
    /// Last block that was answered.
    last: Place,
    polled: Instant,
}

/// All open filters.
#[derive(Debug, Default)]
pub(crate) struct Filters(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    last_id: u64,
    open: BTreeMap<u64, Open>,
}

impl Inner {
    fn expire(&mut self, now: Instant) {
        self.open
            .retain(|_, f| now.saturating_duration_since(f.polled) < LIFETIME);
    }

    fn get(&mut self, id: U256, now: Instant) -> RpcResult<&mut Open> {
        self.expire(now);
        let open = u64::try_from(id)
            .ok()
            .and_then(|id| self.open.get_mut(&id))
            .ok_or_else(|| server("filter not found"))?;
        open.polled = now;
        Ok(open)
    }
}

impl Filters {
    fn open(&self, eth: &Eth, kind: Kind) -> RpcResult<Value> {
        let now = Instant::now();
        let mut inner = self.0.lock();
        inner.expire(now);
        if inner.open.len() >= eth.limits.filters_max {
            return Err(limit_exceeded("too many filters are open"));
        }
        let id = inner.last_id.saturating_add(1);
        inner.last_id = id;
        let last = Place::head(&eth.view());
        inner.open.insert(
            id,
            Open {
                kind,
                last,
                polled: now,
            },
        );
        Ok(json!(format!("{id:#x}")))
    }

    fn close(&self, id: U256) -> bool {
        u64::try_from(id).is_ok_and(|id| self.0.lock().open.remove(&id).is_some())
    }
}

pub(super) fn register(module: &mut Module) -> Registered {
    method(module, "eth_getLogs", |eth, args| {
        logs::logs(eth, &args.next()?)
    })?;
    method(module, "eth_newFilter", |eth, args| {
        let filter: Filter = args.next()?;
        eth.filters.open(eth, Kind::Logs(Box::new(filter)))
    })?;
    method(module, "eth_newBlockFilter", |eth, _| {
        eth.filters.open(eth, Kind::Blocks)
    })?;
    method(module, "eth_newPendingTransactionFilter", |eth, args| {
        let full = args.optional()?.unwrap_or(false);
        eth.filters
            .open(eth, Kind::Transactions(eth.api.pool.subscribe(), full))
    })?;
    method(module, "eth_uninstallFilter", |eth, args| {
        Ok(eth.filters.close(args.next()?))
    })?;
    method(module, "eth_getFilterLogs", |eth, args| {
        let id: U256 = args.next()?;
        let filter = match &eth.filters.0.lock().get(id, Instant::now())?.kind {
            Kind::Logs(filter) => filter.clone(),
            _ => return Err(server("filter not found")),
        };
        logs::logs(eth, &filter)
    })?;
    method(module, "eth_getFilterChanges", |eth, args| {
        changes(eth, args.next()?)
    })
}

/// What came since the last poll.
fn changes(eth: &Eth, id: U256) -> RpcResult<Vec<Value>> {
    let view = eth.view();
    let mut inner = eth.filters.0.lock();
    let open = inner.get(id, Instant::now())?;
    let last = std::mem::replace(&mut open.last, Place::head(&view));
    let filter = match &mut open.kind {
        Kind::Transactions(receiver, full) => {
            let (hashes, full) = (drain(receiver), *full);
            drop(inner);
            return transactions(eth, hashes, full);
        }
        Kind::Blocks => None,
        Kind::Logs(filter) => Some(filter.clone()),
    };
    drop(inner);
    match filter {
        Some(filter) => log_changes(eth, &view, last, &filter),
        None => {
            let mut found = Vec::new();
            for number in steps(&view, last, POLLED_BLOCKS_MAX)?.added {
                if let Some(hash) = view.canonical_hash(number).map_err(internal)? {
                    found.push(json!(hash));
                }
            }
            Ok(found)
        }
    }
}

fn log_changes(eth: &Eth, view: &ChainView, last: Place, filter: &Filter) -> RpcResult<Vec<Value>> {
    let Steps { removed, added } = steps(view, last, eth.limits.log_blocks_max)?;
    let (mut from, mut to) = added.into_inner();
    let mut wanted = 0..=u64::MAX;
    if let FilterBlockOption::Range {
        from_block,
        to_block,
    } = filter.block_option
    {
        // Only heights bound a filter that lives on; tags name where it began.
        let start = from_block.and_then(|tag| tag.as_number()).unwrap_or(0);
        let end = to_block.and_then(|tag| tag.as_number());
        wanted = start..=end.unwrap_or(u64::MAX);
    }
    from = from.max(*wanted.start());
    to = to.min(*wanted.end());
    let mut found = Vec::new();
    for block in removed {
        if wanted.contains(&block.header.number) {
            logs::collect_removed(&block, filter, &mut found);
        }
    }
    if from <= to {
        logs::in_range(eth, view, filter, from, to, &mut found)?;
    }
    Ok(found)
}

fn transactions(eth: &Eth, hashes: Vec<B256>, full: bool) -> RpcResult<Vec<Value>> {
    if !full {
        return Ok(hashes.into_iter().map(|hash| json!(hash)).collect());
    }
    hashes
        .iter()
        .filter_map(|hash| eth.api.pool.get(hash))
        .map(|tx| convert::pending_transaction(tx.tx.tx.clone(), tx.sender()).map_err(internal))
        .collect()
}

fn drain(receiver: &mut broadcast::Receiver<B256>) -> Vec<B256> {
    let mut hashes = Vec::new();
    loop {
        match receiver.try_recv() {
            Ok(hash) => hashes.push(hash),
            Err(broadcast::error::TryRecvError::Lagged(_)) => {}
            Err(_) => return hashes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_that_nobody_polls_are_dropped() {
        let mut inner = Inner::default();
        let start = Instant::now();
        let last = Place {
            number: 0,
            hash: B256::ZERO,
        };
        let open = || Open {
            kind: Kind::Blocks,
            last,
            polled: start,
        };
        inner.open.extend([(1, open()), (2, open())]);
        let soon = start + LIFETIME - Duration::from_secs(1);
        assert!(inner.get(U256::from(1), soon).is_ok());
        let late = start + LIFETIME;
        assert!(inner.get(U256::from(2), late).is_err());
        assert!(inner.get(U256::from(1), late).is_ok(), "polled in between");
        assert!(inner.get(U256::MAX, late).is_err());
    }
}
