//! `opal inspect`: decodes what a rollup posts to L1.
//!
//! In: a file, or the hash of an L1 transaction. Out: a table for people, or JSON for machines.

mod channel;
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
#[command(next_help_heading = "L2 chain (default: OP Mainnet)")]
struct ChainArgs {
    /// The chain's rollup.json, instead of the four flags below.
    #[arg(long = "rollup.config", value_name = "FILE", conflicts_with_all = ["l2_chain_id", "l2_genesis_time", "l2_genesis_block", "block_time"])]
    rollup_config: Option<PathBuf>,
    /// Chain id of L2.
    #[arg(long, value_name = "ID", default_value_t = 10)]
    l2_chain_id: u64,
    /// Unix time of the first L2 block, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 1_686_068_903)]
    l2_genesis_time: u64,
    /// Number of the first L2 block.
    #[arg(long, value_name = "NUMBER", default_value_t = 105_235_063)]
    l2_genesis_block: u64,
    /// Seconds between L2 blocks.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..))]
    block_time: u64,
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
    }
}

impl OutputArgs {
    fn print<T: Serialize + fmt::Display>(&self, report: &T) -> Result<()> {
        use std::io::Write;
        let text = if self.json {
            serde_json::to_string_pretty(report)?
        } else {
            report.to_string()
        };
        match writeln!(std::io::stdout(), "{}", text.trim_end()) {
            // Whoever reads has seen enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => other.wrap_err("cannot write to standard output"),
        }
    }
}

impl ChainArgs {
    fn config(&self) -> Result<RollupConfig> {
        if let Some(path) = &self.rollup_config {
            let text = std::fs::read_to_string(path)
                .wrap_err_with(|| format!("cannot read {}", path.display()))?;
            return RollupConfig::from_json(&text).wrap_err_with(|| path.display().to_string());
        }
        let mut cfg = RollupConfig {
            l2_chain_id: self.l2_chain_id,
            block_time: self.block_time,
            ..RollupConfig::default()
        };
        cfg.genesis.l2_time = self.l2_genesis_time;
        cfg.genesis.l2.number = self.l2_genesis_block;
        Ok(cfg)
    }
}

#[cfg(test)]
mod tests;
