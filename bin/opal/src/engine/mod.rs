//! `opal engine`: the execution client, and what can be done to its data directory.
//!
//! Every flag has a spelling of geth or reth where those have the flag, and an environment
//! variable: `OPAL_ENGINE_` and the flag's name, or `GETH_` as op-geth has it. See [`spellings`].

mod chain;
mod db;
mod files;
mod gas;
mod ignored;
mod logs;
mod pool;
mod progress;
mod rollup;
mod run;
mod servers;
mod spellings;
mod storage;
#[cfg(test)]
mod tests;

pub(crate) use pool::time;
pub(crate) use run::stop_signal;
pub(crate) use spellings::{taught, with_spellings};

use clap::{Args, Subcommand};
use std::fmt;

/// Flags and subcommands of `opal engine`.
#[derive(Args)]
#[command(
    subcommand_negates_reqs = true,
    after_help = "Without a subcommand the engine runs until it is told to stop (SIGINT, SIGTERM).\n\
        Every flag can also be set by an environment variable: OPAL_ENGINE_ and the flag's name in \
        upper case, with _ for every other character (OPAL_ENGINE_HTTP_PORT); where that is not \
        set, op-geth's GETH_HTTP_PORT counts. The flags of geth and of op-reth are understood in \
        either spelling."
)]
pub(crate) struct EngineArgs {
    #[command(subcommand)]
    command: Option<EngineCommand>,
    #[command(flatten)]
    chain: chain::ChainArgs,
    #[command(flatten)]
    logs: logs::LogArgs,
    #[command(flatten)]
    run: Box<run::RunArgs>,
}

#[derive(Subcommand)]
enum EngineCommand {
    /// Make the data directory of a chain: its genesis block and nothing more.
    Init(chain::InitArgs),
    /// Execute the blocks of a file, as `export` or geth wrote it, through the engine's own tree.
    Import(files::ImportArgs),
    /// Write blocks of the chain to a file that `import` and geth can read.
    Export(files::ExportArgs),
    /// Look at a data directory that no engine is using.
    #[command(subcommand)]
    Db(db::DbCommand),
}

/// Runs what the flags ask for.
pub(crate) fn run(args: EngineArgs) -> eyre::Result<()> {
    logs::init(&args.logs)?;
    match args.command {
        None => run::run(&args.chain, &args.run),
        Some(EngineCommand::Init(init)) => chain::init(&args.chain, &init),
        Some(EngineCommand::Import(import)) => files::import(&args.chain, &args.run, &import),
        Some(EngineCommand::Export(export)) => files::export(&args.chain, &export),
        Some(EngineCommand::Db(command)) => db::run(&args.chain, &command),
    }
}

/// Flags that make no sense together. The process ends with 2, as for flags that do not exist.
#[derive(Debug)]
pub(crate) struct UsageError(String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n\nFor more information, try '--help'.", self.0)
    }
}

impl std::error::Error for UsageError {}

/// An error about flags.
pub(crate) fn usage(problem: impl Into<String>) -> eyre::Report {
    eyre::Report::new(UsageError(problem.into()))
}
