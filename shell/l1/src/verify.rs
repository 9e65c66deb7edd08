//! From the JSON of a node to a verified [`L1Block`].
//!
//! In: what the node said of a block and of its receipts. Out: the block, once every part of it is
//! proven to belong to its hash, or the check that failed, in words.
//!
//! L1 may be a rollup itself: deposits (type 0x7e) and their receipts are read like any other.

use alloy_consensus::{
    Eip658Value, EthereumTxEnvelope, Header, Receipt, ReceiptWithBloom, TxEip4844,
};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bloom, Bytes, Log, LogData, U64, keccak256};
use alloy_rlp::{Decodable, Encodable};
use alloy_trie::root::ordered_trie_root_encoded;
use op_alloy_consensus::OpDepositReceipt;
use opal_protocol::{
    L1Receipt,
    deposit::{DEPOSIT_TX_TYPE, encode_deposit},
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Which check failed, in words.
pub(crate) type Problem = String;

/// Types of transactions that no fork of L1 knows yet but whose receipts are read all the same.
/// spec: protocol/derivation.md#on-future-proof-transaction-log-derivation
const FUTURE_TYPES: std::ops::RangeInclusive<u8> = 0x05..=0x7d;

/// What is asked for: a block by height or by hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Number(u64),
    Hash(B256),
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Hash(hash) => hash.fmt(f),
        }
    }
}

/// A transaction of a block.
#[derive(Clone, Debug)]
pub(crate) enum BlockTx {
    /// Of a type we know: its EIP-2718 encoding.
    Encoded(Bytes),
    /// Of a future type: JSON does not tell how it is encoded.
    Future { tx_type: u8, hash: B256 },
}

/// A block whose header is verified and whose transactions are not.
#[derive(Clone, Debug)]
pub(crate) struct OpenBlock {
    pub(crate) hash: B256,
    pub(crate) header: Header,
    pub(crate) txs: Vec<BlockTx>,
    /// As the node names them; for asking for receipts one by one.
    pub(crate) tx_hashes: Vec<B256>,
}

/// Checks that `header` is the one asked for and hashes to what the node says.
pub(crate) fn check_header(wanted: Wanted, hash: B256, header: &Header) -> Result<(), Problem> {
    let actual = header.hash_slow();
    if actual != hash {
        return Err(format!("its header hashes to {actual}, not to {hash}"));
    }
    match wanted {
        Wanted::Number(number) if header.number != number => {
            Err(format!("it is block {} instead", header.number))
        }
        Wanted::Hash(wanted) if wanted != hash => Err(format!("it is block {hash} instead")),
        _ => Ok(()),
    }
}

/// Reads a block with full transactions and checks its header; `null` is no block.
pub(crate) fn open_block(wanted: Wanted, json: &RawValue) -> Result<Option<OpenBlock>, Problem> {
    if json.get() == "null" {
        return Ok(None);
    }
    let unreadable = |e: serde_json::Error| format!("unreadable block: {e}");
    let body: RpcBody<'_> = serde_json::from_str(json.get()).map_err(unreadable)?;
    let header: Header = serde_json::from_str(json.get()).map_err(unreadable)?;
    check_header(wanted, body.hash, &header)?;
    let mut txs = Vec::with_capacity(body.transactions.len());
    let mut tx_hashes = Vec::with_capacity(body.transactions.len());
    for (index, json) in body.transactions.iter().enumerate() {
        let (tx, hash) = read_tx(json).map_err(|e| format!("transaction {index}: {e}"))?;
        txs.push(tx);
        tx_hashes.push(hash);
    }
    Ok(Some(OpenBlock {
        hash: body.hash,
        header,
        txs,
        tx_hashes,
    }))
}

/// Checks the encoded transactions against the header.
pub(crate) fn check_transactions(header: &Header, encoded: &[Bytes]) -> Result<(), Problem> {
    let actual = ordered_trie_root_encoded(encoded);
    if actual == header.transactions_root {
        return Ok(());
    }
    Err(format!(
        "its transactions have root {actual}, its header says {}",
        header.transactions_root
    ))
}

