//! The handle to a running engine.

use crate::{config::EngineConfig, store::StoreError};
use alloy_consensus::Header;
use alloy_eips::eip7594::BlobTransactionSidecarVariant;
use alloy_primitives::{Address, B256, Bytes};
use opal_rpc::EngineApi;
use std::sync::Arc;
use tokio::sync::watch;

/// Where the chain stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeadInfo {
    /// Hash of the newest block.
    pub hash: B256,
    /// Its height.
    pub number: u64,
    /// Its time, unix seconds.
    pub timestamp: u64,
    /// Newest safe block; zero until one is named.
    pub safe: B256,
    /// Newest finalized block; zero until one is named.
    pub finalized: B256,
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A server cannot listen.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// Where it should have listened.
        addr: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The Engine API needs a secret.
    #[error("the authenticated server on {0} needs a JWT secret; pass one or leave the server out")]
    MissingJwt(std::net::SocketAddr),
    /// The thread of the block tree did not start.
    #[error("cannot start: {0}")]
    Internal(String),
}

/// What the miner of a development L1 decides about a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct L1BlockAttributes {
    /// The block to build on; `None` is the head. Any known block may be named.
    pub parent: Option<B256>,
    /// Unix time in seconds; must be later than the parent's.
    pub timestamp: u64,
    /// Randomness of the beacon chain.
    pub prev_randao: B256,
    /// Who receives the priority fees.
    pub fee_recipient: Address,
    /// Root of the parent beacon block.
    pub parent_beacon_block_root: B256,
}

/// A block of a development L1: known to the engine, but not yet its head.
#[derive(Clone, Debug)]
pub struct BuiltL1Block {
    /// Hash of the header.
    pub hash: B256,
    /// The header.
    pub header: Header,
    /// Blobs, commitments and proofs of the included type-3 transactions, in block order.
    pub sidecars: Vec<Arc<BlobTransactionSidecarVariant>>,
}

/// Why a block was not built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The parent is not known.
    #[error("parent block {0} is not known")]
    UnknownParent(B256),
    /// The attributes contradict the rules.
    #[error("block cannot be built: {0}")]
    Invalid(String),
    /// The chain is not one of Ethereum's rules.
    #[error("blocks of an OP chain are built through the Engine API")]
    NotEthereum,
    /// The engine is shutting down, or its storage failed.
    #[error("engine failed: {0}")]
    Engine(String),
}

/// Why the head pointers were not moved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetHeadsError {
    /// A block is not known.
    #[error("block {0} is not known")]
    Unknown(B256),
    /// Safe or finalized block is no ancestor of the head.
    #[error("{0}")]
    Inconsistent(String),
    /// The engine is shutting down, or its storage failed.
    #[error("engine failed: {0}")]
    Engine(String),
}

/// A running engine. Clones are handles to the same engine.
#[derive(Clone, Debug)]
pub struct Engine {}

impl Engine {
    /// Opens the database and starts the servers.
    pub async fn start(_config: EngineConfig) -> Result<Self, StartError> {
        unimplemented!()
    }

    /// URL of the public JSON-RPC server.
    pub fn rpc_url(&self) -> String {
        unimplemented!()
    }

    /// URL of the authenticated server, if there is one.
    pub fn auth_url(&self) -> Option<String> {
        unimplemented!()
    }

    /// The Engine API without a socket between.
    pub fn api(&self) -> Arc<dyn EngineApi> {
        unimplemented!()
    }

    /// Hash of the genesis block.
    pub fn genesis_hash(&self) -> B256 {
        unimplemented!()
    }

    /// Follows the head of the chain.
    pub fn head(&self) -> watch::Receiver<HeadInfo> {
        unimplemented!()
    }

    /// Adds a signed transaction to the pool; answers with its hash.
    pub async fn send_raw_transaction(&self, _encoded: Bytes) -> Result<B256, String> {
        unimplemented!()
    }

    /// Builds a block of an Ethereum chain from the pool and inserts it without making it head.
    pub async fn build_block(&self, _attrs: L1BlockAttributes) -> Result<BuiltL1Block, BuildError> {
        unimplemented!()
    }

    /// Moves the head pointers of a development L1; reorganises if needed.
    pub async fn set_heads(
        &self,
        _head: B256,
        _safe: B256,
        _finalized: B256,
    ) -> Result<(), SetHeadsError> {
        unimplemented!()
    }

    /// Stops the servers, flushes everything and closes the database.
    pub async fn shutdown(&self) {
        unimplemented!()
    }
}
