//! The execution client: storage, block tree, transaction pool, payload jobs, Engine API and
//! JSON-RPC servers around the pure rules of `opal-execution`.
//!
//! In: payloads and fork choices from a consensus client, transactions from users. Out: verdicts on
//! blocks, built payloads, and answers about the chain.
//!
//! Invariants: one thread owns the block tree and the head pointers; everyone else reads immutable
//! snapshots of it. What lies on disk always belongs to one block, however the process ends.

mod bad_blocks;
mod block;
mod build;
mod cache;
mod chain_file;
mod config;
mod cores;
mod engine;
mod engine_api;
mod exec;
mod halt;
mod health;
mod held;
mod keys;
mod l1;
mod local;
mod metrics;
mod offline;
mod pages;
mod pool;
mod preload;
mod raw_block;
mod rpc;
mod store;
#[cfg(test)]
mod testing;
mod tree;
mod view;
mod walk;

pub use chain_file::{ChainFile, ChainFileError};
pub use config::{EngineConfig, NAMESPACES, PoolLimits, RpcAccess, RpcLimits};
pub use engine::{
    BuildError, BuiltL1Block, Engine, HeadInfo, L1BlockAttributes, SetHeadsError, StartError, init,
};
pub use halt::HaltLevel;
pub use local::{ImportError, LocalEngine};
pub use offline::{
    Damage, DbStat, ExportError, ExportReport, FileImportError, ImportOptions, ImportReport,
    Progress, TableStat, VerifyReport, export, import, stat, verify,
};
pub use opal_execution::ChainConfig;
pub use opal_rpc::{EngineApi, JwtSecret};
pub use pages::use_small_pages;
pub use raw_block::BlockRlpError;
pub use store::{ChainIdentity, CodecError, StoreError, check_row};
