//! What the search asks, is told, and comes to.

use crate::block::{Heads, L2Block};
use alloc::boxed::Box;
use alloy_primitives::B256;
use opal_derivation::Start;
use opal_protocol::{L1Id, L1Ref, L2BlockError, L2Id};

/// A piece of either chain that the search needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Query {
    /// The engine's newest block.
    L2Latest,
    /// The engine's safe block; the answer may be that there is none.
    L2Safe,
    /// The engine's finalized block; the answer may be that there is none.
    L2Finalized,
    /// The engine's block with this hash.
    L2Hash(B256),
    /// The engine's canonical block at this height.
    L2Number(u64),
    /// The canonical L1 block at this height; the answer may be that L1 is not there yet.
    L1Number(u64),
}

/// The answer to a [`Query`].
#[derive(Clone, Debug)]
pub enum Found {
    /// To the queries for an L2 block.
    L2(Option<Box<L2Block>>),
    /// To the queries for an L1 block.
    L1(Option<L1Ref>),
}

/// What the search came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncPoint {
    /// The heads to go on from.
    pub heads: Heads,
    /// Where derivation begins.
    pub start: Start,
    /// The newest L1 block of the given history that is canonical still; what the history says
    /// beyond it is void.
    pub proven: Option<L1Ref>,
}

/// The next move of the search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncStep {
    /// Find this out and call [`SyncStart::answer`].
    Ask(Query),
    /// The search is over.
    Done(Box<SyncPoint>),
    /// The search failed; see [`SyncError::severity`].
    Failed(SyncError),
}

/// Why there are no heads to go on from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyncError {
    /// The engine's answers do not fit together; they may after its next change of heads.
    #[error("engine has no L2 block {0}, which its own chain builds on")]
    MissingL2(B256),
    /// The engine has no chain at all.
    #[error("engine has no latest block")]
    NoChain,
    /// The unsafe chain does not go through the finalized block.
    #[error("engine's chain has {found} at the height of its finalized block {finalized}")]
    FinalizedNotInChain {
        /// The finalized block.
        finalized: L2Id,
        /// What is there.
        found: B256,
    },
    /// L1 lost the block that derivation would start from while we looked.
    #[error("L1 block {0} is not canonical any more")]
    BaseMoved(L1Id),
    /// The engine or L1 belongs to another rollup.
    #[error(transparent)]
    Block(#[from] L2BlockError),
    /// L1 has no such block where the rollup starts.
    #[error("the rollup starts from L1 block {0}, which is not on this L1")]
    L1Genesis(L1Id),
    /// A finalized block rests on an L1 block that is not canonical.
    #[error(
        "finalized L2 block {finalized} was derived from L1 block {origin}, which L1 has reorganised away; L1 broke its finality, and the engine's data must be deleted to follow"
    )]
    FinalityBroken {
        /// The L2 block.
        finalized: L2Id,
        /// Its origin.
        origin: L1Id,
    },
    /// The L1 origins of two adjacent blocks contradict the rules.
    #[error(
        "L2 block {child} cannot follow its parent: L1 origin or sequence number do not continue"
    )]
    Corrupt {
        /// The younger of the two.
        child: L2Id,
    },
    /// An answer of the wrong kind: the caller's mistake.
    #[error("the answer does not belong to the question")]
    WrongAnswer,
}

impl SyncError {
    /// Whether the search can succeed when it is repeated; otherwise a person must act.
    pub const fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::MissingL2(_)
                | Self::NoChain
                | Self::FinalizedNotInChain { .. }
                | Self::BaseMoved(_)
        )
    }
}
