//! How fast the engine is; run by hand with `--ignored --nocapture`.

use crate::world::{self, Driver, transfer, user};
use alloy_primitives::Address;
use opal_protocol::Fork;
use std::time::{Duration, Instant};

const TRANSFERS: u64 = 1_300;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, not a check"]
async fn building_and_importing_full_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = world::config(Fork::Karst);
    config.datadir = Some(dir.path().to_path_buf());
    config.pool.per_sender_max = 100_000;
    let mut builder = Driver::start(config, Fork::Karst).await;
    let mut follower = Driver::start(world::config(Fork::Karst), Fork::Karst).await;
    let (mut build, mut import, mut send) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let blocks = 10;
    for block in 0..blocks {
        let signed: Vec<_> = (0..TRANSFERS)
            .map(|i| {
                let to = Address::left_padding_from(&(block * TRANSFERS + i).to_be_bytes());
                transfer(&user(0), block * TRANSFERS + i, to, 1)
            })
            .collect();
        let started = Instant::now();
        for tx in signed {
            builder.send(tx).await;
        }
        send += started.elapsed();
        let started = Instant::now();
        let payload = builder.build().await;
        build += started.elapsed();
        let count = payload.execution_payload.transactions().len() as u64;
        assert_eq!(count, TRANSFERS + 1);
        let started = Instant::now();
        follower.insert(&payload).await;
        import += started.elapsed();
    }
    let gas = (blocks * TRANSFERS * 21_000) as f64 / 1e6;
    println!(
        "pool: {:.0} tx/s",
        (blocks * TRANSFERS) as f64 / send.as_secs_f64()
    );
    println!("build: {:.0} Mgas/s", gas / build.as_secs_f64());
    println!("import: {:.0} Mgas/s", gas / import.as_secs_f64());
}
