use crate::{
    eth::quick,
    server::{Reply, Server},
};
use alloy_eips::eip4844::kzg_to_versioned_hash;
use alloy_primitives::{B256, hex};
use opal_rpc::{BeaconClient, EthOptions, RpcError};
use serde_json::{Value, json};

const BLOB_BYTES: usize = 131_072;

fn blob_hex(byte: u8) -> String {
    hex::encode_prefixed(vec![byte; BLOB_BYTES])
}

fn large() -> EthOptions {
    EthOptions {
        response_bytes_max: 8 << 20,
        ..quick()
    }
}

async fn beacon(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> (BeaconClient, Server) {
    let server = Server::start(move |ask| answer(&ask.path)).await;
    // A base path and a key in the query belong to the endpoint.
    let url = format!("{}/base/?key=1", server.url);
    (
        BeaconClient::with_options(&url, &[], large()).unwrap(),
        server,
    )
}

fn not_found() -> Reply {
    Reply::Raw(
        404,
        vec![],
        b"{\"code\":404,\"message\":\"nothing here\"}".to_vec(),
    )
}

#[tokio::test]
async fn slot_times_are_read() {
    let (client, server) = beacon(|path| match path {
        "/base/eth/v1/config/spec" => Reply::Json(json!({"data": {
            "SECONDS_PER_SLOT": "12", "DEPOSIT_CHAIN_ID": "1", "BLOB_SCHEDULE": []}})),
        "/base/eth/v1/beacon/genesis" => {
            Reply::Json(json!({"data": {"genesis_time": "1606824023"}}))
        }
        "/base/eth/v1/beacon/headers/head" => {
            Reply::Json(json!({"data": {"header": {"message": {"slot": "42"}}}}))
        }
        _ => not_found(),
    })
    .await;
    assert_eq!(client.spec().await.unwrap().seconds_per_slot, 12);
    assert_eq!(client.genesis().await.unwrap().genesis_time, 1_606_824_023);
    assert_eq!(client.head_slot().await.unwrap(), 42);
    assert!(server.asked().iter().all(|ask| ask.query == "key=1"));
}

#[tokio::test]
async fn a_spec_without_slot_time_is_an_error() {
    for data in [
        json!({}),
        json!({"SECONDS_PER_SLOT": "0"}),
        json!({"SECONDS_PER_SLOT": "x"}),
        Value::Null,
    ] {
        let (client, _server) = beacon(move |_| Reply::Json(json!({"data": data}))).await;
        let error = client.spec().await.unwrap_err();
        assert!(matches!(error, RpcError::Malformed { .. }), "{error}");
    }
    let (client, _server) =
        beacon(|_| Reply::Json(json!({"data": {"SLOT_DURATION_MS": "6000"}}))).await;
    assert_eq!(client.spec().await.unwrap().seconds_per_slot, 6);
}

#[tokio::test]
async fn blobs_are_asked_for_by_hash() {
    let (client, server) =
        beacon(|_| Reply::Json(json!({"data": [blob_hex(1), blob_hex(2)]}))).await;
    let hashes = [B256::repeat_byte(1), B256::repeat_byte(2)];
    let blobs = client.blobs(0, 9, &hashes).await.unwrap();
    assert_eq!((blobs[0][0], blobs[1][BLOB_BYTES - 1]), (1, 2));
    let ask = &server.asked()[0];
    assert_eq!(ask.path, "/base/eth/v1/beacon/blobs/9");
    let expected = format!(
        "key=1&versioned_hashes={}&versioned_hashes={}",
        hashes[0], hashes[1]
    );
    assert_eq!(ask.query, expected);
}

#[tokio::test]
async fn servers_that_heed_one_hash_only_are_asked_for_the_slot() {
    let server = Server::start(|ask| {
        let all = [blob_hex(1), blob_hex(2), blob_hex(3)];
        let count = if ask.query.is_empty() { 3 } else { 1 };
        Reply::Json(json!({"data": all[..count]}))
    })
    .await;
    let client = BeaconClient::with_options(&server.url, &[], large()).unwrap();
    let hashes = [B256::repeat_byte(1), B256::repeat_byte(2)];
    assert_eq!(client.blobs(0, 9, &hashes).await.unwrap().len(), 3);
    assert_eq!(server.asked().len(), 2);
    assert_eq!(client.blobs(0, 9, &hashes[..1]).await.unwrap().len(), 1);
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn older_nodes_are_asked_for_sidecars() {
    for new_path in [not_found as fn() -> Reply, || {
        Reply::Json(json!({"data": []}))
    }] {
        let sidecar = |byte: u8| {
            json!({"index": "0", "blob": blob_hex(byte),
                "kzg_commitment": hex::encode_prefixed([byte; 48]), "kzg_proof": "0x"})
        };
        let (client, _server) = beacon(move |path| match path {
            "/base/eth/v1/beacon/blob_sidecars/9" => {
                Reply::Json(json!({"data": [sidecar(1), sidecar(2)]}))
            }
            _ => new_path(),
        })
        .await;
        let blobs = client
            .blobs(0, 9, &[kzg_to_versioned_hash(&[2; 48])])
            .await
            .unwrap();
        assert_eq!(blobs.len(), 1);
        assert_eq!(blobs[0][0], 2);
    }
}

#[tokio::test]
async fn absence_is_no_blobs_or_the_answer_of_the_newer_path() {
    let (client, _server) = beacon(|path| {
        if path.contains("sidecars") {
            Reply::Raw(410, vec![], b"gone".to_vec())
        } else {
            Reply::Json(json!({"data": []}))
        }
    })
    .await;
    assert!(client.blobs(0, 9, &[B256::ZERO]).await.unwrap().is_empty());

    let (client, _server) = beacon(|path| {
        let status = if path.contains("sidecars") { 410 } else { 404 };
        Reply::Raw(status, vec![], vec![])
    })
    .await;
    let error = client.blobs(0, 9, &[B256::ZERO]).await.unwrap_err();
    assert!(
        matches!(error, RpcError::Http { status: 404, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn hostile_blobs_are_refused() {
    let short = hex::encode_prefixed([1; 100]);
    for data in [
        json!([short]),
        json!(["0xzz"]),
        json!("0x"),
        json!([1, 2]),
        Value::Null,
    ] {
        let (client, _server) = beacon(move |path| {
            if path.contains("sidecars") {
                not_found()
            } else {
                Reply::Json(json!({"data": data}))
            }
        })
        .await;
        let error = client.blobs(0, 9, &[B256::ZERO]).await.unwrap_err();
        assert!(matches!(error, RpcError::Malformed { .. }), "{error}");
    }
}

#[tokio::test]
async fn an_unreachable_beacon_is_told_apart_from_an_empty_one() {
    let client = BeaconClient::with_options(
        "http://127.0.0.1:1",
        &["http://127.0.0.1:2".to_owned()],
        quick(),
    )
    .unwrap();
    let endpoints: Vec<_> = client.endpoints().map(str::to_owned).collect();
    assert_eq!(endpoints, ["http://127.0.0.1:1", "http://127.0.0.1:2"]);
    for index in 0..2 {
        let error = client.blobs(index, 9, &[B256::ZERO]).await.unwrap_err();
        assert!(matches!(error, RpcError::Unreachable { .. }), "{error}");
    }
    assert!(client.blobs(2, 9, &[]).await.is_err());
}
