//! `opal devnet`: flags in, a running devnet out.

use crate::{engine::usage, logging};
use alloy_signer_local::PrivateKeySigner;
use clap::{Args, ValueEnum};
use opal_devnet::{DataAvailability, DevnetConfig, ExistingRollup, ExternalL1, ForkRequest, Ports};
use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    time::Duration,
};

/// Flags of `opal devnet`.
#[derive(Args)]
pub(crate) struct DevnetArgs {
    /// Where the chains, keys and devnet.json live; a second start resumes from it.
    #[arg(
        long,
        env = "OPAL_DATADIR",
        default_value = "opal-devnet",
        value_name = "DIR"
    )]
    datadir: PathBuf,

    /// Keep the chains in memory; devnet.json still goes to --datadir.
    #[arg(long)]
    ephemeral: bool,

    /// Seconds between L2 blocks.
    #[arg(long, default_value_t = 1, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=60))]
    block_time: u64,

    /// Seconds between L1 blocks; the built-in L1 only.
    #[arg(long, default_value_t = 2, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
    l1_block_time: u64,

    /// L1 blocks within which the batches of an epoch must be included.
    #[arg(long = "seq-window", default_value_t = 3600, value_name = "BLOCKS", value_parser = clap::value_parser!(u64).range(2..))]
    seq_window_size: u64,

    /// Newest fork at genesis (`jovian`), or a fork that activates later (`karst@30`, seconds
    /// after genesis). Repeatable. Default: every fork is active at genesis.
    #[arg(long = "fork", value_name = "NAME[@SECONDS]")]
    forks: Vec<ForkRequest>,

    /// JSON-RPC of another L1, instead of the built-in one.
    #[arg(long = "l1.rpc", value_name = "URL", requires = "l1_beacon")]
    l1_rpc: Option<String>,

    /// Beacon API of that L1.
    #[arg(long = "l1.beacon", value_name = "URL", requires = "l1_rpc")]
    l1_beacon: Option<String>,

    /// Do not check the transaction roots of that L1 (anvil computes them wrong for blobs).
    #[arg(long = "l1.trustrpc", requires = "l1_rpc")]
    l1_trust_rpc: bool,

    #[command(flatten)]
    rollup: RollupArgs,

    /// How batches reach L1.
    #[arg(long, value_enum, default_value_t = Da::Blobs)]
    da: Da,

    /// Exit with 0 once the verifier's safe head is at this height and equals the sequencer's
    /// block.
    #[arg(long, value_name = "BLOCK")]
    until_safe: Option<u64>,

    /// Exit with an error after this long.
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,

    /// Write the figures of the run here when it ends.
    #[arg(long, value_name = "FILE.json")]
    report: Option<PathBuf>,

    /// Address that every server listens on.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_name = "ADDRESS")]
    host: IpAddr,

    #[command(flatten)]
    ports: PortArgs,

    #[command(flatten)]
    logging: logging::LoggingArgs,
}

/// A rollup that exists.
#[derive(Args)]
#[command(next_help_heading = "A rollup whose contracts are on that L1 already")]
struct RollupArgs {
    /// Its rollup.json, in op-node's format. Nothing is deployed then.
    #[arg(
        long = "rollup.config",
        value_name = "FILE.json",
        requires_all = ["l1_rpc", "l2_genesis"],
        conflicts_with_all = ["block_time", "seq_window_size", "forks"]
    )]
    rollup_config: Option<PathBuf>,

    /// Its first block, in geth's format.
    #[arg(
        long = "l2.genesis",
        value_name = "FILE.json",
        requires = "rollup_config"
    )]
    l2_genesis: Option<PathBuf>,

    /// Key of its batcher, hex. The environment is safer than the command line.
    #[arg(
        long = "batcher.private-key",
        env = "OPAL_BATCHER_PRIVATE_KEY",
        value_name = "KEY",
        hide_env_values = true
    )]
    batcher_key: Option<String>,

    /// Key of its proposer, hex; nothing is proposed without.
    #[arg(
        long = "proposer.private-key",
        env = "OPAL_PROPOSER_PRIVATE_KEY",
        value_name = "KEY",
        hide_env_values = true
    )]
    proposer_key: Option<String>,
}

