//! Logs, by op-service's flags: to standard error.

use crate::{
    engine::usage,
    logs::{self, LookArgs},
};
use clap::Args;
use tracing_subscriber::EnvFilter;

/// Flags about logs.
#[derive(Args)]
#[command(next_help_heading = "Logs")]
pub(super) struct LogArgs {
    /// What is logged: a level (`error`, `warn`, `info`, `debug`, `trace`) or a filter such as
    /// `info,opal_proposer=debug`.
    #[arg(long = "log.level", default_value = "info", value_name = "FILTER")]
    level: String,
    #[command(flatten)]
    look: LookArgs,
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
    logs::start(filter(args)?, &args.look);
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
                look: LookArgs {
                    format: logs::Format::Text,
                    color: false,
                },
            };
            assert_eq!(filter(&args).unwrap().to_string(), expected);
        }
    }
}
