//! What only an engine of a rollup has.

use super::usage;
use clap::{Args, ValueEnum};
use opal_engine::{EngineConfig, HaltLevel};
use tracing::{info, warn};

/// Flags of OP chains.
#[derive(Args)]
#[command(next_help_heading = "Rollup")]
pub(crate) struct RollupArgs {
    /// JSON-RPC of the sequencer: transactions that users send here are forwarded there.
    #[arg(long = "rollup.sequencerhttp", visible_aliases = ["rollup.sequencer", "rollup.sequencer-http"], value_name = "URL")]
    sequencer: Option<String>,
    /// Keep forwarded transactions in the pool here as well.
    #[arg(
        long = "rollup.enabletxpooladmission",
        visible_alias = "rollup.enable-tx-pool-admission"
    )]
    pool_admission: bool,
    /// Do not gossip transactions. This engine never does: it has no peers.
    #[arg(
        long = "rollup.disabletxpoolgossip",
        visible_alias = "rollup.disable-tx-pool-gossip"
    )]
    disable_gossip: bool,
    /// Serve eth_sendRawTransactionConditional.
    #[arg(
        long = "rollup.sequencertxconditionalenabled",
        visible_alias = "rollup.enable-tx-conditional"
    )]
    conditional: bool,
    /// Storage reads of conditions that are checked per second.
    #[arg(
        long = "rollup.sequencertxconditionalcostratelimit",
        default_value_t = 5_000,
        value_name = "COUNT"
    )]
    conditional_rate: u32,
    /// Stop when the superchain requires a protocol version that is newer than ours in this part.
    /// Without it there are warnings only.
    #[arg(long = "rollup.halt", value_name = "PART")]
    halt: Option<Halt>,
    /// Compute pending blocks. `pending` always means the newest block here.
    #[arg(long = "rollup.computependingblock", hide = true)]
    compute_pending: bool,
    /// JSON-RPC of a node with the history before Bedrock. Not supported.
    #[arg(long = "rollup.historicalrpc", value_name = "URL", hide = true)]
    historical: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Halt {
    Major,
    Minor,
    Patch,
    None,
}

impl RollupArgs {
    /// Writes the flags into the configuration.
    pub(crate) fn apply(&self, config: &mut EngineConfig) -> eyre::Result<()> {
        config.sequencer_url.clone_from(&self.sequencer);
        config.sequencer_pool_admission = self.pool_admission;
        config.conditional_cost_per_second = self.conditional.then_some(self.conditional_rate);
        config.halt = match self.halt {
            Some(Halt::Major) => Some(HaltLevel::Major),
            Some(Halt::Minor) => Some(HaltLevel::Minor),
            Some(Halt::Patch) => Some(HaltLevel::Patch),
            Some(Halt::None) | None => None,
        };
        if self.pool_admission && self.sequencer.is_none() {
            info!(
                "--rollup.enabletxpooladmission: without a sequencer's URL the pool takes all transactions anyway"
            );
        }
        if self.disable_gossip {
            info!(
                "--rollup.disabletxpoolgossip: transactions are never gossiped here, only forwarded to --rollup.sequencerhttp"
            );
        }
        if self.compute_pending {
            warn!("--rollup.computependingblock has no effect: `pending` is the newest block");
        }
        if let Some(url) = &self.historical {
            return Err(usage(format!(
                "--rollup.historicalrpc {url}: history before Bedrock is not supported; ask that \
                 node directly"
            )));
        }
        Ok(())
    }
}
