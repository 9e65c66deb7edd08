use crate::server::{Reply, Server, json_rpc};
use alloy_consensus::Header;
use alloy_primitives::{Address, B64, B256, Bloom, Bytes, U256, address, keccak256};
use alloy_rpc_types_engine::{
    ExecutionPayloadV1, ExecutionPayloadV2, ExecutionPayloadV3, ForkchoiceState, PayloadAttributes,
    PayloadId, PayloadStatusEnum,
};
use alloy_trie::{HashBuilder, Nibbles, TrieAccount, proof::ProofRetainer};
use op_alloy_rpc_types_engine::{
    OpExecutionPayload, OpExecutionPayloadEnvelope, OpExecutionPayloadV4, OpPayloadAttributes,
};
use opal_protocol::{Fork, ForkTimes, RollupConfig};
use opal_rpc::{BlockTag, EngineApi, EngineError, HttpEngine, JwtSecret};
use serde_json::{Value, json};
use std::sync::Arc;

const MESSAGE_PASSER: Address = address!("4200000000000000000000000000000000000016");

/// Forks at their position in [`Fork::ALL`] times ten: Canyon 20, Ecotone 40, Isthmus 80, …
fn config() -> Arc<RollupConfig> {
    let mut forks = ForkTimes::default();
    for (index, fork) in Fork::ALL.into_iter().enumerate() {
        forks.set(fork, Some(10 * index as u64));
    }
    Arc::new(RollupConfig {
        forks,
        l2_chain_id: 901,
        ..RollupConfig::default()
    })
}

struct World {
    server: Server,
    engine: HttpEngine,
}

/// An engine that takes our token and answers calls by `result`.
async fn world(
    result: impl Fn(&str, &Value) -> Result<Value, Value> + Send + Sync + 'static,
) -> World {
    let jwt = JwtSecret::random();
    let secret = jwt.clone();
    let server = Server::start(
        move |ask| match secret.verify(ask.authorization.as_deref()) {
            Ok(()) => json_rpc(&ask.body, &result),
            Err(e) => Reply::Raw(401, vec![], e.to_string().into_bytes()),
        },
    )
    .await;
    let engine = HttpEngine::new(&server.url, jwt, config()).unwrap();
    World { server, engine }
}

fn payload_v1(timestamp: u64) -> ExecutionPayloadV1 {
    ExecutionPayloadV1 {
        parent_hash: B256::repeat_byte(1),
        fee_recipient: Address::repeat_byte(2),
        state_root: B256::repeat_byte(3),
        receipts_root: B256::repeat_byte(4),
        logs_bloom: Bloom::ZERO,
        prev_randao: B256::repeat_byte(5),
        block_number: 6,
        gas_limit: 30_000_000,
        gas_used: 7,
        timestamp,
        extra_data: Bytes::from_static(b"extra"),
        base_fee_per_gas: U256::from(8),
        block_hash: B256::repeat_byte(9),
        transactions: vec![Bytes::from_static(&[0x7e, 1])],
    }
}

/// A payload of the shape that is due at `timestamp`.
fn envelope(timestamp: u64) -> OpExecutionPayloadEnvelope {
    let v1 = payload_v1(timestamp);
    let v2 = ExecutionPayloadV2 {
        payload_inner: v1.clone(),
        withdrawals: vec![],
    };
    let v3 = ExecutionPayloadV3 {
        payload_inner: v2.clone(),
        blob_gas_used: 0,
        excess_blob_gas: 0,
    };
    let (execution_payload, rooted) = match timestamp {
        0..20 => (OpExecutionPayload::V1(v1), false),
        20..40 => (OpExecutionPayload::V2(v2), false),
        40..80 => (OpExecutionPayload::V3(v3), true),
        _ => {
            let withdrawals_root = B256::repeat_byte(10);
            (
                OpExecutionPayload::V4(OpExecutionPayloadV4 {
                    payload_inner: v3,
                    withdrawals_root,
                }),
                true,
            )
        }
    };
    let parent_beacon_block_root = rooted.then(|| B256::repeat_byte(11));
    OpExecutionPayloadEnvelope {
        parent_beacon_block_root,
        execution_payload,
    }
}

