//! The front page of the machine: everything that goes in, and everything that comes out.

use crate::{
    answer::{Answer, Failure, Ticket},
    block::Heads,
    consolidation::Mismatch,
    sequencer::Wait,
};
use alloc::{boxed::Box, string::String};
use alloy_primitives::B256;
use alloy_rpc_types_engine::{ForkchoiceState, PayloadId};
use op_alloy_rpc_types_engine::{OpExecutionPayloadEnvelope, OpPayloadAttributes};
use opal_derivation::{DerivedAttributes, ResetReason, sync_start::Reach};
use opal_protocol::{L1Ref, L2Id, L2Ref};

/// What happened outside.
#[derive(Clone, Debug)]
pub enum Event {
    /// Nothing but the passing of time.
    Tick,
    /// L1 has a new head.
    L1Head(L1Ref),
    /// L1 finalized a block.
    L1Finalized(L1Ref),
    /// Derivation handed out attributes, or the replacement of attributes that were rejected.
    Derived(Box<DerivedAttributes>),
    /// Derivation dropped the batch of attributes that were rejected (before Holocene): the next
    /// ones build on this block, and what was derived from the same batch is not any more.
    Rewound(L2Ref),
    /// Derivation has read this L1 block to its end: whatever it says has become blocks.
    L1Read(L1Ref),
    /// This was the last L1 block that there is: derivation has caught up.
    CaughtUp(L1Ref),
    /// A block that somebody else sequenced.
    UnsafePayload(Box<OpExecutionPayloadEnvelope>),
    /// The answer to a command.
    Answer {
        /// The command's ticket.
        ticket: Ticket,
        /// What came back.
        answer: Answer,
    },
    /// An operator wants the sequencer to start building on this block.
    StartSequencer(B256),
    /// An operator wants the sequencer to stop.
    StopSequencer,
    /// Derivation, or an operator, demands a reset.
    Reset(ResetCause),
    /// The reset is done: go on from these heads. `proven` as found by
    /// [`SyncStart`](crate::SyncStart).
    Restarted {
        /// The heads.
        heads: Box<Heads>,
        /// Newest L1 block of the history that is canonical still.
        proven: Option<L1Ref>,
    },
}

/// Whose call to the engine it is. The sequencer's calls must not wait behind others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Building blocks on the unsafe head.
    Sequencer,
    /// Following L1.
    Derivation,
    /// Taking in blocks of other sequencers.
    Unsafe,
}

/// Names an L2 block to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum L2Query {
    /// By height, on the engine's canonical chain.
    Number(u64),
    /// By hash.
    Hash(B256),
}

/// Names an L1 block to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum L1Query {
    /// By height, on the canonical chain.
    Number(u64),
    /// By hash.
    Hash(B256),
}

/// What is to be done outside. Each command that carries a ticket gets exactly one answer, even
/// if the call never returns: time limits are the caller's.
#[derive(Clone, Debug)]
pub enum Command {
    /// Tell the engine the heads and, with attributes, to start building a block. Never issued
    /// while another one is unanswered.
    Forkchoice {
        /// Names the command.
        ticket: Ticket,
        /// Whose call it is.
        lane: Lane,
        /// The heads.
        state: ForkchoiceState,
        /// What to build, if anything.
        attributes: Option<Box<OpPayloadAttributes>>,
    },
    /// Fetch the block that the engine built.
    GetPayload {
        /// Names the command.
        ticket: Ticket,
        /// Whose call it is.
        lane: Lane,
        /// The engine's name of the payload.
        id: PayloadId,
        /// Timestamp of the block in seconds.
        timestamp: u64,
    },
    /// Let the engine execute a block.
    NewPayload {
        /// Names the command.
        ticket: Ticket,
        /// Whose call it is.
        lane: Lane,
        /// The block.
        payload: Box<OpExecutionPayloadEnvelope>,
    },
    /// Fetch a block from the engine.
    GetL2Block {
        /// Names the command.
        ticket: Ticket,
        /// Whose call it is.
        lane: Lane,
        /// Which block.
        query: L2Query,
    },
    /// Fetch a block of L1.
    GetL1Block {
        /// Names the command.
        ticket: Ticket,
        /// Which block.
        query: L1Query,
    },
    /// Find out which L1 block is canonical at a height.
    GetL1Ref {
        /// Names the command.
        ticket: Ticket,
        /// The height.
        number: u64,
    },
    /// Tell derivation that its attributes became this block.
    Confirm(L2Ref),
    /// Tell derivation that the engine found its attributes invalid. What it offers instead
    /// comes back as [`Event::Derived`], or [`Event::Rewound`] if that is nothing.
    Reject,
    /// Find new heads and a new start of derivation ([`SyncStart`](crate::SyncStart)), reset
    /// derivation, and report with [`Event::Restarted`].
    Reset(ResetCause),
    /// The answer to [`Event::StartSequencer`].
    SequencerStarted(Result<(), StartRefusal>),
    /// The answer to [`Event::StopSequencer`]: the block on which the next sequencer must build.
    SequencerStopped(Result<B256, StartRefusal>),
    /// Something worth a line in the log.
    Note(Note),
}

