//! A deployment on an L1 that lives, interrupted after every one of its transactions.
//!
//! The L1 is a chain in memory behind JSON-RPC, with a block for each transaction, so that two
//! deployments which send the same transactions leave the same blocks behind. Between it and the
//! deployer is a gate that closes by itself once as many transactions are mined as the test says:
//! whatever is under way then is lost, the answer about the last transaction included.

use crate::{
    Artifacts, DeployConfig, DeployError, Deployed, Deployer, Deployment, Output, dev_accounts,
    memory::MemoryChain, tests::World,
};
use alloy_consensus::Transaction;
use alloy_primitives::{Address, B256, Bytes, U64, U128, U256};
use alloy_signer_local::PrivateKeySigner;
use jsonrpsee::{
    RpcModule,
    server::{Server, ServerHandle},
    types::ErrorObjectOwned,
};
use opal_execution::{BlockAttributes, VerifiedTx};
use opal_rpc::{EthClient, EthOptions, RetryPolicy};
use opal_txmgr::TxManagerConfig;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::Path,
    sync::{Arc, LazyLock, Mutex, MutexGuard},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// How long L1 stays away where the deployer outlives its absence.
const ABSENCE: Duration = Duration::from_millis(50);
/// Deployments that run side by side: most of their time they wait.
const SIDE_BY_SIDE: usize = 16;
/// Runs that an absence of L1 may cost before a test gives up.
const RUNS_MAX: usize = 20;

/// How a deployment is interrupted once a number of its transactions are mined.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// The deployer dies before it hears that the last one is mined.
    Killed,
    /// The deployer dies when the next one is in L1's pool; it is mined later.
    KilledWithPool,
    /// L1 goes away for a moment, and the deployer lives on.
    Gone,
}

/// What L1 holds.
struct State {
    chain: MemoryChain,
    blocks: Vec<Value>,
    receipts: BTreeMap<B256, Value>,
    /// A transaction that is taken, but not mined.
    pool: Option<VerifiedTx>,
    /// Transactions that arrived, by nonce.
    arrived: BTreeMap<u64, BTreeSet<B256>>,
    mined: usize,
    /// Mined transactions after which the gate closes, and how.
    stop: Option<(usize, Way)>,
    /// Whether the gate is open.
    open: watch::Sender<bool>,
}

