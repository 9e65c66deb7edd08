//! What is done to a data directory while no engine serves it: import, export, figures, checks.
//!
//! Inputs: a data directory and files. Outputs: files and reports. Invariant: import goes through
//! the same tree, rules and storage as `engine_newPayload`; everything else only reads.

mod block_rlp;
mod export;
mod import;
mod stat;
#[cfg(test)]
mod tests;
mod verify;

pub use export::{ExportError, ExportReport, export};
pub use import::{FileImportError, ImportOptions, ImportReport, import};
pub use stat::{DbStat, TableStat, stat};
pub use verify::{Damage, VerifyReport, verify};

/// How far a long work has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What is being done, for a person.
    pub what: &'static str,
    /// Units done.
    pub done: u64,
    /// Units in all; zero if nobody knows.
    pub total: u64,
    /// Height of the newest block that was worked on.
    pub block: u64,
    /// Gas of the blocks executed so far.
    pub gas: u64,
    /// Transactions of the blocks executed so far.
    pub transactions: u64,
}
