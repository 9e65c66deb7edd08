//! B4: the public server under load, beside anvil, and what the load does to imports.

use crate::{
    contracts::{TOKEN_A, balance_slot},
    driver::{Driver, Prepared, scratch},
    http::{Connection, flood, request},
    meter::Samples,
    mixes::{Filler, Mix},
    report::{Goal, Row},
    world::{CHAIN_ID, GAS_LIMIT, World},
};
use alloy_primitives::{Bytes, keccak256};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Holders on both servers.
const HOLDERS: u64 = 10_000;
const CONNECTIONS: usize = 64;
/// Small blocks, each with a few transfers.
const SMALL_BLOCKS: u64 = 1_000;
const TRANSFERS: u64 = 5;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(700);

pub async fn run() -> Vec<Row> {
    let world = World::new(HOLDERS, HOLDERS);
    let mut filler = Filler::new(&world);
    let mut blocks: Vec<Vec<Bytes>> = (0..SMALL_BLOCKS)
        .map(|_| filler.some(Mix::Tokens, TRANSFERS))
        .collect();
    blocks.push(filler.block(Mix::Tokens));
    let mut prepared = Prepared::new(&world).await;
    let mut driver = Driver::start(&world, &prepared.copy()).await;
    let mut builder = Driver::start(&world, &prepared.copy()).await;
    for block in &blocks {
        let payload = builder.build(block).await;
        builder.import(payload.clone()).await;
        driver.import(payload).await;
    }
    let url = driver.engine.rpc_url();
    let ours: SocketAddr = url
        .trim_start_matches("http://")
        .parse()
        .expect("an address");
    let anvil = Anvil::start(&world, &blocks).await;
    if anvil.is_none() {
        eprintln!("  no anvil: set OPAL_BENCH_ANVIL to its path");
    }
    let mut rows = Vec::new();
    for (name, requests) in workloads(&world, blocks.len() as u64) {
        let (mut mine, mut peer) = (Samples::default(), Samples::default());
        let mut p99 = Samples::default();
        for _ in 0..ROUNDS {
            let (rate, times) = flood(ours, &requests, CONNECTIONS, ROUND).await;
            mine.push(rate);
            p99.push(times.quantile(0.99));
            if let Some(anvil) = &anvil {
                peer.push(flood(anvil.addr, &requests, CONNECTIONS, ROUND).await.0);
            }
        }
        rows.push(Row::rate(
            format!("B4 {name}, {CONNECTIONS} connections / anvil"),
            "req/s",
            [mine.median(), peer.median()],
            Goal::AtLeast(1.0),
            format!(
                "median of {ROUNDS} rounds of {} ms in turns, client in this process; {} blocks; \
                 our p99 {:.1} ms",
                ROUND.as_millis(),
                blocks.len(),
                p99.median()
            ),
        ));
    }
    drop(anvil);
    let drivers = [&mut builder, &mut driver];
    rows.push(import_meanwhile(&world, drivers, &mut filler, ours).await);
    builder.engine.shutdown().await;
    driver.engine.shutdown().await;
    rows
}

