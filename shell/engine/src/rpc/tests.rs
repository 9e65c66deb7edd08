//! Subscriptions, and how errors look.

use super::{Eth, Module, error, subscriptions};
use crate::{
    config::RpcLimits,
    testing::{Fees, parts, sign, unsigned, user},
};
use alloy_primitives::{Bytes, hex};
use jsonrpsee::RpcModule;
use serde_json::{Value, json};
use std::sync::Arc;

fn eth() -> Eth {
    Eth {
        api: parts(|_| {}),
        limits: RpcLimits::default(),
        sequencer: None,
        filters: Arc::default(),
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
