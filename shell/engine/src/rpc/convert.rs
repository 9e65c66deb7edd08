//! Blocks, transactions, receipts and logs as JSON, in the form that geth and op-geth print.

use crate::{block::ChainBlock, rpc::receipt_fees::BlockFees};
use alloy_consensus::{
    EthereumTxEnvelope, Transaction as _, TxEip4844Variant, Typed2718, transaction::Recovered,
};
use alloy_primitives::ruint::UintTryFrom;
use alloy_primitives::{Address, B256, Bloom, Bytes, U256};
use alloy_rlp::Encodable;
use op_alloy_consensus::{
    OpTxEnvelope,
    transaction::{OpDepositInfo, OpTransactionInfo},
};
use opal_execution::{ChainConfig, Transaction};
use serde_json::{Map, Value, json};

type SignedEnvelope = EthereumTxEnvelope<TxEip4844Variant>;

/// A quantity: hexadecimal without leading zeros.
pub(crate) fn quantity<T>(n: T) -> Value
where
    U256: UintTryFrom<T>,
{
    Value::String(format!("{:#x}", U256::from(n)))
}

/// A block; with `full`, its transactions are objects and not hashes.
pub(crate) fn block(block: &ChainBlock, full: bool) -> Result<Value, serde_json::Error> {
    let mut object = header(block)?;
    let transactions: Vec<Value> = if full {
        let count = block.body.transactions.len();
        (0..count)
            .map(|i| transaction(block, i))
            .collect::<Result<_, _>>()?
    } else {
        block
            .transaction_hashes()
            .iter()
            .map(|hash| json!(hash))
            .collect()
    };
    object.insert("transactions".into(), Value::Array(transactions));
    object.insert("uncles".into(), json!([]));
    if let Some(withdrawals) = &block.body.withdrawals {
        object.insert("withdrawals".into(), serde_json::to_value(withdrawals)?);
    }
    Ok(Value::Object(object))
}

/// A header with its hash and the size of its block.
pub(crate) fn header(block: &ChainBlock) -> Result<Map<String, Value>, serde_json::Error> {
    let Value::Object(mut object) = serde_json::to_value(&block.header)? else {
        return Ok(Map::new());
    };
    object.insert("hash".into(), json!(block.hash));
    object.insert("size".into(), quantity(block_rlp(block).len() as u64));
    Ok(object)
}

/// RLP of the whole block.
pub(crate) fn block_rlp(block: &ChainBlock) -> Vec<u8> {
    let mut body = Vec::new();
    block.header.encode(&mut body);
    let mut transactions = Vec::new();
    for tx in &block.body.transactions {
        // A legacy transaction is a list of its own, a typed one travels as a string.
        if tx.first().is_some_and(|b| *b >= 0xc0) {
            transactions.extend_from_slice(tx);
        } else {
            tx.encode(&mut transactions);
        }
    }
    alloy_rlp::Header {
        list: true,
        payload_length: transactions.len(),
    }
    .encode(&mut body);
    body.extend_from_slice(&transactions);
    alloy_rlp::Header {
        list: true,
        payload_length: 0,
    }
    .encode(&mut body);
    if let Some(withdrawals) = &block.body.withdrawals {
        withdrawals.encode(&mut body);
    }
    let mut out = Vec::with_capacity(body.len().saturating_add(8));
    alloy_rlp::Header {
        list: true,
        payload_length: body.len(),
    }
    .encode(&mut out);
    out.extend_from_slice(&body);
    out
}

/// The transaction at `index` of a block; null if there is none.
pub(crate) fn transaction(block: &ChainBlock, index: usize) -> Result<Value, serde_json::Error> {
    let Some((tx, sender)) = block.transaction(index) else {
        return Ok(Value::Null);
    };
    let place = Place {
        block_hash: block.hash,
        block_number: block.header.number,
        index: index as u64,
        base_fee: block.header.base_fee_per_gas,
        timestamp: block.header.timestamp,
    };
    match tx {
        Transaction::Deposit(deposit) => {
            let receipt = block.receipts.get(index);
            let info = OpTransactionInfo::new(
                place.info(deposit.hash()),
                OpDepositInfo {
                    deposit_nonce: receipt.and_then(|r| r.deposit_nonce),
                    deposit_receipt_version: receipt.and_then(|r| r.deposit_receipt_version),
                },
            );
            let tx = Recovered::new_unchecked(OpTxEnvelope::Deposit(deposit), sender);
            serde_json::to_value(op_alloy_rpc_types::Transaction::from_transaction(tx, info))
        }
        tx => signed(tx, sender, Some(place)),
    }
}

/// A transaction that is in no block yet.
pub(crate) fn pending_transaction(
    tx: Transaction,
    sender: Address,
) -> Result<Value, serde_json::Error> {
    signed(tx, sender, None)
}

/// Where a transaction lies.
struct Place {
    block_hash: B256,
    block_number: u64,
    index: u64,
    base_fee: Option<u64>,
    timestamp: u64,
}

impl Place {
    const fn info(&self, hash: B256) -> alloy_rpc_types_eth::TransactionInfo {
        alloy_rpc_types_eth::TransactionInfo {
            hash: Some(hash),
            index: Some(self.index),
            block_hash: Some(self.block_hash),
            block_number: Some(self.block_number),
            base_fee: self.base_fee,
            block_timestamp: Some(self.timestamp),
        }
    }
}

