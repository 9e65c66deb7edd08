//! Subscriptions, and how errors look.

use super::{
    Courtesy, Eth, Module, error,
    front::{Callee, Front, Fronted},
    method, quick, quick_if, state_is_near, subscriptions,
    throttle::Throttle,
};
use crate::{
    config::RpcLimits,
    metrics::CountCalls,
    testing::{Fees, parts, sign, unsigned, user},
};
use alloy_primitives::{B64, B256, Bytes, hex};
use alloy_rpc_types_engine::ForkchoiceState;
use jsonrpsee::{
    MethodResponse, Methods, ResponsePayload, RpcModule,
    core::middleware::{Batch, RpcServiceT},
    types::{Id, Request},
};
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use opal_rpc::EngineApi;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};
use tower::Layer;

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
        crew: Arc::default(),
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

#[tokio::test]
async fn only_what_takes_a_moment_is_answered_in_place() {
    let mut module: Module = RpcModule::new(eth());
    let place = |_: &Eth, _: &mut super::Args<'_>| {
        Ok(thread::current().name().unwrap_or_default().to_owned())
    };
    quick(&mut module, "quick", place).unwrap();
    method(&mut module, "slow", place).unwrap();
    quick_if(&mut module, "either", state_is_near(1), place).unwrap();
    let here = thread::current().name().unwrap_or_default().to_owned();
    assert_ne!(here, "opal-call");
    let of =
        async |name: &str, block: &str| -> String { module.call(name, (0, block)).await.unwrap() };
    assert_eq!(of("quick", "latest").await, here);
    assert_eq!(of("slow", "latest").await, "opal-call");
    assert_eq!(of("either", "latest").await, here);
    // What is refused anyway is refused in place.
    assert_eq!(of("either", "nonsense").await, here);
}

/// Answers everything, and counts how often.
#[derive(Clone, Default)]
struct Parrot(Arc<AtomicUsize>);

impl Callee for Parrot {
    async fn call(&self, request: Request<'_>) -> MethodResponse {
        self.0.fetch_add(1, Ordering::SeqCst);
        let answer = ResponsePayload::success("squawk");
        MethodResponse::response(request.id, answer, 1_000)
    }
}

fn fronted(courtesy: &Arc<Courtesy>) -> Fronted<Parrot> {
    let counter = CountCalls::new(Arc::default(), Methods::new());
    Front::new(counter, Some(courtesy.clone()), 1_000).layer(Parrot::default())
}

fn call() -> Request<'static> {
    Request::borrowed("speak", None, Id::Number(1))
}

fn batch(count: usize) -> Batch<'static> {
    let mut batch = Batch::new();
    (0..count).for_each(|_| batch.push(call()));
    batch
}

#[tokio::test(start_paused = true)]
async fn calls_and_batches_wait_while_a_payload_is_judged() {
    let courtesy: Arc<Courtesy> = Arc::default();
    let service = fronted(&courtesy);
    let judging = courtesy.judging();
    let moment = Duration::from_millis(20);
    let (one, many) = (service.call(call()), service.batch(batch(3)));
    let mut both = Box::pin(async { tokio::join!(one, many) });
    assert!(tokio::time::timeout(moment, &mut both).await.is_err());
    drop(judging);
    let (one, many) = tokio::time::timeout(moment, both).await.unwrap();
    assert!(one.is_success() && many.is_batch());
    assert!(
        service.call(call()).await.is_success(),
        "nobody to wait for"
    );
}

#[tokio::test]
async fn a_batch_is_as_many_calls_as_it_holds() {
    let service = fronted(&Arc::default());
    let throttle = Throttle::new(3).unwrap();
    let mut three = batch(3);
    three.extensions_mut().insert(throttle.clone());
    let answer = service.batch(three).await;
    assert_eq!(answer.as_ref().matches("squawk").count(), 3);
    let mut another = call();
    another.extensions_mut().insert(throttle);
    assert_eq!(service.call(another).await.as_error_code(), Some(-32_005));
}

#[tokio::test]
async fn a_long_batch_lets_others_have_the_thread() {
    let service = fronted(&Arc::default());
    let parrot = Parrot::default();
    let heard = parrot.clone();
    let service = Fronted {
        calls: parrot,
        ..service
    };
    let long = tokio::spawn(async move { service.batch(batch(40)).await });
    tokio::task::yield_now().await;
    assert!((1..40).contains(&heard.0.load(Ordering::SeqCst)));
    assert!(long.await.unwrap().is_error(), "more than a thousand bytes");
}
