//! What a client may want to know about this node: its forks, its reach, whether it syncs.

use super::{
    Args, Eth, Module, Registered, RpcResult, convert,
    debug::client_version,
    error::{internal, invalid_params, unknown_block},
    forks, method, quick,
};
use crate::view::{ChainView, REWIND_BLOCKS_MAX};
use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, U64};
use opal_execution::{StateReader, header::next_base_fee};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Slots that one `eth_getStorageValues` may read.
const STORAGE_VALUES_MAX: usize = 1_024;
/// Seconds after which the next block is assumed.
const NEXT_BLOCK_SECONDS: u64 = 1;

/// A head that was named to us and that we do not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Syncing {
    /// Height where syncing began.
    pub(crate) starting: u64,
    /// Greatest height we heard of.
    pub(crate) highest: u64,
}

pub(super) fn register(module: &mut Module) -> Registered {
    quick(module, "eth_syncing", |eth, _| Ok(syncing(eth)))?;
    method(module, "eth_config", |eth, _| {
        let view = eth.view();
        let genesis = view.canonical_hash(0).map_err(internal)?;
        let genesis_time = match genesis {
            Some(hash) => view.header(&hash).map_err(internal)?.map(|h| h.timestamp),
            None => None,
        };
        let first = (genesis.unwrap_or_default(), genesis_time.unwrap_or(0));
        Ok(forks::config(&eth.api.chain, first, view.head.timestamp))
    })?;
    method(module, "eth_capabilities", |eth, _| capabilities(eth))?;
    method(module, "debug_proofsSyncStatus", |eth, _| {
        proofs_status(eth)
    })?;
    quick(module, "eth_baseFee", |eth, _| {
        let view = eth.view();
        let header = view.header(&view.head.hash).map_err(internal)?;
        let header = header.ok_or_else(|| unknown_block("latest"))?;
        let next_time = header.timestamp.saturating_add(NEXT_BLOCK_SECONDS);
        Ok(convert::quantity(next_base_fee(
            &eth.api.chain,
            &header,
            next_time,
        )))
    })?;
    method(module, "eth_getStorageValues", storage_values)?;
    method(
        module,
        "eth_getTransactionBySenderAndNonce",
        transaction_by_sender,
    )?;
    quick(module, "admin_nodeInfo", |eth, _| node_info(eth))?;
    quick(module, "admin_peers", |_, _| Ok(json!([])))
}

/// The answer of `eth_syncing`: `false`, or how far we are.
pub(super) fn syncing(eth: &Eth) -> Value {
    match *eth.api.syncing.borrow() {
        None => json!(false),
        Some(Syncing { starting, highest }) => {
            let current = eth.view().head.number;
            json!({
                "startingBlock": convert::quantity(starting),
                "currentBlock": convert::quantity(current),
                "highestBlock": convert::quantity(highest.max(current)),
            })
        }
    }
}

/// Which blocks can be asked about: all bodies; receipts and logs unless they are pruned; states
/// within the history, which an archive's index prolongs; proofs within what one step goes back.
fn capabilities(eth: &Eth) -> RpcResult<Value> {
    let view = eth.view();
    let flushed = view.db.flushed_number();
    let from = |oldest: u64| json!({ "disabled": false, "oldestBlock": convert::quantity(oldest) });
    let window = |oldest: u64, blocks: u64| {
        json!({
            "disabled": false,
            "oldestBlock": convert::quantity(oldest),
            "deleteStrategy": { "type": "window", "retentionBlocks": convert::quantity(blocks) },
        })
    };
    let reach = eth.history_blocks.min(REWIND_BLOCKS_MAX);
    // Old diffs go a few at a time: what is still there counts.
    let oldest_diff = view.db.reverse_range().map_err(internal)?;
    let oldest_proof = oldest_diff
        .map_or(flushed, |(first, _, _)| first.saturating_sub(1))
        .max(flushed.saturating_sub(REWIND_BLOCKS_MAX));
    let state = match view.db.indexed_from() {
        Some(first) => from(first),
        None => window(oldest_proof, reach),
    };
    let receipts = match eth.receipts_blocks {
        Some(kept) => window(view.db.receipts_from(), kept),
        None => from(view.db.receipts_from()),
    };
    Ok(json!({
        "head": { "number": convert::quantity(view.head.number), "hash": view.head.hash },
        "state": state,
        "stateproofs": window(oldest_proof, reach),
        "tx": from(0),
        "logs": receipts,
        "receipts": receipts,
        "blocks": from(0),
    }))
}