type Answer = Result<Value, String>;
type Method = (&'static str, fn(&mut State, &[Value]) -> Answer);

const METHODS: [Method; 10] = [
    ("eth_chainId", |s, _| {
        Ok(json!(U64::from(s.chain.chain.chain_id)))
    }),
    ("eth_gasPrice", |_, _| Ok(json!(U128::from(GWEI)))),
    ("eth_maxPriorityFeePerGas", |_, _| {
        Ok(json!(U128::from(GWEI)))
    }),
    ("eth_blobBaseFee", |_, _| Ok(json!("0x1"))),
    ("eth_getBalance", |_, _| Ok(json!(U256::from(u128::MAX)))),
    ("eth_getBlockByNumber", |s, _| {
        Ok(s.blocks.last().cloned().unwrap())
    }),
    ("eth_getTransactionCount", |s, params| {
        let nonce = s.chain.state.nonce_of(parse(&params[0])?);
        if params[1] != "pending" {
            return Ok(json!(U64::from(nonce)));
        }
        // Whoever has seen the pool sees it mined next.
        let waiting = s.pool.take().map(|tx| s.mine(tx));
        Ok(json!(U64::from(nonce + u64::from(waiting.is_some()))))
    }),
    ("eth_getCode", |s, params| {
        Ok(json!(s.chain.state.code_of(parse(&params[0])?)))
    }),
    ("eth_getStorageAt", |s, params| {
        let (address, slot): (Address, U256) = (parse(&params[0])?, parse(&params[1])?);
        let storage = s.chain.state.storage_of(address);
        Ok(json!(
            storage.get(&B256::from(slot)).copied().unwrap_or_default()
        ))
    }),
    ("eth_getTransactionReceipt", |s, params| {
        let hash: B256 = parse(&params[0])?;
        Ok(s.receipts.get(&hash).cloned().unwrap_or_default())
    }),
];

const GWEI: u128 = 1_000_000_000;

fn parse<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, String> {
    serde_json::from_value(value.clone()).map_err(|e| e.to_string())
}

impl State {
    fn receive(&mut self, params: &[Value]) -> Answer {
        let raw: Bytes = parse(&params[0])?;
        let tx = VerifiedTx::decode(raw).map_err(|e| e.to_string())?;
        let (hash, nonce) = (tx.hash(), tx.tx.nonce());
        self.arrived.entry(nonce).or_default().insert(hash);
        let next = self.chain.state.nonce_of(tx.sender);
        if nonce < next {
            return Err(format!("nonce too low: next nonce {next}"));
        }
        if nonce > next {
            return Err(format!("nonce too high: next nonce {next}"));
        }
        match self.stop {
            Some((stop, Way::KilledWithPool)) if self.mined == stop => {
                self.pool = Some(tx);
                self.close();
            }
            Some((stop, _)) if self.mined == stop => self.close(),
            _ => {
                self.mine(tx);
                let closes =
                    |(stop, way)| self.mined == stop && !matches!(way, Way::KilledWithPool);
                if self.stop.is_some_and(closes) {
                    self.close();
                }
            }
        }
        Ok(json!(hash))
    }

    /// Closes the gate, once.
    fn close(&mut self) {
        self.stop = None;
        self.open.send_replace(false);
    }

    fn mine(&mut self, tx: VerifiedTx) {
        let hash = tx.hash();
        let attributes = BlockAttributes {
            timestamp: self.chain.head.timestamp + 12,
            gas_limit: self.chain.head.gas_limit,
            parent_beacon_block_root: Some(B256::ZERO),
            withdrawals: Some(vec![]),
            ..BlockAttributes::default()
        };
        let block = self.chain.append(attributes, vec![tx]).unwrap();
        self.mined += 1;
        self.receipts.insert(
            hash,
            json!({
                "transactionHash": hash,
                "blockNumber": U64::from(block.header.number),
                "blockHash": block.hash,
                "status": U64::from(block.executed.receipts[0].success),
            }),
        );
        self.show(block.hash);
    }

    fn show(&mut self, hash: B256) {
        let mut shown = serde_json::to_value(&self.chain.head).unwrap();
        shown["hash"] = json!(hash);
        shown["transactions"] = json!([]);
        self.blocks.push(shown);
    }
}

/// The L1 and its gate.
struct L1 {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
    open: watch::Receiver<bool>,
    _server: ServerHandle,
}

impl L1 {
    async fn start(chain: MemoryChain) -> Self {
        let (open, opened) = watch::channel(true);
        let mut state = State {
            blocks: vec![],
            receipts: BTreeMap::new(),
            pool: None,
            arrived: BTreeMap::new(),
            mined: 0,
            stop: None,
            open,
            chain,
        };
        state.show(state.chain.head.hash_slow());
        let state = Arc::new(Mutex::new(state));
        let server = Server::builder().build("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let mut module = RpcModule::new(state.clone());
        let sends: Method = ("eth_sendRawTransaction", State::receive);
        for (name, method) in METHODS.into_iter().chain([sends]) {
            module
                .register_method(name, move |params, state, _| {
                    let params: Vec<Value> = params.parse().unwrap_or_default();
                    method(&mut state.lock().unwrap(), &params)
                        .map_err(|words| ErrorObjectOwned::owned(-32000, words, None::<()>))
                })
                .unwrap();
        }
        Self {
            state,
            address,
            open: opened,
            _server: server.start(module),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A way to L1 that ends where the gate closes. Who goes through it gets no further when the
    /// gate opens again; who outlives that must take it anew.
    async fn way(&self) -> (String, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (open, server) = (self.open.clone(), self.address);
        let task = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut open = open.clone();
                if !*open.borrow() {
                    continue;
                }
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(server).await.unwrap();
                    tokio::select! {
                        biased;
                        _ = open.wait_for(|open| !open) => {}
                        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                    }
                });
            }
        });
        (url, task)
    }

    /// Waits until the gate closes.
    async fn closes(&self) {
        let mut open = self.open.clone();
        open.wait_for(|open| !open).await.unwrap();
    }

    fn reopen(&self) {
        self.state().open.send_replace(true);
    }
}

/// Key and configuration of the deployment, made once: keys of a mnemonic take their time.
fn planned() -> (PrivateKeySigner, DeployConfig) {
    static PLANNED: LazyLock<(PrivateKeySigner, DeployConfig)> = LazyLock::new(|| {
        let key = dev_accounts()[5].clone();
        let text = format!(
            "roles = {{ deployer = \"{0}\", owner = \"{0}\" }}\nl2.chain_id = 5005",
            key.address(),
        );
        (key, Deployment::parse(&text).unwrap().config)
    });
    PLANNED.clone()
}

