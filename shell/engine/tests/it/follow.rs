//! Clients that follow the chain: filters and subscriptions through reorgs, transactions that wait
//! for their receipt or for a condition, a pool that survives a restart.

use crate::{
    rpc::{ask, call},
    world::{self, Driver, transfer, user},
};
use alloy_primitives::{Address, B256, hex};
use opal_engine::EngineConfig;
use opal_protocol::Fork;
use serde_json::{Value, json};
use std::{path::Path, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
};

const LOGGER: Address = Address::repeat_byte(0x10);
/// Emits one log without data, with the block's number as its topic.
const LOGGER_CODE: [u8; 7] = hex!("4360006000a100");

fn with_logger() -> EngineConfig {
    let mut config = world::config(Fork::Karst);
    let account = alloy_genesis::GenesisAccount::default().with_code(Some(LOGGER_CODE.into()));
    config.genesis.alloc.insert(LOGGER, account);
    config
}

/// A subscriber over IPC.
struct Subscriber {
    reader: BufReader<tokio::net::unix::OwnedReadHalf>,
    writer: tokio::net::unix::OwnedWriteHalf,
}

impl Subscriber {
    async fn to(path: &Path, params: Value) -> Self {
        let (reader, writer) = UnixStream::connect(path).await.unwrap().into_split();
        let reader = BufReader::new(reader);
        let mut this = Self { reader, writer };
        let request =
            json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": params });
        let text = request.to_string();
        this.writer.write_all(text.as_bytes()).await.unwrap();
        assert!(this.line().await["result"].is_string());
        this
    }

    async fn line(&mut self) -> Value {
        let mut line = String::new();
        let read = self.reader.read_line(&mut line);
        tokio::time::timeout(Duration::from_secs(10), read)
            .await
            .expect("something comes")
            .unwrap();
        serde_json::from_str(&line).unwrap()
    }

    async fn next(&mut self) -> Value {
        self.line().await["params"]["result"].clone()
    }
}

