//! `debug_trace*`: transactions, blocks and calls under geth's tracers.
//!
//! In: what to execute again, and how to watch. Out: geth's JSON. Every request takes a turn of
//! [`Turns`](super::turns::Turns): no flood of traces holds up the chain.

use super::{
    Args, Eth, Module, Registered, RpcResult,
    error::{from_trace, from_view, internal, invalid_params, server},
    patient,
};
use crate::{block::ChainBlock, view::ChainView};
use alloy_consensus::Header;
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{B256, Bytes, U64};
use alloy_rlp::Decodable;
use opal_execution::{
    Transaction, VerifiedTx,
    call::{BlockOverrides, CallSetup, StateOverride, TransactionRequest},
    trace::{self, RawValue, TraceBudget, TraceOptions, TracedBlock},
};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

/// Trace of one transaction of a block.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TracedTransaction {
    tx_hash: B256,
    result: Box<RawValue>,
}

/// Options of `debug_traceCall`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TraceCallOptions {
    #[serde(flatten)]
    options: TraceOptions,
    state_overrides: Option<StateOverride>,
    block_overrides: Option<BlockOverrides>,
    tx_index: Option<U64>,
}

/// A block that is executed again.
struct Replayed {
    hash: B256,
    header: Header,
    transactions: Vec<VerifiedTx>,
}

pub(super) fn register(module: &mut Module) -> Registered {
    patient(module, "debug_traceTransaction", trace_transaction)?;
    patient(module, "debug_traceBlockByNumber", |eth, args| {
        let (tag, options): (BlockNumberOrTag, _) = (args.next()?, args.optional()?);
        trace_known_block(eth, tag.into(), &options.unwrap_or_default())
    })?;
    patient(module, "debug_traceBlockByHash", |eth, args| {
        let (hash, options): (B256, _) = (args.next()?, args.optional()?);
        trace_known_block(eth, hash.into(), &options.unwrap_or_default())
    })?;
    patient(module, "debug_traceBlock", |eth, args| {
        let (rlp, options): (Bytes, Option<TraceOptions>) = (args.next()?, args.optional()?);
        trace_block(eth, &decode_block(&rlp)?, &options.unwrap_or_default())
    })?;
    patient(module, "debug_traceCall", trace_call)
}

fn trace_transaction(eth: &Eth, args: &mut Args<'_>) -> RpcResult<Box<RawValue>> {
    let (hash, options): (B256, Option<TraceOptions>) = (args.next()?, args.optional()?);
    let options = options.unwrap_or_default();
    let view = eth.view();
    let (block, index) = view
        .transaction(&hash)
        .map_err(internal)?
        .ok_or_else(|| server("transaction not found"))?;
    let block = Replayed::of(&block);
    with_block(eth, &view, &block, &options, |traced, budget| {
        traced.trace_one(index, &options, budget)
    })
}

fn trace_known_block(
    eth: &Eth,
    id: BlockId,
    options: &TraceOptions,
) -> RpcResult<Vec<TracedTransaction>> {
    let block = eth.block(&eth.view(), id)?;
    let block = block.ok_or_else(|| server(format!("block {} not found", name(id))))?;
    trace_block(eth, &Replayed::of(&block), options)
}

/// A block id as an error names it.
fn name(id: BlockId) -> String {
    match id {
        BlockId::Hash(hash) => hash.block_hash.to_string(),
        BlockId::Number(BlockNumberOrTag::Number(number)) => format!("#{number}"),
        BlockId::Number(tag) => tag.to_string(),
    }
}

fn trace_block(
    eth: &Eth,
    block: &Replayed,
    options: &TraceOptions,
) -> RpcResult<Vec<TracedTransaction>> {
    let traces = with_block(eth, &eth.view(), block, options, |traced, budget| {
        traced.trace_all(options, budget)
    })?;
    let named = traces.into_iter();
    Ok(named
        .map(|(tx_hash, result)| TracedTransaction { tx_hash, result })
        .collect())
}

