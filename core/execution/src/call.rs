//! `eth_call` and `eth_estimateGas`: execution without consequences, with overrides.

use crate::{
    chain::ChainConfig,
    state::{StateError, StateReader},
};
use alloc::{string::String, vec::Vec};
use alloy_consensus::Header;
use alloy_primitives::{Address, Bytes, Log};
pub use alloy_rpc_types_eth::{BlockOverrides, TransactionRequest, state::StateOverride};

/// Where and how to call.
#[derive(Clone, Debug)]
pub struct CallEnv<'a, R> {
    /// The chain.
    pub chain: &'a ChainConfig,
    /// The block whose environment the call sees.
    pub header: &'a Header,
    /// The state to call on (that after `header`, for `latest`).
    pub reader: R,
    /// Most gas a call may use.
    pub gas_cap: u64,
}

/// What a call did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallOutcome {
    /// Whether it succeeded.
    pub success: bool,
    /// Return or revert data.
    pub output: Bytes,
    /// Gas used after refunds.
    pub gas_used: u64,
    /// Events.
    pub logs: Vec<Log>,
    /// Address of the created contract.
    pub created: Option<Address>,
    /// Why it stopped when it neither returned nor reverted.
    pub halt: Option<String>,
}

/// A call that could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The request contradicts itself or the state (funds, nonce, fees).
    #[error("{0}")]
    Invalid(String),
    /// The call reverts at any gas limit; the data says why.
    #[error("execution reverted")]
    Revert(Bytes),
    /// The call needs more gas than it may use.
    #[error("gas required exceeds allowance ({0})")]
    OutOfGas(u64),
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Executes `request` and throws its changes away.
pub fn call<R: StateReader>(
    _env: &CallEnv<'_, R>,
    _request: &TransactionRequest,
    _state: Option<StateOverride>,
    _block: Option<BlockOverrides>,
) -> Result<CallOutcome, CallError> {
    unimplemented!()
}

/// Least gas limit with which `request` succeeds.
pub fn estimate_gas<R: StateReader>(
    _env: &CallEnv<'_, R>,
    _request: &TransactionRequest,
    _state: Option<StateOverride>,
) -> Result<u64, CallError> {
    unimplemented!()
}
