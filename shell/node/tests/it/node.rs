//! What a node does: follow, build, reorganise, restart, answer.

use crate::{
    engine::{PASSER_ROOT, STATE_ROOT},
    world::{SEQUENCER, WINDOW, World, client, until},
};
use alloy_primitives::B256;
use opal_node::NodeMode;
use opal_protocol::{L2Ref, output::output_root_v0};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Checks that the engine's chain is whole and stands on the canonical L1.
fn check_chain(world: &World) {
    let (state, l1) = (world.engine.state(), world.l1.chain());
    let refs: Vec<L2Ref> = state
        .chain()
        .iter()
        .map(|b| {
            let first = b.transactions.first().map_or(&[][..], |tx| tx.as_ref());
            L2Ref::from_block(&world.config, &b.header, b.hash, first).unwrap()
        })
        .collect();
    assert_eq!(refs.last().unwrap().number, 0);
    for block in refs {
        assert_eq!(block.time, world.config.genesis.l2_time + block.number);
        let canonical = l1.at(block.l1_origin.number).unwrap();
        assert_eq!(canonical.id(), block.l1_origin, "L2 block {}", block.number);
    }
}

#[tokio::test]
async fn a_verifier_derives_the_chain_and_tells_where_it_stands() {
    let world = World::new(40).await;
    world.l1.chain().finalized = Some(30);
    let node = world.start(NodeMode::Verifier).await;
    let head = world.l1.chain().head();
    let status = until(&node, |s| {
        s.safe_l2.l1_origin.number + WINDOW == s.head_l1.number
    })
    .await;
    let status = if status.current_l1 == head && status.finalized_l2.number > 0 {
        status
    } else {
        until(&node, |s| s.current_l1 == head && s.finalized_l2.number > 0).await
    };
    assert_eq!(status.head_l1, head);
    assert_eq!(status.unsafe_l2, status.safe_l2);
    assert_eq!(status.local_safe_l2, status.safe_l2);
    // Derived by the time L1 block 30 was read.
    assert_eq!(status.finalized_l2.l1_origin.number, 30 - WINDOW);
    assert_eq!(status.finalized_l1, world.l1.chain().at(30).unwrap());
    check_chain(&world);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let heads = world.engine.state().heads;
    assert_eq!(heads.finalized_block_hash, status.finalized_l2.hash);
    assert_eq!(heads.safe_block_hash, status.safe_l2.hash);

    let rpc = client(&node);
    assert_eq!(rpc.sync_status().await.unwrap(), *node.status().borrow());
    assert_eq!(rpc.rollup_config().await.unwrap(), world.config);
    assert!(rpc.version().await.unwrap().ends_with("opal"));
    let output = rpc.output_at_block(7).await.unwrap();
    assert_eq!(output.block_ref.number, 7);
    assert_eq!(output.state_root, STATE_ROOT);
    assert_eq!(output.withdrawal_storage_root, PASSER_ROOT);
    let root = output_root_v0(STATE_ROOT, PASSER_ROOT, output.block_ref.hash);
    assert_eq!(output.output_root, root);
    let missing = rpc.output_at_block(7_000).await.unwrap_err().to_string();
    assert!(missing.contains("L2 block 7000 not found"), "{missing}");
    let safe = rpc.safe_head_at_l1_block(30).await.unwrap();
    assert_eq!(safe.safe_head, status.finalized_l2.id());
    let future = rpc
        .safe_head_at_l1_block(5_000)
        .await
        .unwrap_err()
        .to_string();
    assert!(future.contains("has not been read yet"), "{future}");
    assert!(!rpc.sequencer_active().await.unwrap());
    let refused = rpc
        .start_sequencer(status.unsafe_l2.hash)
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("not started as a sequencer"), "{refused}");
    assert!(get(&node.rpc_url(), "/healthz").await.contains("version"));
    node.shutdown().await;
}

#[tokio::test]
async fn it_follows_l1_as_it_grows_and_through_a_reorg() {
    let world = World::new(40).await;
    let node = world.start(NodeMode::Verifier).await;
    until(&node, |s| s.safe_l2.l1_origin.number == 39 - WINDOW).await;
    world.l1.chain().grow(5, 0);
    let before = until(&node, |s| s.safe_l2.l1_origin.number == 44 - WINDOW).await;

    // Ten blocks go, twelve come.
    world.l1.chain().reorg(35, 12, 1);
    let head = world.l1.chain().head();
    let after = until(&node, |s| s.current_l1 == head).await;
    assert_eq!(after.safe_l2.l1_origin.number, head.number - WINDOW);
    assert_ne!(after.safe_l2.hash, before.safe_l2.hash);
    check_chain(&world);

    // As many go as come: the head tells.
    world.l1.chain().reorg(44, 3, 2);
    let head = world.l1.chain().head();
    until(&node, |s| s.current_l1 == head).await;
    check_chain(&world);

    // An operator's reset changes nothing.
    let safe = node.status().borrow().safe_l2;
    client(&node).reset_derivation_pipeline().await.unwrap();
    until(&node, |s| s.safe_l2 == safe && s.current_l1 == head).await;
    node.shutdown().await;
}

