//! Subscriptions, and how errors look.

use super::{Eth, Module, error, subscriptions};
use crate::{
    config::RpcLimits,
    testing::{Fees, parts, sign, unsigned, user},
};
use alloy_primitives::{B64, B256, Bytes, hex};
use alloy_rpc_types_engine::ForkchoiceState;
use jsonrpsee::RpcModule;
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use opal_rpc::EngineApi;
use serde_json::{Value, json};
use std::sync::Arc;

fn eth() -> Eth {
    Eth {
        api: parts(|_| {}),
        limits: RpcLimits::default(),
        sequencer: None,
        pool_admission: false,
        conditional: None,
        filters: Arc::default(),
        tip: Arc::default(),
        cache: Arc::default(),
        history_blocks: 100,
        receipts_blocks: None,
        turns: Arc::default(),
        least_tip: None,
        health_max_age: None,
    }
}

#[tokio::test]
async fn pending_transactions_are_announced() {
    let eth = eth();
    let mut module: Module = RpcModule::new(eth.clone());
    subscriptions::register(&mut module).unwrap();
    let params = ["newPendingTransactions"];
    let mut subscription = module
        .subscribe_unbounded("eth_subscribe", params)
        .await
        .unwrap();
    let bytes = sign(
        &user(0),
        unsigned(
            0,
            &Fees {
                tip: 1,
                cap: 10_000_000_000,
            },
        ),
    );
    let hash = eth.api.pool.add(&bytes, &eth.api.tree.view()).unwrap();
    let (item, _) = subscription.next::<Value>().await.unwrap().unwrap();
    assert_eq!(item, json!(hash));
    let refused = module
        .subscribe_unbounded("eth_subscribe", ["nothing"])
        .await;
    assert!(refused.is_err());
}

/// Builds an empty block on the head.
async fn build(eth: &Eth) -> B256 {
    let head = eth.view().head;
    let state = ForkchoiceState::same_hash(head.hash);
    let mut attributes = OpPayloadAttributes {
        gas_limit: Some(30_000_000),
        eip_1559_params: Some(B64::ZERO),
        min_base_fee: Some(0),
        no_tx_pool: Some(true),
        ..OpPayloadAttributes::default()
    };
    let base = &mut attributes.payload_attributes;
    base.timestamp = head.timestamp + 2;
    base.withdrawals = Some(Vec::new());
    base.parent_beacon_block_root = Some(B256::ZERO);
    let time = base.timestamp;
    let updated = eth
        .api
        .forkchoice_updated(state, Some(attributes))
        .await
        .unwrap();
    let payload = eth
        .api
        .get_payload(updated.payload_id.unwrap(), time)
        .await
        .unwrap();
    let hash = payload.execution_payload.block_hash();
    let state = ForkchoiceState::same_hash(hash);
    eth.api.forkchoice_updated(state, None).await.unwrap();
    hash
}

#[tokio::test]
async fn new_heads_are_announced_in_order() {
    let eth = eth();
    let mut module: Module = RpcModule::new(eth.clone());
    subscriptions::register(&mut module).unwrap();
    let mut heads = module
        .subscribe_unbounded("eth_subscribe", ["newHeads"])
        .await
        .unwrap();
    for number in 1..=3 {
        let hash = build(&eth).await;
        let (header, _) = heads.next::<Value>().await.unwrap().unwrap();
        assert_eq!(header["hash"], json!(hash));
        assert_eq!(header["number"], format!("{number:#x}"));
    }
}

#[test]
fn a_revert_carries_its_reason() {
    let data = hex!(
        "08c379a0"
        "0000000000000000000000000000000000000000000000000000000000000020"
        "0000000000000000000000000000000000000000000000000000000000000004"
        "6e6f706500000000000000000000000000000000000000000000000000000000"
    );
    let error = error::reverted(&Bytes::from(data));
    assert_eq!(error.code(), 3);
    assert_eq!(error.message(), "execution reverted: nope");
    // Lengths that lie are no reason to fail.
    for length in 0..data.len() {
        let mut cut = data[..length].to_vec();
        if let Some(byte) = cut.get_mut(64) {
            *byte = 0xff;
        }
        let error = super::error::reverted(&Bytes::from(cut));
        assert_eq!(error.message(), "execution reverted");
    }
}
