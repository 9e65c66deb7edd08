//! What is kept, and how often it is written.

use super::usage;
use clap::{Args, ValueEnum};
use opal_engine::EngineConfig;
use std::time::Duration;
use tracing::warn;

/// Blocks below the newest that an engine goes back to by merging what they changed.
const REACH_BLOCKS: u64 = 10_000;

/// Flags about the database.
#[derive(Args)]
#[command(next_help_heading = "Storage")]
pub(crate) struct StorageArgs {
    /// `full` keeps the states of the last blocks (--history.state), `archive` those of all.
    #[arg(long, value_enum, default_value_t = GcMode::Full, value_name = "MODE", global = true)]
    gcmode: GcMode,
    /// Blocks below the newest whose state can be read, proven and reorganised to; 0 keeps all, as
    /// --gcmode archive. Without an archive's index reads reach 10000 blocks.
    #[arg(long = "history.state", global = true, visible_aliases = ["prune.account-history.distance", "prune.storage-history.distance"], alias = "prune.accounthistory.distance", default_value_t = REACH_BLOCKS, value_name = "BLOCKS")]
    state_blocks: u64,
    /// Blocks below the newest whose receipts and logs are kept; 0 keeps all.
    #[arg(
        long = "prune.receipts.distance",
        global = true,
        visible_alias = "history.logs",
        default_value_t = 0,
        value_name = "BLOCKS"
    )]
    receipts_blocks: u64,
    /// Least time between two flushes to disk, as `200ms`: what a crash may lose, and the rollup
    /// node then sends again.
    #[arg(long = "db.flush-interval", default_value = "200ms", value_name = "TIME", value_parser = super::pool::time, global = true)]
    flush_interval: Duration,
    /// Bodies are never pruned: rollup nodes read the L1 attributes from them.
    #[arg(
        long = "prune.bodies.distance",
        global = true,
        alias = "prune.bodies.before",
        hide = true,
        value_name = "BLOCKS"
    )]
    bodies: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum GcMode {
    Full,
    Archive,
}

impl StorageArgs {
    /// Writes the flags into the configuration.
    pub(crate) fn apply(&self, config: &mut EngineConfig) -> eyre::Result<()> {
        if self.bodies.is_some() {
            return Err(usage(
                "--prune.bodies: bodies are never pruned, because a rollup node that syncs from \
                 this engine reads the L1 attributes from them",
            ));
        }
        let all = self.gcmode == GcMode::Archive || self.state_blocks == 0;
        if !all && self.state_blocks > REACH_BLOCKS {
            warn!(
                "--history.state {}: more than {REACH_BLOCKS} blocks back only --gcmode archive can read",
                self.state_blocks
            );
        }
        config.history_blocks = if all { u64::MAX } else { self.state_blocks };
        config.receipts_blocks = (self.receipts_blocks > 0).then_some(self.receipts_blocks);
        if self.gcmode == GcMode::Archive && config.receipts_blocks.is_some() {
            return Err(usage(
                "--gcmode archive keeps everything, --prune.receipts.distance does not: give one",
            ));
        }
        config.flush_interval = self.flush_interval;
        Ok(())
    }
}
