//! `opal proposer`: flags and environment names are op-proposer's.
//!
//! The environment variable of a flag is `OPAL_PROPOSER_` and the flag's name, or `OP_PROPOSER_` as
//! op-proposer has it.

mod logs;
mod sending;
#[cfg(test)]
mod tests;

use crate::engine::{self, time, usage};
use alloy_primitives::Address;
use clap::{Args, Command};
use opal_proposer::{ProposerConfig, Target};
use opal_rpc::{EthClient, EthOptions, RetryPolicy, RollupClient};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};
use tracing::info;

/// Prefixes of environment variables, the first that is set counts.
const PREFIXES: [&str; 2] = ["OPAL_PROPOSER_", "OP_PROPOSER_"];
/// Times a node is asked before a look is given up; the next look follows soon.
const ATTEMPTS_MAX: u32 = 2;

/// Teaches the `proposer` subcommand the names of environment variables, and `--switch=true`.
pub(crate) fn with_spellings(command: Command) -> Command {
    command.mut_subcommand("proposer", |proposer| engine::taught(proposer, &PREFIXES))
}

/// Flags of `opal proposer`.
#[derive(Args)]
#[command(
    after_help = "Every flag can also be set by an environment variable: OPAL_PROPOSER_ and the \
        flag's name in upper case, with _ for every other character (OPAL_PROPOSER_L1_ETH_RPC); \
        where that is not set, op-proposer's OP_PROPOSER_L1_ETH_RPC counts."
)]
pub(crate) struct ProposerArgs {
    /// JSON-RPC of L1.
    #[arg(long, value_name = "URL")]
    l1_eth_rpc: String,
    /// RPC of a rollup node. With several, separated by commas, the one whose sequencer is active
    /// is followed, else the one that knows most.
    #[arg(
        long,
        value_name = "URL,…",
        value_delimiter = ',',
        required = true,
        num_args = 1..
    )]
    rollup_rpc: Vec<String>,
    /// Address of the DisputeGameFactory.
    #[arg(long, value_name = "ADDRESS")]
    game_factory_address: Option<Address>,
    /// Type of the games that are begun.
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    game_type: u32,
    /// Least time between two games; wanted with --game-factory-address.
    #[arg(long, value_name = "TIME", value_parser = time)]
    proposal_interval: Option<Duration>,
    /// Address of a legacy L2OutputOracle, instead of a DisputeGameFactory.
    #[arg(long, value_name = "ADDRESS")]
    l2oo_address: Option<Address>,
    /// How often nodes and contract are asked.
    #[arg(long, default_value = "12s", value_name = "TIME", value_parser = time)]
    poll_interval: Duration,
    /// Propose L2 blocks that are safe, but not finalized.
    #[arg(long)]
    allow_non_finalized: bool,
    /// At the start, wait until the rollup node has read L1 up to its head.
    #[arg(long)]
    wait_node_sync: bool,
    /// With several rollup nodes: how long one is followed before all are looked at again.
    #[arg(long, default_value = "2m", value_name = "TIME", value_parser = time)]
    active_sequencer_check_duration: Duration,

    #[command(flatten)]
    sending: sending::SendingArgs,
    #[command(flatten)]
    servers: ServerArgs,
    #[command(flatten)]
    logs: logs::LogArgs,
}

#[derive(Args)]
#[command(next_help_heading = "RPC and metrics")]
struct ServerArgs {
    /// Address of the RPC server.
    #[arg(long = "rpc.addr", default_value_t = IpAddr::V4(Ipv4Addr::UNSPECIFIED), value_name = "ADDRESS")]
    rpc_addr: IpAddr,
    /// Port of the RPC server; 0 picks a free one.
    #[arg(long = "rpc.port", default_value_t = 8545, value_name = "PORT")]
    rpc_port: u16,
    /// Serve admin_startProposer and admin_stopProposer.
    #[arg(long = "rpc.enable-admin")]
    enable_admin: bool,
    /// Serve Prometheus metrics.
    #[arg(long = "metrics.enabled")]
    metrics: bool,
    /// Address of the metrics.
    #[arg(long = "metrics.addr", default_value_t = IpAddr::V4(Ipv4Addr::UNSPECIFIED), value_name = "ADDRESS")]
    metrics_addr: IpAddr,
    /// Port of the metrics; 0 picks a free one.
    #[arg(long = "metrics.port", default_value_t = 7300, value_name = "PORT")]
    metrics_port: u16,
}

impl ProposerArgs {
    fn config(&self) -> eyre::Result<ProposerConfig> {
        if self.poll_interval.is_zero() {
            return Err(usage("--poll-interval must not be 0"));
        }
        let servers = &self.servers;
        let metrics = SocketAddr::new(servers.metrics_addr, servers.metrics_port);
        Ok(ProposerConfig {
            poll_interval: self.poll_interval,
            allow_non_finalized: self.allow_non_finalized,
            wait_node_sync: self.wait_node_sync,
            active_sequencer_check: self.active_sequencer_check_duration,
            rpc_addr: SocketAddr::new(servers.rpc_addr, servers.rpc_port),
            enable_admin: servers.enable_admin,
            metrics_addr: servers.metrics.then_some(metrics),
            tx_manager: self.sending.tx_manager()?,
            ..ProposerConfig::new(self.sending.signer()?, self.target()?)
        })
    }

    fn target(&self) -> eyre::Result<Target> {
        match (self.game_factory_address, self.l2oo_address) {
            (None, None) => Err(usage(
                "where to propose? give --game-factory-address, or --l2oo-address on a legacy chain",
            )),
            (Some(_), Some(_)) => Err(usage(
                "--game-factory-address and --l2oo-address exclude each other: a chain has one or the other",
            )),
            (Some(factory), None) => {
                let interval = self.proposal_interval.filter(|time| !time.is_zero());
                Ok(Target::Games {
                    factory,
                    game_type: self.game_type,
                    interval: interval.ok_or_else(|| {
                        usage("--game-factory-address needs --proposal-interval, such as 1h")
                    })?,
                })
            }
            (None, Some(_)) if self.proposal_interval.is_some() => Err(usage(
                "--proposal-interval goes with --game-factory-address; an L2OutputOracle has an interval of its own",
            )),
            (None, Some(oracle)) => Ok(Target::Oracle(oracle)),
        }
    }

    fn client_options(&self) -> EthOptions {
        EthOptions {
            timeout: self.sending.network_timeout,
            retry: RetryPolicy {
                attempts_max: ATTEMPTS_MAX,
                ..RetryPolicy::default()
            },
            ..EthOptions::default()
        }
    }
}

/// Runs the proposer until it is told to stop.
pub(crate) fn run(args: ProposerArgs) -> eyre::Result<()> {
    logs::init(&args.logs)?;
    let config = args.config()?;
    let options = args.client_options();
    let l1 = EthClient::with_options(&args.l1_eth_rpc, options)?;
    let nodes = args.rollup_rpc.iter();
    let nodes: Result<Vec<_>, _> = nodes
        .map(|url| RollupClient::with_options(url.trim(), options))
        .collect();
    let nodes = nodes?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(async {
        let proposer = opal_proposer::start(config, l1, nodes)
            .await
            // Its words are complete; the chain of causes would only repeat them.
            .map_err(|error| eyre::eyre!("{error}"))?;
        info!(
            rpc = proposer.rpc_url(),
            metrics = proposer.metrics_url().as_deref().unwrap_or("off"),
            "running"
        );
        engine::stop_signal().await;
        info!("stopping");
        proposer.shutdown().await;
        Ok(())
    });
    runtime.shutdown_timeout(Duration::from_secs(2));
    outcome
}
