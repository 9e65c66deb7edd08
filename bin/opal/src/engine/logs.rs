//! Logs of the engine: to standard error, filtered.

use super::usage;
use crate::logs::{self, LookArgs};
use clap::Args;
use tracing_subscriber::EnvFilter;

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
    #[command(flatten)]
    look: LookArgs,
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
    logs::start(parsed, &args.look);
    Ok(())
}
