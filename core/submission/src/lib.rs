//! The batcher's brain: L2 blocks in, L1 transaction data out.
//!
//! Inputs: the sequencer's blocks in order ([`Submission::push_block`]), L1's head
//! ([`Submission::on_l1_head`]), the rollup node's status ([`Submission::on_status`]) and what
//! became of transactions ([`Submission::on_confirmed`], [`Submission::on_failed`]). Output: the
//! data of the next transaction ([`Submission::next_tx`]): blocks fill a channel, a full or old
//! channel is compressed and cut into frames, frames fill blobs or calldata.
//!
//! Invariant: every block stays here until the rollup node calls it safe. Whatever is lost on the
//! way (a failed transaction, a channel that timed out, an L1 reorg) is cut into a new channel
//! again, starting with the first block that is missing, because from Holocene on nothing behind a
//! gap counts. spec: protocol/holocene/derivation.md#batcher-hardening
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod block;
mod builder;
mod channel;
mod config;
mod fill;
mod submission;
mod sync;

pub use block::Block;
pub use channel::{TxData, TxId};
pub use config::{
    BatchForm, ConfigError, DataForm, MAX_BLOBS_PER_TX, MAX_BUFFERED_BLOCKS, MAX_BUFFERED_BYTES,
    MAX_CHANNEL_RAW_BYTES, MAX_UNSENT_CHANNELS, SubmissionConfig,
};
pub use submission::{CloseReason, PushError, Submission, SubmissionStatus, Trace};
pub use sync::{RequeueReason, ResetReason, RollupStatus, Verdict};

#[cfg(test)]
mod tests;