fn attributes(timestamp: u64) -> OpPayloadAttributes {
    OpPayloadAttributes {
        payload_attributes: PayloadAttributes {
            timestamp,
            withdrawals: Some(vec![]),
            ..PayloadAttributes::default()
        },
        transactions: Some(vec![]),
        no_tx_pool: Some(true),
        gas_limit: Some(30_000_000),
        eip_1559_params: Some(B64::ZERO),
        min_base_fee: Some(1),
    }
}

#[tokio::test]
async fn fork_choice_versions_follow_the_attributes() {
    let world = world(|_, _| {
        Ok(json!({"payloadStatus": {"status": "VALID", "latestValidHash": B256::ZERO, "validationError": null},
            "payloadId": "0x0102030405060708"}))
    })
    .await;
    let state = ForkchoiceState::default();
    for at in [None, Some(39), Some(40), Some(100)] {
        let answer = world
            .engine
            .forkchoice_updated(state, at.map(attributes))
            .await
            .unwrap();
        assert_eq!(
            answer.payload_id,
            Some(PayloadId::new([1, 2, 3, 4, 5, 6, 7, 8]))
        );
    }
    let (v2, v3) = ("engine_forkchoiceUpdatedV2", "engine_forkchoiceUpdatedV3");
    assert_eq!(world.server.methods(), [v3, v2, v3, v3]);
    let sent = &world.server.asked()[3].body["params"];
    assert_eq!(sent[0]["headBlockHash"], json!(B256::ZERO));
    assert_eq!(sent[1]["timestamp"], "0x64");
    assert_eq!(sent[1]["gasLimit"], "0x1c9c380");
    assert_eq!(sent[1]["eip1559Params"], "0x0000000000000000");
    assert_eq!(sent[1]["noTxPool"], true);
    assert!(world.server.asked()[0].body["params"][1].is_null());
}

#[tokio::test]
async fn payloads_come_by_the_method_of_their_fork() {
    let times = [0, 20, 40, 80, 90, 100];
    for time in times {
        let built = envelope(time);
        let mut answer = json!({
            "executionPayload": serde_json::to_value(&built.execution_payload).unwrap(),
            "blockValue": "0x0",
        });
        if let Some(root) = built.parent_beacon_block_root {
            answer["parentBeaconBlockRoot"] = json!(root);
            answer["blobsBundle"] = json!({"commitments": [], "proofs": [], "blobs": []});
            answer["shouldOverrideBuilder"] = json!(false);
        }
        let world = world(move |_, _| Ok(answer.clone())).await;
        let got = world
            .engine
            .get_payload(PayloadId::new([7; 8]), time)
            .await
            .unwrap();
        assert_eq!(got, built, "at {time}");
        let method = match time {
            0 | 20 => "engine_getPayloadV2",
            40 => "engine_getPayloadV3",
            80 | 90 => "engine_getPayloadV4",
            _ => "engine_getPayloadV5",
        };
        assert_eq!(world.server.methods(), [method]);
        assert_eq!(
            world.server.asked()[0].body["params"],
            json!(["0x0707070707070707"])
        );
    }
}

