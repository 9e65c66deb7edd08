//! The Engine API beyond the usual way: payloads in any order, invalid ancestors, Ethereum's rules
//! over HTTP, and everything that may be wrong with a request.

use crate::{
    l1::{L1_CHAIN_ID, blob_transaction},
    world::{self, BLOCK_TIME, Driver, transfer_on, user},
};
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_primitives::{Address, B256};
use alloy_rpc_types_engine::PayloadStatusEnum;
use op_alloy_rpc_types_engine::{OpExecutionPayload, OpExecutionPayloadEnvelope};
use opal_engine::{ChainConfig, Engine, EngineConfig, JwtSecret};
use opal_protocol::Fork;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

/// The first blocks of a chain, as payloads.
async fn chain_of(blocks: usize) -> Vec<OpExecutionPayloadEnvelope> {
    let mut builder = Driver::karst().await;
    let mut payloads = Vec::new();
    for _ in 0..blocks {
        payloads.push(builder.build().await);
    }
    payloads
}

fn hash(payload: &OpExecutionPayloadEnvelope) -> B256 {
    payload.execution_payload.block_hash()
}

/// Gives a changed payload the hash that it now has.
fn rehash(payload: &mut OpExecutionPayloadEnvelope) {
    let OpExecutionPayload::V4(v4) = payload.execution_payload.clone() else {
        panic!("a payload of Karst");
    };
    let mut header = v4.into_block_raw().unwrap().header;
    header.parent_beacon_block_root = payload.parent_beacon_block_root;
    header.requests_hash = Some(EMPTY_REQUESTS_HASH);
    payload.execution_payload.as_v1_mut().block_hash = header.hash_slow();
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_wait_for_their_parent() {
    let payloads = chain_of(5).await;
    let mut follower = Driver::karst().await;
    for payload in payloads.iter().skip(1).rev() {
        let status = follower.api.new_payload(payload.clone()).await.unwrap();
        assert!(status.is_syncing(), "{status:?}");
        // Asking again changes nothing.
        let status = follower.api.new_payload(payload.clone()).await.unwrap();
        assert!(status.is_syncing(), "{status:?}");
    }
    let newest = hash(&payloads[4]);
    let waiting = follower.state(newest);
    let updated = follower
        .api
        .forkchoice_updated(waiting, None)
        .await
        .unwrap();
    assert!(updated.is_syncing(), "{updated:?}");
    assert_eq!(updated.payload_status.latest_valid_hash, None);
    assert_eq!(follower.engine.head().borrow().number, 0);
    // The missing one arrives: the others are judged, and the head moves to where it was wanted.
    let status = follower.api.new_payload(payloads[0].clone()).await.unwrap();
    assert!(status.is_valid(), "{status:?}");
    let mut head = follower.engine.head();
    let moved = head.wait_for(|head| head.hash == newest);
    tokio::time::timeout(Duration::from_secs(20), moved)
        .await
        .expect("the head moves")
        .unwrap();
    for payload in &payloads {
        let status = follower.api.new_payload(payload.clone()).await.unwrap();
        assert!(status.is_valid(), "{status:?}");
        assert_eq!(status.latest_valid_hash, Some(hash(payload)));
    }
    follower.set_head(newest).await;
    follower.build().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_choice_to_a_block_whose_parent_came_moves_at_once() {
    let payloads = chain_of(3).await;
    let mut follower = Driver::karst().await;
    for i in [2, 1] {
        let status = follower.api.new_payload(payloads[i].clone()).await.unwrap();
        assert!(status.is_syncing(), "{status:?}");
    }
    let status = follower.api.new_payload(payloads[0].clone()).await.unwrap();
    assert!(status.is_valid(), "{status:?}");
    follower.set_head(hash(&payloads[2])).await;
    assert_eq!(follower.number, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_descends_from_an_invalid_block_is_invalid() {
    let payloads = chain_of(4).await;
    let follower = Driver::karst().await;
    let status = follower.api.new_payload(payloads[0].clone()).await.unwrap();
    assert!(status.is_valid(), "{status:?}");
    let mut bad = payloads[1].clone();
    bad.execution_payload.as_v1_mut().state_root = B256::repeat_byte(1);
    rehash(&mut bad);
    let mut line = vec![bad];
    for payload in &payloads[2..] {
        let mut child = payload.clone();
        child.execution_payload.as_v1_mut().parent_hash = hash(line.last().unwrap());
        rehash(&mut child);
        line.push(child);
    }
    // The descendants come first and wait.
    for payload in line[1..].iter().rev() {
        let status = follower.api.new_payload(payload.clone()).await.unwrap();
        assert!(status.is_syncing(), "{status:?}");
    }
    for payload in &line {
        let status = follower.api.new_payload(payload.clone()).await.unwrap();
        assert!(
            matches!(status.status, PayloadStatusEnum::Invalid { .. }),
            "{status:?}"
        );
        assert_eq!(status.latest_valid_hash, Some(hash(&payloads[0])));
        let state = follower.state(hash(payload));
        let updated = follower.api.forkchoice_updated(state, None).await.unwrap();
        assert!(updated.is_invalid(), "{updated:?}");
        assert_eq!(
            updated.payload_status.latest_valid_hash,
            Some(hash(&payloads[0]))
        );
    }
    // A transaction that cannot be read makes a block invalid as any other fault does.
    let mut unreadable = payloads[1].clone();
    let v1 = unreadable.execution_payload.as_v1_mut();
    v1.transactions.push(vec![0x7d, 0xc0].into());
    rehash(&mut unreadable);
    let status = follower.api.new_payload(unreadable.clone()).await.unwrap();
    assert_eq!(status.latest_valid_hash, Some(hash(&payloads[0])));
    let mut child = payloads[2].clone();
    child.execution_payload.as_v1_mut().parent_hash = hash(&unreadable);
    rehash(&mut child);
    let status = follower.api.new_payload(child).await.unwrap();
    assert!(status.is_invalid(), "{status:?}");
    // The true chain goes on.
    for payload in &payloads[1..] {
        let status = follower.api.new_payload(payload.clone()).await.unwrap();
        assert!(status.is_valid(), "{status:?}");
    }
}

/// An engine behind HTTP, and who has its secret.
struct Served {
    engine: Engine,
    url: String,
    secret: JwtSecret,
}

impl Served {
    async fn start(config: EngineConfig) -> Self {
        let secret = JwtSecret::random();
        let config = EngineConfig {
            auth_addr: Some(([127, 0, 0, 1], 0).into()),
            jwt: Some(secret.clone()),
            ..config
        };
        let engine = Engine::start(config).await.unwrap();
        let url = engine.auth_url().unwrap();
        Self {
            engine,
            url,
            secret,
        }
    }

    async fn post(&self, body: String, authorization: Option<String>) -> (u16, String) {
        let mut request = reqwest::Client::new()
            .post(&self.url)
            .header("content-type", "application/json")
            .body(body);
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.text().await.unwrap())
    }

    /// Announces a body of `length` bytes and sends none of it: the first line of the answer.
    async fn announce(&self, length: usize, authorization: &str) -> String {
        let address = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST / HTTP/1.1\r\nhost: {address}\r\nauthorization: {authorization}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut line = String::new();
        let mut answer = BufReader::new(stream);
        answer.read_line(&mut line).await.unwrap();
        line
    }

    async fn call(&self, method: &str, params: Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let token = format!("Bearer {}", self.secret.token());
        let (_, answer) = self.post(body.to_string(), Some(token)).await;
        serde_json::from_str(&answer).unwrap_or(Value::String(answer))
    }

    async fn ask(&self, method: &str, params: Value) -> Value {
        let answer = self.call(method, params).await;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    async fn code(&self, method: &str, params: Value) -> Value {
        self.call(method, params).await["error"]["code"].clone()
    }
}

fn heads(head: impl serde::Serialize) -> Value {
    json!({
        "headBlockHash": head,
        "safeBlockHash": B256::ZERO,
        "finalizedBlockHash": B256::ZERO,
    })
}

fn l1_config() -> EngineConfig {
    let chain = ChainConfig::ethereum_dev(L1_CHAIN_ID);
    let genesis = world::genesis(&chain);
    EngineConfig::new(chain, genesis)
}

fn l1_attributes(number: u64) -> Value {
    json!({
        "timestamp": format!("{:#x}", world::GENESIS_TIME + 12 * number),
        "prevRandao": B256::repeat_byte(1),
        "suggestedFeeRecipient": Address::repeat_byte(2),
        "withdrawals": [{
            "index": "0x1", "validatorIndex": "0x2",
            "address": Address::repeat_byte(7), "amount": "0x3b9aca00",
        }],
        "parentBeaconBlockRoot": B256::repeat_byte(3),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consensus_layer_drives_a_chain_of_ethereum() {
    let builder = Served::start(l1_config()).await;
    let follower = Served::start(l1_config()).await;
    let genesis = builder.engine.genesis_hash();
    let blob = blob_transaction(&user(1), 0, true, 1_000_000_000);
    builder.engine.send_raw_transaction(blob).await.unwrap();
    let (mut head, mut known) = (json!(genesis), Vec::new());
    for number in 1..=3u64 {
        let tip = 1_000_000_000;
        let tx = transfer_on(L1_CHAIN_ID, &user(0), number - 1, Address::ZERO, tip);
        builder.engine.send_raw_transaction(tx).await.unwrap();
        let params = json!([heads(&head), l1_attributes(number)]);
        let updated = builder.ask("engine_forkchoiceUpdatedV3", params).await;
        assert_eq!(updated["payloadStatus"]["status"], "VALID", "{updated}");
        let id = updated["payloadId"].clone();
        assert_eq!(
            builder.code("engine_getPayloadV4", json!([id])).await,
            -38005
        );
        let fetched = builder.ask("engine_getPayloadV5", json!([id])).await;
        let payload = &fetched["executionPayload"];
        assert_eq!(payload.get("withdrawalsRoot"), None);
        let bundle = &fetched["blobsBundle"];
        let blobs = if number == 1 { 1 } else { 0 };
        assert_eq!(bundle["blobs"].as_array().unwrap().len(), blobs);
        assert_eq!(bundle["proofs"].as_array().unwrap().len(), blobs * 128);
        let hashes: Vec<B256> = bundle["commitments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| {
                let bytes: alloy_primitives::Bytes = serde_json::from_value(c.clone()).unwrap();
                alloy_eips::eip4844::kzg_to_versioned_hash(&bytes)
            })
            .collect();
        let transactions = payload["transactions"].as_array().unwrap().len();
        assert_eq!(transactions, 1 + blobs, "{payload}");
        let root = B256::repeat_byte(3);
        let requests = &fetched["executionRequests"];
        let good = json!([payload, hashes, root, requests]);
        let mut more = hashes.clone();
        more.push(B256::repeat_byte(1));
        for (what, params) in [
            (
                "expectedBlobVersionedHashes",
                json!([payload, more, root, requests]),
            ),
            ("blockHash", json!([payload, hashes, B256::ZERO, requests])),
            ("blockHash", json!([payload, hashes, root, ["0x0011"]])),
        ] {
            let status = follower.ask("engine_newPayloadV4", params).await;
            assert_eq!(status["status"], "INVALID", "{what}: {status}");
            assert_eq!(status["latestValidHash"], Value::Null, "{what}");
            let text = status["validationError"].as_str().unwrap();
            assert!(text.contains(what), "{text}");
        }
        for requests in [json!(["0x00"]), json!(["0x"]), json!(["0x0111", "0x0011"])] {
            let params = json!([payload, hashes, root, requests]);
            assert_eq!(follower.code("engine_newPayloadV4", params).await, -32602);
        }
        let params = json!([payload, hashes, root]);
        assert_eq!(follower.code("engine_newPayloadV3", params).await, -38005);
        for engine in [&follower, &builder] {
            let status = engine.ask("engine_newPayloadV4", good.clone()).await;
            assert_eq!(status["status"], "VALID", "{status}");
        }
        head = payload["blockHash"].clone();
        known.push(head.clone());
        let params = json!([heads(&head), null]);
        let updated = follower.ask("engine_forkchoiceUpdatedV3", params).await;
        assert_eq!(updated["payloadStatus"]["status"], "VALID", "{updated}");
        let balance = json!([Address::repeat_byte(7), "latest"]);
        let balance = follower.ask("eth_getBalance", balance).await;
        let gwei = 1_000_000_000u128;
        assert_eq!(balance, format!("{:#x}", u128::from(number) * gwei * gwei));
    }
    // Unlike on L2, the head does not go back, and nothing is built below it.
    let params = json!([heads(&known[0]), l1_attributes(9)]);
    let updated = follower.ask("engine_forkchoiceUpdatedV3", params).await;
    assert_eq!(updated["payloadStatus"]["status"], "VALID");
    assert_eq!(updated["payloadId"], Value::Null);
    assert_eq!(follower.engine.head().borrow().number, 3);
    // What only L2 has.
    let mut attributes = l1_attributes(9);
    attributes["gasLimit"] = json!("0x1000000");
    let params = json!([heads(&head), attributes]);
    assert_eq!(
        follower.code("engine_forkchoiceUpdatedV3", params).await,
        -38003
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_limited_and_calls_have_their_codes() {
    let served = Served::start(world::config(Fork::Karst)).await;
    let hashes = vec![B256::ZERO; 1_025];
    let by_hash = "engine_getPayloadBodiesByHashV1";
    assert_eq!(served.code(by_hash, json!([hashes])).await, -38004);
    let nothing = served.ask(by_hash, json!([&hashes[1..]])).await;
    assert_eq!(nothing.as_array().unwrap().len(), 1_024);
    let by_range = "engine_getPayloadBodiesByRangeV1";
    assert_eq!(served.code(by_range, json!(["0x1", "0x401"])).await, -38004);
    assert_eq!(served.code(by_range, json!(["0x0", "0x1"])).await, -32602);
    assert_eq!(served.code(by_range, json!(["0x1", "0x0"])).await, -32602);
    assert_eq!(
        served.ask(by_range, json!(["0x1", "0x400"])).await,
        json!([])
    );
    let far = json!([format!("{:#x}", u64::MAX), "0x400"]);
    assert_eq!(served.ask(by_range, far).await, json!([]));

    let genesis = served.engine.genesis_hash();
    let forkchoice = "engine_forkchoiceUpdatedV3";
    let mut state = heads(genesis);
    state["safeBlockHash"] = json!(B256::repeat_byte(1));
    assert_eq!(served.code(forkchoice, json!([state])).await, -38002);
    let zero = served.ask(forkchoice, json!([heads(B256::ZERO)])).await;
    assert_eq!(zero["payloadStatus"]["status"], "INVALID");
    let unknown = json!([heads(B256::repeat_byte(5))]);
    let unknown = served.ask(forkchoice, unknown).await;
    assert_eq!(unknown["payloadStatus"]["status"], "SYNCING");
    assert_eq!(
        served.code("engine_getPayloadV5", json!(["0x0312"])).await,
        -32602
    );
    let id = json!(["0x0312345678901234"]);
    assert_eq!(served.code("engine_getPayloadV5", id).await, -38001);
    assert_eq!(served.code("engine_newPayloadV9", json!([])).await, -32601);
    assert_eq!(served.code("engine_newPayloadV4", json!([])).await, -32602);
    let version = served.ask("engine_getClientVersionV1", json!([])).await;
    assert_eq!(version[0]["code"].as_str().unwrap().len(), 2);
    let offered = served.ask("engine_exchangeCapabilities", json!([[]])).await;
    let offered = offered.as_array().unwrap();
    assert_eq!(offered.len(), 16);
    for method in offered {
        let method = method.as_str().unwrap();
        let code = served.code(method, json!(["nonsense"])).await;
        assert_ne!(code, -32601, "{method} is offered but does not exist");
    }
}

/// A token with any header and claims, signed with any key by HMAC-SHA256.
fn jwt(header: &str, claims: &str, key: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    let parts = format!(
        "{}.{}",
        base64(header.as_bytes()),
        base64(claims.as_bytes())
    );
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::new()
        .chain_update(block.map(|b| b ^ 0x36))
        .chain_update(parts.as_bytes())
        .finalize();
    let outer = Sha256::new()
        .chain_update(block.map(|b| b ^ 0x5c))
        .chain_update(inner)
        .finalize();
    format!("{parts}.{}", base64(&outer))
}

/// Base 64 as URLs have it, without padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let n = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for i in 0..=chunk.len() {
            let digit = (n >> (18 - 6 * i)) & 63;
            out.push(char::from(DIGITS[digit as usize]));
        }
    }
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn only_fresh_tokens_of_the_secret_are_let_in() {
    let served = Served::start(world::config(Fork::Karst)).await;
    let key = alloy_primitives::hex::decode(served.secret.to_hex()).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = now.as_secs();
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_chainId" }).to_string();
    let hs256 = r#"{"alg":"HS256","typ":"JWT"}"#;
    let claims = |iat: u64| format!(r#"{{"iat":{iat}}}"#);
    let good = jwt(hs256, &claims(now), &key);
    let bearer = |token: &str| format!("Bearer {token}");
    let unsigned = good.rsplit_once('.').unwrap().0;
    let table = [
        (200, "good", bearer(&good)),
        (200, "used again", bearer(&good)),
        (
            200,
            "more claims",
            bearer(&jwt(hs256, &format!(r#"{{"iat":{now},"id":"x"}}"#), &key)),
        ),
        (
            401,
            "other secret",
            bearer(&jwt(hs256, &claims(now), &[7; 32])),
        ),
        (401, "too old", bearer(&jwt(hs256, &claims(now - 61), &key))),
        (
            401,
            "far ahead",
            bearer(&jwt(hs256, &claims(now + 120), &key)),
        ),
        (401, "no time", bearer(&jwt(hs256, "{}", &key))),
        (
            401,
            "time is text",
            bearer(&jwt(hs256, r#"{"iat":"now"}"#, &key)),
        ),
        (
            401,
            "no algorithm",
            bearer(&jwt(r#"{"alg":"none"}"#, &claims(now), &key)),
        ),
        (
            401,
            "other algorithm",
            bearer(&jwt(r#"{"alg":"HS512"}"#, &claims(now), &key)),
        ),
        (401, "unsigned", bearer(&format!("{unsigned}."))),
        (401, "two parts", bearer(unsigned)),
        (
            401,
            "header is no JSON",
            bearer(&jwt("{", &claims(now), &key)),
        ),
        (401, "garbage", bearer("\u{7f}nonsense....")),
        (401, "other scheme", format!("Basic {good}")),
        (401, "no scheme", good.clone()),
        (401, "empty", String::new()),
    ];
    for (wanted, what, authorization) in table {
        let Ok(_) = reqwest::header::HeaderValue::from_str(&authorization) else {
            continue;
        };
        let (status, body) = served.post(request.clone(), Some(authorization)).await;
        assert_eq!(status, wanted, "{what}: {body}");
    }
    assert_eq!(served.post(request, None).await.0, 401);
    // Bodies that are no request, by who has the secret.
    let token = || Some(bearer(&served.secret.token()));
    for body in [
        "",
        "{",
        "[",
        "nonsense",
        "\u{0}",
        r#"{"jsonrpc":"2.0"}"#,
        "[1,2]",
        "[[]]",
    ] {
        let (status, answer) = served.post(body.to_owned(), token()).await;
        assert!(status < 500, "{body}: {status} {answer}");
        assert!(answer.contains("error"), "{body}: {answer}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(served.post(deep, token()).await.1.contains("error"));
    let answer = served.announce((128 << 20) + 1, &token().unwrap()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert_eq!(served.ask("eth_chainId", json!([])).await, json!("0x385"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_head_goes_back_to_an_ancestor_and_builds_there() {
    let mut driver = Driver::karst().await;
    for _ in 0..3 {
        driver.build().await;
    }
    let block = driver.api.block(opal_rpc::BlockTag::Number(1)).await;
    let first = block.unwrap().unwrap();
    let attributes = world::attributes(Fork::Karst, 9, first.header.timestamp + BLOCK_TIME, true);
    let state = driver.state(first.hash);
    let updated = driver.api.forkchoice_updated(state, Some(attributes)).await;
    let id = updated
        .unwrap()
        .payload_id
        .expect("a payload on the ancestor");
    assert_eq!(driver.engine.head().borrow().number, 1);
    let timestamp = first.header.timestamp + BLOCK_TIME;
    let payload = driver.api.get_payload(id, timestamp).await.unwrap();
    assert_eq!(payload.execution_payload.parent_hash(), first.hash);
    driver.insert(&payload).await;
    assert_eq!(driver.number, 2);
}
