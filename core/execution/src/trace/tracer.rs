//! The tracers, and how each puts what it saw into geth's form.

use super::{
    Message, Place, TraceError, frames, prestate::Prestate, struct_log::StructLogger,
    transfers::Transfers,
};
use crate::{
    evm::{Machine, Outcome},
    state::StateReader,
};
use alloc::{boxed::Box, collections::BTreeMap, format, string::String, vec::Vec};
use alloy_primitives::{Address, Log, U256};
use alloy_rpc_types_eth::TransactionInfo;
use alloy_rpc_types_trace::geth::{CallConfig, FourByteFrame};
use revm::{
    Inspector,
    context_interface::ContextTr,
    inspector::JournalExt,
    interpreter::{CallInputs, CallOutcome, CreateInputs, CreateOutcome, Interpreter},
};
use revm_inspectors::{
    access_list::AccessListInspector,
    tracing::{FourByteInspector, TracingInspector},
};
use serde::Serialize;
use serde_json::{
    json,
    value::{RawValue, to_raw_value},
};

/// Who watches.
pub(crate) enum Tracer {
    /// Every step.
    StructLog(StructLogger),
    /// The tree of calls.
    Calls(TracingInspector, CallConfig),
    /// The tree of calls, flat, in Parity's form.
    FlatCalls(TracingInspector),
    /// The state before the transaction, or what changed; needs to see nothing.
    Prestate(Prestate),
    /// Selectors of called functions.
    FourByte(FourByteInspector),
    /// Nothing.
    Noop,
    /// Several, by name.
    Mux(Vec<(String, Tracer)>),
    /// Accounts and slots that were touched. No tracer of `debug_trace*`.
    AccessList(AccessListInspector),
    /// Logs, with moves of ether among them. No tracer of `debug_trace*`.
    Transfers(Transfers),
}

/// Calls the same hook of whatever inspector there is.
macro_rules! delegate {
    ($self:expr, $inspector:ident => $call:expr, $part:ident => $again:expr) => {
        match $self {
            Self::StructLog($inspector) => $call,
            Self::Calls($inspector, _) | Self::FlatCalls($inspector) => $call,
            Self::FourByte($inspector) => $call,
            Self::AccessList($inspector) => $call,
            Self::Transfers($inspector) => $call,
            Self::Prestate(_) | Self::Noop => {}
            Self::Mux(parts) => {
                for (_, $part) in parts {
                    $again;
                }
            }
        }
    };
}

impl Tracer {
    /// JSON bytes of steps so far. What calls and logs take is counted where they are seen.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::StructLog(logger) => logger.bytes(),
            Self::Mux(parts) => parts.iter().map(|(_, part)| part.bytes()).sum(),
            _ => 0,
        }
    }

    /// Whether it keeps the data of calls and logs.
    pub(super) fn keeps_calls(&self) -> bool {
        match self {
            Self::Calls(..) | Self::FlatCalls(_) | Self::Transfers(_) => true,
            Self::Mux(parts) => parts.iter().any(|(_, part)| part.keeps_calls()),
            _ => false,
        }
    }

    pub(super) fn step<C: ContextTr<Journal: JournalExt>>(
        &mut self,
        interpreter: &mut Interpreter,
        context: &mut C,
    ) {
        delegate!(self, i => Inspector::<C>::step(i, interpreter, context),
            part => part.step(interpreter, context));
    }

    pub(super) fn step_end<C: ContextTr<Journal: JournalExt>>(
        &mut self,
        interpreter: &mut Interpreter,
        context: &mut C,
    ) {
        delegate!(self, i => Inspector::<C>::step_end(i, interpreter, context),
            part => part.step_end(interpreter, context));
    }

    pub(super) fn log<C: ContextTr<Journal: JournalExt>>(&mut self, context: &mut C, log: Log) {
        delegate!(self, i => Inspector::<C>::log(i, context, log),
            part => part.log(context, log.clone()));
    }

    pub(super) fn call<C: ContextTr<Journal: JournalExt>>(
        &mut self,
        context: &mut C,
        inputs: &mut CallInputs,
    ) {
        delegate!(self, i => drop(Inspector::<C>::call(i, context, inputs)),
            part => part.call(context, inputs));
    }

    pub(super) fn call_end<C: ContextTr<Journal: JournalExt>>(
        &mut self,
        context: &mut C,
        inputs: &CallInputs,
        outcome: &mut CallOutcome,
    ) {
        delegate!(self, i => Inspector::<C>::call_end(i, context, inputs, outcome),
            part => part.call_end(context, inputs, outcome));
    }

    pub(super) fn create<C: ContextTr<Journal: JournalExt>>(
        &mut self,
        context: &mut C,
        inputs: &mut CreateInputs,
    ) {
        delegate!(self, i => drop(Inspector::<C>::create(i, context, inputs)),
            part => part.create(context, inputs));
    }

    pub(super) fn create_end<C: ContextTr<Journal: JournalExt>>(
        &mut self,
        context: &mut C,
        inputs: &CreateInputs,
        outcome: &mut CreateOutcome,
    ) {
        delegate!(self, i => Inspector::<C>::create_end(i, context, inputs, outcome),
            part => part.create_end(context, inputs, outcome));
    }

    pub(super) fn selfdestruct<C: ContextTr<Journal: JournalExt>>(
        &mut self,
        contract: Address,
        target: Address,
        value: U256,
    ) {
        delegate!(self, i => Inspector::<C>::selfdestruct(i, contract, target, value),
            part => part.selfdestruct::<C>(contract, target, value));
    }

    /// What was seen, now that the transaction has its outcome, which is not committed yet.
    pub(super) fn finish<R: StateReader>(
        self,
        machine: &mut Machine<R>,
        outcome: &Outcome,
        message: &Message,
        place: &Place,
    ) -> Result<Box<RawValue>, TraceError> {
        match self {
            Self::StructLog(logger) => logger.finish(outcome),
            Self::Calls(inspector, config) => {
                raw(&frames::call_frame(inspector, config, outcome, message))
            }
            Self::FlatCalls(mut inspector) => {
                inspector.set_transaction_gas_limit(message.gas);
                inspector.set_transaction_caller(message.from);
                let info = TransactionInfo {
                    hash: place.hash,
                    index: place.index,
                    block_hash: place.block_hash,
                    block_number: Some(place.block_number),
                    ..TransactionInfo::default()
                };
                let builder = inspector.into_parity_builder();
                raw(&builder.into_localized_transaction_traces(info))
            }
            Self::Prestate(prestate) => prestate.finish(machine, outcome),
            Self::FourByte(inspector) => raw(&FourByteFrame::from(inspector)),
            Self::Noop | Self::AccessList(_) | Self::Transfers(_) => raw(&json!({})),
            Self::Mux(parts) => {
                let parts: BTreeMap<String, Box<RawValue>> = parts
                    .into_iter()
                    .map(|(name, part)| Ok((name, part.finish(machine, outcome, message, place)?)))
                    .collect::<Result<_, TraceError>>()?;
                raw(&parts)
            }
        }
    }
}

/// Any value as JSON text.
pub(super) fn raw<T: Serialize>(value: &T) -> Result<Box<RawValue>, TraceError> {
    to_raw_value(value).map_err(|e| TraceError::Options(format!("the trace is no JSON: {e}")))
}
