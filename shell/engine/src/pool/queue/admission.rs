//! Who is let into the queues, and who has to leave for it.

use super::{Queues, Sender, SenderState};
use crate::{
    config::PoolLimits,
    pool::{PoolError, PoolTx},
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{B256, U256};

impl Queues {
    /// What one sender may have.
    pub(super) fn check_sender(
        &self,
        tx: &PoolTx,
        state: &SenderState,
        cost: U256,
        old: Option<&PoolTx>,
        limits: &PoolLimits,
    ) -> Result<(), PoolError> {
        let sender = self.senders.get(&tx.sender());
        let held = sender.map_or(0, |s| s.entries.len());
        let reach = state.nonce.saturating_add(limits.per_sender_max as u64);
        if old.is_none() && (held >= limits.per_sender_max || tx.nonce() >= reach) {
            return Err(PoolError::SenderFull(limits.per_sender_max));
        }
        let waits = tx.nonce() > self.next_nonce_with(tx.sender(), state);
        if waits
            && old.is_none()
            && sender.map_or(0, Sender::queued) >= limits.queued_per_sender_max
        {
            return Err(PoolError::SenderFull(limits.queued_per_sender_max));
        }
        if cost > state.balance {
            return Err(PoolError::InsufficientFunds {
                have: state.balance,
                want: cost,
            });
        }
        let queued = sender.map_or(U256::ZERO, |s| s.cost_without(tx.nonce()));
        if queued.saturating_add(cost) > state.balance {
            return Err(PoolError::Overdraft {
                have: state.balance,
                queued,
                want: cost,
            });
        }
        Ok(())
    }

    /// An account whose balance others can spend has at most one transaction here, and an account
    /// with several cannot become one (EIP-7702): else one block could invalidate many
    /// transactions that cost nothing.
    pub(super) fn check_delegation(
        &self,
        tx: &PoolTx,
        state: &SenderState,
        replaces: bool,
    ) -> Result<(), PoolError> {
        let address = tx.sender();
        if (state.delegated || self.authorities.contains_key(&address)) && !replaces {
            if self.senders.get(&address).is_some_and(|s| s.executable > 0) {
                return Err(PoolError::InFlightLimit);
            }
            if tx.nonce() != state.nonce {
                return Err(PoolError::GappedDelegated);
            }
        }
        for authority in &tx.authorities {
            if self.senders.get(authority).map_or(0, |s| s.entries.len()) > 1 {
                return Err(PoolError::AuthorityReserved);
            }
        }
        Ok(())
    }

    /// What has to leave for `tx` to fit. Waiting transactions go first; what is executable never
    /// goes for one that is not, and only for a better tip.
    pub(super) fn victims(
        &self,
        tx: &PoolTx,
        executable: bool,
        old: Option<&PoolTx>,
        limits: &PoolLimits,
    ) -> Result<Vec<B256>, PoolError> {
        let freed = usize::from(old.is_some());
        let mut count = self.by_hash.len().saturating_sub(freed);
        let mut bytes = self.bytes.saturating_sub(old.map_or(0, PoolTx::size));
        let mut queued = self.queued;
        let mut victims = Vec::new();
        let too_many = |count: usize, bytes: usize, queued: usize| {
            count >= limits.transactions_max
                || bytes.saturating_add(tx.size()) > limits.bytes_max
                || (!executable && old.is_none() && queued >= limits.queued_max)
        };
        if !too_many(count, bytes, queued) {
            return Ok(victims);
        }
        // A transaction is worth no more than the worst it stands on.
        let tip = self.senders.get(&tx.sender()).map_or(tx.tip(), |s| {
            let before = s.entries.range(..tx.nonce()).map(|(_, e)| e.tx.tip());
            before.min().map_or(tx.tip(), |worst| worst.min(tx.tip()))
        });
        for (rank_executable, rank_tip, _, address) in &self.ranking {
            if (*rank_executable && !executable)
                || (*rank_executable == executable && *rank_tip >= tip)
            {
                return Err(PoolError::Full);
            }
            if *address == tx.sender() {
                continue;
            }
            let Some(sender) = self.senders.get(address) else {
                continue;
            };
            // From each sender as much of the tail as ranks like the last one, while needed.
            let keep = if *rank_executable {
                0
            } else {
                sender.executable
            };
            for entry in sender.entries.values().skip(keep).rev() {
                count = count.saturating_sub(1);
                bytes = bytes.saturating_sub(entry.tx.size());
                queued = queued.saturating_sub(usize::from(!*rank_executable));
                victims.push(entry.tx.hash);
                if !too_many(count, bytes, queued) {
                    return Ok(victims);
                }
            }
        }
        Err(PoolError::Full)
    }
}

/// A replacement must raise every fee.
pub(super) fn check_replacement(
    old: &PoolTx,
    new: &PoolTx,
    limits: &PoolLimits,
) -> Result<(), PoolError> {
    if old.is_blob() != new.is_blob() {
        return Err(PoolError::ReplacementUnderpriced);
    }
    let percent = if old.is_blob() {
        limits.blob_price_bump_percent
    } else {
        limits.price_bump_percent
    };
    let factor = U256::from(u64::from(percent).saturating_add(100));
    // With no bump at all asked for, the same price is still no reason to replace.
    let enough = |old: u128, new: u128| {
        let (old, new) = (U256::from(old), U256::from(new));
        new > old && new * U256::from(100) >= old * factor
    };
    let (o, n) = (&old.tx.tx, &new.tx.tx);
    let blobs = (o.max_fee_per_blob_gas(), n.max_fee_per_blob_gas());
    let raised = enough(o.max_fee_per_gas(), n.max_fee_per_gas())
        && enough(o.priority_fee_or_price(), n.priority_fee_or_price())
        && match blobs {
            (Some(o), Some(n)) => enough(o, n),
            _ => true,
        };
    if raised {
        Ok(())
    } else {
        Err(PoolError::ReplacementUnderpriced)
    }
}
