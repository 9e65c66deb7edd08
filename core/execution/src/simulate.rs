//! `eth_simulateV1`: blocks that might come next, with overrides, without consequences.
//!
//! In: a block to start from, its state, and calls grouped into blocks. Out: those blocks with
//! complete headers, and what each call did. spec: execution-apis, eth_simulateV1
//!
//! Invariant: all simulated blocks together spend no more gas than one call may.

use crate::{
    block_run::begin_block,
    build::Roots,
    call::{CallError, is_free, tx_env},
    chain::{ChainConfig, EthFork},
    database::{BlockState, block_state, state_diff},
    error::InvalidBlock,
    evm::{Checks, Machine, Outcome, TxError, block_env},
    execute::transactions_root,
    header::{EMPTY_REQUESTS_HASH, next_base_fee, next_excess_blob_gas},
    overrides,
    receipt::{Receipt, block_bloom, receipts_root},
    state::{StateDiff, StateError, StateReader},
    trace::{TraceBudget, Tracer, Watch},
    transaction::{Transaction, VerifiedTx},
};
use alloc::{string::String, vec::Vec};
use alloy_consensus::{
    EMPTY_OMMER_ROOT_HASH, Header, SignableTransaction, TxEip1559, TxEip2930, TxEip4844, TxEip7702,
    TxLegacy,
};
use alloy_evm::overrides::OverrideBlockHashes;
use alloy_primitives::{Address, B256, Bytes, Log, Signature, TxKind, U256};
pub use alloy_rpc_types_eth::simulate::{SimBlock, SimulatePayload};
use alloy_rpc_types_eth::{BlockOverrides, TransactionRequest};
use opal_trie::EMPTY_ROOT_HASH;
use revm::{context::TxEnv, database::states::bundle_state::BundleRetention};

/// Blocks of one simulation, those that fill gaps included.
const BLOCKS_MAX: u64 = 256;
/// Calls of one simulated block.
const CALLS_PER_BLOCK_MAX: usize = 5_000;
/// Calls of one simulation.
const CALLS_MAX: usize = 10_000;
/// Seconds between simulated blocks whose time is not given.
const BLOCK_TIME: u64 = 12;

/// Where a simulation starts.
#[derive(Clone, Debug)]
pub struct SimulateEnv<'a, R> {
    /// The chain.
    pub chain: &'a ChainConfig,
    /// The block that the first simulated one follows.
    pub base: &'a Header,
    /// The state after it.
    pub reader: R,
    /// Most gas of all calls together.
    pub gas_cap: u64,
}

/// A simulated block.
#[derive(Clone, Debug)]
pub struct SimulatedBlock {
    /// Its header, complete.
    pub header: Header,
    /// Hash of the header.
    pub hash: B256,
    /// Its calls as unsigned transactions.
    pub transactions: Vec<VerifiedTx>,
    /// Their receipts.
    pub receipts: Vec<Receipt>,
    /// What the calls did.
    pub calls: Vec<SimulatedCall>,
}

/// What one call did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedCall {
    /// Whether it succeeded.
    pub success: bool,
    /// Return or revert data.
    pub output: Bytes,
    /// Gas used after refunds.
    pub gas_used: u64,
    /// Gas used before refunds.
    pub max_gas_used: u64,
    /// Events, with moves of ether among them where asked for. None if it failed.
    pub logs: Vec<Log>,
    /// Why it stopped when it neither returned nor reverted.
    pub halt: Option<String>,
}

/// Why there is no simulation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimulateError {
    /// The nonce was used before.
    #[error("nonce too low: address {0}, tx: {1} state: {2}")]
    NonceTooLow(Address, u64, u64),
    /// An earlier nonce is missing.
    #[error("nonce too high: address {0}, tx: {1} state: {2}")]
    NonceTooHigh(Address, u64, u64),
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
            Self::BaseFeeTooLow(..) => -38_012,
            Self::IntrinsicGas(_) => -38_013,
            Self::InsufficientFunds(..) => -38_014,
            Self::BlockGasLimit(..) => -38_015,
            Self::NumberOrder(..) => -38_020,
            Self::TimeOrder(..) => -38_021,
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

