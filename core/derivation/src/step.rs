//! What goes into derivation and what comes out of it.

use alloc::{boxed::Box, vec::Vec};
use alloy_primitives::{B256, Bytes};
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use opal_protocol::{ChannelId, L1Id, L1Ref, L2Id, L2Ref, SystemConfig};

/// Where derivation begins: see [`crate::sync_start`] for how to find these values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The safe head: derived attributes build on it.
    pub safe_head: L2Ref,
    /// The system configuration of the safe head's block, as read back from that block
    /// (`SystemConfig::from_l2_block`), or the configuration of the rollup's genesis.
    pub system_config: SystemConfig,
    /// The first L1 block to read, at or before the safe head's origin.
    pub l1_base: L1Ref,
    /// The system configuration in force in `l1_base` (that of any L2 block whose origin it is):
    /// decides whose batches count from there on.
    pub l1_base_config: SystemConfig,
    /// The L1 block at whose end the safe head was the safe head, if that is known. Batches that
    /// were complete by then were judged then, when the safe head was an older one; they must not
    /// be judged again by this one. Also, a reorganisation below it is a reset.
    pub derived_from: Option<L1Id>,
}

/// The answer of [`crate::Derivation::step`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The next block of the safe chain. Answer with `confirm` or `reject`.
    Attributes(Box<DerivedAttributes>),
    /// Nothing moves without this piece of L1. Answer with `push_l1` or `push_blobs`.
    NeedL1(L1Request),
    /// The safe blocks `from..=to` are needed to judge a span batch that overlaps them. Answer
    /// with `push_l2`.
    NeedL2 {
        /// Height of the first block wanted.
        from: u64,
        /// Height of the last block wanted.
        to: u64,
    },
    /// L1 moved under us, or the start was wrong: find a new [`Start`] and call `reset`. Returned
    /// until that happens.
    Reset(ResetReason),
    /// Derivation cannot go on, and a reset would end here again. Returned until `reset`.
    Critical(CriticalReason),
    /// Attributes are out and neither confirmed nor rejected yet.
    Idle,
}

/// A piece of L1 that derivation waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum L1Request {
    /// The canonical L1 block at this height, which may not exist yet.
    Block {
        /// Height on L1.
        number: u64,
    },
    /// Blobs of batcher transactions of `block`, in this order.
    Blobs {
        /// The L1 block that includes them.
        block: L1Ref,
        /// Versioned hashes; one blob is wanted for each, repetitions included.
        hashes: Vec<B256>,
    },
}

/// Payload attributes that derivation found on L1, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DerivedAttributes {
    /// What the engine must build on `parent`.
    pub attributes: OpPayloadAttributes,
    /// The block to build on: the pending safe head.
    pub parent: L2Ref,
    /// The L1 origin of the new block.
    pub l1_origin: L1Id,
    /// Position of the new block in its epoch.
    pub seq_num: u64,
    /// The L1 block with which the batch was complete, or with which the sequencing window closed.
    pub derived_from: L1Ref,
    /// Whether no further block of the same span batch follows; true for singular batches.
    pub is_last_in_span: bool,
}

/// What becomes of attributes that the engine found invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// From Holocene on: the same block without batch transactions takes its place, and the rest
    /// of its channel is dropped. These attributes are out now: answer them like the first ones.
    Replace(Box<DerivedAttributes>),
    /// Before Holocene: the batch is dropped as a whole. If it was a span batch, those of its
    /// blocks that were confirmed already are not derived any more.
    Rewind {
        /// What the next attributes build on: the safe head.
        to: L2Ref,
    },
    /// There were no batch transactions to leave out: derivation is stuck, as its next step says.
    Critical(CriticalReason),
    /// No attributes are out.
    NothingOut,
}

/// A block of the safe chain, to compare an overlapping span batch with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct L2BlockInput {
    /// The block.
    pub block: L2Ref,
    /// Its encoded transactions, deposits included.
    pub transactions: Vec<Bytes>,
}

/// Why derivation must start anew from a fresh [`Start`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResetReason {
    /// The next L1 block does not build on the one before: L1 reorganised.
    #[error("L1 reorganised: block {next} does not build on {current}")]
    L1Reorg {
        /// The last L1 block read.
        current: L1Id,
        /// The block that came next.
        next: L1Id,
    },
    /// The first L1 block read is not the one that the start named.
    #[error("L1 reorganised: expected {expected} to start from, found {found}")]
    WrongBase {
        /// The block the start named.
        expected: L1Id,
        /// The block found there.
        found: L1Id,
    },
    /// The safe head names an L1 origin that is not canonical.
    #[error("the safe head's L1 origin {expected} is not canonical, which is {found}")]
    OriginMismatch {
        /// The origin of the safe head.
        expected: L1Id,
        /// The canonical block at that height.
        found: L1Id,
    },
    /// The L1 block that the safe head was derived from is not canonical any more.
    #[error("the safe head was derived from L1 block {expected}, but canonical is {found}")]
    SafeHeadOrphaned {
        /// The block the start named.
        expected: L1Id,
        /// The canonical block at that height.
        found: L1Id,
    },
    /// The start was a short one ([`Reach::Short`](crate::sync_start::Reach)), and the first frame
    /// found may continue a channel from before it: start with the full reach.
    #[error("L1 block {block} continues channel {channel}, which may begin before the start")]
    FrameWithoutStart {
        /// The channel.
        channel: ChannelId,
        /// The L1 block with the frame.
        block: L1Id,
    },
    /// `confirm` named a block that does not fit the attributes handed out.
    #[error("the safe head moved to {0}, which is not the block that was derived")]
    ForeignSafeHead(L2Id),
    /// The safe chain handed in to judge an overlapping span batch is not the chain of the safe
    /// head.
    #[error("L2 block {0} does not belong to the chain of the safe head")]
    ForeignL2Block(L2Id),
}

/// Why derivation is stuck for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CriticalReason {
    /// Before Holocene: more batches wait for their turn than fit into
    /// [`QUEUED_BATCH_BYTES_MAX`](crate::limits::QUEUED_BATCH_BYTES_MAX) bytes.
    #[error("too many batches wait for their turn at L1 block {0}")]
    TooManyBatches(L1Ref),
    /// A deposits-only block was found invalid by the engine.
    #[error("the engine rejected the deposits-only block on {0}")]
    DepositsRejected(L2Id),
    /// A batch that passed every check cannot be turned into attributes: our own mistake, or a
    /// start whose parts do not fit together.
    #[error("no attributes can be built on {0}: {1}")]
    Attributes(L2Id, crate::attributes::AttributesError),
}

/// Input that derivation did not ask for; its state is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// Another block, other blobs, or nothing at all was asked for.
    #[error("derivation did not ask for this input")]
    NotRequested,
    /// Right request, wrong number of items.
    #[error("derivation asked for {wanted} items and was given {given}")]
    WrongCount {
        /// Items asked for.
        wanted: u64,
        /// Items given.
        given: u64,
    },
}

/// How a service must act on a problem. See `severity()` of each reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Try again.
    Temporary,
    /// Find a new start and reset.
    Reset,
    /// Stop: a person must look at it.
    Critical,
}

impl ResetReason {
    /// Always [`Severity::Reset`].
    pub const fn severity(&self) -> Severity {
        Severity::Reset
    }
}

impl CriticalReason {
    /// Always [`Severity::Critical`].
    pub const fn severity(&self) -> Severity {
        Severity::Critical
    }
}

impl PushError {
    /// The request stands: answer it again.
    pub const fn severity(&self) -> Severity {
        Severity::Temporary
    }
}
