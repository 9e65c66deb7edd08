//! Logs of the engine: to standard error, filtered.

use super::usage;
use clap::Args;
use std::io::IsTerminal;
use tracing_subscriber::{EnvFilter, fmt};

/// geth's levels, from 0.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Flags about logs.
#[derive(Args)]
#[command(next_help_heading = "Logs")]
pub(crate) struct LogArgs {
    /// What is logged: a level (`error`, `warn`, `info`, `debug`, `trace`) or a filter such as
    /// `info,opal_engine=debug`. Default: info.
    #[arg(
        long = "log.level",
        alias = "log.stdout.filter",
        value_name = "FILTER",
        global = true
    )]
    level: Option<String>,
    /// The same as a number: 0 nothing, 1 errors, 2 warnings, 3 info, 4 debug, 5 trace.
    #[arg(long, value_name = "0-5", global = true)]
    verbosity: Option<usize>,
}

/// Starts logging.
pub(crate) fn init(args: &LogArgs) -> eyre::Result<()> {
    let filter = match (&args.level, args.verbosity) {
        (Some(_), Some(_)) => {
            return Err(usage("--log.level and --verbosity say the same: give one"));
        }
        (Some(level), None) => level.as_str(),
        (None, Some(number)) => LEVELS.get(number).copied().ok_or_else(|| {
            usage(format!(
                "--verbosity {number}: 0 (nothing) to 5 (trace) is possible"
            ))
        })?,
        (None, None) => "info",
    };
    let parsed = EnvFilter::try_new(filter)
        .map_err(|e| usage(format!("--log.level: `{filter}` is no log filter: {e}")))?;
    fmt()
        .with_env_filter(parsed)
        .with_target(true)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    Ok(())
}
