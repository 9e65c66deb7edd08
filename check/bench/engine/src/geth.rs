//! B1 beside go-ethereum: the same token transfers, in blocks of Ethereum there and of an OP chain
//! here, both through the Engine API over HTTP.

use crate::{
    driver::{Driver, scratch},
    http::{Connection, request},
    meter::Samples,
    mixes::{Filler, Mix},
    report::{Goal, Row},
    world::{BLOCK_TIME, CHAIN_ID, GENESIS_TIME, World},
};
use alloy_consensus::Header;
use alloy_eips::eip7840::BlobParams;
use alloy_genesis::Genesis;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rpc_types_engine::{ExecutionPayloadV1, ExecutionPayloadV2, ExecutionPayloadV3};
use op_alloy_rpc_types_engine::OpExecutionPayload;
use opal_engine::{EngineConfig, JwtSecret, L1BlockAttributes};
use opal_execution::{ChainConfig, ChainKind, EthereumRules};
use opal_rpc::BlockTag;
use serde_json::{Value, json};
use std::{
    ffi::OsString,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const HOLDERS: u64 = 100_000;
const BLOCKS: usize = 12;
/// Transfers of a block; some less than fit, so that every block of either chain takes all.
const TRANSFERS: u64 = 760;
const BEACON_ROOT: B256 = B256::repeat_byte(4);

pub async fn run() -> Vec<Row> {
    let Some(program) = std::env::var_os("OPAL_BENCH_GETH").filter(|p| !p.is_empty()) else {
        eprintln!("  no go-ethereum: set OPAL_BENCH_GETH to its path");
        return Vec::new();
    };
    let world = World::new(HOLDERS, 20_000);
    let mut filler = Filler::new(&world);
    let blocks: Vec<Vec<Bytes>> = (0..BLOCKS)
        .map(|_| filler.some(Mix::Tokens, TRANSFERS))
        .collect();
    let theirs = ethereum_payloads(&world, &blocks).await;
    let dir = tempfile::tempdir_in(scratch()).expect("a directory");
    let secret = JwtSecret::random();
    let geth = Geth::start(&program, dir.path(), &ethereum_genesis(&world), &secret).await;

    let mut builder = Driver::start(&world, &dir.path().join("builder")).await;
    let mut config = EngineConfig::new(World::chain(), world.genesis());
    config.datadir = Some(dir.path().join("opal"));
    config.auth_addr = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.jwt = Some(secret.clone());
    let ours = Driver::with(config).await;
    let url = ours.engine.auth_url().expect("an authenticated server");
    let addr: SocketAddr = url
        .trim_start_matches("http://")
        .parse()
        .expect("an address");

    let (mut mine, mut peer) = (Samples::default(), Samples::default());
    let mut here = Connection::open(addr).await;
    let mut there = Connection::open(geth.addr).await;
    for (block, (hash, params)) in blocks.iter().zip(theirs) {
        let payload = builder.build(block).await;
        builder.import(payload.clone()).await;
        let own_hash = payload.execution_payload.block_hash();
        let OpExecutionPayload::V4(payload) = payload.execution_payload else {
            panic!("payloads of Karst have version 4");
        };
        let own = json!([payload, [], BEACON_ROOT, []]);
        mine.push_time(import(&mut here, &secret, "engine_newPayloadV4", &own, own_hash).await);
        peer.push_time(import(&mut there, &secret, "engine_newPayloadV3", &params, hash).await);
    }
    builder.engine.shutdown().await;
    ours.engine.shutdown().await;
    vec![Row::cost(
        format!(
            "B1 tokens over {HOLDERS} holders, HTTP: import / go-ethereum {}",
            geth.version
        ),
        "ms",
        [mine.median(), peer.median()],
        Goal::AtMost(1.0),
        format!(
            "newPayload and FCU over HTTP with JWT, median of {BLOCKS} blocks of {TRANSFERS} token \
             transfers in turns; there Ethereum at Cancun, here an OP chain at Karst with its \
             deposit and L1 fees"
        ),
    )]
}

/// Sends a payload and makes it head; answers with the time of both calls.
async fn import(
    connection: &mut Connection,
    secret: &JwtSecret,
    method: &str,
    params: &Value,
    hash: B256,
) -> Duration {
    let token = secret.token();
    let state = json!([{
        "headBlockHash": hash, "safeBlockHash": B256::ZERO, "finalizedBlockHash": B256::ZERO,
    }, null]);
    let insert = request(method, params, Some(&token));
    let choose = request("engine_forkchoiceUpdatedV3", &state, Some(&token));
    let start = Instant::now();
    let inserted = connection.exchange(&insert).await;
    let chosen = connection.exchange(&choose).await;
    let time = start.elapsed();
    for answer in [inserted, chosen] {
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.contains("\"VALID\""), "{answer}");
    }
    time
}

fn ethereum_chain() -> ChainConfig {
    let rules = EthereumRules {
        shanghai_time: Some(0),
        cancun_time: Some(0),
        blob_schedule: vec![(0, BlobParams::cancun())],
        ..EthereumRules::default()
    };
    ChainConfig {
        chain_id: CHAIN_ID,
        kind: ChainKind::Ethereum(rules),
    }
}

fn ethereum_genesis(world: &World) -> Genesis {
    let mut genesis = world.genesis();
    genesis.extra_data = Bytes::new();
    genesis
}

