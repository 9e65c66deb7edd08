//! Sending transactions: into the pool, on to the sequencer, until they are included, or under
//! conditions.

use super::{
    Args, Eth, Module, Registered, RpcResult, convert,
    error::{conditional_rejected, error, from_pool, internal, limit_exceeded, server},
    receipt_fees::BlockFees,
};
use crate::pool::{Pool, PoolError, conditional};
use alloy_primitives::{B256, Bytes};
use alloy_rpc_types_eth::erc4337::TransactionConditional;
use jsonrpsee::types::ErrorObjectOwned;
use opal_rpc::RpcError;
use serde_json::Value;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tracing::debug;

/// Code of `eth_sendRawTransactionSync` when the time is up. spec: EIP-7966
const NOT_INCLUDED_YET: i32 = 4;

pub(super) fn register(module: &mut Module) -> Registered {
    module.register_async_method("eth_sendRawTransaction", |params, eth, _| async move {
        let bytes: Bytes = Args::of(&params).next()?;
        send(&eth, bytes).await
    })?;
    module.register_async_method("eth_sendRawTransactionSync", |params, eth, _| async move {
        let (bytes, timeout): (Bytes, Option<u64>) = {
            let mut args = Args::of(&params);
            (args.next()?, args.optional()?)
        };
        send_and_wait(&eth, bytes, timeout.map(Duration::from_millis)).await
    })?;
    module.register_async_method(
        "eth_sendRawTransactionConditional",
        |params, eth, _| async move {
            let (bytes, conditional): (Bytes, TransactionConditional) = {
                let mut args = Args::of(&params);
                (args.next()?, args.next()?)
            };
            send_conditional(&eth, bytes, conditional).await
        },
    )?;
    Ok(())
}

/// Takes a transaction into the pool, or passes it on to the sequencer.
pub(super) async fn send(eth: &Eth, bytes: Bytes) -> RpcResult<B256> {
    if eth.sequencer.is_some() {
        let hash = forward(eth, "eth_sendRawTransaction", (&bytes,)).await?;
        if eth.pool_admission {
            // The sequencer has it; what our own pool thinks of it is of interest to us alone.
            if let Err(problem) = add(eth, bytes, None).await {
                debug!(%hash, %problem, "forwarded transaction does not enter the pool");
            }
        }
        return Ok(hash);
    }
    let hash = add(eth, bytes, None).await?;
    debug!(%hash, "transaction accepted");
    Ok(hash)
}

async fn forward(
    eth: &Eth,
    method: &'static str,
    params: impl serde::Serialize,
) -> RpcResult<B256> {
    let sequencer = eth
        .sequencer
        .as_ref()
        .ok_or_else(|| internal("no sequencer"))?;
    sequencer
        .request_once(method, params)
        .await
        .map_err(|problem| match problem {
            RpcError::Response { code, message, .. } => {
                error(i32::try_from(code).unwrap_or(-32_000), message)
            }
            other => server(format!(
                "the sequencer did not take the transaction: {other}"
            )),
        })
}

async fn add(
    eth: &Eth,
    bytes: Bytes,
    conditional: Option<Arc<TransactionConditional>>,
) -> Result<B256, ErrorObjectOwned> {
    let added = add_to_pool(eth, bytes, conditional).await;
    added
        .ok_or_else(|| internal("the pool panicked"))?
        .map_err(from_pool)
}

/// Takes a transaction into the pool: in place if checking it costs one recovery of a sender and
/// little else, which is less than handing it over and back. `None` if the pool panicked.
pub(crate) async fn add_to_pool(
    eth: &Eth,
    bytes: Bytes,
    conditional: Option<Arc<TransactionConditional>>,
) -> Option<Result<B256, PoolError>> {
    let (pool, view) = (eth.api.pool.clone(), eth.view());
    if Pool::is_cheap(&bytes) {
        return Some(pool.add_conditional(&bytes, conditional, &view));
    }
    let add = move || pool.add_conditional(&bytes, conditional, &view);
    eth.crew.run(add).await
}

/// Sends a transaction and answers with its receipt once a block holds it.
async fn send_and_wait(eth: &Eth, bytes: Bytes, timeout: Option<Duration>) -> RpcResult<Value> {
    let most = eth.limits.sync_timeout;
    let timeout = timeout.filter(|t| !t.is_zero()).unwrap_or(most).min(most);
    let mut heads = eth.api.tree.published.subscribe();
    let hash = send(eth, bytes).await?;
    let included = async {
        loop {
            heads.mark_unchanged();
            let found = eth.view().transaction(&hash).map_err(internal)?;
            if let Some((block, index)) = found {
                let chain = &eth.api.chain;
                let fees = BlockFees::of(chain, &block);
                return convert::receipt(chain, &block, index, fees.as_ref()).map_err(internal);
            }
            heads.changed().await.map_err(internal)?;
        }
    };
    match tokio::time::timeout(timeout, included).await {
        Ok(receipt) => receipt,
        Err(_) => Err(ErrorObjectOwned::owned(
            NOT_INCLUDED_YET,
            format!(
                "The transaction was added to the mempool but wasn't processed in {} ms",
                timeout.as_millis()
            ),
            Some(hash),
        )),
    }
}

/// Takes a transaction that may be included only while its conditions hold.
async fn send_conditional(
    eth: &Eth,
    bytes: Bytes,
    conditional: TransactionConditional,
) -> RpcResult<B256> {
    let Some(limit) = &eth.conditional else {
        return Err(error(
            jsonrpsee::types::error::METHOD_NOT_FOUND_CODE,
            "conditional transactions are not taken here",
        ));
    };
    let cost = conditional::cost(&conditional);
    if cost > conditional::COST_MAX {
        let most = conditional::COST_MAX;
        return Err(limit_exceeded(format!(
            "conditional cost, {cost}, exceeded max: {most}"
        )));
    }
    if let Some(problem) = conditional::contradiction(&conditional) {
        return Err(conditional_rejected(format!(
            "failed conditional validation: {problem}"
        )));
    }
    if !limit.take(cost, Instant::now()) {
        return Err(limit_exceeded(format!("cost {cost} rate limited")));
    }
    let (checked, conditional) = {
        let (eth, conditional) = (eth.clone(), Arc::new(conditional));
        let work = conditional.clone();
        let checking = tokio::task::spawn_blocking(move || check(&eth, &work)).await;
        (checking.map_err(internal)?, conditional)
    };
    checked?;
    if eth.sequencer.is_some() {
        let params = (&bytes, &*conditional);
        return forward(eth, "eth_sendRawTransactionConditional", params).await;
    }
    add(eth, bytes, Some(conditional)).await
}

/// Checks conditions against the head and its parent: a state that is one block old may be all
/// that the sender has seen, and what held there only is not worth taking.
fn check(eth: &Eth, conditional: &TransactionConditional) -> RpcResult<()> {
    let view = eth.view();
    let head = view.header(&view.head.hash).map_err(internal)?;
    let head = head.ok_or_else(|| internal("the head's header is missing"))?;
    conditional::check_block(conditional, head.number, head.timestamp)
        .map_err(|e| conditional_rejected(format!("failed header check: {e}")))?;
    let mut states = vec![view.head.hash];
    if head.number > 0 {
        states.push(head.parent_hash);
    }
    for hash in states {
        let state = eth.state(Some(hash.into()))?;
        conditional::check_state(conditional, &state)
            .map_err(|e| conditional_rejected(format!("failed state check: {e}")))?;
    }
    Ok(())
}