/// What op-reth tells of its store of old proofs: which blocks they reach.
fn proofs_status(eth: &Eth) -> RpcResult<Value> {
    let capabilities = capabilities(eth)?;
    let earliest = capabilities["stateproofs"]["oldestBlock"].as_str();
    let earliest = earliest.and_then(|hex| u64::from_str_radix(hex.get(2..)?, 16).ok());
    Ok(json!({ "earliest": earliest, "latest": eth.view().head.number }))
}

/// Several slots of several accounts at once.
fn storage_values(eth: &Eth, args: &mut Args<'_>) -> RpcResult<Value> {
    let (wanted, id): (BTreeMap<Address, Vec<B256>>, Option<BlockId>) =
        (args.next()?, args.optional()?);
    let count: usize = wanted.values().map(Vec::len).sum();
    if count == 0 {
        return Err(invalid_params("empty request"));
    }
    if count > STORAGE_VALUES_MAX {
        return Err(invalid_params(format!(
            "too many slots (max {STORAGE_VALUES_MAX})"
        )));
    }
    let state = eth.state(id)?;
    let mut answer = Map::new();
    for (address, slots) in wanted {
        let values = slots
            .into_iter()
            .map(|slot| state.storage(address, slot.into()).map(B256::from))
            .collect::<Result<Vec<_>, _>>()
            .map_err(internal)?;
        answer.insert(format!("{address:#x}"), json!(values));
    }
    Ok(Value::Object(answer))
}

/// The transaction of an account with a nonce: in the pool, or in the block where the account's
/// nonce passed it.
fn transaction_by_sender(eth: &Eth, args: &mut Args<'_>) -> RpcResult<Value> {
    let (sender, nonce): (Address, U64) = (args.next()?, args.next()?);
    let nonce: u64 = nonce.to();
    if let Some(tx) = eth.api.pool.by_nonce(sender, nonce) {
        return convert::pending_transaction(tx.tx.tx.clone(), sender).map_err(internal);
    }
    let view = eth.view();
    if nonce_at(eth, &view, sender, view.head.number)? <= nonce {
        return Ok(Value::Null);
    }
    let (mut below, mut at) = (0, view.head.number);
    while below < at {
        let middle = below.midpoint(at);
        if nonce_at(eth, &view, sender, middle)? > nonce {
            at = middle;
        } else {
            below = middle.saturating_add(1);
        }
    }
    let hash = view.canonical_hash(at).map_err(internal)?;
    let Some(block) = hash
        .map(|hash| view.block(&hash))
        .transpose()
        .map_err(internal)?
        .flatten()
    else {
        return Ok(Value::Null);
    };
    for (index, from) in block.body.senders.iter().enumerate() {
        if *from != sender {
            continue;
        }
        let transaction = convert::transaction(&block, index).map_err(internal)?;
        if transaction["nonce"] == convert::quantity(nonce) {
            return Ok(transaction);
        }
    }
    Ok(Value::Null)
}

fn nonce_at(eth: &Eth, view: &ChainView, sender: Address, number: u64) -> RpcResult<u64> {
    let hash = view.canonical_hash(number).map_err(internal)?;
    let hash = hash.ok_or_else(|| unknown_block(number))?;
    let state = eth.state(Some(hash.into()))?;
    let account = state.account(sender).map_err(internal)?;
    Ok(account.unwrap_or_default().nonce)
}

/// What geth tells about itself, as far as it means something without peers of its own.
fn node_info(eth: &Eth) -> RpcResult<Value> {
    let view = eth.view();
    let genesis = view.canonical_hash(0).map_err(internal)?;
    Ok(json!({
        "name": client_version(),
        "enode": "",
        "id": "",
        "ip": "",
        "listenAddr": "",
        "ports": { "discovery": 0, "listener": 0 },
        "protocols": { "eth": {
            "network": eth.api.chain.chain_id,
            "genesis": genesis,
            "head": view.head.hash,
            "difficulty": 0,
        }},
    }))
}
