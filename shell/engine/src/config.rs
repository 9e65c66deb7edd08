//! What an engine is started with.

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
    /// Limits of the transaction pool.
    pub pool: PoolLimits,
    /// Limits of the JSON-RPC servers.
    pub rpc: RpcLimits,
    /// Least time between two flushes to disk: what a crash may lose and the node then replays.
    pub flush_interval: Duration,
    /// Blocks below the flushed one whose state can still be read and reorganised to.
    pub history_blocks: u64,
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
            pool: PoolLimits::default(),
            rpc: RpcLimits::default(),
            flush_interval: Duration::from_millis(200),
            history_blocks: 50_000,
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
    /// Blocks that one `eth_getLogs` may search.
    pub log_blocks_max: u64,
    /// Logs that one `eth_getLogs` may answer.
    pub logs_max: usize,
    /// Filters that are open at once.
    pub filters_max: usize,
    /// Whether pages in a browser may use the public server (CORS, any origin).
    pub allow_browsers: bool,
}

impl Default for RpcLimits {
    fn default() -> Self {
        Self {
            connections_max: 512,
            request_bytes_max: 16 << 20,
            response_bytes_max: 64 << 20,
            batch_max: 1_000,
            call_gas_max: 50_000_000,
            log_blocks_max: 100_000,
            logs_max: 20_000,
            filters_max: 1_024,
            allow_browsers: false,
        }
    }
}
