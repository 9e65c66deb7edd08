//! What is left after a stop, a crash, and with somebody else's directory.

use crate::world::{self, Driver, transfer, user};
use alloy_primitives::Address;
use opal_engine::{Engine, EngineConfig, StartError, StoreError};
use opal_protocol::Fork;
use opal_rpc::BlockTag;
use std::{path::Path, time::Duration};

fn config(dir: &Path, flush_interval: Duration) -> EngineConfig {
    let datadir = Some(dir.to_path_buf());
    EngineConfig {
        datadir,
        flush_interval,
        ..world::config(Fork::Karst)
    }
}

async fn grow(driver: &mut Driver, blocks: u64) {
    for _ in 0..blocks {
        let nonce = driver.number;
        driver
            .send(transfer(&user(0), nonce, Address::repeat_byte(9), 1))
            .await;
        driver.build().await;
    }
}

/// A crash leaves threads that hold the file for a moment.
async fn reopen(config: EngineConfig) -> Driver {
    for _ in 0..100 {
        match Engine::start(config.clone()).await {
            Err(StartError::Store(StoreError::InUse(_))) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(other) => panic!("{other}"),
            Ok(engine) => {
                engine.shutdown().await;
                break;
            }
        }
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    for _ in 0..100 {
        if let Ok(engine) = Engine::start(config.clone()).await {
            let head = *engine.head().borrow();
            return Driver {
                api: engine.api(),
                engine,
                head: head.hash,
                number: head.number,
                time: head.timestamp,
                fork: Fork::Karst,
            };
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the database stays locked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_engine_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), Duration::from_secs(3600));
    let mut driver = Driver::start(config.clone(), Fork::Karst).await;
    grow(&mut driver, 5).await;
    let mut state = driver.state(driver.head);
    let first = driver
        .api
        .block(BlockTag::Number(1))
        .await
        .unwrap()
        .unwrap();
    state.safe_block_hash = first.hash;
    driver.api.forkchoice_updated(state, None).await.unwrap();
    let head = driver.head;
    driver.engine.shutdown().await;
    drop(driver);

    let mut driver = reopen(config).await;
    assert_eq!((driver.head, driver.number), (head, 5));
    assert_eq!(
        driver
            .api
            .block(BlockTag::Safe)
            .await
            .unwrap()
            .unwrap()
            .hash,
        first.hash
    );
    grow(&mut driver, 3).await;
    assert_eq!(driver.number, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_shutdown_the_directory_is_free_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), Duration::ZERO);
    let mut handles = Vec::new();
    for round in 0..3 {
        let mut driver = Driver::start(config.clone(), Fork::Karst).await;
        assert_eq!(driver.number, 2 * round);
        grow(&mut driver, 2).await;
        driver.engine.shutdown().await;
        // Whoever keeps a handle does not keep the file.
        handles.push(driver);
    }
}

#[test]
fn a_crash_loses_only_what_was_not_flushed() {
    let dir = tempfile::tempdir().unwrap();
    for (interval, wait, kept) in [
        (Duration::ZERO, true, 6),
        (Duration::from_secs(3600), false, 6),
    ] {
        // The runtime goes away under the engine: nothing is told to stop.
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let config = config(dir.path(), interval);
        let head = runtime.block_on(async {
            let mut driver = reopen(config.clone()).await;
            let start = driver.number;
            grow(&mut driver, 6).await;
            if wait {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            assert_eq!(driver.number, start + 6);
            driver.head
        });
        runtime.shutdown_timeout(Duration::from_millis(100));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut driver = reopen(config).await;
            assert_eq!(driver.number, kept);
            assert_eq!(driver.head == head, wait);
            let next = driver.build().await;
            assert_eq!(next.execution_payload.block_number(), kept + 1);
            // Leave it as it was for the second round.
            let back = driver
                .api
                .block(BlockTag::Number(kept))
                .await
                .unwrap()
                .unwrap();
            driver.set_head(back.hash).await;
            driver.engine.shutdown().await;
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_has_one_user_and_one_chain() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), Duration::ZERO);
    let driver = Driver::start(config.clone(), Fork::Karst).await;
    let second = Engine::start(config.clone()).await.unwrap_err();
    assert!(
        matches!(second, StartError::Store(StoreError::InUse(_))),
        "{second}"
    );
    driver.engine.shutdown().await;
    drop(driver);
    reopen(config.clone()).await.engine.shutdown().await;

    let mut foreign = config.clone();
    foreign.genesis.timestamp += 1;
    let error = loop {
        match Engine::start(foreign.clone()).await.unwrap_err() {
            StartError::Store(StoreError::InUse(_)) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            other => break other,
        }
    };
    assert!(
        matches!(error, StartError::Store(StoreError::ForeignChain { .. })),
        "{error}"
    );

    std::fs::write(dir.path().join("opal.mdbx"), vec![7u8; 10_000]).unwrap();
    let error = Engine::start(config).await.unwrap_err();
    assert!(
        matches!(error, StartError::Store(StoreError::Damaged { .. })),
        "{error}"
    );
}

/// Not a test but what [`a_killed_process_reopens_at_its_last_flush`] starts and kills.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs until it is killed"]
async fn until_killed() {
    let Ok(dir) = std::env::var(KILLED_DIR) else {
        return;
    };
    let mut driver = reopen(config(Path::new(&dir), Duration::ZERO)).await;
    loop {
        let nonce = driver.number;
        driver
            .send(transfer(&user(0), nonce, Address::repeat_byte(9), 1))
            .await;
        driver.build().await;
        // What is read back in the parent must have been true before.
        std::fs::write(Path::new(&dir).join("progress"), driver.number.to_string()).unwrap();
    }
}

const KILLED_DIR: &str = "OPAL_TEST_KILLED_DIR";

#[test]
fn a_killed_process_reopens_at_its_last_flush() {
    let dir = tempfile::tempdir().unwrap();
    let mut reached = 0;
    for round in 0..6u64 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["restart::until_killed", "--exact", "--ignored"])
            .env(KILLED_DIR, dir.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(700 + 37 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let progress = std::fs::read_to_string(dir.path().join("progress")).unwrap_or_default();
        let progress: u64 = progress.parse().unwrap_or(0);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut driver = reopen(config(dir.path(), Duration::ZERO)).await;
            assert!(driver.number >= reached, "{} < {reached}", driver.number);
            // One flush runs, one more may be due: each takes some milliseconds.
            assert!(
                driver.number + 60 > progress,
                "{} of {progress}",
                driver.number
            );
            // Every block of the chain is there, and the state takes another one.
            for number in 0..=driver.number {
                let block = driver.api.block(BlockTag::Number(number)).await.unwrap();
                assert!(block.is_some(), "block {number} of {}", driver.number);
            }
            grow(&mut driver, 1).await;
            driver.engine.shutdown().await;
            reached = driver.number;
        });
    }
    assert!(reached > 6, "no progress: {reached}");
}
