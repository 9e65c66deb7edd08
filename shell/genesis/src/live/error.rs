//! Why a deployment did not come to its end.

use crate::config::GenesisError;
use alloy_primitives::{Address, B256, U256};
use opal_rpc::RpcError;
use opal_txmgr::{SendError, StartError};
use std::path::PathBuf;

/// Why a deployment did not come to its end. All but `Changed` and `Reverted` can be tried again
/// with the same state file.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The configuration makes no rollup.
    #[error(transparent)]
    Config(#[from] GenesisError),
    /// L1 cannot be reached, or is not the one that was meant.
    #[error("L1: {0}")]
    L1(#[from] RpcError),
    /// Sending cannot begin.
    #[error("L1: {0}")]
    Start(#[from] StartError),
    /// The key belongs to another account.
    #[error(
        "the key belongs to {given}, but roles.deployer is {expected}; give the deployer's key, or change the configuration"
    )]
    Key {
        /// Account of the key.
        given: Address,
        /// Account of the configuration.
        expected: Address,
    },
    /// The deployer is too poor.
    #[error(
        "{deployer} has {balance} wei on L1, but what is left of the deployment may cost {needed} wei; send it the difference and start again"
    )]
    Funds {
        /// The deployer.
        deployer: Address,
        /// Its balance.
        balance: U256,
        /// What may be needed.
        needed: U256,
    },
    /// The state file is of another deployment.
    #[error("{}: this state is of another {what}; finish that deployment, or name another folder", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// The state file cannot be read or written.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Transactions of the deployer wait in the pool and are not mined.
    #[error(
        "{count} transactions of {deployer} wait in the pool of L1 and are not mined; have them mined or replaced, then start again"
    )]
    Stuck {
        /// The deployer.
        deployer: Address,
        /// How many.
        count: u64,
    },
    /// A transaction could not be sent.
    #[error("`{what}`: {problem}")]
    Send {
        /// What it does.
        what: String,
        /// Why not.
        problem: SendError,
    },
    /// A transaction of the deployment failed.
    #[error("`{what}` ({hash}) reverted; with this configuration the deployment cannot succeed")]
    Reverted {
        /// What it does.
        what: String,
        /// The transaction.
        hash: B256,
    },
    /// The deployer sent something else meanwhile, so that contracts are not where they should be.
    #[error("`{what}` is not on L1 as planned: {problem}. Was the deployer's account used for something else meanwhile? Remove {} and deploy anew", path.display())]
    Changed {
        /// What is amiss.
        what: String,
        /// How.
        problem: String,
        /// The state file.
        path: PathBuf,
    },
}
