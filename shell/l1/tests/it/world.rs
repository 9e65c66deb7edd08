//! A made-up L1: a chain of blocks with transactions and receipts, served over JSON-RPC.

use crate::server::{Reply, Server, json_rpc};
use alloy_consensus::{
    EthereumTxEnvelope, Header, Receipt, ReceiptWithBloom, SignableTransaction, TxEip1559,
    TxEip4844, TxLegacy,
};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Log, TxKind, U256, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_trie::root::ordered_trie_root_encoded;
use op_alloy_consensus::{OpDepositReceipt, TxDeposit};
use opal_l1::{L1Options, L1Source};
use opal_protocol::{L1Id, L1Ref, RollupConfig, RollupGenesis, deposit::encode_deposit};
use opal_rpc::{BeaconClient, EthClient, EthOptions, RetryPolicy};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

pub const CHAIN_ID: u64 = 900;
pub const GENESIS_TIME: u64 = 1_000;
pub const BLOCK_TIME: u64 = 12;
pub const INBOX: Address = Address::repeat_byte(0xff);

pub type Tx = EthereumTxEnvelope<TxEip4844>;

/// One transaction with its receipt, as the chain has them and as the node tells them.
#[derive(Clone)]
pub struct Entry {
    pub raw_tx: Bytes,
    pub tx: Value,
    pub raw_receipt: Bytes,
    pub receipt: Value,
    pub hash: B256,
}

#[derive(Clone)]
pub struct Block {
    pub header: Header,
    pub hash: B256,
    pub entries: Vec<Entry>,
}

impl Block {
    pub fn new(parent: Option<&Self>, salt: u8, entries: Vec<Entry>) -> Self {
        let raw = |of: fn(&Entry) -> Bytes| entries.iter().map(of).collect::<Vec<_>>();
        let number = parent.map_or(0, |p| p.header.number + 1);
        let header = Header {
            parent_hash: parent.map_or(B256::ZERO, |p| p.hash),
            number,
            timestamp: GENESIS_TIME + number * BLOCK_TIME,
            extra_data: Bytes::from(vec![salt]),
            base_fee_per_gas: Some(7),
            excess_blob_gas: Some(0),
            blob_gas_used: Some(0),
            parent_beacon_block_root: Some(B256::repeat_byte(5)),
            withdrawals_root: Some(alloy_trie::EMPTY_ROOT_HASH),
            transactions_root: ordered_trie_root_encoded(&raw(|e| e.raw_tx.clone())),
            receipts_root: ordered_trie_root_encoded(&raw(|e| e.raw_receipt.clone())),
            ..Header::default()
        };
        Self {
            hash: header.hash_slow(),
            header,
            entries,
        }
    }

    pub fn id(&self) -> L1Ref {
        L1Ref {
            hash: self.hash,
            number: self.header.number,
            parent_hash: self.header.parent_hash,
            time: self.header.timestamp,
        }
    }

    pub fn json(&self, full: bool) -> Value {
        let mut json = serde_json::to_value(&self.header).unwrap();
        json["hash"] = json!(self.hash);
        json["totalDifficulty"] = json!("0x0");
        json["uncles"] = json!([]);
        json["withdrawals"] = json!([]);
        let tx = |e: &Entry| if full { e.tx.clone() } else { json!(e.hash) };
        json["transactions"] = self.entries.iter().map(tx).collect();
        json
    }

    pub fn receipts(&self) -> Value {
        self.entries.iter().map(|e| e.receipt.clone()).collect()
    }
}

pub fn signer() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(1)).unwrap()
}

fn sign<T: SignableTransaction<alloy_primitives::Signature>>(tx: T) -> alloy_consensus::Signed<T> {
    let signature = signer().sign_hash_sync(&tx.signature_hash()).unwrap();
    tx.into_signed(signature)
}

/// A batcher transaction with calldata.
pub fn calldata_tx(nonce: u64, data: &[u8]) -> Entry {
    let to = TxKind::Call(INBOX);
    let input = Bytes::copy_from_slice(data);
    let tx = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        to,
        input,
        ..TxEip1559::default()
    };
    entry(Tx::Eip1559(sign(tx)), 2, vec![])
}

/// A batcher transaction with blobs.
pub fn blob_tx(nonce: u64, blob_versioned_hashes: Vec<B256>) -> Entry {
    let tx = TxEip4844 {
        chain_id: CHAIN_ID,
        nonce,
        to: INBOX,
        blob_versioned_hashes,
        ..TxEip4844::default()
    };
    entry(Tx::Eip4844(sign(tx)), 3, vec![])
}

/// A transaction that is nothing to the rollup, with a log that is nothing to it either.
pub fn stranger_tx(nonce: u64) -> Entry {
    let to = TxKind::Call(Address::repeat_byte(3));
    let tx = TxLegacy {
        chain_id: Some(CHAIN_ID),
        nonce,
        to,
        value: U256::from(5),
        ..TxLegacy::default()
    };
    let log = Log::new_unchecked(
        Address::repeat_byte(4),
        vec![B256::repeat_byte(6)],
        Bytes::from_static(b"data"),
    );
    entry(Tx::Legacy(sign(tx)), 0, vec![log])
}

