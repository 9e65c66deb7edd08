//! The stand-in before a chain that serves blobs by height, as anvil does.

use super::*;
use alloy_consensus::Header;
use alloy_eips::eip4844::kzg_to_versioned_hash;
use axum::{body::Bytes, extract::Request, http::Response, response::IntoResponse};

/// Times of the blocks: irregular, and two of them equal, as after a reorg of anvil.
const TIMES: [u64; 6] = [1_000, 1_003, 1_004, 1_004, 1_030, 1_031];

fn blob(height: u64) -> Box<Blob> {
    let mut blob = Box::new(Blob::ZERO);
    blob[1] = u8::try_from(height).unwrap();
    blob
}

fn block(number: usize) -> Option<Value> {
    let header = Header {
        number: number as u64,
        timestamp: *TIMES.get(number)?,
        ..Header::default()
    };
    let mut json = serde_json::to_value(&header).unwrap();
    json["hash"] = json!(header.hash_slow());
    json["transactions"] = json!([]);
    Some(json)
}

async fn rpc(body: Bytes) -> Json<Value> {
    let call: Value = serde_json::from_slice(&body).unwrap();
    let tag = call["params"][0].as_str().unwrap();
    let number = match tag {
        "latest" => TIMES.len() - 1,
        _ => usize::from_str_radix(tag.trim_start_matches("0x"), 16).unwrap(),
    };
    Json(json!({ "jsonrpc": "2.0", "id": call["id"], "result": block(number) }))
}

/// One blob in every block but the first, by height; nothing else.
async fn blobs_by_height(request: Request) -> Response<axum::body::Body> {
    let Some(height) = request.uri().path().strip_prefix("/eth/v1/beacon/blobs/") else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let height: u64 = height.parse().unwrap();
    let data = if height == 0 {
        vec![]
    } else {
        vec![hex::encode_prefixed(&blob(height)[..])]
    };
    Json(json!({ "data": data })).into_response()
}

async fn serve(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

async fn chain() -> (String, String) {
    let eth = serve(Router::new().fallback(rpc)).await;
    (eth, serve(Router::new().fallback(blobs_by_height)).await)
}

#[tokio::test]
async fn slots_are_seconds_since_block_0() {
    let (eth, beacon) = chain().await;
    let url = start(&eth, &beacon).await.unwrap();
    let client = BeaconClient::new(&url, &[]).unwrap();
    assert_eq!(client.spec().await.unwrap().seconds_per_slot, 1);
    assert_eq!(client.genesis().await.unwrap().genesis_time, 1_000);
    assert_eq!(client.head_slot().await.unwrap(), 31);
    for (slot, heights) in [
        (0, vec![]),
        (3, vec![1]),
        (4, vec![2, 3]),
        (30, vec![4]),
        (31, vec![5]),
    ] {
        let expected: Vec<_> = heights.into_iter().map(blob).collect();
        assert_eq!(
            client.blobs(0, slot, &[]).await.unwrap(),
            expected,
            "slot {slot}"
        );
    }
    for slot in [1, 5, 29, 32, u64::MAX] {
        let error = client.blobs(0, slot, &[]).await.unwrap_err();
        assert!(
            matches!(error, RpcError::Http { status: 404, .. }),
            "slot {slot}: {error}"
        );
    }
}

#[tokio::test]
async fn blobs_are_filtered_by_hash() {
    let (eth, beacon) = chain().await;
    let url = start(&eth, &beacon).await.unwrap();
    let client = BeaconClient::new(&url, &[]).unwrap();
    let hash = versioned_hash(&blob(3)).unwrap_or_else(|refusal| panic!("{}", refusal.1));
    assert_eq!(client.blobs(0, 4, &[hash]).await.unwrap(), [blob(3)]);
    assert!(client.blobs(0, 30, &[hash]).await.unwrap().is_empty());
}

#[tokio::test]
async fn sidecars_carry_commitments() {
    let (eth, beacon) = chain().await;
    let (eth, beacon) = (
        EthClient::new(&eth).unwrap(),
        BeaconClient::new(&beacon, &[]).unwrap(),
    );
    let shim = Arc::new(Shim {
        eth,
        beacon,
        genesis_time: 1_000,
    });
    let Json(answer) = blob_sidecars(
        State(shim),
        Path("4".to_owned()),
        RawQuery(Some("indices=1".to_owned())),
    )
    .await
    .unwrap_or_else(|refusal| panic!("{}", refusal.1));
    let sidecars = answer["data"].as_array().unwrap();
    assert_eq!(sidecars.len(), 1);
    assert_eq!(sidecars[0]["index"], "1");
    assert_eq!(sidecars[0]["signed_block_header"]["message"]["slot"], "4");
    let commitment = hex::decode(sidecars[0]["kzg_commitment"].as_str().unwrap()).unwrap();
    let settings = c_kzg::ethereum_kzg_settings(0);
    let again = c_kzg::Blob::from_bytes(&blob(3)[..]).unwrap();
    let again = settings.blob_to_kzg_commitment(&again).unwrap().to_bytes();
    assert_eq!(
        kzg_to_versioned_hash(&commitment),
        kzg_to_versioned_hash(again.as_slice())
    );
}

#[tokio::test]
async fn a_real_beacon_node_is_left_alone() {
    let spec = || async { Json(json!({ "data": { "SECONDS_PER_SLOT": "12" } })) };
    let url = serve(Router::new().route("/eth/v1/config/spec", get(spec))).await;
    assert_eq!(start("http://127.0.0.1:1", &url).await.unwrap(), url);
}

#[tokio::test]
async fn endpoints_that_do_not_answer_are_named() {
    let error = start("http://127.0.0.1:1", "http://127.0.0.1:2")
        .await
        .unwrap_err();
    assert!(error.to_string().contains("127.0.0.1:2"), "{error}");
    let (_, beacon) = chain().await;
    let error = start("http://127.0.0.1:1", &beacon).await.unwrap_err();
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
    assert!(start("localhost", &beacon).await.is_err());
}
