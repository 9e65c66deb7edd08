//! Why a block is not valid, or could not be judged.

use crate::{chain::ChainConfig, state::StateError};
use alloc::string::String;
use alloy_primitives::B256;

/// How a service has to take an error of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Trying again may help; nothing is known about the block.
    Temporary,
    /// The block is invalid and will ever be: an answer, not a failure.
    Invalid,
}

/// A block that breaks the rules, or whose judgement failed for want of state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBlock {
    /// A header field is not what the rules demand.
    #[error("header field {field}: {problem}")]
    Header {
        /// Name of the field as in JSON-RPC.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A transaction cannot be in this block.
    #[error("transaction {index} ({hash}): {problem}")]
    Transaction {
        /// Position in the block.
        index: usize,
        /// Its hash.
        hash: B256,
        /// What is wrong with it.
        problem: String,
    },
    /// The block's body is not what the rules demand.
    #[error("block body: {0}")]
    Body(String),
    /// A system call of the protocol failed.
    #[error("system call: {0}")]
    SystemCall(String),
    /// The state could not be read: says nothing about the block.
    #[error(transparent)]
    State(#[from] StateError),
}

impl InvalidBlock {
    /// How a service has to take this error.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::State(_) => Severity::Temporary,
            _ => Severity::Invalid,
        }
    }

    /// Whether the body is not the one that the header commits to. That says nothing about the
    /// block that the header's hash names: its true body may still come.
    pub fn concerns_body(&self, chain: &ChainConfig) -> bool {
        match self {
            Self::Body(_) => true,
            Self::Header { field, .. } => match *field {
                "transactionsRoot" => true,
                // On L2 it is a root of the state.
                "withdrawalsRoot" => !chain.is_optimism(),
                _ => false,
            },
            _ => false,
        }
    }
}
