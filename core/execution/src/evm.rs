//! The EVM of either kind of chain, with the corrections that live networks need.
//!
//! In: a chain, a block's environment and a state. Out: transaction outcomes, not yet committed.
//! All knowledge about revm's shortcomings is here and in [`crate::patches`].

use crate::{
    chain::{BlobParams, ChainConfig, ChainKind, EthFork},
    database::{BlockState, block_state, state_diff},
    patches,
    state::{StateDiff, StateError, StateReader},
    transaction::{Transaction, VerifiedTx},
};
use alloc::{boxed::Box, string::ToString};
use alloy_consensus::Header;
use alloy_evm::{
    Evm, EvmEnv, EvmFactory, FromRecoveredTx, FromTxWithEncoded,
    eth::{EthEvm, EthEvmFactory},
    precompiles::PrecompilesMap,
};
use alloy_op_evm::{OpEvm, OpEvmFactory, OpTx};
use alloy_primitives::{Address, B256, Bytes, U256};
use op_revm::OpSpecId;
use opal_protocol::Fork;
use revm::{
    DatabaseCommit,
    context::{BlockEnv, CfgEnv, TxEnv},
    context_interface::block::BlobExcessGasAndPrice,
    database::{DatabaseCommitExt, states::bundle_state::BundleRetention},
    primitives::hardfork::SpecId,
    state::EvmState,
};

pub(crate) use crate::outcome::{Outcome, TxError, database_error, outcome};

/// Address that system calls come from. spec: EIP-4788, EIP-2935
const SYSTEM_ADDRESS: Address = alloy_eips::eip4788::SYSTEM_ADDRESS;

/// Who may watch execution. Nobody does unless asked: blocks run on the plain interpreter.
#[cfg(feature = "tracing")]
pub(crate) type Probe = crate::trace::Probe;
/// Who may watch execution: nobody.
#[cfg(not(feature = "tracing"))]
pub(crate) type Probe = revm::inspector::NoOpInspector;

/// The EVM of an OP chain.
pub(crate) type OpMachine<R> = OpEvm<BlockState<R>, Probe, PrecompilesMap>;

/// An EVM on the state of one block.
pub(crate) enum Machine<R: StateReader> {
    Op(Box<OpMachine<R>>),
    Eth(Box<EthEvm<BlockState<R>, Probe, PrecompilesMap>>),
}

/// revm's name of the OP rules at `time`. Our own table: the crate's prefers forks by another order.
pub(crate) fn op_spec(forks: &opal_protocol::ForkTimes, time: u64) -> OpSpecId {
    match forks.newest_at(time) {
        Fork::Bedrock => OpSpecId::BEDROCK,
        Fork::Regolith => OpSpecId::REGOLITH,
        Fork::Canyon | Fork::Delta => OpSpecId::CANYON,
        Fork::Ecotone => OpSpecId::ECOTONE,
        Fork::Fjord => OpSpecId::FJORD,
        Fork::Granite => OpSpecId::GRANITE,
        Fork::Holocene => OpSpecId::HOLOCENE,
        Fork::Isthmus => OpSpecId::ISTHMUS,
        Fork::Jovian => OpSpecId::JOVIAN,
        Fork::Karst => OpSpecId::KARST,
    }
}

const fn eth_spec(fork: EthFork) -> SpecId {
    match fork {
        EthFork::Paris => SpecId::MERGE,
        EthFork::Shanghai => SpecId::SHANGHAI,
        EthFork::Cancun => SpecId::CANCUN,
        EthFork::Prague => SpecId::PRAGUE,
        EthFork::Osaka => SpecId::OSAKA,
    }
}

