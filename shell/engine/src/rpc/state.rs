//! Accounts, storage, proofs, and calls that change nothing.

use super::{
    Args, Eth, Module, Registered, RpcResult, convert,
    error::{from_call, from_trace, from_view, internal, invalid_params, reverted, server},
    method, patient, quick_if,
    slot::Slot,
    state_is_near,
};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, keccak256};
use opal_execution::{
    StateReader,
    call::{self, BlockOverrides, CallSetup, StateOverride, TransactionRequest},
    trace,
};
use serde_json::{Value, json};

/// Slots that one proof may cover.
const PROOF_SLOTS_MAX: usize = 1_024;

pub(super) fn register(module: &mut Module) -> Registered {
    register_accounts(module)?;
    register_calls(module)
}

fn register_accounts(module: &mut Module) -> Registered {
    quick_if(module, "eth_getBalance", state_is_near(1), |eth, args| {
        let (address, id): (Address, _) = (args.next()?, args.optional()?);
        let account = eth.state(id)?.account(address).map_err(internal)?;
        Ok(convert::quantity(account.unwrap_or_default().balance))
    })?;
    quick_if(module, "eth_getCode", state_is_near(1), |eth, args| {
        let (address, id): (Address, _) = (args.next()?, args.optional()?);
        let state = eth.state(id)?;
        let account = state
            .account(address)
            .map_err(internal)?
            .unwrap_or_default();
        state.code(account.code_hash).map_err(internal)
    })?;
    quick_if(module, "eth_getStorageAt", state_is_near(2), |eth, args| {
        let (address, slot): (Address, Slot) = (args.next()?, args.next()?);
        let id = args.optional()?;
        let value = eth
            .state(id)?
            .storage(address, slot.key)
            .map_err(internal)?;
        Ok(B256::from(value))
    })?;
    quick_if(
        module,
        "eth_getTransactionCount",
        state_is_near(1),
        |eth, args| {
            let (address, id): (Address, Option<BlockId>) = (args.next()?, args.optional()?);
            let account = eth.state(id)?.account(address).map_err(internal)?;
            let nonce = account.unwrap_or_default().nonce;
            if id == Some(BlockId::Number(BlockNumberOrTag::Pending)) {
                let next = eth.api.pool.next_nonce(address).unwrap_or_default();
                return Ok(convert::quantity(nonce.max(next)));
            }
            Ok(convert::quantity(nonce))
        },
    )?;
    method(module, "eth_getProof", proof)
}

fn proof(eth: &Eth, args: &mut Args<'_>) -> RpcResult<Value> {
    let (address, slots): (Address, Vec<Slot>) = (args.next()?, args.next()?);
    let id: Option<BlockId> = args.optional()?;
    if slots.len() > PROOF_SLOTS_MAX {
        return Err(invalid_params(format!(
            "at most {PROOF_SLOTS_MAX} slots can be proven"
        )));
    }
    let state = eth.state(id)?;
    let trie = state.trie().map_err(from_view)?;
    let hashed: Vec<B256> = slots
        .iter()
        .map(|s| keccak256(s.key.to_be_bytes::<32>()))
        .collect();
    let proof = trie
        .proof(&state, keccak256(address), &hashed)
        .map_err(internal)?;
    let account = proof.account.unwrap_or_default();
    let storage: Vec<Value> = slots
        .iter()
        .zip(&proof.storage)
        .map(|(slot, p)| {
            json!({ "key": slot.echo(), "value": convert::quantity(p.value), "proof": p.nodes })
        })
        .collect();
    let code_hash = if proof.account.is_some() {
        account.code_hash
    } else {
        KECCAK256_EMPTY
    };
    Ok(json!({
        "address": address,
        "accountProof": proof.nodes,
        "balance": convert::quantity(account.balance),
        "codeHash": code_hash,
        "nonce": convert::quantity(account.nonce),
        "storageHash": proof.storage_root,
        "storageProof": storage,
    }))
}

fn register_calls(module: &mut Module) -> Registered {
    method(module, "eth_call", |eth, args| -> RpcResult<Bytes> {
        let request: TransactionRequest = args.next()?;
        let id: Option<BlockId> = args.optional()?;
        let overrides: Option<StateOverride> = args.optional()?;
        let block: Option<BlockOverrides> = args.optional()?;
        let (state, header) = eth.state_and_header(id)?;
        let env = eth.call_env(&state, &header);
        let outcome = call::call(&env, &request, overrides, block).map_err(from_call)?;
        if outcome.success {
            return Ok(outcome.output);
        }
        match outcome.halt {
            Some(reason) => Err(server(reason)),
            None => Err(reverted(&outcome.output)),
        }
    })?;
    method(module, "eth_estimateGas", |eth, args| {
        let request: TransactionRequest = args.next()?;
        let id: Option<BlockId> = args.optional()?;
        let setup = CallSetup {
            request: &request,
            state: args.optional()?,
            block: args.optional()?,
        };
        let (state, header) = eth.state_and_header(id)?;
        let env = eth.call_env(&state, &header);
        let gas = call::estimate_gas(&env, setup).map_err(from_call)?;
        Ok(convert::quantity(gas))
    })?;
    patient(module, "eth_createAccessList", create_access_list)
}

fn create_access_list(eth: &Eth, args: &mut Args<'_>) -> RpcResult<Value> {
    let request: TransactionRequest = args.next()?;
    let id: Option<BlockId> = args.optional()?;
    let setup = CallSetup {
        request: &request,
        state: args.optional()?,
        block: None,
    };
    let turn = eth.turns.take(&eth.limits, None)?;
    let (state, header) = eth.state_and_header(id)?;
    let env = eth.call_env(&state, &header);
    let touched = trace::create_access_list(&env, setup, &turn.budget).map_err(from_trace)?;
    let mut answer = json!({
        "accessList": touched.list,
        "gasUsed": convert::quantity(touched.gas_used),
    });
    if let (Some(error), Some(object)) = (touched.error, answer.as_object_mut()) {
        object.insert("error".to_owned(), error.into());
    }
    Ok(answer)
}
