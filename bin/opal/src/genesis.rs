//! `opal genesis`: a deploy configuration in, the files that a rollup starts from out.

use crate::engine::usage;
use clap::Args;
use eyre::WrapErr;
use opal_genesis::{Artifacts, Deployment, Output, TEMPLATE};
use std::path::{Path, PathBuf};

/// Flags of `opal genesis`.
#[derive(Args)]
#[command(after_help = "\
Writes into --out:
  genesis.json      the first block of L2, in geth's format
  rollup.json       the rollup configuration, in op-node's format
  l1-genesis.json   the first block of an L1 that holds the contracts (unless [l1_contracts] names
                    contracts that exist)
  addresses.json    the L1 contracts
  upgrade-*.json    the upgrade transactions of forks that activate later

The same configuration gives the same bytes. To deploy on an L1 that lives, see `opal deploy`.

Example:
  opal genesis --print-config > deploy.toml
  opal genesis --config deploy.toml --out rollup")]
pub(crate) struct GenesisArgs {
    /// The deploy configuration.
    #[arg(long, value_name = "FILE", required_unless_present = "print_config")]
    config: Option<PathBuf>,

    /// Where the files go.
    #[arg(
        long,
        value_name = "DIR",
        required_unless_present = "print_config",
        conflicts_with = "print_config"
    )]
    out: Option<PathBuf>,

    /// Take the code of the L2 contracts from a folder of forge artifacts (NAME.sol/NAME.json)
    /// instead of our own.
    #[arg(long, value_name = "DIR")]
    artifacts: Option<PathBuf>,

    /// Print a configuration with every key, its default and its meaning, and do nothing else.
    #[arg(long)]
    print_config: bool,
}

/// Writes the files.
pub(crate) fn run(args: GenesisArgs) -> eyre::Result<()> {
    let (Some(config), Some(out)) = (&args.config, &args.out) else {
        print!("{TEMPLATE}");
        return Ok(());
    };
    let deployment = read(config)?;
    let artifacts = args
        .artifacts
        .map_or(Artifacts::Embedded, Artifacts::Folder);
    if deployment.config.genesis_time == 0 {
        return Err(usage(format!(
            "{}: l1.genesis_time is missing; give the unix time in seconds at which the rollup starts",
            config.display()
        )));
    }
    let output = Output::new(&deployment, &artifacts)?;
    write(&output, out)
}

/// The deployment that a file describes.
pub(crate) fn read(config: &Path) -> eyre::Result<Deployment> {
    let wrong = |problem: String| usage(format!("{}: {problem}", config.display()));
    let text = std::fs::read_to_string(config).map_err(|error| wrong(error.to_string()))?;
    Deployment::parse(&text).map_err(|error| wrong(error.to_string()))
}

/// Writes the files, and says what they are of.
pub(crate) fn write(output: &Output, out: &Path) -> eyre::Result<()> {
    output
        .files
        .write(out)
        .wrap_err_with(|| out.display().to_string())?;
    println!("L2 genesis  {}", output.rollup.genesis.l2.hash);
    println!("L1 origin   {}", output.rollup.genesis.l1.hash);
    for name in output.files.0.keys() {
        println!("wrote       {}", out.join(name).display());
    }
    Ok(())
}
