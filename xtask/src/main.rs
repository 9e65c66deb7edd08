//! House-keeping: `cargo xtask tidy` checks that the house is as drawn, `cargo xtask contracts`
//! rebuilds the Solidity artifacts, `cargo xtask networks` refreshes the table of networks.

use clap::Parser;
use std::path::PathBuf;

mod contracts;
mod networks;
mod tidy;

/// House-keeping tasks of the workspace.
#[derive(Parser)]
#[command(name = "cargo xtask")]
enum Task {
    /// Check the arrows between crates, the no_std build of the cores, file sizes, and that
    /// ARCHITECTURE.md names every crate.
    Tidy,
    /// Rebuild the contract artifacts with the pinned compiler.
    Contracts {
        /// Compare with the committed artifacts instead of writing them.
        #[arg(long)]
        check: bool,
    },
    /// Write the table of networks from a copy of the superchain registry.
    Networks {
        /// Folder with chainList.toml and superchain/configs.
        registry: PathBuf,
        /// Compare with the committed table instead of writing it.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> eyre::Result<()> {
    match Task::parse() {
        Task::Tidy => tidy::run(),
        Task::Contracts { check } => contracts::run(check),
        Task::Networks { registry, check } => networks::run(&registry, check),
    }
}
