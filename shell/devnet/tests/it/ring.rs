//! The ring: what goes in on one side comes out the same on the other.

use crate::kit::{LATEST, Ring, Wallet, ether, eventually, number, receipt};
use alloy_primitives::{Address, Bytes, U256, address};
use alloy_sol_types::{SolCall, sol};
use opal_devnet::DataAvailability;
use serde_json::{Value, json};

sol! {
    function depositTransaction(address to, uint256 value, uint64 gasLimit, bool isCreation, bytes data);
    function setGasLimit(uint64 gasLimit);
    function setBatcherHash(bytes32 batcherHash);
    function setGasConfigEcotone(uint32 baseFeeScalar, uint32 blobBaseFeeScalar);
}

const SOMEBODY: Address = address!("00000000000000000000000000000000000face5");

/// A deposit of `value` wei to `to`, sent on L1; its receipt.
async fn deposit(ring: &Ring, wallet: &Wallet, to: Address, value: U256) -> Value {
    let call = depositTransactionCall {
        to,
        value,
        gasLimit: 100_000,
        isCreation: false,
        data: Bytes::new(),
    };
    let portal = ring.contract("OptimismPortal");
    wallet
        .send(&ring.l1, portal, value, call.abi_encode().into())
        .await
}

async fn balances(ring: &Ring, of: Address) -> (U256, U256) {
    let sequencer = ring.sequencer.balance(of, LATEST).await.unwrap();
    let verifier = ring.verifier.balance(of, LATEST).await.unwrap();
    (sequencer, verifier)
}

