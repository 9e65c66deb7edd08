//! Building, verifying, and the verdicts of the Engine API.

use crate::world::{self, BLOCK_TIME, Driver, transfer, user};
use alloy_primitives::{Address, B64, B256, Bytes, keccak256};
use alloy_rpc_types_engine::{PayloadId, PayloadStatusEnum};
use op_alloy_rpc_types_engine::OpExecutionPayload;
use opal_engine::{EngineConfig, JwtSecret};
use opal_protocol::{Fork, RollupConfig};
use opal_rpc::{BlockTag, EngineError, HttpEngine};
use std::sync::Arc;

fn code_of(error: EngineError) -> i32 {
    match error {
        EngineError::Rpc { code, .. } => code,
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn builds_blocks_of_every_fork() {
    for fork in Fork::ALL {
        let mut driver = Driver::start(world::config(fork), fork).await;
        let to = Address::repeat_byte(0xaa);
        for i in 0..5 {
            driver.send(transfer(&user(0), i, to, 1)).await;
            let payload = driver.build().await;
            let count = payload.execution_payload.transactions().len();
            assert_eq!(count, 2, "{fork} block {i}: deposit and transfer");
        }
        assert_eq!(driver.number, 5);
        let block = driver.api.block(BlockTag::Latest).await.unwrap().unwrap();
        assert_eq!(block.header.hash_slow(), driver.head);
        assert_eq!(block.transactions.len(), 2);
        driver.engine.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_accepts_what_a_builder_made_over_http() {
    for fork in [
        Fork::Regolith,
        Fork::Canyon,
        Fork::Holocene,
        Fork::Isthmus,
        Fork::Karst,
    ] {
        let mut builder = Driver::start(world::config(fork), fork).await;
        let secret = JwtSecret::random();
        let config = EngineConfig {
            auth_addr: Some(([127, 0, 0, 1], 0).into()),
            jwt: Some(secret.clone()),
            ..world::config(fork)
        };
        let mut follower = Driver::start(config, fork).await;
        let rollup = RollupConfig {
            l2_chain_id: world::CHAIN_ID,
            forks: opal_protocol::ForkTimes::at_genesis(fork),
            ..RollupConfig::default()
        };
        let url = follower.engine.auth_url().unwrap();
        let http = HttpEngine::new(&url, secret, Arc::new(rollup)).unwrap();
        http.check().await.unwrap();
        follower.api = Arc::new(http);
        for i in 0..3 {
            builder
                .send(transfer(&user(1), i, Address::repeat_byte(1), 1))
                .await;
            let payload = builder.build().await;
            follower.insert(&payload).await;
            assert_eq!(follower.head, builder.head, "{fork}");
        }
        let tag = BlockTag::Number(2);
        let (ours, theirs) = (builder.api.block(tag).await, follower.api.block(tag).await);
        assert_eq!(ours.unwrap(), theirs.unwrap());
        let passer = opal_protocol::predeploys::L2_TO_L1_MESSAGE_PASSER;
        let ours = builder
            .api
            .storage_root(passer, builder.head)
            .await
            .unwrap();
        assert_eq!(
            ours,
            follower
                .api
                .storage_root(passer, builder.head)
                .await
                .unwrap()
        );
        // The follower can build, and the builder accepts that.
        let payload = follower.build().await;
        builder.insert(&payload).await;
        assert_eq!(follower.head, builder.head);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_payload_is_invalid() {
    let mut driver = Driver::karst().await;
    driver.build().await;
    let other = Driver::karst().await;
    let first = driver
        .api
        .block(BlockTag::Number(1))
        .await
        .unwrap()
        .unwrap();
    let attributes = other.attributes(true);
    let id = other.start_build(attributes).await;
    let payload = other
        .api
        .get_payload(id, other.time + BLOCK_TIME)
        .await
        .unwrap();
    assert_eq!(payload.execution_payload.block_hash(), first.hash);

    // A wrong hash says nothing about the parent.
    let mut bad = payload.clone();
    bad.execution_payload.as_v1_mut().gas_used += 1;
    let status = other.api.new_payload(bad.clone()).await.unwrap();
    assert!(
        matches!(status.status, PayloadStatusEnum::Invalid { .. }),
        "{status:?}"
    );
    assert_eq!(status.latest_valid_hash, None);

    // A right hash of wrong content is invalid on its parent, and so are its children.
    let rehash = |payload: &mut op_alloy_rpc_types_engine::OpExecutionPayloadEnvelope| {
        let OpExecutionPayload::V4(v4) = payload.execution_payload.clone() else {
            panic!()
        };
        let mut header = v4.into_block_raw().unwrap().header;
        header.parent_beacon_block_root = payload.parent_beacon_block_root;
        header.requests_hash = Some(alloy_eips::eip7685::EMPTY_REQUESTS_HASH);
        payload.execution_payload.as_v1_mut().block_hash = header.hash_slow();
    };
    rehash(&mut bad);
    let status = other.api.new_payload(bad.clone()).await.unwrap();
    assert!(
        matches!(status.status, PayloadStatusEnum::Invalid { .. }),
        "{status:?}"
    );
    assert_eq!(status.latest_valid_hash, Some(other.engine.genesis_hash()));
    let bad_hash = bad.execution_payload.block_hash();
    let mut child = payload.clone();
    child.execution_payload.as_v1_mut().parent_hash = bad_hash;
    child.execution_payload.as_v1_mut().block_number = 2;
    rehash(&mut child);
    let status = other.api.new_payload(child).await.unwrap();
    assert!(
        matches!(status.status, PayloadStatusEnum::Invalid { .. }),
        "{status:?}"
    );
    let updated = other
        .api
        .forkchoice_updated(other.state(bad_hash), None)
        .await
        .unwrap();
    assert!(updated.is_invalid(), "{updated:?}");

    // Unknown parents and heads are waited for.
    let mut orphan = payload;
    orphan.execution_payload.as_v1_mut().parent_hash = B256::repeat_byte(9);
    rehash(&mut orphan);
    assert!(other.api.new_payload(orphan).await.unwrap().is_syncing());
    let unknown = other.state(B256::repeat_byte(8));
    assert!(
        other
            .api
            .forkchoice_updated(unknown, None)
            .await
            .unwrap()
            .is_syncing()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_that_do_not_fit_have_their_codes() {
    let driver = Driver::karst().await;
    let good = driver.attributes(true);
    let refused = async |change: &dyn Fn(&mut op_alloy_rpc_types_engine::OpPayloadAttributes)| {
        let mut attributes = good.clone();
        change(&mut attributes);
        let state = driver.state(driver.head);
        code_of(
            driver
                .api
                .forkchoice_updated(state, Some(attributes))
                .await
                .unwrap_err(),
        )
    };
    assert_eq!(refused(&|a| a.gas_limit = None).await, -38003);
    assert_eq!(refused(&|a| a.eip_1559_params = None).await, -38003);
    assert_eq!(refused(&|a| a.min_base_fee = None).await, -38003);
    for half in [0x1, 0x1 << 32] {
        // A denominator without elasticity, and the other way round.
        let params = B64::from(u64::to_be_bytes(half));
        assert_eq!(refused(&|a| a.eip_1559_params = Some(params)).await, -38003);
    }
    assert_eq!(
        refused(&|a| a.payload_attributes.timestamp = world::GENESIS_TIME).await,
        -38003
    );
    assert_eq!(
        refused(&|a| a.payload_attributes.withdrawals = None).await,
        -38003
    );
    assert_eq!(
        refused(&|a| a.payload_attributes.parent_beacon_block_root = None).await,
        -38003
    );
    let garbage = Bytes::from_static(&[0x7e, 1, 2, 3]);
    assert_eq!(
        refused(&|a| a.transactions = Some(vec![garbage.clone()])).await,
        -38003
    );
    let poor = user(99);
    let unpaid = transfer(&poor, 0, Address::ZERO, 1);
    assert_eq!(
        refused(&|a| a.transactions = Some(vec![unpaid.clone()])).await,
        -38003
    );

    let unknown = driver
        .api
        .get_payload(PayloadId::new([7; 8]), driver.time + 2)
        .await;
    assert_eq!(code_of(unknown.unwrap_err()), -38001);
    let mut state = driver.state(driver.head);
    state.safe_block_hash = B256::repeat_byte(1);
    let inconsistent = driver.api.forkchoice_updated(state, None).await;
    assert_eq!(code_of(inconsistent.unwrap_err()), -38002);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_attributes_have_the_same_id_and_no_pool_means_no_pool() {
    let driver = Driver::karst().await;
    driver.send(transfer(&user(0), 0, Address::ZERO, 1)).await;
    let id = driver.start_build(driver.attributes(true)).await;
    assert_eq!(driver.start_build(driver.attributes(true)).await, id);
    assert_eq!(id.0[0], 3);
    let payload = driver
        .api
        .get_payload(id, driver.time + BLOCK_TIME)
        .await
        .unwrap();
    assert_eq!(payload.execution_payload.transactions().len(), 1);
    let other = driver.start_build(driver.attributes(false)).await;
    assert_ne!(other, id);
    let payload = driver
        .api
        .get_payload(other, driver.time + BLOCK_TIME)
        .await
        .unwrap();
    assert_eq!(payload.execution_payload.transactions().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_best_tips_come_first_and_nonces_stay_in_order() {
    let mut driver = Driver::karst().await;
    let to = Address::repeat_byte(5);
    let mut sent = Vec::new();
    for (who, nonce, tip) in [(0, 0, 5u128), (0, 1, 50), (1, 0, 9), (2, 0, 7)] {
        sent.push(transfer(&user(who), nonce, to, tip * 1_000_000));
    }
    for tx in [&sent[1], &sent[0], &sent[2], &sent[3]] {
        driver.send(tx.clone()).await;
    }
    let payload = driver.build().await;
    let included = &payload.execution_payload.transactions()[1..];
    let expected = [&sent[2], &sent[3], &sent[0], &sent[1]];
    assert_eq!(
        included.iter().map(keccak256).collect::<Vec<_>>(),
        expected.map(keccak256)
    );
}
