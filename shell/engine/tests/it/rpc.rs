//! What wallets and other services see.

use crate::world::{self, CHAIN_ID, Driver, transfer, user};
use alloy_primitives::{Address, B256, U256, hex};
use opal_engine::{EngineConfig, JwtSecret};
use opal_protocol::Fork;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) async fn post(url: &str, body: String, token: Option<String>) -> (u16, Value) {
    let mut request = reqwest::Client::new()
        .post(url)
        .header("content-type", "application/json")
        .body(body);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (
        status,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}

pub(crate) async fn call(url: &str, method: &str, params: Value) -> Value {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let (status, answer) = post(url, body.to_string(), None).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

pub(crate) async fn ask(url: &str, method: &str, params: Value) -> Value {
    let answer = call(url, method, params).await;
    assert!(answer.get("error").is_none(), "{method}: {answer}");
    answer["result"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_have_their_codes() {
    let driver = Driver::karst().await;
    let url = driver.engine.rpc_url();
    let code =
        async |body: &str| post(&url, body.to_owned(), None).await.1["error"]["code"].clone();
    assert_eq!(code("{").await, -32700);
    assert_eq!(code("[]").await, -32600);
    assert_eq!(code(r#"{"jsonrpc":"2.0","id":1}"#).await, -32600);
    assert_eq!(
        code(r#"{"jsonrpc":"2.0","id":1,"method":"eth_nothing"}"#).await,
        -32601
    );
    let code_of = async |method, params| call(&url, method, params).await["error"]["code"].clone();
    assert_eq!(code_of("eth_getBalance", json!([])).await, -32602);
    assert_eq!(
        code_of("eth_getBalance", json!(["0x12", "latest"])).await,
        -32602
    );
    assert_eq!(
        code_of("eth_getBlockByNumber", json!(["0xzz", true])).await,
        -32602
    );
    assert_eq!(
        code_of("eth_sendRawTransaction", json!(["0x7e00"])).await,
        -32000
    );
    assert_eq!(
        code_of("eth_sendRawTransaction", json!(["0x02"])).await,
        -32000
    );
    assert_eq!(
        code_of("eth_getBlockByNumber", json!(["safe", true])).await,
        -39001
    );
    assert_eq!(
        code_of("engine_getClientVersionV1", json!([])).await,
        -32601
    );
    let batch: Vec<Value> = (0..3)
        .map(|i| json!({"jsonrpc":"2.0","id":i,"method":"eth_chainId"}))
        .collect();
    let (_, answers) = post(&url, json!(batch).to_string(), None).await;
    assert_eq!(answers.as_array().unwrap().len(), 3);
    let batch: Vec<Value> = (0..1001)
        .map(|i| json!({"jsonrpc":"2.0","id":i,"method":"eth_chainId"}))
        .collect();
    let (_, answer) = post(&url, json!(batch).to_string(), None).await;
    assert_eq!(answer["error"]["code"], -32010, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authenticated_port_wants_a_fresh_token() {
    let secret = JwtSecret::random();
    let config = EngineConfig {
        auth_addr: Some(([127, 0, 0, 1], 0).into()),
        jwt: Some(secret.clone()),
        ..world::config(Fork::Karst)
    };
    let driver = Driver::start(config, Fork::Karst).await;
    let url = driver.engine.auth_url().unwrap();
    let request =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": [] }).to_string();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let status = async |token| post(&url, request.clone(), token).await.0;
    assert_eq!(status(None).await, 401);
    assert_eq!(status(Some("nonsense".into())).await, 401);
    assert_eq!(status(Some(JwtSecret::random().token())).await, 401);
    assert_eq!(status(Some(secret.token_at(now - 90))).await, 401);
    assert_eq!(status(Some(secret.token_at(now + 90))).await, 401);
    assert_eq!(status(Some(secret.token_at(now - 30))).await, 200);
    assert_eq!(status(Some(secret.token())).await, 200);

    let engine = async |method: &str, params: Value| {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        post(&url, body.to_string(), Some(secret.token())).await.1
    };
    let capabilities = engine("engine_exchangeCapabilities", json!([[]])).await;
    assert!(capabilities["result"].as_array().unwrap().len() >= 13);
    let head = json!({
        "headBlockHash": driver.head,
        "safeBlockHash": B256::ZERO,
        "finalizedBlockHash": B256::ZERO,
    });
    let attributes = serde_json::to_value(driver.attributes(true)).unwrap();
    // Versions that do not fit Karst.
    let code =
        async |method: &str, params: Value| engine(method, params).await["error"]["code"].clone();
    assert_eq!(
        code("engine_forkchoiceUpdatedV1", json!([head, attributes])).await,
        -32602
    );
    let mut without_root = attributes.clone();
    without_root
        .as_object_mut()
        .unwrap()
        .remove("parentBeaconBlockRoot");
    assert_eq!(
        code("engine_forkchoiceUpdatedV2", json!([head, without_root])).await,
        -38005
    );
    let built = engine("engine_forkchoiceUpdatedV3", json!([head, attributes])).await;
    let id = built["result"]["payloadId"].clone();
    assert_eq!(code("engine_getPayloadV3", json!([id])).await, -38005);
    assert_eq!(code("engine_getPayloadV4", json!([id])).await, -38005);
    let fetched = engine("engine_getPayloadV5", json!([id])).await["result"].clone();
    let payload = fetched["executionPayload"].clone();
    let root = fetched["parentBeaconBlockRoot"].clone();
    assert_eq!(
        code("engine_newPayloadV3", json!([payload, [], root])).await,
        -38005
    );
    assert_eq!(
        code("engine_newPayloadV4", json!([payload, [], root])).await,
        -32602
    );
    let blob_hash = [B256::repeat_byte(1)];
    let params = json!([payload, blob_hash, root, []]);
    // As deployed: the call is right, but it says that this is no payload of ours.
    let refused = engine("engine_newPayloadV4", params).await["result"].clone();
    assert_eq!(refused["status"], "INVALID", "{refused}");
    assert_eq!(refused["latestValidHash"], Value::Null);
    let inserted = engine("engine_newPayloadV4", json!([payload, [], root, []])).await;
    assert_eq!(inserted["result"]["status"], "VALID", "{inserted}");
    let hash = payload["blockHash"].clone();
    let bodies = engine(
        "engine_getPayloadBodiesByHashV1",
        json!([[hash, B256::ZERO]]),
    )
    .await;
    assert_eq!(
        bodies["result"][0]["transactions"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(bodies["result"][1], Value::Null);
    let signal = B256::with_last_byte(1);
    let params = json!([{ "recommended": signal, "required": signal }]);
    assert!(engine("engine_signalSuperchainV1", params).await["result"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn wallets_find_their_way() {
    let mut driver = Driver::karst().await;
    let url = driver.engine.rpc_url();
    let (from, to) = (user(0).address(), Address::repeat_byte(0xbb));
    assert_eq!(
        ask(&url, "eth_chainId", json!([])).await,
        format!("{CHAIN_ID:#x}")
    );
    let raw = transfer(&user(0), 0, to, 1_000_000);
    let hash = ask(&url, "eth_sendRawTransaction", json!([raw])).await;
    assert_eq!(
        ask(&url, "eth_getTransactionCount", json!([from, "latest"])).await,
        "0x0"
    );
    assert_eq!(
        ask(&url, "eth_getTransactionCount", json!([from, "pending"])).await,
        "0x1"
    );
    let waiting = ask(&url, "eth_getTransactionByHash", json!([hash])).await;
    assert_eq!(waiting["blockHash"], Value::Null);
    let status = ask(&url, "txpool_status", json!([])).await;
    assert_eq!(status, json!({ "pending": "0x1", "queued": "0x0" }));
    driver.build().await;

    let receipt = ask(&url, "eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!(receipt["status"], "0x1", "{receipt}");
    assert_eq!(receipt["transactionIndex"], "0x1");
    assert_eq!(receipt["gasUsed"], "0x5208");
    let block = ask(&url, "eth_getBlockByNumber", json!(["latest", true])).await;
    assert_eq!(block["hash"], json!(driver.head));
    assert_eq!(block["transactions"][0]["type"], "0x7e");
    assert_eq!(block["transactions"][0]["gasPrice"], "0x0");
    assert!(block["transactions"][0]["sourceHash"].is_string());
    assert_eq!(block["transactions"][1]["from"], json!(from));
    assert!(block["withdrawalsRoot"].is_string() && block["requestsHash"].is_string());
    let receipts = ask(&url, "eth_getBlockReceipts", json!(["latest"])).await;
    assert_eq!(receipts[0]["depositReceiptVersion"], "0x1");
    assert_eq!(receipts[0]["depositNonce"], "0x0");
    tokio::time::sleep(Duration::from_millis(600)).await;
    let from_disk = ask(&url, "eth_getBlockReceipts", json!(["latest"])).await;
    assert_eq!(from_disk, receipts);
    assert!(receipts[0].get("l1Fee").is_none());
    assert_eq!(receipts[1], receipt);
    assert_eq!(
        ask(&url, "eth_getBalance", json!([to, "latest"])).await,
        "0x7"
    );
    assert_eq!(
        ask(&url, "eth_getBalance", json!([to, "earliest"])).await,
        "0x0"
    );
    assert_eq!(
        ask(&url, "eth_getTransactionCount", json!([from, "latest"])).await,
        "0x1"
    );

    let gas = json!([{ "from": from, "to": to, "value": "0x1" }]);
    assert_eq!(ask(&url, "eth_estimateGas", gas.clone()).await, "0x5208");
    assert_eq!(ask(&url, "eth_call", gas).await, "0x");
    let history = ask(&url, "eth_feeHistory", json!(["0x2", "latest", [50.0]])).await;
    assert_eq!(
        history["baseFeePerGas"].as_array().unwrap().len(),
        3,
        "{history}"
    );
    assert_eq!(history["reward"].as_array().unwrap().len(), 2);
    let proof = ask(&url, "eth_getProof", json!([to, ["0x0"], "latest"])).await;
    assert_eq!(proof["balance"], "0x7");
    assert!(!proof["accountProof"].as_array().unwrap().is_empty());
    let sha3 = ask(&url, "web3_sha3", json!(["0x68656c6c6f"])).await;
    assert_eq!(
        sha3,
        "0x1c8aff950685c2ed4bc3174f3472287b56d9517b9c948127319a09a7a36deac8"
    );
    let raw_header = ask(&url, "debug_getRawHeader", json!(["latest"])).await;
    let bytes = hex::decode(raw_header.as_str().unwrap()).unwrap();
    assert_eq!(alloy_primitives::keccak256(bytes), driver.head);
    assert_eq!(
        ask(&url, "miner_setMaxDASize", json!(["0x0", "0x1000"])).await,
        true
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_carry_the_l1_fee_of_their_block() {
    use opal_protocol::l1_info::{EcotoneFees, L1Info, L1InfoFees, OperatorFees};
    let mut driver = Driver::karst().await;
    let url = driver.engine.rpc_url();
    driver.send(transfer(&user(0), 0, Address::ZERO, 1)).await;
    let info = L1Info {
        number: 1,
        time: 1,
        base_fee: U256::from(7_000_000_000u64),
        hash: B256::ZERO,
        seq_num: 0,
        batcher: Address::ZERO,
        fees: L1InfoFees::Jovian(
            EcotoneFees {
                base_fee_scalar: 5_000,
                blob_base_fee_scalar: 800_000,
                blob_base_fee: U256::from(3),
            },
            OperatorFees {
                scalar: 0,
                constant: 0,
            },
            400,
        ),
    };
    let mut attributes = driver.attributes(false);
    let deposit = op_alloy_consensus::TxDeposit {
        input: info.encode().into(),
        gas_limit: 1_000_000,
        ..Default::default()
    };
    let encoded = alloy_eips::eip2718::Encodable2718::encoded_2718(&deposit);
    attributes.transactions = Some(vec![encoded.into()]);
    driver.build_with(attributes).await;
    let receipts = ask(&url, "eth_getBlockReceipts", json!(["latest"])).await;
    let receipt = &receipts[1];
    assert_eq!(receipt["l1GasPrice"], format!("{:#x}", 7_000_000_000u64));
    assert_eq!(receipt["l1BaseFeeScalar"], "0x1388");
    assert_eq!(receipt["l1BlobBaseFeeScalar"], "0xc3500");
    assert_eq!(receipt["l1BlobBaseFee"], "0x3");
    assert_eq!(receipt["daFootprintGasScalar"], "0x190");
    assert_eq!(receipt["blobGasUsed"], format!("{:#x}", 100 * 400));
    assert!(receipt.get("operatorFeeScalar").is_none());
    // 100 bytes at least: 100e6 * (16 * 5000 * 7e9 + 800000 * 3) / 1e12, exactly.
    let fee = 100_000_000u128 * (16 * 5_000 * 7_000_000_000 + 800_000 * 3) / 1_000_000_000_000;
    assert_eq!(receipt["l1Fee"], format!("{fee:#x}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn old_states_and_proofs_can_be_read() {
    let config = EngineConfig {
        flush_interval: Duration::ZERO,
        ..world::config(Fork::Karst)
    };
    let mut driver = Driver::start(config, Fork::Karst).await;
    let url = driver.engine.rpc_url();
    let to = Address::repeat_byte(0xcc);
    for i in 0..10 {
        driver.send(transfer(&user(0), i, to, 1)).await;
        driver.build().await;
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    for number in [0u64, 3, 7, 10] {
        let tag = format!("{number:#x}");
        let balance = ask(&url, "eth_getBalance", json!([to, tag])).await;
        assert_eq!(balance, format!("{:#x}", 7 * number));
        let proof = ask(&url, "eth_getProof", json!([to, [], tag])).await;
        let header = ask(&url, "eth_getBlockByNumber", json!([tag, false])).await;
        let root = proof["accountProof"][0].as_str().unwrap();
        let root = alloy_primitives::keccak256(hex::decode(root).unwrap());
        assert_eq!(header["stateRoot"], json!(root), "block {number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_answer_what_is_new() {
    let mut driver = Driver::karst().await;
    let url = driver.engine.rpc_url();
    let filter = ask(&url, "eth_newBlockFilter", json!([])).await;
    driver.build().await;
    driver.build().await;
    let changes = ask(&url, "eth_getFilterChanges", json!([filter])).await;
    assert_eq!(changes.as_array().unwrap().len(), 2);
    assert_eq!(changes[1], json!(driver.head));
    assert_eq!(
        ask(&url, "eth_getFilterChanges", json!([filter])).await,
        json!([])
    );
    assert_eq!(
        ask(&url, "eth_uninstallFilter", json!([filter])).await,
        true
    );
    let gone = call(&url, "eth_getFilterChanges", json!([filter])).await;
    assert_eq!(gone["error"]["code"], -32000);
    assert_eq!(ask(&url, "eth_getLogs", json!([{}])).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_forwards_transactions_to_the_sequencer() {
    let mut sequencer = Driver::karst().await;
    let config = EngineConfig {
        sequencer_url: Some(sequencer.engine.rpc_url()),
        ..world::config(Fork::Karst)
    };
    let replica = Driver::start(config, Fork::Karst).await;
    let raw = transfer(&user(3), 0, Address::ZERO, 1);
    ask(
        &replica.engine.rpc_url(),
        "eth_sendRawTransaction",
        json!([raw]),
    )
    .await;
    assert_eq!(
        sequencer
            .build()
            .await
            .execution_payload
            .transactions()
            .len(),
        2
    );
    let again = call(
        &replica.engine.rpc_url(),
        "eth_sendRawTransaction",
        json!([raw]),
    )
    .await;
    let message = again["error"]["message"].as_str().unwrap();
    assert!(message.contains("nonce too low"), "{again}");
}

/// Emits one log without data, with topic 0x2a.
const LOGGER: [u8; 8] = hex!("602a60006000a100");

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_found_by_place_address_and_topic() {
    let logger = Address::repeat_byte(0x10);
    let mut config = EngineConfig {
        flush_interval: Duration::ZERO,
        ..world::config(Fork::Karst)
    };
    let account = alloy_genesis::GenesisAccount::default().with_code(Some(LOGGER.into()));
    config.genesis.alloc.insert(logger, account);
    let mut driver = Driver::start(config, Fork::Karst).await;
    let url = driver.engine.rpc_url();
    let filter = ask(&url, "eth_newFilter", json!([{ "address": logger }])).await;
    for nonce in 0..3 {
        let tx = world::call(&user(0), nonce, logger);
        driver.send(tx).await;
        driver.build().await;
        driver.build().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let topic = B256::with_last_byte(0x2a);
    let logs = async |query: Value| {
        let found = ask(&url, "eth_getLogs", json!([query])).await;
        found.as_array().unwrap().clone()
    };
    let all = logs(json!({ "fromBlock": "earliest", "toBlock": "latest" })).await;
    assert_eq!(all.len(), 3);
    assert_eq!(all[1]["blockNumber"], "0x3");
    assert_eq!(all[1]["logIndex"], "0x0");
    assert_eq!(all[1]["transactionIndex"], "0x1");
    assert_eq!(all[1]["topics"], json!([topic]));
    let some = json!({ "fromBlock": "0x2", "toBlock": "0x4", "topics": [[topic, B256::ZERO]] });
    assert_eq!(logs(some).await, all[1..2]);
    let by_hash = json!({ "blockHash": all[2]["blockHash"], "address": [logger] });
    assert_eq!(logs(by_hash).await, all[2..]);
    let other = json!({ "fromBlock": "0x0", "address": Address::ZERO });
    assert!(logs(other).await.is_empty());
    let other = json!({ "fromBlock": "0x0", "topics": [B256::ZERO] });
    assert!(logs(other).await.is_empty());
    let reversed = json!([{ "fromBlock": "0x4", "toBlock": "0x1" }]);
    assert_eq!(
        call(&url, "eth_getLogs", reversed).await["error"]["code"],
        -32602
    );
    let changes = ask(&url, "eth_getFilterChanges", json!([filter])).await;
    assert_eq!(changes, json!(all));
    let receipt = json!([all[0]["transactionHash"]]);
    let receipt = ask(&url, "eth_getTransactionReceipt", receipt).await;
    assert_eq!(receipt["logs"][0], all[0]);
}
