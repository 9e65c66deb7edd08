//! `opal inspect`: decodes what a rollup posts to L1, and tells what Opal knows of networks.
//!
//! In: a file, the hash of an L1 transaction, or a network's name. Out: a table for people, or JSON
//! for machines.

mod channel;
mod config;
mod frames;
mod input;
mod table;
mod tx;

use clap::{Args, Subcommand};
use eyre::{Result, WrapErr};
use opal_protocol::RollupConfig;
use serde::Serialize;
use std::{fmt, path::PathBuf};

/// Arguments of `opal inspect`.
#[derive(Args)]
pub(crate) struct InspectArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Decode the batches of a channel.
    Channel(FileArgs),
    /// Decode the frames of batcher data (calldata, a blob, or a whole L1 transaction) and the
    /// channels that are complete in it.
    Frames(FileArgs),
    /// Fetch a batcher transaction from L1 and decode its frames and channels.
    Tx(tx::TxArgs),
    /// Print the rollup configuration (rollup.json) of a network that Opal knows, or list them all.
    Config(config::ConfigArgs),
}

#[derive(Args)]
struct FileArgs {
    /// File with the data, binary or as hex; `-` reads standard input.
    file: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    chain: ChainArgs,
}

#[derive(Args)]
struct OutputArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What batches leave out because their chain's nodes know it.
#[derive(Args)]
#[command(next_help_heading = "L2 chain")]
struct ChainArgs {
    /// Name or chain id of a network that Opal knows; `opal inspect config` lists them.
    #[arg(long, value_name = "NAME", default_value = "op-mainnet")]
    network: String,
    /// The chain's rollup.json, instead of a network.
    #[arg(long = "rollup.config", value_name = "FILE", conflicts_with_all = ["network", "l2_chain_id", "l2_genesis_time", "l2_genesis_block", "block_time"])]
    rollup_config: Option<PathBuf>,
    /// Chain id of L2, if it is not the network's.
    #[arg(long, value_name = "ID")]
    l2_chain_id: Option<u64>,
    /// Unix time of the first L2 block in seconds, if it is not the network's.
    #[arg(long, value_name = "SECONDS")]
    l2_genesis_time: Option<u64>,
    /// Number of the first L2 block, if it is not the network's.
    #[arg(long, value_name = "NUMBER")]
    l2_genesis_block: Option<u64>,
    /// Seconds between L2 blocks, if they are not the network's.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    block_time: Option<u64>,
}

/// Runs `opal inspect`.
pub(crate) fn run(args: InspectArgs) -> Result<()> {
    match args.what {
        What::Channel(args) => {
            let cfg = args.chain.config()?;
            let data = input::read(&args.file)?;
            let report = channel::Report::of(&data, &cfg)
                .wrap_err_with(|| format!("{} is no channel", args.file.display()))?;
            args.output.print(&report)
        }
        What::Frames(args) => {
            let cfg = args.chain.config()?;
            let data = input::read_batcher_data(&args.file)?;
            let report = frames::Report::of(&data, &cfg)
                .wrap_err_with(|| format!("{} holds no frames", args.file.display()))?;
            args.output.print(&report)
        }
        What::Tx(args) => tx::run(args),
        What::Config(args) => config::run(&args),
    }
}

/// Prints `text` on standard output.
fn write(text: &str) -> Result<()> {
    use std::io::Write;
    match writeln!(std::io::stdout(), "{}", text.trim_end()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.wrap_err("cannot write to standard output"),
    }
}

impl OutputArgs {
    fn print<T: Serialize + fmt::Display>(&self, report: &T) -> Result<()> {
        let text = if self.json {
            serde_json::to_string_pretty(report)?
        } else {
            report.to_string()
        };
        write(&text)
    }
}

impl ChainArgs {
    fn config(&self) -> Result<RollupConfig> {
        if let Some(path) = &self.rollup_config {
            let text = std::fs::read_to_string(path)
                .wrap_err_with(|| format!("cannot read {}", path.display()))?;
            return RollupConfig::from_json(&text).wrap_err_with(|| path.display().to_string());
        }
        let mut cfg = config::find(&self.network)?.config;
        let genesis = &mut cfg.genesis;
        for (known, given) in [
            (&mut cfg.l2_chain_id, self.l2_chain_id),
            (&mut genesis.l2_time, self.l2_genesis_time),
            (&mut genesis.l2.number, self.l2_genesis_block),
            (&mut cfg.block_time, self.block_time),
        ] {
            *known = given.unwrap_or(*known);
        }
        Ok(cfg)
    }
}

#[cfg(test)]
mod tests;
