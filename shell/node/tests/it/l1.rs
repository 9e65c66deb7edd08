//! An L1 of empty blocks, served over JSON-RPC.

use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, EMPTY_ROOT_HASH, Header};
use alloy_primitives::{B256, Bytes, U64};
use jsonrpsee::{
    RpcModule,
    server::{Server, ServerHandle},
};
use opal_protocol::{L1Id, L1Ref};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard};

pub(crate) const CHAIN_ID: u64 = 900;

/// The canonical chain, and how much of it is final.
pub(crate) struct Chain {
    headers: Vec<Header>,
    genesis_time: u64,
    block_time: u64,
    pub(crate) finalized: Option<u64>,
}

impl Chain {
    pub(crate) fn grow(&mut self, count: u64, salt: u8) {
        for _ in 0..count {
            let number = self.headers.len() as u64;
            self.headers.push(Header {
                parent_hash: self.headers.last().map_or(B256::ZERO, Header::hash_slow),
                ommers_hash: EMPTY_OMMER_ROOT_HASH,
                number,
                timestamp: self.genesis_time + number * self.block_time,
                extra_data: Bytes::from(vec![salt]),
                base_fee_per_gas: Some(7),
                excess_blob_gas: Some(0),
                blob_gas_used: Some(0),
                parent_beacon_block_root: Some(B256::repeat_byte(5)),
                withdrawals_root: Some(EMPTY_ROOT_HASH),
                transactions_root: EMPTY_ROOT_HASH,
                receipts_root: EMPTY_ROOT_HASH,
                ..Header::default()
            });
        }
    }

    /// Cuts the chain to `length` blocks and grows `count` others.
    pub(crate) fn reorg(&mut self, length: usize, count: u64, salt: u8) {
        self.headers.truncate(length);
        self.grow(count, salt);
    }

    pub(crate) fn at(&self, number: u64) -> Option<L1Ref> {
        self.headers.get(number as usize).map(|header| L1Ref {
            hash: header.hash_slow(),
            number,
            parent_hash: header.parent_hash,
            time: header.timestamp,
        })
    }

    pub(crate) fn head(&self) -> L1Ref {
        self.at(self.headers.len() as u64 - 1).unwrap()
    }

    pub(crate) fn genesis(&self) -> L1Id {
        self.at(0).unwrap().id()
    }

    fn by_tag(&self, tag: &str) -> Option<&Header> {
        match tag {
            "latest" => self.headers.last(),
            "safe" | "finalized" => self.headers.get(self.finalized? as usize),
            number => {
                let number = u64::from_str_radix(number.trim_start_matches("0x"), 16).ok()?;
                self.headers.get(number as usize)
            }
        }
    }

    fn by_hash(&self, hash: B256) -> Option<&Header> {
        self.headers
            .iter()
            .find(|header| header.hash_slow() == hash)
    }
}

/// The running L1.
pub(crate) struct FakeL1 {
    chain: Arc<Mutex<Chain>>,
    pub(crate) url: String,
    _server: ServerHandle,
}

impl FakeL1 {
    pub(crate) async fn start(genesis_time: u64, block_time: u64, length: u64) -> Self {
        let mut chain = Chain {
            headers: Vec::new(),
            genesis_time,
            block_time,
            finalized: None,
        };
        chain.grow(length, 0);
        let chain = Arc::new(Mutex::new(chain));
        let server = Server::builder().build("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", server.local_addr().unwrap());
        let _server = server.start(module(chain.clone()));
        Self {
            chain,
            url,
            _server,
        }
    }

    pub(crate) fn chain(&self) -> MutexGuard<'_, Chain> {
        self.chain.lock().unwrap()
    }
}

fn module(chain: Arc<Mutex<Chain>>) -> RpcModule<Arc<Mutex<Chain>>> {
    let mut module = RpcModule::new(chain);
    module
        .register_method("eth_chainId", |_, _, _| U64::from(CHAIN_ID).to_string_hex())
        .unwrap();
    module
        .register_method("eth_getBlockByNumber", |params, chain, _| {
            let (tag, _): (String, bool) = params.parse().unwrap();
            json_of(chain.lock().unwrap().by_tag(&tag))
        })
        .unwrap();
    module
        .register_method("eth_getBlockByHash", |params, chain, _| {
            let (hash, _): (B256, bool) = params.parse().unwrap();
            json_of(chain.lock().unwrap().by_hash(hash))
        })
        .unwrap();
    module
        .register_method("eth_getBlockReceipts", |_, _, _| json!([]))
        .unwrap();
    module
}

fn json_of(header: Option<&Header>) -> Value {
    let Some(header) = header else {
        return Value::Null;
    };
    let mut json = serde_json::to_value(header).unwrap();
    json["hash"] = json!(header.hash_slow());
    json["uncles"] = json!([]);
    json["withdrawals"] = json!([]);
    json["transactions"] = json!([]);
    json
}

trait ToHex {
    fn to_string_hex(&self) -> String;
}

impl ToHex for U64 {
    fn to_string_hex(&self) -> String {
        format!("{self:#x}")
    }
}
