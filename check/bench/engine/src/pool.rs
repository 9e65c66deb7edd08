//! B6: transactions of strangers into the pool.

use crate::{
    driver::{Driver, Prepared},
    meter::Samples,
    mixes::{Filler, Mix},
    report::{Goal, Row},
    world::World,
};
use alloy_primitives::Bytes;
use opal_execution::VerifiedTx;
use rayon::prelude::*;
use std::{sync::Arc, time::Instant};

/// Transactions per round.
const COUNT: u64 = 4_000;
const ROUNDS: usize = 7;
/// Clients that send at once.
const CLIENTS: usize = 16;

pub async fn run(world: &World, prepared: &mut Prepared) -> Vec<Row> {
    let driver = Driver::start(world, &prepared.copy()).await;
    let engine = Arc::new(driver.engine);
    let mut filler = Filler::new(world);
    let (mut ours, mut bare) = (Samples::default(), Samples::default());
    for _ in 0..ROUNDS {
        let transactions = filler.some(Mix::Tokens, COUNT);
        let start = Instant::now();
        let senders: usize = transactions
            .par_iter()
            .map(|tx| {
                VerifiedTx::decode(tx.clone()).map_or(0, |tx| usize::from(!tx.sender.is_zero()))
            })
            .sum();
        bare.push(COUNT as f64 / start.elapsed().as_secs_f64());
        assert_eq!(senders, transactions.len());
        let start = Instant::now();
        let clients: Vec<_> = transactions
            .chunks(transactions.len() / CLIENTS)
            .map(|chunk| {
                let (chunk, engine): (Vec<Bytes>, _) = (chunk.to_vec(), engine.clone());
                tokio::spawn(async move {
                    for tx in chunk {
                        engine
                            .send_raw_transaction(tx)
                            .await
                            .expect("a good transaction");
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.expect("no panic");
        }
        ours.push(COUNT as f64 / start.elapsed().as_secs_f64());
    }
    engine.shutdown().await;
    vec![Row::rate(
        "B6 pool insert / bare decode and recover, all cores",
        "tx/s",
        [ours.median(), bare.median()],
        Goal::AtLeast(0.8),
        format!(
            "median of {ROUNDS} rounds of {COUNT} token transfers in turns; {CLIENTS} clients in \
             process; bare is decoding and libsecp256k1 on all cores with nothing else"
        ),
    )]
}
