//! Heads that move back and sideways, above and below what is on disk.

use crate::world::{self, Driver, transfer, user};
use alloy_primitives::{Address, B256};
use opal_engine::EngineConfig;
use opal_protocol::Fork;
use opal_rpc::BlockTag;
use std::time::Duration;

async fn driver(flush_interval: Duration) -> Driver {
    let config = EngineConfig {
        flush_interval,
        ..world::config(Fork::Karst)
    };
    Driver::start(config, Fork::Karst).await
}

/// Waits until a flush had time to happen.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(150)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_head_goes_back_to_an_ancestor_and_another_branch_grows() {
    // Never flushed, and flushed as often as possible.
    for (interval, wait) in [(Duration::from_secs(3600), false), (Duration::ZERO, true)] {
        let mut driver = driver(interval).await;
        let to = Address::repeat_byte(1);
        let mut hashes = vec![driver.head];
        for i in 0..8 {
            driver.send(transfer(&user(0), i, to, 1)).await;
            driver.build().await;
            hashes.push(driver.head);
            if wait {
                settle().await;
            }
        }
        // Back to block 3: the later blocks are gone, their transactions are in the pool again.
        driver.set_head(hashes[3]).await;
        assert_eq!(driver.number, 3);
        assert!(
            driver
                .api
                .block(BlockTag::Number(4))
                .await
                .unwrap()
                .is_none()
        );
        let mut attributes = driver.attributes(false);
        attributes.payload_attributes.prev_randao = B256::repeat_byte(0x77);
        let payload = driver.build_with(attributes).await;
        assert_eq!(
            payload.execution_payload.transactions().len(),
            6,
            "5 returned, 1 deposit"
        );
        let other = driver.head;
        if wait {
            settle().await;
        }
        // The old branch is still known, by hash; it becomes canonical again.
        assert!(
            driver
                .api
                .block(BlockTag::Hash(hashes[8]))
                .await
                .unwrap()
                .is_some()
        );
        driver.set_head(hashes[8]).await;
        assert_eq!(driver.number, 8);
        for (number, hash) in hashes.iter().enumerate() {
            let tag = BlockTag::Number(number as u64);
            assert_eq!(driver.api.block(tag).await.unwrap().unwrap().hash, *hash);
        }
        if wait {
            settle().await;
        }
        driver.set_head(other).await;
        assert_eq!(driver.number, 4);
        driver.build().await;
        assert_eq!(driver.number, 5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_side_branch_is_judged_on_its_own_state() {
    let mut ours = driver(Duration::ZERO).await;
    let mut theirs = driver(Duration::from_secs(3600)).await;
    let to = Address::repeat_byte(2);
    for i in 0..3 {
        let tx = transfer(&user(0), i, to, 1);
        ours.send(tx.clone()).await;
        let payload = ours.build().await;
        theirs.insert(&payload).await;
    }
    settle().await;
    // They part: ours goes on with one user, theirs with another and longer.
    for i in 3..6 {
        ours.send(transfer(&user(0), i, to, 1)).await;
        ours.build().await;
        settle().await;
    }
    let mut side = Vec::new();
    for i in 0..6 {
        theirs.send(transfer(&user(1), i, to, 1)).await;
        side.push(theirs.build().await);
    }
    let before = ours.head;
    for payload in &side {
        let status = ours.api.new_payload(payload.clone()).await.unwrap();
        assert!(status.is_valid(), "{status:?}");
        assert_eq!(
            ours.engine.head().borrow().hash,
            before,
            "a payload alone moves nothing"
        );
        settle().await;
    }
    ours.set_head(theirs.head).await;
    assert_eq!(ours.number, 9);
    settle().await;
    ours.build().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn safe_and_finalized_follow_and_must_be_ancestors() {
    let mut driver = driver(Duration::ZERO).await;
    let mut hashes = vec![driver.head];
    for _ in 0..4 {
        driver.build().await;
        hashes.push(driver.head);
    }
    let mut state = driver.state(hashes[4]);
    (state.safe_block_hash, state.finalized_block_hash) = (hashes[2], hashes[1]);
    driver.api.forkchoice_updated(state, None).await.unwrap();
    let hash_at = async |tag| driver.api.block(tag).await.unwrap().unwrap().hash;
    assert_eq!(hash_at(BlockTag::Safe).await, hashes[2]);
    assert_eq!(hash_at(BlockTag::Finalized).await, hashes[1]);
    state.head_block_hash = hashes[1];
    assert!(
        driver.api.forkchoice_updated(state, None).await.is_err(),
        "safe above the head"
    );
    assert_eq!(hash_at(BlockTag::Latest).await, hashes[4]);
}
