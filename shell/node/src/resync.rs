//! Runs the search for new heads: asks engine and L1 what [`SyncStart`] wants to know.

use crate::{engine::Engine, fetch::Pause};
use opal_derivation::sync_start::Reach;
use opal_l1::L1Source;
use opal_protocol::RollupConfig;
use opal_rollup::{Found, Query, SafeAt, SyncError, SyncPoint, SyncStart, SyncStep};
use opal_rpc::BlockTag;
use std::sync::Arc;

/// Where the search asks.
pub(crate) struct Resync {
    pub(crate) name: Arc<str>,
    pub(crate) cfg: Arc<RollupConfig>,
    pub(crate) l1: Arc<L1Source>,
    pub(crate) engine: Engine,
    /// Which safe head was derived from which L1 block, newest first.
    pub(crate) history: Vec<SafeAt>,
    /// How far back derivation is to start.
    pub(crate) reach: Reach,
}

impl Resync {
    /// Searches until there is a result, with a line in the log for each failed attempt.
    pub(crate) async fn run(self) -> Result<Box<SyncPoint>, SyncError> {
        let (name, mut pause) = (&self.name, Pause::default());
        loop {
            let problem = match self.attempt().await {
                Ok(Ok(point)) => return Ok(point),
                Ok(Err(error)) if !error.is_temporary() => return Err(error),
                Ok(Err(error)) => error.to_string(),
                Err(problem) => problem,
            };
            let wait = pause.next();
            let seconds = wait.as_secs_f32();
            tracing::warn!(%name, "cannot find the heads to go on from, trying again in {seconds:.1} s: {problem}");
            tokio::time::sleep(wait).await;
        }
    }

    async fn attempt(&self) -> Result<Result<Box<SyncPoint>, SyncError>, String> {
        let mut search =
            SyncStart::new(self.cfg.clone(), self.known_history().await?).within(self.reach);
        loop {
            match search.step() {
                SyncStep::Ask(query) => search.answer(self.ask(query).await?),
                SyncStep::Done(point) => return Ok(Ok(point)),
                SyncStep::Failed(error) => return Ok(Err(error)),
            }
        }
    }

    /// The history without what the engine lost, which a crash can take from it.
    async fn known_history(&self) -> Result<&[SafeAt], String> {
        for (index, entry) in self.history.iter().enumerate() {
            let block = self.engine.block_at(BlockTag::Hash(entry.l2.hash)).await;
            if block.map_err(|e| e.to_string())?.is_some() {
                return Ok(&self.history[index..]);
            }
        }
        Ok(&[])
    }

    async fn ask(&self, query: Query) -> Result<Found, String> {
        let tag = match query {
            Query::L1Number(number) => {
                let block = self
                    .l1
                    .ref_by_number(number)
                    .await
                    .map_err(|e| e.to_string())?;
                return Ok(Found::L1(block));
            }
            Query::L2Latest => BlockTag::Latest,
            Query::L2Safe => BlockTag::Safe,
            Query::L2Finalized => BlockTag::Finalized,
            Query::L2Hash(hash) => BlockTag::Hash(hash),
            Query::L2Number(number) => BlockTag::Number(number),
        };
        Ok(Found::L2(
            self.engine.block_at(tag).await.map_err(|e| e.to_string())?,
        ))
    }
}
