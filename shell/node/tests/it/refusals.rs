//! What a node refuses to start with: one readable line each.

use crate::{
    engine::{FakeEngine, genesis},
    world::{World, client},
};
use alloy_primitives::B256;
use opal_node::{NodeError, NodeMode};
use opal_protocol::{Fork, UpgradeBundle};
use opal_rpc::EngineError;
use std::sync::Arc;

async fn refusal(world: &World) -> String {
    let config = world.node_config(NodeMode::Verifier);
    let error = world
        .try_start(config)
        .await
        .expect_err("the node must not start")
        .to_string();
    assert!(!error.contains('\n'), "one line: {error}");
    error
}

#[tokio::test]
async fn a_foreign_l1_is_refused() {
    let mut world = World::new(3).await;
    world.config.l1_chain_id = 1;
    let error = refusal(&world).await;
    assert!(
        error.contains("is on chain 900, but chain 1 is configured"),
        "{error}"
    );

    let mut world = World::new(3).await;
    world.config.genesis.l1.hash = B256::repeat_byte(1);
    let error = refusal(&world).await;
    assert!(
        error.contains("does not have the rollup's L1 genesis block"),
        "{error}"
    );
}

#[tokio::test]
async fn an_absent_l1_is_waited_for_and_then_named() {
    let world = World::new(3).await;
    let source = world.source("http://127.0.0.1:9");
    let config = world.node_config(NodeMode::Verifier);
    let error = opal_node::start(config, source, world.engine.clone())
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("127.0.0.1:9 is unreachable"),
        "{error}"
    );
}

#[tokio::test]
async fn a_foreign_engine_is_refused() {
    let mut world = World::new(3).await;
    world.engine = Arc::new(FakeEngine::new(genesis(12)));
    let error = refusal(&world).await;
    assert!(error.contains("the engine runs another chain"), "{error}");
}

#[tokio::test]
async fn an_absent_engine_and_a_bad_secret_are_told_apart() {
    let world = World::new(3).await;
    world.engine.state().failure = Some(EngineError::Unreachable("refused".to_owned()));
    let error = refusal(&world).await;
    assert!(
        error.contains("the L2 engine did not answer in 0 s"),
        "{error}"
    );
    world.engine.state().failure = Some(EngineError::Unauthorized("401".to_owned()));
    let error = refusal(&world).await;
    assert!(
        error.contains("must share the secret of one file"),
        "{error}"
    );
}

#[tokio::test]
async fn a_busy_port_and_a_bad_configuration_are_refused() {
    let mut world = World::new(3).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = world.node_config(NodeMode::Verifier);
    config.rpc_addr = taken.local_addr().unwrap();
    let error = world.try_start(config).await.unwrap_err();
    assert!(matches!(error, NodeError::Listen { .. }));
    assert!(
        error
            .to_string()
            .contains(&taken.local_addr().unwrap().to_string()),
        "{error}"
    );
    world.config.block_time = 0;
    let error = refusal(&world).await;
    assert!(error.contains("block_time must not be 0"), "{error}");
}

#[tokio::test]
async fn a_fork_ahead_without_its_upgrade_transactions_is_refused() {
    let mut world = World::new(3).await;
    let genesis = world.config.genesis.l2_time;
    world.config.forks.set(Fork::Karst, Some(genesis + 1_000));
    let error = refusal(&world).await;
    let line = format!("the chain activates karst at time {}", genesis + 1_000);
    assert!(error.contains(&line), "{error}");
    // With a bundle, even an empty one, the node starts.
    let mut config = world.node_config(NodeMode::Verifier);
    config.upgrades.insert(UpgradeBundle {
        fork: Fork::Karst,
        transactions: Vec::new(),
    });
    world.try_start(config).await.unwrap().shutdown().await;
}

#[tokio::test]
async fn admin_methods_must_be_enabled() {
    let world = World::new(3).await;
    let mut config = world.node_config(NodeMode::Verifier);
    config.enable_admin = false;
    let node = world.try_start(config).await.unwrap();
    let error = client(&node)
        .stop_sequencer()
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("-32601"), "{error}");
    node.shutdown().await;
}
