//! `eth_subscribe` over WebSocket and IPC: new heads, logs, pending transactions, syncing.
//!
//! After a reorg, subscribers of logs first get those of the blocks that left, newest block first
//! and `removed`, then those that came; subscribers of heads get the new blocks from the first
//! one that differs, or the head alone if it went back to an ancestor.

use super::{
    Eth, Module, Registered, RpcResult, convert,
    error::{bad_params, internal, invalid_params},
    follow::{Place, Steps, steps},
    logs, node,
};
use crate::view::ChainView;
use alloy_primitives::B256;
use alloy_rpc_types_eth::Filter;
use jsonrpsee::{PendingSubscriptionSink, SubscriptionMessage, SubscriptionSink, types::Params};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;

/// Blocks that a subscriber who was slow may catch up on; older ones are skipped.
const CATCH_UP_BLOCKS_MAX: u64 = 256;

/// What is subscribed to.
#[derive(Debug)]
enum Kind {
    Heads,
    Logs(Box<Filter>),
    /// With `true`, whole transactions.
    Transactions(bool),
    Syncing,
}

impl Kind {
    fn of(params: &Params<'_>) -> RpcResult<Self> {
        let mut params = params.sequence();
        let name: String = params.next().map_err(bad_params)?;
        Ok(match name.as_str() {
            "newHeads" => Self::Heads,
            "logs" => {
                let filter = params.optional_next::<Box<Filter>>().map_err(bad_params)?;
                Self::Logs(filter.unwrap_or_default())
            }
            "newPendingTransactions" => {
                let full = params.optional_next::<bool>().map_err(bad_params)?;
                Self::Transactions(full.unwrap_or_default())
            }
            "syncing" => Self::Syncing,
            other => {
                return Err(invalid_params(format!(
                    "no \"{other}\" subscription in eth namespace"
                )));
            }
        })
    }
}

pub(super) fn register(module: &mut Module) -> Registered {
    module.register_subscription(
        "eth_subscribe",
        "eth_subscription",
        "eth_unsubscribe",
        |params, pending, eth, _| async move {
            match Kind::of(&params) {
                Ok(Kind::Heads) => blocks(pending, &eth, None).await,
                Ok(Kind::Logs(filter)) => blocks(pending, &eth, Some(*filter)).await,
                Ok(Kind::Transactions(full)) => transactions(pending, &eth, full).await,
                Ok(Kind::Syncing) => syncing(pending, &eth).await,
                Err(problem) => pending.reject(problem).await,
            }
        },
    )?;
    Ok(())
}

/// Follows the head; with a filter sends logs, without it headers.
async fn blocks(pending: PendingSubscriptionSink, eth: &Arc<Eth>, filter: Option<Filter>) {
    let filter = Arc::new(filter);
    let mut heads = eth.api.tree.published.subscribe();
    let mut last = Place::head(&eth.view());
    heads.mark_unchanged();
    let Ok(sink) = pending.accept().await else {
        return;
    };
    // The head may have moved between the two lines above.
    heads.mark_changed();
    loop {
        tokio::select! {
            () = sink.closed() => return,
            changed = heads.changed() => if changed.is_err() { return },
        }
        let view = eth.view();
        let place = Place::head(&view);
        if place == last {
            continue;
        }
        let filter = filter.clone();
        let read = tokio::task::spawn_blocking(move || news(&view, last, filter.as_ref().as_ref()));
        last = place;
        let Ok(Ok(items)) = read.await else {
            continue;
        };
        for item in items {
            if send(&sink, &item).await.is_err() {
                return;
            }
        }
    }
}

/// Headers, or logs that match, between a place and the head.
fn news(view: &ChainView, last: Place, filter: Option<&Filter>) -> RpcResult<Vec<Value>> {
    let Steps { removed, mut added } = steps(view, last, CATCH_UP_BLOCKS_MAX)?;
    let mut items = Vec::new();
    if filter.is_none() && added.is_empty() {
        // The head went back to an ancestor: that one is announced again.
        added = view.head.number..=view.head.number;
    }
    if let Some(filter) = filter {
        for block in removed {
            logs::collect_removed(&block, filter, &mut items);
        }
    }
    for number in added {
        let Some(hash) = view.canonical_hash(number).map_err(internal)? else {
            continue;
        };
        let Some(block) = view.block(&hash).map_err(internal)? else {
            continue;
        };
        match filter {
            Some(filter) => logs::collect(&block, filter, &mut items),
            None => items.push(Value::Object(convert::header(&block).map_err(internal)?)),
        }
    }
    Ok(items)
}

async fn transactions(pending: PendingSubscriptionSink, eth: &Arc<Eth>, full: bool) {
    let mut hashes = eth.api.pool.subscribe();
    let Ok(sink) = pending.accept().await else {
        return;
    };
    loop {
        let hash: B256 = tokio::select! {
            () = sink.closed() => return,
            received = hashes.recv() => match received {
                Ok(hash) => hash,
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            },
        };
        let item = if full {
            // One that has left already is nobody's news.
            let Some(tx) = eth.api.pool.get(&hash) else {
                continue;
            };
            match convert::pending_transaction(tx.tx.tx.clone(), tx.sender()) {
                Ok(item) => item,
                Err(_) => continue,
            }
        } else {
            json!(hash)
        };
        if send(&sink, &item).await.is_err() {
            return;
        }
    }
}

/// Sends the status when syncing begins and `false` when it ends.
async fn syncing(pending: PendingSubscriptionSink, eth: &Arc<Eth>) {
    let mut status = eth.api.syncing.subscribe();
    let Ok(sink) = pending.accept().await else {
        return;
    };
    let mut was = status.borrow_and_update().is_some();
    loop {
        let item = node::syncing(eth);
        let is = status.borrow_and_update().is_some();
        if is != was {
            was = is;
            let item = if is {
                json!({ "syncing": true, "status": item })
            } else {
                json!(false)
            };
            if send(&sink, &item).await.is_err() {
                return;
            }
        }
        tokio::select! {
            () = sink.closed() => return,
            changed = status.changed() => if changed.is_err() { return },
        }
    }
}

async fn send(sink: &SubscriptionSink, item: &Value) -> Result<(), ()> {
    let message = serde_json::value::to_raw_value(item).map_err(drop)?;
    sink.send(SubscriptionMessage::from(message))
        .await
        .map_err(drop)
}
