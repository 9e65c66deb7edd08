//! The shared language of the rollup: configuration and fork rules, block references, system
//! configuration, deposits, and the codecs of everything that travels through L1 (frames,
//! channels, batches, blobs).
//!
//! Pure: no clock, no I/O, no logging. Every decoder takes hostile bytes and answers with a value
//! or a typed error; none panics, and none costs more than the size of its input allows.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod config;
pub mod forks;
pub mod l1_block;
pub mod refs;
pub mod system_config;

pub use config::{ConfigError, RollupConfig, RollupGenesis};
pub use forks::{Fork, ForkTimes};
pub use l1_block::{InboxTx, L1Block};
pub use refs::{L1Id, L1Ref, L2Id, L2Ref};
pub use system_config::{ConfigUpdate, SystemConfig};
