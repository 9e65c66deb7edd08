//! The handle to a running engine.

use crate::{
    build::{BuildLimits, PayloadJobs},
    config::EngineConfig,
    engine_api::Api,
    halt::Halt,
    l1,
    metrics::{self, Metrics, MetricsServer},
    pool::{
        Pool,
        conditional::CostLimit,
        journal::{self, Journal},
    },
    rpc::{self, Eth, PublicServers, Running},
    store::{
        BlockBody, ChainIdentity, FlushBatch, FlushBlock, HeadsRecord, Keep, Layer, Store,
        StoreError,
    },
    tree::{self, Command, ForkchoiceOutcome, ForkchoiceRefused, TreeSetup},
};
use alloy_consensus::Header;
use alloy_eips::{eip4895::Withdrawals, eip7594::BlobTransactionSidecarVariant};
use alloy_primitives::{Address, B256, Bytes};
use alloy_rpc_types_engine::ForkchoiceState;
use jsonrpsee::Methods;
use opal_execution::{GenesisBlock, genesis};
use opal_rpc::{EngineApi, EthClient};
use std::sync::Arc;
use tokio::sync::watch;
use tracing::{info, warn};

/// Where the chain stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeadInfo {
    /// Hash of the newest block.
    pub hash: B256,
    /// Its height.
    pub number: u64,
    /// Its time, unix seconds.
    pub timestamp: u64,
    /// Newest safe block; zero until one is named.
    pub safe: B256,
    /// Newest finalized block; zero until one is named.
    pub finalized: B256,
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A server cannot listen.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// Where it should have listened.
        addr: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The IPC server cannot listen.
    #[error("cannot listen on {path}: {source}")]
    Ipc {
        /// Where it should have listened.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The Engine API needs a secret.
    #[error("the authenticated server on {0} needs a JWT secret; pass one or leave the server out")]
    MissingJwt(std::net::SocketAddr),
    /// The sequencer's URL cannot be used.
    #[error("sequencer URL: {0}")]
    Sequencer(String),
    /// Our own parts do not fit together.
    #[error("cannot start: {0}")]
    Internal(String),
}

/// What the miner of a development L1 decides about a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct L1BlockAttributes {
    /// The block to build on; `None` is the head. Any known block may be named.
    pub parent: Option<B256>,
    /// Unix time in seconds; must be later than the parent's.
    pub timestamp: u64,
    /// Randomness of the beacon chain.
    pub prev_randao: B256,
    /// Who receives the priority fees.
    pub fee_recipient: Address,
    /// Root of the parent beacon block.
    pub parent_beacon_block_root: B256,
}

/// A block of a development L1: known to the engine, but not yet its head.
#[derive(Clone, Debug)]
pub struct BuiltL1Block {
    /// Hash of the header.
    pub hash: B256,
    /// The header.
    pub header: Header,
    /// Blobs, commitments and proofs of the included type-3 transactions, in block order.
    pub sidecars: Vec<Arc<BlobTransactionSidecarVariant>>,
}

/// Why a block was not built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The parent is not known.
    #[error("parent block {0} is not known")]
    UnknownParent(B256),
    /// The attributes contradict the rules.
    #[error("block cannot be built: {0}")]
    Invalid(String),
    /// The chain is not one of Ethereum's rules.
    #[error("blocks of an OP chain are built through the Engine API")]
    NotEthereum,
    /// The engine is shutting down, or its storage failed.
    #[error("engine failed: {0}")]
    Engine(String),
}

/// Why the head pointers were not moved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetHeadsError {
    /// The head is not known.
    #[error("block {0} is not known")]
    Unknown(B256),
    /// Safe or finalized block is no ancestor of the head.
    #[error("{0}")]
    Inconsistent(String),
    /// The engine is shutting down, or its storage failed.
    #[error("engine failed: {0}")]
    Engine(String),
}

/// A running engine. Clones are handles to the same engine.
///
/// It runs until [`shutdown`](Self::shutdown). An engine that is dropped without it leaves its
/// database as after a crash: consistent, at the last flush.
#[derive(Clone, Debug)]
pub struct Engine {
    eth: Eth,
    genesis_hash: B256,
    public: PublicServers,
    auth: Option<Running>,
    metrics: Option<MetricsServer>,
    local: Methods,
}

