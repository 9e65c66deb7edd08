//! Tracing: blocks and calls executed again while a tracer watches.
//!
//! In: a block on its parent's state, or a call on any state, and the options of geth's
//! `debug_trace*` methods. Out: what the tracer saw, as JSON in geth's form.
//!
//! Invariant: a traced transaction does exactly what it did in its block: the system calls and the
//! transactions before it run first, deposits mint and pay no fees, all others pay L1 and operator
//! fees. What a trace may cost is bounded by its [`TraceBudget`], whatever is traced.

mod access_list;
mod frames;
mod options;
mod prestate;
mod probe;
mod struct_log;
mod tracer;
mod transfers;

pub use access_list::{Touched, create_access_list};
pub use options::TraceOptions;
pub(crate) use probe::{Probe, Watch};
pub(crate) use tracer::Tracer;

use crate::{
    block_run::BlockRun,
    call::{CallEnv, CallError, CallSetup, Calls},
    chain::ChainConfig,
    error::InvalidBlock,
    evm::{Machine, Outcome, TxError},
    state::{StateDiff, StateError, StateReader},
    transaction::VerifiedTx,
};
use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use alloy_consensus::{Header, Transaction as _};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use core::sync::atomic::{AtomicBool, Ordering};
pub use serde_json::value::RawValue;

/// What tracing may cost. One budget may serve several transactions.
#[derive(Clone, Debug)]
pub struct TraceBudget {
    /// Bytes of JSON that may still be produced, about.
    pub bytes: u64,
    /// Set by the caller when time is up: tracing ends at the next step.
    pub stop: Arc<AtomicBool>,
}

impl TraceBudget {
    /// A budget of `bytes` that nobody stops.
    pub fn new(bytes: u64) -> Self {
        Self {
            bytes,
            stop: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Whether time is up.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// A trace that could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// The options make no sense.
    #[error("{0}")]
    Options(String),
    /// The trace is larger than allowed.
    #[error(
        "the trace is larger than {0} bytes: use another tracer, or disableStack, disableStorage or limit"
    )]
    TooLarge(u64),
    /// Time was up.
    #[error("execution timeout")]
    Stopped,
    /// A transaction of the block, or the call, cannot be executed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The block cannot be opened.
    #[error("{0}")]
    Block(InvalidBlock),
}

impl From<StateError> for TraceError {
    fn from(error: StateError) -> Self {
        Self::Call(CallError::State(error))
    }
}

impl From<TxError> for TraceError {
    fn from(error: TxError) -> Self {
        Self::Call(error.into())
    }
}

impl From<InvalidBlock> for TraceError {
    fn from(error: InvalidBlock) -> Self {
        match error {
            InvalidBlock::State(error) => error.into(),
            other => Self::Block(other),
        }
    }
}

/// A block to execute again.
#[derive(Clone, Debug)]
pub struct TracedBlock<'a, R> {
    /// The chain.
    pub chain: &'a ChainConfig,
    /// Time of the parent, Unix seconds.
    pub parent_time: u64,
    /// The block's header.
    pub header: &'a Header,
    /// The block's hash.
    pub hash: B256,
    /// The block's transactions.
    pub transactions: &'a [VerifiedTx],
    /// The state after the parent.
    pub reader: R,
}

impl<'a, R: StateReader> TracedBlock<'a, R> {
    /// An EVM on the state before the transaction at `index`.
    fn machine_before(&self, index: usize) -> Result<Machine<&dyn StateReader>, TraceError> {
        let reader: &dyn StateReader = &self.reader;
        let run = BlockRun::open(self.chain, self.parent_time, self.header.clone(), reader)?;
        let mut machine = run.into_machine();
        for tx in self.transactions.iter().take(index) {
            let outcome = machine.transact(tx)?;
            machine.commit(outcome.state);
        }
        Ok(machine)
    }

    /// What the block changes before the transaction at `index`; all that its transactions change
    /// if there are not so many. What follows the transactions is not in it.
    pub fn diff_before(&self, index: usize) -> Result<StateDiff, TraceError> {
        Ok(self.machine_before(index)?.into_diff())
    }

    /// Traces the transaction at `index`.
    pub fn trace_one(
        &self,
        index: usize,
        options: &TraceOptions,
        budget: &mut TraceBudget,
    ) -> Result<Box<RawValue>, TraceError> {
        let tracer = options.tracer()?;
        let tx = self.transactions.get(index).ok_or_else(|| {
            TraceError::Options(alloc::format!("the block has no transaction {index}"))
        })?;
        let mut machine = self.machine_before(index)?;
        self.trace_next(&mut machine, index, tx, tracer, budget)
            .map(|(trace, _)| trace)
    }