fn workloads(world: &World, blocks: u64) -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let hex = |n: u64| format!("{n:#x}");
    let holders: Vec<_> = (0..200).map(|i| world.holder(i * 37 % HOLDERS)).collect();
    let topic = |i: usize| holders[i].into_word();
    let transfer = |i: usize| {
        let words = [
            Default::default(),
            topic(i).into(),
            alloy_primitives::U256::from(1),
        ];
        let data = crate::contracts::words(&words);
        json!({"from": holders[(i + 1) % 200], "to": TOKEN_A, "data": data})
    };
    let many = |method: &str, params: &dyn Fn(usize) -> Value| -> Vec<Vec<u8>> {
        (0..200)
            .map(|i| request(method, &params(i), None))
            .collect()
    };
    let signature = keccak256("Transfer(address,address,uint256)");
    vec![
        (
            "eth_getBalance",
            many("eth_getBalance", &|i| json!([holders[i], "latest"])),
        ),
        (
            "eth_getStorageAt",
            many("eth_getStorageAt", &|i| {
                json!([
                    TOKEN_A,
                    format!("{:#066x}", balance_slot(holders[i])),
                    "latest"
                ])
            }),
        ),
        (
            "eth_call",
            many("eth_call", &|i| json!([transfer(i), "latest"])),
        ),
        (
            "eth_estimateGas",
            many("eth_estimateGas", &|i| json!([transfer(i)])),
        ),
        (
            "eth_getLogs of one holder, 1,000 blocks",
            many("eth_getLogs", &|i| {
                let range = json!({
                    "fromBlock": hex(1), "toBlock": hex(blocks - 1), "address": TOKEN_A,
                    "topics": [signature, topic(i)],
                });
                json!([range])
            }),
        ),
        (
            "eth_getBlockReceipts of 780",
            many("eth_getBlockReceipts", &|_| json!([hex(blocks)])),
        ),
    ]
}

/// Imports with and without a flood of requests at half the rate that the server bears.
async fn import_meanwhile(
    world: &World,
    [builder, driver]: [&mut Driver; 2],
    filler: &mut Filler<'_>,
    ours: SocketAddr,
) -> Row {
    let (_, requests) = workloads(world, driver.number).swap_remove(0);
    let (mut quiet, mut loud) = (Samples::default(), Samples::default());
    for _ in 0..8 {
        for flooded in [false, true] {
            let payload = builder.build(&filler.block(Mix::Tokens)).await;
            builder.import(payload.clone()).await;
            let flooding = flooded.then(|| {
                let requests = requests.clone();
                tokio::spawn(async move { flood(ours, &requests, 8, ROUND).await })
            });
            tokio::time::sleep(Duration::from_millis(200)).await;
            let time = driver.import(payload).await.total();
            if flooded { &mut loud } else { &mut quiet }.push_time(time);
            if let Some(flooding) = flooding {
                flooding.await.expect("no panic");
            }
        }
    }
    Row::cost(
        "B4 import during a flood of eth_getBalance / in quiet",
        "ms",
        [loud.median(), quiet.median()],
        Goal::AtMost(1.1),
        "median of 8 blocks each in turns; 8 connections without pause, whose client takes its \
         share of the same cores",
    )
}

/// The peer, if it is installed.
struct Anvil {
    child: Child,
    addr: SocketAddr,
}

impl Anvil {
    async fn start(world: &World, blocks: &[Vec<Bytes>]) -> Option<Self> {
        let program = std::env::var_os("OPAL_BENCH_ANVIL").filter(|p| !p.is_empty())?;
        let genesis = scratch().join("anvil-genesis.json");
        let mut content = world.genesis();
        content.extra_data = Bytes::new();
        std::fs::write(&genesis, serde_json::to_vec(&content).expect("plain data")).ok()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .ok()?
            .local_addr()
            .ok()?
            .port();
        let child = Command::new(program)
            .args(["--optimism", "--no-mining", "--silent", "--accounts", "1"])
            // Otherwise every block leaves a copy of the state on disk.
            .arg("--prune-history")
            .args([
                "--port",
                &port.to_string(),
                "--chain-id",
                &CHAIN_ID.to_string(),
            ])
            .args(["--gas-limit", &GAS_LIMIT.to_string(), "--order", "fifo"])
            .arg("--init")
            .arg(&genesis)
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        let anvil = Self { child, addr };
        for _ in 0..200 {
            if std::net::TcpStream::connect(addr).is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let mut connection = Connection::open(addr).await;
        for block in blocks {
            for tx in block {
                connection.call("eth_sendRawTransaction", json!([tx])).await;
            }
            connection.call("evm_mine", json!([])).await;
        }
        Some(anvil)
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
