//! The struct logger: a line of JSON for every step, written as it happens.
//!
//! State shown is that before the step, as geth shows it. Writing at once keeps memory at the size
//! of the answer.

use super::{TraceError, tracer::raw};
use crate::evm::Outcome;
use alloc::{boxed::Box, collections::BTreeMap, format, string::String, vec::Vec};
use alloy_primitives::{Address, B256, U256, hex};
use core::fmt::Write;
use revm::{
    Inspector,
    bytecode::opcode::{self, OpCode},
    context_interface::ContextTr,
    inspector::JournalExt,
    interpreter::{
        CallInputs, CallOutcome, CreateInputs, CreateOutcome, InstructionResult, Interpreter,
        interpreter_types::{InputsTr, Jumps, LoopControl, ReturnData},
    },
};
use serde_json::value::RawValue;

/// What the logger leaves out.
#[derive(Clone, Copy, Debug)]
pub(super) struct StructLogOptions {
    pub(super) memory: bool,
    pub(super) stack: bool,
    pub(super) storage: bool,
    pub(super) return_data: bool,
    /// Bytes after which nothing more is logged.
    pub(super) limit: Option<u64>,
}

/// Logs steps.
#[derive(Debug)]
pub(crate) struct StructLogger {
    options: StructLogOptions,
    /// The lines so far, with commas between them.
    json: String,
    /// Slots that each contract read or wrote so far.
    storage: BTreeMap<Address, BTreeMap<B256, B256>>,
    /// Refunds of the frames around each open frame.
    refunds: Vec<i64>,
    /// Refund counter of the newest step, its own frame only.
    refunded: i64,
    step: Option<Step>,
}

/// The step under way.
#[derive(Debug)]
struct Step {
    pc: usize,
    op: u8,
    gas: u64,
    refund: u64,
    contract: Address,
    /// The slot that it reads.
    reads: Option<B256>,
    /// Stack, return data and memory, ready to print.
    before: String,
}

impl StructLogger {
    pub(super) const fn new(options: StructLogOptions) -> Self {
        Self {
            options,
            json: String::new(),
            storage: BTreeMap::new(),
            refunds: Vec::new(),
            refunded: 0,
            step: None,
        }
    }

    /// Bytes written so far.
    pub(super) fn bytes(&self) -> u64 {
        self.json.len() as u64
    }

    fn is_full(&self) -> bool {
        self.options.limit.is_some_and(|limit| self.bytes() > limit)
    }

    fn enter(&mut self) {
        let around = self.refunds.last().copied().unwrap_or(0);
        self.refunds.push(around.saturating_add(self.refunded));
        self.refunded = 0;
    }

    fn leave(&mut self) {
        self.refunds.pop();
        self.refunded = 0;
    }

    /// What there is besides the position: written before the step runs.
    fn before(&self, interpreter: &Interpreter) -> String {
        let mut out = String::new();
        if self.options.stack {
            out.push_str(",\"stack\":[");
            for (i, word) in interpreter.stack.data().iter().enumerate() {
                let comma = if i > 0 { "," } else { "" };
                let _ = write!(out, "{comma}\"{word:#x}\"");
            }
            out.push(']');
        }
        let returned = interpreter.return_data.buffer();
        if self.options.return_data && !returned.is_empty() {
            let _ = write!(out, ",\"returnData\":\"0x{}\"", hex::encode(returned));
        }
        if self.options.memory {
            let memory = interpreter.memory.context_memory();
            if !memory.is_empty() {
                out.push_str(",\"memory\":[");
                for (i, word) in memory.chunks(32).enumerate() {
                    let comma = if i > 0 { "," } else { "" };
                    let _ = write!(out, "{comma}\"0x{:0<64}\"", hex::encode(word));
                }
                out.push(']');
            }
        }
        out
    }