/// Simulates the blocks of `payload`. `roots` answers with the roots that all changes since the
/// base lead to.
pub fn simulate<R: StateReader>(
    env: &SimulateEnv<'_, R>,
    payload: SimulatePayload,
    budget: &TraceBudget,
    mut roots: impl FnMut(&StateDiff) -> Result<Roots, StateError>,
) -> Result<Vec<SimulatedBlock>, SimulateError> {
    let plans = plan(env.base, payload.block_state_calls)?;
    let mut simulation = Simulation {
        chain: env.chain,
        validation: payload.validation,
        trace_transfers: payload.trace_transfers,
        budget,
        gas_left: env.gas_cap,
    };
    let mut state = block_state(&env.reader);
    let (mut parent, mut parent_hash) = (env.base.clone(), env.base.hash_slow());
    let mut blocks = Vec::with_capacity(plans.len());
    for plan in plans {
        let header = simulation.open(&parent, parent_hash, &plan);
        let (mut block, after) = simulation.run(header, parent.timestamp, plan, state)?;
        state = after;
        state.merge_transitions(BundleRetention::PlainState);
        let roots = roots(&state_diff(state.bundle_state.clone()))?;
        simulation.close(&mut block, &roots);
        parent = block.header.clone();
        parent_hash = block.hash;
        state.override_block_hashes([(parent.number, parent_hash)].into());
        blocks.push(block);
    }
    Ok(blocks)
}

/// A block to simulate, with its number and time.
struct Plan {
    number: u64,
    time: u64,
    block: SimBlock,
}

/// Numbers and times of all blocks; empty blocks fill gaps between numbers.
fn plan(base: &Header, blocks: Vec<SimBlock>) -> Result<Vec<Plan>, SimulateError> {
    if blocks.iter().any(|b| b.calls.len() > CALLS_PER_BLOCK_MAX)
        || blocks.iter().map(|b| b.calls.len()).sum::<usize>() > CALLS_MAX
    {
        return Err(SimulateError::TooMuch("too many calls"));
    }
    let mut plans = Vec::new();
    let (mut number, mut time) = (base.number, base.timestamp);
    for block in blocks {
        let overrides = block.block_overrides.clone().unwrap_or_default();
        let next = U256::from(number).saturating_add(U256::from(1));
        let wanted = overrides.number.unwrap_or(next);
        if wanted < next {
            return Err(SimulateError::NumberOrder(wanted, number));
        }
        let last = u64::try_from(wanted).unwrap_or(u64::MAX);
        if last.saturating_sub(base.number) > BLOCKS_MAX {
            return Err(SimulateError::TooMuch("too many blocks"));
        }
        while number.saturating_add(1) < last {
            number = number.saturating_add(1);
            time = time.saturating_add(BLOCK_TIME);
            let block = SimBlock::default();
            plans.push(Plan {
                number,
                time,
                block,
            });
        }
        number = last;
        let wanted = overrides.time.unwrap_or(time.saturating_add(BLOCK_TIME));
        if wanted <= time {
            return Err(SimulateError::TimeOrder(wanted, time));
        }
        time = wanted;
        plans.push(Plan {
            number,
            time,
            block,
        });
    }
    Ok(plans)
}

/// What all blocks of a simulation share.
struct Simulation<'a> {
    chain: &'a ChainConfig,
    validation: bool,
    trace_transfers: bool,
    budget: &'a TraceBudget,
    gas_left: u64,
}

/// A block under way.
#[derive(Default)]
struct Progress {
    gas_used: u64,
    blob_gas_used: u64,
    transactions: Vec<VerifiedTx>,
    receipts: Vec<Receipt>,
    calls: Vec<SimulatedCall>,
}

