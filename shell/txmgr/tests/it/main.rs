//! The transaction manager against an L1 in this process.

mod fake_l1;

use alloy_consensus::{Transaction, Typed2718};
use alloy_eips::eip4844::Blob;
use alloy_primitives::{Address, Bytes, U256};
use alloy_signer_local::PrivateKeySigner;
use fake_l1::{CHAIN_ID, FakeL1};
use opal_rpc::{EthClient, RpcError};
use opal_txmgr::{
    SendError, SidecarVersion, StartError, TxCandidate, TxManager, TxManagerConfig, intrinsic_gas,
};
use std::time::Duration;

const INBOX: Address = Address::repeat_byte(0xff);

fn config() -> TxManagerConfig {
    let mut config = TxManagerConfig::devnet();
    config.receipt_query_interval = Duration::from_millis(20);
    config.chain_id = Some(CHAIN_ID);
    config
}

async fn manager(l1: &FakeL1, config: TxManagerConfig) -> TxManager {
    let client = EthClient::new(&l1.url).unwrap();
    TxManager::start(config, client, PrivateKeySigner::random())
        .await
        .unwrap()
}

fn calldata(data: &'static [u8]) -> TxCandidate {
    let data = Bytes::from_static(data);
    TxCandidate {
        to: Some(INBOX),
        gas_limit: intrinsic_gas(&data),
        data,
        ..TxCandidate::default()
    }
}

fn blob(byte: u8) -> TxCandidate {
    let mut blob = Box::new(Blob::ZERO);
    blob[5] = byte;
    TxCandidate {
        to: Some(INBOX),
        blobs: vec![blob],
        gas_limit: 21_000,
        ..TxCandidate::default()
    }
}

