//! Requests that make no sense: every method answers, none fails inside.

use crate::world::{Driver, transfer, user};
use alloy_primitives::Address;
use serde_json::{Map, Value, json};

const METHODS: [&str; 78] = [
    "admin_nodeInfo",
    "admin_peers",
    "debug_executePayload",
    "debug_executionWitness",
    "debug_getRawBlock",
    "debug_getRawHeader",
    "debug_getBadBlocks",
    "debug_getRawReceipts",
    "debug_getRawTransaction",
    "debug_accountRange",
    "debug_dumpBlock",
    "debug_proofsSyncStatus",
    "debug_storageRangeAt",
    "debug_traceBlock",
    "debug_traceBlockByHash",
    "debug_traceBlockByNumber",
    "debug_traceCall",
    "debug_traceCallMany",
    "debug_traceTransaction",
    "eth_accounts",
    "eth_baseFee",
    "eth_blobBaseFee",
    "eth_blockNumber",
    "eth_call",
    "eth_capabilities",
    "eth_chainId",
    "eth_config",
    "eth_createAccessList",
    "eth_estimateGas",
    "eth_feeHistory",
    "eth_gasPrice",
    "eth_getBalance",
    "eth_getBlockByHash",
    "eth_getBlockByNumber",
    "eth_getBlockReceipts",
    "eth_getBlockTransactionCountByHash",
    "eth_getBlockTransactionCountByNumber",
    "eth_getCode",
    "eth_getFilterChanges",
    "eth_getFilterLogs",
    "eth_getHeaderByHash",
    "eth_getHeaderByNumber",
    "eth_getLogs",
    "eth_getProof",
    "eth_getRawTransactionByHash",
    "eth_getStorageAt",
    "eth_getStorageValues",
    "eth_getTransactionByBlockHashAndIndex",
    "eth_getTransactionByBlockNumberAndIndex",
    "eth_getTransactionByHash",
    "eth_getTransactionBySenderAndNonce",
    "eth_getTransactionCount",
    "eth_getTransactionReceipt",
    "eth_getUncleCountByBlockHash",
    "eth_getUncleCountByBlockNumber",
    "eth_maxPriorityFeePerGas",
    "eth_newBlockFilter",
    "eth_newFilter",
    "eth_newPendingTransactionFilter",
    "eth_sendRawTransaction",
    "eth_sendRawTransactionConditional",
    "eth_sendRawTransactionSync",
    "eth_simulateV1",
    "eth_subscribe",
    "eth_syncing",
    "eth_uninstallFilter",
    "eth_unsubscribe",
    "miner_setGasLimit",
    "miner_setMaxDASize",
    "net_listening",
    "net_peerCount",
    "net_version",
    "rpc_modules",
    "txpool_content",
    "txpool_contentFrom",
    "txpool_inspect",
    "txpool_status",
    "web3_sha3",
];
const KEYS: [&str; 20] = [
    "address",
    "blockHash",
    "blockNumberMin",
    "blockOverrides",
    "blockStateCalls",
    "calls",
    "data",
    "from",
    "fromBlock",
    "gas",
    "knownAccounts",
    "maxFeePerGas",
    "number",
    "stateDiff",
    "to",
    "toBlock",
    "topics",
    "tracer",
    "type",
    "value",
];

/// A small reproducible generator of nonsense.
struct Nonsense(u64);

impl Nonsense {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 14 } else { 20 }) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 => json!(-1),
            3 => json!(u64::MAX),
            4 => json!(1.5e300),
            5 => json!(""),
            6 => json!("0x"),
            7 => json!("0xzz"),
            8 => json!(["latest", "earliest", "pending", "safe", "finalized"][self.below(5)]),
            9 => json!(["0x0", "0x1", "0xffffffffffffffff", "0x10000000000000000"][self.below(4)]),
            10 => json!(user(self.below(3) as u8).address()),
            11 => json!(format!("0x{}", "11".repeat(32))),
            12 => json!(format!("0x{}", "f".repeat(self.below(3_000)))),
            13 => json!("\u{0}\u{ffff}🦀"),
            14..=16 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => {
                let mut object = Map::new();
                for _ in 0..self.below(5) {
                    let key = KEYS[self.below(KEYS.len())];
                    object.insert(key.to_owned(), self.value(depth - 1));
                }
                Value::Object(object)
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_survives_nonsense() {
    let mut driver = Driver::karst().await;
    for nonce in 0..3 {
        driver
            .send(transfer(&user(0), nonce, Address::ZERO, 1))
            .await;
        driver.build().await;
    }
    let mut nonsense = Nonsense(5);
    let (mut answered, mut refused) = (0, 0);
    for round in 0..60 {
        for method in METHODS {
            let mut params: Vec<Value> =
                (0..nonsense.below(5)).map(|_| nonsense.value(4)).collect();
            // Whatever comes first often decides: half of the time it is something sensible.
            if round % 2 == 0 && !params.is_empty() {
                params[0] = match nonsense.below(3) {
                    0 => json!(user(0).address()),
                    1 => json!(driver.head),
                    _ => json!("latest"),
                };
            }
            let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
            let answer = driver.engine.answer(&request.to_string()).await;
            let answer: Value = serde_json::from_str(&answer).unwrap();
            if answer.get("result").is_some() {
                answered += 1;
                continue;
            }
            let code = answer["error"]["code"].as_i64().unwrap();
            let message = answer["error"]["message"].as_str().unwrap();
            assert_ne!(code, -32603, "{request}: {answer}");
            assert!(!message.is_empty(), "{request}: {answer}");
            refused += 1;
        }
    }
    assert!(answered > 500 && refused > 1_000, "{answered} {refused}");
    driver.build().await;
}
