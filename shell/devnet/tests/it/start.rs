//! Starting: resuming where it stopped, and clear words where it cannot start.

use crate::kit::{Ring, block_hash, ether, eventually};
use alloy_primitives::Bytes;
use opal_devnet::{Devnet, DevnetConfig, ExternalL1};
use std::{fs, path::Path};

fn on_disk(folder: &Path) -> DevnetConfig {
    DevnetConfig {
        ephemeral: false,
        ..DevnetConfig::ephemeral(folder.to_owned())
    }
}

/// The words with which a devnet refuses to start.
async fn refusal(config: &DevnetConfig) -> String {
    match Devnet::launch(config).await {
        Ok(_) => panic!("it started"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let ring = Ring::resume(on_disk(folder.path())).await;
    let somebody = ring.wallet(1).address();
    ring.wallet(0)
        .send(&ring.sequencer, somebody, ether(1), Bytes::new())
        .await;
    ring.assert_in_step(3).await;
    let safe = ring.safe().await;
    let hash = block_hash(&ring.verifier, safe).await.unwrap();
    let genesis = ring.about.rollup_config["genesis"].clone();
    let config = ring.config.clone();
    ring.stop().await;

    let ring = Ring::resume(config).await;
    assert_eq!(
        ring.about.rollup_config["genesis"], genesis,
        "it is the same chain"
    );
    assert_eq!(block_hash(&ring.verifier, safe).await, Some(hash));
    assert_eq!(block_hash(&ring.sequencer, safe).await, Some(hash));
    eventually("the chain goes on", async || {
        let now = ring.safe().await;
        if now > safe + 3 {
            Ok(())
        } else {
            Err((now, safe))
        }
    })
    .await;
    ring.assert_in_step(2).await;
    ring.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_port_is_named() {
    let busy = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = busy.local_addr().unwrap().port();
    for choose in [
        |c: &mut DevnetConfig, port| c.ports.l1_rpc = port,
        |c: &mut DevnetConfig, port| c.ports.l1_beacon = port,
        |c: &mut DevnetConfig, port| c.ports.sequencer_engine = port,
        |c: &mut DevnetConfig, port| c.ports.verifier_node = port,
        |c: &mut DevnetConfig, port| c.ports.batcher = port,
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut config = DevnetConfig::ephemeral(folder.path().to_owned());
        choose(&mut config, port);
        let words = refusal(&config).await;
        assert!(words.contains(&port.to_string()), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_or_corrupt_data_directory_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("genesis")).unwrap();
    fs::write(folder.path().join("genesis/rollup.json"), "{ not json").unwrap();
    let words = refusal(&on_disk(folder.path())).await;
    assert!(
        words.contains("rollup.json") || words.contains("genesis"),
        "{words}"
    );

    // Another chain's database in the place of ours.
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for folder in [&one, &two] {
        Devnet::launch(&on_disk(folder.path()))
            .await
            .unwrap()
            .shutdown()
            .await;
        // Genesis times differ by at least a second, so the chains do.
        tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    }
    fs::remove_dir_all(one.path().join("sequencer")).unwrap();
    fs::rename(two.path().join("sequencer"), one.path().join("sequencer")).unwrap();
    let words = refusal(&on_disk(one.path())).await;
    assert!(words.contains("sequencer"), "{words}");

    // A data directory in use.
    let folder = tempfile::tempdir().unwrap();
    let running = Devnet::launch(&on_disk(folder.path())).await.unwrap();
    let words = refusal(&on_disk(folder.path())).await;
    assert!(words.contains("use") || words.contains("lock"), "{words}");
    running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusable_l1_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = DevnetConfig::ephemeral(folder.path().to_owned());
    config.external_l1 = Some(ExternalL1 {
        rpc: "http://127.0.0.1:9".into(),
        beacon: "http://127.0.0.1:9".into(),
        trust_rpc: false,
    });
    let words = refusal(&config).await;
    assert!(words.contains("127.0.0.1:9"), "{words}");

    config.external_l1 = Some(ExternalL1 {
        rpc: "not a url".into(),
        beacon: "http://127.0.0.1:9".into(),
        trust_rpc: false,
    });
    let words = refusal(&config).await;
    assert!(words.contains("URL") || words.contains("url"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_engine_secret_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("jwt.hex"), "0x1234").unwrap();
    let words = refusal(&DevnetConfig::ephemeral(folder.path().to_owned())).await;
    assert!(words.contains("jwt.hex") || words.contains("32"), "{words}");
}

/// The L1 of one devnet carries another: contracts are deployed by transactions, and the chain id
/// is checked when it resumes.
#[tokio::test(flavor = "multi_thread")]
async fn a_devnet_runs_on_an_l1_that_is_not_its_own() {
    let below = Ring::start(|_| {}).await;
    // Both batchers have the same key, so one of them must be silent.
    let _: serde_json::Value = below
        .batcher
        .request_once("admin_stopBatcher", ())
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = DevnetConfig {
        external_l1: Some(ExternalL1 {
            rpc: below.about.l1.rpc.clone(),
            beacon: below.about.l1.beacon.clone(),
            trust_rpc: false,
        }),
        ..on_disk(folder.path())
    };
    let ring = Ring::resume(config.clone()).await;
    let somebody = ring.wallet(1).address();
    ring.wallet(0)
        .send(&ring.sequencer, somebody, ether(1), Bytes::new())
        .await;
    ring.assert_in_step(3).await;
    ring.stop().await;

    // An L1 of another chain id: the rollup itself serves as one.
    let mut elsewhere = config.clone();
    elsewhere.external_l1.as_mut().unwrap().rpc = below.about.l2.sequencer.rpc.clone();
    let words = refusal(&elsewhere).await;
    assert!(words.contains("901") && words.contains("900"), "{words}");

    // And a data directory that belongs to an external L1 does not start the built-in one.
    let words = refusal(&on_disk(folder.path())).await;
    assert!(words.contains("--l1.rpc"), "{words}");

    let ring = Ring::resume(config).await;
    ring.assert_in_step(2).await;
    ring.stop().await;
    below.stop().await;
}
