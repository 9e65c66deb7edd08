//! The run of one block, shared by executing and building: opening, transactions, closing.
//!
//! In: a header of which only the fields known before execution count, and the parent's state.
//! Out: [`Executed`]. Invariant: a transaction that is refused leaves no trace.

use crate::{
    chain::{ChainConfig, ChainKind, EthFork},
    error::InvalidBlock,
    evm::{Machine, Outcome, TxError, word},
    execute::Executed,
    fees::da_footprint,
    header::bad,
    patches,
    receipt::Receipt,
    state::{StateError, StateReader},
    transaction::VerifiedTx,
};
use alloc::{
    boxed::Box,
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use alloy_consensus::{Header, Transaction as _};
use alloy_eips::{
    eip2935::HISTORY_STORAGE_ADDRESS, eip4788::BEACON_ROOTS_ADDRESS, eip4895::Withdrawal,
    eip6110::DEPOSIT_REQUEST_TYPE, eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
    eip7002::WITHDRAWAL_REQUEST_TYPE, eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
    eip7251::CONSOLIDATION_REQUEST_TYPE,
};
use alloy_primitives::{Address, B256, Bytes};
use opal_protocol::Fork;

/// Wei per gwei: withdrawals count in gwei.
const GWEI: u128 = 1_000_000_000;

/// A block that is being executed.
pub(crate) struct BlockRun<R: StateReader> {
    pub(crate) chain: ChainConfig,
    machine: Machine<R>,
    /// Fields known before execution: number, timestamp, gas limit and the like.
    pub(crate) env: Header,
    /// The first block of a fork that admits no user transactions in it.
    deposits_only_fork: Option<Fork>,
    pub(crate) gas_used: u64,
    pub(crate) blob_gas_used: u64,
    pub(crate) receipts: Vec<Receipt>,
}

/// What a transaction takes beyond gas.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Room {
    blob_gas: u64,
}

/// Why a transaction cannot be the next one of the block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Too large for what is left.
    NoRoom(&'static str),
    Tx(TxError),
}

impl From<TxError> for Refusal {
    fn from(error: TxError) -> Self {
        Self::Tx(error)
    }
}

impl From<StateError> for Refusal {
    fn from(error: StateError) -> Self {
        Self::Tx(TxError::State(error))
    }
}

impl<R: StateReader> BlockRun<R> {
    /// Starts a block and does what precedes its transactions.
    pub(crate) fn open(
        chain: &ChainConfig,
        parent_time: u64,
        env: Header,
        reader: R,
    ) -> Result<Self, InvalidBlock> {
        let machine = Machine::new(chain, &env, reader);
        let machine = begin_block(machine, chain, parent_time, &env)?;
        // spec: derivation.md#network-upgrade-automation-transactions; verifiers enforce it from
        // Jovian on.
        let deposits_only_fork = [Fork::Jovian, Fork::Karst]
            .into_iter()
            .find(|fork| chain.is_activation_block(*fork, parent_time, env.timestamp));
        Ok(Self {
            chain: chain.clone(),
            machine,
            env,
            deposits_only_fork,
            gas_used: 0,
            blob_gas_used: 0,
            receipts: Vec::new(),
        })
    }

    /// The EVM as it stands before the first transaction.
    #[cfg(feature = "tracing")]
    pub(crate) fn into_machine(self) -> Machine<R> {
        self.machine
    }

    /// Gas that further transactions may ask for.
    pub(crate) const fn gas_left(&self) -> u64 {
        self.env.gas_limit.saturating_sub(self.gas_used)
    }

