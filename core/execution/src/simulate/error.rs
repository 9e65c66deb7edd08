//! Why there is no simulation, in the words and codes of the specification.

use crate::{call::CallError, error::InvalidBlock, evm::TxError, state::StateError};
use alloc::string::String;
use alloy_primitives::{Address, U256};

/// Why there is no simulation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimulateError {
    /// The nonce was used before.
    #[error("nonce too low: address {0}, tx: {1} state: {2}")]
    NonceTooLow(Address, u64, u64),
    /// An earlier nonce is missing.
    #[error("nonce too high: address {0}, tx: {1} state: {2}")]
    NonceTooHigh(Address, u64, u64),
    /// There is no next nonce.
    #[error("nonce has max value: address {0}, nonce: {1}")]
    NonceMax(Address, u64),
    /// The fee cap is below the base fee.
    #[error(
        "max fee per gas less than block base fee: address {0}, maxFeePerGas: {1}, baseFee: {2}"
    )]
    BaseFeeTooLow(Address, u128, u64),
    /// There is not even gas for the transaction itself.
    #[error("intrinsic gas too low: {0}")]
    IntrinsicGas(String),
    /// The sender cannot pay.
    #[error("insufficient funds for gas * price + value: address {0} have {1} want {2}")]
    InsufficientFunds(Address, U256, U256),
    /// The call asks for more gas than its block has left.
    #[error("block gas limit reached: remaining: {0}, required: {1}")]
    BlockGasLimit(u64, u64),
    /// Numbers do not ascend.
    #[error("block numbers must be in order: {0} <= {1}")]
    NumberOrder(U256, u64),
    /// Times do not ascend.
    #[error("block timestamps must be in order: {0} <= {1}")]
    TimeOrder(u64, u64),
    /// Init code is too long.
    #[error("max initcode size exceeded")]
    InitCode,
    /// More than this program simulates at once.
    #[error("{0}")]
    TooMuch(&'static str),
    /// Withdrawals where there are none.
    #[error("block override 'withdrawals' must be empty on an OP chain")]
    Withdrawals,
    /// Time was up.
    #[error("execution timeout")]
    Stopped,
    /// An override or a call makes no sense.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The block cannot be opened.
    #[error("{0}")]
    Block(InvalidBlock),
}

impl SimulateError {
    /// The JSON-RPC error code that the specification gives it; `None` for other errors.
    pub const fn code(&self) -> Option<i32> {
        Some(match self {
            Self::NonceTooLow(..) => -38_010,
            Self::NonceTooHigh(..) => -38_011,
            // The specification has no code for it; geth's for errors of its own.
            Self::NonceMax(..) => -32_603,
            Self::BaseFeeTooLow(..) => -38_012,
            Self::IntrinsicGas(_) => -38_013,
            Self::InsufficientFunds(..) => -38_014,
            Self::BlockGasLimit(..) => -38_015,
            Self::NumberOrder(..) => -38_020,
            Self::TimeOrder(..) => -38_021,
            Self::Withdrawals => -32_602,
            Self::InitCode => -38_025,
            Self::TooMuch(_) => -38_026,
            Self::Stopped | Self::Call(_) | Self::Block(_) => return None,
        })
    }
}

impl From<StateError> for SimulateError {
    fn from(error: StateError) -> Self {
        Self::Call(CallError::State(error))
    }
}

/// What the EVM says about a call that cannot even start. revm has only words for it.
pub(super) fn refusal(error: TxError) -> SimulateError {
    match error {
        TxError::Invalid(text) if text.contains("call gas cost") || text.contains("gas floor") => {
            SimulateError::IntrinsicGas(text)
        }
        TxError::Invalid(text) if text.contains("initcode size") => SimulateError::InitCode,
        other => SimulateError::Call(other.into()),
    }
}

impl From<TxError> for SimulateError {
    fn from(error: TxError) -> Self {
        refusal(error)
    }
}