fn trace_call(eth: &Eth, args: &mut Args<'_>) -> RpcResult<Box<RawValue>> {
    let request: TransactionRequest = args.next()?;
    let id: BlockId = args.optional()?.unwrap_or_default();
    let asked: TraceCallOptions = args.optional()?.unwrap_or_default();
    let options = asked.options;
    let setup = CallSetup {
        request: &request,
        state: asked.state_overrides,
        block: asked.block_overrides,
    };
    if let Some(index) = asked.tx_index {
        let index = usize::try_from(index.to::<u64>()).unwrap_or(usize::MAX);
        let view = eth.view();
        let block = eth.block(&view, id)?;
        let block = block.ok_or_else(|| server(format!("block {} not found", name(id))))?;
        let block = Replayed::of(&block);
        if index >= block.transactions.len() {
            return Err(invalid_params(format!(
                "the block has no transaction {index}"
            )));
        }
        return with_block(eth, &view, &block, &options, |traced, budget| {
            let gas_cap = eth.limits.call_gas_max;
            trace::trace_call_within(traced, index, gas_cap, setup, &options, budget)
        });
    }
    let mut turn = eth.turns.take(&eth.limits, timeout(&options)?)?;
    let (state, header) = eth.state_and_header(Some(id))?;
    let env = eth.call_env(&state, &header);
    trace::trace_call(&env, setup, &options, &mut turn.budget).map_err(from_trace)
}

/// Runs `f` on a block at its place: on the state after its parent, in a turn.
fn with_block<T>(
    eth: &Eth,
    view: &Arc<ChainView>,
    block: &Replayed,
    options: &TraceOptions,
    f: impl FnOnce(
        &TracedBlock<'_, &crate::view::StateView>,
        &mut TraceBudget,
    ) -> Result<T, trace::TraceError>,
) -> RpcResult<T> {
    if block.header.number == 0 {
        return Err(server("genesis is not traceable"));
    }
    let mut turn = eth.turns.take(&eth.limits, timeout(options)?)?;
    let parent_hash = block.header.parent_hash;
    let parent = view.header(&parent_hash).map_err(internal)?;
    let parent = parent.ok_or_else(|| server(format!("parent {parent_hash} not found")))?;
    let state = view.state_at(parent_hash).map_err(from_view)?;
    let traced = TracedBlock {
        chain: &eth.api.chain,
        parent_time: parent.timestamp,
        header: &block.header,
        hash: block.hash,
        transactions: &block.transactions,
        reader: &state,
    };
    f(&traced, &mut turn.budget).map_err(from_trace)
}

/// Runs `f` on a known block at its place, with how many transactions it has; answers with the
/// state after its parent too.
pub(super) fn with_transactions<T>(
    eth: &Eth,
    id: BlockId,
    f: impl FnOnce(&TracedBlock<'_, &crate::view::StateView>, usize) -> RpcResult<T>,
) -> RpcResult<(crate::view::StateView, T)> {
    let view = eth.view();
    let block = eth.block(&view, id)?;
    let block = block.ok_or_else(|| server(format!("block {} not found", name(id))))?;
    let parent_hash = block.header.parent_hash;
    let _turn = eth.turns.take(&eth.limits, None)?;
    let (state, parent_time) = match view.header(&parent_hash).map_err(internal)? {
        Some(parent) => (view.state_at(parent_hash), parent.timestamp),
        None if block.header.number == 0 => return Err(server("genesis has no transactions")),
        None => return Err(server(format!("parent {parent_hash} not found"))),
    };
    let state = state.map_err(from_view)?;
    let block = Replayed::of(&block);
    let traced = TracedBlock {
        chain: &eth.api.chain,
        parent_time,
        header: &block.header,
        hash: block.hash,
        transactions: &block.transactions,
        reader: &state,
    };
    let answer = f(&traced, block.transactions.len())?;
    Ok((state, answer))
}

fn timeout(options: &TraceOptions) -> RpcResult<Option<Duration>> {
    let ms = options.timeout_ms().map_err(from_trace)?;
    Ok(ms.map(Duration::from_millis))
}

impl Replayed {
    fn of(block: &ChainBlock) -> Self {
        Self {
            hash: block.hash,
            header: block.header.clone(),
            transactions: block.transactions(),
        }
    }
}

/// A block from its RLP.
fn decode_block(mut rlp: &[u8]) -> RpcResult<Replayed> {
    let malformed =
        |e: &dyn std::fmt::Display| invalid_params(format!("could not decode block: {e}"));
    let block =
        alloy_consensus::Block::<Transaction>::decode(&mut rlp).map_err(|e| malformed(&e))?;
    if !rlp.is_empty() {
        return Err(malformed(&"bytes follow it"));
    }
    let transactions = block
        .body
        .transactions
        .into_iter()
        .map(|tx| {
            let sender = tx.recover().map_err(|e| malformed(&e))?;
            Ok(VerifiedTx::new_unchecked(tx, sender))
        })
        .collect::<RpcResult<_>>()?;
    Ok(Replayed {
        hash: block.header.hash_slow(),
        header: block.header,
        transactions,
    })
}
