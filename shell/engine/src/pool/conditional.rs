//! Transactions that may be included only while something holds
//! (`eth_sendRawTransactionConditional`).
//!
//! In: the conditions a bundler attached, and a state with the block that would come on it. Out:
//! whether they hold. They are checked when the transaction comes, against the head and its
//! parent, and again by every builder.

use crate::view::StateView;
use alloy_primitives::{Address, U256, keccak256};
use alloy_rpc_types_eth::erc4337::{AccountStorage, TransactionConditional};
use opal_execution::StateReader;
use parking_lot::Mutex;
use std::time::Instant;

/// Storage reads that conditions may cost.
pub(crate) const COST_MAX: u64 = 1_000;

/// Why conditions do not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unmet {
    #[error("block number {0} is outside of the allowed range")]
    Number(u64),
    #[error("timestamp {0} is outside of the allowed range")]
    Time(u64),
    #[error("storage root of {0} is another")]
    Root(Address),
    #[error("slot {1} of {0} has another value")]
    Slot(Address, U256),
    #[error("state cannot be read: {0}")]
    State(String),
}

/// Storage reads that checking takes, and one for each range.
pub(crate) fn cost(conditional: &TransactionConditional) -> u64 {
    let accounts = conditional
        .known_accounts
        .values()
        .map(|known| match known {
            AccountStorage::RootHash(_) => 1,
            AccountStorage::Slots(slots) => slots.len() as u64,
        });
    let numbers = conditional
        .block_number_min
        .or(conditional.block_number_max);
    let times = conditional.timestamp_min.or(conditional.timestamp_max);
    accounts
        .chain([u64::from(numbers.is_some()), u64::from(times.is_some())])
        .fold(0, u64::saturating_add)
}

/// What is wrong with conditions that can never hold.
pub(crate) fn contradiction(conditional: &TransactionConditional) -> Option<&'static str> {
    let crossed = |min: Option<u64>, max: Option<u64>| min.zip(max).is_some_and(|(a, b)| a > b);
    if crossed(conditional.block_number_min, conditional.block_number_max) {
        Some("block number minimum constraint must be less than the maximum")
    } else if crossed(conditional.timestamp_min, conditional.timestamp_max) {
        Some("timestamp minimum constraint must be less than the maximum")
    } else {
        None
    }
}

/// Whether a block of this height and time on this state may include the transaction.
pub(crate) fn check(
    conditional: &TransactionConditional,
    state: &StateView,
    number: u64,
    time: u64,
) -> Result<(), Unmet> {
    check_block(conditional, number, time)?;
    check_state(conditional, state)
}

/// Whether a block of this height and time may include the transaction.
pub(crate) fn check_block(
    conditional: &TransactionConditional,
    number: u64,
    time: u64,
) -> Result<(), Unmet> {
    let within = |n: u64, min: Option<u64>, max: Option<u64>| {
        min.is_none_or(|min| n >= min) && max.is_none_or(|max| n <= max)
    };
    let c = conditional;
    if !within(number, c.block_number_min, c.block_number_max) {
        return Err(Unmet::Number(number));
    }
    if !within(time, c.timestamp_min, c.timestamp_max) {
        return Err(Unmet::Time(time));
    }
    Ok(())
}

/// Whether the state is the one that the bundler saw.
pub(crate) fn check_state(
    conditional: &TransactionConditional,
    state: &StateView,
) -> Result<(), Unmet> {
    let failed = |e: String| Unmet::State(e);
    for (&address, known) in &conditional.known_accounts {
        match known {
            AccountStorage::Slots(slots) => {
                for (slot, wanted) in slots {
                    let value = state.storage(address, *slot).map_err(|e| failed(e.0))?;
                    if value.to_be_bytes() != wanted.0 {
                        return Err(Unmet::Slot(address, *slot));
                    }
                }
            }
            AccountStorage::RootHash(wanted) => {
                let trie = state.trie().map_err(|e| failed(e.to_string()))?;
                let proof = trie.proof(state, keccak256(address), &[]);
                let root = proof.map_err(|e| failed(e.to_string()))?.storage_root;
                if root != *wanted {
                    return Err(Unmet::Root(address));
                }
            }
        }
    }
    Ok(())
}

/// How much checking a second allows; as much may come at once.
#[derive(Debug)]
pub(crate) struct CostLimit {
    per_second: u32,
    bucket: Mutex<(f64, Instant)>,
}

impl CostLimit {
    pub(crate) fn new(per_second: u32) -> Self {
        let full = (f64::from(per_second), Instant::now());
        Self {
            per_second,
            bucket: Mutex::new(full),
        }
    }

    /// Takes `cost` from what is left; `false` if it is too much for now.
    pub(crate) fn take(&self, cost: u64, now: Instant) -> bool {
        let most = f64::from(self.per_second);
        let mut bucket = self.bucket.lock();
        let passed = now.saturating_duration_since(bucket.1).as_secs_f64();
        let left = passed.mul_add(most, bucket.0).min(most);
        let cost = cost as f64;
        let enough = left >= cost;
        *bucket = (if enough { left - cost } else { left }, now);
        enough
    }
}
