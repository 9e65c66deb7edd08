//! Witnesses: `debug_executionWitness` and `debug_executePayload`, for programs that prove blocks.
//!
//! In: a block, or a parent and the attributes of a block on it. Out: trie nodes, codes, keys and
//! headers with which the block can be executed by anybody who knows the parent's header.

use super::{
    Args, Eth, Module, Registered, RpcResult,
    error::{from_view, internal, invalid_params, server},
    patient,
};
use crate::{
    block::verify_transactions,
    view::{ChainView, StateView},
};
use alloy_consensus::Header;
use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, Bytes};
use alloy_rlp::Encodable;
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use opal_execution::{
    BlockAttributes, BlockBuilder, InvalidBlock, RecordedWitness, Recorder, Roots, StateDiff,
    StateReader, execute_block,
};
use opal_protocol::predeploys::L2_TO_L1_MESSAGE_PASSER;
use serde::Serialize;
use std::sync::Arc;

/// Headers in one witness: the reach of the `BLOCKHASH` opcode.
const HEADERS_MAX: u64 = 256;

/// A witness on the wire.
#[derive(Clone, Debug, Serialize)]
struct Witness {
    state: Vec<Bytes>,
    codes: Vec<Bytes>,
    keys: Vec<Bytes>,
    /// RLP, oldest first; the last is the parent's.
    headers: Vec<Bytes>,
}

pub(super) fn register(module: &mut Module) -> Registered {
    patient(module, "debug_executionWitness", |eth, args| {
        let id: BlockId = args.next()?;
        of_block(eth, id)
    })?;
    patient(module, "debug_executionWitnessByBlockHash", |eth, args| {
        let hash: B256 = args.next()?;
        of_block(eth, hash.into())
    })?;
    patient(module, "debug_executePayload", of_payload)
}

fn of_block(eth: &Eth, id: BlockId) -> RpcResult<Witness> {
    let view = eth.view();
    let block = eth.block(&view, id)?;
    let block = block.ok_or_else(|| server("block not found"))?;
    if block.header.number == 0 {
        return Err(server("the genesis block was not executed"));
    }
    let _turn = eth.turns.take(&eth.limits, None)?;
    let (parent, state) = parent_of(&view, block.header.parent_hash)?;
    let recorder = Recorder::new(&state);
    let reader: &dyn StateReader = &recorder;
    let executed = execute_block(
        &eth.api.chain,
        &parent,
        &block.header,
        &block.transactions(),
        block.body.withdrawals.as_ref().map(|w| w.as_slice()),
        reader,
    )
    .map_err(internal)?;
    finish(eth, &view, recorder, &parent, &executed.diff)
}

/// The witness of a block that holds exactly the transactions of its attributes.
fn of_payload(eth: &Eth, args: &mut Args<'_>) -> RpcResult<Witness> {
    let (parent_hash, attributes): (B256, OpPayloadAttributes) = (args.next()?, args.next()?);
    let chain = &eth.api.chain;
    if !chain.is_optimism() {
        return Err(invalid_params("debug_executePayload is for OP chains"));
    }
    let view = eth.view();
    let encoded = attributes.transactions.clone().unwrap_or_default();
    let transactions = verify_transactions(&encoded, |_| None)
        .map_err(|(index, e)| invalid_params(format!("transaction {index}: {e}")))?;
    let attributes = BlockAttributes::from_op(&attributes)
        .ok_or_else(|| invalid_params("gasLimit is required"))?;
    let _turn = eth.turns.take(&eth.limits, None)?;
    let (parent, state) = parent_of(&view, parent_hash)?;
    let recorder = Recorder::new(&state);
    let reader: &dyn StateReader = &recorder;
    let mut builder =
        BlockBuilder::new(chain, &parent, parent_hash, attributes, reader).map_err(refused)?;
    for tx in transactions {
        builder.push_forced(tx).map_err(refused)?;
    }
    // Nobody sees the header, so its roots may be anything.
    let roots = Roots {
        state_root: B256::ZERO,
        message_passer_storage_root: B256::ZERO,
    };
    let built = builder
        .finish(|_| Ok::<_, InvalidBlock>(roots))
        .map_err(refused)?;
    finish(eth, &view, recorder, &parent, &built.executed.diff)
}

fn refused(problem: InvalidBlock) -> jsonrpsee::types::ErrorObjectOwned {
    match problem {
        InvalidBlock::State(e) => internal(e),
        other => server(other),
    }
}

fn parent_of(view: &Arc<ChainView>, hash: B256) -> RpcResult<(Header, StateView)> {
    let parent = view.header(&hash).map_err(internal)?;
    let parent = parent.ok_or_else(|| server(format!("parent block {hash} not found")))?;
    let state = view.state_at(hash).map_err(from_view)?;
    Ok((parent, state))
}

fn finish(
    eth: &Eth,
    view: &ChainView,
    recorder: Recorder<'_, StateView>,
    parent: &Header,
    diff: &StateDiff,
) -> RpcResult<Witness> {
    let also: &[Address] = if eth.api.chain.is_optimism() {
        &[L2_TO_L1_MESSAGE_PASSER]
    } else {
        &[]
    };
    let recorded = recorder.finish(parent.state_root, diff, also);
    let RecordedWitness {
        state,
        codes,
        keys,
        lowest_block_hash,
    } = recorded.map_err(internal)?;
    let headers = headers(view, parent, lowest_block_hash)?;
    Ok(Witness {
        state,
        codes,
        keys,
        headers,
    })
}

/// The headers from the oldest whose hash was read to the parent.
fn headers(view: &ChainView, parent: &Header, lowest: Option<u64>) -> RpcResult<Vec<Bytes>> {
    let lowest = lowest.unwrap_or(parent.number);
    let mut headers = Vec::new();
    let mut header = parent.clone();
    for _ in 0..HEADERS_MAX {
        let mut rlp = Vec::new();
        header.encode(&mut rlp);
        headers.push(Bytes::from(rlp));
        if header.number <= lowest {
            break;
        }
        let next = view.header(&header.parent_hash).map_err(internal)?;
        header = next.ok_or_else(|| server("a header that was read is missing"))?;
    }
    headers.reverse();
    Ok(headers)
}