fn signed(
    tx: Transaction,
    sender: Address,
    place: Option<Place>,
) -> Result<Value, serde_json::Error> {
    let hash = tx.hash();
    let effective = match place.as_ref().and_then(|p| p.base_fee) {
        Some(base_fee) => tx.effective_gas_price(Some(base_fee)),
        None => tx.max_fee_per_gas(),
    };
    let envelope: SignedEnvelope = match tx {
        Transaction::Legacy(tx) => SignedEnvelope::Legacy(tx),
        Transaction::Eip2930(tx) => SignedEnvelope::Eip2930(tx),
        Transaction::Eip1559(tx) => SignedEnvelope::Eip1559(tx),
        Transaction::Eip4844(tx) => SignedEnvelope::Eip4844(tx.map(Into::into)),
        Transaction::Eip7702(tx) => SignedEnvelope::Eip7702(tx),
        Transaction::Deposit(_) => return Ok(Value::Null),
    };
    let info = place.map(|p| p.info(hash)).unwrap_or_default();
    let mut value = serde_json::to_value(alloy_rpc_types_eth::Transaction {
        inner: Recovered::new_unchecked(envelope, sender),
        block_hash: info.block_hash,
        block_number: info.block_number,
        transaction_index: info.index,
        effective_gas_price: Some(effective),
        block_timestamp: info.block_timestamp,
    })?;
    if let Value::Object(object) = &mut value {
        // As all else about its block, the time of a pending one is null.
        object.entry("blockTimestamp").or_insert(Value::Null);
    }
    Ok(value)
}

/// The receipt of the transaction at `index`; null if there is none.
pub(crate) fn receipt(
    chain: &ChainConfig,
    block: &ChainBlock,
    index: usize,
    fees: Option<&BlockFees>,
) -> Result<Value, serde_json::Error> {
    let (Some((tx, sender)), Some(receipt)) = (block.transaction(index), block.receipts.get(index))
    else {
        return Ok(Value::Null);
    };
    let encoded = &block.body.transactions[index];
    let Some(&hash) = block.transaction_hashes().get(index) else {
        return Ok(Value::Null);
    };
    let gas_used = block.gas_used(index);
    let logs_before = block.logs_before(index);
    let logs: Vec<Value> = receipt
        .logs
        .iter()
        .enumerate()
        .map(|(i, l)| log(block, hash, index, logs_before.saturating_add(i), l))
        .collect();
    let bloom: Bloom = alloy_primitives::logs_bloom(&receipt.logs);
    let nonce = receipt.deposit_nonce.unwrap_or_else(|| tx.nonce());
    let contract = tx.is_create().then(|| sender.create(nonce));
    let price = match tx.as_deposit() {
        Some(_) => 0,
        None => tx.effective_gas_price(block.header.base_fee_per_gas),
    };
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("type", quantity(u64::from(tx.ty())));
    put("status", quantity(u64::from(receipt.success)));
    put("cumulativeGasUsed", quantity(receipt.cumulative_gas_used));
    put("logs", Value::Array(logs));
    put("logsBloom", json!(bloom));
    put("transactionHash", json!(hash));
    put("transactionIndex", quantity(index as u64));
    put("blockHash", json!(block.hash));
    put("blockNumber", quantity(block.header.number));
    put("gasUsed", quantity(gas_used));
    put("effectiveGasPrice", quantity(price));
    put("from", json!(sender));
    put("to", json!(tx.to()));
    put("contractAddress", json!(contract));
    if let Some(nonce) = receipt.deposit_nonce {
        put("depositNonce", quantity(nonce));
    }
    if let Some(version) = receipt.deposit_receipt_version {
        put("depositReceiptVersion", quantity(version));
    }
    if let Some(blob_gas) = tx.blob_gas_used() {
        put("blobGasUsed", quantity(blob_gas));
        let fee = chain
            .blob_params(block.header.timestamp)
            .map(|p| p.calc_blob_fee(block.header.excess_blob_gas.unwrap_or_default()));
        put("blobGasPrice", quantity(fee.unwrap_or_default()));
    }
    if let Some(fees) = fees
        && !tx.is_deposit()
    {
        fees.add_to(&mut object, encoded, gas_used);
    }
    Ok(Value::Object(object))
}

/// A log with its place in the chain.
pub(crate) fn log(
    block: &ChainBlock,
    transaction: B256,
    index: usize,
    log_index: usize,
    log: &alloy_primitives::Log,
) -> Value {
    json!({
        "address": log.address,
        "topics": log.topics(),
        "data": log.data.data,
        "blockHash": block.hash,
        "blockNumber": quantity(block.header.number),
        "blockTimestamp": quantity(block.header.timestamp),
        "transactionHash": transaction,
        "transactionIndex": quantity(index as u64),
        "logIndex": quantity(log_index as u64),
        "removed": false,
    })
}

/// Canonical bytes of all receipts of a block.
pub(crate) fn raw_receipts(block: &ChainBlock) -> Vec<Bytes> {
    block
        .receipts
        .iter()
        .map(opal_execution::Receipt::encode)
        .collect()
}