impl Simulation<'_> {
    /// The fields of the header that are known before its calls.
    fn open(&self, parent: &Header, parent_hash: B256, plan: &Plan) -> Header {
        let overrides = plan.block.block_overrides.clone().unwrap_or_default();
        let fork = self.chain.eth_fork(plan.time);
        let base_fee = match overrides.base_fee {
            Some(fee) => u64::try_from(fee).unwrap_or(u64::MAX),
            None if self.validation => next_base_fee(self.chain, parent, plan.time),
            // Calls that name no price are free only in a block without one.
            None => 0,
        };
        let cancun = fork >= EthFork::Cancun;
        let root = overrides.beacon_root.unwrap_or_default();
        let excess = if self.chain.is_optimism() {
            Some(0)
        } else {
            next_excess_blob_gas(self.chain, parent, plan.time)
        };
        Header {
            parent_hash,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: overrides.coinbase.unwrap_or(parent.beneficiary),
            number: plan.number,
            timestamp: plan.time,
            gas_limit: overrides.gas_limit.unwrap_or(parent.gas_limit),
            mix_hash: overrides.random.unwrap_or_default(),
            base_fee_per_gas: Some(base_fee),
            // On an OP chain it holds the rules of the next base fee.
            extra_data: if self.chain.is_optimism() {
                parent.extra_data.clone()
            } else {
                Bytes::new()
            },
            excess_blob_gas: excess.filter(|_| cancun),
            parent_beacon_block_root: cancun.then_some(root),
            ..Header::default()
        }
    }

    /// Applies the overrides, opens the block and executes its calls.
    fn run<'r, R: StateReader>(
        &mut self,
        header: Header,
        parent_time: u64,
        plan: Plan,
        mut state: BlockState<&'r R>,
    ) -> Result<(SimulatedBlock, BlockState<&'r R>), SimulateError> {
        let mut env = block_env(self.chain, &header);
        let overrides = BlockOverrides {
            beacon_root: None,
            ..plan.block.block_overrides.unwrap_or_default()
        };
        overrides::apply_block(&overrides, &mut state, &mut env)?;
        let checks = Checks::Simulate {
            validation: self.validation,
        };
        let mut machine = Machine::with_state(self.chain, plan.time, env, state, checks);
        if let Some(accounts) = plan.block.state_overrides {
            overrides::apply_state(&mut machine, accounts)?;
        }
        let mut machine =
            begin_block(machine, self.chain, parent_time, &header).map_err(SimulateError::Block)?;
        let mut progress = Progress::default();
        for request in &plan.block.calls {
            if self.budget.is_stopped() {
                return Err(SimulateError::Stopped);
            }
            self.call(&mut machine, &header, request, &mut progress)?;
        }
        let block = SimulatedBlock {
            header: Header {
                gas_used: progress.gas_used,
                blob_gas_used: header.excess_blob_gas.map(|_| progress.blob_gas_used),
                ..header
            },
            hash: B256::ZERO,
            transactions: progress.transactions,
            receipts: progress.receipts,
            calls: progress.calls,
        };
        Ok((block, machine.into_state()))
    }

    fn call<R: StateReader>(
        &mut self,
        machine: &mut Machine<R>,
        header: &Header,
        request: &TransactionRequest,
        progress: &mut Progress,
    ) -> Result<(), SimulateError> {
        let base_fee = header.base_fee_per_gas.unwrap_or_default();
        let mut tx = tx_env(self.chain.chain_id, u128::from(base_fee), request)?;
        let remaining = header.gas_limit.saturating_sub(progress.gas_used);
        let asked = request.gas.unwrap_or(remaining);
        if asked > remaining {
            return Err(SimulateError::BlockGasLimit(remaining, asked));
        }
        tx.gas_limit = asked.min(self.gas_left);
        let nonce = machine.nonce(tx.caller)?;
        tx.nonce = request.nonce.unwrap_or(nonce);
        self.check(machine, &tx, request, nonce, base_fee)?;
        machine.set_free(!self.validation && is_free(request));
        let transaction = unsigned(&tx, request);
        if self.trace_transfers {
            let tracer = Tracer::Transfers(Default::default());
            machine.watch(Watch::new(tracer, self.budget.clone()));
        }
        let outcome = machine.transact_env(tx.clone(), Bytes::new());
        let watch = machine.unwatch();
        if watch.as_ref().is_some_and(Watch::is_over) {
            return Err(SimulateError::Stopped);
        }
        let mut outcome = outcome.map_err(refusal)?;
        machine.commit(core::mem::take(&mut outcome.state));
        self.gas_left = self.gas_left.saturating_sub(outcome.gas_used);
        let logs = match watch.map(Watch::into_tracer) {
            Some(Tracer::Transfers(transfers)) if outcome.success => transfers.into_logs(),
            _ => outcome.logs.clone(),
        };
        progress.push(&tx, transaction, outcome, logs);
        Ok(())
    }

    /// What the EVM would refuse, in the words of the specification.
    fn check<R: StateReader>(
        &self,
        machine: &mut Machine<R>,
        tx: &TxEnv,
        request: &TransactionRequest,
        nonce: u64,
        base_fee: u64,
    ) -> Result<(), SimulateError> {
        let price = request
            .max_fee_per_gas
            .or(request.gas_price)
            .unwrap_or_default();
        if self.validation {
            if tx.nonce < nonce {
                return Err(SimulateError::NonceTooLow(tx.caller, tx.nonce, nonce));
            }
            if tx.nonce > nonce {
                return Err(SimulateError::NonceTooHigh(tx.caller, tx.nonce, nonce));
            }
            if price < u128::from(base_fee) {
                return Err(SimulateError::BaseFeeTooLow(tx.caller, price, base_fee));
            }
        }
        let wanted = U256::from(price)
            .saturating_mul(U256::from(tx.gas_limit))
            .saturating_add(tx.value);
        let balance = machine.balance(tx.caller)?;
        if balance < wanted {
            return Err(SimulateError::InsufficientFunds(tx.caller, balance, wanted));
        }
        Ok(())
    }

    /// Completes the header.
    fn close(&self, block: &mut SimulatedBlock, roots: &Roots) {
        let time = block.header.timestamp;
        let fork = self.chain.eth_fork(time);
        let passer = self.chain.is_op_active(opal_protocol::Fork::Isthmus, time);
        let withdrawals_root = if passer {
            roots.message_passer_storage_root
        } else {
            EMPTY_ROOT_HASH
        };
        block.header = Header {
            state_root: roots.state_root,
            transactions_root: transactions_root(&block.transactions),
            receipts_root: receipts_root(&block.receipts),
            logs_bloom: block_bloom(&block.receipts),
            withdrawals_root: (fork >= EthFork::Shanghai).then_some(withdrawals_root),
            requests_hash: (fork >= EthFork::Prague).then_some(EMPTY_REQUESTS_HASH),
            ..block.header.clone()
        };
        block.hash = block.header.hash_slow();
    }
}