/// Reads receipts from JSON and checks them against the header.
pub(crate) fn receipts(header: &Header, json: &RawValue) -> Result<Vec<TypedReceipt>, Problem> {
    let receipts: Vec<RpcReceipt> =
        serde_json::from_str(json.get()).map_err(|e| format!("unreadable receipts: {e}"))?;
    let receipts = receipts
        .into_iter()
        .map(RpcReceipt::typed)
        .collect::<Result<Vec<_>, Problem>>()?;
    let encoded: Vec<Vec<u8>> = receipts.iter().map(TypedReceipt::encoded).collect();
    check_receipts_root(header, &encoded)?;
    Ok(receipts)
}

/// Reads receipts from their consensus encoding and checks them against the header. A receipt of a
/// future type that does not decode counts as one without logs.
pub(crate) fn raw_receipts(header: &Header, raw: &[Bytes]) -> Result<Vec<TypedReceipt>, Problem> {
    check_receipts_root(header, raw)?;
    raw.iter()
        .enumerate()
        .map(|(index, bytes)| {
            let (tx_type, mut payload) = match bytes.split_first() {
                Some((first, rest)) if *first < 0xc0 => (*first, rest),
                _ => (0, &bytes[..]),
            };
            match decode_receipt(tx_type, &mut payload) {
                Ok(receipt) => Ok(TypedReceipt { tx_type, receipt }),
                Err(_) if FUTURE_TYPES.contains(&tx_type) => {
                    Ok(TypedReceipt::without_logs(tx_type))
                }
                Err(e) => Err(format!("receipt {index} does not decode: {e}")),
            }
        })
        .collect()
}

/// Decodes a receipt behind its type byte. Only those of deposits have more than the four fields.
fn decode_receipt(tx_type: u8, payload: &mut &[u8]) -> alloy_rlp::Result<AnyReceipt> {
    let receipt = if tx_type == DEPOSIT_TX_TYPE {
        AnyReceipt::decode(payload)?
    } else {
        let ReceiptWithBloom {
            receipt,
            logs_bloom,
        } = ReceiptWithBloom::<Receipt<Log>>::decode(payload)?;
        plain(receipt).with_bloom_unchecked(logs_bloom)
    };
    if payload.is_empty() {
        Ok(receipt)
    } else {
        Err(alloy_rlp::Error::UnexpectedLength)
    }
}

/// What derivation reads of the receipts. `types` are the types of the transactions; the receipt of
/// a future transaction that bears another type byte is discarded.
pub(crate) fn for_derivation(
    receipts: Vec<TypedReceipt>,
    types: &[u8],
) -> Result<Vec<L1Receipt>, Problem> {
    if receipts.len() != types.len() {
        return Err(format!(
            "{} receipts for {} transactions",
            receipts.len(),
            types.len()
        ));
    }
    let reduce = |(typed, tx_type): (TypedReceipt, &u8)| {
        if FUTURE_TYPES.contains(tx_type) && typed.tx_type != *tx_type {
            return L1Receipt::default();
        }
        let receipt = typed.receipt.receipt.inner;
        L1Receipt {
            success: receipt.status.coerce_status(),
            logs: receipt.logs,
        }
    };
    Ok(receipts.into_iter().zip(types).map(reduce).collect())
}

fn check_receipts_root<T: AsRef<[u8]>>(header: &Header, encoded: &[T]) -> Result<(), Problem> {
    let actual = ordered_trie_root_encoded(encoded);
    if actual == header.receipts_root {
        return Ok(());
    }
    Err(format!(
        "its receipts have root {actual}, its header says {}",
        header.receipts_root
    ))
}

fn read_tx(json: &RawValue) -> Result<(BlockTx, B256), Problem> {
    let unreadable = |e: serde_json::Error| format!("unreadable: {e}");
    match serde_json::from_str::<EthereumTxEnvelope<TxEip4844>>(json.get()) {
        Ok(tx) => Ok((BlockTx::Encoded(tx.encoded_2718().into()), *tx.tx_hash())),
        Err(e) => {
            let peek: TxPeek = serde_json::from_str(json.get()).map_err(unreadable)?;
            let (tx_type, hash) = (tx_type(peek.tx_type), peek.hash);
            if tx_type == DEPOSIT_TX_TYPE {
                let deposit = opal_rpc::read_deposit(json.get()).map_err(unreadable)?;
                let encoded = encode_deposit(&deposit);
                let hash = keccak256(&encoded);
                Ok((BlockTx::Encoded(encoded), hash))
            } else if FUTURE_TYPES.contains(&tx_type) {
                Ok((BlockTx::Future { tx_type, hash }, hash))
            } else {
                Err(unreadable(e))
            }
        }
    }
}

