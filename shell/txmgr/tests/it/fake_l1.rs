//! An L1 node in this process: JSON-RPC over HTTP, a pool with geth's replacement rules, blocks
//! when the test says so. Transactions are decoded, their senders recovered and their blobs
//! verified, so that what passes here is what a real node takes.

use alloy_consensus::{
    BlobTransactionSidecarVariant, Header, Transaction, TxEip4844Variant, TxEnvelope,
    transaction::SignerRecoverable,
};
use alloy_eips::{eip2718::Decodable2718, eip4844::Blob};
use alloy_primitives::{Address, B256, Bytes, U64, U128};
use jsonrpsee::{
    RpcModule,
    server::{Server, ServerHandle},
    types::ErrorObjectOwned,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

pub(crate) const CHAIN_ID: u64 = 900;

/// A transaction in the pool or in a block.
#[derive(Clone, Debug)]
pub(crate) struct Tx {
    pub(crate) hash: B256,
    pub(crate) from: Address,
    pub(crate) envelope: TxEnvelope,
}

impl Tx {
    pub(crate) fn blobs(&self) -> Vec<Blob> {
        sidecar(&self.envelope)
            .map(|s| s.blobs().to_vec())
            .unwrap_or_default()
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct L1Block {
    pub(crate) header: Header,
    pub(crate) hash: B256,
    pub(crate) txs: Vec<Tx>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) blocks: Vec<L1Block>,
    pub(crate) pool: BTreeMap<(Address, u64), Tx>,
    /// All methods fail.
    pub(crate) is_down: bool,
    pub(crate) has_funds: bool,
    pub(crate) takes_cell_proofs: bool,
    pub(crate) takes_blob_proofs: bool,
    /// Transactions that tip less are not mined.
    pub(crate) min_tip: u128,
    /// Makes the blocks of another branch differ.
    pub(crate) branch: u64,
    pub(crate) refused: Vec<String>,
    /// The contracts, as far as there are any.
    pub(crate) contracts: Option<Contracts>,
}

/// Answers `eth_call`: target and input. An answer depends on what is mined, so that reorgs undo
/// what contracts hold. An error is the data of a revert.
pub(crate) type Contracts = fn(&State, Address, &[u8]) -> Result<Vec<u8>, Vec<u8>>;

pub(crate) struct FakeL1 {
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) url: String,
    _server: ServerHandle,
}

pub(crate) type Answer = Result<Value, String>;

impl FakeL1 {
    pub(crate) async fn start() -> Self {
        let state = Arc::new(Mutex::new(State {
            blocks: vec![],
            pool: BTreeMap::new(),
            is_down: false,
            has_funds: true,
            takes_cell_proofs: true,
            takes_blob_proofs: false,
            min_tip: 0,
            branch: 0,
            refused: vec![],
            contracts: None,
        }));
        state.lock().unwrap().mine();
        let (url, server) = serve(state.clone(), &METHODS).await;
        Self {
            state,
            url,
            _server: server,
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn mine(&self) {
        self.state().mine();
    }
}

/// Name and body of an RPC method.
pub(crate) type Method<S> = (&'static str, fn(&mut S, &[Value]) -> Answer);

const METHODS: [Method<State>; 11] = [
    ("eth_chainId", |_, _| Ok(json!(U64::from(CHAIN_ID)))),
    ("eth_getBlockByNumber", |state, params| {
        let number = params.first().and_then(|p| parse::<U64>(p).ok());
        Ok(match number {
            Some(number) => state
                .blocks
                .get(number.to::<usize>())
                .map_or(Value::Null, L1Block::to_json),
            None => state.head().to_json(),
        })
    }),
    ("eth_getBalance", |state, _| {
        let ether = u128::from(state.has_funds) * 1_000_000_000_000_000_000;
        Ok(json!(U128::from(ether)))
    }),
    ("eth_getCode", |state, params| {
        let address: Address = parse(&params[0])?;
        // Whatever a contract answers nothing to is none.
        let is_there = state
            .contracts
            .is_some_and(|call| call(state, address, &[]).is_ok());
        Ok(json!(if is_there { "0x00" } else { "0x" }))
    }),
    ("eth_call", |state, params| {
        let to: Address = parse(&params[0]["to"])?;
        let input: Bytes = parse(&params[0]["input"])?;
        let contracts = state.contracts.ok_or("execution reverted")?;
        contracts(state, to, &input)
            .map(|output| json!(Bytes::from(output)))
            .map_err(|data| format!("execution reverted|{}", Bytes::from(data)))
    }),
    ("eth_getTransactionCount", |state, params| {
        let address: Address = parse(&params[0])?;
        Ok(json!(U64::from(
            state.nonce(address, params[1] == "pending")
        )))
    }),
    ("eth_maxPriorityFeePerGas", |_, _| {
        Ok(json!(U128::from(1_000_000_000)))
    }),
    ("eth_blobBaseFee", |_, _| Ok(json!(U128::from(1)))),
    ("eth_estimateGas", |_, _| Ok(json!(U64::from(50_000)))),
    ("eth_sendRawTransaction", |state, params| {
        let raw: Bytes = parse(&params[0])?;
        let answer = state.receive(&raw);
        if let Err(words) = &answer {
            state.refused.push(words.clone());
        }
        answer.map(|hash| json!(hash))
    }),
    ("eth_getTransactionReceipt", |state, params| {
        let hash: B256 = parse(&params[0])?;
        Ok(state.receipt(hash))
    }),
];

fn parse<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, String> {
    serde_json::from_value(value.clone()).map_err(|e| e.to_string())
}

/// Serves `methods` over a state.
pub(crate) async fn serve<S: Down + Send + 'static>(
    state: Arc<Mutex<S>>,
    methods: &[Method<S>],
) -> (String, ServerHandle) {
    let server = Server::builder()
        .set_config(
            jsonrpsee::server::ServerConfig::builder()
                .max_request_body_size(16 << 20)
                .build(),
        )
        .build("127.0.0.1:0")
        .await
        .unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    let mut module = RpcModule::new(state);
    for (name, method) in methods {
        let method = *method;
        module
            .register_method(name, move |params, state, _| {
                let params: Vec<Value> = params.parse().unwrap_or_default();
                let mut state = state.lock().unwrap();
                let answer = if state.is_down() {
                    Err("down".to_owned())
                } else {
                    method(&mut state, &params)
                };
                answer.map_err(|words| match words.split_once('|') {
                    Some((words, data)) => ErrorObjectOwned::owned(3, words, Some(data)),
                    None => ErrorObjectOwned::owned(-32000, words, None::<()>),
                })
            })
            .unwrap();
    }
    (url, server.start(module))
}

/// Whether a service fails on purpose.
pub(crate) trait Down {
    fn is_down(&self) -> bool;
}

impl Down for State {
    fn is_down(&self) -> bool {
        self.is_down
    }
}

impl L1Block {
    fn to_json(&self) -> Value {
        let mut value = serde_json::to_value(&self.header).unwrap();
        value["hash"] = json!(self.hash);
        value["transactions"] = self.txs.iter().map(|tx| json!(tx.hash)).collect();
        value
    }
}

impl State {
    pub(crate) fn head(&self) -> &L1Block {
        self.blocks.last().unwrap()
    }

    /// All transactions on L1, in order.
    pub(crate) fn mined(&self) -> Vec<Tx> {
        self.blocks
            .iter()
            .flat_map(|block| block.txs.clone())
            .collect()
    }

    pub(crate) fn nonce(&self, address: Address, pending: bool) -> u64 {
        let mined = self
            .blocks
            .iter()
            .flat_map(|b| &b.txs)
            .filter(|tx| tx.from == address);
        let mut nonce = mined.count() as u64;
        while pending && self.pool.contains_key(&(address, nonce)) {
            nonce += 1;
        }
        nonce
    }

    pub(crate) fn mine(&mut self) {
        let mut txs = vec![];
        while let Some(key) = self.pool.keys().copied().find(|(from, nonce)| {
            let tip = self.pool[&(*from, *nonce)]
                .envelope
                .max_priority_fee_per_gas();
            let in_block = txs.iter().filter(|tx: &&Tx| tx.from == *from).count() as u64;
            *nonce == self.nonce(*from, false) + in_block && tip.unwrap_or(0) >= self.min_tip
        }) {
            txs.push(self.pool.remove(&key).unwrap());
        }
        let parent = self.blocks.last().cloned().unwrap_or_default();
        let number = self.blocks.len() as u64;
        let header = Header {
            parent_hash: parent.hash,
            number,
            timestamp: 4 * number,
            base_fee_per_gas: Some(1_000_000_000),
            extra_data: self.branch.to_be_bytes().into(),
            ..Header::default()
        };
        self.blocks.push(L1Block {
            hash: header.hash_slow(),
            header,
            txs,
        });
    }

    /// Takes back `depth` blocks. Their transactions return to the pool, or are lost.
    pub(crate) fn reorg(&mut self, depth: usize, keep: bool) {
        self.branch += 1;
        for block in self.blocks.split_off(self.blocks.len() - depth) {
            for tx in block.txs.into_iter().filter(|_| keep) {
                self.pool.insert((tx.from, tx.envelope.nonce()), tx);
            }
        }
        self.pool.retain(|_, _| keep);
    }

    fn receive(&mut self, raw: &[u8]) -> Result<B256, String> {
        let envelope = TxEnvelope::decode_2718(&mut &*raw).map_err(|e| format!("rlp: {e}"))?;
        let from = envelope
            .recover_signer()
            .map_err(|e| format!("invalid signature: {e}"))?;
        let (hash, nonce) = (*envelope.tx_hash(), envelope.nonce());
        if envelope.chain_id() != Some(CHAIN_ID) {
            return Err("invalid chain id for signer".into());
        }
        if !self.has_funds {
            return Err("insufficient funds for gas * price + value: balance 0".into());
        }
        self.check_sidecar(&envelope)?;
        if nonce < self.nonce(from, false) {
            return Err(format!(
                "nonce too low: next nonce {}",
                self.nonce(from, false)
            ));
        }
        if let Some(old) = self.pool.get(&(from, nonce)) {
            if old.hash == hash {
                return Err("already known".into());
            }
            let percent = if envelope.is_eip4844() { 200 } else { 110 };
            let enough = |new: u128, old: u128| new * 100 > old * percent;
            let (old, new) = (&old.envelope, &envelope);
            if !enough(new.max_fee_per_gas(), old.max_fee_per_gas())
                || !enough(
                    new.max_priority_fee_per_gas().unwrap(),
                    old.max_priority_fee_per_gas().unwrap(),
                )
            {
                return Err("replacement transaction underpriced".into());
            }
        }
        self.pool.insert(
            (from, nonce),
            Tx {
                hash,
                from,
                envelope,
            },
        );
        Ok(hash)
    }

    fn check_sidecar(&self, envelope: &TxEnvelope) -> Result<(), String> {
        let Some(hashes) = envelope.blob_versioned_hashes() else {
            return Ok(());
        };
        let sidecar = sidecar(envelope).ok_or("missing sidecar in blob transaction")?;
        let is_taken = if sidecar.is_eip7594() {
            self.takes_cell_proofs
        } else {
            self.takes_blob_proofs
        };
        if !is_taken {
            return Err("unexpected blob sidecar version for this fork".into());
        }
        let settings = c_kzg::ethereum_kzg_settings(0);
        sidecar
            .validate(hashes, settings)
            .map_err(|e| format!("invalid blobs: {e}"))
    }

    fn receipt(&self, hash: B256) -> Value {
        let found = self
            .blocks
            .iter()
            .find(|block| block.txs.iter().any(|tx| tx.hash == hash));
        found.map_or(Value::Null, |block| {
            json!({
                "transactionHash": hash,
                "blockNumber": U64::from(block.header.number),
                "blockHash": block.hash,
                "status": "0x1",
                "gasUsed": "0x5208",
                "effectiveGasPrice": "0x3b9aca00",
            })
        })
    }
}

fn sidecar(envelope: &TxEnvelope) -> Option<&BlobTransactionSidecarVariant> {
    match envelope {
        TxEnvelope::Eip4844(signed) => match signed.tx() {
            TxEip4844Variant::TxEip4844WithSidecar(tx) => Some(&tx.sidecar),
            TxEip4844Variant::TxEip4844(_) => None,
        },
        _ => None,
    }
}
