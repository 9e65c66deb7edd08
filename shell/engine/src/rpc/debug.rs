//! Raw encodings for other services of the stack, operator's settings, and small talk.

use super::{
    Module, Registered, convert,
    error::{internal, need_receipts, unknown_block},
    method, quick,
};
use alloy_eips::BlockId;
use alloy_primitives::{B256, Bytes, U64, keccak256};
use alloy_rlp::Encodable;
use serde_json::json;

pub(super) fn register(module: &mut Module) -> Registered {
    register_raw(module)?;
    quick(module, "miner_setMaxDASize", |eth, args| {
        let (transaction, block): (U64, U64) = (args.next()?, args.next()?);
        eth.api
            .limits
            .set_max_da_bytes(transaction.to(), block.to());
        Ok(true)
    })?;
    quick(module, "miner_setGasLimit", |eth, args| {
        let gas: U64 = args.next()?;
        eth.api.limits.set_max_gas(gas.to());
        Ok(true)
    })?;
    quick(module, "net_version", |eth, _| {
        Ok(eth.api.chain.chain_id.to_string())
    })?;
    quick(module, "net_listening", |_, _| Ok(true))?;
    quick(module, "net_peerCount", |_, _| Ok("0x0"))?;
    quick(module, "web3_clientVersion", |_, _| Ok(client_version()))?;
    method(module, "web3_sha3", |_, args| {
        let data: Bytes = args.next()?;
        Ok(keccak256(data))
    })
}

/// Name and version of this program, as `web3_clientVersion` answers.
pub(super) fn client_version() -> String {
    format!(
        "opal/v{}/{}-{}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    )
}

fn register_raw(module: &mut Module) -> Registered {
    method(module, "debug_getRawHeader", |eth, args| {
        let id: BlockId = args.next()?;
        let block = eth
            .block(&eth.view(), id)?
            .ok_or_else(|| unknown_block(id))?;
        let mut out = Vec::new();
        block.header.encode(&mut out);
        Ok(Bytes::from(out))
    })?;
    method(module, "debug_getRawBlock", |eth, args| {
        let id: BlockId = args.next()?;
        let block = eth
            .block(&eth.view(), id)?
            .ok_or_else(|| unknown_block(id))?;
        Ok(Bytes::from(convert::block_rlp(&block)))
    })?;
    method(module, "debug_getRawReceipts", |eth, args| {
        let id: BlockId = args.next()?;
        let block = eth
            .block(&eth.view(), id)?
            .ok_or_else(|| unknown_block(id))?;
        need_receipts(&block)?;
        Ok(convert::raw_receipts(&block))
    })?;
    method(module, "debug_getRawTransaction", |eth, args| {
        let hash: B256 = args.next()?;
        let found = eth.view().transaction(&hash).map_err(internal)?;
        Ok(json!(found.and_then(|(block, i)| {
            block.body.transactions.get(i).cloned()
        })))
    })
}
