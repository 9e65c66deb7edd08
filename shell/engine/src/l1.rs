//! Blocks of a development L1: Ethereum's rules, and a miner in the same process instead of a
//! consensus layer.

use crate::{
    build::{BuildRequest, FromPool, build},
    engine::{BuildError, BuiltL1Block, L1BlockAttributes},
    engine_api::Api,
    exec::ExecError,
    tree::Command,
};
use alloy_primitives::Bytes;
use opal_execution::{BlockAttributes, EthFork};
use std::sync::Arc;

/// Builds on any known block and inserts the block without making it head.
pub(crate) async fn build_block(
    api: &Api,
    attrs: L1BlockAttributes,
) -> Result<BuiltL1Block, BuildError> {
    if api.chain.is_optimism() {
        return Err(BuildError::NotEthereum);
    }
    let failed = |e: String| BuildError::Engine(e);
    let parent_hash = attrs.parent.unwrap_or_else(|| api.tree.view().head.hash);
    let known = api
        .tree
        .view()
        .header(&parent_hash)
        .map_err(|e| failed(e.to_string()))?;
    if known.is_none() {
        return Err(BuildError::UnknownParent(parent_hash));
    }
    let ready = api
        .tree
        .ask(|reply| Command::EnsureState(parent_hash, reply))
        .await;
    ready.map_err(|e| failed(e.to_string()))?.map_err(failed)?;
    let worker = api.clone();
    let work = move || {
        build_blocking(
            &worker,
            L1BlockAttributes {
                parent: Some(parent_hash),
                ..attrs
            },
        )
    };
    let block = tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| failed(e.to_string()))??;
    let block = Arc::new(block);
    let chain_block = block.block.clone();
    let inserted = api
        .tree
        .ask(|reply| Command::InsertBuilt(block, reply))
        .await;
    inserted
        .map_err(|e| failed(e.to_string()))?
        .map_err(failed)?;
    let sidecars = chain_block
        .transaction_hashes()
        .iter()
        .zip(&chain_block.body.transactions)
        .filter(|(_, encoded)| encoded.first() == Some(&3))
        .filter_map(|(hash, _)| api.pool.sidecar(hash))
        .collect();
    Ok(BuiltL1Block {
        hash: chain_block.hash,
        header: chain_block.header.clone(),
        sidecars,
    })
}

fn build_blocking(
    api: &Api,
    attrs: L1BlockAttributes,
) -> Result<crate::block::ExecutedBlock, BuildError> {
    let view = api.tree.view();
    let failed = |e: String| BuildError::Engine(e);
    let parent_hash = attrs.parent.unwrap_or(view.head.hash);
    let parent = view
        .header(&parent_hash)
        .map_err(|e| failed(e.to_string()))?;
    let parent = parent.ok_or(BuildError::UnknownParent(parent_hash))?;
    if attrs.timestamp <= parent.timestamp {
        return Err(BuildError::Invalid(format!(
            "timestamp {} is not later than the parent's {}",
            attrs.timestamp, parent.timestamp
        )));
    }
    let fork = api.chain.eth_fork(attrs.timestamp);
    let state = view
        .state_at(parent_hash)
        .map_err(|e| failed(e.to_string()))?
        .through_cache();
    let attributes = BlockAttributes {
        timestamp: attrs.timestamp,
        prev_randao: attrs.prev_randao,
        fee_recipient: attrs.fee_recipient,
        gas_limit: parent.gas_limit,
        parent_beacon_block_root: (fork >= EthFork::Cancun)
            .then_some(attrs.parent_beacon_block_root),
        withdrawals: (fork >= EthFork::Shanghai).then(Vec::new),
        eip1559_params: None,
        min_base_fee: None,
        extra_data: Bytes::from_static(b"opal"),
    };
    let limits = api.limits.get();
    let request = BuildRequest {
        state,
        parent,
        parent_hash,
        attributes,
        forced: Vec::new(),
        limits,
    };
    let source = FromPool {
        pool: &api.pool,
        stop: &|| false,
    };
    build(&api.chain, &request, Some(source))
        .map(|built| built.block)
        .map_err(|e| match e {
            ExecError::Invalid(e) => BuildError::Invalid(e.to_string()),
            ExecError::Engine(e) => failed(e),
        })
}
