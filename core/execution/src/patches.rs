//! Where the published crates are behind the rules of live networks.
//!
//! Each correction has a test that runs the raw crate and ours side by side (`tests/patches.rs`).
//! Those that are not about the EVM itself are where they belong: the order of forks in
//! [`crate::evm::op_spec`], the ban of user transactions in activation blocks and of type `0x7d` in
//! [`crate::block_run`] and [`crate::transaction`], the receipt root in [`crate::receipt`], header
//! assembly in [`crate::header`].

use crate::{
    evm::{OpMachine, Outcome, TxError, outcome},
    state::StateReader,
};
use alloy_evm::{
    Evm,
    block::BlockExecutor,
    precompiles::{DynPrecompile, Precompile, PrecompileInput, PrecompilesMap},
};
use alloy_hardforks::{EthereumHardfork, EthereumHardforks, ForkCondition};
use alloy_op_evm::{OpBlockExecutionCtx, OpBlockExecutor, OpTx, block::OpAlloyReceiptBuilder};
use alloy_op_hardforks::{OpHardfork, OpHardforks};
use alloy_primitives::{Address, address};
use op_revm::OpSpecId;
use revm::precompile::{PrecompileHalt, PrecompileId, PrecompileOutput};

const BN256_PAIRING: Address = address!("0000000000000000000000000000000000000008");

/// Longest input of the bn256 pairing from Karst on, bytes: 300 pairs.
/// spec: karst/exec-engine.md#bn256pairing-precompile-input-restriction
const KARST_BN256_PAIRING_INPUT_BYTES: usize = 57_600;

/// Correction 1: Karst limits the bn256 pairing further; the crate keeps Jovian's limit.
pub(crate) fn limit_precompiles(spec: OpSpecId, precompiles: &mut PrecompilesMap) {
    if spec < OpSpecId::KARST {
        return;
    }
    precompiles.apply_precompile(&BN256_PAIRING, |pairing| {
        let pairing = pairing?;
        Some(DynPrecompile::new(
            PrecompileId::Bn254Pairing,
            move |input: PrecompileInput<'_>| {
                if input.data.len() > KARST_BN256_PAIRING_INPUT_BYTES {
                    return Ok(PrecompileOutput::halt(
                        PrecompileHalt::Bn254PairLength,
                        input.reservoir,
                    ));
                }
                pairing.call(input)
            },
        ))
    });
}

/// Correction 2: deposits are exempt from the gas cap of EIP-7825; the crate runs them with no
/// more gas than the cap, so large ones fail.
pub(crate) fn transact_op<R: StateReader>(
    evm: &mut OpMachine<R>,
    tx: OpTx,
    is_deposit: bool,
) -> Result<Outcome, TxError> {
    let cap = evm.cfg.tx_gas_limit_cap;
    if is_deposit {
        evm.cfg.tx_gas_limit_cap = Some(u64::MAX);
    }
    let result = outcome(evm.transact_raw(tx));
    evm.cfg.tx_gas_limit_cap = cap;
    result
}

/// A schedule of which alloy-op-evm sees only that Canyon activates right now: then its executor
/// puts the create2 deployer in place, whose code it carries.
#[derive(Clone, Copy, Debug)]
struct CanyonNow {
    time: u64,
}

impl EthereumHardforks for CanyonNow {
    fn ethereum_fork_activation(&self, _: EthereumHardfork) -> ForkCondition {
        ForkCondition::Never
    }
}

impl OpHardforks for CanyonNow {
    fn op_fork_activation(&self, fork: OpHardfork) -> ForkCondition {
        match fork {
            OpHardfork::Canyon => ForkCondition::Timestamp(self.time),
            _ => ForkCondition::Never,
        }
    }
}

/// Puts the create2 deployer in place, as the first Canyon block does. The crate does so by itself
/// only for blocks two seconds apart, whatever the chain's block time.
/// spec: canyon/overview.md
pub(crate) fn deploy_create2_deployer<R: StateReader>(
    evm: OpMachine<R>,
    time: u64,
) -> (OpMachine<R>, Result<(), TxError>) {
    let mut executor = OpBlockExecutor::new(
        evm,
        OpBlockExecutionCtx::default(),
        CanyonNow { time },
        OpAlloyReceiptBuilder::default(),
    );
    let result = executor.apply_pre_execution_changes().map_err(|error| {
        TxError::State(crate::state::StateError(
            alloc::string::ToString::to_string(&error),
        ))
    });
    (executor.evm, result)
}
