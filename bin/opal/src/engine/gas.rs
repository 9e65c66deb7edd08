//! What the engine suggests to pay, and how full it builds.

use clap::Args;
use opal_engine::EngineConfig;

/// Flags about gas.
#[derive(Args)]
#[command(next_help_heading = "Fees and blocks")]
pub(crate) struct GasArgs {
    /// Priority fee that eth_maxPriorityFeePerGas suggests, wei per gas. Default: 1000000 on an OP
    /// chain, 1000000000 on Ethereum.
    #[arg(
        long = "gpo.minsuggestedpriorityfee",
        alias = "rpc.min-suggested-priority-fee",
        value_name = "WEI"
    )]
    suggested_tip: Option<u64>,
    /// Gas of the blocks this engine builds, below the chain's limit; 0 means the chain's limit.
    /// miner_setGasLimit changes it while the engine runs.
    #[arg(
        long = "miner.gaslimit",
        visible_alias = "builder.gaslimit",
        default_value_t = 0,
        value_name = "GAS"
    )]
    block_gas: u64,
}

impl GasArgs {
    /// Writes the flags into the configuration.
    pub(crate) fn apply(&self, config: &mut EngineConfig) {
        config.suggested_tip = self.suggested_tip;
        config.max_block_gas = self.block_gas;
    }
}