/// Why the node must find its place anew.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResetCause {
    /// The node has just started.
    #[error("start of the node")]
    Start,
    /// An operator asked for it.
    #[error("requested by operator")]
    Operator,
    /// Derivation asked for it.
    #[error("{0}")]
    Derivation(ResetReason),
    /// The head of L1 is another block than the one derivation read at that height.
    #[error("L1 reorganised: block {read} was read, {head} took its place")]
    L1Reorg {
        /// What was read.
        read: L1Ref,
        /// The head.
        head: L1Ref,
    },
    /// The unsafe head stands on an L1 block that is not canonical.
    #[error("L1 reorganised under the unsafe head {0}")]
    UnsafeOrphaned(L2Ref),
    /// L1 finalized another block than the one a safe head was derived from.
    #[error("L1 finalized another block {number} than {derived_from}, which L2 was derived from")]
    FinalityMismatch {
        /// What was read.
        derived_from: L1Ref,
        /// Height at which L1 has another block.
        number: u64,
    },
    /// The engine cannot follow the heads it was told.
    #[error("engine does not follow our heads: {0}")]
    EngineForkchoice(String),
    /// The engine lost a block of its chain.
    #[error("engine has no block {0} any more, which is below its head")]
    EngineLostBlock(u64),
    /// Attributes were derived on another block than the safe head: our own state is torn.
    #[error("attributes were derived on {derived}, but the safe head is {safe}")]
    StaleAttributes {
        /// Parent of the attributes.
        derived: L2Id,
        /// The safe head.
        safe: L2Id,
    },
}

impl ResetCause {
    /// How far back derivation is to start: the short way first, the full one when that was too
    /// short.
    pub const fn reach(&self) -> Reach {
        match self {
            Self::Derivation(ResetReason::FrameWithoutStart { .. }) => Reach::Full,
            _ => Reach::Short,
        }
    }
}

/// Why the sequencer did not start or stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartRefusal {
    /// The node is a verifier.
    #[error("this node was not started as a sequencer")]
    NotASequencer,
    /// It builds blocks already.
    #[error("sequencer already running")]
    Running,
    /// It does not build blocks.
    #[error("sequencer not running")]
    NotRunning,
    /// The head is another block than the operator believes.
    #[error("block hash does not match: head {head}, received {received}")]
    HeadMismatch {
        /// The unsafe head.
        head: B256,
        /// What the operator named.
        received: B256,
    },
    /// The node is resetting; its heads are not known yet.
    #[error("the node is resetting, its head is not known yet: try again")]
    Resetting,
}

/// Something worth a line in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The sequencer built a block, which is the unsafe head now.
    BlockBuilt {
        /// The block.
        block: L2Ref,
        /// Transactions in it, deposits included.
        transactions: usize,
        /// Gas used.
        gas_used: u64,
    },
    /// The safe head moved.
    SafeAdvanced {
        /// The safe head.
        safe: L2Ref,
        /// The L1 block that it was derived from.
        derived_from: L1Ref,
        /// Blocks by which it moved.
        blocks: u64,
        /// How many of them had to be built; the others were there.
        built: u64,
    },
    /// The finalized head moved.
    FinalizedAdvanced(L2Ref),
    /// The unsafe chain contradicts L1 and is given up.
    UnsafeReorg {
        /// The unsafe head that is given up.
        from: L2Ref,
        /// The last block that stays.
        to: L2Ref,
        /// In what the first block differs.
        mismatch: Mismatch,
    },
    /// A derived block replaced whatever had been built on its parent meanwhile.
    UnsafeReplaced {
        /// The block that is given up.
        from: L2Ref,
        /// The derived block.
        to: L2Ref,
    },
    /// The engine found the derived block invalid.
    DerivedInvalid {
        /// Height of the block.
        number: u64,
        /// The engine's own words.
        reason: String,
    },
    /// The engine found the sequencer's own block invalid. The next attempt takes no transactions
    /// from the pool.
    SequencedInvalid {
        /// Height of the block.
        number: u64,
        /// The engine's own words.
        reason: String,
    },
    /// The sequencer gave up a block because the head moved under it.
    BuildAbandoned {
        /// The block it was building on.
        parent: L2Ref,
    },
    /// The sequencer does not build, for this reason.
    SequencerWaits(Wait),
    /// The sequencer builds again.
    SequencerResumes,
    /// A block of another sequencer is the unsafe head now.
    UnsafeAdopted(L2Ref),
    /// A block of another sequencer was dropped.
    UnsafeDropped {
        /// The block.
        block: L2Id,
        /// Why.
        reason: String,
    },
    /// A call failed and is repeated.
    Trouble {
        /// Whose call it was.
        lane: Lane,
        /// What was called.
        call: &'static str,
        /// Why it failed.
        failure: Failure,
        /// Milliseconds until the next attempt.
        retry_in_ms: u64,
    },
}
