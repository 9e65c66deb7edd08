//! `eth_call` and `eth_estimateGas`: execution without consequences, with overrides.
//!
//! In: a block's environment, the state after it, a request. Out: what it would do, or the least
//! gas limit with which it succeeds.

use crate::{
    chain::ChainConfig,
    database::{BlockState, block_state},
    evm::{Checks, Machine, Outcome, TxError, block_env, database_error},
    overrides,
    state::{StateError, StateReader},
};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use alloy_consensus::Header;
use alloy_primitives::{Address, Bytes, Log, TxKind, U256};
pub use alloy_rpc_types_eth::{BlockOverrides, TransactionRequest, state::StateOverride};
use revm::{
    context::{TxEnv, either::Either},
    primitives::KECCAK_EMPTY,
};

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
    /// A precompile is to be moved to where it is.
    #[error("precompile {0} is moved to itself")]
    MovedToItself(Address),
    /// Several precompiles are to be moved to one address.
    #[error("several precompiles are moved to {0}")]
    MovedTwice(Address),
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
}

/// A call and what it pretends.
#[derive(Clone, Debug)]
pub struct CallSetup<'a> {
    /// The call.
    pub request: &'a TransactionRequest,
    /// Accounts that differ from the state's.
    pub state: Option<StateOverride>,
    /// Fields of the block that differ from the header's.
    pub block: Option<BlockOverrides>,
}

impl<'a> CallSetup<'a> {
    /// A call that pretends nothing.
    pub const fn new(request: &'a TransactionRequest) -> Self {
        Self {
            request,
            state: None,
            block: None,
        }
    }
}

impl From<TxError> for CallError {
    fn from(error: TxError) -> Self {
        match error {
            TxError::State(error) => Self::State(error),
            TxError::Invalid(problem) => Self::Invalid(problem),
            TxError::NonceTooHigh { .. } => Self::Invalid("nonce too high".to_string()),
        }
    }
}

/// Gas of a plain transfer.
const TRANSFER_GAS: u64 = 21_000;
/// Gas that a value transfer grants its receiver.
const CALL_STIPEND: u64 = 2_300;
/// An estimate may be above the least gas limit by this many thousandths.
const ESTIMATE_TOLERANCE_PER_MILLE: u64 = 15;

/// Executes `request` and throws its changes away.
pub fn call<R: StateReader>(
    env: &CallEnv<'_, R>,
    request: &TransactionRequest,
    state: Option<StateOverride>,
    block: Option<BlockOverrides>,
) -> Result<CallOutcome, CallError> {
    let setup = CallSetup {
        request,
        state,
        block,
    };
    let mut calls = Calls::new(env, setup)?;
    let gas = calls.tx.gas_limit;
    Ok(calls.at(gas)?.into())
}

impl From<Outcome> for CallOutcome {
    fn from(outcome: Outcome) -> Self {
        Self {
            success: outcome.success,
            output: outcome.output,
            gas_used: outcome.gas_used,
            logs: outcome.logs,
            created: outcome.created,
            halt: outcome.halt,
        }
    }
}

