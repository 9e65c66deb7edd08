//! The JSON-RPC servers: `eth_`, `net_`, `web3_`, `txpool_`, `debug_` and `miner_` for everyone who
//! asks, `engine_` for who has the secret.
//!
//! Inputs: requests within [`RpcLimits`]. Outputs: answers from the newest [`ChainView`]; nothing
//! here changes the chain.

mod blocks;
mod cache;
mod convert;
mod courtesy;
mod crew;
mod debug;
mod dump;
pub(crate) mod error;
mod fees;
mod filters;
mod follow;
mod forks;
mod front;
mod gate;
mod ipc;
mod logs;
pub(crate) mod node;
mod place;
mod receipt_fees;
mod server;
mod simulate;
mod slot;
mod state;
mod submit;
mod subscriptions;
#[cfg(test)]
mod tests;
mod throttle;
mod trace;
mod transactions;
mod turns;
mod witness;

pub(crate) use courtesy::Courtesy;
pub(crate) use crew::Crew;
pub(crate) use server::{
    PublicServers, Running, answer, auth_methods, local_methods, start_auth, start_public,
};

use crate::{
    block::ChainBlock,
    config::RpcLimits,
    engine_api::Api,
    pool::conditional::CostLimit,
    view::{ChainView, StateView, ViewError},
};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::B256;
use cache::Cache;
use error::{RpcResult, from_view, header_not_found, internal, unknown_block};
use filters::Filters;
use opal_execution::call::CallEnv;
use opal_rpc::EthClient;
use parking_lot::Mutex;
use place::{Args, Module, Registered, method, patient, quick, quick_if, state_is_near};
use std::sync::Arc;
pub(crate) use submit::add_to_pool;
pub(crate) use turns::Turns;

/// What the public methods work with. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Eth {
    pub(crate) api: Api,
    pub(crate) limits: RpcLimits,
    /// Where transactions are forwarded to.
    pub(crate) sequencer: Option<EthClient>,
    /// Whether forwarded transactions enter our pool too.
    pub(crate) pool_admission: bool,
    /// How much checking of conditions a second allows; `None` takes no conditional transactions.
    pub(crate) conditional: Option<Arc<CostLimit>>,
    pub(crate) filters: Arc<Filters>,
    pub(crate) cache: Arc<Cache>,
    /// The suggested priority fee, wei, after the block with this hash.
    pub(crate) tip: Arc<Mutex<(B256, u128)>>,
    /// Blocks below the flushed one whose state is kept.
    pub(crate) history_blocks: u64,
    /// Blocks below the flushed one whose receipts are kept; `None` keeps all.
    pub(crate) receipts_blocks: Option<u64>,
    /// Answers what takes longer than a moment.
    pub(crate) crew: Arc<Crew>,
    /// Bounds what traces cost together.
    pub(crate) turns: Arc<Turns>,
    /// Priority fee that is suggested at least, wei; `None` is the usual one.
    pub(crate) least_tip: Option<u64>,
    /// `/health` minds a head that is older.
    pub(crate) health_max_age: Option<std::time::Duration>,
}

impl Eth {
    fn view(&self) -> Arc<ChainView> {
        self.api.tree.view()
    }

    /// The hash a block id names; `None` if there is no such block.
    fn resolve(&self, view: &ChainView, id: BlockId) -> RpcResult<Option<B256>> {
        let tag = match id {
            BlockId::Hash(hash) => {
                if hash.require_canonical == Some(true) {
                    let header = view.header(&hash.block_hash).map_err(internal)?;
                    let number = header.map_or(u64::MAX, |h| h.number);
                    let canonical = view.canonical_hash(number).map_err(internal)?;
                    return Ok(canonical.filter(|c| *c == hash.block_hash));
                }
                return Ok(Some(hash.block_hash));
            }
            BlockId::Number(tag) => tag,
        };
        Ok(Some(match tag {
            BlockNumberOrTag::Latest | BlockNumberOrTag::Pending => view.head.hash,
            BlockNumberOrTag::Safe if view.head.safe.is_zero() => {
                return Err(unknown_block("safe"));
            }
            BlockNumberOrTag::Safe => view.head.safe,
            BlockNumberOrTag::Finalized if view.head.finalized.is_zero() => {
                return Err(unknown_block("finalized"));
            }
            BlockNumberOrTag::Finalized => view.head.finalized,
            BlockNumberOrTag::Earliest => {
                return view.canonical_hash(0).map_err(internal);
            }
            BlockNumberOrTag::Number(number) => {
                return view.canonical_hash(number).map_err(internal);
            }
        }))
    }

    fn block(&self, view: &ChainView, id: BlockId) -> RpcResult<Option<Arc<ChainBlock>>> {
        match self.resolve(view, id)? {
            Some(hash) => self.cache.block(view, &hash).map_err(internal),
            None => Ok(None),
        }
    }

    /// The state after a block.
    fn state(&self, id: Option<BlockId>) -> RpcResult<StateView> {
        let view = self.view();
        let id = id.unwrap_or_default();
        let hash = self.resolve(&view, id)?;
        self.state_at(&view, hash, id)
    }

    /// The state after a block, and the block's header.
    fn state_and_header(
        &self,
        id: Option<BlockId>,
    ) -> RpcResult<(StateView, alloy_consensus::Header)> {
        let view = self.view();
        let id = id.unwrap_or_default();
        let unknown = || header_not_found(id);
        let hash = self.resolve(&view, id)?.ok_or_else(unknown)?;
        let header = view.header(&hash).map_err(internal)?.ok_or_else(unknown)?;
        Ok((self.state_at(&view, Some(hash), id)?, header))
    }

    fn state_at(
        &self,
        view: &Arc<ChainView>,
        hash: Option<B256>,
        id: BlockId,
    ) -> RpcResult<StateView> {
        let hash = hash.ok_or_else(|| header_not_found(id))?;
        view.state_at(hash).map_err(|problem| match problem {
            ViewError::UnknownBlock(_) => header_not_found(id),
            other => from_view(other),
        })
    }

    /// What calls on the state after a block run in; `header` is that block's.
    fn call_env<'a>(
        &'a self,
        state: &'a StateView,
        header: &'a alloy_consensus::Header,
    ) -> CallEnv<'a, &'a StateView> {
        CallEnv {
            chain: &self.api.chain,
            header,
            reader: state,
            gas_cap: self.limits.call_gas_max,
        }
    }
}