impl Progress {
    fn push(&mut self, tx: &TxEnv, transaction: VerifiedTx, outcome: Outcome, logs: Vec<Log>) {
        self.gas_used = self.gas_used.saturating_add(outcome.gas_used);
        let blobs = tx.blob_hashes.len() as u64;
        let blob_gas = blobs.saturating_mul(alloy_eips::eip4844::DATA_GAS_PER_BLOB);
        self.blob_gas_used = self.blob_gas_used.saturating_add(blob_gas);
        self.receipts.push(Receipt {
            tx_type: alloy_eips::Typed2718::ty(&transaction.tx),
            success: outcome.success,
            cumulative_gas_used: self.gas_used,
            logs: outcome.logs,
            deposit_nonce: None,
            deposit_receipt_version: None,
        });
        self.transactions.push(transaction);
        self.calls.push(SimulatedCall {
            success: outcome.success,
            output: outcome.output,
            gas_used: outcome.gas_used,
            max_gas_used: outcome.gas_spent,
            logs,
            halt: outcome.halt,
        });
    }
}

/// What the EVM says about a call that cannot even start. revm has only words for it.
fn refusal(error: TxError) -> SimulateError {
    match error {
        TxError::Invalid(text) if text.contains("call gas cost") || text.contains("gas floor") => {
            SimulateError::IntrinsicGas(text)
        }
        TxError::Invalid(text) if text.contains("initcode size") => SimulateError::InitCode,
        other => SimulateError::Call(other.into()),
    }
}