async fn both_have(ring: &Ring, of: Address, amount: U256) {
    eventually("both nodes have the balance", async || {
        let found = balances(ring, of).await;
        if found == (amount, amount) {
            Ok(())
        } else {
            Err(found)
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_lands_in_the_same_block_on_the_verifier() {
    let ring = Ring::start(|_| {}).await;
    let wallet = ring.wallet(0);
    let receipt_ = wallet
        .send(&ring.sequencer, SOMEBODY, ether(1), Bytes::new())
        .await;
    both_have(&ring, SOMEBODY, ether(1)).await;
    let hash = receipt_["transactionHash"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let there = receipt(&ring.verifier, hash).await;
    assert_eq!(receipt_["blockHash"], there["blockHash"]);
    assert_eq!(receipt_["l1Fee"], there["l1Fee"]);

    // Safe and finalized heads follow those of L1.
    eventually("a finalized L2 block", async || {
        let status = ring.verifier_node.sync_status().await.unwrap();
        let done = status.finalized_l2.number > 0
            && status.finalized_l2.l1_origin.number <= status.finalized_l1.number;
        if done { Ok(()) } else { Err(status) }
    })
    .await;
    let ours = ring.sequencer_node.sync_status().await.unwrap();
    assert!(ours.safe_l2.number >= ours.finalized_l2.number);
    assert!(ours.unsafe_l2.number >= ours.safe_l2.number);

    // A transaction sent to the verifier is forwarded to the sequencer.
    let raw = wallet
        .sign(&ring.verifier, SOMEBODY, ether(1), Bytes::new())
        .await;
    ring.verifier.send_raw_transaction(&raw).await.unwrap();
    both_have(&ring, SOMEBODY, ether(2)).await;
    ring.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_mints_on_both_nodes() {
    let ring = Ring::start(|config| config.da = DataAvailability::Calldata).await;
    deposit(&ring, &ring.wallet(1), SOMEBODY, ether(3)).await;
    both_have(&ring, SOMEBODY, ether(3)).await;
    ring.assert_in_step(2).await;
    ring.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn system_config_changes_take_effect_on_both_nodes() {
    let ring = Ring::start(|_| {}).await;
    let config = ring.contract("SystemConfig");
    let owner = Wallet {
        key: opal_devnet::genesis::roles().owner,
    };
    let gas_limit = setGasLimitCall {
        gasLimit: 70_000_000,
    };
    owner
        .send(&ring.l1, config, U256::ZERO, gas_limit.abi_encode().into())
        .await;
    let scalars = setGasConfigEcotoneCall {
        baseFeeScalar: 4321,
        blobBaseFeeScalar: 98765,
    };
    owner
        .send(&ring.l1, config, U256::ZERO, scalars.abi_encode().into())
        .await;
    for client in [&ring.sequencer, &ring.verifier] {
        eventually("the new gas limit and scalars", async || {
            let head: Value = client
                .request("eth_getBlockByNumber", ("latest", false))
                .await
                .unwrap();
            let l1_block = ring.contract("L1Block");
            let packed = client
                .storage_at(l1_block, U256::from(3), LATEST)
                .await
                .unwrap();
            let base = u32::from_be_bytes(packed[16..20].try_into().unwrap());
            let blob = u32::from_be_bytes(packed[20..24].try_into().unwrap());
            let found = (number(&head["gasLimit"]), base, blob);
            let swapped = (found.0, blob, base);
            let wanted = (70_000_000, 4321, 98765);
            if found == wanted || swapped == wanted {
                Ok(())
            } else {
                Err((found, packed))
            }
        })
        .await;
    }

    // With another batcher in charge, ours is a stranger: the safe head stands still, until it is
    // in charge again.
    let set_batcher = async |who: Address| {
        let call = setBatcherHashCall {
            batcherHash: who.into_word(),
        };
        owner
            .send(&ring.l1, config, U256::ZERO, call.abi_encode().into())
            .await
    };
    set_batcher(SOMEBODY).await;
    let before = std::cell::Cell::new(ring.safe().await);
    eventually("the safe head stands still", async || {
        tokio::time::sleep(std::time::Duration::from_secs(6)).await;
        let now = ring.safe().await;
        if before.replace(now) == now {
            Ok(())
        } else {
            Err(now)
        }
    })
    .await;
    set_batcher(opal_devnet::genesis::roles().batcher.address()).await;
    ring.assert_in_step(3).await;
    ring.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forks_activate_while_the_chain_runs() {
    let ring = Ring::start(|config| {
        config.forks = ["isthmus@6", "jovian@10", "karst@14"]
            .map(|f| f.parse().unwrap())
            .into();
    })
    .await;
    let goal = eventually("blocks past the last fork", async || {
        let safe = ring.safe().await;
        if safe >= 20 { Ok(safe) } else { Err(safe) }
    })
    .await;
    ring.same_block(goal).await;
    let head: Value = ring
        .verifier
        .request("eth_getBlockByNumber", ("latest", false))
        .await
        .unwrap();
    // Jovian's extra data is 17 bytes with version 1.
    let extra = head["extraData"].as_str().unwrap();
    assert!(
        extra.starts_with("0x01") && extra.len() == 2 + 2 * 17,
        "{extra}"
    );
    // The upgraded oracle knows of Jovian: its four flags share slot 0.
    let flags = ring
        .verifier
        .storage_at(ring.contract("GasPriceOracle"), U256::ZERO, LATEST);
    assert_eq!(flags.await.unwrap()[28..], [1, 1, 1, 1]);
    let wallet = ring.wallet(2);
    wallet
        .send(&ring.sequencer, SOMEBODY, ether(1), Bytes::new())
        .await;
    both_have(&ring, SOMEBODY, ether(1)).await;
    ring.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_arrives_although_sequencer_and_batcher_are_stopped() {
    let ring = Ring::start(|config| config.seq_window_size = 8).await;
    ring.wait_for_safe(2).await;
    let _: Value = ring
        .batcher
        .request_once("admin_stopBatcher", ())
        .await
        .unwrap();
    ring.sequencer_node.stop_sequencer().await.unwrap();
    deposit(&ring, &ring.wallet(3), SOMEBODY, ether(5)).await;
    eventually("the deposit on the verifier", async || {
        let found = ring.verifier.balance(SOMEBODY, LATEST).await.unwrap();
        if found == ether(5) {
            Ok(())
        } else {
            Err(found)
        }
    })
    .await;

    // The sequencer comes back, accepts that chain, and builds on.
    eventually("the sequencer's node follows", async || {
        let found = ring.sequencer.balance(SOMEBODY, LATEST).await.unwrap();
        if found == ether(5) {
            Ok(())
        } else {
            Err(found)
        }
    })
    .await;
    let _: Value = ring
        .batcher
        .request_once("admin_startBatcher", ())
        .await
        .unwrap();
    eventually("the sequencer starts again", async || {
        let head = ring
            .sequencer_node
            .sync_status()
            .await
            .unwrap()
            .unsafe_l2
            .hash;
        ring.sequencer_node.start_sequencer(head).await
    })
    .await;
    let to = address!("0000000000000000000000000000000000c0ffee");
    ring.wallet(4)
        .send(&ring.sequencer, to, ether(1), Bytes::new())
        .await;
    both_have(&ring, to, ether(1)).await;
    ring.assert_in_step(2).await;
    ring.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_l1_reorg_loses_nothing_of_the_canonical_l1() {
    let ring = Ring::start(|_| {}).await;
    ring.wait_for_safe(3).await;
    deposit(&ring, &ring.wallet(5), SOMEBODY, ether(7)).await;
    both_have(&ring, SOMEBODY, ether(7)).await;
    // Transactions return to the pool and land again, batches among them.
    ring.reorg(6, false).await;
    ring.assert_in_step(4).await;
    both_have(&ring, SOMEBODY, ether(7)).await;
    let to = address!("0000000000000000000000000000000000c0ffee");
    ring.wallet(6)
        .send(&ring.sequencer, to, ether(1), Bytes::new())
        .await;
    both_have(&ring, to, ether(1)).await;
    ring.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_lost_in_an_l1_reorg_are_posted_again() {
    let ring = Ring::start(|_| {}).await;
    ring.wait_for_safe(3).await;
    // The replaced blocks' transactions are gone for good: the batcher must notice by itself.
    ring.reorg(6, true).await;
    ring.assert_in_step(6).await;
    let to = address!("0000000000000000000000000000000000c0ffee");
    ring.wallet(7)
        .send(&ring.sequencer, to, ether(1), Bytes::new())
        .await;
    both_have(&ring, to, ether(1)).await;
    ring.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_l1_and_missing_blobs_only_delay() {
    let ring = Ring::start(|_| {}).await;
    ring.wait_for_safe(2).await;
    ring.order("dev_withholdBlobs", json!([true])).await;
    ring.order("dev_stall", json!([true])).await;
    let built = ring.sequencer.block_number().await.unwrap();
    eventually("the sequencer goes on meanwhile", async || {
        let now = ring.sequencer.block_number().await.unwrap();
        if now >= built + 5 { Ok(()) } else { Err(now) }
    })
    .await;
    ring.order("dev_stall", json!([false])).await;
    ring.order("dev_withholdBlobs", json!([false])).await;
    ring.assert_in_step(8).await;
    ring.stop().await;
}
