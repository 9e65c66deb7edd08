//! Everything that can happen to the node's loop.

use crate::derive::{Delivery, Stepped};
use alloy_primitives::B256;
use op_alloy_rpc_types_engine::OpExecutionPayloadEnvelope;
use opal_rollup::{Answer, SafeAt, StartRefusal, SyncError, SyncPoint, Ticket};
use tokio::sync::oneshot;

/// What the node's own tasks report.
#[derive(Debug)]
pub(crate) enum Event {
    /// A call that the rollup asked for came back.
    Answer { ticket: Ticket, answer: Answer },
    /// Derivation came back from its thread.
    Stepped(Box<Stepped>),
    /// Derivation broke an invariant of its own and is lost.
    DerivationDied(String),
    /// Data that derivation asked for is here.
    Delivered(Delivery),
    /// The search for new heads succeeded.
    SyncFound(Box<SyncPoint>),
    /// The search for new heads failed in a way that repeating it hardly mends.
    SyncFailed(SyncError),
}

/// What somebody asks over RPC. Each is answered through its channel; who has gone away is
/// ignored.
#[derive(Debug)]
pub(crate) enum Request {
    StartSequencer(B256, oneshot::Sender<Result<(), StartRefusal>>),
    StopSequencer(oneshot::Sender<Result<B256, StartRefusal>>),
    SequencerActive(oneshot::Sender<bool>),
    ResetDerivation(oneshot::Sender<()>),
    PostUnsafePayload(Box<OpExecutionPayloadEnvelope>, oneshot::Sender<()>),
    SafeHeadAt(u64, oneshot::Sender<Option<SafeAt>>),
}