/// A transaction of a type that nobody knows.
pub fn future_tx(receipt_payload: Option<&[u8]>) -> Entry {
    let raw_tx = Bytes::from_static(&[0x05, 1, 2, 3]);
    let hash = keccak256(&raw_tx);
    let mut entry = entry_of(
        raw_tx,
        json!({"type": "0x5", "hash": hash, "novelty": []}),
        hash,
        5,
        vec![],
    );
    if let Some(payload) = receipt_payload {
        entry.raw_receipt = [&[5], payload].concat().into();
    }
    entry
}

/// A deposit to the batch inbox, as an L1 has it that is a rollup itself, and as its nodes write
/// it. `versioned` as from Canyon on, when the receipt's root covers its nonce.
pub fn deposit_tx(data: &[u8], versioned: bool) -> Entry {
    let deposit = TxDeposit {
        source_hash: B256::repeat_byte(8),
        from: Address::repeat_byte(9),
        to: TxKind::Call(INBOX),
        mint: 0,
        value: U256::from(5),
        gas_limit: 21_000,
        is_system_transaction: false,
        input: Bytes::copy_from_slice(data),
    };
    let raw_tx = encode_deposit(&deposit);
    let hash = keccak256(&raw_tx);
    let json = json!({
        "type": "0x7e", "hash": hash, "sourceHash": deposit.source_hash, "from": deposit.from,
        "to": INBOX, "mint": null, "value": "0x5", "gas": "0x5208", "isSystemTx": false,
        "input": deposit.input, "nonce": "0x7", "v": "0x0", "r": "0x0", "s": "0x0",
    });
    let mut entry = entry_of(raw_tx, json, hash, 0x7e, vec![]);
    entry.receipt["depositNonce"] = json!("0x7");
    if versioned {
        entry.receipt["depositReceiptVersion"] = json!("0x1");
        let receipt = OpDepositReceipt::<Log> {
            inner: Receipt {
                status: true.into(),
                cumulative_gas_used: 21_000,
                logs: vec![],
            },
            deposit_nonce: Some(7),
            deposit_receipt_version: Some(1),
        };
        let mut raw = vec![0x7e];
        alloy_rlp::Encodable::encode(&receipt.with_bloom(), &mut raw);
        entry.raw_receipt = raw.into();
    }
    entry
}

fn entry(tx: Tx, tx_type: u8, logs: Vec<Log>) -> Entry {
    let mut json = serde_json::to_value(&tx).unwrap();
    json["from"] = json!(signer().address());
    json["blockHash"] = json!(B256::ZERO);
    json["transactionIndex"] = json!("0x0");
    entry_of(tx.encoded_2718().into(), json, *tx.tx_hash(), tx_type, logs)
}

fn entry_of(raw_tx: Bytes, tx: Value, hash: B256, tx_type: u8, logs: Vec<Log>) -> Entry {
    let receipt = Receipt {
        status: true.into(),
        cumulative_gas_used: 21_000,
        logs,
    };
    let receipt = ReceiptWithBloom::from(receipt);
    let mut raw_receipt = if tx_type == 0 { vec![] } else { vec![tx_type] };
    alloy_rlp::Encodable::encode(&receipt, &mut raw_receipt);
    let logs: Vec<Value> = receipt.receipt.logs.iter()
        .map(|log| json!({"address": log.address, "topics": log.topics(), "data": log.data.data, "logIndex": "0x0"}))
        .collect();
    let receipt = json!({
        "type": format!("{tx_type:#x}"), "status": "0x1", "cumulativeGasUsed": "0x5208",
        "gasUsed": "0x5208", "logsBloom": receipt.logs_bloom, "logs": logs, "transactionHash": hash,
    });
    Entry {
        raw_tx,
        tx,
        raw_receipt: raw_receipt.into(),
        receipt,
        hash,
    }
}

/// The answer to a call, where it is not the truth.
type Lie = dyn Fn(&str, &Value) -> Option<Result<Value, Value>> + Send;

/// What the node serves; tests change it under the node's feet.
#[derive(Default)]
pub struct Chain {
    pub blocks: Vec<Block>,
    /// Replaces the answer to a call.
    pub lie: Option<Box<Lie>>,
    pub safe: Option<u64>,
}

impl Chain {
    pub fn grow(&mut self, count: usize, salt: u8) {
        for _ in 0..count {
            let nonce = self.blocks.len() as u64;
            let entries = vec![stranger_tx(nonce), calldata_tx(nonce, &[0, 1, 2])];
            self.push(salt, entries);
        }
    }

    pub fn push(&mut self, salt: u8, entries: Vec<Entry>) -> Block {
        let block = Block::new(self.blocks.last(), salt, entries);
        self.blocks.push(block.clone());
        block
    }

