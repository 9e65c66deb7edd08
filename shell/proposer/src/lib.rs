//! The proposer: tells L1 what L2's state is, so that withdrawals can be proven against it.
//!
//! In: the status and the outputs of a rollup node, and what the contract on L1 has already. Out:
//! dispute games (`DisputeGameFactory.create`), or proposals to a legacy `L2OutputOracle`.
//! [`decide`] holds every rule about what may be proposed and when; the rest asks, sends and
//! reports.
//!
//! Invariants. A proposal is sent only while L1 has the very block from which the node derived it,
//! and is cancelled when that block goes. No state outlives the process: what has been proposed is
//! read from the contract.
//!
//! spec: protocol/proposals.md

mod check;
mod config;
mod contracts;
mod decide;
mod metrics;
mod nodes;
mod service;
mod worker;

pub use config::{ProposerConfig, ProposerError, Target};
pub use service::{Proposed, ProposerHandle, ProposerStatus, start};
