//! The beginning of a rollup: contracts on L1, the first block of L2, and the rollup configuration
//! that ties the two together.
//!
//! In: a [`DeployConfig`]. Out: the L1 transactions that deploy the contracts ([`deploy_plan`]) or
//! an L1 genesis that has them already ([`l1_genesis`]); the L2 genesis ([`l2_genesis`]); the
//! [`rollup_config`]; and the upgrade transactions of forks that activate later
//! ([`dev_upgrades`]).
//!
//! Invariant: everything here is a function of the configuration. Two nodes that agree on it agree
//! on every hash.

mod abi;
mod accounts;
mod addresses;
mod artifacts;
mod config;
mod deploy;
mod file;
mod l1;
mod l2;
mod live;
mod memory;
mod output;
mod predeploys;
mod preinstalls;
mod rollup;
mod sandbox;
#[cfg(test)]
mod tests;

pub use accounts::{DEV_ACCOUNTS, MNEMONIC, Roles, dev_accounts, roles};
pub use addresses::Addresses;
pub use artifacts::Artifacts;
pub use config::{
    DeployConfig, FeeScalars, GenesisError, Vault, Vaults, WithdrawalNetwork, Withdrawals,
    batch_inbox_address,
};
pub use deploy::{Anchor, DeployPlan, Fees, GAME_TYPE, PlannedTx, deploy_plan, finish_plan};
pub use file::{Deployment, Existing, FileError, TEMPLATE};
pub use l1::{L1Genesis, l1_genesis};
pub use l2::{l2_dev_token, l2_genesis, l2_genesis_from};
pub use live::{DeployError, Deployed, Deployer, Progress};
pub use output::{GenesisFiles, Output};
pub use preinstalls::MULTICALL3;
pub use rollup::{anchor, dev_upgrades, rollup_config};
