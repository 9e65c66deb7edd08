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

mod accounts;
mod artifacts;
mod config;
mod deploy;
mod l1;
mod l2;
mod memory;
mod preinstalls;
mod rollup;
#[cfg(test)]
mod tests;

pub use accounts::{DEV_ACCOUNTS, MNEMONIC, Roles, dev_accounts, roles};
pub use config::{DeployConfig, FeeScalars, GenesisError, batch_inbox_address};
pub use deploy::{Addresses, DeployPlan, Fees, PlannedTx, deploy_plan};
pub use l1::{L1Genesis, l1_genesis};
pub use l2::l2_genesis;
pub use rollup::{dev_upgrades, rollup_config};
