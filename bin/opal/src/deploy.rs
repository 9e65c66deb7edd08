//! `opal deploy`: the contracts of a rollup sent to an L1 that lives.

use crate::{engine::usage, genesis, logging};
use alloy_signer_local::PrivateKeySigner;
use clap::Args;
use eyre::{WrapErr, eyre};
use opal_genesis::{Artifacts, Deployer, Output, Progress};
use opal_rpc::EthClient;
use opal_txmgr::TxManagerConfig;
use std::{path::PathBuf, time::Duration};

/// Flags of `opal deploy`.
#[derive(Args)]
#[command(after_help = "\
Sends some forty transactions from roles.deployer, then writes genesis.json, rollup.json and
addresses.json into --out. The rollup starts from an L1 block behind most of them.

Progress is kept in deploy-state.json in --out: run the same command again after an interruption, and
it goes on where it stopped, with the same addresses.")]
pub(crate) struct DeployArgs {
    /// The deploy configuration; `opal genesis --print-config` prints one.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,

    /// JSON-RPC of the L1.
    #[arg(long = "l1.rpc", env = "OPAL_L1_RPC", value_name = "URL")]
    l1_rpc: String,

    /// Key of the deployer, hex. The environment is safer than the command line.
    #[arg(
        long,
        env = "OPAL_DEPLOYER_PRIVATE_KEY",
        value_name = "KEY",
        hide_env_values = true,
        conflicts_with = "private_key_file"
    )]
    private_key: Option<String>,

    /// File with the key of the deployer.
    #[arg(long, value_name = "FILE")]
    private_key_file: Option<PathBuf>,

    /// Where the state and the files go.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// L1 blocks, counting its own, after which a transaction counts as mined for good. Use 1 where
    /// blocks come only with transactions, as on an idle anvil: the last would wait for ever.
    #[arg(long, default_value_t = 3, value_name = "BLOCKS", value_parser = clap::value_parser!(u64).range(1..))]
    num_confirmations: u64,

    /// Seconds between two looks at L1.
    #[arg(long, default_value_t = 2, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    poll_interval: u64,

    #[command(flatten)]
    logging: logging::LoggingArgs,
}

/// Transactions that may wait in the pool at once.
const MAX_PENDING: usize = 16;

/// Deploys, and writes the files.
pub(crate) fn run(args: DeployArgs) -> eyre::Result<()> {
    logging::init(&args.logging, &args.out)?;
    let deployment = genesis::read(&args.config)?;
    if deployment.existing.is_some() {
        return Err(usage(format!(
            "{}: [l1_contracts] names contracts that exist, so there is nothing to deploy; `opal genesis` writes the files",
            args.config.display()
        )));
    }
    let mut tx_manager = TxManagerConfig::default();
    tx_manager.queue.num_confirmations = args.num_confirmations;
    tx_manager.queue.max_pending = MAX_PENDING;
    tx_manager.receipt_query_interval = Duration::from_secs(args.poll_interval);
    let deployer = Deployer {
        config: deployment.config,
        key: key(&args)?,
        l1: EthClient::new(&args.l1_rpc)?,
        tx_manager,
        state: args.out.join("deploy-state.json"),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let deployed = runtime.block_on(deployer.run(|Progress { done, total, what }| {
        println!("{done:>3}/{total}  {what}");
    }));
    runtime.shutdown_timeout(Duration::from_secs(5));
    let deployed = deployed.map_err(|error| eyre!("{error}"))?;
    let output = Output::on_l1(
        &deployed.config,
        &Artifacts::Embedded,
        deployed.addresses,
        deployed.origin,
    )?;
    genesis::write(&output, &args.out)
}

fn key(args: &DeployArgs) -> eyre::Result<PrivateKeySigner> {
    let text = match (&args.private_key, &args.private_key_file) {
        (Some(key), _) => key.clone(),
        (None, Some(path)) => {
            std::fs::read_to_string(path).wrap_err_with(|| path.display().to_string())?
        }
        (None, None) => {
            return Err(usage(
                "no key: set OPAL_DEPLOYER_PRIVATE_KEY, or name a file with --private-key-file",
            ));
        }
    };
    // Never repeat the key, whatever is wrong with it.
    text.trim()
        .parse()
        .map_err(|_| usage("the deployer's key is not 32 bytes of hex"))
}
