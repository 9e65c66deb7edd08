//! The proposer between an L1 with contracts and rollup nodes in this process: whatever happens to
//! them, what it proposes is what L1 gives.

#[path = "../../../txmgr/tests/it/fake_l1.rs"]
#[allow(dead_code)]
mod fake_l1;
mod world;

use alloy_consensus::Transaction;
use alloy_primitives::{Address, U256};
use alloy_signer_local::PrivateKeySigner;
use opal_proposer::{ProposerError, ProposerHandle, Target};
use serde_json::{Value, json};
use world::{
    BOND, FACTORY, GAME_TYPE, INTERVAL, OLD_ORACLE, ORACLE, OWNED, OWNER, PERMISSIONED, STRANGER,
    World, pause, until,
};

fn games(game_type: u32, factory: Address) -> Target {
    Target::Games {
        factory,
        game_type,
        interval: INTERVAL,
    }
}

async fn admin(proposer: &ProposerHandle, method: &str) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": []});
    let client = reqwest::Client::new();
    let answer = client
        .post(proposer.rpc_url())
        .json(&body)
        .send()
        .await
        .unwrap();
    answer.json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn games_are_begun_once_per_interval() {
    let world = World::new(1).await;
    let proposer = world.start().await;
    world.mine(14).await;
    let made = world.made();
    assert!((3..=5).contains(&made.len()), "{made:?}");
    for pair in made.windows(2) {
        // L1 makes a block every four seconds.
        assert!(
            pair[1].time - pair[0].time >= INTERVAL.as_secs(),
            "{made:?}"
        );
        assert!(pair[1].l2_block > pair[0].l2_block);
    }
    assert!(made.iter().all(|made| made.value == U256::from(BOND)));
    world.assert_right();
    let status = proposer.status().borrow().clone();
    assert_eq!((status.proposals, status.failures), (made.len() as u64, 0));
    assert_eq!(
        status.last.unwrap().l2.number,
        made.last().unwrap().l2_block
    );
    proposer.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_finalized_is_proposed_unless_allowed() {
    let mut world = World::new(1).await;
    world.config.allow_non_finalized = false;
    let proposer = world.start().await;
    world.mine(4).await;
    assert!(world.made().is_empty(), "nothing is finalized yet");
    world.mine(8).await;
    let made = world.made();
    assert!(!made.is_empty());
    // It was four blocks old when it was proposed, in the next block at the earliest.
    assert!(
        made.iter().all(|m| m.l2_block + 5 <= m.time / 4),
        "{made:?}"
    );
    world.assert_right();
    proposer.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oracle_gets_what_it_asks_for() {
    let mut world = World::new(1).await;
    world.config.target = Target::Oracle(ORACLE);
    let proposer = world.start().await;
    world.mine(14).await;
    let blocks: Vec<_> = world.made().iter().map(|made| made.l2_block).collect();
    assert!(blocks.len() >= 3, "{blocks:?}");
    assert!(
        blocks.iter().zip(1..).all(|(block, n)| *block == 3 * n),
        "{blocks:?}"
    );
    world.assert_right();
    proposer.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_repeats_nothing() {
    let world = World::new(1).await;
    world.mine(2).await;
    for _ in 0..3 {
        let proposer = world.start().await;
        pause(200).await;
        world.l1.mine();
        pause(200).await;
        proposer.shutdown().await;
    }
    // Three blocks are the interval: the last of them may hold a second one.
    let made = world.made();
    assert!((1..=2).contains(&made.len()), "{made:?}");
    world.assert_right();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_is_cancelled_when_its_l1_block_goes() {
    let world = World::new(1).await;
    // Nothing is mined that tips so little: the proposal stays in the pool.
    world.mine(6).await;
    world.l1.state().min_tip = u128::MAX;
    let proposer = world.start().await;
    for _ in 0..100 {
        if !world.l1.state().pool.is_empty() {
            break;
        }
        pause(20).await;
    }
    assert_eq!(world.l1.state().pool.len(), 1, "the proposal is under way");
    {
        let mut l1 = world.l1.state();
        l1.reorg(3, true);
        for _ in 0..4 {
            l1.mine();
        }
    }
    let is_cancelled = || {
        let l1 = world.l1.state();
        l1.pool.values().any(|tx| tx.envelope.input().is_empty())
    };
    for _ in 0..1_000 {
        if is_cancelled() {
            break;
        }
        pause(20).await;
    }
    assert!(is_cancelled(), "{:?}", world.l1.state().pool);
    world.l1.state().min_tip = 0;
    world.mine(5).await;
    assert!(!world.made().is_empty(), "it goes on");
    world.assert_right();
    proposer.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mined_proposal_that_a_reorg_drops_is_not_repeated_blindly() {
    let mut world = World::new(1).await;
    world.config.tx_manager.queue.num_confirmations = 4;
    world.mine(4).await;
    let proposer = world.start().await;
    pause(150).await;
    world.mine(2).await;
    assert_eq!(world.made().len(), 1);
    {
        let mut l1 = world.l1.state();
        l1.reorg(5, false);
        for _ in 0..6 {
            l1.mine();
        }
    }
    assert!(world.made().is_empty());
    world.mine(10).await;
    assert!(!world.made().is_empty(), "{:?}", proposer.status().borrow());
    world.assert_right();
    proposer.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_proposed_that_l1_does_not_agree_with() {
    let world = World::new(1).await;
    world.nodes[0].state().other_l1 = true;
    let proposer = world.start().await;
    world.mine(3).await;
    until(&proposer, "a doubt", |s| {
        s.error
            .as_ref()
            .is_some_and(|e| e.contains("until they agree"))
    })
    .await;
    assert!(world.made().is_empty() && world.l1.state().pool.is_empty());
    world.nodes[0].state().other_l1 = false;
    world.mine(3).await;
    assert!(!world.made().is_empty());
    world.assert_right();
    proposer.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_contract_refuses_is_not_sent() {
    let mut world = World::new(1).await;
    world.config.signer = PrivateKeySigner::from_bytes(&STRANGER).unwrap();
    world.config.target = games(PERMISSIONED, FACTORY);
    let proposer = world.start().await;
    world.mine(3).await;
    until(&proposer, "a refusal", |s| {
        s.error.as_ref().is_some_and(|e| e.contains("another key"))
    })
    .await;
    assert!(world.l1.state().mined().is_empty() && world.l1.state().pool.is_empty());
    proposer.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_node_is_followed_when_one_fails() {
    let world = World::new(3).await;
    world.nodes[1].state().is_active = true;
    let proposer = world.start().await;
    world.mine(4).await;
    assert!(
        world.nodes[1].state().asked > 0,
        "the active one is followed"
    );
    assert_eq!(world.nodes[0].state().asked, 0);
    world.nodes[1].state().is_down = true;
    world.nodes[2].state().behind = 2;
    let before = world.made().len();
    world.mine(8).await;
    assert!(world.made().len() > before);
    assert!(
        world.nodes[0].state().asked > 0,
        "the one that knows most is next"
    );
    assert_eq!(world.nodes[2].state().asked, 0);
    world.assert_right();
    proposer.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_nodes_are_reported_and_waited_for() {
    let world = World::new(1).await;
    let proposer = world.start().await;
    world.nodes[0].state().is_down = true;
    world.mine(2).await;
    until(&proposer, "a report about the node", |s| {
        s.error
            .as_ref()
            .is_some_and(|e| e.contains("optimism_syncStatus"))
    })
    .await;
    world.nodes[0].state().is_down = false;
    world.l1.state().is_down = true;
    until(&proposer, "a report about L1", |s| {
        s.error.as_ref().is_some_and(|e| e.contains("eth_"))
    })
    .await;
    world.l1.state().is_down = false;
    world.mine(3).await;
    until(&proposer, "recovery", |s| {
        s.error.is_none() && s.proposals > 0
    })
    .await;
    proposer.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_syncs_is_waited_for_if_asked() {
    let mut world = World::new(1).await;
    world.config.wait_node_sync = true;
    world.mine(5).await;
    world.nodes[0].state().behind = 3;
    let proposer = world.start().await;
    world.mine(2).await;
    assert!(world.made().is_empty());
    until(&proposer, "waiting", |s| {
        s.waiting
            .as_ref()
            .is_some_and(|w| w.contains("waiting for 5"))
    })
    .await;
    world.nodes[0].state().behind = 0;
    world.mine(2).await;
    assert!(!world.made().is_empty());
    proposer.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_rpc_starts_and_stops_and_metrics_are_served() {
    let mut world = World::new(1).await;
    world.config.metrics_addr = Some("127.0.0.1:0".parse().unwrap());
    let proposer = world.start().await;
    assert!(admin(&proposer, "admin_startProposer").await["error"].is_object());
    assert!(admin(&proposer, "admin_stopProposer").await["error"].is_null());
    assert!(admin(&proposer, "admin_stopProposer").await["error"].is_object());
    world.mine(3).await;
    assert!(world.made().is_empty());
    assert!(admin(&proposer, "admin_startProposer").await["error"].is_null());
    world.mine(2).await;
    assert_eq!(world.made().len(), 1);
    let page = reqwest::get(proposer.metrics_url().unwrap()).await.unwrap();
    let page = page.text().await.unwrap();
    for part in [
        "op_proposer_default_up 1",
        "op_proposer_default_balance 1\n",
        "refs_number{layer=\"l2\",type=\"proposed\"}",
        "op_proposer_default_txmgr_confirm_total{status=\"success\"} 1",
    ] {
        assert!(page.contains(part), "{part} is missing in\n{page}");
    }
    proposer.shutdown().await;
    let mut world = World::new(1).await;
    world.config.enable_admin = false;
    let proposer = world.start().await;
    assert_eq!(
        admin(&proposer, "admin_stopProposer").await["error"]["code"],
        -32601
    );
    proposer.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_named_at_the_start() {
    let mut world = World::new(2).await;
    let error = |result: Result<ProposerHandle, ProposerError>| result.unwrap_err().to_string();
    world.config.target = games(GAME_TYPE, Address::repeat_byte(0xee));
    let words = error(world.try_start().await);
    assert!(words.contains("no contract at that address"), "{words}");
    world.config.target = games(GAME_TYPE, ORACLE);
    let words = error(world.try_start().await);
    assert!(words.contains("is no DisputeGameFactory"), "{words}");
    world.config.target = games(42, FACTORY);
    let words = error(world.try_start().await);
    assert!(
        words.contains("no games of type 42") && words.contains("1, 9"),
        "{words}"
    );
    let key = world.config.signer.address();
    for target in OWNED.map(|game_type| games(game_type, FACTORY)) {
        world.config.target = target;
        let words = error(world.try_start().await);
        let expected = format!("the key belongs to {key}, but only {OWNER} may propose to games");
        assert!(words.contains(&expected), "{words}");
    }
    world.config.target = Target::Oracle(OLD_ORACLE);
    let words = error(world.try_start().await);
    let expected = format!("only {OWNER} may propose to the L2OutputOracle {OLD_ORACLE}");
    assert!(words.contains(&expected), "{words}");
    world.config.target = games(GAME_TYPE, FACTORY);

    world.l1.state().has_funds = false;
    let words = error(world.try_start().await);
    assert!(
        words.contains("has 0 wei") && words.contains("send ether"),
        "{words}"
    );
    world.l1.state().has_funds = true;

    world.nodes[1].state().chain.l2_chain_id = 7;
    let words = error(world.try_start().await);
    assert!(
        words.contains("is on chain 7") && words.contains("chain 901"),
        "{words}"
    );
    world.nodes[1].state().chain.l2_chain_id = 901;
    world.nodes[0].state().chain.l1_chain_id = 11;
    let words = error(world.try_start().await);
    assert!(
        words.contains("follows L1 chain 11") && words.contains("chain 900"),
        "{words}"
    );
    world.nodes[0].state().chain.l1_chain_id = fake_l1::CHAIN_ID;
    for node in &world.nodes {
        node.state().chain.genesis.l1.hash = alloy_primitives::B256::repeat_byte(1);
    }
    let words = error(world.try_start().await);
    assert!(words.contains("begins at L1 block 0"), "{words}");
    for node in &world.nodes {
        node.state().chain.genesis.l1.hash = world.l1.state().blocks[0].hash;
    }

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    world.config.rpc_addr = taken.local_addr().unwrap();
    let words = error(world.try_start().await);
    assert!(words.contains("cannot listen"), "{words}");
    world.nodes.clear();
    let words = error(world.try_start().await);
    assert!(words.contains("--rollup-rpc"), "{words}");
    let l1 = world.l1.state();
    assert!(l1.mined().is_empty() && l1.pool.is_empty() && l1.refused.is_empty());
}
