//! A devnet on a rollup whose contracts are on L1 already, from its files and its keys.

use crate::kit::{Ring, ether, eventually};
use alloy_primitives::{B256, Bytes};
use opal_devnet::{
    Devnet, DevnetConfig, ExistingRollup, ExternalL1,
    genesis::{Artifacts, Deployer, Deployment, Output},
};
use opal_rpc::EthClient;
use opal_txmgr::TxManagerConfig;
use serde_json::{Value, json};
use std::{fs, path::Path};

/// Accounts of the devnet below that own, batch and propose for the rollup above.
const OWNER: usize = 5;
const BATCHER: usize = 6;
const PROPOSER: usize = 7;

/// Deploys a rollup on the L1 of `below`, with its files in `folder`.
async fn deploy(below: &Ring, folder: &Path) -> Output {
    let address = |n: usize| below.wallet(n).address();
    let text = format!(
        "roles = {{ deployer = \"{0}\", owner = \"{0}\", batcher = \"{1}\", proposer = \"{2}\" }}\n\
         l2.chain_id = 4242\nl2.block_time = 1\naccounts.service_funds = \"0\"",
        address(OWNER),
        address(BATCHER),
        address(PROPOSER)
    );
    let mut tx_manager = TxManagerConfig::devnet();
    tx_manager.queue.max_pending = 16;
    let deployer = Deployer {
        config: Deployment::parse(&text).unwrap().config,
        key: below.wallet(OWNER).key,
        l1: EthClient::new(&below.about.l1.rpc).unwrap(),
        tx_manager,
        state: folder.join("deploy-state.json"),
    };
    let deployed = deployer.run(|_| {}).await.unwrap();
    let output = Output::on_l1(
        &deployed.config,
        &Artifacts::Embedded,
        deployed.addresses,
        deployed.origin,
    )
    .unwrap();
    output.files.write(folder).unwrap();
    output
}

