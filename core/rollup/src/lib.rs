//! The rollup node's brain: heads of the L2 chain, the dialogue with the engine, sequencing,
//! finality, and where to begin after a start or a reorganisation of L1.
//!
//! [`Rollup`] is one state machine: an [`Event`] goes in with the time, [`Command`]s come out, and
//! the answer to each command is an event again. No clock, no I/O. [`SyncStart`] is the search for
//! new heads, run by whoever executes [`Command::Reset`].
//!
//! Invariants: finalized ≤ safe ≤ pending safe ≤ unsafe, each on the chain of the next; at most one
//! forkchoice update is on its way; the safe head moves only to blocks that derivation asked for;
//! the sequencer builds on the unsafe head only.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod answer;
mod backoff;
mod block;
mod consolidation;
mod derived;
mod dialogue;
mod event;
mod finality;
mod origin;
mod outbox;
mod rollup;
mod sequencer;
mod sync_start;
#[cfg(test)]
mod tests;
mod unsafe_queue;

pub use answer::{Answer, Failure, Ticket};
pub use block::{Heads, L2Block};
pub use consolidation::{Mismatch, compare};
pub use event::{Command, Event, L1Query, L2Query, Lane, Note, ResetCause, StartRefusal};
pub use finality::{HISTORY_L1_BLOCKS_MAX, SafeAt};
pub use origin::{
    OriginChoice, is_empty_activation, is_lagging, is_past_drift, is_window_expired, select_origin,
};
pub use rollup::{Rollup, RollupOptions};
pub use sequencer::{
    NEXT_ORIGIN_PATIENCE_MS, SEAL_MARGIN_MS, START_HOLD_MS, SequencerOptions, Wait,
};
pub use sync_start::{Found, Query, SyncError, SyncPoint, SyncStart, SyncStep};
