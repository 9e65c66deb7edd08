//! `eth_createAccessList`: the accounts and slots that a call touches.

use super::{TraceBudget, TraceError, Tracer, Watch};
use crate::{
    call::{CallEnv, CallSetup, Calls},
    state::StateReader,
};
use alloc::string::{String, ToString};
use alloy_primitives::Bytes;
use alloy_rpc_types_eth::AccessList;
use revm_inspectors::access_list::AccessListInspector;

/// Rounds after which a list that still grows is answered as it is.
const ROUNDS_MAX: usize = 16;

/// What a call touches.
#[derive(Clone, Debug)]
pub struct Touched {
    /// Accounts and slots, without the sender, precompiles, and a receiver none of whose slots
    /// is touched; in ascending order.
    pub list: AccessList,
    /// Gas of the call that has this list.
    pub gas_used: u64,
    /// Why that call fails, if it does.
    pub error: Option<String>,
}

/// The access list with which a call touches nothing that is not on it.
///
/// A list changes what things cost, so what the call does may depend on it: the call runs again
/// until its list stays the same.
pub fn create_access_list<R: StateReader>(
    env: &CallEnv<'_, R>,
    setup: CallSetup<'_>,
    budget: &TraceBudget,
) -> Result<Touched, TraceError> {
    let mut calls = Calls::new(env, setup)?;
    // The list is an extension of transactions that a legacy one lacks.
    calls.tx.tx_type = calls.tx.tx_type.max(1);
    let mut rounds = ROUNDS_MAX;
    loop {
        let before = sorted(calls.tx.access_list.clone());
        let watch = Tracer::AccessList(AccessListInspector::new(before.clone()));
        calls.machine.watch(Watch::new(watch, budget.clone()));
        let outcome = calls.machine.transact_env(calls.tx.clone(), Bytes::new());
        let watch = calls.machine.unwatch();
        if budget.is_stopped() {
            return Err(TraceError::Stopped);
        }
        let outcome = outcome?;
        let list = match watch.map(Watch::into_tracer) {
            Some(Tracer::AccessList(inspector)) => sorted(inspector.into_access_list()),
            _ => before.clone(),
        };
        rounds = rounds.saturating_sub(1);
        if list == before || rounds == 0 {
            let error = match outcome.halt {
                Some(halt) => Some(halt),
                None if outcome.success => None,
                None => Some("execution reverted".to_string()),
            };
            return Ok(Touched {
                list,
                gas_used: outcome.gas_used,
                error,
            });
        }
        calls.tx.access_list = list;
    }
}

fn sorted(mut list: AccessList) -> AccessList {
    for item in &mut list.0 {
        item.storage_keys.sort_unstable();
    }
    list.0.sort_by_key(|item| item.address);
    list
}
