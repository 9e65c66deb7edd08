//! Traces over JSON-RPC: of blocks in memory, on disk, and long past.

use crate::{
    rpc::{ask, call},
    world::{self, Driver, transfer, user},
};
use alloy_genesis::GenesisAccount;
use alloy_primitives::{Address, B256, Bytes, U256, address, bytes};
use opal_engine::EngineConfig;
use opal_protocol::Fork;
use serde_json::{Value, json};
use std::time::Duration;

/// Increments slot 0, and logs.
const COUNTER: Address = address!("c000000000000000000000000000000000000001");
/// Reverts with `Panic(0x11)`.
const PANICKER: Address = address!("c000000000000000000000000000000000000002");
/// Loops as long as there is gas.
const LOOPER: Address = address!("c000000000000000000000000000000000000003");

fn config() -> EngineConfig {
    let mut config = world::config(Fork::Karst);
    config.flush_interval = Duration::from_millis(1);
    let code = |code: Bytes| GenesisAccount::default().with_code(Some(code));
    let mut panic = bytes!("602460 0c 6000 39 6024 6000 fd 4e487b71").to_vec();
    panic.extend(U256::from(0x11).to_be_bytes::<32>());
    config.genesis.alloc.extend([
        (COUNTER, code(bytes!("60005460010160005560006000a000"))),
        (PANICKER, code(panic.into())),
        (LOOPER, code(bytes!("5b600056"))),
    ]);
    config
}