#[tokio::test]
async fn new_payloads_go_by_the_method_of_their_fork() {
    let world = world(|_, _| {
        Ok(json!({"status": "INVALID", "validationError": "no", "latestValidHash": null}))
    })
    .await;
    let mut seen = Vec::new();
    for time in [0, 20, 40, 80, 100] {
        let status = world.engine.new_payload(envelope(time)).await.unwrap();
        assert!(matches!(status.status, PayloadStatusEnum::Invalid { .. }));
        let body = world.server.asked().pop().unwrap().body;
        let params = body["params"].as_array().unwrap().clone();
        seen.push((body["method"].as_str().unwrap().to_owned(), params.len()));
        assert_eq!(params[0]["withdrawalsRoot"].is_string(), time >= 80);
        assert_eq!(params[0]["withdrawals"].is_array(), time >= 20);
        if time >= 40 {
            assert_eq!(params[1], json!([]));
            assert_eq!(params[2], json!(B256::repeat_byte(11)));
        }
        if time >= 80 {
            assert_eq!(params[3], json!([]));
        }
    }
    let expected = [
        ("engine_newPayloadV2", 1),
        ("engine_newPayloadV2", 1),
        ("engine_newPayloadV3", 3),
        ("engine_newPayloadV4", 4),
        ("engine_newPayloadV4", 4),
    ];
    assert_eq!(
        seen,
        expected.map(|(method, count)| (method.to_owned(), count))
    );

    let mut rootless = envelope(40);
    rootless.parent_beacon_block_root = None;
    let error = world.engine.new_payload(rootless).await.unwrap_err();
    assert!(matches!(error, EngineError::Rpc { code: -32602, .. }));
}