/// Least gas limit with which the request succeeds, or at most 1.5 percent more.
pub fn estimate_gas<R: StateReader>(
    env: &CallEnv<'_, R>,
    setup: CallSetup<'_>,
) -> Result<u64, CallError> {
    let request = setup.request;
    let time = setup.block.as_ref().and_then(|block| block.time);
    let gas_limit = setup.block.as_ref().and_then(|block| block.gas_limit);
    let mut calls = Calls::new(env, setup)?;
    let mut high = calls.tx.gas_limit;
    if request.gas.is_none() {
        high = high.min(gas_limit.unwrap_or(env.header.gas_limit));
    }
    // A transaction can never ask for more than this. spec: EIP-7825
    let time = time.unwrap_or(env.header.timestamp);
    if let Some(cap) = env.chain.tx_gas_limit_cap(time) {
        high = high.min(cap);
    }
    if calls.is_plain_transfer()? && calls.at(TRANSFER_GAS).is_ok_and(|outcome| outcome.success) {
        return Ok(TRANSFER_GAS);
    }
    let outcome = calls.at(high)?;
    if !outcome.success {
        return Err(match outcome.halt {
            None => CallError::Revert(outcome.output),
            Some(_) if outcome.out_of_gas => CallError::OutOfGas(high),
            Some(reason) => CallError::Invalid(reason),
        });
    }
    let mut low = outcome.gas_used.saturating_sub(1);
    // Most calls need what they spent, a stipend, and the 64th that callers keep back.
    let guess = outcome
        .gas_spent
        .saturating_add(CALL_STIPEND)
        .saturating_mul(64)
        / 63;
    let mut next = guess;
    while low.saturating_add(1) < high {
        let span = high - low;
        if span.saturating_mul(1000) < high.saturating_mul(ESTIMATE_TOLERANCE_PER_MILLE) {
            break;
        }
        let middle = if next > low && next < high {
            next
        } else {
            low + span / 2
        };
        next = 0;
        // An error below a limit that works is a limit below what the transaction itself costs.
        let works = match calls.at(middle) {
            Ok(outcome) => outcome.success,
            Err(CallError::State(error)) => return Err(error.into()),
            Err(_) => false,
        };
        if works {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(high)
}

/// One request, to be executed with several gas limits.
///
/// Behind one kind of reader, so that the EVM is compiled for calls once, and here.
pub(crate) struct Calls<'a> {
    pub(crate) machine: Machine<&'a dyn StateReader>,
    pub(crate) tx: TxEnv,
}

impl<'a> Calls<'a> {
    pub(crate) fn new<R: StateReader>(
        env: &'a CallEnv<'_, R>,
        setup: CallSetup<'_>,
    ) -> Result<Self, CallError> {
        let reader: &dyn StateReader = &env.reader;
        Self::on_state(env, block_state(reader), setup)
    }

    /// The same on a state that may have changed already; of `env` the reader does not count.
    pub(crate) fn on_state<T>(
        env: &CallEnv<'_, T>,
        mut state: BlockState<&'a dyn StateReader>,
        setup: CallSetup<'_>,
    ) -> Result<Self, CallError> {
        let request = setup.request;
        let mut block = block_env(env.chain, env.header);
        if let Some(overrides) = &setup.block {
            overrides::apply_block(overrides, &mut state, &mut block)?;
        }
        let time = u64::try_from(block.timestamp).unwrap_or(u64::MAX);
        let checks = Checks::Call {
            free: is_free(request),
        };
        let mut tx = tx_env(env.chain.chain_id, u128::from(block.basefee), request)?;
        let mut machine = Machine::with_state(env.chain, time, block, state, checks);
        if let Some(state) = setup.state {
            overrides::apply_state(&mut machine, state)?;
        }
        tx.nonce = match request.nonce {
            Some(nonce) => nonce,
            None => machine.nonce(tx.caller)?,
        };
        let affordable = affordable_gas(&mut machine, &tx)?;
        tx.gas_limit = request
            .gas
            .unwrap_or(env.gas_cap)
            .min(env.gas_cap)
            .min(affordable);
        Ok(Self { machine, tx })
    }

    pub(crate) fn at(&mut self, gas_limit: u64) -> Result<Outcome, CallError> {
        let tx = TxEnv {
            gas_limit,
            ..self.tx.clone()
        };
        // No bytes, no L1 fee: the caller has not signed anything yet.
        Ok(self.machine.transact_env(tx, Bytes::new())?)
    }

    /// Whether this only moves value to an account without code.
    fn is_plain_transfer(&mut self) -> Result<bool, StateError> {
        let TxKind::Call(to) = self.tx.kind else {
            return Ok(false);
        };
        if !self.tx.data.is_empty() || !self.tx.authorization_list.is_empty() {
            return Ok(false);
        }
        let account = revm::Database::basic(self.machine.state(), to).map_err(database_error)?;
        Ok(account.is_none_or(|account| account.code_hash == KECCAK_EMPTY))
    }
}

/// Whether the request names no fees, so that none are charged.
pub(crate) fn is_free(request: &TransactionRequest) -> bool {
    let zero = |fee: Option<u128>| fee.is_none_or(|fee| fee == 0);
    zero(request.gas_price) && zero(request.max_fee_per_gas)
}

/// Gas that the sender can pay for, at its price, beside the value.
fn affordable_gas<R: StateReader>(machine: &mut Machine<R>, tx: &TxEnv) -> Result<u64, CallError> {
    let account = revm::Database::basic(machine.state(), tx.caller).map_err(database_error)?;
    let balance = account.map_or(U256::ZERO, |account| account.balance);
    let Some(left) = balance.checked_sub(tx.value) else {
        return Err(CallError::Invalid(
            "insufficient funds for transfer".to_string(),
        ));
    };
    let gas = left
        .checked_div(U256::from(tx.gas_price))
        .unwrap_or(U256::MAX);
    Ok(u64::try_from(gas).unwrap_or(u64::MAX))
}

/// The request as a transaction; nonce and gas limit are the caller's business.
pub(crate) fn tx_env(
    chain_id: u64,
    base_fee: u128,
    request: &TransactionRequest,
) -> Result<TxEnv, CallError> {
    let invalid = |problem: &str| Err(CallError::Invalid(problem.to_string()));
    let dynamic = request.max_fee_per_gas.is_some() || request.max_priority_fee_per_gas.is_some();
    if request.gas_price.is_some() && dynamic {
        return invalid("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified");
    }
    let tip = request.max_priority_fee_per_gas;
    let max_fee = request.max_fee_per_gas.unwrap_or_else(|| {
        tip.filter(|tip| *tip > 0)
            .map_or(0, |tip| tip.saturating_add(base_fee))
    });
    let free = is_free(request);
    let authorizations = request.authorization_list.clone().unwrap_or_default();
    let blobs = request.blob_versioned_hashes.clone().unwrap_or_default();
    let tx_type = if !authorizations.is_empty() {
        4
    } else if !blobs.is_empty() {
        3
    } else if dynamic {
        2
    } else {
        u8::from(request.access_list.is_some())
    };
    if let (Some(input), Some(data)) = (&request.input.input, &request.input.data)
        && input != data
    {
        return invalid("both data and input are given, and differ");
    }
    Ok(TxEnv {
        tx_type,
        caller: request.from.unwrap_or_default(),
        gas_price: if free {
            0
        } else {
            request.gas_price.unwrap_or(max_fee)
        },
        gas_priority_fee: if free {
            None
        } else {
            tip.filter(|_| tx_type >= 2)
        },
        kind: request.to.unwrap_or(TxKind::Create),
        value: request.value.unwrap_or_default(),
        data: request.input.input().cloned().unwrap_or_default(),
        chain_id: Some(chain_id),
        access_list: request.access_list.clone().unwrap_or_default(),
        blob_hashes: blobs,
        max_fee_per_blob_gas: request.max_fee_per_blob_gas.unwrap_or(u128::MAX),
        authorization_list: authorizations.into_iter().map(Either::Left).collect(),
        ..TxEnv::default()
    })
}