/// Builds a block of two calls and a transfer of the first user.
async fn busy_block(driver: &mut Driver, nonce: u64) -> Value {
    for tx in [
        world::call(&user(0), nonce, COUNTER),
        world::call(&user(0), nonce + 1, PANICKER),
        transfer(&user(0), nonce + 2, Address::repeat_byte(0xbb), 1),
    ] {
        driver.send(tx).await;
    }
    let payload = driver.build().await;
    json!(payload.execution_payload.block_hash())
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_are_traced_now_and_later() {
    let mut driver = Driver::start(config(), Fork::Karst).await;
    let url = driver.engine.rpc_url();
    let hash = busy_block(&mut driver, 0).await;
    let tracer = json!({ "tracer": "callTracer", "timeout": "10s", "reexec": 5 });
    let traces = ask(&url, "debug_traceBlockByHash", json!([hash, tracer])).await;
    let receipts = ask(&url, "eth_getBlockReceipts", json!([hash])).await;
    let (traces_list, receipts) = (traces.as_array().unwrap(), receipts.as_array().unwrap());
    assert_eq!((traces_list.len(), receipts.len()), (4, 4));
    for (trace, receipt) in traces_list.iter().zip(receipts) {
        assert_eq!(trace["txHash"], receipt["transactionHash"]);
        assert_eq!(trace["result"]["gasUsed"], receipt["gasUsed"]);
        assert_eq!(trace["result"]["from"], receipt["from"]);
        let failed = trace["result"].get("error").is_some();
        assert_eq!(failed, receipt["status"] == "0x0");
    }
    let steps = ask(&url, "debug_traceBlockByNumber", json!(["0x1"])).await;
    let rlp = ask(&url, "debug_getRawBlock", json!(["0x1"])).await;
    assert_eq!(ask(&url, "debug_traceBlock", json!([rlp])).await, steps);
    let counting = steps[1]["result"]["structLogs"].as_array().unwrap();
    let store = counting.iter().find(|s| s["op"] == "SSTORE").unwrap();
    let slot = B256::ZERO.to_string();
    assert_eq!(store["storage"], json!({ slot: B256::with_last_byte(1) }));
    // Later, from the disk, the state is brought back.
    for i in 1..12 {
        busy_block(&mut driver, 3 * i).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    busy_block(&mut driver, 36).await;
    assert_eq!(
        ask(&url, "debug_traceBlockByNumber", json!(["0x1"])).await,
        steps
    );
    assert_eq!(
        ask(&url, "debug_traceBlockByHash", json!([hash, tracer])).await,
        traces
    );
    let tx = &traces[1]["txHash"];
    let alone = ask(&url, "debug_traceTransaction", json!([tx, tracer])).await;
    assert_eq!(alone, traces[1]["result"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_traced_and_explained() {
    let mut driver = Driver::start(config(), Fork::Karst).await;
    let url = driver.engine.rpc_url();
    busy_block(&mut driver, 0).await;
    let counter = json!({ "to": COUNTER });
    let of = json!({ "tracer": "prestateTracer", "tracerConfig": { "diffMode": true },
        "stateOverrides": { COUNTER.to_string(): { "stateDiff": {
            B256::ZERO.to_string(): B256::with_last_byte(41) } } } });
    let trace = ask(&url, "debug_traceCall", json!([counter, "latest", of])).await;
    let key = COUNTER.to_string().to_lowercase();
    assert_eq!(
        trace["post"][&key]["storage"],
        json!({ B256::ZERO.to_string(): B256::with_last_byte(42) })
    );
    // Before the call that counts, and after it.
    let before = json!({ "tracer": "prestateTracer", "txIndex": "0x1" });
    let trace = ask(&url, "debug_traceCall", json!([counter, "0x1", before])).await;
    assert_eq!(
        trace[&key]["storage"],
        json!({ B256::ZERO.to_string(): B256::ZERO })
    );
    let after = json!({ "tracer": "prestateTracer", "txIndex": "0x2" });
    let trace = ask(&url, "debug_traceCall", json!([counter, "0x1", after])).await;
    assert_eq!(
        trace[&key]["storage"],
        json!({ B256::ZERO.to_string(): B256::with_last_byte(1) })
    );
    let list = ask(&url, "eth_createAccessList", json!([counter])).await;
    assert_eq!(
        list["accessList"],
        json!([{ "address": COUNTER, "storageKeys": [B256::ZERO] }])
    );
    let failing = json!({ "to": PANICKER });
    let list = ask(&url, "eth_createAccessList", json!([failing])).await;
    assert_eq!(list["error"], "execution reverted");
    let trace = ask(
        &url,
        "debug_traceCall",
        json!([failing, "latest", { "tracer": "callTracer" }]),
    )
    .await;
    assert_eq!(trace["error"], "execution reverted");
    for method in ["eth_call", "eth_estimateGas"] {
        let answer = call(&url, method, json!([failing])).await;
        let error = &answer["error"];
        assert_eq!(error["code"], 3, "{answer}");
        assert_eq!(
            error["message"],
            "execution reverted: arithmetic underflow or overflow"
        );
        assert!(error["data"].as_str().unwrap().starts_with("0x4e487b71"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_traced_is_said() {
    let mut config = config();
    config.history_blocks = 2;
    config.rpc.response_bytes_max = 1 << 20;
    let mut driver = Driver::start(config, Fork::Karst).await;
    let url = driver.engine.rpc_url();
    let hash = busy_block(&mut driver, 0).await;
    let error = async |method: &str, params: Value| {
        let answer = call(&url, method, params).await;
        let error = &answer["error"];
        assert!(error.is_object(), "{method}: {answer}");
        (
            error["code"].as_i64().unwrap(),
            error["message"].as_str().unwrap().to_owned(),
        )
    };
    let nobody = B256::with_last_byte(1);
    let (code, message) = error("debug_traceTransaction", json!([nobody])).await;
    assert_eq!((code, message.as_str()), (-32000, "transaction not found"));
    let (code, message) = error("debug_traceBlockByHash", json!([nobody])).await;
    assert_eq!(
        (code, message),
        (-32000, format!("block {nobody} not found"))
    );
    let (code, message) = error("debug_traceBlockByNumber", json!(["0x0"])).await;
    assert_eq!(
        (code, message.as_str()),
        (-32000, "genesis is not traceable")
    );
    assert_eq!(
        error("debug_traceBlockByNumber", json!(["0x99"])).await.0,
        -32000
    );
    for bad in [json!("0xzz"), json!(["3"]), json!({}), Value::Null] {
        assert_eq!(
            error("debug_traceBlockByNumber", json!([bad])).await.0,
            -32602
        );
    }
    for bad in [
        json!(7),
        json!({ "tracer": 7 }),
        json!({ "tracer": "jsTracer" }),
        json!({ "tracer": "{ data: [], result: function() { return 1 } }" }),
        json!({ "tracer": "callTracer", "tracerConfig": [1] }),
        json!({ "timeout": "soon" }),
        json!({ "limit": -1 }),
    ] {
        let (code, message) = error("debug_traceBlockByHash", json!([hash, bad])).await;
        assert_eq!(code, -32602, "{bad}: {message}");
    }
    assert_eq!(error("debug_traceBlock", json!(["0x"])).await.0, -32602);
    assert_eq!(error("debug_traceBlock", json!(["0xc0c0"])).await.0, -32602);
    let contradictory = json!([{ "to": COUNTER, "data": "0x01", "input": "0x02" }]);
    assert!(error("debug_traceCall", contradictory).await.0 < 0);
    let index = json!([{ "to": COUNTER }, "0x1", { "txIndex": "0x63" }]);
    assert_eq!(error("debug_traceCall", index).await.0, -32602);
    // A trace larger than an answer may be, and one that takes too long.
    let looping = json!([{ "to": LOOPER, "gas": "0x989680" }]);
    let (code, message) = error("debug_traceCall", looping).await;
    assert_eq!(code, -32005, "{message}");
    let impatient =
        json!([{ "to": LOOPER }, "latest", { "tracer": "callTracer", "timeout": "1ms" }]);
    let (code, message) = error("debug_traceCall", impatient).await;
    assert_eq!((code, message.as_str()), (-32000, "execution timeout"));
    // A state that is gone.
    for i in 1..10 {
        busy_block(&mut driver, 3 * i).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for method in ["debug_traceBlockByNumber", "debug_executionWitness"] {
        let (code, message) = error(method, json!(["0x1"])).await;
        assert_eq!(code, -32000);
        assert!(message.contains("not available"), "{method}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_of_traces_leave_the_chain_alone() {
    let mut driver = Driver::start(config(), Fork::Karst).await;
    let url = driver.engine.rpc_url();
    let heavy = json!([{ "to": LOOPER }, "latest", { "disableStack": true, "timeout": "2s" }]);
    let flood: Vec<_> = (0..64)
        .map(|_| {
            let (url, heavy) = (url.clone(), heavy.clone());
            tokio::spawn(async move { call(&url, "debug_traceCall", heavy).await })
        })
        .collect();
    // Building goes on meanwhile.
    for nonce in 0..5 {
        driver
            .send(transfer(&user(1), nonce, Address::repeat_byte(0xbb), 1))
            .await;
        let built = tokio::time::timeout(Duration::from_secs(20), driver.build());
        built.await.unwrap();
    }
    let mut refused = 0;
    for request in flood {
        let answer = request.await.unwrap();
        assert!(answer["error"].is_object(), "nobody gets so large a trace");
        refused += u32::from(
            answer["error"]["message"]
                .as_str()
                .unwrap()
                .contains("too many"),
        );
    }
    assert!(refused > 0);
    assert_eq!(ask(&url, "eth_blockNumber", json!([])).await, "0x5");
}
