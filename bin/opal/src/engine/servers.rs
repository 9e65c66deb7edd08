//! Where the engine listens, and for whom.

use super::usage;
use clap::Args;
use opal_engine::{EngineConfig, JwtSecret, NAMESPACES};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};
use tracing::warn;

/// Namespaces that are served unless others are named, as geth has it.
const DEFAULT_APIS: &str = "eth,net,web3";
/// Name of the JWT secret in the data directory.
const JWT_NAME: &str = "jwtsecret";
/// Name of the IPC socket in the data directory.
const IPC_NAME: &str = "opal.ipc";

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Flags of all servers.
#[derive(Args)]
pub(crate) struct ServerArgs {
    #[command(flatten)]
    http: HttpArgs,
    #[command(flatten)]
    ws: WsArgs,
    #[command(flatten)]
    auth: AuthArgs,
    #[command(flatten)]
    ipc: IpcArgs,
    #[command(flatten)]
    limits: LimitArgs,
}

#[derive(Args)]
#[command(next_help_heading = "JSON-RPC over HTTP")]
struct HttpArgs {
    /// Serve JSON-RPC over HTTP.
    #[arg(long)]
    http: bool,
    /// Address to listen on.
    #[arg(long = "http.addr", default_value_t = LOCAL, value_name = "ADDRESS")]
    http_addr: IpAddr,
    /// Port to listen on; 0 picks a free one.
    #[arg(long = "http.port", default_value_t = 8545, value_name = "PORT")]
    http_port: u16,
    /// Namespaces, separated by commas.
    #[arg(long = "http.api", default_value = DEFAULT_APIS, value_name = "LIST", value_delimiter = ',')]
    http_api: Vec<String>,
    /// Origins whose pages may read answers in a browser, separated by commas; `*` for all.
    #[arg(long = "http.corsdomain", value_name = "LIST", value_delimiter = ',')]
    http_corsdomain: Vec<String>,
    /// Host names by which requests may address the server, separated by commas; `*` for all.
    #[arg(
        long = "http.vhosts",
        default_value = "localhost",
        value_name = "LIST",
        value_delimiter = ','
    )]
    http_vhosts: Vec<String>,
}

#[derive(Args)]
#[command(next_help_heading = "JSON-RPC over WebSocket")]
struct WsArgs {
    /// Serve JSON-RPC over WebSocket. With the address and port of HTTP both share a server.
    #[arg(long)]
    ws: bool,
    /// Address to listen on.
    #[arg(long = "ws.addr", default_value_t = LOCAL, value_name = "ADDRESS")]
    ws_addr: IpAddr,
    /// Port to listen on; 0 picks a free one.
    #[arg(long = "ws.port", default_value_t = 8546, value_name = "PORT")]
    ws_port: u16,
    /// Namespaces, separated by commas.
    #[arg(long = "ws.api", default_value = DEFAULT_APIS, value_name = "LIST", value_delimiter = ',')]
    ws_api: Vec<String>,
    /// Origins whose pages may connect, separated by commas; `*` for all.
    #[arg(long = "ws.origins", value_name = "LIST", value_delimiter = ',')]
    ws_origins: Vec<String>,
}

#[derive(Args)]
#[command(next_help_heading = "Engine API")]
struct AuthArgs {
    /// Address to listen on.
    #[arg(long = "authrpc.addr", default_value_t = LOCAL, value_name = "ADDRESS")]
    auth_addr: IpAddr,
    /// Port to listen on; 0 picks a free one.
    #[arg(long = "authrpc.port", default_value_t = 8551, value_name = "PORT")]
    auth_port: u16,
    /// File with the secret that the rollup node shares: 32 bytes in hex. Made if it does not
    /// exist. Default: jwtsecret in --datadir.
    #[arg(
        long = "authrpc.jwtsecret",
        alias = "authrpc.jwt-secret",
        value_name = "FILE"
    )]
    auth_jwtsecret: Option<PathBuf>,
    /// Host names by which requests may address the server, separated by commas; `*` for all.
    #[arg(
        long = "authrpc.vhosts",
        default_value = "localhost",
        value_name = "LIST",
        value_delimiter = ','
    )]
    auth_vhosts: Vec<String>,
}

#[derive(Args)]
#[command(next_help_heading = "IPC")]
struct IpcArgs {
    /// Serve no Unix socket.
    #[arg(long)]
    ipcdisable: bool,
    /// The Unix socket. Default: opal.ipc in --datadir.
    #[arg(long, value_name = "FILE")]
    ipcpath: Option<PathBuf>,
}