/// Mines a block whenever `condition` does not hold yet.
async fn mine_until(l1: &FakeL1, mut condition: impl FnMut() -> bool) {
    for _ in 0..400 {
        if condition() {
            return;
        }
        l1.mine();
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    panic!(
        "it did not happen in time; refused: {:?}",
        l1.state().refused
    );
}

/// Waits without mining.
async fn wait_until(mut condition: impl FnMut() -> bool) {
    for _ in 0..400 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it did not happen in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_land_in_order() {
    let l1 = FakeL1::start().await;
    let manager = manager(&l1, config()).await;
    let mut pending = vec![];
    for byte in 0..3 {
        pending.push(manager.submit(blob(byte)).unwrap());
        pending.push(manager.submit(calldata(b"frames")).unwrap());
    }
    let mut outcomes = tokio::spawn(async move {
        let mut sent = vec![];
        for tx in pending {
            sent.push(tx.outcome().await.unwrap());
        }
        sent
    });
    mine_until(&l1, || outcomes.is_finished()).await;
    let sent = (&mut outcomes).await.unwrap();
    let mined = l1.state().mined();
    assert_eq!(
        sent.iter().map(|s| s.hash).collect::<Vec<_>>(),
        mined.iter().map(|t| t.hash).collect::<Vec<_>>()
    );
    for (index, tx) in mined.iter().enumerate() {
        assert_eq!(tx.from, manager.address());
        assert_eq!(tx.envelope.nonce(), index as u64);
        assert_eq!(tx.envelope.ty(), if index % 2 == 0 { 3 } else { 2 });
        if index % 2 == 0 {
            assert_eq!(tx.blobs()[0][5], index as u8 / 2);
        } else {
            assert_eq!(tx.envelope.input()[..], b"frames"[..]);
        }
    }
    assert!(
        sent.iter()
            .all(|s| s.success && s.block_hash == l1.state().blocks[s.block_number as usize].hash)
    );
    let status = manager.status().borrow().clone();
    assert_eq!(status.last_confirmed, sent.last().copied());
    assert_eq!(status.error, None);
    assert_eq!(l1.state().refused, Vec::<String>::new());
    manager.shutdown().await;
    assert_eq!(
        manager.send(calldata(b"late")).await,
        Err(SendError::ShutDown)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_multi_blob_transaction_with_any_gas_estimate() {
    let l1 = FakeL1::start().await;
    let manager = manager(&l1, config()).await;
    let blobs = (0..6).flat_map(|byte| blob(byte).blobs).collect();
    let candidate = TxCandidate {
        to: Some(INBOX),
        blobs,
        value: U256::from(5),
        ..TxCandidate::default()
    };
    let sending = tokio::spawn({
        let manager = manager.clone();
        async move { manager.send(candidate).await }
    });
    mine_until(&l1, || sending.is_finished()).await;
    sending.await.unwrap().unwrap();
    let tx = l1.state().mined()[0].clone();
    assert_eq!(tx.blobs().len(), 6);
    assert_eq!(
        (tx.envelope.gas_limit(), tx.envelope.value()),
        (50_000, U256::from(5))
    );
    let bad = TxCandidate {
        to: None,
        ..blob(0)
    };
    assert!(matches!(manager.submit(bad), Err(SendError::Invalid(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sidecar_follows_what_l1_takes() {
    // (setting, L1 takes cell proofs, L1 takes blob proofs, refusals)
    let table = [
        (SidecarVersion::Auto, false, true, 1),
        (SidecarVersion::Auto, true, false, 0),
        (SidecarVersion::V0, true, true, 0),
        (SidecarVersion::V1, true, true, 0),
    ];
    for (sidecar, cells, blobs, refusals) in table {
        let l1 = FakeL1::start().await;
        l1.state().takes_cell_proofs = cells;
        l1.state().takes_blob_proofs = blobs;
        let manager = manager(
            &l1,
            TxManagerConfig {
                sidecar,
                ..config()
            },
        )
        .await;
        for byte in 0..2 {
            let sending = tokio::spawn({
                let manager = manager.clone();
                async move { manager.send(blob(byte)).await }
            });
            mine_until(&l1, || sending.is_finished()).await;
            sending.await.unwrap().unwrap();
        }
        assert_eq!(
            l1.state().refused.len(),
            refusals,
            "{sidecar:?} {cells} {blobs}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fees_are_raised_until_l1_mines() {
    let l1 = FakeL1::start().await;
    l1.state().min_tip = 7_000_000_000;
    let mut config = config();
    config.queue.resubmission_timeout_ms = 100;
    let manager = manager(&l1, config).await;
    let sending = tokio::spawn({
        let manager = manager.clone();
        async move { manager.send(blob(1)).await }
    });
    mine_until(&l1, || sending.is_finished()).await;
    sending.await.unwrap().unwrap();
    assert_eq!(
        l1.state().refused,
        Vec::<String>::new(),
        "every raise is large enough"
    );
    assert!(
        l1.state().mined()[0]
            .envelope
            .max_priority_fee_per_gas()
            .unwrap()
            >= 7_000_000_000
    );
    let cost = manager.status().borrow().last_cost;
    assert_eq!(cost.gas_fee, 21_000 * 1_000_000_000);
    assert!(cost.raises > 0, "{cost:?}");
    // Each raise comes after a timeout.
    assert!(cost.latency >= Duration::from_millis(100), "{cost:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_l1_is_down_or_the_account_empty() {
    let l1 = FakeL1::start().await;
    let manager = manager(&l1, config()).await;
    let status = manager.status();
    l1.state().is_down = true;
    let sending = tokio::spawn({
        let manager = manager.clone();
        async move { manager.send(calldata(b"patience")).await }
    });
    wait_until(|| status.borrow().error.is_some()).await;
    l1.state().has_funds = false;
    l1.state().is_down = false;
    let address = manager.address().to_string();
    wait_until(|| {
        status
            .borrow()
            .error
            .as_ref()
            .is_some_and(|e| e.contains("cannot pay") && e.contains(&address))
    })
    .await;
    assert!(status.borrow().refused["insufficient_funds"] > 0);
    l1.state().has_funds = true;
    mine_until(&l1, || sending.is_finished()).await;
    sending.await.unwrap().unwrap();
    wait_until(|| status.borrow().error.is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_survive_reorgs() {
    for keep in [true, false] {
        let l1 = FakeL1::start().await;
        let mut config = config();
        config.queue.num_confirmations = 3;
        let manager = manager(&l1, config).await;
        let pending = manager.submit(blob(9)).unwrap();
        wait_until(|| !l1.state().pool.is_empty()).await;
        l1.mine();
        let status = manager.status();
        wait_until(|| status.borrow().queue.unconfirmed == 1).await;
        l1.state().reorg(1, keep);
        l1.state().mine();
        let outcome = tokio::spawn(pending.outcome());
        mine_until(&l1, || outcome.is_finished()).await;
        let sent = outcome.await.unwrap().unwrap();
        assert_eq!(l1.state().mined().len(), 1);
        assert_eq!(
            l1.state().blocks[sent.block_number as usize].hash,
            sent.block_hash
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_below_confirmed_transactions_does_not_block() {
    let l1 = FakeL1::start().await;
    let manager = manager(&l1, config()).await;
    for round in 0..2 {
        let pending = manager.submit(calldata(b"again")).unwrap();
        let outcome = tokio::spawn(pending.outcome());
        mine_until(&l1, || outcome.is_finished()).await;
        outcome.await.unwrap().unwrap();
        if round == 0 {
            let depth = l1.state().blocks.len() - 1;
            l1.state().reorg(depth, false);
        }
    }
    let mined = l1.state().mined();
    let copies = mined
        .iter()
        .filter(|tx| tx.envelope.input()[..] == b"again"[..])
        .count();
    assert_eq!(copies, 1, "{mined:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_chain_is_refused_at_the_start() {
    let l1 = FakeL1::start().await;
    let config = TxManagerConfig {
        chain_id: Some(1),
        ..config()
    };
    let client = EthClient::new(&l1.url).unwrap();
    let error = TxManager::start(config, client, PrivateKeySigner::random())
        .await
        .unwrap_err();
    let StartError::L1(error) = error;
    assert!(matches!(
        error,
        RpcError::WrongChain {
            expected: 1,
            actual: CHAIN_ID,
            ..
        }
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_room_for_so_many_and_no_more() {
    let l1 = FakeL1::start().await;
    l1.state().is_down = true;
    l1.state().is_down = false;
    let manager = manager(&l1, config()).await;
    l1.state().is_down = true;
    let pending: Vec<_> = core::iter::from_fn(|| manager.submit(calldata(b"x")).ok()).collect();
    assert_eq!(pending.len(), 256);
    assert!(matches!(
        manager.submit(calldata(b"x")),
        Err(SendError::Busy)
    ));
    manager.shutdown().await;
    for tx in pending {
        assert_eq!(tx.outcome().await, Err(SendError::ShutDown));
    }
}