#[tokio::test]
async fn after_a_restart_it_goes_on_with_the_same_chain() {
    let world = World::new(40).await;
    let folder = tempfile::tempdir().unwrap();
    let mut config = world.node_config(NodeMode::Verifier);
    config.safedb_path = Some(folder.path().join("safe-heads.jsonl"));
    let node = world.try_start(config.clone()).await.unwrap();
    let first = until(&node, |s| s.safe_l2.l1_origin.number == 39 - WINDOW).await;
    node.shutdown().await;
    node.shutdown().await;
    let payloads = world.engine.state().payloads;
    world.l1.chain().grow(3, 0);
    let node = world.try_start(config).await.unwrap();
    // It remembers where its safe head stood, and starts there.
    let resumed = until(&node, |s| s.safe_l2.number > 0).await;
    assert!(resumed.safe_l2.number >= first.safe_l2.number);
    let second = until(&node, |s| s.safe_l2.l1_origin.number == 42 - WINDOW).await;
    assert!(second.safe_l2.number > first.safe_l2.number);
    check_chain(&world);
    // What was there was compared, not built again.
    let built = world.engine.state().payloads - payloads;
    assert_eq!(built, second.safe_l2.number - first.safe_l2.number);
    assert!(
        world
            .engine
            .state()
            .chain()
            .iter()
            .any(|b| b.hash == first.safe_l2.hash)
    );
    drop(node);
}

#[tokio::test]
async fn a_sequencer_builds_in_time_and_obeys_its_operator() {
    let world = World::new(3).await;
    let node = world.start(SEQUENCER).await;
    let rpc = client(&node);
    let status = until(&node, |s| s.unsafe_l2.number >= 5).await;
    let time = crate::world::now();
    // A block is there a moment before its own time.
    assert!(status.unsafe_l2.time <= time + 1 && status.unsafe_l2.time + 2 >= time);
    assert!(rpc.sequencer_active().await.unwrap());
    let stopped = rpc.stop_sequencer().await.unwrap();
    let head = node.status().borrow().unsafe_l2;
    assert_eq!(stopped, head.hash);
    assert!(!rpc.sequencer_active().await.unwrap());
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(node.status().borrow().unsafe_l2, head);
    let wrong = rpc
        .start_sequencer(B256::ZERO)
        .await
        .unwrap_err()
        .to_string();
    assert!(wrong.contains("block hash does not match"), "{wrong}");
    rpc.start_sequencer(head.hash).await.unwrap();
    let again = rpc
        .start_sequencer(head.hash)
        .await
        .unwrap_err()
        .to_string();
    assert!(again.contains("already running"), "{again}");
    until(&node, |s| s.unsafe_l2.number > head.number + 1).await;
    check_chain(&world);
    node.shutdown().await;
}

/// The sequencer was away, the window has closed: it takes over what L1 dictates, and builds on.
#[tokio::test]
async fn a_sequencer_that_comes_back_accepts_the_derived_chain() {
    let world = World::new(40).await;
    let verifier = world.start(NodeMode::Verifier).await;
    let derived = until(&verifier, |s| s.safe_l2.l1_origin.number == 39 - WINDOW).await;
    verifier.shutdown().await;
    let fresh = World {
        engine: std::sync::Arc::new(crate::engine::FakeEngine::new(crate::engine::genesis(
            world.config.genesis.l2_time,
        ))),
        ..world
    };
    let sequencer = fresh.start(SEQUENCER).await;
    let status = until(&sequencer, |s| {
        s.safe_l2.number >= derived.safe_l2.number && s.unsafe_l2.number > s.safe_l2.number
    })
    .await;
    assert!(status.unsafe_l2.number > derived.safe_l2.number);
    let state = fresh.engine.state();
    assert!(state.chain().iter().any(|b| b.hash == derived.safe_l2.hash));
}

#[tokio::test]
async fn an_engine_that_goes_away_is_waited_for() {
    let world = World::new(40).await;
    let node = world.start(NodeMode::Verifier).await;
    until(&node, |s| s.safe_l2.l1_origin.number == 39 - WINDOW).await;
    let gone = opal_rpc::EngineError::Unreachable("connection refused".to_owned());
    world.engine.state().failure = Some(gone);
    world.l1.chain().grow(4, 0);
    tokio::time::sleep(Duration::from_millis(700)).await;
    world.engine.state().failure = None;
    until(&node, |s| s.safe_l2.l1_origin.number == 43 - WINDOW).await;
    check_chain(&world);
    node.shutdown().await;
}

async fn get(url: &str, path: &str) -> String {
    let addr = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}