    /// Traces all transactions: their hashes, and what the tracer saw.
    pub fn trace_all(
        &self,
        options: &TraceOptions,
        budget: &mut TraceBudget,
    ) -> Result<Vec<(B256, Box<RawValue>)>, TraceError> {
        let mut machine = self.machine_before(0)?;
        let mut traces = Vec::with_capacity(self.transactions.len());
        for (index, tx) in self.transactions.iter().enumerate() {
            let tracer = options.tracer()?;
            let (trace, outcome) = self.trace_next(&mut machine, index, tx, tracer, budget)?;
            machine.commit(outcome.state);
            traces.push((tx.hash(), trace));
        }
        Ok(traces)
    }

    fn trace_next(
        &self,
        machine: &mut Machine<&dyn StateReader>,
        index: usize,
        tx: &VerifiedTx,
        tracer: Tracer,
        budget: &mut TraceBudget,
    ) -> Result<(Box<RawValue>, Outcome), TraceError> {
        let place = Place {
            block_hash: Some(self.hash),
            block_number: self.header.number,
            index: Some(index as u64),
            hash: Some(tx.hash()),
        };
        let message = Message {
            from: tx.sender,
            to: tx.tx.kind(),
            value: tx.tx.value(),
            gas: tx.tx.gas_limit(),
            input: tx.tx.input().clone(),
        };
        watched(machine, tracer, budget, &message, &place, |machine| {
            machine.transact(tx)
        })
    }
}

/// Traces a call that changes nothing.
pub fn trace_call<R: StateReader>(
    env: &CallEnv<'_, R>,
    setup: CallSetup<'_>,
    options: &TraceOptions,
    budget: &mut TraceBudget,
) -> Result<Box<RawValue>, TraceError> {
    let tracer = options.tracer()?;
    let calls = Calls::new(env, setup)?;
    trace_prepared(calls, env.header.number, tracer, budget)
}

/// Traces a call on the state between two transactions of a block: before the one at `index`.
pub fn trace_call_within<R: StateReader>(
    block: &TracedBlock<'_, R>,
    index: usize,
    gas_cap: u64,
    setup: CallSetup<'_>,
    options: &TraceOptions,
    budget: &mut TraceBudget,
) -> Result<Box<RawValue>, TraceError> {
    let tracer = options.tracer()?;
    let state = block.machine_before(index)?.into_state();
    let env = CallEnv {
        chain: block.chain,
        header: block.header,
        reader: &block.reader,
        gas_cap,
    };
    let calls = Calls::on_state(&env, state, setup)?;
    trace_prepared(calls, block.header.number, tracer, budget)
}

fn trace_prepared(
    mut calls: Calls<'_>,
    block_number: u64,
    tracer: Tracer,
    budget: &mut TraceBudget,
) -> Result<Box<RawValue>, TraceError> {
    let tx = calls.tx.clone();
    let message = Message {
        from: tx.caller,
        to: tx.kind,
        value: tx.value,
        gas: tx.gas_limit,
        input: tx.data.clone(),
    };
    let place = Place {
        block_number,
        ..Place::default()
    };
    let run = |machine: &mut Machine<&dyn StateReader>| machine.transact_env(tx, Bytes::new());
    watched(&mut calls.machine, tracer, budget, &message, &place, run).map(|(trace, _)| trace)
}

/// What a tracer says about the transaction as a whole.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) from: Address,
    pub(crate) to: TxKind,
    pub(crate) value: U256,
    pub(crate) gas: u64,
    pub(crate) input: Bytes,
}

/// Where the transaction lies; calls lie nowhere.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    pub(crate) block_hash: Option<B256>,
    pub(crate) block_number: u64,
    pub(crate) index: Option<u64>,
    pub(crate) hash: Option<B256>,
}

/// Runs one transaction under a tracer. Its changes are not committed.
fn watched<'r>(
    machine: &mut Machine<&'r dyn StateReader>,
    tracer: Tracer,
    budget: &mut TraceBudget,
    message: &Message,
    place: &Place,
    run: impl FnOnce(&mut Machine<&'r dyn StateReader>) -> Result<Outcome, TxError>,
) -> Result<(Box<RawValue>, Outcome), TraceError> {
    let allowed = budget.bytes;
    if budget.is_stopped() {
        return Err(TraceError::Stopped);
    }
    machine.watch(Watch::new(tracer, budget.clone()));
    let outcome = run(machine);
    let watch = machine.unwatch();
    let Some(watch) = watch else {
        return Err(TraceError::Options("nothing was traced".into()));
    };
    if watch.is_over() {
        return Err(if budget.is_stopped() {
            TraceError::Stopped
        } else {
            TraceError::TooLarge(allowed)
        });
    }
    let outcome = outcome?;
    let trace = watch
        .into_tracer()
        .finish(machine, &outcome, message, place)?;
    budget.bytes = allowed
        .checked_sub(trace.get().len() as u64)
        .ok_or(TraceError::TooLarge(allowed))?;
    Ok((trace, outcome))
}