/// The deployment, by way of `url`.
fn deployer(url: &str, folder: &Path) -> Deployer {
    let (key, config) = planned();
    let options = EthOptions {
        retry: RetryPolicy {
            attempts_max: 2,
            pause_min: Duration::from_millis(20),
            ..RetryPolicy::default()
        },
        ..EthOptions::default()
    };
    let mut tx_manager = TxManagerConfig::devnet();
    tx_manager.receipt_query_interval = Duration::from_millis(20);
    tx_manager.queue.max_pending = 16;
    // A raised fee would be another transaction, however slow the machine is.
    tx_manager.queue.resubmission_timeout_ms = 600_000;
    Deployer {
        config,
        key,
        l1: EthClient::with_options(url, options).unwrap(),
        tx_manager,
        state: folder.join("deploy-state.json"),
    }
}

/// Deploys, interrupted once `stop` transactions are mined.
async fn deploy(l1: &L1, stop: Option<(usize, Way)>) -> Deployed {
    let folder = tempfile::tempdir().unwrap();
    l1.state().stop = stop;
    if let Some((stop, Way::Killed | Way::KilledWithPool)) = stop {
        let (url, way) = l1.way().await;
        let deployer = deployer(&url, folder.path());
        tokio::select! {
            biased;
            () = l1.closes() => {}
            outcome = deployer.run(|_| {}) => panic!("not interrupted at {stop}: {outcome:?}"),
        }
        // Nothing of it reaches L1 any more.
        way.abort();
        let _ = way.await;
        l1.reopen();
    }
    let (url, way) = l1.way().await;
    let again = async {
        l1.closes().await;
        tokio::time::sleep(ABSENCE).await;
        l1.reopen();
        std::future::pending::<()>().await;
    };
    let run = async {
        for _ in 0..RUNS_MAX {
            match deployer(&url, folder.path()).run(|_| {}).await {
                Ok(deployed) => return deployed,
                Err(DeployError::L1(_) | DeployError::Start(_)) => {
                    tokio::time::sleep(ABSENCE).await;
                }
                Err(other) => panic!("{other}"),
            }
        }
        panic!("it never ends")
    };
    let deployed = tokio::select! {
        deployed = run => deployed,
        () = again => unreachable!(),
    };
    way.abort();
    deployed
}

/// Hash of L1's head, which stands for all that is on L1, and how many transactions made it. Each
/// arrived in one form only.
fn on_l1(l1: &L1) -> (B256, usize) {
    let state = l1.state();
    for (nonce, sent) in &state.arrived {
        assert_eq!(sent.len(), 1, "two transactions with nonce {nonce}");
    }
    assert_eq!(state.arrived.len(), state.mined);
    let last = state.blocks.last().unwrap();
    (parse(&last["hash"]).unwrap(), state.mined)
}

/// The files that come of a deployment.
fn files(deployed: &Deployed) -> BTreeMap<String, String> {
    let (config, at) = (&deployed.config, deployed.addresses);
    let output = Output::on_l1(config, &Artifacts::Embedded, at, deployed.origin);
    output.unwrap().files.0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_can_be_interrupted_after_every_transaction() {
    use futures::{StreamExt, stream};

    let started = std::time::Instant::now();
    // Some rollup's contracts are there already.
    let chain = World::l1().chain;
    let l1 = L1::start(chain.clone()).await;
    let straight = deploy(&l1, None).await;
    let expected = on_l1(&l1);
    let total = expected.1;
    assert_eq!(total, 40);
    let rollup = files(&straight)["rollup.json"].clone();

    let ways = [
        (Way::Killed, total),
        (Way::KilledWithPool, total - 1),
        (Way::Gone, total),
    ];
    let cases = ways
        .into_iter()
        .flat_map(|(way, last)| (0..=last).map(move |stop| (stop, way)));
    let runs = cases.map(|(stop, way)| {
        let (chain, straight, rollup) = (chain.clone(), &straight, &rollup);
        async move {
            let l1 = L1::start(chain).await;
            let deployed = deploy(&l1, Some((stop, way))).await;
            assert_eq!(&deployed, straight, "{way:?} after {stop}");
            assert_eq!(on_l1(&l1), expected, "{way:?} after {stop}");
            // The files follow from what was compared already: it is enough to look now and then.
            if stop % 20 == 0 {
                assert_eq!(
                    &files(&deployed)["rollup.json"],
                    rollup,
                    "{way:?} after {stop}"
                );
            }
            let is_over = l1.state().stop.is_none();
            assert!(is_over, "{way:?} after {stop}: not interrupted");
        }
    });
    let count = stream::iter(runs)
        .buffer_unordered(SIDE_BY_SIDE)
        .count()
        .await;
    eprintln!(
        "{total} transactions, {count} deployments, {:?}",
        started.elapsed()
    );
}
