use crate::{
    server::{Reply, Server, json_rpc},
    world::{World, options, quick},
};
use opal_l1::{L1Options, L1Source};
use opal_rpc::EthClient;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

fn ahead(blocks: u64) -> L1Options {
    L1Options {
        prefetch_blocks_max: blocks,
        ..options()
    }
}

/// Requests for full blocks so far.
fn fetched(world: &World) -> usize {
    world
        .server
        .asked()
        .iter()
        .filter(|ask| ask.body[0]["params"][1] == true)
        .count()
}

async fn settle(world: &World) {
    let mut last = usize::MAX;
    while last != world.server.asked().len() {
        last = world.server.asked().len();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn every_block_is_fetched_once_and_never_past_the_window() {
    let world = World::new(30).await;
    let source = world.source(ahead(4));
    source.block_by_number(0).await.unwrap().unwrap();
    settle(&world).await;
    assert_eq!(fetched(&world), 5);
    for number in 1..30 {
        let block = source.block_by_number(number).await.unwrap().unwrap();
        assert_eq!(
            block.hash,
            world.block(usize::try_from(number).unwrap()).hash
        );
    }
    assert!(source.block_by_number(30).await.unwrap().is_none());
    settle(&world).await;
    // Every block once; the one that is not there counts too.
    assert_eq!(fetched(&world), 31);
}

#[tokio::test]
async fn catching_up_does_not_wait_for_each_answer() {
    let world = World::new(33).await;
    // A node 20 ms away.
    let slow = latency_proxy(world.server.url.clone(), Duration::from_millis(20)).await;
    let mut took = Vec::new();
    for blocks in [0, 16] {
        let eth = EthClient::with_options(&slow, quick()).unwrap();
        let source = L1Source::new(eth, None, Arc::new(world.config()), ahead(blocks));
        source.heads().await.unwrap();
        let start = Instant::now();
        for number in 0..33 {
            source.block_by_number(number).await.unwrap().unwrap();
        }
        took.push(start.elapsed());
    }
    assert!(took[0] >= Duration::from_millis(33 * 20), "{took:?}");
    assert!(took[1] * 3 < took[0], "{took:?}");
}

/// Passes requests on after a pause.
async fn latency_proxy(target: String, pause: Duration) -> String {
    use axum::{Router, body::Bytes, extract::State};
    type Target = (String, Duration, reqwest::Client);
    async fn pass(State((url, pause, client)): State<Target>, body: Bytes) -> Bytes {
        tokio::time::sleep(pause).await;
        client
            .post(url)
            .body(body)
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap()
    }
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let app = Router::new()
        .fallback(pass)
        .with_state((target, pause, client));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

#[tokio::test]
async fn blocks_ahead_do_not_survive_a_reorg_that_is_seen() {
    let world = World::new(10).await;
    let source = world.source(ahead(4));
    source.block_by_number(4).await.unwrap().unwrap();
    settle(&world).await;
    world.edit(|chain| {
        chain.blocks.truncate(5);
        chain.grow(8, 1);
    });
    source.heads().await.unwrap();
    for number in 5..13 {
        let block = source.block_by_number(number).await.unwrap().unwrap();
        assert_eq!(
            block.hash,
            world.block(usize::try_from(number).unwrap()).hash
        );
    }
}

#[tokio::test]
async fn blocks_ahead_never_skip_a_parent() {
    let world = World::new(10).await;
    let source = world.source(ahead(4));
    source.block_by_number(4).await.unwrap().unwrap();
    settle(&world).await;
    // Nobody looked at the heads: blocks 5 to 8 wait in the window, of a chain that is no more.
    world.edit(|chain| {
        chain.blocks.truncate(6);
        chain.grow(8, 1);
    });
    let mut parent = source.block_by_number(5).await.unwrap().unwrap();
    let mut canonical = parent.hash == world.block(5).hash;
    for number in 6..12 {
        let block = source.block_by_number(number).await.unwrap().unwrap();
        if block.header.parent_hash != parent.hash {
            // The break that derivation answers with a reset; behind it, all is canonical.
            canonical = true;
        }
        if number > 8 {
            assert!(canonical);
            assert_eq!(
                block.hash,
                world.block(usize::try_from(number).unwrap()).hash
            );
        }
        parent = block;
    }
    // Starting over reads the canonical chain.
    for number in 3..12 {
        let block = source.block_by_number(number).await.unwrap().unwrap();
        assert_eq!(
            block.hash,
            world.block(usize::try_from(number).unwrap()).hash
        );
    }
}

#[tokio::test]
async fn memory_is_bounded() {
    let world = World::new(10).await;
    let source = world.source(L1Options {
        cache_blocks_max: 2,
        ..options()
    });
    for number in 0..5 {
        source
            .block_by_hash(world.block(number).hash)
            .await
            .unwrap()
            .unwrap();
    }
    let before = world.server.asked().len();
    source
        .block_by_hash(world.block(4).hash)
        .await
        .unwrap()
        .unwrap();
    source
        .block_by_hash(world.block(3).hash)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(world.server.asked().len(), before);
    source
        .block_by_hash(world.block(2).hash)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(world.server.asked().len(), before + 1);
}

#[tokio::test]
async fn a_block_that_failed_ahead_of_time_is_fetched_when_needed() {
    let truth = World::new(3).await;
    let chain = truth.chain.clone();
    let failures = std::sync::atomic::AtomicU32::new(0);
    // Block 1 fails as often as one request is retried, then works.
    let server = Server::start(move |ask| {
        let text = ask.body.to_string();
        if text.contains("\"0x1\"")
            && failures.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 3
        {
            return Reply::Raw(503, vec![], vec![]);
        }
        let chain = chain.lock().unwrap();
        json_rpc(&ask.body, &|method, params| chain.answer(method, params))
    })
    .await;
    let eth = EthClient::with_options(&server.url, quick()).unwrap();
    let source = L1Source::new(eth, None, Arc::new(truth.config()), ahead(1));
    source.block_by_number(0).await.unwrap().unwrap();
    let block = source.block_by_number(1).await.unwrap().unwrap();
    assert_eq!(block.hash, truth.block(1).hash);
}
