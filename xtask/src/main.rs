//! House-keeping: `cargo xtask tidy` checks that the house is as drawn, `cargo xtask contracts`
//! rebuilds the Solidity artifacts.

use clap::Parser;

mod contracts;
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
}

fn main() -> eyre::Result<()> {
    match Task::parse() {
        Task::Tidy => tidy::run(),
        Task::Contracts { check } => contracts::run(check),
    }
}
