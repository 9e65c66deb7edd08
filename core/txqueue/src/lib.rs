//! The brain of a transaction manager: nonces, fees, resubmission and confirmations of one L1
//! account.
//!
//! Inputs: candidates ([`TxQueue::push`]), what L1 shows ([`TxQueue::on_l1`],
//! [`TxQueue::on_receipts`]) and what a node answered to a publication
//! ([`TxQueue::on_published`], [`TxQueue::on_refused`]). Outputs: the next transaction to sign and
//! send ([`TxQueue::poll`]) and what became of candidates ([`TxQueue::next_outcome`]). Time is an
//! argument, in milliseconds of any monotonic clock.
//!
//! Invariant: candidates take nonces in the order they were pushed, and no candidate is forgotten:
//! each ends in exactly one [`Outcome`].
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod config;
mod entry;
mod fees;
mod queue;
mod refusal;
mod steps;

pub use config::QueueConfig;
pub use entry::{CandidateId, FailReason, Outcome, Payload, Publish, Receipt, TxKind};
pub use fees::{FeeLimitReached, Fees, Market};
pub use queue::{Blocked, L1View, QueueStatus, TxQueue};
pub use refusal::Refusal;

#[cfg(test)]
mod tests;
