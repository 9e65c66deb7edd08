//! Blocks, transactions and receipts.

use super::{
    Module, Registered, convert,
    error::{internal, need_receipts},
    method,
    place::block_is_near,
    quick, quick_if,
    receipt_fees::BlockFees,
};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{B256, U64};
use serde_json::{Value, json};

pub(super) fn register(module: &mut Module) -> Registered {
    register_blocks(module)?;
    register_transactions(module)?;
    register_receipts(module)
}

fn register_blocks(module: &mut Module) -> Registered {
    quick(module, "eth_chainId", |eth, _| {
        Ok(convert::quantity(eth.api.chain.chain_id))
    })?;
    quick(module, "eth_blockNumber", |eth, _| {
        Ok(convert::quantity(eth.view().head.number))
    })?;
    quick(module, "eth_accounts", |_, _| Ok(json!([])))?;
    quick_if(
        module,
        "eth_getBlockByNumber",
        block_is_near,
        |eth, args| {
            let tag: BlockNumberOrTag = args.next()?;
            let full = args.optional()?.unwrap_or(false);
            let block = eth.block(&eth.view(), tag.into())?;
            block
                .map(|b| convert::block(&b, full))
                .transpose()
                .map_err(internal)
        },
    )?;
    quick_if(module, "eth_getBlockByHash", block_is_near, |eth, args| {
        let hash: B256 = args.next()?;
        let full = args.optional()?.unwrap_or(false);
        let block = eth.block(&eth.view(), hash.into())?;
        block
            .map(|b| convert::block(&b, full))
            .transpose()
            .map_err(internal)
    })?;
    quick_if(
        module,
        "eth_getHeaderByNumber",
        block_is_near,
        |eth, args| {
            let tag: BlockNumberOrTag = args.next()?;
            let block = eth.block(&eth.view(), tag.into())?;
            block
                .map(|b| convert::header(&b).map(Value::Object))
                .transpose()
                .map_err(internal)
        },
    )?;
    quick_if(module, "eth_getHeaderByHash", block_is_near, |eth, args| {
        let hash: B256 = args.next()?;
        let block = eth.block(&eth.view(), hash.into())?;
        block
            .map(|b| convert::header(&b).map(Value::Object))
            .transpose()
            .map_err(internal)
    })?;
    quick_if(
        module,
        "eth_getBlockTransactionCountByNumber",
        block_is_near,
        |eth, args| {
            let tag: BlockNumberOrTag = args.next()?;
            let block = eth.block(&eth.view(), tag.into())?;
            Ok(block.map(|b| convert::quantity(b.body.transactions.len() as u64)))
        },
    )?;
    quick_if(
        module,
        "eth_getBlockTransactionCountByHash",
        block_is_near,
        |eth, args| {
            let hash: B256 = args.next()?;
            let block = eth.block(&eth.view(), hash.into())?;
            Ok(block.map(|b| convert::quantity(b.body.transactions.len() as u64)))
        },
    )?;
    quick_if(
        module,
        "eth_getUncleCountByBlockNumber",
        block_is_near,
        |eth, args| {
            let tag: BlockNumberOrTag = args.next()?;
            Ok(eth
                .block(&eth.view(), tag.into())?
                .map(|_| convert::quantity(0u64)))
        },
    )?;
    quick_if(
        module,
        "eth_getUncleCountByBlockHash",
        block_is_near,
        |eth, args| {
            let hash: B256 = args.next()?;
            Ok(eth
                .block(&eth.view(), hash.into())?
                .map(|_| convert::quantity(0u64)))
        },
    )
}

fn register_transactions(module: &mut Module) -> Registered {
    method(module, "eth_getTransactionByHash", |eth, args| {
        let hash: B256 = args.next()?;
        if let Some((block, index)) = eth.view().transaction(&hash).map_err(internal)? {
            return convert::transaction(&block, index).map_err(internal);
        }
        let Some(tx) = eth.api.pool.get(&hash) else {
            return Ok(Value::Null);
        };
        convert::pending_transaction(tx.tx.tx.clone(), tx.sender()).map_err(internal)
    })?;
    quick_if(
        module,
        "eth_getTransactionByBlockHashAndIndex",
        block_is_near,
        |eth, args| {
            let (hash, index): (B256, U64) = (args.next()?, args.next()?);
            transaction_in(eth, hash.into(), index)
        },
    )?;
    quick_if(
        module,
        "eth_getTransactionByBlockNumberAndIndex",
        block_is_near,
        |eth, args| {
            let (tag, index): (BlockNumberOrTag, U64) = (args.next()?, args.next()?);
            transaction_in(eth, tag.into(), index)
        },
    )?;
    method(module, "eth_getRawTransactionByHash", |eth, args| {
        let hash: B256 = args.next()?;
        if let Some((block, index)) = eth.view().transaction(&hash).map_err(internal)? {
            return Ok(json!(block.body.transactions.get(index)));
        }
        Ok(json!(
            eth.api.pool.get(&hash).map(|tx| tx.tx.encoded.clone())
        ))
    })
}

fn transaction_in(eth: &super::Eth, id: BlockId, index: U64) -> super::RpcResult<Value> {
    let Some(block) = eth.block(&eth.view(), id)? else {
        return Ok(Value::Null);
    };
    let index = usize::try_from(index.to::<u64>()).unwrap_or(usize::MAX);
    convert::transaction(&block, index).map_err(internal)
}

fn register_receipts(module: &mut Module) -> Registered {
    method(module, "eth_getTransactionReceipt", |eth, args| {
        let hash: B256 = args.next()?;
        let Some((block, index)) = eth.view().transaction(&hash).map_err(internal)? else {
            return Ok(Value::Null);
        };
        need_receipts(&block)?;
        let chain = &eth.api.chain;
        let fees = BlockFees::of(chain, &block);
        convert::receipt(chain, &block, index, fees.as_ref()).map_err(internal)
    })?;
    quick_if(
        module,
        "eth_getBlockReceipts",
        block_is_near,
        |eth, args| {
            let id: BlockId = args.next()?;
            let Some(block) = eth.block(&eth.view(), id)? else {
                return Ok(Value::Null);
            };
            need_receipts(&block)?;
            let chain = &eth.api.chain;
            let fees = BlockFees::of(chain, &block);
            let receipts: Vec<Value> = (0..block.receipts.len())
                .map(|index| convert::receipt(chain, &block, index, fees.as_ref()))
                .collect::<Result<_, _>>()
                .map_err(internal)?;
            Ok(Value::Array(receipts))
        },
    )
}
