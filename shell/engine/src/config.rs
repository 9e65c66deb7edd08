//! What an engine is started with.

use crate::halt::HaltLevel;
use alloy_genesis::Genesis;
use opal_execution::ChainConfig;
use opal_rpc::JwtSecret;
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

/// Everything an engine needs to know.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The chain's rules.
    pub chain: ChainConfig,
    /// The chain's first block.
    pub genesis: Genesis,
    /// Where the database lies; `None` keeps everything in memory.
    pub datadir: Option<PathBuf>,
    /// Where the public JSON-RPC server listens (HTTP and WebSocket). Port 0 takes a free one.
    pub rpc_addr: SocketAddr,
    /// Where the authenticated Engine API listens; `None` serves it in-process only.
    pub auth_addr: Option<SocketAddr>,
    /// The secret of the Engine API. Needed with `auth_addr`.
    pub jwt: Option<JwtSecret>,
    /// Transactions received by RPC are forwarded there, to the sequencer.
    pub sequencer_url: Option<String>,
    /// Whether forwarded transactions also enter the pool here, so that they can be looked up.
    pub sequencer_pool_admission: bool,
    /// `eth_sendRawTransactionConditional`: storage reads of conditions that are checked per second
    /// before more are refused. `None` refuses all.
    pub conditional_cost_per_second: Option<u32>,
    /// Where the pool is written down, to be read again at the next start. `None` forgets it.
    pub pool_journal: Option<PathBuf>,
    /// Where the public servers are, and who may use them for what.
    pub rpc_access: RpcAccess,
    /// Limits of the transaction pool.
    pub pool: PoolLimits,
    /// Limits of the JSON-RPC servers.
    pub rpc: RpcLimits,
    /// Least time between two flushes to disk: what a crash may lose and the node then replays.
    pub flush_interval: Duration,
    /// Blocks below the flushed one whose state can still be read and reorganised to.
    pub history_blocks: u64,
    /// Blocks below the flushed one whose receipts and logs are kept; `None` keeps all.
    pub receipts_blocks: Option<u64>,
    /// Where metrics are served; `None` serves none. Port 0 takes a free one.
    pub metrics_addr: Option<SocketAddr>,
    /// `/health` says that something is wrong when the newest block is older than this.
    pub health_max_age: Option<Duration>,
    /// How far behind the protocol version that the superchain requires we must be to halt.
    pub halt: Option<HaltLevel>,
    /// Gas of the blocks built here, below the chain's limit; zero means the chain's limit.
    pub max_block_gas: u64,
    /// Priority fee that is suggested to users, wei per gas; `None` is the usual one.
    pub suggested_tip: Option<u64>,
}

impl EngineConfig {
    /// An engine in memory on free local ports, without an authenticated server.
    pub fn new(chain: ChainConfig, genesis: Genesis) -> Self {
        Self {
            chain,
            genesis,
            datadir: None,
            rpc_addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            auth_addr: None,
            jwt: None,
            sequencer_url: None,
            sequencer_pool_admission: false,
            conditional_cost_per_second: None,
            pool_journal: None,
            rpc_access: RpcAccess::default(),
            pool: PoolLimits::default(),
            rpc: RpcLimits::default(),
            flush_interval: Duration::from_millis(200),
            history_blocks: 50_000,
            receipts_blocks: None,
            metrics_addr: None,
            health_max_age: None,
            halt: None,
            max_block_gas: 0,
            suggested_tip: None,
        }
    }
}

/// Limits of the transaction pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Transactions in the pool.
    pub transactions_max: usize,
    /// Bytes of all transactions, blobs not counted.
    pub bytes_max: usize,
    /// Transactions of one sender.
    pub per_sender_max: usize,
    /// Transactions that cannot be executed yet, of all senders.
    pub queued_max: usize,
    /// The same of one sender.
    pub queued_per_sender_max: usize,
    /// How long transactions of a sender wait for the one that is missing.
    pub queued_lifetime: Duration,
    /// Percent by which every fee must rise to replace a transaction of the same nonce.
    pub price_bump_percent: u32,
    /// The same for blob transactions.
    pub blob_price_bump_percent: u32,
    /// Gas of one transaction, below what the chain allows.
    pub gas_max: Option<u64>,
    /// Bytes of one transaction, blobs not counted.
    pub transaction_bytes_max: usize,
    /// Blob transactions in the pool.
    pub blob_transactions_max: usize,
    /// Least priority fee of a transaction, wei per gas.
    pub min_tip: u128,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            transactions_max: 20_000,
            bytes_max: 64 << 20,
            per_sender_max: 1_024,
            queued_max: 5_000,
            queued_per_sender_max: 64,
            queued_lifetime: Duration::from_secs(3 * 60 * 60),
            price_bump_percent: 10,
            blob_price_bump_percent: 100,
            gas_max: None,
            transaction_bytes_max: 128 << 10,
            blob_transactions_max: 256,
            min_tip: 0,
        }
    }
}

