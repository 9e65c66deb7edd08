//! What can go wrong when L1 is read.

use alloy_primitives::B256;
use opal_protocol::{DepositError, L1Id};
use opal_rpc::{RpcError, Severity};

/// Why L1 gave no usable answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum L1Error {
    /// A node did not answer, or not usably.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The node's answer does not fit the hashes it claims to fit.
    #[error("{endpoint} gave a false answer for L1 block {block}: {problem}")]
    Unverified {
        /// Who answered.
        endpoint: String,
        /// Number or hash of the block.
        block: String,
        /// Which check failed.
        problem: String,
    },
    /// The node is on another L1 than the one the rollup started from, or not synced that far.
    #[error(
        "{endpoint} does not have the rollup's L1 genesis block {expected}; at that height it has {found}. The URL names a node of another chain, or the rollup configuration is of another deployment"
    )]
    ForeignChain {
        /// Who answered.
        endpoint: String,
        /// The block of the rollup configuration.
        expected: L1Id,
        /// What the node has at that height: a hash, or "no block".
        found: String,
    },
    /// No beacon node has a blob that L1 commits to.
    #[error("blob {hash} of L1 block {block} (slot {slot}) is missing; asked: {asked}")]
    MissingBlob {
        /// Versioned hash of the blob.
        hash: B256,
        /// Number of the L1 block.
        block: u64,
        /// Beacon slot of the L1 block.
        slot: u64,
        /// What each endpoint said.
        asked: String,
    },
    /// There is no beacon node to ask for blobs.
    #[error(
        "L1 block {block} carries batches in blobs, but no beacon endpoint is configured; name one"
    )]
    NoBeacon {
        /// Number of the L1 block.
        block: u64,
    },
    /// A block is older than the beacon chain that is asked for its blobs.
    #[error(
        "L1 block {block} (time {time}) is older than the beacon chain at {endpoint} (genesis {genesis_time}); the beacon endpoint belongs to another chain"
    )]
    BeforeBeacon {
        /// Who answered.
        endpoint: String,
        /// Number of the L1 block.
        block: u64,
        /// Unix time of the L1 block in seconds.
        time: u64,
        /// Unix time of slot 0 in seconds.
        genesis_time: u64,
    },
    /// The block is verified, yet holds a deposit that the portal cannot have written.
    #[error("L1 block {block} holds an impossible deposit: {source}")]
    Deposit {
        /// The block.
        block: L1Id,
        /// What is wrong with it.
        source: DepositError,
    },
    /// A task of ours died; only when the process stops.
    #[error("the task that fetched L1 block {block} was cancelled")]
    Cancelled {
        /// Number or hash of the block.
        block: String,
    },
}

impl L1Error {
    /// What a service does about it.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Rpc(e) => e.severity(),
            Self::Unverified { .. } | Self::MissingBlob { .. } | Self::Cancelled { .. } => {
                Severity::Temporary
            }
            Self::ForeignChain { .. }
            | Self::NoBeacon { .. }
            | Self::BeforeBeacon { .. }
            | Self::Deposit { .. } => Severity::Critical,
        }
    }
}