#[derive(Args)]
#[command(next_help_heading = "Limits of JSON-RPC")]
struct LimitArgs {
    /// Connections at once, per server.
    #[arg(
        long = "rpc.max-connections",
        default_value_t = 512,
        value_name = "COUNT"
    )]
    connections: u32,
    /// Size of a request, MiB.
    #[arg(long = "rpc.max-request-size", default_value_t = 16, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=1024))]
    request_mib: u32,
    /// Size of a response, MiB.
    #[arg(long = "rpc.max-response-size", default_value_t = 64, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=1024))]
    response_mib: u32,
    /// Calls in one batch.
    #[arg(
        long = "rpc.batch-request-limit",
        default_value_t = 1_000,
        value_name = "COUNT"
    )]
    batch: u32,
    /// Calls per second on one connection; 0 lifts the limit.
    #[arg(
        long = "rpc.max-calls-per-second",
        default_value_t = 0,
        value_name = "COUNT"
    )]
    calls: u32,
    /// Subscriptions of one connection.
    #[arg(
        long = "rpc.max-subscriptions-per-connection",
        default_value_t = 128,
        value_name = "COUNT"
    )]
    subscriptions: u32,
    /// Gas of one eth_call or eth_estimateGas.
    #[arg(long = "rpc.gascap", default_value_t = 50_000_000, value_name = "GAS")]
    gas: u64,
    /// Blocks that one eth_getLogs may search.
    #[arg(
        long = "rpc.max-blocks-per-filter",
        alias = "rpc.rangelimit",
        default_value_t = 100_000,
        value_name = "BLOCKS"
    )]
    log_blocks: u64,
    /// Logs that one eth_getLogs may answer.
    #[arg(
        long = "rpc.max-logs-per-response",
        default_value_t = 20_000,
        value_name = "COUNT"
    )]
    logs: usize,
    /// Longest wait of eth_sendRawTransactionSync, as `20s` or seconds.
    #[arg(long = "rpc.txsync.defaulttimeout", alias = "rpc.send-raw-transaction-sync-timeout", default_value = "20s", value_name = "TIME", value_parser = super::pool::time)]
    sync_timeout: Duration,
}

impl ServerArgs {
    /// Writes the flags into the configuration; reads or makes the JWT secret.
    pub(crate) fn apply(&self, config: &mut EngineConfig, datadir: &Path) -> eyre::Result<()> {
        let (http, ws) = (&self.http, &self.ws);
        config.rpc_addr = SocketAddr::new(http.http_addr, http.http_port);
        let access = &mut config.rpc_access;
        access.http = http.http;
        access.http_apis = apis(&http.http_api, "--http.api");
        access.cors_origins.clone_from(&http.http_corsdomain);
        access.vhosts.clone_from(&http.http_vhosts);
        access.ws_addr = None;
        if ws.ws {
            let addr = SocketAddr::new(ws.ws_addr, ws.ws_port);
            access.ws_apis = apis(&ws.ws_api, "--ws.api");
            if http.http && addr == config.rpc_addr && addr.port() != 0 {
                if access.ws_apis != access.http_apis {
                    return Err(usage(format!(
                        "--http.api and --ws.api differ, but both servers are at {addr}: name the \
                         same namespaces or another --ws.port"
                    )));
                }
            } else {
                access.ws_addr = Some(addr);
            }
        }
        access.ws_origins.clone_from(&ws.ws_origins);
        access.auth_vhosts.clone_from(&self.auth.auth_vhosts);
        access.ipc_path = match (&self.ipc.ipcpath, self.ipc.ipcdisable) {
            (_, true) => None,
            (Some(path), false) => Some(path.clone()),
            (None, false) => Some(datadir.join(IPC_NAME)),
        };
        let auth = SocketAddr::new(self.auth.auth_addr, self.auth.auth_port);
        if auth.port() != 0 && http.http && auth == config.rpc_addr {
            return Err(usage(format!(
                "--http and the Engine API both want {auth}: choose another --authrpc.port"
            )));
        }
        config.auth_addr = Some(auth);
        let secret = match &self.auth.auth_jwtsecret {
            Some(path) => path.clone(),
            None => datadir.join(JWT_NAME),
        };
        config.jwt = Some(JwtSecret::load_or_create(&secret)?);
        self.limits.apply(config);
        Ok(())
    }
}

impl LimitArgs {
    fn apply(&self, config: &mut EngineConfig) {
        let limits = &mut config.rpc;
        limits.connections_max = self.connections;
        limits.request_bytes_max = self.request_mib.saturating_mul(1 << 20);
        limits.response_bytes_max = self.response_mib.saturating_mul(1 << 20);
        limits.batch_max = self.batch;
        limits.calls_per_second_max = self.calls;
        limits.subscriptions_max = self.subscriptions;
        limits.call_gas_max = self.gas;
        limits.log_blocks_max = self.log_blocks;
        limits.logs_max = self.logs;
        limits.sync_timeout = self.sync_timeout;
    }
}

/// The namespaces of a list that exist. `engine` is named in many command lines, but it is served
/// to the rollup node alone.
fn apis(list: &[String], flag: &str) -> Vec<String> {
    let known = |name: &String| {
        let known = NAMESPACES.contains(&name.as_str());
        if name == "engine" {
            warn!("{flag}: `engine` is served by the Engine API's own port alone");
        } else if !known {
            warn!(
                "{flag}: no namespace `{name}`; there are {}",
                NAMESPACES.join(", ")
            );
        }
        known
    };
    let trimmed = list.iter().map(|name| name.trim().to_owned());
    trimmed
        .filter(|name| !name.is_empty())
        .filter(known)
        .collect()
}
