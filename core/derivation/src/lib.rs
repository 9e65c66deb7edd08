//! Derivation: L1 blocks in, payload attributes of the safe L2 chain out.
//!
//! [`Derivation`] is a state machine without I/O. Its owner calls [`Derivation::step`] and does
//! what the answer says:
//!
//! | answer | what to do |
//! |---|---|
//! | [`Step::Attributes`] | let the engine build or compare the block, then `confirm` or `reject` |
//! | [`Step::NeedL1`] | fetch it, then `push_l1` or `push_blobs`; a block may not exist yet |
//! | [`Step::NeedL2`] | read those safe blocks, then `push_l2` |
//! | [`Step::Reset`] | find a new [`Start`], then `reset` |
//! | [`Step::Critical`] | stop and tell a person |
//! | [`Step::Idle`] | attributes are out: `confirm` or `reject` them first |
//!
//! All input but the caller's own start is hostile. Whatever L1 holds is accepted, skipped or
//! dropped by the protocol's rules; it never panics, and [`limits`] and the protocol bound memory.
//! What happened is told by [`Trace`] events, which the caller logs.
//!
//! Covered are the rules of every fork from Bedrock to Karst. A stage whose rules were rewritten
//! at a fork is a closed enum with one variant per set of rules; Holocene rewrote three:
//!
//! | stage | before | from Holocene on |
//! |---|---|---|
//! | frames | plain queue | order enforced |
//! | channels | `channel_bank`: many at once | one at a time |
//! | batches | `batch_queue`: any order, spans whole or not at all | `strict_batches` |
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod attributes;
mod batch_queue;
mod batch_stage;
mod channel_bank;
mod channel_stage;
mod checks;
mod derivation;
mod frame_stage;
pub mod limits;
mod open_span;
mod retrieval;
mod span_checks;
mod step;
mod strict_batches;
pub mod sync_start;
#[cfg(test)]
mod tests;
mod trace;
mod window;

pub use attributes::AttributesError;
pub use checks::DropReason;
pub use derivation::Derivation;
pub use span_checks::SpanDropReason;
pub use step::{
    CriticalReason, DerivedAttributes, L1Request, L2BlockInput, PushError, Rejection, ResetReason,
    Severity, Start, Step,
};
pub use trace::{ChannelDropped, DataIgnored, FrameDropped, Trace};
