//! Simulated blocks over JSON-RPC.

use crate::{
    rpc::{ask, call},
    world::{Driver, transfer, user},
};
use alloy_primitives::{Address, B256, address};
use serde_json::{Value, json};

const C0: Address = address!("c000000000000000000000000000000000000000");
const C1: Address = address!("c100000000000000000000000000000000000000");

#[tokio::test(flavor = "multi_thread")]
async fn simulated_blocks_look_like_blocks() {
    let mut driver = Driver::karst().await;
    let url = driver.engine.rpc_url();
    driver.send(transfer(&user(0), 0, C1, 1)).await;
    driver.build().await;
    let payload = json!({
        "blockStateCalls": [{
            "stateOverrides": { C0.to_string(): { "balance": "0x3e8" } },
            "calls": [{ "from": C0, "to": C1, "value": "0x3e8" },
                      { "from": C1, "to": C0, "value": "0x3ef" }],
        }, {
            "blockOverrides": { "number": "0x4" },
            "calls": [{ "from": C0, "input": "0x60006000fd" }, { "from": C0, "input": "0xfe", "gas": "0x10000" }],
        }],
        "traceTransfers": true,
        "returnFullTransactions": true,
    });
    let blocks = ask(&url, "eth_simulateV1", json!([payload, "latest"])).await;
    let blocks = blocks.as_array().unwrap();
    assert_eq!(blocks.len(), 3, "the gap is filled");
    let latest = ask(&url, "eth_getBlockByNumber", json!(["latest", true])).await;
    for (field, value) in latest.as_object().unwrap() {
        let simulated = &blocks[0][field];
        assert_eq!(
            simulated.is_string(),
            value.is_string(),
            "{field}: {simulated}"
        );
    }
    assert_eq!(blocks[0]["parentHash"], latest["hash"]);
    assert_eq!(blocks[2]["parentHash"], blocks[1]["hash"]);
    let second = &blocks[0]["transactions"][1];
    assert_eq!(
        (&second["from"], &second["nonce"]),
        (&json!(C1), &json!("0x0"))
    );
    let calls = &blocks[0]["calls"];
    assert_eq!(
        (&calls[1]["status"], &calls[1]["gasUsed"]),
        (&json!("0x1"), &json!("0x5208"))
    );
    let log = &calls[1]["logs"][0];
    assert_eq!(
        (&log["logIndex"], &log["transactionIndex"]),
        (&json!("0x1"), &json!("0x1"))
    );
    assert_eq!(log["blockHash"], blocks[0]["hash"]);
    assert_eq!(log["transactionHash"], second["hash"]);
    let calls = &blocks[2]["calls"];
    let reverted = json!({ "message": "execution reverted", "code": 3, "data": "0x" });
    assert_eq!(
        (&calls[0]["status"], &calls[0]["error"]),
        (&json!("0x0"), &reverted)
    );
    let invalid = json!({ "message": "invalid opcode: INVALID", "code": -32015 });
    assert_eq!(calls[1]["error"], invalid);
    // Nothing of it happened.
    assert_eq!(ask(&url, "eth_getBalance", json!([C0])).await, "0x0");
    // The same state root as the block that is really built from the same calls, were they paid.
    let hash: B256 = serde_json::from_value(blocks[0]["hash"].clone()).unwrap();
    assert!(
        ask(&url, "eth_getBlockByHash", json!([hash]))
            .await
            .is_null()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn simulations_fail_with_their_codes() {
    let driver = Driver::karst().await;
    let url = driver.engine.rpc_url();
    let code = async |payload: Value| {
        call(&url, "eth_simulateV1", json!([payload])).await["error"]["code"].clone()
    };
    let block = |block: Value| json!({ "blockStateCalls": [block] });
    assert_eq!(code(json!({ "blockStateCalls": [] })).await, -32602);
    assert_eq!(code(json!(7)).await, -32602);
    let poor = json!({ "calls": [{ "from": C0, "to": C1, "value": "0x1" }] });
    assert_eq!(code(block(poor)).await, -38014);
    let past = json!({ "blockOverrides": { "number": "0x0" } });
    assert_eq!(code(block(past)).await, -38020);
    let past = json!({ "blockOverrides": { "time": "0x1" } });
    assert_eq!(code(block(past)).await, -38021);
    let far = json!({ "blockOverrides": { "number": "0x102" } });
    assert_eq!(code(block(far)).await, -38026);
    let mut twice = json!({});
    for precompile in [1, 2] {
        let address = Address::with_last_byte(precompile).to_string();
        twice[address] = json!({ "movePrecompileToAddress": C0 });
    }
    assert_eq!(
        code(block(json!({ "stateOverrides": twice }))).await,
        -38023
    );
    let one = Address::with_last_byte(1);
    let itself = json!({ one.to_string(): { "movePrecompileToAddress": one } });
    assert_eq!(
        code(block(json!({ "stateOverrides": itself }))).await,
        -38022
    );
    let unknown = json!([block(json!({})), "0x99"]);
    assert!(call(&url, "eth_simulateV1", unknown).await["error"].is_object());
}

#[tokio::test(flavor = "multi_thread")]
async fn withdrawals_are_overridden_where_there_are_any() {
    let driver = Driver::karst().await;
    let url = driver.engine.rpc_url();
    let with = |withdrawals: Value| {
        let block = json!({ "blockOverrides": { "withdrawals": withdrawals }, "calls": [] });
        json!([{ "blockStateCalls": [block] }, "latest"])
    };
    let one = json!([{ "index": "0x1", "validatorIndex": "0x2", "address": C0, "amount": "0x3" }]);
    for (withdrawals, wanted) in [
        (json!([]), Value::Null),
        (Value::Null, Value::Null),
        (one.clone(), json!(-32_602)),
        (json!([{ "index": "0x1" }]), json!(-32_602)),
        (json!(7), json!(-32_602)),
    ] {
        let answer = call(&url, "eth_simulateV1", with(withdrawals)).await;
        assert_eq!(answer["error"]["code"], wanted, "{answer}");
    }
    let chain = opal_engine::ChainConfig::ethereum_dev(900);
    let genesis = crate::world::genesis(&chain);
    let config = opal_engine::EngineConfig::new(chain, genesis);
    let engine = opal_engine::Engine::start(config).await.unwrap();
    let url = engine.rpc_url();
    let blocks = ask(&url, "eth_simulateV1", with(one.clone())).await;
    assert_eq!(blocks[0]["withdrawals"], one);
    let empty = ask(&url, "eth_simulateV1", with(json!([]))).await;
    assert_eq!(empty[0]["withdrawals"], json!([]));
    assert_ne!(
        blocks[0]["withdrawalsRoot"], empty[0]["withdrawalsRoot"],
        "the header commits to them"
    );
    assert_ne!(blocks[0]["stateRoot"], empty[0]["stateRoot"]);
    engine.shutdown().await;
}
