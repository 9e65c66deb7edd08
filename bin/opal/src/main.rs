//! The one binary of Opal: every service of a rollup is a subcommand.

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

mod bridge;
mod deploy;
mod devnet;
mod engine;
mod genesis;
mod inspect;
mod logging;
mod logs;
mod proposer;

/// An engine frees on one thread what another allocated, in pieces of all sizes, for weeks: the
/// system's allocator is not made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Opal: the OP Stack in one binary.
#[derive(Parser)]
#[command(name = "opal", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a whole rollup on this machine: an L1, a sequencer, a batcher and a verifier.
    Devnet(Box<devnet::DevnetArgs>),
    /// Make the files that a rollup starts from: genesis, rollup configuration, L1 genesis.
    Genesis(genesis::GenesisArgs),
    /// Deploy the contracts of a rollup on an L1.
    Deploy(deploy::DeployArgs),
    /// Run the execution engine of a rollup, or look after its data.
    Engine(Box<engine::EngineArgs>),
    /// Propose L2's state to L1, so that withdrawals can be proven.
    Proposer(Box<proposer::ProposerArgs>),
    /// Move ETH and tokens between L1 and an OP chain, and back.
    Bridge(Box<bridge::BridgeArgs>),
    /// Decode what a rollup posts to L1; print what Opal knows of networks.
    Inspect(inspect::InspectArgs),
}

fn main() -> std::process::ExitCode {
    opal_engine::use_small_pages();
    let matches = with_spellings(Cli::command()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let result = match cli.command {
        Command::Devnet(args) => devnet::run(*args),
        Command::Genesis(args) => genesis::run(args),
        Command::Deploy(args) => deploy::run(args),
        Command::Engine(args) => engine::run(*args),
        Command::Proposer(args) => proposer::run(*args),
        Command::Bridge(args) => bridge::run(*args),
        Command::Inspect(args) => inspect::run(args),
    };
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("opal: {error:#}");
            match error.is::<engine::UsageError>() {
                true => std::process::ExitCode::from(USAGE_CODE),
                false => std::process::ExitCode::FAILURE,
            }
        }
    }
}

/// Teaches the services' subcommands the spellings of those that they take the place of.
fn with_spellings(command: clap::Command) -> clap::Command {
    proposer::with_spellings(engine::with_spellings(command))
}

/// Exit code after flags that make no sense.
const USAGE_CODE: u8 = 2;

#[cfg(test)]
mod tests {
    use super::{Cli, with_spellings};
    use clap::CommandFactory;

    #[test]
    fn flags_do_not_clash() {
        with_spellings(Cli::command()).debug_assert();
    }
}
