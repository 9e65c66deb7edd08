//! Logs: to standard error, or to a file when a live display owns the terminal.

use crate::logs::{self, LookArgs};
use clap::Args;
use eyre::WrapErr;
use std::{fs, io::IsTerminal, path::Path, sync::Arc};
use tracing_subscriber::{EnvFilter, fmt};

/// Name of the log file inside the data directory.
const LOG_FILE: &str = "opal.log";

/// Flags about logs.
#[derive(Args)]
#[command(next_help_heading = "Logs")]
pub(crate) struct LoggingArgs {
    /// What is logged: a level (`error`, `warn`, `info`, `debug`, `trace`) or a filter such as
    /// `info,opal_derivation=debug`.
    #[arg(
        long = "log.level",
        env = "OPAL_LOG",
        default_value = "info",
        value_name = "FILTER"
    )]
    level: String,
    /// Log to standard error even when a live display could be shown; turns the display off.
    #[arg(long = "log.stderr")]
    stderr: bool,
    #[command(flatten)]
    look: LookArgs,
}

/// Starts logging. True when standard output is a terminal and a live display may own it; the
/// logs then go to `opal.log` in `folder`.
pub(crate) fn init(args: &LoggingArgs, folder: &Path) -> eyre::Result<bool> {
    let filter = EnvFilter::try_new(&args.level)
        .wrap_err_with(|| format!("--log.level: `{}` is no log filter", args.level))?;
    let display = std::io::stdout().is_terminal() && !args.stderr;
    if display {
        fs::create_dir_all(folder)
            .wrap_err_with(|| format!("cannot make the data directory {}", folder.display()))?;
        let path = folder.join(LOG_FILE);
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .wrap_err_with(|| format!("cannot write the log {}", path.display()))?;
        let builder = fmt().with_env_filter(filter).with_target(true);
        builder.with_ansi(false).with_writer(Arc::new(file)).init();
    } else {
        logs::start(filter, &args.look);
    }
    Ok(display)
}