/// A type that does not fit into a byte becomes one that no transaction has.
fn tx_type(quantity: U64) -> u8 {
    quantity.try_into().unwrap_or(u8::MAX)
}

impl BlockTx {
    /// EIP-2718 type byte; 0 for legacy.
    pub(crate) fn tx_type(&self) -> u8 {
        match self {
            Self::Encoded(bytes) => bytes.first().copied().filter(|b| *b < 0x80).unwrap_or(0),
            Self::Future { tx_type, .. } => *tx_type,
        }
    }
}

/// A receipt of any type. Those that are no deposits have neither of the two fields of deposits,
/// and so encode with four fields.
type AnyReceipt = ReceiptWithBloom<OpDepositReceipt<Log>>;

/// A receipt with the type byte of its encoding; 0 for legacy.
#[derive(Clone, Debug)]
pub(crate) struct TypedReceipt {
    tx_type: u8,
    receipt: AnyReceipt,
}

fn plain(inner: Receipt<Log>) -> OpDepositReceipt<Log> {
    OpDepositReceipt {
        inner,
        deposit_nonce: None,
        deposit_receipt_version: None,
    }
}

impl TypedReceipt {
    fn without_logs(tx_type: u8) -> Self {
        Self {
            tx_type,
            receipt: ReceiptWithBloom::default(),
        }
    }

    fn encoded(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.receipt.length().saturating_add(1));
        if self.tx_type != 0 {
            bytes.push(self.tx_type);
        }
        self.receipt.encode(&mut bytes);
        bytes
    }
}

#[derive(Deserialize)]
struct RpcBody<'a> {
    hash: B256,
    #[serde(borrow)]
    transactions: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct TxPeek {
    #[serde(rename = "type")]
    tx_type: U64,
    hash: B256,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RpcReceipt {
    #[serde(default, rename = "type")]
    tx_type: U64,
    #[serde(default)]
    status: Option<U64>,
    /// State root in place of the status, before Byzantium.
    #[serde(default)]
    root: Option<B256>,
    cumulative_gas_used: U64,
    logs_bloom: Bloom,
    logs: Vec<RpcLog>,
    /// Deposits from Regolith on.
    #[serde(default)]
    deposit_nonce: Option<U64>,
    /// Deposits from Canyon on: then, and only then, the root covers nonce and version.
    #[serde(default)]
    deposit_receipt_version: Option<U64>,
}

#[derive(Deserialize)]
struct RpcLog {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
}

impl RpcReceipt {
    fn typed(self) -> Result<TypedReceipt, Problem> {
        let tx_type = tx_type(self.tx_type);
        if tx_type >= 0x80 {
            return Err(format!("receipt of the impossible type {}", self.tx_type));
        }
        let status = match (self.status, self.root) {
            (Some(status), _) => Eip658Value::Eip658(status == U64::from(1)),
            (None, Some(root)) => Eip658Value::PostState(root),
            (None, None) => return Err("receipt without a status".to_owned()),
        };
        let logs = self.logs.into_iter().map(RpcLog::log).collect();
        let receipt = Receipt {
            status,
            cumulative_gas_used: self.cumulative_gas_used.to(),
            logs,
        };
        let mut receipt = plain(receipt);
        if let (DEPOSIT_TX_TYPE, Some(version)) = (tx_type, self.deposit_receipt_version) {
            receipt.deposit_nonce = self.deposit_nonce.map(|nonce| nonce.to());
            receipt.deposit_receipt_version = Some(version.to());
        }
        let receipt = receipt.with_bloom_unchecked(self.logs_bloom);
        Ok(TypedReceipt { tx_type, receipt })
    }
}

impl RpcLog {
    fn log(self) -> Log {
        Log {
            address: self.address,
            data: LogData::new_unchecked(self.topics, self.data),
        }
    }
}
