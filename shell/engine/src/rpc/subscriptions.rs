//! `eth_subscribe` over WebSocket: new heads, logs, pending transactions.

use super::{Eth, Module, Registered, convert, error::invalid_params, logs};
use alloy_primitives::B256;
use alloy_rpc_types_eth::Filter;
use jsonrpsee::{PendingSubscriptionSink, SubscriptionMessage, SubscriptionSink};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;

/// Blocks that a subscriber who was slow may catch up on; older ones are skipped.
const CATCH_UP_BLOCKS_MAX: u64 = 256;

pub(super) fn register(module: &mut Module) -> Registered {
    module.register_subscription(
        "eth_subscribe",
        "eth_subscription",
        "eth_unsubscribe",
        |params, pending, eth, _| async move {
            let mut params = params.sequence();
            let kind = params.next::<String>().unwrap_or_default();
            let filter = params.optional_next::<Filter>();
            match (kind.as_str(), filter) {
                ("newHeads", _) => blocks(pending, &eth, None).await,
                ("logs", Ok(filter)) => {
                    blocks(pending, &eth, Some(filter.unwrap_or_default())).await;
                }
                ("newPendingTransactions", _) => transactions(pending, &eth).await,
                ("logs", Err(problem)) => pending.reject(super::error::bad_params(problem)).await,
                _ => pending.reject(invalid_params("unknown subscription")).await,
            }
        },
    )?;
    Ok(())
}

/// Follows the head; with a filter sends logs, without it headers.
async fn blocks(pending: PendingSubscriptionSink, eth: &Arc<Eth>, filter: Option<Filter>) {
    let mut heads = eth.api.tree.published.subscribe();
    let mut last = *heads.borrow_and_update();
    let Ok(sink) = pending.accept().await else {
        return;
    };
    loop {
        tokio::select! {
            () = sink.closed() => return,
            changed = heads.changed() => if changed.is_err() { return },
        }
        let head = *heads.borrow_and_update();
        if head.hash == last.hash {
            continue;
        }
        let first = last.number.saturating_add(1).min(head.number);
        let first = first.max(head.number.saturating_sub(CATCH_UP_BLOCKS_MAX));
        last = head;
        let view = eth.view();
        for number in first..=head.number {
            let Ok(Some(hash)) = view.canonical_hash(number) else {
                continue;
            };
            let Ok(Some(block)) = view.block(&hash) else {
                continue;
            };
            let mut items = Vec::new();
            match &filter {
                Some(filter) => logs::collect(&block, filter, &mut items),
                None => items.extend(convert::header(&block).map(Value::Object).ok()),
            }
            for item in items {
                if send(&sink, &item).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn transactions(pending: PendingSubscriptionSink, eth: &Arc<Eth>) {
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
        if send(&sink, &serde_json::json!(hash)).await.is_err() {
            return;
        }
    }
}

async fn send(sink: &SubscriptionSink, item: &Value) -> Result<(), ()> {
    let message = serde_json::value::to_raw_value(item).map_err(drop)?;
    sink.send(SubscriptionMessage::from(message))
        .await
        .map_err(drop)
}