/// The call as a transaction that nobody signed.
fn unsigned(tx: &TxEnv, request: &TransactionRequest) -> VerifiedTx {
    let signature = Signature::new(U256::ZERO, U256::ZERO, false);
    let (nonce, gas_limit, value) = (tx.nonce, tx.gas_limit, tx.value);
    let (to, input) = (tx.kind, tx.data.clone());
    let chain_id = tx.chain_id.unwrap_or_default();
    let max_fee_per_gas = request.max_fee_per_gas.unwrap_or_default();
    let max_priority_fee_per_gas = request.max_priority_fee_per_gas.unwrap_or_default();
    let access_list = tx.access_list.clone();
    let target = match to {
        TxKind::Call(address) => address,
        TxKind::Create => Address::ZERO,
    };
    let transaction = match (request.gas_price, tx.tx_type) {
        (_, 4) => Transaction::Eip7702(
            TxEip7702 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to: target,
                value,
                access_list,
                authorization_list: request.authorization_list.clone().unwrap_or_default(),
                input,
            }
            .into_signed(signature),
        ),
        (_, 3) => Transaction::Eip4844(
            TxEip4844 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to: target,
                value,
                access_list,
                blob_versioned_hashes: tx.blob_hashes.clone(),
                max_fee_per_blob_gas: request.max_fee_per_blob_gas.unwrap_or_default(),
                input,
            }
            .into_signed(signature),
        ),
        (Some(gas_price), 1) => Transaction::Eip2930(
            TxEip2930 {
                chain_id,
                nonce,
                gas_price,
                gas_limit,
                to,
                value,
                access_list,
                input,
            }
            .into_signed(signature),
        ),
        (Some(gas_price), _) => Transaction::Legacy(
            TxLegacy {
                chain_id: Some(chain_id),
                nonce,
                gas_price,
                gas_limit,
                to,
                value,
                input,
            }
            .into_signed(signature),
        ),
        (None, _) => Transaction::Eip1559(
            TxEip1559 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to,
                value,
                access_list,
                input,
            }
            .into_signed(signature),
        ),
    };
    VerifiedTx::new_unchecked(transaction, tx.caller)
}

impl From<TxError> for SimulateError {
    fn from(error: TxError) -> Self {
        refusal(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{address, b256};

    #[test]
    fn a_call_becomes_the_transaction_that_others_make_of_it() {
        // The hash that execution-apis publishes for this call of its chain.
        let request = TransactionRequest {
            from: Some(address!("c000000000000000000000000000000000000000")),
            to: Some(address!("c100000000000000000000000000000000000000").into()),
            value: Some(U256::from(1_000)),
            ..TransactionRequest::default()
        };
        let mut tx = tx_env(0x000c_72dd_9d5e_883e, 0, &request).unwrap();
        tx.gas_limit = 50_000_000;
        let hash = b256!("f1c5abb08809ef760f87aeabe7a87284c60797192dab6d2f0d26c27c9c038e9d");
        assert_eq!(unsigned(&tx, &request).hash(), hash);
    }

    #[test]
    fn gaps_are_filled_and_orders_kept() {
        let base = Header {
            number: 10,
            timestamp: 100,
            ..Header::default()
        };
        let block = |number: Option<u64>, time: Option<u64>| SimBlock {
            block_overrides: Some(BlockOverrides {
                number: number.map(U256::from),
                time,
                ..BlockOverrides::default()
            }),
            ..SimBlock::default()
        };
        let plans = plan(
            &base,
            [block(Some(13), None), block(None, Some(500))].into(),
        )
        .unwrap();
        let places: Vec<_> = plans.iter().map(|p| (p.number, p.time)).collect();
        assert_eq!(places, [(11, 112), (12, 124), (13, 136), (14, 500)]);
        let code = |blocks: Vec<SimBlock>| plan(&base, blocks).err().and_then(|e| e.code());
        assert_eq!(code([block(Some(10), None)].into()), Some(-38_020));
        assert_eq!(code([block(None, Some(100))].into()), Some(-38_021));
        assert_eq!(code([block(Some(266), None)].into()), None);
        assert_eq!(code([block(Some(267), None)].into()), Some(-38_026));
        assert_eq!(code([block(Some(u64::MAX), None)].into()), Some(-38_026));
    }
}
