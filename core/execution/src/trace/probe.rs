//! The place in the EVM where a tracer looks from, and the guard that bounds what it costs.

use super::{TraceBudget, Tracer};
use alloc::boxed::Box;
use alloy_primitives::{Address, Log, U256};
use core::fmt;
use revm::{
    Inspector,
    context_interface::ContextTr,
    inspector::JournalExt,
    interpreter::{
        CallInputs, CallOutcome, CreateInputs, CreateOutcome, InstructionResult, Interpreter,
    },
};

/// JSON bytes of a call or a log beside its data, about.
const FRAME_BYTES: u64 = 600;

/// The inspector of every EVM here. Empty unless something is traced.
#[derive(Default)]
pub(crate) struct Probe(Option<Box<Watch>>);

impl Probe {
    pub(crate) fn of(watch: Watch) -> Self {
        Self(Some(Box::new(watch)))
    }

    pub(crate) fn into_watch(self) -> Option<Watch> {
        self.0.map(|watch| *watch)
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Probe").field(&self.0.is_some()).finish()
    }
}

/// A tracer within its budget. When that is used up, every frame halts at its next step and the
/// tracer sees nothing more.
pub(crate) struct Watch {
    tracer: Tracer,
    budget: TraceBudget,
    spent: u64,
    over: bool,
}

impl Watch {
    pub(crate) const fn new(tracer: Tracer, budget: TraceBudget) -> Self {
        Self {
            tracer,
            budget,
            spent: 0,
            over: false,
        }
    }

    /// Whether the budget was used up, so that there is no trace.
    pub(crate) const fn is_over(&self) -> bool {
        self.over
    }

    pub(crate) fn into_tracer(self) -> Tracer {
        self.tracer
    }

    /// Counts what a call or log takes, if it is kept.
    fn spend(&mut self, bytes: u64) {
        if !self.tracer.keeps_calls() {
            return;
        }
        self.spent = self.spent.saturating_add(bytes);
    }

    fn check(&mut self) -> bool {
        if !self.over {
            let spent = self.spent.saturating_add(self.tracer.bytes());
            self.over = spent > self.budget.bytes || self.budget.is_stopped();
        }
        self.over
    }
}

/// Bytes of `length` bytes in hexadecimal.
const fn hex(length: usize) -> u64 {
    (length as u64).saturating_mul(2)
}

impl<C: ContextTr<Journal: JournalExt>> Inspector<C> for Probe {
    fn step(&mut self, interpreter: &mut Interpreter, context: &mut C) {
        let Some(watch) = &mut self.0 else { return };
        if watch.check() {
            interpreter.halt(InstructionResult::OutOfGas);
            return;
        }
        watch.tracer.step(interpreter, context);
    }

    fn step_end(&mut self, interpreter: &mut Interpreter, context: &mut C) {
        if let Some(watch) = self.0.as_mut().filter(|watch| !watch.over) {
            watch.tracer.step_end(interpreter, context);
        }
    }

    fn log(&mut self, context: &mut C, log: Log) {
        if let Some(watch) = self.0.as_mut().filter(|watch| !watch.over) {
            watch.spend(FRAME_BYTES.saturating_add(hex(log.data.data.len())));
            watch.tracer.log(context, log);
        }
    }

    fn call(&mut self, context: &mut C, inputs: &mut CallInputs) -> Option<CallOutcome> {
        let watch = self.0.as_mut()?;
        watch.spend(FRAME_BYTES.saturating_add(hex(inputs.input.len())));
        if watch.check() {
            let memory = inputs.return_memory_offset.clone();
            return Some(CallOutcome::new_oog(inputs.gas_limit, memory));
        }
        watch.tracer.call(context, inputs);
        None
    }

    fn call_end(&mut self, context: &mut C, inputs: &CallInputs, outcome: &mut CallOutcome) {
        if let Some(watch) = self.0.as_mut().filter(|watch| !watch.over) {
            watch.spend(hex(outcome.result.output.len()));
            watch.tracer.call_end(context, inputs, outcome);
        }
    }

    fn create(&mut self, context: &mut C, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        let watch = self.0.as_mut()?;
        watch.spend(FRAME_BYTES.saturating_add(hex(inputs.init_code().len())));
        if watch.check() {
            return Some(CreateOutcome::new_oog(inputs.gas_limit()));
        }
        watch.tracer.create(context, inputs);
        None
    }

    fn create_end(&mut self, context: &mut C, inputs: &CreateInputs, outcome: &mut CreateOutcome) {
        if let Some(watch) = self.0.as_mut().filter(|watch| !watch.over) {
            watch.spend(hex(outcome.result.output.len()));
            watch.tracer.create_end(context, inputs, outcome);
        }
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        if let Some(watch) = self.0.as_mut().filter(|watch| !watch.over) {
            watch.spend(FRAME_BYTES);
            watch.tracer.selfdestruct::<C>(contract, target, value);
        }
    }
}
