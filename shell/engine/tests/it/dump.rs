//! Whole states page by page, refused blocks, and what a server says of itself.

use crate::{
    random::{self, FACTORY_ADDRESS, STORER, init_code},
    rpc::{ask, call},
    world::{self, BLOCK_TIME, Driver, attributes, transfer, user},
};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U256, hex, keccak256};
use alloy_rlp::Decodable;
use op_alloy_rpc_types_engine::{OpExecutionPayload, OpExecutionPayloadEnvelope};
use opal_engine::EngineConfig;
use opal_protocol::Fork;
use opal_trie::{Account, rebuild_state_root, rebuild_storage_root};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

fn storer() -> Address {
    FACTORY_ADDRESS.create2(B256::ZERO, keccak256(init_code()))
}

/// A call that stores `value` at `slot`.
fn store(nonce: u64, slot: u64, value: u64) -> Bytes {
    let words = [slot, value, 0].map(U256::from);
    let input = words.iter().flat_map(|w| w.to_be_bytes::<32>()).collect();
    random::call(0, nonce, storer(), input)
}

async fn build(driver: &mut Driver, transactions: Vec<Bytes>) {
    let mut attributes = attributes(
        driver.fork,
        driver.number + 1,
        driver.time + BLOCK_TIME,
        true,
    );
    attributes
        .transactions
        .as_mut()
        .unwrap()
        .extend(transactions);
    driver.build_with(attributes).await;
}

/// A chain whose second block, after the deposit, makes a contract, stores, overwrites and deletes;
/// later blocks change the same slots again.
async fn chain(flush_interval: Duration) -> Driver {
    let config = random::config(Fork::Karst, flush_interval);
    let mut driver = Driver::start(config, Fork::Karst).await;
    build(&mut driver, Vec::new()).await;
    let create = random::call(0, 0, FACTORY_ADDRESS, init_code());
    let stores = [(1, 5), (2, 6), (1, 0), (3, 7)];
    let stores = stores.into_iter().zip(1..);
    let stores = stores.map(|((slot, value), nonce)| store(nonce, slot, value));
    build(&mut driver, [create].into_iter().chain(stores).collect()).await;
    build(&mut driver, vec![store(5, 2, 0), store(6, 9, 9)]).await;
    build(&mut driver, vec![store(7, 3, 1)]).await;
    driver
}

fn hashed(slots: &[(u64, u64)]) -> BTreeMap<B256, B256> {
    let key = |slot: u64| keccak256(B256::from(U256::from(slot)));
    let slots = slots.iter();
    slots
        .map(|(slot, value)| (key(*slot), U256::from(*value).into()))
        .collect()
}