/// Another block at the same height: with other randomness.
async fn build_other(driver: &mut Driver, randomness: u8) {
    let mut attributes = driver.attributes(false);
    attributes.payload_attributes.prev_randao = B256::repeat_byte(randomness);
    driver.build_with(attributes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_see_what_a_reorg_takes_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("opal.ipc");
    let mut config = with_logger();
    config.rpc_access.ipc_path = Some(path.clone());
    let mut driver = Driver::start(config, Fork::Karst).await;
    let url = driver.engine.rpc_url();
    let mut heads = Subscriber::to(&path, json!(["newHeads"])).await;
    let mut logs = Subscriber::to(&path, json!(["logs", { "address": LOGGER }])).await;
    let mut others = Subscriber::to(&path, json!(["logs", { "address": Address::ZERO }])).await;
    let log_filter = ask(&url, "eth_newFilter", json!([{ "address": [LOGGER] }])).await;
    let block_filter = ask(&url, "eth_newBlockFilter", json!([])).await;
    let mut hashes = vec![driver.head];
    for nonce in 0..3 {
        driver.send(world::call(&user(0), nonce, LOGGER)).await;
        driver.build().await;
        hashes.push(driver.head);
        assert_eq!(heads.next().await["hash"], json!(driver.head));
        let log = logs.next().await;
        assert_eq!(log["blockHash"], json!(driver.head));
        assert_eq!(
            log["topics"],
            json!([B256::with_last_byte(nonce as u8 + 1)])
        );
        assert_eq!(log["removed"], false);
    }
    let seen = ask(&url, "eth_getFilterChanges", json!([log_filter])).await;
    assert_eq!(seen.as_array().unwrap().len(), 3);
    let blocks = ask(&url, "eth_getFilterChanges", json!([block_filter])).await;
    assert_eq!(blocks, json!(hashes[1..]));

    // Back to the first block: two logs are taken back, newest first, and the head is announced again.
    driver.set_head(hashes[1]).await;
    assert_eq!(heads.next().await["hash"], json!(hashes[1]));
    for hash in [hashes[3], hashes[2]] {
        let log = logs.next().await;
        assert_eq!(
            (&log["blockHash"], &log["removed"]),
            (&json!(hash), &json!(true))
        );
    }
    // The transactions came back to the pool, and both fit into one new block.
    build_other(&mut driver, 0x77).await;
    assert_eq!(heads.next().await["hash"], json!(driver.head));
    for _ in 0..2 {
        let log = logs.next().await;
        assert_eq!(
            (&log["blockHash"], &log["removed"]),
            (&json!(driver.head), &json!(false))
        );
    }
    let changes = ask(&url, "eth_getFilterChanges", json!([log_filter])).await;
    let changes: Vec<(Value, Value)> = changes
        .as_array()
        .unwrap()
        .iter()
        .map(|log| (log["blockHash"].clone(), log["removed"].clone()))
        .collect();
    let gone = |hash: B256| (json!(hash), json!(true));
    let new = (json!(driver.head), json!(false));
    assert_eq!(
        changes,
        [gone(hashes[3]), gone(hashes[2]), new.clone(), new]
    );
    let blocks = ask(&url, "eth_getFilterChanges", json!([block_filter])).await;
    assert_eq!(blocks, json!([driver.head]));

    // To the other branch and further in one step.
    let other = driver.head;
    driver.set_head(hashes[3]).await;
    for expected in [
        (other, true),
        (other, true),
        (hashes[2], false),
        (hashes[3], false),
    ] {
        let log = logs.next().await;
        assert_eq!(
            (&log["blockHash"], &log["removed"]),
            (&json!(expected.0), &json!(expected.1))
        );
    }
    for hash in &hashes[2..] {
        assert_eq!(heads.next().await["hash"], json!(hash));
    }
    let found = ask(
        &url,
        "eth_getLogs",
        json!([{ "fromBlock": "0x0", "toBlock": "latest" }]),
    )
    .await;
    let places: Vec<&Value> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|l| &l["blockHash"])
        .collect();
    assert_eq!(json!(places), json!(hashes[1..]));
    let silence = tokio::time::timeout(Duration::from_millis(200), others.next()).await;
    assert!(silence.is_err(), "another address has no logs");
    driver.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_transactions_come_as_hashes_or_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("opal.ipc");
    let mut config = world::config(Fork::Karst);
    config.rpc_access.ipc_path = Some(path.clone());
    let driver = Driver::start(config, Fork::Karst).await;
    let url = driver.engine.rpc_url();
    let mut hashes = Subscriber::to(&path, json!(["newPendingTransactions"])).await;
    let mut whole = Subscriber::to(&path, json!(["newPendingTransactions", true])).await;
    let hash_filter = ask(&url, "eth_newPendingTransactionFilter", json!([])).await;
    let whole_filter = ask(&url, "eth_newPendingTransactionFilter", json!([true])).await;
    let hash = driver.send(transfer(&user(0), 0, LOGGER, 3)).await;
    assert_eq!(hashes.next().await, json!(hash));
    assert_eq!(whole.next().await["hash"], json!(hash));
    let found = ask(&url, "eth_getFilterChanges", json!([hash_filter])).await;
    assert_eq!(found, json!([hash]));
    let found = ask(&url, "eth_getFilterChanges", json!([whole_filter])).await;
    assert_eq!(found[0]["maxPriorityFeePerGas"], "0x3");
    let from = user(0).address();
    let by_nonce = ask(
        &url,
        "eth_getTransactionBySenderAndNonce",
        json!([from, "0x0"]),
    )
    .await;
    assert_eq!(by_nonce["hash"], json!(hash));
    assert_eq!(by_nonce["blockHash"], Value::Null);
    let rejected = call(&url, "eth_newFilter", json!([{ "topics": 7 }])).await;
    assert_eq!(rejected["error"]["code"], -32602);
    driver.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_may_wait_for_the_receipt() {
    let mut config = world::config(Fork::Karst);
    config.rpc.sync_timeout = Duration::from_secs(5);
    let mut driver = Driver::start(config, Fork::Karst).await;
    let url = driver.engine.rpc_url();
    let method = "eth_sendRawTransactionSync";
    let raw = transfer(&user(0), 0, LOGGER, 3);
    let late = call(&url, method, json!([raw, 50])).await;
    assert_eq!(late["error"]["code"], 4);
    let hash = late["error"]["data"].clone();
    assert_eq!(
        ask(&url, "eth_getTransactionByHash", json!([hash])).await["hash"],
        hash
    );
    let next = transfer(&user(0), 1, LOGGER, 3);
    let waiting = {
        let url = url.clone();
        tokio::spawn(async move { ask(&url, method, json!([next])).await })
    };
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if ask(&url, "txpool_status", json!([])).await["pending"] == "0x2" {
            break;
        }
    }
    driver.build().await;
    let receipt = waiting.await.unwrap();
    assert_eq!(receipt["blockHash"], json!(driver.head));
    assert_eq!(receipt["status"], "0x1");
    // Mined ones are found by sender and nonce, too.
    driver.build().await;
    let from = user(0).address();
    let of = async |nonce: &str| {
        ask(
            &url,
            "eth_getTransactionBySenderAndNonce",
            json!([from, nonce]),
        )
        .await
    };
    assert_eq!(of("0x1").await["hash"], receipt["transactionHash"]);
    assert_eq!(of("0x0").await["hash"], hash);
    assert_eq!(of("0x2").await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_is_checked_when_it_comes_and_when_a_block_is_built() {
    let mut config = world::config(Fork::Karst);
    config.conditional_cost_per_second = Some(1_000);
    // Stores the block's number in slot zero.
    let account = alloy_genesis::GenesisAccount::default()
        .with_code(Some(hex!("4360005500").into()))
        .with_balance(alloy_primitives::U256::ZERO);
    config.genesis.alloc.insert(LOGGER, account);
    let mut driver = Driver::start(config, Fork::Karst).await;
    let url = driver.engine.rpc_url();
    let send = async |nonce: u64, conditional: Value| {
        let raw = transfer(&user(1), nonce, Address::ZERO, 3);
        call(
            &url,
            "eth_sendRawTransactionConditional",
            json!([raw, conditional]),
        )
        .await
    };
    let code = async |conditional: Value| send(0, conditional).await["error"]["code"].clone();
    let (zero, one) = (B256::ZERO, B256::with_last_byte(1));
    assert_eq!(code(json!({ "blockNumberMin": "0x5" })).await, -32003);
    assert_eq!(code(json!({ "timestampMax": "0x5" })).await, -32003);
    assert_eq!(
        code(json!({ "blockNumberMin": "0x5", "blockNumberMax": "0x1" })).await,
        -32003
    );
    assert_eq!(
        code(json!({ "knownAccounts": { LOGGER.to_string(): { zero.to_string(): one } } })).await,
        -32003
    );
    assert_eq!(
        code(json!({ "knownAccounts": { LOGGER.to_string(): one } })).await,
        -32003
    );
    let slots: serde_json::Map<String, Value> = (0..1_001u64)
        .map(|i| {
            (
                B256::from(alloy_primitives::U256::from(i)).to_string(),
                json!(zero),
            )
        })
        .collect();
    assert_eq!(
        code(json!({ "knownAccounts": { LOGGER.to_string(): slots } })).await,
        -32005
    );
    // It holds now, and no longer once another transaction is in a block.
    let empty = json!({ "knownAccounts": { LOGGER.to_string(): { zero.to_string(): zero } } });
    let sent = send(0, empty.clone()).await;
    assert!(sent["result"].is_string(), "{sent}");
    driver
        .engine
        .send_raw_transaction(world::call(&user(0), 0, LOGGER))
        .await
        .unwrap();
    let payload = driver.build_with(driver.attributes(true)).await;
    assert_eq!(
        payload.execution_payload.transactions().len(),
        1,
        "not from the pool"
    );
    let payload = driver.build().await;
    assert_eq!(
        payload.execution_payload.transactions().len(),
        3,
        "both hold on the parent"
    );
    // Now the slot is set: refused at once; and what was taken before is not built any more.
    assert_eq!(send(1, empty).await["error"]["code"], -32003);
    let value = ask(&url, "eth_getStorageAt", json!([LOGGER, "0x0", "latest"])).await;
    let now = json!({ "knownAccounts": { LOGGER.to_string(): { zero.to_string(): value } } });
    driver.build().await;
    assert!(send(1, now).await["result"].is_string());
    assert!(
        send(
            2,
            json!({ "blockNumberMax": format!("{:#x}", driver.number) })
        )
        .await["result"]
            .is_string()
    );
    driver.send(world::call(&user(0), 1, LOGGER)).await;
    let payload = driver.build().await;
    assert_eq!(payload.execution_payload.transactions().len(), 3);
    assert_eq!(
        ask(&url, "txpool_status", json!([])).await["queued"],
        "0x0",
        "too late, so dropped"
    );
    let plain = Driver::karst().await;
    let refused = call(
        &plain.engine.rpc_url(),
        "eth_sendRawTransactionConditional",
        json!(["0x", {}]),
    )
    .await;
    assert_eq!(refused["error"]["code"], -32601);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pool_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pool.journal");
    let config = || EngineConfig {
        datadir: Some(dir.path().join("db")),
        pool_journal: Some(path.clone()),
        ..world::config(Fork::Karst)
    };
    let mut driver = Driver::start(config(), Fork::Karst).await;
    let mined = driver.send(transfer(&user(2), 0, LOGGER, 1)).await;
    driver.build().await;
    let mut hashes = Vec::new();
    for (who, nonce) in [(0, 0), (0, 1), (1, 3)] {
        hashes.push(driver.send(transfer(&user(who), nonce, LOGGER, 1)).await);
    }
    driver.engine.shutdown().await;
    drop(driver);
    // A process that was killed may leave a record cut off.
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend([0, 0, 1, 0, 1]);
    std::fs::write(&path, bytes).unwrap();
    let driver = Driver::start(config(), Fork::Karst).await;
    let url = driver.engine.rpc_url();
    for hash in &hashes {
        let found = ask(&url, "eth_getTransactionByHash", json!([hash])).await;
        assert_eq!(found["blockHash"], Value::Null);
        assert_eq!(found["hash"], json!(hash));
    }
    let status = ask(&url, "txpool_status", json!([])).await;
    assert_eq!(status, json!({ "pending": "0x2", "queued": "0x1" }));
    assert_eq!(driver.number, 1);
    assert!(
        ask(&url, "eth_getTransactionReceipt", json!([mined]))
            .await
            .is_object()
    );
    driver.engine.shutdown().await;
    // Rubbish is reported and passed over.
    drop(driver);
    std::fs::write(&path, b"rubbish").unwrap();
    let driver = Driver::start(config(), Fork::Karst).await;
    let status = ask(&driver.engine.rpc_url(), "txpool_status", json!([])).await;
    assert_eq!(status, json!({ "pending": "0x0", "queued": "0x0" }));
    driver.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_may_keep_what_it_forwards() {
    let sequencer = Driver::karst().await;
    let config = EngineConfig {
        sequencer_url: Some(sequencer.engine.rpc_url()),
        sequencer_pool_admission: true,
        ..world::config(Fork::Karst)
    };
    let replica = Driver::start(config, Fork::Karst).await;
    let raw = transfer(&user(3), 0, Address::ZERO, 1);
    let hash = ask(
        &replica.engine.rpc_url(),
        "eth_sendRawTransaction",
        json!([raw]),
    )
    .await;
    for driver in [&sequencer, &replica] {
        let url = driver.engine.rpc_url();
        let found = ask(&url, "eth_getTransactionByHash", json!([hash])).await;
        assert_eq!(found["hash"], hash);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_tells_about_itself() {
    let mut driver = Driver::start(with_logger(), Fork::Karst).await;
    let url = driver.engine.rpc_url();
    assert_eq!(ask(&url, "eth_syncing", json!([])).await, false);
    // A block whose parent nobody sent: not synced, until the head is there.
    let mut ahead = Driver::start(with_logger(), Fork::Karst).await;
    let first = ahead.build().await;
    let second = ahead.build().await;
    driver.api.new_payload(second.clone()).await.unwrap();
    let syncing = ask(&url, "eth_syncing", json!([])).await;
    assert_eq!(
        (&syncing["currentBlock"], &syncing["highestBlock"]),
        (&json!("0x0"), &json!("0x2"))
    );
    driver.insert(&first).await;
    driver.insert(&second).await;
    assert_eq!(ask(&url, "eth_syncing", json!([])).await, false);

    let config = ask(&url, "eth_config", json!([])).await;
    assert_eq!(
        config["current"]["chainId"],
        format!("{:#x}", world::CHAIN_ID)
    );
    assert_eq!(
        config["current"]["precompiles"].as_object().unwrap().len(),
        18
    );
    assert_eq!(
        config["current"]["systemContracts"]
            .as_object()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(config["current"]["blobSchedule"], Value::Null);
    assert_eq!(config["next"], Value::Null);
    let capabilities = ask(&url, "eth_capabilities", json!([])).await;
    assert_eq!(capabilities["head"]["hash"], json!(driver.head));
    assert_eq!(capabilities["state"]["oldestBlock"], "0x0");
    let history = ask(&url, "eth_feeHistory", json!(["0x1", "latest", []])).await;
    let base_fee = ask(&url, "eth_baseFee", json!([])).await;
    assert_eq!(base_fee, history["baseFeePerGas"][1]);
    let tip = ask(&url, "eth_maxPriorityFeePerGas", json!([])).await;
    assert_eq!(tip, format!("{:#x}", 1_000_000));
    assert_eq!(ask(&url, "admin_peers", json!([])).await, json!([]));
    let info = ask(&url, "admin_nodeInfo", json!([])).await;
    assert_eq!(info["protocols"]["eth"]["head"], json!(driver.head));

    let rich = user(0).address();
    let wanted = json!({ LOGGER.to_string(): [B256::ZERO], rich.to_string(): [] });
    let values = ask(&url, "eth_getStorageValues", json!([wanted, "latest"])).await;
    assert_eq!(values[format!("{LOGGER:#x}")], json!([B256::ZERO]));
    let empty = call(&url, "eth_getStorageValues", json!([{}, "latest"])).await;
    assert_eq!(empty["error"]["code"], -32602);
    assert_eq!(empty["error"]["message"], "empty request");
    for (from, to, message) in [
        (
            "0x0",
            "0x9",
            "block range extends beyond current head block",
        ),
        ("0x2", "0x1", "invalid block range params"),
    ] {
        let answer = call(
            &url,
            "eth_getLogs",
            json!([{ "fromBlock": from, "toBlock": to }]),
        )
        .await;
        assert_eq!(answer["error"]["code"], -32602);
        assert_eq!(answer["error"]["message"], message);
    }
}
