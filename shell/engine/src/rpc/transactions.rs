//! Looking into the pool.

use super::{Module, Registered, RpcResult, convert, error::internal, method, quick};
use crate::pool::PoolTx;
use alloy_consensus::Transaction as _;
use alloy_primitives::Address;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::Arc};

pub(super) fn register(module: &mut Module) -> Registered {
    quick(module, "txpool_status", |eth, _| {
        let (pending, queued) = eth.api.pool.counts();
        let count = |n: usize| convert::quantity(n as u64);
        Ok(json!({ "pending": count(pending), "queued": count(queued) }))
    })?;
    method(module, "txpool_content", |eth, _| {
        let content = eth.api.pool.content();
        let (pending, queued) = (by_sender(content.pending)?, by_sender(content.queued)?);
        Ok(json!({ "pending": pending, "queued": queued }))
    })?;
    method(module, "txpool_contentFrom", |eth, args| {
        let address: Address = args.next()?;
        let mut content = eth.api.pool.content();
        let pending = content.pending.remove(&address).unwrap_or_default();
        let queued = content.queued.remove(&address).unwrap_or_default();
        Ok(json!({ "pending": by_nonce(&pending)?, "queued": by_nonce(&queued)? }))
    })?;
    method(module, "txpool_inspect", |eth, _| {
        let content = eth.api.pool.content();
        Ok(json!({ "pending": summary(&content.pending), "queued": summary(&content.queued) }))
    })
}

fn by_sender(part: BTreeMap<Address, Vec<Arc<PoolTx>>>) -> RpcResult<Map<String, Value>> {
    part.into_iter()
        .map(|(address, txs)| Ok((address.to_checksum(None), by_nonce(&txs)?)))
        .collect()
}

fn by_nonce(txs: &[Arc<PoolTx>]) -> RpcResult<Value> {
    let entries: Map<String, Value> = txs
        .iter()
        .map(|tx| {
            let value = convert::pending_transaction(tx.tx.tx.clone(), tx.sender());
            Ok((tx.nonce().to_string(), value.map_err(internal)?))
        })
        .collect::<RpcResult<_>>()?;
    Ok(Value::Object(entries))
}

fn summary(part: &BTreeMap<Address, Vec<Arc<PoolTx>>>) -> Value {
    let line = |tx: &PoolTx| {
        let t = &tx.tx.tx;
        let to = t
            .to()
            .map_or_else(|| "contract creation".to_owned(), |a| a.to_checksum(None));
        let (gas, price) = (t.gas_limit(), t.max_fee_per_gas());
        format!("{to}: {} wei + {gas} gas × {price} wei", t.value())
    };
    let entries: Map<String, Value> = part
        .iter()
        .map(|(address, txs)| {
            let lines: Map<String, Value> = txs
                .iter()
                .map(|tx| (tx.nonce().to_string(), json!(line(tx))))
                .collect();
            (address.to_checksum(None), Value::Object(lines))
        })
        .collect();
    Value::Object(entries)
}
