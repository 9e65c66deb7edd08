//! The one binary of Opal: every service of a rollup is a subcommand.

use clap::{Parser, Subcommand};

mod devnet;
mod inspect;
mod logging;

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
    /// Decode what a rollup posts to L1; print what Opal knows of networks.
    Inspect(inspect::InspectArgs),
}

fn main() -> std::process::ExitCode {
    let result = match Cli::parse().command {
        Command::Devnet(args) => devnet::run(*args),
        Command::Inspect(args) => inspect::run(args),
    };
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("opal: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory;

    #[test]
    fn flags_do_not_clash() {
        Cli::command().debug_assert();
    }
}