/// Ports; 0 picks a free one, which devnet.json names.
#[derive(Args)]
#[command(next_help_heading = "Ports (0 picks a free one)")]
struct PortArgs {
    /// JSON-RPC of the L1.
    #[arg(
        id = "port.l1-rpc",
        long = "port.l1-rpc",
        value_name = "PORT",
        default_value_t = 8545
    )]
    l1_rpc: u16,
    /// Beacon API of the L1.
    #[arg(
        id = "port.l1-beacon",
        long = "port.l1-beacon",
        value_name = "PORT",
        default_value_t = 5052
    )]
    l1_beacon: u16,
    /// Control methods of the L1.
    #[arg(long = "port.l1-control", value_name = "PORT", default_value_t = 8549)]
    l1_control: u16,
    /// JSON-RPC of the sequencer, for wallets.
    #[arg(
        long = "port.sequencer-rpc",
        value_name = "PORT",
        default_value_t = 9545
    )]
    sequencer_rpc: u16,
    /// Engine API of the sequencer.
    #[arg(
        long = "port.sequencer-engine",
        value_name = "PORT",
        default_value_t = 9551
    )]
    sequencer_engine: u16,
    /// Rollup node RPC of the sequencer.
    #[arg(
        long = "port.sequencer-node",
        value_name = "PORT",
        default_value_t = 9547
    )]
    sequencer_node: u16,
    /// JSON-RPC of the verifier.
    #[arg(
        long = "port.verifier-rpc",
        value_name = "PORT",
        default_value_t = 9645
    )]
    verifier_rpc: u16,
    /// Engine API of the verifier.
    #[arg(
        long = "port.verifier-engine",
        value_name = "PORT",
        default_value_t = 9651
    )]
    verifier_engine: u16,
    /// Rollup node RPC of the verifier.
    #[arg(
        long = "port.verifier-node",
        value_name = "PORT",
        default_value_t = 9647
    )]
    verifier_node: u16,
    /// Admin RPC of the batcher.
    #[arg(long = "port.batcher", value_name = "PORT", default_value_t = 9548)]
    batcher: u16,
    /// Metrics of the batcher.
    #[arg(
        long = "port.batcher-metrics",
        value_name = "PORT",
        default_value_t = 7301
    )]
    batcher_metrics: u16,
    /// Admin RPC of the proposer.
    #[arg(long = "port.proposer", value_name = "PORT", default_value_t = 9560)]
    proposer: u16,
}

#[derive(Clone, Copy, ValueEnum)]
enum Da {
    Blobs,
    Calldata,
}

/// Runs the devnet until it is told to stop or its goal is reached.
pub(crate) fn run(args: DevnetArgs) -> eyre::Result<()> {
    let config = args.config()?;
    let terminal = logging::init(&args.logging, &args.datadir)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(opal_devnet::run(config, terminal));
    runtime.shutdown_timeout(Duration::from_secs(5));
    // Its words are complete; the chain of causes would only repeat them.
    outcome.map_err(|error| eyre::eyre!("{error}"))
}

impl DevnetArgs {
    fn config(&self) -> eyre::Result<DevnetConfig> {
        let external_l1 = self.l1_rpc.clone().zip(self.l1_beacon.clone());
        Ok(DevnetConfig {
            datadir: self.datadir.clone(),
            ephemeral: self.ephemeral,
            block_time: self.block_time,
            l1_block_time: self.l1_block_time,
            seq_window_size: self.seq_window_size,
            forks: self.forks.clone(),
            external_l1: external_l1.map(|(rpc, beacon)| ExternalL1 {
                rpc,
                beacon,
                trust_rpc: self.l1_trust_rpc,
            }),
            rollup: self.rollup.rollup()?,
            da: match self.da {
                Da::Blobs => DataAvailability::Blobs,
                Da::Calldata => DataAvailability::Calldata,
            },
            until_safe: self.until_safe,
            timeout: self.timeout.map(Duration::from_secs),
            report: self.report.clone(),
            host: self.host,
            ports: self.ports.ports(),
        })
    }
}

impl RollupArgs {
    fn rollup(&self) -> eyre::Result<Option<ExistingRollup>> {
        let (Some(config), Some(genesis)) = (&self.rollup_config, &self.l2_genesis) else {
            return Ok(None);
        };
        let Some(batcher) = key("batcher", self.batcher_key.as_deref())? else {
            return Err(usage(
                "--rollup.config needs the key of the rollup's batcher: set OPAL_BATCHER_PRIVATE_KEY, or pass --batcher.private-key",
            ));
        };
        Ok(Some(ExistingRollup {
            config: config.clone(),
            genesis: genesis.clone(),
            batcher,
            proposer: key("proposer", self.proposer_key.as_deref())?,
        }))
    }
}

fn key(whose: &str, text: Option<&str>) -> eyre::Result<Option<PrivateKeySigner>> {
    let Some(text) = text else { return Ok(None) };
    // Never repeat the key, whatever is wrong with it.
    let key = text.trim().parse();
    key.map(Some)
        .map_err(|_| usage(format!("the {whose}'s key is not 32 bytes of hex")))
}

impl PortArgs {
    const fn ports(&self) -> Ports {
        Ports {
            l1_rpc: self.l1_rpc,
            l1_beacon: self.l1_beacon,
            l1_control: self.l1_control,
            sequencer_rpc: self.sequencer_rpc,
            sequencer_engine: self.sequencer_engine,
            sequencer_node: self.sequencer_node,
            verifier_rpc: self.verifier_rpc,
            verifier_engine: self.verifier_engine,
            verifier_node: self.verifier_node,
            batcher: self.batcher,
            batcher_metrics: self.batcher_metrics,
            proposer: self.proposer,
        }
    }
}
