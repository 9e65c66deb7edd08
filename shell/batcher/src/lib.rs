//! The batcher: posts the sequencer's blocks to L1, so that everybody can derive them.
//!
//! In: the rollup node's status and the L2 blocks above its safe head. Out: transactions to the
//! batch inbox. All decisions are made by `opal-submission`; this crate polls, sends and reports.
//!
//! Invariant: no state outlives the process. Whatever was lost in a crash or an L1 reorg is found
//! again by looking at where the safe head stands.

mod config;
mod load;
mod metrics;
mod service;
mod worker;

pub use config::{BatcherConfig, BatcherError, DataAvailability};
pub use service::{BatcherHandle, BatcherStatus, start};