/// Limits of the JSON-RPC servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RpcLimits {
    /// Connections at once, per server.
    pub connections_max: u32,
    /// Bytes of one request; the authenticated server allows more.
    pub request_bytes_max: u32,
    /// Bytes of one response.
    pub response_bytes_max: u32,
    /// Calls in one batch.
    pub batch_max: u32,
    /// Gas of one `eth_call`.
    pub call_gas_max: u64,
    /// Traces, simulations and witnesses made at once; further ones wait.
    pub traces_max: usize,
    /// Duration of one trace unless the request asks for another.
    pub trace_timeout: Duration,
    /// Longest duration that a request may ask for.
    pub trace_timeout_max: Duration,
    /// Blocks that one `eth_getLogs` may search.
    pub log_blocks_max: u64,
    /// Logs that one `eth_getLogs` may answer.
    pub logs_max: usize,
    /// Filters that are open at once.
    pub filters_max: usize,
    /// Subscriptions of one WebSocket or IPC connection.
    pub subscriptions_max: u32,
    /// Calls per second on one connection, each of a batch counted; zero lifts the limit. As many
    /// may come at once.
    pub calls_per_second_max: u32,
    /// Longest time `eth_sendRawTransactionSync` waits for a receipt.
    pub sync_timeout: Duration,
}

impl Default for RpcLimits {
    fn default() -> Self {
        Self {
            connections_max: 512,
            request_bytes_max: 16 << 20,
            response_bytes_max: 64 << 20,
            batch_max: 1_000,
            call_gas_max: 50_000_000,
            traces_max: 2,
            trace_timeout: Duration::from_secs(5),
            trace_timeout_max: Duration::from_secs(60),
            log_blocks_max: 100_000,
            logs_max: 20_000,
            filters_max: 1_024,
            subscriptions_max: 128,
            calls_per_second_max: 0,
            sync_timeout: Duration::from_secs(20),
        }
    }
}

/// Every public namespace there is.
pub const NAMESPACES: [&str; 7] = ["admin", "debug", "eth", "miner", "net", "txpool", "web3"];

/// Where the public servers are, and who may use them for what.
///
/// Names of hosts and origins are compared without regard to case; `*` stands for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcAccess {
    /// Whether there is an HTTP server at all, at [`EngineConfig::rpc_addr`].
    pub http: bool,
    /// A server of its own for WebSocket. Without it the HTTP server takes WebSocket connections
    /// too, with the namespaces of HTTP.
    pub ws_addr: Option<SocketAddr>,
    /// Namespaces over HTTP. Names that do not exist serve nothing.
    pub http_apis: Vec<String>,
    /// Namespaces of the server at `ws_addr`.
    pub ws_apis: Vec<String>,
    /// Origins whose pages a browser lets read answers over HTTP (CORS).
    pub cors_origins: Vec<String>,
    /// Origins whose pages may open a WebSocket. Clients other than browsers name no origin and
    /// are let in.
    pub ws_origins: Vec<String>,
    /// Names by which HTTP requests may address us (`Host` header). Addresses in numbers always
    /// pass: what is kept out are pages that point a name of theirs at us.
    pub vhosts: Vec<String>,
    /// The same for the authenticated server.
    pub auth_vhosts: Vec<String>,
    /// Unix socket of the IPC server, which serves every public namespace.
    pub ipc_path: Option<PathBuf>,
}

impl Default for RpcAccess {
    fn default() -> Self {
        let all: Vec<String> = NAMESPACES.map(str::to_owned).to_vec();
        let local = vec!["localhost".to_owned()];
        Self {
            http: true,
            ws_addr: None,
            http_apis: all.clone(),
            ws_apis: all,
            cors_origins: Vec::new(),
            ws_origins: Vec::new(),
            vhosts: local.clone(),
            auth_vhosts: local,
            ipc_path: None,
        }
    }
}