    fn write(&mut self, step: Step, cost: u64, error: Option<&str>) {
        if !self.json.is_empty() {
            self.json.push(',');
        }
        let (pc, gas, depth) = (step.pc, step.gas, self.refunds.len());
        let _ = write!(self.json, "{{\"pc\":{pc},\"op\":\"");
        let _ = match OpCode::new(step.op) {
            Some(op) => write!(self.json, "{}", op.as_str()),
            None => write!(self.json, "opcode {:#x} not defined", step.op),
        };
        let _ = write!(
            self.json,
            "\",\"gas\":{gas},\"gasCost\":{cost},\"depth\":{depth}"
        );
        if let Some(error) = error {
            let _ = write!(self.json, ",\"error\":\"{error}\"");
        }
        self.json.push_str(&step.before);
        let touches = matches!(step.op, opcode::SLOAD | opcode::SSTORE);
        if self.options.storage
            && touches
            && let Some(slots) = self.storage.get(&step.contract)
        {
            self.json.push_str(",\"storage\":{");
            for (i, (slot, value)) in slots.iter().enumerate() {
                let comma = if i > 0 { "," } else { "" };
                let _ = write!(self.json, "{comma}\"{slot}\":\"{value}\"");
            }
            self.json.push('}');
        }
        if step.refund > 0 {
            let _ = write!(self.json, ",\"refund\":{}", step.refund);
        }
        self.json.push('}');
    }

    /// The whole trace.
    pub(super) fn finish(self, outcome: &Outcome) -> Result<Box<RawValue>, TraceError> {
        let failed = !outcome.success;
        let text = format!(
            "{{\"gas\":{},\"failed\":{failed},\"returnValue\":\"{}\",\"structLogs\":[{}]}}",
            outcome.gas_used, outcome.output, self.json
        );
        RawValue::from_string(text).or_else(|e| raw(&format!("{e}")))
    }
}

impl<C: ContextTr<Journal: JournalExt>> Inspector<C> for StructLogger {
    fn step(&mut self, interpreter: &mut Interpreter, _: &mut C) {
        self.refunded = interpreter.gas.refunded();
        if self.is_full() {
            return;
        }
        let op = interpreter.bytecode.opcode();
        let contract = interpreter.input.target_address();
        let mut from_top = interpreter.stack.data().iter().rev().copied();
        let (top, second) = (from_top.next(), from_top.next());
        let mut reads = None;
        match (op, top, second) {
            _ if !self.options.storage => {}
            (opcode::SLOAD, Some(slot), _) => reads = Some(B256::from(slot)),
            (opcode::SSTORE, Some(slot), Some(value)) => {
                let slots = self.storage.entry(contract).or_default();
                slots.insert(B256::from(slot), B256::from(value));
            }
            _ => {}
        }
        let around = self.refunds.last().copied().unwrap_or(0);
        self.step = Some(Step {
            pc: interpreter.bytecode.pc(),
            op,
            gas: interpreter.gas.remaining(),
            refund: u64::try_from(around.saturating_add(self.refunded)).unwrap_or(0),
            contract,
            reads,
            before: self.before(interpreter),
        });
    }

    fn step_end(&mut self, interpreter: &mut Interpreter, _: &mut C) {
        self.refunded = interpreter.gas.refunded();
        let Some(step) = self.step.take() else { return };
        let action = interpreter.bytecode.action().as_ref();
        let result = action.and_then(|action| action.instruction_result());
        // Of a step for which there is no gas, what it would cost is not known.
        let cost = step.gas.saturating_sub(interpreter.gas.remaining());
        let error = match result {
            Some(
                InstructionResult::OutOfGas
                | InstructionResult::MemoryOOG
                | InstructionResult::MemoryLimitOOG
                | InstructionResult::InvalidOperandOOG
                | InstructionResult::ReentrancySentryOOG,
            ) => Some("out of gas"),
            Some(InstructionResult::StackUnderflow) => Some("stack underflow"),
            Some(InstructionResult::StackOverflow) => Some("stack limit reached"),
            _ => None,
        };
        if let (Some(slot), None) = (step.reads, error)
            && let Some(value) = interpreter.stack.data().last()
        {
            let slots = self.storage.entry(step.contract).or_default();
            slots.insert(slot, B256::from(*value));
        }
        self.write(step, cost, error);
    }

    fn call(&mut self, _: &mut C, _: &mut CallInputs) -> Option<CallOutcome> {
        self.enter();
        None
    }

    fn call_end(&mut self, _: &mut C, _: &CallInputs, _: &mut CallOutcome) {
        self.leave();
    }

    fn create(&mut self, _: &mut C, _: &mut CreateInputs) -> Option<CreateOutcome> {
        self.enter();
        None
    }

    fn create_end(&mut self, _: &mut C, _: &CreateInputs, _: &mut CreateOutcome) {
        self.leave();
    }

    fn selfdestruct(&mut self, _: Address, _: Address, _: U256) {}
}