#[tokio::test]
async fn a_wrong_secret_is_told_apart() {
    let secret = JwtSecret::random();
    let server = Server::start(
        move |ask| match secret.verify(ask.authorization.as_deref()) {
            Ok(()) => Reply::Json(json!({})),
            Err(e) => Reply::Raw(401, vec![], e.to_string().into_bytes()),
        },
    )
    .await;
    let engine = HttpEngine::new(&server.url, JwtSecret::random(), config()).unwrap();
    let error = engine.block(BlockTag::Latest).await.unwrap_err();
    assert!(
        matches!(&error, EngineError::Unauthorized(text) if text.contains("InvalidSignature")),
        "{error}"
    );
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn transport_and_engine_errors_are_told_apart() {
    let engine = HttpEngine::new("http://127.0.0.1:1", JwtSecret::random(), config()).unwrap();
    let error = engine.block(BlockTag::Latest).await.unwrap_err();
    assert!(matches!(error, EngineError::Unreachable(_)), "{error}");

    let world = world(|_, _| Err(json!({"code": -38005, "message": "Unsupported fork"}))).await;
    let error = world
        .engine
        .get_payload(PayloadId::new([0; 8]), 100)
        .await
        .unwrap_err();
    assert!(
        matches!(error, EngineError::Rpc { code: -38005, .. }),
        "{error}"
    );
    assert_eq!(
        world.server.asked().len(),
        1,
        "the caller decides about repetitions"
    );
}

fn rpc_header(header: &Header) -> Value {
    let mut block = serde_json::to_value(header).unwrap();
    block["hash"] = json!(header.hash_slow());
    block["transactions"] = json!([]);
    block
}

#[tokio::test]
async fn blocks_must_fit_their_hash() {
    let header = Header {
        number: 3,
        timestamp: 50,
        ..Header::default()
    };
    let hash = header.hash_slow();
    let mut tampered = rpc_header(&Header {
        gas_used: 1,
        ..header.clone()
    });
    tampered["hash"] = json!(hash);
    let good = rpc_header(&header);
    let world = world(move |_, params| match params[0].as_str() {
        Some("latest" | "0x3") => Ok(good.clone()),
        Some("0x4") => Ok(tampered.clone()),
        Some("safe") => Err(json!({"code": -39001, "message": "unknown block"})),
        Some("finalized") => Err(json!({"code": -32000, "message": "finalized block not found"})),
        Some("0x5") => Ok(Value::Null),
        // Whatever hash is asked for, it is this block.
        _ => Ok(good.clone()),
    })
    .await;
    let block = world.engine.block(BlockTag::Latest).await.unwrap().unwrap();
    assert_eq!((block.hash, block.header), (hash, header));
    assert!(
        world
            .engine
            .block(BlockTag::Hash(hash))
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        world
            .engine
            .block(BlockTag::Hash(B256::repeat_byte(1)))
            .await
            .is_err()
    );
    assert!(world.engine.block(BlockTag::Number(4)).await.is_err());
    assert!(
        world
            .engine
            .block(BlockTag::Number(5))
            .await
            .unwrap()
            .is_none()
    );
    assert!(world.engine.block(BlockTag::Safe).await.unwrap().is_none());
    assert!(
        world
            .engine
            .block(BlockTag::Finalized)
            .await
            .unwrap()
            .is_none()
    );
}

/// A state of one account: its root and the proof of any other account or of itself.
fn state_with(account: Address, leaf: &TrieAccount, target: Address) -> (B256, Vec<Bytes>) {
    let key = |account: Address| Nibbles::unpack(keccak256(account));
    let retainer = ProofRetainer::new(vec![key(target)]);
    let mut builder = HashBuilder::default().with_proof_retainer(retainer);
    builder.add_leaf(key(account), &alloy_rlp::encode(leaf));
    let root = builder.root();
    let nodes = builder.take_proof_nodes().into_nodes_sorted();
    (root, nodes.into_iter().map(|(_, node)| node).collect())
}

#[tokio::test]
async fn storage_roots_are_proven() {
    let leaf = TrieAccount {
        nonce: 1,
        balance: U256::from(2),
        storage_root: B256::repeat_byte(3),
        code_hash: B256::repeat_byte(4),
    };
    let (state_root, proof) = state_with(MESSAGE_PASSER, &leaf, MESSAGE_PASSER);
    let header = Header {
        timestamp: 50,
        state_root,
        ..Header::default()
    };
    let (hash, block) = (header.hash_slow(), rpc_header(&header));
    let serve = move |storage_hash: B256| {
        let (block, proof) = (block.clone(), proof.clone());
        world(move |method, _| {
            Ok(if method == "eth_getProof" {
                json!({"address": MESSAGE_PASSER, "balance": "0x2", "nonce": "0x1",
                    "codeHash": B256::repeat_byte(4), "storageHash": storage_hash,
                    "accountProof": proof, "storageProof": []})
            } else {
                block.clone()
            })
        })
    };
    let honest = serve(leaf.storage_root).await;
    assert_eq!(
        honest
            .engine
            .storage_root(MESSAGE_PASSER, hash)
            .await
            .unwrap(),
        leaf.storage_root
    );
    let liar = serve(B256::repeat_byte(5)).await;
    let error = liar
        .engine
        .storage_root(MESSAGE_PASSER, hash)
        .await
        .unwrap_err();
    assert!(matches!(error, EngineError::Unreachable(_)), "{error}");
}

#[tokio::test]
async fn absent_accounts_have_the_empty_root() {
    let other = Address::repeat_byte(1);
    let leaf = TrieAccount {
        nonce: 1,
        ..TrieAccount::default()
    };
    let (state_root, proof) = state_with(other, &leaf, MESSAGE_PASSER);
    let header = Header {
        timestamp: 50,
        state_root,
        ..Header::default()
    };
    let (hash, block) = (header.hash_slow(), rpc_header(&header));
    let world = world(move |method, _| {
        Ok(if method == "eth_getProof" {
            json!({"address": MESSAGE_PASSER, "balance": "0x0", "nonce": "0x0",
                "codeHash": B256::ZERO, "storageHash": B256::ZERO, "accountProof": proof,
                "storageProof": []})
        } else {
            block.clone()
        })
    })
    .await;
    let root = world
        .engine
        .storage_root(MESSAGE_PASSER, hash)
        .await
        .unwrap();
    assert_eq!(root, alloy_trie::EMPTY_ROOT_HASH);
}

#[tokio::test]
async fn since_isthmus_the_header_tells_the_message_passers_root() {
    let header = Header {
        timestamp: 80,
        withdrawals_root: Some(B256::repeat_byte(8)),
        ..Header::default()
    };
    let (hash, block) = (header.hash_slow(), rpc_header(&header));
    let world = world(move |_, _| Ok(block.clone())).await;
    let root = world
        .engine
        .storage_root(MESSAGE_PASSER, hash)
        .await
        .unwrap();
    assert_eq!(root, B256::repeat_byte(8));
    assert_eq!(world.server.methods(), ["eth_getBlockByHash"]);
}