    /// Whether the transaction may come next, as far as that is known before it is executed.
    pub(crate) fn room_for(&mut self, tx: &VerifiedTx) -> Result<Room, Refusal> {
        let time = self.env.timestamp;
        let deposit = tx.tx.as_deposit();
        if deposit.is_none() && self.deposits_only_fork.is_some() {
            return Err(Refusal::NoRoom(
                "the first block of a fork has deposits only",
            ));
        }
        // Before Regolith, system deposits are outside the gas pool. spec: regolith/overview.md
        let outside_pool = deposit.is_some_and(|deposit| deposit.is_system_transaction)
            && !self.chain.is_op_active(Fork::Regolith, time);
        if !outside_pool && tx.tx.gas_limit() > self.gas_left() {
            return Err(Refusal::NoRoom("gas"));
        }
        let mut room = Room::default();
        if let Some(params) = self.chain.blob_params(time) {
            room.blob_gas = tx.tx.blob_gas_used().unwrap_or(0);
            let left = params
                .max_blob_gas_per_block()
                .saturating_sub(self.blob_gas_used);
            if room.blob_gas > left {
                return Err(Refusal::NoRoom("blobs"));
            }
        }
        if deposit.is_none() && self.chain.is_op_active(Fork::Jovian, time) {
            // spec: jovian/exec-engine.md#da-footprint-block-limit
            room.blob_gas = da_footprint(&tx.encoded, self.machine.state())?;
            if room.blob_gas > self.env.gas_limit.saturating_sub(self.blob_gas_used) {
                return Err(Refusal::NoRoom("DA footprint"));
            }
        }
        Ok(room)
    }

    /// Executes the transaction for which there is `room` and commits it.
    pub(crate) fn apply(&mut self, tx: &VerifiedTx, room: Room) -> Result<Outcome, TxError> {
        let time = self.env.timestamp;
        let active = |fork| self.chain.is_op_active(fork, time);
        let is_deposit = tx.tx.is_deposit();
        let deposit_nonce = if is_deposit && active(Fork::Regolith) {
            Some(self.machine.nonce(tx.sender).map_err(TxError::State)?)
        } else {
            None
        };
        let version = (is_deposit && active(Fork::Canyon)).then_some(1);
        let mut outcome = self.machine.transact(tx)?;
        let overflow = || TxError::Invalid("gas used by the block overflows".to_string());
        let gas_used = self
            .gas_used
            .checked_add(outcome.gas_used)
            .ok_or_else(overflow)?;
        let blob_gas_used = self
            .blob_gas_used
            .checked_add(room.blob_gas)
            .ok_or_else(overflow)?;
        self.machine.commit(core::mem::take(&mut outcome.state));
        self.gas_used = gas_used;
        self.blob_gas_used = blob_gas_used;
        self.receipts.push(Receipt {
            tx_type: alloy_eips::Typed2718::ty(&tx.tx),
            success: outcome.success,
            cumulative_gas_used: gas_used,
            logs: core::mem::take(&mut outcome.logs),
            deposit_nonce,
            deposit_receipt_version: version,
        });
        Ok(outcome)
    }

    /// A transaction that must be in the block.
    pub(crate) fn apply_forced(&mut self, tx: &VerifiedTx) -> Result<Outcome, InvalidBlock> {
        let room = self
            .room_for(tx)
            .map_err(|refusal| self.invalid(tx, refusal))?;
        self.apply(tx, room)
            .map_err(|error| self.invalid(tx, Refusal::Tx(error)))
    }

    fn invalid(&self, tx: &VerifiedTx, refusal: Refusal) -> InvalidBlock {
        let problem = match refusal {
            Refusal::Tx(TxError::State(error)) => return InvalidBlock::State(error),
            Refusal::Tx(TxError::Invalid(problem)) => problem,
            Refusal::Tx(TxError::NonceTooHigh { tx, state }) => {
                format!("nonce is {tx}, the sender's next is {state}")
            }
            Refusal::NoRoom(what) => match self.deposits_only_fork {
                Some(fork) if !tx.tx.is_deposit() => {
                    format!("the first block of {fork} has deposits only")
                }
                _ => format!("it does not fit into the block: {what}"),
            },
        };
        InvalidBlock::Transaction {
            index: self.receipts.len(),
            hash: tx.hash(),
            problem,
        }
    }

    /// Does what follows the transactions.
    pub(crate) fn close(
        mut self,
        withdrawals: Option<&[Withdrawal]>,
    ) -> Result<Executed, InvalidBlock> {
        let mut requests = Vec::new();
        if let ChainKind::Ethereum(rules) = &self.chain.kind {
            let deposit_contract = rules.deposit_contract;
            self.machine
                .credit(credits(withdrawals.unwrap_or_default()))?;
            if self.chain.eth_fork(self.env.timestamp) >= EthFork::Prague {
                requests = self.collect_requests(deposit_contract)?;
            }
        }
        Ok(Executed {
            receipts: self.receipts,
            gas_used: self.gas_used,
            blob_gas_used: self.blob_gas_used,
            requests,
            diff: self.machine.into_diff(),
        })
    }

