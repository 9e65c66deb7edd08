//! Building blocks: forced transactions first, then the pool's best ones while they fit.
//!
//! Inputs: a parent's state, attributes, and the pool. Output: an executed block that differs from
//! one received over the network in nothing. A transaction of the pool never makes a block fail.

mod jobs;

pub(crate) use jobs::PayloadJobs;

use crate::{
    block::ExecutedBlock,
    exec::{ExecError, PRELOAD_MIN, seal, without_deep_nodes},
    keys::Keys,
    pool::{Pool, conditional},
    preload::{Watched, preloading},
    view::StateView,
};
use alloy_consensus::{BlockHeader, Header};
use alloy_primitives::{B256, U256};
use opal_execution::{
    BlockAttributes, BlockBuilder, ChainConfig, PushLimits, Rejected, VerifiedTx,
};
use parking_lot::Mutex;
use tracing::debug;

/// Gas of the smallest transaction: with less left, a block is full.
const GAS_MIN: u64 = 21_000;

/// Limits that an operator sets while the engine runs (`miner_setMaxDASize`).
#[derive(Debug, Default)]
pub(crate) struct BuildLimits(Mutex<PushLimits>);

impl BuildLimits {
    pub(crate) fn get(&self) -> PushLimits {
        *self.0.lock()
    }

    /// Estimated DA bytes of one transaction and of a block; zero lifts the limit.
    pub(crate) fn set_max_da_bytes(&self, transaction: u64, block: u64) {
        let limit = |n: u64| (n > 0).then_some(n);
        let mut limits = self.0.lock();
        limits.tx_da_bytes = limit(transaction);
        limits.block_da_bytes = limit(block);
    }

    /// Gas of a block below its gas limit; zero lifts the limit.
    pub(crate) fn set_max_gas(&self, gas: u64) {
        self.0.lock().block_gas = (gas > 0).then_some(gas);
    }
}

/// What a block is built from.
#[derive(Clone, Debug)]
pub(crate) struct BuildRequest {
    pub(crate) state: StateView,
    pub(crate) parent: Header,
    pub(crate) parent_hash: B256,
    pub(crate) attributes: BlockAttributes,
    pub(crate) forced: Vec<VerifiedTx>,
    pub(crate) limits: PushLimits,
}

/// A finished block and what its builder earns.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) block: ExecutedBlock,
    /// Priority fees of pool transactions, wei.
    pub(crate) fees: U256,
}

/// Where pool transactions come from, and when to stop taking them.
pub(crate) struct FromPool<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) stop: &'a dyn Fn() -> bool,
}

/// Builds one block.
pub(crate) fn build(
    chain: &ChainConfig,
    request: &BuildRequest,
    from_pool: Option<FromPool<'_>>,
) -> Result<Built, ExecError> {
    let BuildRequest {
        state,
        parent,
        parent_hash,
        attributes,
        forced,
        limits,
    } = request;
    let timestamp = attributes.timestamp;
    // Shared: what is built may not be what is imported next.
    let trie = without_deep_nodes(state.trie()?, parent);
    let many = from_pool.is_some() || forced.len() >= PRELOAD_MIN;
    let keys = Keys::default();
    preloading(state, &keys, trie, many, |reader, trie| {
        let attributes = attributes.clone();
        let mut builder = BlockBuilder::new(chain, parent, *parent_hash, attributes, reader)?;
        for tx in forced {
            builder.push_forced(tx.clone())?;
        }
        let fees = match from_pool {
            None => U256::ZERO,
            Some(source) => {
                let parent = (parent, *parent_hash);
                fill(
                    chain,
                    parent,
                    state,
                    timestamp,
                    &mut builder,
                    limits,
                    source,
                )?
            }
        };
        let block = seal(chain, state, timestamp, trie.into_trie(), &keys, builder)?;
        Ok(Built { block, fees })
    })
}

fn fill(
    chain: &ChainConfig,
    (parent, parent_hash): (&Header, B256),
    state: &StateView,
    timestamp: u64,
    builder: &mut BlockBuilder<Watched<'_>>,
    limits: &PushLimits,
    source: FromPool<'_>,
) -> Result<U256, ExecError> {
    let blob_fee = blob_fee_after(chain, parent, timestamp);
    let mut best = source.pool.best(builder.base_fee(), blob_fee);
    let mut fees = U256::ZERO;
    let number = parent.number.saturating_add(1);
    while let Some(tx) = best.next() {
        if (source.stop)() || builder.gas_left() < GAS_MIN {
            break;
        }
        if let Some(conditional) = &tx.conditional
            && let Err(reason) = conditional::check(conditional, state, number, timestamp)
        {
            debug!(hash = %tx.hash, %reason, "conditions do not hold");
            best.skip_sender(tx.sender());
            source.pool.remove_invalid(&tx.hash, parent_hash);
            continue;
        }
        match builder.try_push(&tx.tx, limits) {
            Ok(pushed) => {
                let earned = U256::from(pushed.gas_used).saturating_mul(U256::from(pushed.tip));
                fees = fees.saturating_add(earned);
            }
            Err(Rejected::NoRoom(_) | Rejected::NonceTooHigh { .. }) => {
                best.skip_sender(tx.sender());
            }
            Err(Rejected::Invalid(reason)) => {
                debug!(hash = %tx.hash, %reason, "pool transaction cannot be included");
                best.skip_sender(tx.sender());
                source.pool.remove_invalid(&tx.hash, parent_hash);
            }
            Err(Rejected::State(e)) => return Err(ExecError::Engine(e.to_string())),
        }
    }
    Ok(fees)
}

/// Blob base fee of the block after `parent` at `timestamp`, wei; `None` where there are no blobs.
pub(crate) fn blob_fee_after(chain: &ChainConfig, parent: &Header, timestamp: u64) -> Option<u128> {
    if chain.is_optimism() {
        return None;
    }
    let params = chain.blob_params(timestamp)?;
    let excess = parent
        .maybe_next_block_excess_blob_gas(Some(params))
        .unwrap_or_default();
    Some(params.calc_blob_fee(excess))
}
