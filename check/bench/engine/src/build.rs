//! B2: blocks of our own, from the pool and from a given list.

use crate::{
    driver::{Driver, Prepared},
    meter::Samples,
    mixes::{Filler, Mix},
    raw::Raw,
    report::{Goal, Row},
    world::{GAS_LIMIT, World, attributes},
};
use alloy_consensus::Header;
use alloy_primitives::{Bytes, keccak256};
use opal_execution::VerifiedTx;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// Transactions that wait in the pool.
const POOL: u64 = 20_000;
const ROUNDS: usize = 9;

pub async fn run(world: &World, prepared: &mut Prepared) -> Vec<Row> {
    let mut driver = Driver::start(world, &prepared.copy()).await;
    let mut raw = Raw::new(&world.genesis());
    let mut filler = Filler::new(world);
    let mut rows = empty(&driver).await;
    for tx in filler.some(Mix::Tokens, POOL) {
        driver
            .engine
            .send_raw_transaction(tx)
            .await
            .expect("a good transaction");
    }
    for wait in [200, 1_000] {
        let (header, transactions) = from_pool(&driver, Duration::from_millis(wait)).await;
        rows.push(Row::cost(
            format!("B2 gas of a payload fetched after {wait} ms, pool of {POOL}"),
            "Mgas",
            [header.gas_used as f64 / 1e6, GAS_LIMIT as f64 / 1e6],
            Goal::AtLeast(0.98),
            format!(
                "`peer` is the gas limit; {} transactions",
                transactions.len()
            ),
        ));
    }
    let (mut pool, mut list) = (Samples::default(), Samples::default());
    let (mut raw_senders, mut raw_execution) = (Samples::default(), Samples::default());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let (header, transactions) = from_pool(&driver, Duration::ZERO).await;
        pool.push_time(start.elapsed());
        let start = Instant::now();
        let verified: Vec<VerifiedTx> = transactions
            .iter()
            .map(|tx| VerifiedTx::decode(tx.clone()).expect("a transaction"))
            .collect();
        let senders = start.elapsed();
        let start = Instant::now();
        let gas = raw.execute(&header, &verified);
        raw_execution.push_time(start.elapsed());
        raw_senders.push_time(senders + start.elapsed());
        assert_eq!(gas, header.gas_used, "the same work");
        // The same list on an engine that has not seen it: without the deposit, which is added.
        driver.engine.clear_pool();
        let start = Instant::now();
        let payload = driver.build(&transactions[1..]).await;
        list.push_time(start.elapsed());
        assert_eq!(payload.execution_payload.as_v1().gas_used, gas);
        driver.import(payload).await;
        for tx in filler.some(Mix::Tokens, 2_000) {
            driver
                .engine
                .send_raw_transaction(tx)
                .await
                .expect("a good transaction");
        }
    }
    let how = format!("median of {ROUNDS} rounds in turns; 30 Mgas of token transfers, wall time");
    rows.push(Row::cost(
        "B2 build of a list, FCU to getPayload / raw with senders",
        "ms",
        [list.median(), raw_senders.median()],
        Goal::AtMost(1.3),
        format!("{how}; the engine has not seen the transactions"),
    ));
    rows.push(Row::cost(
        "B2 build from the pool, FCU to getPayload / raw, senders known",
        "ms",
        [pool.median(), raw_execution.median()],
        Goal::None,
        format!("{how}; the deposits-only block, then the full one, both with their roots"),
    ));
    driver.engine.shutdown().await;
    rows
}

/// Starts a payload from the pool and fetches it some time later.
async fn from_pool(driver: &Driver, wait: Duration) -> (Header, Vec<Bytes>) {
    // Every payload must differ, or the job of the last one answers.
    static ASKED: AtomicU64 = AtomicU64::new(1);
    let asked = ASKED.fetch_add(1, Ordering::Relaxed);
    let mut attributes = attributes(driver.number + 1, &[], false);
    attributes.payload_attributes.prev_randao = keccak256(asked.to_be_bytes());
    let id = driver.start_build(attributes).await;
    tokio::time::sleep(wait).await;
    let payload = driver.fetch(id).await.execution_payload;
    let block: alloy_consensus::Block<Bytes> = payload.into_block_raw().expect("a payload");
    (block.header, block.body.transactions)
}

/// Payloads with nothing but the deposit.
async fn empty(driver: &Driver) -> Vec<Row> {
    let mut times = Samples::default();
    for i in 0..30u8 {
        let mut attributes = attributes(driver.number + 1, &[], true);
        attributes.payload_attributes.prev_randao.0[0] = i;
        let start = Instant::now();
        let id = driver.start_build(attributes).await;
        driver.fetch(id).await;
        times.push_time(start.elapsed());
    }
    vec![Row::value(
        "B2 deposits-only payload, FCU to getPayload",
        "ms",
        times.median(),
        Goal::ValueAtMost(5.0),
        format!(
            "median of {}, p99 {:.2} ms",
            times.len(),
            times.quantile(0.99)
        ),
    )]
}
