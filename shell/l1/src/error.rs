//! What can go wrong when L1 is read.

use alloy_primitives::B256;
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
    #[error("L1 block {block} carries batches in blobs, but no beacon endpoint is configured")]
    NoBeacon {
        /// Number of the L1 block.
        block: u64,
    },
}

impl L1Error {
    /// What a service does about it.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Rpc(e) => e.severity(),
            Self::Unverified { .. } | Self::MissingBlob { .. } => Severity::Temporary,
            Self::NoBeacon { .. } => Severity::Critical,
        }
    }
}
