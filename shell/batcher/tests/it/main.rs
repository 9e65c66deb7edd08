//! The batcher between an L1, an L2 node and a rollup node in this process: whatever happens to
//! them, every block of the sequencer becomes safe.

#[path = "../../../txmgr/tests/it/fake_l1.rs"]
#[allow(dead_code)]
mod fake_l1;
mod fake_rollup;

use alloy_consensus::Typed2718;
use alloy_signer_local::PrivateKeySigner;
use fake_l1::FakeL1;
use fake_rollup::FakeRollup;
use opal_batcher::{BatcherConfig, BatcherError, BatcherHandle, DataAvailability};
use opal_rpc::{EthClient, RollupClient};
use serde_json::{Value, json};
use std::time::Duration;

struct World {
    l1: FakeL1,
    rollup: FakeRollup,
    config: BatcherConfig,
}

impl World {
    async fn new() -> Self {
        let signer = PrivateKeySigner::random();
        let l1 = FakeL1::start().await;
        let rollup = FakeRollup::start(l1.state.clone(), signer.address()).await;
        let mut config = BatcherConfig::devnet(signer);
        config.poll_interval = Duration::from_millis(40);
        config.tx_manager.receipt_query_interval = Duration::from_millis(30);
        config.compression_level = 4;
        Self { l1, rollup, config }
    }

    async fn start(&self) -> BatcherHandle {
        self.try_start().await.unwrap()
    }

    async fn try_start(&self) -> Result<BatcherHandle, BatcherError> {
        let l1 = EthClient::new(&self.l1.url).unwrap();
        let l2 = EthClient::new(&self.rollup.l2_url).unwrap();
        let rollup = RollupClient::new(&self.rollup.node_url).unwrap();
        opal_batcher::start(self.config.clone(), l1, l2, rollup).await
    }

