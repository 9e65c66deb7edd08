//! Logs of a transaction with moves of ether among them, as `eth_simulateV1` wants them.

use alloc::{vec, vec::Vec};
use alloy_primitives::{Address, B256, Bytes, Log, LogData, U256, address, b256};
use revm::{
    Inspector,
    bytecode::opcode,
    context_interface::ContextTr,
    inspector::JournalExt,
    interpreter::{
        CallInputs, CallOutcome, CallScheme, CreateInputs, CreateOutcome, Interpreter,
        interpreter_types::{InputsTr, Jumps},
    },
};

/// Whom the logs of ether name as their contract.
const ETHER: Address = address!("eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee");
/// `Transfer(address,address,uint256)`.
const TRANSFER: B256 = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");

/// Collects logs; those of frames that fail are dropped.
#[derive(Debug, Default)]
pub(crate) struct Transfers {
    logs: Vec<Log>,
    /// Per open frame, the logs before it.
    open: Vec<usize>,
}

impl Transfers {
    pub(crate) fn into_logs(self) -> Vec<Log> {
        self.logs
    }

    fn moved(&mut self, from: Address, to: Address, value: U256) {
        if value.is_zero() {
            return;
        }
        let topics = vec![TRANSFER, from.into_word(), to.into_word()];
        let data = Bytes::from(value.to_be_bytes::<32>());
        self.logs.push(Log {
            address: ETHER,
            data: LogData::new_unchecked(topics, data),
        });
    }

    fn close(&mut self, success: bool) {
        let before = self.open.pop().unwrap_or(0);
        if !success {
            self.logs.truncate(before);
        }
    }
}

impl<C: ContextTr<Journal: JournalExt>> Inspector<C> for Transfers {
    fn step(&mut self, interpreter: &mut Interpreter, context: &mut C) {
        if interpreter.bytecode.opcode() != opcode::SELFDESTRUCT {
            return;
        }
        let Some(heir) = interpreter.stack.data().last() else {
            return;
        };
        let heir = Address::from_word(B256::from(*heir));
        let contract = interpreter.input.target_address();
        let state = context.journal_ref().evm_state();
        let balance = state.get(&contract).map_or(U256::ZERO, |a| a.info.balance);
        self.moved(contract, heir, balance);
    }

    fn log(&mut self, _: &mut C, log: Log) {
        self.logs.push(log);
    }

    fn call(&mut self, _: &mut C, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.open.push(self.logs.len());
        if !matches!(inputs.scheme, CallScheme::DelegateCall)
            && let Some(value) = inputs.transfer_value()
        {
            self.moved(inputs.transfer_from(), inputs.transfer_to(), value);
        }
        None
    }

    fn call_end(&mut self, _: &mut C, _: &CallInputs, outcome: &mut CallOutcome) {
        self.close(outcome.result.result.is_ok());
    }

    fn create(&mut self, context: &mut C, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.open.push(self.logs.len());
        let state = context.journal_ref().evm_state();
        let nonce = state.get(&inputs.caller()).map_or(0, |a| a.info.nonce);
        self.moved(
            inputs.caller(),
            inputs.created_address(nonce),
            inputs.value(),
        );
        None
    }

    fn create_end(&mut self, _: &mut C, _: &CreateInputs, outcome: &mut CreateOutcome) {
        self.close(outcome.result.result.is_ok());
    }
}