/// The environment of the block with `header`. Reads only what is known before execution.
pub(crate) fn block_env(chain: &ChainConfig, header: &Header) -> BlockEnv {
    let blob = match (&chain.kind, chain.blob_params(header.timestamp)) {
        // There are no blobs on L2: the fee opcode answers 1. spec: ecotone exec-engine.md
        (ChainKind::Optimism(_), _) => (chain.eth_fork(header.timestamp) >= EthFork::Cancun)
            .then_some(BlobExcessGasAndPrice {
                excess_blob_gas: 0,
                blob_gasprice: 1,
            }),
        (ChainKind::Ethereum(_), params) => header.excess_blob_gas.zip(params).map(
            |(excess_blob_gas, params): (u64, BlobParams)| BlobExcessGasAndPrice {
                excess_blob_gas,
                blob_gasprice: params.calc_blob_fee(excess_blob_gas),
            },
        ),
    };
    BlockEnv {
        number: U256::from(header.number),
        beneficiary: header.beneficiary,
        timestamp: U256::from(header.timestamp),
        gas_limit: header.gas_limit,
        basefee: header.base_fee_per_gas.unwrap_or_default(),
        difficulty: U256::ZERO,
        prevrandao: Some(header.mix_hash),
        blob_excess_gas_and_price: blob,
        slot_num: 0,
    }
}

impl<R: StateReader> Machine<R> {
    /// An EVM for the block with `header` on the state behind `reader`.
    pub(crate) fn new(chain: &ChainConfig, header: &Header, reader: R) -> Self {
        Self::with_env(
            chain,
            header.timestamp,
            block_env(chain, header),
            reader,
            Checks::Block,
        )
    }

    /// An EVM with a given environment, for blocks or for calls.
    pub(crate) fn with_env(
        chain: &ChainConfig,
        time: u64,
        block: BlockEnv,
        reader: R,
        checks: Checks,
    ) -> Self {
        Self::with_state(chain, time, block, block_state(reader), checks)
    }

    /// An EVM with a given environment on a state that may have changed already.
    pub(crate) fn with_state(
        chain: &ChainConfig,
        time: u64,
        block: BlockEnv,
        state: BlockState<R>,
        checks: Checks,
    ) -> Self {
        match &chain.kind {
            ChainKind::Optimism(rules) => {
                let spec = op_spec(&rules.forks, time);
                let mut cfg = CfgEnv::new_with_spec(spec).with_chain_id(chain.chain_id);
                checks.apply(&mut cfg);
                let mut evm = OpEvmFactory::<OpTx>::default().create_evm_with_inspector(
                    state,
                    EvmEnv::new(cfg, block),
                    Probe::default(),
                );
                evm.disable_inspector();
                patches::limit_precompiles(spec, evm.precompiles_mut());
                Self::Op(Box::new(evm))
            }
            ChainKind::Ethereum(_) => {
                let spec = eth_spec(chain.eth_fork(time));
                let mut cfg = CfgEnv::new_with_spec(spec).with_chain_id(chain.chain_id);
                if let Some(params) = chain.blob_params(time) {
                    cfg.set_max_blobs_per_tx(params.max_blobs_per_tx);
                }
                checks.apply(&mut cfg);
                let mut evm = EthEvmFactory::default().create_evm_with_inspector(
                    state,
                    EvmEnv::new(cfg, block),
                    Probe::default(),
                );
                evm.disable_inspector();
                Self::Eth(Box::new(evm))
            }
        }
    }

    pub(crate) fn state(&mut self) -> &mut BlockState<R> {
        match self {
            Self::Op(evm) => evm.db_mut(),
            Self::Eth(evm) => evm.db_mut(),
        }
    }

    /// Gives the state back, with all that was committed.
    #[cfg(feature = "tracing")]
    pub(crate) fn into_state(self) -> BlockState<R> {
        match self {
            Self::Op(evm) => evm.finish().0,
            Self::Eth(evm) => evm.finish().0,
        }
    }

    /// Lets `watch` see all that is executed from now on.
    #[cfg(feature = "tracing")]
    pub(crate) fn watch(&mut self, watch: crate::trace::Watch) {
        let probe = Probe::of(watch);
        match self {
            Self::Op(evm) => {
                *evm.inspector_mut() = probe;
                evm.enable_inspector();
            }
            Self::Eth(evm) => {
                *evm.inspector_mut() = probe;
                evm.enable_inspector();
            }
        }
    }