impl Engine {
    /// Opens the database and starts the servers.
    pub async fn start(config: EngineConfig) -> Result<Self, StartError> {
        if let (Some(addr), None) = (config.auth_addr, &config.jwt) {
            return Err(StartError::MissingJwt(addr));
        }
        let sequencer = config
            .sequencer_url
            .as_deref()
            .map(EthClient::new)
            .transpose()
            .map_err(|e| StartError::Sequencer(e.to_string()))?;
        let opening = config.clone();
        let (api, genesis_hash) = tokio::task::spawn_blocking(move || open(opening))
            .await
            .map_err(|e| StartError::Internal(e.to_string()))??;
        if let Some(path) = config.pool_journal.clone() {
            let api = api.clone();
            let restored = tokio::task::spawn_blocking(move || restore_pool(&api, path)).await;
            restored.map_err(|e| StartError::Internal(e.to_string()))?;
        }
        let eth = eth_of(api, &config, sequencer);
        let access = &config.rpc_access;
        let public = rpc::start_public(eth.clone(), config.rpc_addr, access).await?;
        let auth = match (config.auth_addr, config.jwt) {
            (Some(addr), Some(secret)) => {
                Some(rpc::start_auth(eth.clone(), addr, secret, access).await?)
            }
            _ => None,
        };
        let metrics = match config.metrics_addr {
            Some(addr) => Some(metrics::serve(eth.api.clone(), addr).await?),
            None => None,
        };
        let local = rpc::local_methods(eth.clone())?;
        let head = eth.api.tree.view().head;
        info!(
            chain = config.chain.chain_id, head = head.number, hash = %head.hash,
            rpc = ?public.http.as_ref().map(|s| s.addr), "engine is running"
        );
        Ok(Self {
            eth,
            genesis_hash,
            public,
            auth,
            metrics,
            local,
        })
    }

    /// URL of the public JSON-RPC server; empty if there is none.
    pub fn rpc_url(&self) -> String {
        let server = self.public.http.as_ref();
        server.map_or_else(String::new, |server| format!("http://{}", server.addr))
    }

    /// URL of the public WebSocket; empty if there is none.
    pub fn ws_url(&self) -> String {
        let server = self.public.ws.as_ref().or(self.public.http.as_ref());
        server.map_or_else(String::new, |server| format!("ws://{}", server.addr))
    }

    /// URL of the authenticated server, if there is one.
    pub fn auth_url(&self) -> Option<String> {
        self.auth
            .as_ref()
            .map(|auth| format!("http://{}", auth.addr))
    }

    /// URL of the metrics, if they are served.
    pub fn metrics_url(&self) -> Option<String> {
        self.metrics
            .as_ref()
            .map(|server| format!("http://{}/metrics", server.addr))
    }

    /// Follows the reason why the engine should halt: a protocol version that it is too old for.
    /// `None` while there is none. Whoever runs the engine acts on it.
    pub fn halted(&self) -> watch::Receiver<Option<String>> {
        self.eth.api.halt.subscribe()
    }

    /// The Engine API without a socket between.
    pub fn api(&self) -> Arc<dyn EngineApi> {
        Arc::new(self.eth.api.clone())
    }

    /// Answers one JSON-RPC request, of any public namespace, without a socket between.
    pub async fn answer(&self, request: &str) -> String {
        rpc::answer(&self.local, request).await
    }

    /// Hash of the genesis block.
    pub const fn genesis_hash(&self) -> B256 {
        self.genesis_hash
    }

    /// Follows the head of the chain.
    pub fn head(&self) -> watch::Receiver<HeadInfo> {
        self.eth.api.tree.published.subscribe()
    }

    /// Adds a signed transaction, as a client would send it, to the pool; answers with its hash.
    pub async fn send_raw_transaction(&self, encoded: Bytes) -> Result<B256, String> {
        let added = rpc::add_to_pool(&self.eth, encoded, None).await;
        added.ok_or("the pool panicked")?.map_err(|e| e.to_string())
    }

    /// Builds a block of an Ethereum chain from the pool and inserts it without making it head.
    pub async fn build_block(&self, attrs: L1BlockAttributes) -> Result<BuiltL1Block, BuildError> {
        l1::build_block(&self.eth.api, attrs).await
    }

    /// Moves the head pointers of a development L1; reorganises if needed.
    pub async fn set_heads(
        &self,
        head: B256,
        safe: B256,
        finalized: B256,
    ) -> Result<(), SetHeadsError> {
        let state = ForkchoiceState {
            head_block_hash: head,
            safe_block_hash: safe,
            finalized_block_hash: finalized,
        };
        let outcome = self
            .eth
            .api
            .tree
            .ask(|reply| Command::Forkchoice(state, reply))
            .await;
        match outcome.map_err(|e| SetHeadsError::Engine(e.to_string()))? {
            Ok(ForkchoiceOutcome::Done) => Ok(()),
            Ok(ForkchoiceOutcome::Syncing) => Err(SetHeadsError::Unknown(head)),
            Ok(ForkchoiceOutcome::Invalid { reason, .. }) => {
                Err(SetHeadsError::Inconsistent(reason))
            }
            Err(ForkchoiceRefused::Inconsistent(e)) => Err(SetHeadsError::Inconsistent(e)),
            Err(ForkchoiceRefused::Failed(e)) => Err(SetHeadsError::Engine(e)),
        }
    }

    /// Forgets every transaction of the pool, as if the network had never seen them.
    pub fn clear_pool(&self) {
        self.eth.api.pool.clear();
    }

