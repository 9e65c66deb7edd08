//! Block references. L1 and L2 numbers never mix: each layer has its own types.

use alloy_primitives::B256;
use core::fmt;
use serde::{Deserialize, Serialize};

/// Names one L1 block.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct L1Id {
    /// Hash of the block header.
    pub hash: B256,
    /// Height of the block on L1.
    pub number: u64,
}

/// Names one L2 block.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct L2Id {
    /// Hash of the block header.
    pub hash: B256,
    /// Height of the block on L2.
    pub number: u64,
}

/// An L1 block as the rollup node sees it: identity, parent and time.
///
/// Serializes with the field names of `optimism_syncStatus` (op-node's `L1BlockRef`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct L1Ref {
    /// Hash of the block header.
    pub hash: B256,
    /// Height of the block on L1.
    pub number: u64,
    /// Hash of the parent block.
    #[serde(rename = "parentHash")]
    pub parent_hash: B256,
    /// Unix time of the block in seconds.
    #[serde(rename = "timestamp")]
    pub time: u64,
}

/// An L2 block as the rollup node sees it: identity, parent, time and the L1 block it builds on.
///
/// Serializes with the field names of `optimism_syncStatus` (op-node's `L2BlockRef`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct L2Ref {
    /// Hash of the block header.
    pub hash: B256,
    /// Height of the block on L2.
    pub number: u64,
    /// Hash of the parent block.
    #[serde(rename = "parentHash")]
    pub parent_hash: B256,
    /// Unix time of the block in seconds.
    #[serde(rename = "timestamp")]
    pub time: u64,
    /// The L1 block whose deposits and attributes this block carries.
    #[serde(rename = "l1origin")]
    pub l1_origin: L1Id,
    /// Position of this block within its epoch; 0 is the first block of the epoch.
    #[serde(rename = "sequenceNumber")]
    pub seq_num: u64,
}

impl L1Ref {
    /// The name of this block.
    pub const fn id(&self) -> L1Id {
        L1Id {
            hash: self.hash,
            number: self.number,
        }
    }
}

impl L2Ref {
    /// The name of this block.
    pub const fn id(&self) -> L2Id {
        L2Id {
            hash: self.hash,
            number: self.number,
        }
    }
}

impl fmt::Display for L1Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.number, self.hash)
    }
}

impl fmt::Display for L2Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.number, self.hash)
    }
}

impl fmt::Display for L1Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id().fmt(f)
    }
}

impl fmt::Display for L2Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id().fmt(f)
    }
}