    /// Ends watching.
    #[cfg(feature = "tracing")]
    pub(crate) fn unwatch(&mut self) -> Option<crate::trace::Watch> {
        let probe = match self {
            Self::Op(evm) => {
                evm.disable_inspector();
                core::mem::take(evm.inspector_mut())
            }
            Self::Eth(evm) => {
                evm.disable_inspector();
                core::mem::take(evm.inspector_mut())
            }
        };
        probe.into_watch()
    }

    /// Lets the precompiles of now be warm in all that follows, whatever becomes of them.
    #[cfg(feature = "rpc")]
    pub(crate) fn warm_precompiles(&mut self) {
        use revm::context_interface::JournalTr;
        let warm = self.precompiles_mut().addresses().copied().collect();
        match self {
            Self::Op(evm) => evm.ctx_mut().journaled_state.warm_precompiles(warm),
            Self::Eth(evm) => evm.ctx_mut().journaled_state.warm_precompiles(warm),
        }
    }

    /// The precompiles in force, to be changed.
    #[cfg(feature = "rpc")]
    pub(crate) fn precompiles_mut(&mut self) -> &mut PrecompilesMap {
        match self {
            Self::Op(evm) => evm.precompiles_mut(),
            Self::Eth(evm) => evm.precompiles_mut(),
        }
    }

    /// Executes a transaction of a block. Changes nothing until [`commit`](Self::commit).
    pub(crate) fn transact(&mut self, tx: &VerifiedTx) -> Result<Outcome, TxError> {
        match self {
            Self::Op(evm) => {
                let env = op_tx_env(tx)?;
                patches::transact_op(evm, env, tx.tx.is_deposit())
            }
            Self::Eth(evm) => outcome(evm.transact_raw(eth_tx_env(tx)?)),
        }
    }

    /// Executes a call that is described by its environment.
    #[cfg(feature = "rpc")]
    pub(crate) fn transact_env(&mut self, env: TxEnv, encoded: Bytes) -> Result<Outcome, TxError> {
        match self {
            Self::Op(evm) => {
                let deposit = op_revm::transaction::deposit::DepositTransactionParts::default();
                let tx = op_revm::OpTransaction {
                    base: env,
                    enveloped_tx: Some(encoded),
                    deposit,
                };
                outcome(evm.transact_raw(OpTx(tx)))
            }
            Self::Eth(evm) => outcome(evm.transact_raw(env)),
        }
    }

    /// Calls a contract as the system: no fees, no nonce, gas not counted.
    pub(crate) fn system_call(
        &mut self,
        contract: Address,
        data: Bytes,
    ) -> Result<Outcome, TxError> {
        match self {
            Self::Op(evm) => outcome(evm.transact_system_call(SYSTEM_ADDRESS, contract, data)),
            Self::Eth(evm) => outcome(evm.transact_system_call(SYSTEM_ADDRESS, contract, data)),
        }
    }

    pub(crate) fn commit(&mut self, state: EvmState) {
        self.state().commit(state);
    }

    /// Adds to balances, as withdrawals do.
    pub(crate) fn credit(
        &mut self,
        amounts: impl IntoIterator<Item = (Address, u128)>,
    ) -> Result<(), StateError> {
        self.state()
            .increment_balances(amounts)
            .map_err(database_error)
    }

    /// The account's nonce right now.
    pub(crate) fn nonce(&mut self, address: Address) -> Result<u64, StateError> {
        let account = revm::Database::basic(self.state(), address).map_err(database_error)?;
        Ok(account.map_or(0, |account| account.nonce))
    }

    /// Whether the account has code right now.
    pub(crate) fn has_code(&mut self, address: Address) -> Result<bool, StateError> {
        let account = revm::Database::basic(self.state(), address).map_err(database_error)?;
        Ok(account.is_some_and(|account| !account.is_empty_code_hash()))
    }

    /// The account's balance right now, wei.
    #[cfg(feature = "tracing")]
    pub(crate) fn balance(&mut self, address: Address) -> Result<U256, StateError> {
        let account = revm::Database::basic(self.state(), address).map_err(database_error)?;
        Ok(account.map_or(U256::ZERO, |account| account.balance))
    }

