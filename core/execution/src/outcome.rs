//! What a transaction did, in our terms: revm's results and errors translated.

use crate::state::StateError;
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use alloy_evm::InvalidTxError;
use alloy_primitives::{Address, Bytes, Log};
use revm::{
    context::result::{EVMError, ExecutionResult, InvalidTransaction, Output},
    database::bal::EvmDatabaseError,
    state::EvmState,
};

/// What a transaction or call did, before it is committed.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) success: bool,
    pub(crate) gas_used: u64,
    /// Gas used before refunds.
    #[cfg_attr(not(feature = "rpc"), allow(dead_code))]
    pub(crate) gas_spent: u64,
    pub(crate) logs: Vec<Log>,
    pub(crate) output: Bytes,
    #[cfg_attr(not(feature = "rpc"), allow(dead_code))]
    pub(crate) created: Option<Address>,
    /// Why it stopped when it neither returned nor reverted.
    #[cfg_attr(not(feature = "rpc"), allow(dead_code))]
    pub(crate) halt: Option<String>,
    #[cfg_attr(not(feature = "rpc"), allow(dead_code))]
    pub(crate) out_of_gas: bool,
    pub(crate) state: EvmState,
}

/// Why a transaction has no outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TxError {
    NonceTooHigh { tx: u64, state: u64 },
    Invalid(String),
    State(StateError),
}

type Raw<H, E> = Result<
    revm::context::result::ExecResultAndState<ExecutionResult<H>, EvmState>,
    EVMError<EvmDatabaseError<StateError>, E>,
>;

/// Our form of what revm answers.
pub(crate) fn outcome<H: core::fmt::Debug, E: InvalidTxError>(
    raw: Raw<H, E>,
) -> Result<Outcome, TxError> {
    let raw = raw.map_err(|error| match error {
        EVMError::Transaction(error) => match error.as_invalid_tx_err() {
            Some(InvalidTransaction::NonceTooHigh { tx, state }) => TxError::NonceTooHigh {
                tx: *tx,
                state: *state,
            },
            _ => TxError::Invalid(error.to_string()),
        },
        EVMError::Header(error) => TxError::Invalid(error.to_string()),
        EVMError::Database(error) => TxError::State(database_error(error)),
        EVMError::Custom(problem) => TxError::State(StateError(problem)),
        EVMError::CustomAny(problem) => TxError::State(StateError(format!("{problem:?}"))),
    })?;
    let gas = raw.result.gas();
    let mut outcome = Outcome {
        success: raw.result.is_success(),
        gas_used: gas.tx_gas_used(),
        gas_spent: gas.total_gas_spent(),
        logs: Vec::new(),
        output: Bytes::new(),
        created: None,
        halt: None,
        out_of_gas: false,
        state: raw.state,
    };
    match raw.result {
        ExecutionResult::Success { logs, output, .. } => {
            outcome.logs = logs;
            match output {
                Output::Call(data) => outcome.output = data,
                Output::Create(data, address) => {
                    outcome.output = data;
                    outcome.created = address;
                }
            }
        }
        ExecutionResult::Revert { output, .. } => outcome.output = output,
        ExecutionResult::Halt { reason, .. } => {
            let reason = format!("{reason:?}");
            outcome.out_of_gas = reason.contains("OutOfGas");
            outcome.halt = Some(halt_words(&reason));
        }
    }
    Ok(outcome)
}

/// Why execution stopped, in the words that clients expect: those of geth.
fn halt_words(reason: &str) -> String {
    // On OP chains the reasons of Ethereum come wrapped.
    let inner = reason.strip_prefix("Base(").unwrap_or(reason);
    let name = inner.split(['(', ')', ' ']).next().unwrap_or(inner);
    match name {
        "OutOfGas" => "out of gas",
        "StackUnderflow" => "stack underflow",
        "StackOverflow" => "stack limit reached 1024 (1023)",
        "InvalidJump" => "invalid jump destination",
        "OpcodeNotFound" | "NotActivated" => "invalid opcode",
        "InvalidFEOpcode" => "invalid opcode: INVALID",
        "CreateCollision" => "contract address collision",
        "OutOfFunds" => "insufficient balance for transfer",
        "CallTooDeep" => "max call depth exceeded",
        "NonceOverflow" => "nonce uint64 overflow",
        "OutOfOffset" => "return data out of bounds",
        "StateChangeDuringStaticCall" | "CallNotAllowedInsideStatic" => "write protection",
        "CreateContractSizeLimit" => "max code size exceeded",
        "CreateContractStartingWithEF" => "invalid code: must not begin with 0xef",
        "CreateInitCodeSizeLimit" => "max initcode size exceeded",
        "FailedDeposit" => "deposit failed",
        _ if reason.contains("OutOfGas") => "out of gas",
        _ => reason,
    }
    .to_string()
}

pub(crate) fn database_error(error: EvmDatabaseError<StateError>) -> StateError {
    match error {
        EvmDatabaseError::Database(error) => error,
        EvmDatabaseError::Bal(error) => StateError(format!("{error:?}")),
    }
}