    /// Stops the servers, flushes everything and closes the database.
    pub async fn shutdown(&self) {
        self.eth.api.jobs.stop();
        if let Some(auth) = &self.auth {
            auth.stop().await;
        }
        self.public.stop().await;
        let pool = self.eth.api.pool.clone();
        let _ = tokio::task::spawn_blocking(move || pool.close_journal()).await;
        if let Some(metrics) = &self.metrics {
            metrics.stop().await;
        }
        // An error means that it is gone already.
        let _ = self.eth.api.tree.ask(Command::Shutdown).await;
    }
}

/// Adds what the pool's journal holds, and keeps it from now on.
fn restore_pool(api: &Api, path: std::path::PathBuf) {
    let records = journal::load(&path);
    let view = api.tree.view();
    let taken: usize = records
        .iter()
        .map(|record| usize::from(api.pool.add(record, &view).is_ok()))
        .sum();
    if !records.is_empty() {
        info!(
            taken,
            of = records.len(),
            "transactions of the journal are in the pool again"
        );
    }
    match Journal::start(path, Arc::downgrade(&api.pool)) {
        Ok(journal) => api.pool.keep_journal(journal),
        Err(error) => warn!(%error, "no thread for the pool's journal; goes on without it"),
    }
}

/// What the methods work with.
pub(crate) fn eth_of(api: Api, config: &EngineConfig, sequencer: Option<EthClient>) -> Eth {
    Eth {
        api,
        limits: config.rpc,
        sequencer,
        pool_admission: config.sequencer_pool_admission,
        conditional: config
            .conditional_cost_per_second
            .map(|most| Arc::new(CostLimit::new(most))),
        filters: Arc::default(),
        tip: Arc::default(),
        cache: Arc::default(),
        history_blocks: config.history_blocks,
        receipts_blocks: config.receipts_blocks,
        crew: Arc::default(),
        turns: Arc::default(),
        least_tip: config.suggested_tip,
        health_max_age: config.health_max_age,
    }
}

/// Makes a data directory with the genesis block. Answers with its hash, and whether the directory
/// is new.
pub fn init(config: EngineConfig) -> Result<(B256, bool), StartError> {
    let first = genesis(&config.genesis, &config.chain);
    let hash = first.hash;
    let identity = ChainIdentity {
        chain_id: config.chain.chain_id,
        genesis: hash,
    };
    let store = Store::open(config.datadir.as_deref(), identity)?;
    let new = store.snapshot()?.heads().is_none();
    if new {
        write_genesis(&store, first)?;
    }
    Ok((hash, new))
}

/// Opens the database, writing the genesis block into a new one, and starts the tree.
pub(crate) fn open(config: EngineConfig) -> Result<(Api, B256), StartError> {
    let first = genesis(&config.genesis, &config.chain);
    let identity = ChainIdentity {
        chain_id: config.chain.chain_id,
        genesis: first.hash,
    };
    let genesis_hash = first.hash;
    let store = Store::open(config.datadir.as_deref(), identity)?;
    if store.snapshot()?.heads().is_none() {
        write_genesis(&store, first)?;
    }
    let chain = Arc::new(config.chain);
    let metrics = Arc::<Metrics>::default();
    let pool = Arc::new(Pool::new(chain.clone(), config.pool));
    let setup = TreeSetup {
        chain: chain.clone(),
        store,
        pool: pool.clone(),
        flush_interval: config.flush_interval,
        history_blocks: config.history_blocks,
        receipts_blocks: config.receipts_blocks,
        metrics: metrics.clone(),
    };
    let tree = tree::spawn(setup)?;
    let jobs = Arc::new(PayloadJobs::default());
    let limits = Arc::new(BuildLimits::default());
    limits.set_max_gas(config.max_block_gas);
    Ok((
        Api {
            chain,
            tree,
            pool,
            jobs,
            limits,
            syncing: Arc::new(watch::Sender::new(None)),
            metrics,
            halt: Arc::new(Halt::new(config.halt)),
            bad_blocks: Arc::default(),
            courtesy: Arc::default(),
        },
        genesis_hash,
    ))
}

fn write_genesis(store: &Store, first: GenesisBlock) -> Result<(), StoreError> {
    let layer = Layer {
        state: first.diff.hashed(),
        code: first.diff.code,
        nodes: first.nodes,
    };
    let withdrawals = first
        .header
        .withdrawals_root
        .map(|_| Withdrawals::default());
    let body = BlockBody {
        withdrawals,
        ..BlockBody::default()
    };
    let block = FlushBlock {
        hash: first.hash,
        header: &first.header,
        body: &body,
        transaction_hashes: &[],
        receipts: &[],
        layer: &layer,
    };
    let heads = HeadsRecord {
        head: first.hash,
        head_number: first.header.number,
        safe: B256::ZERO,
        finalized: B256::ZERO,
    };
    store.flush(&FlushBatch {
        blocks: vec![block],
        heads,
        keep: Keep::ALL,
    })
}