    fn find(&self, param: &Value) -> Option<&Block> {
        let text = param.as_str()?;
        match text {
            "latest" => self.blocks.last(),
            "safe" | "finalized" => self.blocks.get(usize::try_from(self.safe?).unwrap()),
            _ if text.len() == 66 => self.blocks.iter().find(|b| b.hash.to_string() == text),
            _ => self
                .blocks
                .get(usize::from_str_radix(text.trim_start_matches("0x"), 16).unwrap()),
        }
    }

    pub fn answer(&self, method: &str, params: &Value) -> Result<Value, Value> {
        if let Some(outcome) = self.lie.as_ref().and_then(|lie| lie(method, params)) {
            return outcome;
        }
        let block = self.find(&params[0]);
        let tx = || {
            let mut entries = self.blocks.iter().flat_map(|b| &b.entries);
            entries.find(|e| json!(e.hash) == params[0])
        };
        Ok(match method {
            "eth_chainId" => json!(format!("{CHAIN_ID:#x}")),
            "eth_getBlockByNumber" | "eth_getBlockByHash" => {
                if block.is_none() && params[0] == "safe" {
                    return Err(json!({"code": -39001, "message": "safe block not found"}));
                }
                block.map_or(Value::Null, |b| b.json(params[1].as_bool().unwrap()))
            }
            "eth_getBlockReceipts" => block.map_or(Value::Null, Block::receipts),
            "eth_getTransactionReceipt" => tx().map_or(Value::Null, |e| e.receipt.clone()),
            "eth_getRawTransactionByHash" => tx().map_or(Value::Null, |e| json!(e.raw_tx)),
            "debug_getRawReceipts" => block
                .unwrap()
                .entries
                .iter()
                .map(|e| json!(e.raw_receipt))
                .collect(),
            _ => return Err(json!({"code": -32601, "message": "method not found"})),
        })
    }
}

#[derive(Clone)]
pub struct World {
    pub chain: Arc<Mutex<Chain>>,
    pub server: Arc<Server>,
}

impl World {
    /// A chain of `count` blocks and a node that serves it.
    pub async fn new(count: usize) -> Self {
        let mut chain = Chain::default();
        chain.grow(count, 0);
        let chain = Arc::new(Mutex::new(chain));
        let served = chain.clone();
        let server = Server::start(move |ask| {
            let chain = served.lock().unwrap();
            json_rpc(&ask.body, &|method, params| chain.answer(method, params))
        })
        .await;
        Self {
            chain,
            server: Arc::new(server),
        }
    }

    pub fn edit<T>(&self, edit: impl FnOnce(&mut Chain) -> T) -> T {
        edit(&mut self.chain.lock().unwrap())
    }

    pub fn block(&self, number: usize) -> Block {
        self.edit(|chain| chain.blocks[number].clone())
    }

    /// From now on the node answers `method` with what `change` makes of the truth.
    pub fn lie(&self, lie: impl Fn(&str, &Value) -> Option<Result<Value, Value>> + Send + 'static) {
        self.edit(|chain| chain.lie = Some(Box::new(lie)));
    }

    /// From now on the node gives this as full block, or as receipts.
    pub fn lie_with(&self, lied_method: &'static str, value: Value) {
        self.lie(move |method, params| {
            let full = params[1] != json!(false);
            (method.starts_with(lied_method) && full).then(|| Ok(value.clone()))
        });
    }

    pub fn config(&self) -> RollupConfig {
        let genesis = self.block(0);
        RollupConfig {
            genesis: RollupGenesis {
                l1: L1Id {
                    hash: genesis.hash,
                    number: 0,
                },
                ..RollupGenesis::default()
            },
            l1_chain_id: CHAIN_ID,
            l2_chain_id: 901,
            block_time: 2,
            batch_inbox_address: INBOX,
            ..RollupConfig::default()
        }
    }

    pub fn source(&self, options: L1Options) -> L1Source {
        self.source_with(options, None)
    }

    pub fn source_with(&self, options: L1Options, beacon: Option<BeaconClient>) -> L1Source {
        let eth = EthClient::with_options(&self.server.url, quick()).unwrap();
        L1Source::new(eth, beacon, Arc::new(self.config()), options)
    }
}

pub fn quick() -> EthOptions {
    EthOptions {
        timeout: Duration::from_millis(500),
        retry: RetryPolicy {
            attempts_max: 3,
            pause_min: Duration::from_millis(1),
            pause_max: Duration::from_millis(4),
        },
        ..EthOptions::default()
    }
}

pub fn options() -> L1Options {
    L1Options {
        prefetch_blocks_max: 0,
        poll_interval: Duration::from_millis(20),
        ..L1Options::default()
    }
}

/// A beacon node: slot times, and blobs by what the test says.
pub async fn beacon_server(blobs: impl Fn(u64) -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |ask| match ask.path.as_str() {
        "/eth/v1/config/spec" => Reply::Json(json!({"data": {"SECONDS_PER_SLOT": "4"}})),
        "/eth/v1/beacon/genesis" => Reply::Json(json!({"data": {"genesis_time": "1000"}})),
        path => match path.strip_prefix("/eth/v1/beacon/blobs/") {
            Some(slot) => blobs(slot.parse().unwrap()),
            None => Reply::Raw(404, vec![], vec![]),
        },
    })
    .await
}
