//! Filters that a client opens, polls and closes. Those that nobody polls are dropped.

use super::{
    Eth, Module, Registered, RpcResult,
    error::{error, internal, limit_exceeded, server},
    logs, method,
};
use alloy_primitives::{B256, U256};
use alloy_rpc_types_eth::Filter;
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
    Transactions(broadcast::Receiver<B256>),
}

#[derive(Debug)]
struct Open {
    kind: Kind,
    /// First block that was not answered yet.
    next_block: u64,
    polled: Instant,
}

/// All open filters.
#[derive(Debug, Default)]
pub(crate) struct Filters(Mutex<(u64, BTreeMap<u64, Open>)>);

impl Filters {
    fn open(&self, eth: &Eth, kind: Kind) -> RpcResult<Value> {
        let mut inner = self.0.lock();
        let (last_id, filters) = &mut *inner;
        let now = Instant::now();
        filters.retain(|_, f| now.duration_since(f.polled) < LIFETIME);
        if filters.len() >= eth.limits.filters_max {
            return Err(limit_exceeded("too many filters are open"));
        }
        *last_id = last_id.saturating_add(1);
        let next_block = eth.view().head.number.saturating_add(1);
        filters.insert(
            *last_id,
            Open {
                kind,
                next_block,
                polled: now,
            },
        );
        Ok(json!(format!("{:#x}", *last_id)))
    }

    fn close(&self, id: U256) -> bool {
        u64::try_from(id).is_ok_and(|id| self.0.lock().1.remove(&id).is_some())
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
    method(module, "eth_newPendingTransactionFilter", |eth, _| {
        eth.filters
            .open(eth, Kind::Transactions(eth.api.pool.subscribe()))
    })?;
    method(module, "eth_uninstallFilter", |eth, args| {
        Ok(eth.filters.close(args.next()?))
    })?;
    method(module, "eth_getFilterLogs", |eth, args| {
        let id: U256 = args.next()?;
        let filter = {
            let inner = eth.filters.0.lock();
            match u64::try_from(id).ok().and_then(|id| inner.1.get(&id)) {
                Some(Open {
                    kind: Kind::Logs(filter),
                    ..
                }) => filter.clone(),
                _ => return Err(not_found()),
            }
        };
        logs::logs(eth, &filter)
    })?;
    method(module, "eth_getFilterChanges", |eth, args| {
        changes(eth, args.next()?)
    })
}

/// What came since the last poll.
fn changes(eth: &Eth, id: U256) -> RpcResult<Vec<Value>> {
    let id = u64::try_from(id).map_err(|_| not_found())?;
    let view = eth.view();
    let head = view.head.number;
    let mut inner = eth.filters.0.lock();
    let open = inner.1.get_mut(&id).ok_or_else(not_found)?;
    open.polled = Instant::now();
    // After a reorg to a lower head, what comes next replaces what was answered.
    let from = open.next_block.min(head.saturating_add(1));
    open.next_block = head.saturating_add(1);
    let filter = match &mut open.kind {
        Kind::Transactions(receiver) => return Ok(drain(receiver)),
        Kind::Blocks => None,
        Kind::Logs(filter) => Some(filter.clone()),
    };
    drop(inner);
    let mut found = Vec::new();
    match filter {
        Some(filter) if from <= head => {
            logs::in_range(eth, &view, &filter, from, head, &mut found)?;
        }
        Some(_) => {}
        None => {
            let from = from.max(head.saturating_sub(POLLED_BLOCKS_MAX));
            for number in from..=head {
                if let Some(hash) = view.canonical_hash(number).map_err(internal)? {
                    found.push(json!(hash));
                }
            }
        }
    }
    Ok(found)
}

fn drain(receiver: &mut broadcast::Receiver<B256>) -> Vec<Value> {
    let mut hashes = Vec::new();
    loop {
        match receiver.try_recv() {
            Ok(hash) => hashes.push(json!(hash)),
            Err(broadcast::error::TryRecvError::Lagged(_)) => {}
            Err(_) => return hashes,
        }
    }
}

fn not_found() -> jsonrpsee::types::ErrorObjectOwned {
    let problem = server("filter not found");
    error(problem.code(), problem.message())
}