    /// EIP-7685 requests in the order of their types.
    fn collect_requests(
        &mut self,
        deposit_contract: Option<Address>,
    ) -> Result<Vec<Bytes>, InvalidBlock> {
        let mut requests = Vec::new();
        let mut push = |kind: u8, data: &[u8]| {
            if !data.is_empty() {
                requests.push(core::iter::once(kind).chain(data.iter().copied()).collect());
            }
        };
        if let Some(contract) = deposit_contract {
            let mut data = Vec::new();
            let logs = self.receipts.iter().flat_map(|receipt| &receipt.logs);
            alloy_evm::eth::eip6110::accumulate_deposits_from_logs(contract, logs, &mut data)
                .map_err(|error| InvalidBlock::SystemCall(error.to_string()))?;
            push(DEPOSIT_REQUEST_TYPE, &data);
        }
        for (kind, contract) in [
            (
                WITHDRAWAL_REQUEST_TYPE,
                WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
            ),
            (
                CONSOLIDATION_REQUEST_TYPE,
                CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
            ),
        ] {
            // spec: EIP-7002 and EIP-7251, "empty code failure" and "system call failure"
            if !self.machine.has_code(contract)? {
                let problem = format!("the request contract {contract} has no code");
                return Err(InvalidBlock::SystemCall(problem));
            }
            let call = self.machine.system_call(contract, Bytes::new());
            let call = call.map_err(system_call_failed)?;
            if !call.success {
                let problem = format!("the request contract {contract} failed");
                return Err(InvalidBlock::SystemCall(problem));
            }
            push(kind, &call.output);
            self.machine.commit(call.state);
        }
        Ok(requests)
    }
}

/// What withdrawals pay to whom, wei.
pub(crate) fn credits(withdrawals: &[Withdrawal]) -> BTreeMap<Address, u128> {
    let mut credits: BTreeMap<Address, u128> = BTreeMap::new();
    for withdrawal in withdrawals.iter().filter(|w| w.amount > 0) {
        let credit = credits.entry(withdrawal.address).or_default();
        *credit = credit.saturating_add(u128::from(withdrawal.amount) * GWEI);
    }
    credits
}

/// Does what precedes the transactions of the block with header `env`.
pub(crate) fn begin_block<R: StateReader>(
    mut machine: Machine<R>,
    chain: &ChainConfig,
    parent_time: u64,
    env: &Header,
) -> Result<Machine<R>, InvalidBlock> {
    let fork = chain.eth_fork(env.timestamp);
    if env.number > 0 && fork >= EthFork::Prague {
        let call = machine.system_call(HISTORY_STORAGE_ADDRESS, word(env.parent_hash));
        let call = call.map_err(system_call_failed)?;
        machine.commit(call.state);
    }
    if env.number > 0 && fork >= EthFork::Cancun {
        let root = env
            .parent_beacon_block_root
            .ok_or_else(|| bad("parentBeaconBlockRoot", "is missing"))?;
        let call = machine.system_call(BEACON_ROOTS_ADDRESS, word(root));
        machine.commit(call.map_err(system_call_failed)?.state);
    }
    if chain.is_activation_block(Fork::Canyon, parent_time, env.timestamp) {
        machine = deploy_create2_deployer(machine, env.timestamp)?;
    }
    Ok(machine)
}

fn system_call_failed(error: TxError) -> InvalidBlock {
    match error {
        TxError::State(error) => InvalidBlock::State(error),
        TxError::Invalid(problem) => InvalidBlock::SystemCall(problem),
        TxError::NonceTooHigh { .. } => InvalidBlock::SystemCall(String::from("nonce too high")),
    }
}

fn deploy_create2_deployer<R: StateReader>(
    machine: Machine<R>,
    time: u64,
) -> Result<Machine<R>, InvalidBlock> {
    match machine {
        Machine::Op(evm) => {
            let (evm, result) = patches::deploy_create2_deployer(*evm, time);
            result.map_err(system_call_failed)?;
            Ok(Machine::Op(Box::new(evm)))
        }
        Machine::Eth(_) => Ok(machine),
    }
}

/// Hash of requests as the header commits to them. spec: EIP-7685
pub(crate) fn requests_hash(requests: &[Bytes]) -> B256 {
    alloy_eips::eip7685::Requests::new(requests.to_vec()).requests_hash()
}
