//! `eth_simulateV1`: blocks that might come next, with overrides, without consequences.
//!
//! In: a block to start from, its state, and calls grouped into blocks. Out: those blocks with
//! complete headers, and what each call did. spec: execution-apis, eth_simulateV1
//!
//! Invariant: all simulated blocks together spend no more gas than one call may.

mod error;
mod plan;
mod unsigned;

pub use error::SimulateError;

use crate::{
    block_run::{begin_block, credits},
    build::Roots,
    call::{is_free, tx_env},
    chain::{ChainConfig, EthFork},
    database::{BlockState, block_state, state_diff},
    evm::{Checks, Machine, Outcome, block_env},
    execute::{transactions_root, withdrawals_root},
    header::{EMPTY_REQUESTS_HASH, next_base_fee, next_excess_blob_gas},
    overrides,
    receipt::{Receipt, receipts_root_and_bloom},
    state::{StateDiff, StateError, StateReader},
    trace::{TraceBudget, Tracer, Watch},
    transaction::VerifiedTx,
};
use alloc::{string::String, vec::Vec};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_eips::eip4895::Withdrawal;
use alloy_evm::overrides::OverrideBlockHashes;
use alloy_primitives::{B256, Bytes, Log, U256};
pub use alloy_rpc_types_eth::simulate::{SimBlock, SimulatePayload};
use alloy_rpc_types_eth::{BlockOverrides, TransactionRequest};
use error::refusal;
use plan::{Plan, plan};
use revm::{context::TxEnv, database::states::bundle_state::BundleRetention};
use unsigned::unsigned;

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
    /// Its withdrawals, if its fork has them.
    pub withdrawals: Option<Vec<Withdrawal>>,
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

/// Simulates the blocks of `payload`, with the withdrawals that the overrides of the block at the
/// same index name. `roots` answers with the roots that all changes since the base lead to.
pub fn simulate<R: StateReader>(
    env: &SimulateEnv<'_, R>,
    payload: SimulatePayload,
    withdrawals: Vec<Vec<Withdrawal>>,
    budget: &TraceBudget,
    mut roots: impl FnMut(&StateDiff) -> Result<Roots, StateError>,
) -> Result<Vec<SimulatedBlock>, SimulateError> {
    if env.chain.is_optimism() && withdrawals.iter().any(|list| !list.is_empty()) {
        return Err(SimulateError::Withdrawals);
    }
    let plans = plan(env.base, payload.block_state_calls, withdrawals)?;
    let mut simulation = Simulation {
        chain: env.chain,
        validation: payload.validation,
        trace_transfers: payload.trace_transfers,
        budget,
        gas_left: env.gas_cap,
    };
    // One kind of reader: the EVM is compiled for simulations once, and here.
    let reader: &dyn StateReader = &env.reader;
    let mut state = block_state(reader);
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
    fn run<'r>(
        &mut self,
        header: Header,
        parent_time: u64,
        plan: Plan,
        mut state: BlockState<&'r dyn StateReader>,
    ) -> Result<(SimulatedBlock, BlockState<&'r dyn StateReader>), SimulateError> {
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
        machine.credit(credits(&plan.withdrawals))?;
        let has_withdrawals = self.chain.eth_fork(plan.time) >= EthFork::Shanghai;
        let block = SimulatedBlock {
            withdrawals: has_withdrawals.then_some(plan.withdrawals),
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

    fn call(
        &mut self,
        machine: &mut Machine<&dyn StateReader>,
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
        // Nonces that matter were checked; the EVM refuses the last one whether asked or not.
        tx.nonce = tx.nonce.min(u64::MAX.saturating_sub(1));
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
    fn check(
        &self,
        machine: &mut Machine<&dyn StateReader>,
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
            if nonce == u64::MAX {
                return Err(SimulateError::NonceMax(tx.caller, nonce));
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
            withdrawals_root(block.withdrawals.as_deref().unwrap_or_default())
        };
        let (receipts_root, logs_bloom) = receipts_root_and_bloom(&block.receipts);
        block.header = Header {
            state_root: roots.state_root,
            transactions_root: transactions_root(&block.transactions),
            receipts_root,
            logs_bloom,
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
