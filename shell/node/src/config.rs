//! What a rollup node must be told before it starts.

use opal_protocol::{L1ChainConfig, RollupConfig, upgrades::Upgrades};
use opal_rollup::SequencerOptions;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// What the node does besides deriving the chain from L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeMode {
    /// Derive only.
    Verifier,
    /// Build blocks as well.
    Sequencer {
        /// Wait for `admin_startSequencer` instead of building at once.
        stopped: bool,
        /// Blocks that L1 must have on top of a block before it becomes an origin.
        l1_confs: u64,
        /// Pause building while the safe head is this many L2 blocks behind; 0 means never.
        max_safe_lag: u64,
    },
}

impl NodeMode {
    pub(crate) const fn sequencer(self) -> Option<SequencerOptions> {
        match self {
            Self::Verifier => None,
            Self::Sequencer {
                stopped,
                l1_confs,
                max_safe_lag,
            } => Some(SequencerOptions {
                stopped,
                l1_confs,
                max_safe_lag,
            }),
        }
    }
}

/// The configuration of a rollup node.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// The chain to follow.
    pub rollup: RollupConfig,
    /// Blob parameters of its L1.
    pub l1_config: L1ChainConfig,
    /// Transactions of the forks to come.
    pub upgrades: Upgrades,
    /// Verifier or sequencer.
    pub mode: NodeMode,
    /// Where the JSON-RPC server listens; port 0 picks a free one.
    pub rpc_addr: SocketAddr,
    /// Serve the `admin_` methods.
    pub enable_admin: bool,
    /// File that remembers across restarts which safe head was derived from which L1 block
    /// (`safedb.path`); `None` forgets it.
    pub safedb_path: Option<PathBuf>,
    /// How long `start` waits for an engine or an L1 that does not answer.
    pub start_patience: Duration,
    /// A name for log lines, where several nodes share one process; may be empty.
    pub name: String,
}

impl NodeConfig {
    /// A verifier of `rollup` that serves no admin methods, on a free port of this machine.
    pub fn new(rollup: RollupConfig, l1_config: L1ChainConfig) -> Self {
        Self {
            rollup,
            l1_config,
            upgrades: Upgrades::default(),
            mode: NodeMode::Verifier,
            rpc_addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            enable_admin: false,
            safedb_path: None,
            start_patience: Duration::from_secs(60),
            name: String::new(),
        }
    }
}
