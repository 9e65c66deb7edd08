//! Signing and sending: the loop around `opal-txqueue` that lands transactions of one account on
//! L1, in order, whatever fees, reorgs and nodes do meanwhile.
//!
//! In: [`TxCandidate`]s. Out: where each was mined ([`SentTx`]) or why it never will be
//! ([`SendError`]), and a status to watch. What operators of services that send see of all that is in
//! [`serve`].
//!
//! Invariant: transactions are mined in the order in which they were submitted; an unreachable
//! node, an empty account or a fee limit delays them and is reported, but loses none.

mod config;
mod craft;
mod manager;
mod observe;
pub mod serve;
mod worker;

pub use config::{SidecarVersion, TxManagerConfig};
pub use craft::{intrinsic_gas, prepare_blob_proofs};
pub use manager::{
    Cost, PendingTx, SendError, SentTx, StartError, TxCandidate, TxManager, TxManagerStatus,
};
pub use opal_txqueue::{FailReason, QueueConfig};
