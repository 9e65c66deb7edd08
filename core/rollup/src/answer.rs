//! What comes back from the outside: answers of the engine and of L1, and why there was none.

use crate::block::L2Block;
use alloc::{boxed::Box, string::String, sync::Arc};
use alloy_rpc_types_engine::{ForkchoiceUpdated, PayloadStatus};
use op_alloy_rpc_types_engine::OpExecutionPayloadEnvelope;
use opal_protocol::{L1Block, L1Ref};

/// Ties an answer to the command it belongs to. Tickets are never used twice, so that the answer
/// to a command from before a reset is recognised and ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(crate) u64);

/// Why a call was not answered as asked, reduced to what the rollup does about it. What an engine
/// thinks of a *block* (VALID, INVALID, SYNCING) is no failure but an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No answer, or a broken one: the same call may succeed later.
    #[error("{0}")]
    Unavailable(String),
    /// The engine does not know the payload (any more).
    #[error("engine does not know the payload: {0}")]
    UnknownPayload(String),
    /// The engine cannot reconcile the heads with its chain.
    #[error("engine finds the forkchoice inconsistent: {0}")]
    InconsistentForkchoice(String),
    /// The engine will not build from these attributes.
    #[error("engine refuses the attributes: {0}")]
    InvalidAttributes(String),
    /// Any other refusal, by its JSON-RPC code.
    #[error("engine error {code}: {message}")]
    Refused {
        /// JSON-RPC error code.
        code: i32,
        /// The engine's own words.
        message: String,
    },
}

impl Failure {
    /// Reads an Engine API error code. spec: execution-apis engine/common.md#errors
    pub const fn from_code(code: i32, message: String) -> Self {
        match code {
            -38001 => Self::UnknownPayload(message),
            -38002 => Self::InconsistentForkchoice(message),
            -38003 => Self::InvalidAttributes(message),
            _ => Self::Refused { code, message },
        }
    }
}

/// The answer to a command that carries a [`Ticket`]; each kind of command has its own.
#[derive(Clone, Debug)]
pub enum Answer {
    /// To [`Command::Forkchoice`](crate::Command::Forkchoice).
    Forkchoice(Result<ForkchoiceUpdated, Failure>),
    /// To [`Command::GetPayload`](crate::Command::GetPayload).
    Payload(Result<Box<OpExecutionPayloadEnvelope>, Failure>),
    /// To [`Command::NewPayload`](crate::Command::NewPayload).
    NewPayload(Result<PayloadStatus, Failure>),
    /// To [`Command::GetL2Block`](crate::Command::GetL2Block).
    L2Block(Result<Option<Box<L2Block>>, Failure>),
    /// To [`Command::GetL1Block`](crate::Command::GetL1Block).
    L1Block(Result<Option<Arc<L1Block>>, Failure>),
    /// To [`Command::GetL1Ref`](crate::Command::GetL1Ref).
    L1Ref(Result<Option<L1Ref>, Failure>),
}
