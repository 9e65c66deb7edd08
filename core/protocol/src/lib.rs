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

pub mod batch;
pub mod blob;
pub mod channel;
pub mod config;
pub mod deposit;
pub mod forks;
pub mod frame;
pub mod heap;
pub mod l1_block;
pub mod l1_chain;
pub mod l1_info;
pub mod l2_block;
pub mod networks;
pub mod output;
pub mod predeploys;
pub mod refs;
pub mod rlp;
pub mod system_config;
pub mod upgrades;

pub use batch::{Batch, BatchError, SingularBatch, SpanBatch, SpanBlock, SpanContext};
pub use channel::{BatchReader, ChannelRules, Compression};
pub use config::{AltDaConfig, ConfigError, RollupConfig, RollupGenesis};
pub use deposit::{DepositError, DepositSource};
pub use forks::{Fork, ForkTimes};
pub use frame::{ChannelId, Frame};
pub use l1_block::{InboxTx, L1Block, L1Receipt};
pub use l1_chain::L1ChainConfig;
pub use l1_info::{L1Info, l1_info_deposit};
pub use l2_block::L2BlockError;
pub use refs::{L1Id, L1Ref, L2Id, L2Ref};
pub use system_config::{ConfigUpdate, SystemConfig};
pub use upgrades::{UpgradeBundle, UpgradeTx, Upgrades};
