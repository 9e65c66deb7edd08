//! Why a node could not start.

use alloy_primitives::B256;
use opal_l1::L1Error;
use opal_protocol::{ConfigError, Fork};
use opal_rpc::EngineError;
use std::{net::SocketAddr, path::PathBuf};

/// Why a node could not start. Each line says what was wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The rollup configuration contradicts itself.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// L1 does not answer, or follows another chain than the rollup configuration names.
    #[error("L1: {0}")]
    L1(#[from] L1Error),
    /// The engine does not answer.
    #[error("the L2 engine did not answer in {seconds} s: {source}")]
    EngineUnreachable {
        /// How long we tried, in seconds.
        seconds: u64,
        /// The last answer.
        source: EngineError,
    },
    /// The engine refused our token.
    #[error(
        "{0}; rollup node and engine must share the secret of one file (--l2.jwt-secret), and their clocks must agree within 60 s"
    )]
    BadJwt(EngineError),
    /// The engine's chain is another one.
    #[error(
        "the engine's block {number} is {found}, but rollup.json says {expected}; the engine runs another chain or has another chain's data directory"
    )]
    WrongL2Genesis {
        /// Height of the block.
        number: u64,
        /// Hash in the rollup configuration.
        expected: B256,
        /// Hash that the engine reports, or `none`.
        found: String,
    },
    /// The chain has a fork ahead whose upgrade transactions are not at hand.
    #[error(
        "the chain activates {fork} at time {time}, and its upgrade transactions are not at hand; docs/decisions/upgrade-bundles.md says which file to provide"
    )]
    MissingBundle {
        /// The fork.
        fork: Fork,
        /// Its time in seconds.
        time: u64,
    },
    /// The file of safe heads cannot be used.
    #[error("cannot use {path} to remember safe heads: {source}; see --safedb.path", path = path.display())]
    SafeDb {
        /// The file.
        path: PathBuf,
        /// The system's own words.
        source: std::io::Error,
    },
    /// The RPC server cannot listen.
    #[error("cannot listen on {addr} for the rollup node's RPC: {source}")]
    Listen {
        /// Where it should listen.
        addr: SocketAddr,
        /// The system's own words.
        source: std::io::Error,
    },
}