    /// Mines until every L2 block is safe.
    async fn until_safe(&self) {
        for _ in 0..400 {
            {
                let state = self.rollup.state();
                if state.safe() == state.head() {
                    return;
                }
            }
            self.l1.mine();
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
        let state = self.rollup.state();
        panic!(
            "safe is {}, head {}; L1 refused {:?}",
            state.safe(),
            state.head(),
            self.l1.state().refused
        );
    }
}

async fn admin(batcher: &BatcherHandle, method: &str) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": []});
    let client = reqwest::Client::new();
    let answer = client
        .post(batcher.rpc_url())
        .json(&body)
        .send()
        .await
        .unwrap();
    answer.json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_become_safe_through_blobs_and_calldata() {
    for (form, tx_type) in [
        (DataAvailability::Blobs, 3),
        (DataAvailability::Calldata, 2),
    ] {
        let mut world = World::new().await;
        world.config.data_availability = form;
        world.config.max_l1_tx_size_bytes = 20_000;
        world.rollup.state().build(30, 3, 500);
        let batcher = world.start().await;
        world.until_safe().await;
        world.rollup.state().build(20, 8, 5000);
        world.until_safe().await;
        assert!(
            world
                .l1
                .state()
                .mined()
                .iter()
                .all(|tx| tx.envelope.ty() == tx_type)
        );
        let mut status = batcher.status();
        let done = status
            .wait_for(|s| s.backlog_blocks == 0 && s.channels_pending == 0 && s.backlog_bytes == 0);
        let status = tokio::time::timeout(Duration::from_secs(5), done)
            .await
            .unwrap()
            .unwrap()
            .clone();
        assert!(status.is_running && status.txs_confirmed > 0 && status.last_tx.is_some());
        assert!(status.bytes_sent > 0 && status.channels_closed > 1);
        assert_eq!(status.error, None);
        batcher.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_fills_several_blobs() {
    let world = World::new().await;
    world.rollup.state().build(40, 4, 5000);
    let batcher = world.start().await;
    world.until_safe().await;
    let most = world
        .l1
        .state()
        .mined()
        .iter()
        .map(|tx| tx.blobs().len())
        .max();
    assert_eq!(most, Some(6));
    batcher.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_needs_nothing_but_the_chain() {
    let world = World::new().await;
    for _ in 0..3 {
        world.rollup.state().build(10, 2, 300);
        let batcher = world.start().await;
        tokio::time::sleep(Duration::from_millis(60)).await;
        // Wherever it is: stopped without notice.
        batcher.shutdown().await;
        assert!(batcher.status().borrow().txs_confirmed < 100);
    }
    let batcher = world.start().await;
    world.until_safe().await;
    batcher.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_l1_reorg_that_drops_batches_loses_nothing() {
    for keep in [false, true] {
        let world = World::new().await;
        let batcher = world.start().await;
        for _ in 0..3 {
            world.rollup.state().build(10, 2, 300);
            world.until_safe().await;
        }
        let depth = world.l1.state().blocks.len() / 2;
        world.l1.state().reorg(depth, keep);
        world.l1.mine();
        world.rollup.state().build(5, 1, 100);
        world.until_safe().await;
        batcher.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_of_the_sequencer_is_followed() {
    let world = World::new().await;
    let batcher = world.start().await;
    world.rollup.state().build(10, 2, 300);
    world.until_safe().await;
    world.rollup.state().build(10, 2, 300);
    tokio::time::sleep(Duration::from_millis(200)).await;
    world.rollup.state().reorg(6);
    world.until_safe().await;
    batcher.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_nodes_are_reported_and_waited_for() {
    let world = World::new().await;
    let batcher = world.start().await;
    world.rollup.state().build(5, 1, 100);
    world.rollup.state().is_down = true;
    let mut status = batcher.status();
    let reported = status.wait_for(|s| s.error.as_ref().is_some_and(|e| e.contains("rollup node")));
    tokio::time::timeout(Duration::from_secs(20), reported)
        .await
        .unwrap()
        .unwrap();
    world.rollup.state().is_down = false;
    world.l1.state().is_down = true;
    admin(&batcher, "admin_flushBatcher").await;
    let reported = status.wait_for(|s| s.error.as_ref().is_some_and(|e| e.contains("eth_")));
    tokio::time::timeout(Duration::from_secs(20), reported)
        .await
        .unwrap()
        .unwrap();
    world.l1.state().is_down = false;
    world.until_safe().await;
    let recovered = status.wait_for(|s| s.error.is_none());
    tokio::time::timeout(Duration::from_secs(20), recovered)
        .await
        .unwrap()
        .unwrap();
    batcher.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_rpc_starts_stops_and_flushes() {
    let mut world = World::new().await;
    world.config.stopped = true;
    world.config.max_channel_duration = 0;
    let batcher = world.start().await;
    world.rollup.state().build(5, 1, 100);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!batcher.status().borrow().is_running);
    assert!(admin(&batcher, "admin_flushBatcher").await["error"]["message"].is_string());
    assert_eq!(
        admin(&batcher, "admin_startBatcher").await["result"],
        Value::Null
    );
    assert!(admin(&batcher, "admin_startBatcher").await["error"].is_object());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(
        batcher.status().borrow().channels_closed,
        0,
        "nothing fills or ages the channel"
    );
    assert!(admin(&batcher, "admin_flushBatcher").await["error"].is_null());
    world.until_safe().await;
    assert!(admin(&batcher, "admin_stopBatcher").await["error"].is_null());
    assert!(admin(&batcher, "admin_stopBatcher").await["error"].is_object());
    let posted = world.l1.state().mined().len();
    world.rollup.state().build(5, 1, 100);
    tokio::time::sleep(Duration::from_millis(200)).await;
    world.l1.mine();
    assert_eq!(world.l1.state().mined().len(), posted);
    assert!(admin(&batcher, "admin_startBatcher").await["error"].is_null());
    assert!(admin(&batcher, "admin_flushBatcher").await["error"].is_null());
    world.until_safe().await;
    batcher.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_have_op_batchers_names() {
    let mut world = World::new().await;
    world.config.metrics_addr = Some("127.0.0.1:0".parse().unwrap());
    let batcher = world.start().await;
    world.rollup.state().build(5, 1, 100);
    world.until_safe().await;
    let confirmed = |status: &opal_batcher::BatcherStatus| status.txs_confirmed > 0;
    let mut watched = batcher.status();
    let status = watched.wait_for(confirmed).await.unwrap().clone();
    let page = reqwest::get(batcher.metrics_url().unwrap()).await.unwrap();
    let page = page.text().await.unwrap();
    let figure = |name: &str| {
        let name = format!("op_batcher_default_{name} ");
        let line = page.lines().find_map(|line| line.strip_prefix(&name));
        let line = line.unwrap_or_else(|| panic!("{name}is missing in\n{page}"));
        line.parse::<f64>().unwrap()
    };
    assert_eq!([figure("up"), figure("balance")], [1.0, 1.0]);
    let closed = figure("channel_total{stage=\"closed\"}");
    assert!(
        closed >= status.channels_closed as f64 && closed > 0.0,
        "{page}"
    );
    let sent = figure("batcher_tx_total{stage=\"submitted\"}");
    let landed = figure("batcher_tx_total{stage=\"success\"}");
    assert!(sent >= landed && landed > 0.0, "{page}");
    assert_eq!(figure("batcher_tx_total{stage=\"failed\"}"), 0.0);
    assert!(
        figure("refs_number{layer=\"l1\",type=\"latest\"}") > 0.0,
        "{page}"
    );
    let [input, output] = [figure("input_bytes_total"), figure("output_bytes_total")];
    assert!(input > 0.0 && output > 0.0, "{page}");
    figure("pending_blocks_count{stage=\"added\"}");
    figure("txmgr_current_nonce");
    batcher.shutdown().await;
    // Nobody serves any more.
    assert!(reqwest::get(batcher.metrics_url().unwrap()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn admin_methods_are_there_only_if_enabled() {
    let mut world = World::new().await;
    world.config.enable_admin = false;
    let batcher = world.start().await;
    assert_eq!(
        admin(&batcher, "admin_stopBatcher").await["error"]["code"],
        -32601
    );
    batcher.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_named_at_the_start() {
    let mut world = World::new().await;
    world.config.target_num_frames = 0;
    let error = world.try_start().await.unwrap_err().to_string();
    assert!(error.contains("target-num-frames"), "{error}");
    world.config.target_num_frames = 6;
    world.rollup.state().chain.l1_chain_id = 1;
    let error = world.try_start().await.unwrap_err().to_string();
    assert!(
        error.contains("chain 900") && error.contains("chain 1 is"),
        "{error}"
    );
    world.rollup.state().chain.l1_chain_id = fake_l1::CHAIN_ID;
    world.rollup.state().chain.l2_chain_id = 77;
    let error = world.try_start().await.unwrap_err().to_string();
    assert!(error.contains("chain 77"), "{error}");
    world.rollup.state().chain.l2_chain_id = fake_rollup::L2_CHAIN_ID;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    world.config.rpc_addr = taken.local_addr().unwrap();
    let error = world.try_start().await.unwrap_err();
    assert!(matches!(error, BatcherError::Listen { .. }), "{error}");
}
