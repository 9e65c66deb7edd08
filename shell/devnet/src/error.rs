//! Why a devnet cannot start or go on, in words that say what to do.

use std::{io, net::SocketAddr, path::PathBuf};

/// Why a devnet did not start, stopped, or missed its goal.
#[derive(Debug, thiserror::Error)]
pub enum DevnetError {
    /// A flag contradicts another, or the data directory.
    #[error("{0}")]
    Config(String),
    /// A file or folder cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    Folder {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The data directory holds something else.
    #[error("{path} is no devnet of this version ({problem}); choose another --datadir or remove it", path = path.display())]
    Foreign {
        /// The file at fault.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A server cannot listen.
    #[error("cannot listen on {addr}: {source}; choose another port, or 0 for a free one")]
    Listen {
        /// Where it should have listened.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The secret of the Engine API cannot be used.
    #[error("engine secret: {0}")]
    Jwt(#[from] opal_rpc::JwtError),
    /// An execution engine did not start.
    #[error("{who} engine: {source}")]
    Engine {
        /// Whose engine.
        who: &'static str,
        /// Why.
        source: opal_engine::StartError,
    },
    /// The L1 does not work as it must.
    #[error("L1: {0}")]
    L1(String),
    /// The L1 cannot be reached, or is another chain.
    #[error("L1: {0}")]
    Rpc(#[from] opal_rpc::RpcError),
    /// The contracts did not get onto L1.
    #[error("deploying on L1: {0}")]
    Deployment(#[source] opal_genesis::DeployError),
    /// A rollup node did not start.
    #[error("{who} node: {source}")]
    Node {
        /// Which node.
        who: &'static str,
        /// Why.
        source: opal_node::NodeError,
    },
    /// The batcher did not start.
    #[error("batcher: {0}")]
    Batcher(String),
    /// The proposer did not start.
    #[error("{0}")]
    Proposer(String),
    /// The account that resolves games cannot start.
    #[error("challenger: {0}")]
    Challenger(#[from] opal_txmgr::StartError),
    /// `--timeout` passed.
    #[error("gave up after {seconds} s: {reason}")]
    Timeout {
        /// How long it waited.
        seconds: u64,
        /// What was still missing.
        reason: String,
    },
    /// The verifier derived something else than the sequencer built.
    #[error("block {number} differs: sequencer {sequencer}, verifier {verifier}")]
    Diverged {
        /// Height of the block.
        number: u64,
        /// What the sequencer has, or why it has nothing.
        sequencer: String,
        /// What the verifier has.
        verifier: String,
    },
}

impl DevnetError {
    /// For `map_err`: an engine that did not start.
    pub(crate) fn engine(who: &'static str) -> impl FnOnce(opal_engine::StartError) -> Self {
        move |source| Self::Engine { who, source }
    }

    /// For `map_err`: a rollup node that did not start.
    pub(crate) fn node(who: &'static str) -> impl FnOnce(opal_node::NodeError) -> Self {
        move |source| Self::Node { who, source }
    }

    /// For `map_err`: a server that cannot listen.
    pub(crate) fn listen(addr: SocketAddr) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Listen { addr, source }
    }

    /// For `map_err`: a path that cannot be used.
    pub(crate) fn folder(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Folder { path, source }
    }
}
