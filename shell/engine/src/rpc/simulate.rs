//! `eth_simulateV1`: blocks that might come next.

use super::{
    Args, Eth, Module, Registered, RpcResult, convert,
    error::{error, from_call, internal, invalid_params, revert_message, server},
    patient,
};
use crate::{block::ChainBlock, store::BlockBody, view::StateView};
use alloy_eips::{BlockId, eip4895::Withdrawal};
use alloy_primitives::{B256, keccak256};
use opal_execution::{
    Roots, StateDiff, StateError,
    simulate::{self, SimulateEnv, SimulateError, SimulatePayload, SimulatedBlock, SimulatedCall},
};
use opal_protocol::predeploys::L2_TO_L1_MESSAGE_PASSER;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Code of a call that reverted.
const REVERTED: i32 = 3;
/// Code of a call that failed otherwise. spec: execution-apis, eth_simulateV1
const VM_ERROR: i32 = -32_015;

pub(super) fn register(module: &mut Module) -> Registered {
    patient(module, "eth_simulateV1", simulate_v1)
}

fn simulate_v1(eth: &Eth, args: &mut Args<'_>) -> RpcResult<Vec<Value>> {
    let (payload, id): (Value, Option<BlockId>) = (args.next()?, args.optional()?);
    let withdrawals = withdrawals(&payload)?;
    let payload: SimulatePayload = serde_json::from_value(payload).map_err(invalid_params)?;
    if payload.block_state_calls.is_empty() {
        return Err(invalid_params("empty input"));
    }
    let full = payload.return_full_transactions;
    let turn = eth.turns.take(&eth.limits, None)?;
    let (state, base) = eth.state_and_header(id)?;
    let env = SimulateEnv {
        chain: &eth.api.chain,
        base: &base,
        reader: &state,
        gas_cap: eth.limits.call_gas_max,
    };
    let is_optimism = eth.api.chain.is_optimism();
    let roots = |diff: &StateDiff| roots_after(&state, is_optimism, diff);
    let blocks = simulate::simulate(&env, payload, withdrawals, &turn.budget, roots)
        .map_err(from_simulate)?;
    blocks.into_iter().map(|block| print(block, full)).collect()
}

/// The withdrawals among the block overrides, block by block: the library's type leaves them out.
fn withdrawals(payload: &Value) -> RpcResult<Vec<Vec<Withdrawal>>> {
    let blocks = payload["blockStateCalls"].as_array().into_iter().flatten();
    let of_block = |block: &Value| -> RpcResult<Vec<Withdrawal>> {
        let list = Option::deserialize(&block["blockOverrides"]["withdrawals"]);
        let list: Option<Vec<Withdrawal>> =
            list.map_err(|e| invalid_params(format!("block override 'withdrawals': {e}")))?;
        Ok(list.unwrap_or_default())
    };
    blocks.map(of_block).collect()
}

/// The roots of the state with all that was simulated so far.
fn roots_after(
    state: &StateView,
    is_optimism: bool,
    diff: &StateDiff,
) -> Result<Roots, StateError> {
    let failed = |e: &dyn std::fmt::Display| StateError(e.to_string());
    let mut trie = state.trie().map_err(|e| failed(&e))?;
    trie.update(state, &diff.hashed()).map_err(|e| failed(&e))?;
    let message_passer_storage_root = if is_optimism {
        let passer = keccak256(L2_TO_L1_MESSAGE_PASSER);
        trie.storage_root(state, passer).map_err(|e| failed(&e))?
    } else {
        B256::ZERO
    };
    Ok(Roots {
        state_root: trie.root(),
        message_passer_storage_root,
    })
}

fn print(block: SimulatedBlock, full: bool) -> RpcResult<Value> {
    let SimulatedBlock {
        header,
        hash,
        transactions,
        receipts,
        calls,
        withdrawals,
    } = block;
    let body = BlockBody::of(transactions, withdrawals.map(Into::into));
    let block = ChainBlock::new(hash, header, body, receipts);
    let Value::Object(mut object) = convert::block(&block, full).map_err(internal)? else {
        return Err(internal("a block is an object"));
    };
    let mut logs_before = 0_usize;
    let mut printed = Vec::with_capacity(calls.len());
    for (index, call) in calls.iter().enumerate() {
        printed.push(print_call(&block, index, logs_before, call));
        logs_before = logs_before.saturating_add(call.logs.len());
    }
    object.insert("calls".to_owned(), Value::Array(printed));
    Ok(Value::Object(object))
}

fn print_call(block: &ChainBlock, index: usize, logs_before: usize, call: &SimulatedCall) -> Value {
    let hash = block.transaction_hashes().get(index).copied();
    let logs: Vec<Value> = call
        .logs
        .iter()
        .enumerate()
        .map(|(i, log)| {
            let place = logs_before.saturating_add(i);
            convert::log(block, hash.unwrap_or_default(), index, place, log)
        })
        .collect();
    let mut object = Map::new();
    // What a call reverted with is in its error.
    let returned = call.success.then(|| call.output.clone());
    object.insert("returnData".to_owned(), json!(returned.unwrap_or_default()));
    object.insert("logs".to_owned(), Value::Array(logs));
    object.insert("gasUsed".to_owned(), convert::quantity(call.gas_used));
    object.insert(
        "maxUsedGas".to_owned(),
        convert::quantity(call.max_gas_used),
    );
    let status = u64::from(call.success);
    object.insert("status".to_owned(), convert::quantity(status));
    if !call.success {
        let problem = match &call.halt {
            Some(halt) => json!({ "message": halt, "code": VM_ERROR }),
            None => json!({
                "message": revert_message(&call.output),
                "code": REVERTED,
                "data": call.output,
            }),
        };
        object.insert("error".to_owned(), problem);
    }
    Value::Object(object)
}

fn from_simulate(problem: SimulateError) -> jsonrpsee::types::ErrorObjectOwned {
    match (problem.code(), problem) {
        (Some(code), problem) => error(code, problem.to_string()),
        (None, SimulateError::Call(problem)) => from_call(problem),
        (None, problem) => server(problem),
    }
}
