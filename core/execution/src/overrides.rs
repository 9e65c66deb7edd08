//! What a call may pretend: other accounts, other precompiles, another block.
//!
//! In: the overrides of `eth_call` and its kin. Out: a machine's state, precompiles and block
//! environment changed accordingly; nothing outside the machine changes.
//! spec: execution-apis, `StateOverrides` and `BlockOverrides`

use crate::{
    call::CallError,
    evm::{Machine, database_error},
    state::StateReader,
};
use alloc::{collections::BTreeSet, format, string::ToString, vec::Vec};
use alloy_evm::overrides::{
    OverrideBlockHashes, StateOverrideError, apply_block_overrides, apply_state_overrides,
};
use alloy_primitives::{Address, U256, map::AddressHashMap};
use alloy_rpc_types_eth::{
    BlockOverrides,
    state::{AccountOverride, StateOverride},
};
use core::fmt;
use revm::context::BlockEnv;

/// Changes the machine's accounts and precompiles.
pub(crate) fn apply_state<R: StateReader>(
    machine: &mut Machine<R>,
    overrides: StateOverride,
) -> Result<(), CallError> {
    // As geth has it: an address is warm if it is a precompile without overrides.
    machine.warm_precompiles();
    move_precompiles(machine, &overrides)?;
    // In the order of addresses: of several errors always the same one is reported.
    let mut accounts: Vec<(Address, AccountOverride)> = overrides.into_iter().collect();
    accounts.sort_by_key(|(address, _)| *address);
    for (address, account) in accounts {
        if account.state.is_some() && account.state_diff.is_some() {
            return Err(invalid(format!(
                "account {address} has both 'state' and 'stateDiff'"
            )));
        }
        if account.code.is_some() {
            let precompiles = machine.precompiles_mut();
            if precompiles.get(&address).is_some() {
                precompiles.apply_precompile(&address, |_| None);
            }
        }
        let one = AddressHashMap::from_iter([(address, account)]);
        apply_state_overrides(one, machine.state()).map_err(|error| match error {
            StateOverrideError::Database(error) => CallError::State(database_error(error)),
            other => invalid(format!("override of {address}: {other}")),
        })?;
    }
    Ok(())
}

fn move_precompiles<R: StateReader>(
    machine: &mut Machine<R>,
    overrides: &StateOverride,
) -> Result<(), CallError> {
    let mut moves: Vec<(Address, Address)> = overrides
        .iter()
        .filter_map(|(from, account)| Some((*from, account.move_precompile_to?)))
        .collect();
    moves.sort_unstable();
    let mut targets = BTreeSet::new();
    for (from, to) in &moves {
        if machine.precompiles_mut().get(from).is_none() {
            return Err(invalid(format!("account {from} is not a precompile")));
        }
        if from == to {
            return Err(CallError::MovedToItself(*from));
        }
        if !targets.insert(*to) {
            return Err(CallError::MovedTwice(*to));
        }
        if overrides.contains_key(to) {
            return Err(invalid(format!("account {to} is already overridden")));
        }
    }
    let moved = machine.precompiles_mut().move_precompiles(moves);
    moved.map_err(invalid)
}

/// Changes the block environment.
pub(crate) fn apply_block(
    overrides: &BlockOverrides,
    hashes: &mut impl OverrideBlockHashes,
    env: &mut BlockEnv,
) -> Result<(), CallError> {
    if overrides.beacon_root.is_some() {
        return Err(invalid(
            "block override 'beaconRoot' is not supported by this method",
        ));
    }
    let too_large = |value: Option<U256>| value.is_some_and(|v| v > U256::from(u64::MAX));
    if too_large(overrides.number) || too_large(overrides.base_fee) {
        return Err(invalid(
            "block override 'number' or 'baseFeePerGas' is too large",
        ));
    }
    if let (Some(fee), Some(blob)) = (overrides.blob_base_fee, &mut env.blob_excess_gas_and_price) {
        blob.blob_gasprice = u128::try_from(fee)
            .map_err(|_| invalid("block override 'blobBaseFee' is too large"))?;
    }
    apply_block_overrides(overrides.clone(), hashes, env);
    Ok(())
}

fn invalid(problem: impl fmt::Display) -> CallError {
    CallError::Invalid(problem.to_string())
}
