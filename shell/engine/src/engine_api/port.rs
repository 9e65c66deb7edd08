//! The Engine API without a socket: the same code that the server runs.

use super::{
    Api, INTERNAL, INVALID_PARAMS,
    payload::{
        self, PayloadExtras, fetch_version_at, forkchoice_version_at, insert_version_at,
        to_envelope,
    },
    refuse,
};
use crate::engine_api::Version;
use alloy_primitives::{Address, B256, keccak256};
use alloy_rpc_types_engine::{ForkchoiceState, ForkchoiceUpdated, PayloadId, PayloadStatus};
use futures::future::BoxFuture;
use op_alloy_rpc_types_engine::{OpExecutionPayloadEnvelope, OpPayloadAttributes};
use opal_rpc::{BlockTag, EngineApi, EngineError, L2Block};

impl EngineApi for Api {
    fn forkchoice_updated(
        &self,
        state: ForkchoiceState,
        attributes: Option<OpPayloadAttributes>,
    ) -> BoxFuture<'_, Result<ForkchoiceUpdated, EngineError>> {
        let version = attributes.as_ref().map_or(Version::V3, |a| {
            forkchoice_version_at(&self.chain, a.payload_attributes.timestamp)
        });
        Box::pin(self.forkchoice(version, state, attributes))
    }

    fn get_payload(
        &self,
        id: PayloadId,
        timestamp: u64,
    ) -> BoxFuture<'_, Result<OpExecutionPayloadEnvelope, EngineError>> {
        Box::pin(async move {
            let version = fetch_version_at(&self.chain, timestamp);
            Ok(to_envelope(
                &self.chain,
                &self.fetch(version, id).await?.block,
            ))
        })
    }

    fn new_payload(
        &self,
        envelope: OpExecutionPayloadEnvelope,
    ) -> BoxFuture<'_, Result<PayloadStatus, EngineError>> {
        Box::pin(async move {
            let OpExecutionPayloadEnvelope {
                parent_beacon_block_root,
                execution_payload,
            } = envelope;
            let version = insert_version_at(&self.chain, execution_payload.timestamp());
            let extras = PayloadExtras {
                blob_hashes: (version >= Version::V3).then(Vec::new),
                parent_beacon_block_root,
                requests: (version >= Version::V4).then(Vec::new),
            };
            let hash = execution_payload.block_hash();
            let decoded = payload::decode(&self.chain, version, execution_payload, extras)?;
            self.insert(hash, decoded).await
        })
    }

    fn block(&self, tag: BlockTag) -> BoxFuture<'_, Result<Option<L2Block>, EngineError>> {
        Box::pin(async move {
            let view = self.tree.view();
            let named = |hash: B256| (!hash.is_zero()).then_some(hash);
            let failed = |e: crate::store::StoreError| refuse(INTERNAL, e.to_string());
            let hash = match tag {
                BlockTag::Latest => Some(view.head.hash),
                BlockTag::Safe => named(view.head.safe),
                BlockTag::Finalized => named(view.head.finalized),
                BlockTag::Number(number) => view.canonical_hash(number).map_err(failed)?,
                BlockTag::Hash(hash) => Some(hash),
            };
            let Some(hash) = hash else { return Ok(None) };
            let block = view.block(&hash).map_err(failed)?;
            Ok(block.map(|b| L2Block {
                hash,
                header: b.header.clone(),
                transactions: b.body.transactions.clone(),
            }))
        })
    }

    fn storage_root(
        &self,
        account: Address,
        block: B256,
    ) -> BoxFuture<'_, Result<B256, EngineError>> {
        let view = self.tree.view();
        let read = move || {
            let state = view
                .state_at(block)
                .map_err(|e| refuse(INVALID_PARAMS, e.to_string()))?;
            let trie = state.trie().map_err(|e| refuse(INTERNAL, e.to_string()))?;
            trie.storage_root(&state, keccak256(account))
                .map_err(|e| refuse(INTERNAL, e.to_string()))
        };
        Box::pin(async move {
            tokio::task::spawn_blocking(read)
                .await
                .map_err(|e| refuse(INTERNAL, e.to_string()))?
        })
    }
}
