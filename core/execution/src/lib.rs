//! Execution: a parent state, attributes or a block in; receipts, state changes and header out.
//!
//! Knows the rules of OP chains and of Ethereum since the Merge. Pure: state comes through
//! [`StateReader`], nothing is written anywhere, time comes from headers. Sole owner of revm.
//!
//! Invariant: a block that [`BlockBuilder`] builds passes [`execute_block`] on the same parent with
//! the same receipts and the same [`StateDiff`].
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod base_fee;
mod block_run;
pub mod build;
#[cfg(feature = "rpc")]
pub mod call;
pub mod chain;
mod database;
pub mod error;
mod evm;
pub mod execute;
pub mod fees;
pub mod genesis;
pub mod header;
mod outcome;
#[cfg(feature = "rpc")]
mod overrides;
mod patches;
pub mod receipt;
pub mod record;
#[cfg(feature = "tracing")]
pub mod simulate;
pub mod state;
#[cfg(feature = "tracing")]
pub mod trace;
pub mod transaction;
pub mod witness;

pub use build::{BlockAttributes, BlockBuilder, BuiltBlock, PushLimits, Pushed, Rejected, Roots};
pub use chain::{
    BlobParams, ChainConfig, ChainError, ChainKind, EthFork, EthereumRules, OptimismRules,
};
pub use error::{InvalidBlock, Severity};
pub use execute::{Executed, check_execution, execute_block, run_block};
pub use fees::L1Costs;
pub use genesis::{GenesisBlock, genesis};
pub use opal_trie::Account;
pub use receipt::Receipt;
pub use record::{RecordedWitness, Recorder};
pub use state::{AccountDiff, SlotDiff, StateDiff, StateError, StateReader};
pub use transaction::{Transaction, TransactionError, TxType, VerifiedTx};
pub use witness::Witness;