/// Blocks of Ethereum with these transactions: their hashes and the parameters of newPayload.
async fn ethereum_payloads(world: &World, blocks: &[Vec<Bytes>]) -> Vec<(B256, Value)> {
    let mut config = EngineConfig::new(ethereum_chain(), ethereum_genesis(world));
    config.pool.transactions_max = 100_000;
    let driver = Driver::with(config).await;
    let mut payloads = Vec::new();
    for (i, block) in blocks.iter().enumerate() {
        for tx in block {
            let sent = driver.engine.send_raw_transaction(tx.clone()).await;
            sent.expect("a good transaction");
        }
        let attributes = L1BlockAttributes {
            timestamp: GENESIS_TIME + (i as u64 + 1) * BLOCK_TIME,
            parent_beacon_block_root: BEACON_ROOT,
            fee_recipient: Address::repeat_byte(9),
            ..L1BlockAttributes::default()
        };
        let built = driver
            .engine
            .build_block(attributes)
            .await
            .expect("a block");
        let heads = driver.engine.set_heads(built.hash, B256::ZERO, B256::ZERO);
        heads.await.expect("a new head");
        let found = driver.api.block(BlockTag::Hash(built.hash)).await;
        let transactions = found.expect("readable").expect("known").transactions;
        assert_eq!(transactions.len(), block.len(), "the block takes all");
        let payload = execution_payload(built.hash, &built.header, transactions);
        payloads.push((built.hash, json!([payload, [], BEACON_ROOT])));
    }
    driver.engine.shutdown().await;
    payloads
}

fn execution_payload(hash: B256, header: &Header, transactions: Vec<Bytes>) -> ExecutionPayloadV3 {
    let payload_inner = ExecutionPayloadV1 {
        parent_hash: header.parent_hash,
        fee_recipient: header.beneficiary,
        state_root: header.state_root,
        receipts_root: header.receipts_root,
        logs_bloom: header.logs_bloom,
        prev_randao: header.mix_hash,
        block_number: header.number,
        gas_limit: header.gas_limit,
        gas_used: header.gas_used,
        timestamp: header.timestamp,
        extra_data: header.extra_data.clone(),
        base_fee_per_gas: U256::from(header.base_fee_per_gas.unwrap_or_default()),
        block_hash: hash,
        transactions,
    };
    ExecutionPayloadV3 {
        payload_inner: ExecutionPayloadV2 {
            payload_inner,
            withdrawals: Vec::new(),
        },
        blob_gas_used: header.blob_gas_used.unwrap_or_default(),
        excess_blob_gas: header.excess_blob_gas.unwrap_or_default(),
    }
}

/// The peer as a process of its own.
struct Geth {
    child: Child,
    addr: SocketAddr,
    version: String,
}

impl Geth {
    async fn start(program: &OsString, dir: &Path, genesis: &Genesis, jwt: &JwtSecret) -> Self {
        let mut file = serde_json::to_value(genesis).expect("plain data");
        file["config"] = json!({
            "chainId": CHAIN_ID, "homesteadBlock": 0, "eip150Block": 0, "eip155Block": 0,
            "eip158Block": 0, "byzantiumBlock": 0, "constantinopleBlock": 0,
            "petersburgBlock": 0, "istanbulBlock": 0, "berlinBlock": 0, "londonBlock": 0,
            "mergeNetsplitBlock": 0, "terminalTotalDifficulty": 0, "shanghaiTime": 0,
            "cancunTime": 0,
            "blobSchedule": {"cancun": {"target": 3, "max": 6, "baseFeeUpdateFraction": 3_338_477}},
        });
        let (path, secret, datadir) = (dir.join("genesis.json"), dir.join("jwt"), dir.join("geth"));
        std::fs::write(&path, file.to_string()).expect("written");
        std::fs::write(&secret, jwt.to_hex()).expect("written");
        let quiet = |command: &mut Command| {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        };
        let mut init = Command::new(program);
        init.arg("--datadir").arg(&datadir).arg("init").arg(&path);
        quiet(&mut init);
        assert!(
            init.status().expect("go-ethereum runs").success(),
            "genesis is refused"
        );
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("an address");
        drop(listener);
        let mut serve = Command::new(program);
        serve
            .arg("--datadir")
            .arg(&datadir)
            .arg("--authrpc.jwtsecret")
            .arg(&secret)
            .args(["--authrpc.port", &addr.port().to_string()])
            .args(["--networkid", &CHAIN_ID.to_string()])
            .args([
                "--nodiscover",
                "--maxpeers",
                "0",
                "--port",
                "0",
                "--ipcdisable",
            ])
            .args(["--syncmode", "full"]);
        quiet(&mut serve);
        let child = serve.spawn().expect("go-ethereum runs");
        for _ in 0..300 {
            if std::net::TcpStream::connect(addr).is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let version = Command::new(program).arg("version").output();
        let version = version.map(|out| String::from_utf8_lossy(&out.stdout).into_owned());
        let version = version.unwrap_or_default();
        let version = version
            .lines()
            .find_map(|line| line.strip_prefix("Version: "));
        Self {
            child,
            addr,
            version: version.unwrap_or("?").trim().to_owned(),
        }
    }
}

impl Drop for Geth {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
