use crate::{eth::quick, server::Server};
use alloy_primitives::B256;
use opal_protocol::{L1Id, L1Ref, L2Ref};
use opal_rpc::{RollupClient, RpcError, SyncStatus};
use serde_json::{Value, json};

fn status() -> SyncStatus {
    let l1 = |number| L1Ref {
        hash: B256::repeat_byte(1),
        number,
        ..L1Ref::default()
    };
    let l2 = |number| L2Ref {
        number,
        time: 2 * number,
        l1_origin: L1Id {
            hash: B256::repeat_byte(3),
            number: 4,
        },
        seq_num: 5,
        ..L2Ref::default()
    };
    SyncStatus {
        current_l1: l1(10),
        head_l1: l1(12),
        safe_l1: l1(8),
        finalized_l1: l1(6),
        unsafe_l2: l2(30),
        safe_l2: l2(20),
        finalized_l2: l2(10),
        ..SyncStatus::default()
    }
}

#[test]
fn sync_status_has_the_field_names_of_the_spec() {
    let json = serde_json::to_value(status()).unwrap();
    let keys: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
    let mut expected = [
        "current_l1",
        "current_l1_finalized",
        "head_l1",
        "safe_l1",
        "finalized_l1",
        "unsafe_l2",
        "safe_l2",
        "finalized_l2",
        "pending_safe_l2",
        "cross_unsafe_l2",
        "local_safe_l2",
        "queued_unsafe_l2",
    ];
    expected.sort_unstable();
    let mut keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, expected);
    assert_eq!(json["unsafe_l2"]["l1origin"]["number"], 4);
    assert_eq!(json["unsafe_l2"]["sequenceNumber"], 5);
    assert_eq!(json["unsafe_l2"]["timestamp"], 60);
    assert_eq!(
        serde_json::from_value::<SyncStatus>(json).unwrap(),
        status()
    );
}

#[tokio::test]
async fn nodes_may_know_fewer_heads() {
    let mut json = serde_json::to_value(status()).unwrap();
    for key in [
        "current_l1_finalized",
        "pending_safe_l2",
        "cross_unsafe_l2",
        "local_safe_l2",
        "queued_unsafe_l2",
    ] {
        json.as_object_mut().unwrap().remove(key);
    }
    json["something_new"] = json!(1);
    let server = Server::json_rpc(move |_, _| Ok(json.clone())).await;
    let client = RollupClient::with_options(&server.url, quick()).unwrap();
    assert_eq!(client.sync_status().await.unwrap(), status());
    assert_eq!(server.methods(), ["optimism_syncStatus"]);
}

#[tokio::test]
async fn output_at_block_is_asked_by_quantity() {
    let output = json!({
        "version": B256::ZERO, "outputRoot": B256::repeat_byte(1),
        "blockRef": serde_json::to_value(status().safe_l2).unwrap(),
        "withdrawalStorageRoot": B256::repeat_byte(2), "stateRoot": B256::repeat_byte(3),
        "syncStatus": serde_json::to_value(status()).unwrap(),
    });
    let server = Server::json_rpc(move |_, _| Ok(output.clone())).await;
    let client = RollupClient::with_options(&server.url, quick()).unwrap();
    let output = client.output_at_block(255).await.unwrap();
    assert_eq!(output.output_root, B256::repeat_byte(1));
    assert_eq!(output.sync_status, status());
    assert_eq!(server.asked()[0].body["params"], json!(["0xff"]));
}

#[tokio::test]
async fn admin_calls_are_not_repeated_and_missing_ones_named() {
    let server = Server::json_rpc(|method, _| match method {
        "admin_stopSequencer" => Ok(json!(B256::repeat_byte(7))),
        "admin_startSequencer" => Ok(Value::Null),
        _ => Err(json!({"code": -32601, "message": "the method does not exist"})),
    })
    .await;
    let client = RollupClient::with_options(&server.url, quick()).unwrap();
    let head = client.stop_sequencer().await.unwrap();
    assert_eq!(head, B256::repeat_byte(7));
    client.start_sequencer(head).await.unwrap();
    assert_eq!(server.asked()[1].body["params"], json!([head]));
    let error = client.sequencer_active().await.unwrap_err();
    assert!(matches!(error, RpcError::Response { code: -32601, .. }));
}
