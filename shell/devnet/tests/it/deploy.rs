//! A rollup deployed on an L1 that lives: the one of a devnet, which has a rollup already.

use crate::kit::{LATEST, Ring, ether};
use alloy_primitives::{Address, B256, U256};
use opal_devnet::genesis::{
    Artifacts, DeployError, Deployed, Deployer, Deployment, Output, Progress,
};
use opal_rpc::EthClient;
use opal_txmgr::TxManagerConfig;
use std::path::Path;

/// Transactions under way at once: few, so that an interruption leaves most of them unsent.
const MAX_PENDING: usize = 4;

/// The deployment of account `n`, with its state in `folder`.
fn deployer(ring: &Ring, n: usize, folder: &Path) -> Deployer {
    let key = ring.wallet(n).key;
    let text = format!(
        "roles = {{ deployer = \"{0}\", owner = \"{0}\" }}\nl2.chain_id = {1}\naccounts.service_funds = \"1 ether\"",
        key.address(),
        5000 + n
    );
    let mut tx_manager = TxManagerConfig::devnet();
    tx_manager.queue.max_pending = MAX_PENDING;
    Deployer {
        config: Deployment::parse(&text).unwrap().config,
        key,
        l1: EthClient::new(&ring.about.l1.rpc).unwrap(),
        tx_manager,
        state: folder.join("deploy-state.json"),
    }
}

/// Runs a deployment until `stop` transactions are mined, then lets go of it.
async fn run_until(deployer: &Deployer, stop: usize) -> Option<Deployed> {
    let (seen, mut reached) = tokio::sync::watch::channel(0);
    let run = deployer.run(|Progress { done, .. }| {
        seen.send_replace(done);
    });
    tokio::select! {
        biased;
        _ = reached.wait_for(|done| *done >= stop) => None,
        outcome = run => Some(outcome.unwrap()),
    }
}

/// Code and implementation slots of all contracts; the addresses in the code are the same, since
/// the same account deployed it.
async fn end_state(ring: &Ring, deployed: &Deployed) -> Vec<(String, B256)> {
    let mut state = Vec::new();
    for (name, address) in deployed.addresses.by_name() {
        let code = ring.l1.code(address, LATEST).await.unwrap();
        assert!(!code.is_empty(), "{name}");
        state.push((name, alloy_primitives::keccak256(code)));
    }
    state
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_survives_interruptions() {
    let ring = Ring::start(|config| config.l1_block_time = 1).await;
    let folder = tempfile::tempdir().unwrap();
    let broken = deployer(&ring, 5, &folder.path().join("broken"));
    let first_nonce = ring
        .l1
        .transaction_count(broken.config.deployer, LATEST)
        .await
        .unwrap();
    // Before anything is sent, amid proxies, implementations and initialisers, and after the origin
    // is settled. When a transaction is seen, up to twice as many as may be under way follow it.
    for stop in [0, 1, 14, 26, 39] {
        assert!(
            run_until(&broken, stop).await.is_none(),
            "stopped at {stop}"
        );
    }
    let resumed = broken.run(|_| {}).await.unwrap();
    let plan = opal_devnet::genesis::deploy_plan(&broken.config, first_nonce);
    assert_eq!(resumed.addresses, plan.addresses);
    // Nothing was sent twice: the nonce is that of one whole deployment.
    let last = opal_devnet::genesis::finish_plan(
        &broken.config,
        &plan.addresses,
        plan.next_nonce,
        Default::default(),
    );
    let nonce = ring
        .l1
        .transaction_count(broken.config.deployer, LATEST)
        .await
        .unwrap();
    assert_eq!(nonce, plan.next_nonce + last.len() as u64);

    // An uninterrupted one leaves the same behind.
    let whole = deployer(&ring, 6, folder.path());
    let straight = whole.run(|_| {}).await.unwrap();
    let names =
        |state: Vec<(String, B256)>| state.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(
        names(end_state(&ring, &resumed).await),
        names(end_state(&ring, &straight).await)
    );
    // A finished one has nothing left to do.
    assert_eq!(
        whole.run(|step| panic!("{step:?}")).await.unwrap(),
        straight
    );

    // The rollup starts where the deployment says, from what L1 holds.
    let output = Output::on_l1(
        &straight.config,
        &Artifacts::Embedded,
        straight.addresses,
        straight.origin,
    )
    .unwrap();
    assert_eq!(output.rollup.genesis.l2_time, straight.origin.time);
    let anchor = opal_devnet::genesis::anchor(&straight.config, &output.l2);
    let registry = straight.addresses.anchor_state_registry;
    // Slot 3 of the registry: root of the starting anchor.
    let root = ring
        .l1
        .storage_at(registry, U256::from(3), LATEST)
        .await
        .unwrap();
    assert_eq!(root, anchor.output_root);

    clear_errors(&ring, folder.path()).await;
    ring.stop().await;
}

async fn clear_errors(ring: &Ring, folder: &Path) {
    let with = |change: &dyn Fn(&mut Deployer)| {
        let mut deployer = deployer(ring, 7, &folder.join("errors"));
        change(&mut deployer);
        deployer
    };
    let error = async |deployer: Deployer| deployer.run(|_| {}).await.unwrap_err().to_string();
    let text = error(with(&|d| d.config.l1_chain_id = 1)).await;
    assert!(text.contains("chain"), "{text}");
    let text = error(with(&|d| {
        d.l1 = EthClient::new("http://127.0.0.1:1").unwrap()
    }))
    .await;
    assert!(text.contains("127.0.0.1:1"), "{text}");
    let text = error(with(&|d| d.config.deployer = Address::repeat_byte(1))).await;
    assert!(text.contains("roles.deployer"), "{text}");
    let poor = with(&|d| {
        d.key = alloy_signer_local::PrivateKeySigner::from_bytes(&B256::repeat_byte(9)).unwrap();
        d.config.deployer = d.key.address();
        d.state = folder.join("poor/deploy-state.json");
    });
    let found = poor.run(|_| {}).await.unwrap_err();
    assert!(
        matches!(found, DeployError::Funds { balance, needed, .. } if balance.is_zero() && needed > ether(0)),
        "{found}"
    );
    // The state of one deployment is of no use to another.
    let text = error(with(&|d| {
        d.state = folder.join("broken/deploy-state.json");
    }))
    .await;
    assert!(text.contains("another configuration"), "{text}");
}