    /// Whether the transactions that follow pay no fees at all.
    #[cfg(feature = "tracing")]
    pub(crate) fn set_free(&mut self, free: bool) {
        match self {
            Self::Op(evm) => evm.cfg.disable_fee_charge = free,
            Self::Eth(evm) => evm.cfg.disable_fee_charge = free,
        }
    }

    /// All committed changes.
    pub(crate) fn into_diff(mut self) -> StateDiff {
        let state = self.state();
        state.merge_transitions(BundleRetention::PlainState);
        state_diff(state.take_bundle())
    }
}

/// How strictly transactions are checked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Checks {
    /// As blocks demand.
    Block,
    /// As calls need it: any nonce, any sender, any gas limit; if `free`, no fees at all.
    #[cfg(feature = "rpc")]
    Call { free: bool },
    /// As simulated blocks need it: any sender; without `validation` any nonce and base fee too.
    #[cfg(feature = "tracing")]
    Simulate { validation: bool },
}

impl Checks {
    const fn apply<S>(self, cfg: &mut CfgEnv<S>) {
        match self {
            // The defaults are those of blocks.
            Self::Block => cfg.tx_gas_limit_cap = None,
            #[cfg(feature = "rpc")]
            Self::Call { free } => {
                cfg.disable_nonce_check = true;
                cfg.disable_eip3607 = true;
                cfg.disable_block_gas_limit = true;
                cfg.disable_base_fee = free;
                cfg.disable_fee_charge = free;
                cfg.tx_gas_limit_cap = Some(u64::MAX);
            }
            #[cfg(feature = "tracing")]
            Self::Simulate { validation } => {
                cfg.disable_nonce_check = !validation;
                cfg.disable_eip3607 = true;
                cfg.disable_block_gas_limit = true;
                cfg.disable_base_fee = !validation;
                // Calls that name no gas get all that is left: more than one transaction may have.
                cfg.tx_gas_limit_cap = Some(u64::MAX);
            }
        }
    }
}

/// revm's form of a transaction on L2.
pub(crate) fn op_tx_env(tx: &VerifiedTx) -> Result<OpTx, TxError> {
    let (sender, encoded) = (tx.sender, tx.encoded.clone());
    Ok(match &tx.tx {
        Transaction::Legacy(t) => OpTx::from_encoded_tx(t, sender, encoded),
        Transaction::Eip2930(t) => OpTx::from_encoded_tx(t, sender, encoded),
        Transaction::Eip1559(t) => OpTx::from_encoded_tx(t, sender, encoded),
        Transaction::Eip7702(t) => OpTx::from_encoded_tx(t, sender, encoded),
        Transaction::Deposit(t) => OpTx::from_encoded_tx(t.inner(), sender, encoded),
        // spec: ecotone/exec-engine.md, blob transactions are disabled
        Transaction::Eip4844(_) => {
            return Err(TxError::Invalid(
                "blob transactions do not exist on L2".to_string(),
            ));
        }
    })
}

/// revm's form of a transaction on Ethereum.
fn eth_tx_env(tx: &VerifiedTx) -> Result<TxEnv, TxError> {
    let sender = tx.sender;
    Ok(match &tx.tx {
        Transaction::Legacy(t) => TxEnv::from_recovered_tx(t, sender),
        Transaction::Eip2930(t) => TxEnv::from_recovered_tx(t, sender),
        Transaction::Eip1559(t) => TxEnv::from_recovered_tx(t, sender),
        Transaction::Eip4844(t) => TxEnv::from_recovered_tx(t, sender),
        Transaction::Eip7702(t) => TxEnv::from_recovered_tx(t, sender),
        Transaction::Deposit(_) => {
            return Err(TxError::Invalid(
                "deposits do not exist on Ethereum".to_string(),
            ));
        }
    })
}

/// The hash that a system contract is told about the parent block.
pub(crate) fn word(hash: B256) -> Bytes {
    Bytes::copy_from_slice(hash.as_slice())
}