fn config(below: &Ring, files: &Path, datadir: &Path) -> DevnetConfig {
    DevnetConfig {
        ephemeral: false,
        external_l1: Some(ExternalL1 {
            rpc: below.about.l1.rpc.clone(),
            beacon: below.about.l1.beacon.clone(),
            trust_rpc: false,
        }),
        rollup: Some(ExistingRollup {
            config: files.join("rollup.json"),
            genesis: files.join("genesis.json"),
            batcher: below.wallet(BATCHER).key,
            proposer: Some(below.wallet(PROPOSER).key),
        }),
        ..DevnetConfig::ephemeral(datadir.to_owned())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_devnet_joins_a_rollup_that_exists() {
    let below = Ring::start(|_| {}).await;
    let files = tempfile::tempdir().unwrap();
    let made = deploy(&below, files.path()).await;
    refusals(&below, files.path()).await;

    let datadir = tempfile::tempdir().unwrap();
    let config = config(&below, files.path(), datadir.path());
    let ring = Ring::resume(config.clone()).await;
    assert_eq!(ring.about.l2.chain_id, 4242);
    // Nothing was deployed: the contracts are those that the files know of, found through two of them.
    let by_name = made.addresses.by_name();
    for name in [
        "DisputeGameFactoryProxy",
        "L1StandardBridgeProxy",
        "L1CrossDomainMessengerProxy",
        "AnchorStateRegistryProxy",
        "OptimismPortal",
    ] {
        assert_eq!(ring.contract(name), by_name[name], "{name}");
    }
    let roles: Vec<_> = ring.about.roles.keys().map(String::as_str).collect();
    assert_eq!(roles, ["batcher", "proposer"], "no keys that nobody gave");
    let somebody = ring.wallet(1).address();
    ring.wallet(0)
        .send(&ring.sequencer, somebody, ether(1), Bytes::new())
        .await;
    ring.assert_in_step(3).await;
    // Games begin, of the type that the portal respects, by the key that was given.
    let factory = ring.contract("DisputeGameFactoryProxy");
    eventually("a proposal is on L1", async || {
        // gameCount()
        let call = json!({"to": factory, "data": "0x4d1975b4"});
        let count: B256 = ring.l1.request("eth_call", (call, "latest")).await.unwrap();
        if count.is_zero() { Err(count) } else { Ok(()) }
    })
    .await;
    ring.stop().await;

    // It resumes with the same files, and not with another batcher's key.
    let mut other = config.clone();
    other.rollup.as_mut().unwrap().batcher = below.wallet(PROPOSER).key;
    let words = refusal(&other).await;
    assert!(words.contains("OPAL_BATCHER_PRIVATE_KEY"), "{words}");
    let ring = Ring::resume(config).await;
    ring.assert_in_step(2).await;
    ring.stop().await;
    below.stop().await;
}

async fn refusal(config: &DevnetConfig) -> String {
    match Devnet::launch(config).await {
        Ok(_) => panic!("it started"),
        Err(error) => error.to_string(),
    }
}

/// What does not fit together is refused, by the name of what is wrong.
async fn refusals(below: &Ring, files: &Path) {
    let datadir = tempfile::tempdir().unwrap();
    let changed = tempfile::tempdir().unwrap();
    let read = |name: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(files.join(name)).unwrap()).unwrap()
    };
    let refused = async |change: &dyn Fn(&mut Value, &mut Value)| {
        let (mut rollup, mut genesis) = (read("rollup.json"), read("genesis.json"));
        change(&mut rollup, &mut genesis);
        fs::write(changed.path().join("rollup.json"), rollup.to_string()).unwrap();
        fs::write(changed.path().join("genesis.json"), genesis.to_string()).unwrap();
        refusal(&config(below, changed.path(), datadir.path())).await
    };
    let words = refused(&|rollup, _| rollup["l1_chain_id"] = json!(1)).await;
    assert!(words.contains("chain") && words.contains("900"), "{words}");
    let words = refused(&|rollup, _| rollup["genesis"]["l1"]["hash"] = json!(B256::ZERO)).await;
    assert!(
        words.contains("genesis.l1") && words.contains("right L1"),
        "{words}"
    );
    let words = refused(&|rollup, _| rollup["genesis"]["l1"]["number"] = json!(1_000_000)).await;
    assert!(words.contains("does not have"), "{words}");
    let words = refused(&|_, genesis| genesis["config"]["chainId"] = json!(7)).await;
    assert!(words.contains("chain id 7"), "{words}");
    let words = refused(&|_, genesis| genesis["timestamp"] = json!("0x1")).await;
    assert!(words.contains("genesis.l2_time"), "{words}");
    let rich = format!("{:?}", below.wallet(0).address());
    let words = refused(&|_, genesis| genesis["alloc"][&rich]["balance"] = json!("0x1")).await;
    assert!(words.contains("genesis.l2.hash"), "{words}");
    let portal = |rollup: &mut Value| rollup["deposit_contract_address"] = json!(rich);
    let words = refused(&|rollup, _| portal(rollup)).await;
    assert!(words.contains("deposit_contract_address"), "{words}");
    let words = refused(&|rollup, _| rollup["l1_system_config_address"] = json!(rich)).await;
    assert!(words.contains("no SystemConfig"), "{words}");
    let words = refused(&|rollup, _| rollup["block_time"] = json!(0)).await;
    assert!(
        words.contains("rollup.json") && words.contains("block_time"),
        "{words}"
    );

    let mut elsewhere = config(below, files, datadir.path());
    elsewhere.rollup.as_mut().unwrap().config = files.join("no-such.json");
    let words = refusal(&elsewhere).await;
    assert!(words.contains("no-such.json"), "{words}");
    elsewhere = config(below, files, datadir.path());
    elsewhere.external_l1 = None;
    let words = refusal(&elsewhere).await;
    assert!(words.contains("--l1.rpc"), "{words}");
}