fn values(answer: &Value) -> BTreeMap<B256, B256> {
    let slots = answer["storage"].as_object().unwrap().iter();
    slots
        .map(|(key, slot)| {
            let value = serde_json::from_value(slot["value"].clone()).unwrap();
            (key.parse().unwrap(), value)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_can_be_read_between_transactions() {
    // In memory alone, and on disk.
    for flush_interval in [Duration::from_secs(3_600), Duration::ZERO] {
        let driver = chain(flush_interval).await;
        if flush_interval.is_zero() {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        let url = driver.engine.rpc_url();
        let hash = ask(&url, "eth_getBlockByNumber", json!(["0x2", false])).await["hash"].clone();
        // The first transaction is the deposit, the second one makes the contract.
        let wanted: [&[(u64, u64)]; 5] = [
            &[],
            &[(1, 5)],
            &[(1, 5), (2, 6)],
            &[(2, 6)],
            &[(2, 6), (3, 7)],
        ];
        for (index, wanted) in (2..).zip(wanted) {
            let params = json!([hash, index, storer(), "0x", 100]);
            let answer = ask(&url, "debug_storageRangeAt", params).await;
            assert_eq!(
                values(&answer),
                hashed(wanted),
                "before transaction {index}"
            );
            assert_eq!(answer["nextKey"], Value::Null);
        }
        // Of the state after the fourth block three slots are left, read one by one.
        let head = json!(driver.head);
        let (mut start, mut found) = (json!("0x"), BTreeMap::new());
        for page in 0..3 {
            let params = json!([head, 2, storer(), start, 1]);
            let answer = ask(&url, "debug_storageRangeAt", params).await;
            assert_eq!(values(&answer).len(), 1);
            found.extend(values(&answer));
            start = answer["nextKey"].clone();
            assert_eq!(start.is_null(), page == 1, "page {page}: {answer}");
            if page == 1 {
                break;
            }
        }
        assert_eq!(found, hashed(&[(3, 1), (9, 9)]));
        let code = async |params: Value| {
            call(&url, "debug_storageRangeAt", params).await["error"]["code"].clone()
        };
        assert_eq!(
            code(json!([hash, 1, storer(), "0x", 1])).await,
            -32_000,
            "not made yet"
        );
        assert_eq!(
            code(json!([hash, 7, storer(), "0x", 1])).await,
            -32_602,
            "no such place"
        );
        let long = hex::encode_prefixed([1; 33]);
        assert_eq!(code(json!([hash, 1, storer(), long, 1])).await, -32_602);
        assert_eq!(
            code(json!(["0x0", 0, storer(), "0x", 1])).await,
            -32_000,
            "genesis"
        );
        driver.engine.shutdown().await;
    }
}

/// Accounts of a dump as the trie takes them.
fn accounts(dump: &Value) -> BTreeMap<B256, (Account, BTreeMap<B256, U256>)> {
    let accounts = dump["accounts"].as_object().unwrap().iter();
    accounts
        .map(|(name, account)| {
            let key: B256 = serde_json::from_value(account["key"].clone()).unwrap();
            assert_eq!(*name, format!("pre({key})"));
            let slots = account["storage"].as_object();
            let slots: BTreeMap<B256, U256> = slots
                .into_iter()
                .flatten()
                .map(|(slot, value)| {
                    let value = U256::from_str_radix(value.as_str().unwrap(), 16).unwrap();
                    (slot.parse().unwrap(), value)
                })
                .collect();
            let root = rebuild_storage_root(slots.clone());
            assert_eq!(account["root"], json!(root), "{name}");
            let account = Account {
                nonce: account["nonce"].as_u64().unwrap(),
                balance: account["balance"].as_str().unwrap().parse().unwrap(),
                code_hash: serde_json::from_value(account["codeHash"].clone()).unwrap(),
            };
            (key, (account, slots))
        })
        .collect()
}

fn root_of(accounts: &BTreeMap<B256, (Account, BTreeMap<B256, U256>)>) -> B256 {
    let accounts = accounts.iter();
    rebuild_state_root(
        accounts
            .map(|(key, (account, slots))| (*key, *account, rebuild_storage_root(slots.clone()))),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_is_the_whole_state() {
    for flush_interval in [Duration::from_secs(3_600), Duration::ZERO] {
        let driver = chain(flush_interval).await;
        if flush_interval.is_zero() {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        let url = driver.engine.rpc_url();
        for number in 0..=4 {
            let tag = format!("{number:#x}");
            let header = ask(&url, "eth_getHeaderByNumber", json!([tag])).await;
            let whole = ask(&url, "debug_dumpBlock", json!([tag])).await;
            assert_eq!(whole.get("next"), None);
            let found = accounts(&whole);
            assert_eq!(
                json!(root_of(&found)),
                header["stateRoot"],
                "block {number}"
            );
            assert_eq!(
                format!("0x{}", whole["root"].as_str().unwrap()),
                header["stateRoot"].as_str().unwrap()
            );
            // The same in pages of three, each of which begins at a hash.
            let mut pages = BTreeMap::new();
            let mut start = B256::ZERO;
            loop {
                let params = json!([tag, start, 3, false, false, true]);
                let page = ask(&url, "debug_accountRange", params).await;
                let part = accounts(&page);
                assert!(part.len() <= 3 && part.keys().all(|key| *key >= start));
                pages.extend(part);
                let Some(last) = pages.keys().last().filter(|_| page.get("next").is_some()) else {
                    break;
                };
                start = (U256::from_be_bytes(last.0) + U256::ONE).into();
            }
            assert_eq!(pages, found, "block {number}");
        }
        let key = keccak256(storer());
        let params = json!(["latest", key, 1, false, true, true]);
        let one = ask(&url, "debug_accountRange", params).await;
        let contract = &one["accounts"][format!("pre({key})")];
        assert_eq!(contract["code"], hex::encode_prefixed(STORER));
        assert_eq!(contract.get("storage"), None, "was not asked for");
        let params = json!(["latest", key, 1, true, false, true]);
        let one = ask(&url, "debug_accountRange", params).await;
        let contract = &one["accounts"][format!("pre({key})")];
        assert_eq!(contract.get("code"), None, "was not asked for");
        assert_eq!(contract["storage"].as_object().unwrap().len(), 2);
        driver.engine.shutdown().await;
    }
}

/// Gives a payload of Karst the hash of what it says.
fn rehash(payload: &mut OpExecutionPayloadEnvelope) -> B256 {
    let OpExecutionPayload::V4(v4) = payload.execution_payload.clone() else {
        panic!("it is of Karst");
    };
    let mut header = v4.into_block_raw().unwrap().header;
    header.parent_beacon_block_root = payload.parent_beacon_block_root;
    header.requests_hash = Some(alloy_eips::eip7685::EMPTY_REQUESTS_HASH);
    payload.execution_payload.as_v1_mut().block_hash = header.hash_slow();
    header.hash_slow()
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_blocks_can_be_looked_at() {
    let driver = Driver::karst().await;
    let url = driver.engine.rpc_url();
    let bad_blocks = async || ask(&url, "debug_getBadBlocks", json!([])).await;
    assert_eq!(bad_blocks().await, json!([]));
    driver
        .send(transfer(&user(0), 0, user(1).address(), 1))
        .await;
    let id = driver.start_build(driver.attributes(false)).await;
    let time = driver.time + BLOCK_TIME;
    let good = driver.api.get_payload(id, time).await.unwrap();
    let mut wrong_gas = good.clone();
    wrong_gas.execution_payload.as_v1_mut().gas_used += 1;
    let wrong_gas_hash = rehash(&mut wrong_gas);
    let mut garbage = good.clone();
    let transactions = &mut garbage.execution_payload.as_v1_mut().transactions;
    transactions.push(Bytes::from_static(&[0x7d, 1, 2]));
    let garbage_hash = rehash(&mut garbage);
    for bad in [&wrong_gas, &garbage, &wrong_gas] {
        let status = driver.api.new_payload(bad.clone()).await.unwrap();
        assert!(status.is_invalid(), "{status:?}");
    }
    // A block that was never hashed is none, and a good one is not bad.
    let mut unhashed = good.clone();
    unhashed.execution_payload.as_v1_mut().gas_used += 2;
    assert!(driver.api.new_payload(unhashed).await.unwrap().is_invalid());
    assert!(driver.api.new_payload(good).await.unwrap().is_valid());
    let found = bad_blocks().await;
    let hashes: Vec<_> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|b| b["hash"].clone())
        .collect();
    assert_eq!(
        hashes,
        [json!(garbage_hash), json!(wrong_gas_hash)],
        "newest first"
    );
    let (unreadable, whole) = (&found[0]["block"], &found[1]["block"]);
    assert!(unreadable["error"].is_string(), "{unreadable}");
    assert_eq!(whole["hash"], json!(wrong_gas_hash));
    assert_eq!(whole["transactions"].as_array().unwrap().len(), 2);
    assert_eq!(whole["transactions"][1]["from"], json!(user(0).address()));
    for block in found.as_array().unwrap() {
        let rlp: Bytes = serde_json::from_value(block["rlp"].clone()).unwrap();
        let mut rest = &rlp[..];
        alloy_rlp::Header::decode(&mut rest).unwrap();
        let header = Header::decode(&mut rest).unwrap();
        assert_eq!(json!(header.hash_slow()), block["hash"]);
    }
    driver.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_says_what_it_serves_and_how_far_back() {
    let mut config = EngineConfig {
        history_blocks: 6,
        receipts_blocks: Some(4),
        ..world::config(Fork::Karst)
    };
    config.flush_interval = Duration::ZERO;
    config.rpc_access.http_apis = vec!["eth".into(), "net".into(), "nonsense".into()];
    config.rpc_access.ws_apis = vec!["debug".into()];
    let mut driver = Driver::start(config, Fork::Karst).await;
    let url = driver.engine.rpc_url();
    let modules = ask(&url, "rpc_modules", json!([])).await;
    assert_eq!(modules, json!({ "eth": "1.0", "net": "1.0", "rpc": "1.0" }));
    for nonce in 0..20 {
        driver
            .send(transfer(&user(0), nonce, user(1).address(), 1))
            .await;
        driver.build().await;
        // Each block is flushed by itself: pruning goes along.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let answer = ask(&url, "eth_capabilities", json!([])).await;
    let number = |value: &Value| -> u64 {
        let text = value.as_str().unwrap_or_else(|| panic!("{answer}"));
        u64::from_str_radix(&text[2..], 16).unwrap()
    };
    let oldest = |what: &str| number(&answer[what]["oldestBlock"]);
    assert_eq!((oldest("blocks"), oldest("tx")), (0, 0));
    let (receipts, state) = (oldest("receipts"), oldest("state"));
    assert_eq!(oldest("logs"), receipts);
    assert_eq!(oldest("stateproofs"), state);
    assert!(receipts >= 10 && state >= 10, "{answer}");
    let kept = |what: &str| answer[what]["deleteStrategy"]["retentionBlocks"].clone();
    assert_eq!(
        (kept("receipts"), kept("state")),
        (json!("0x4"), json!("0x6"))
    );
    // It is true at the edges.
    let code = async |method: &str, params: Value| {
        call(&url, method, params).await["error"]["code"].clone()
    };
    let (at, below) = (format!("{receipts:#x}"), format!("{:#x}", receipts - 1));
    assert_eq!(code("eth_getBlockReceipts", json!([at])).await, Value::Null);
    assert_eq!(code("eth_getBlockReceipts", json!([below])).await, 4_444);
    let (at, below) = (format!("{state:#x}"), format!("{:#x}", state - 1));
    let rich = user(0).address();
    for method in ["eth_getBalance", "eth_getProof"] {
        let params = |tag: &str| match method {
            "eth_getProof" => json!([rich, [], tag]),
            _ => json!([rich, tag]),
        };
        assert_eq!(code(method, params(&at)).await, Value::Null, "{method}");
        assert_eq!(code(method, params(&below)).await, -32_000, "{method}");
    }
    driver.engine.shutdown().await;
}
