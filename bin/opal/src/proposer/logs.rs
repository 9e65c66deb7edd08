//! Logs, by op-service's flags: to standard error.

use crate::engine::usage;
use clap::{Args, ValueEnum};
use std::io::IsTerminal;
use tracing_subscriber::{EnvFilter, fmt};

/// Flags about logs.
#[derive(Args)]
#[command(next_help_heading = "Logs")]
pub(super) struct LogArgs {
    /// What is logged: a level (`error`, `warn`, `info`, `debug`, `trace`) or a filter such as
    /// `info,opal_proposer=debug`.
    #[arg(long = "log.level", default_value = "info", value_name = "FILTER")]
    level: String,
    /// How. All of op-service's words for text mean the same here.
    #[arg(long = "log.format", value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Colour the log even if standard error is no terminal.
    #[arg(long = "log.color")]
    color: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Terminal,
    Logfmt,
    Logfmtms,
    /// A line without times, for systems that add their own.
    Bare,
}

/// The filter of the flags.
fn filter(args: &LogArgs) -> eyre::Result<EnvFilter> {
    let level = match args.level.as_str() {
        // geth's and op-service's name of the highest level.
        "crit" | "CRIT" => "error",
        level => level,
    };
    EnvFilter::try_new(level)
        .map_err(|e| usage(format!("--log.level: `{level}` is no log filter: {e}")))
}

/// Starts logging.
pub(super) fn init(args: &LogArgs) -> eyre::Result<()> {
    let ansi = args.color || std::io::stderr().is_terminal();
    let builder = fmt()
        .with_env_filter(filter(args)?)
        .with_target(true)
        .with_ansi(ansi)
        .with_writer(std::io::stderr);
    match args.format {
        Format::Bare => builder.without_time().init(),
        _ => builder.init(),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn op_services_levels_are_understood() {
        for (level, expected) in [
            ("INFO", "info"),
            ("crit", "error"),
            ("DEBUG", "debug"),
            ("warn,opal_proposer=trace", "opal_proposer=trace,warn"),
        ] {
            let args = LogArgs {
                level: level.into(),
                format: Format::Text,
                color: false,
            };
            assert_eq!(filter(&args).unwrap().to_string(), expected);
        }
    }
}
