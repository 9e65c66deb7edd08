//! What must hold before a node starts: engine and L1 answer, and belong to the chain.

use crate::{NodeConfig, error::NodeError, fetch::Pause};
use opal_l1::L1Source;
use opal_rpc::{BlockTag, EngineApi, EngineError, Severity};
use std::time::Instant;

/// Checks chain id and genesis of L1. Waits for an L1 that does not answer, up to the patience
/// configured.
pub(crate) async fn check_l1(config: &NodeConfig, l1: &L1Source) -> Result<(), NodeError> {
    let (begun, mut pause) = (Instant::now(), Pause::default());
    loop {
        let error = match l1.check().await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let wait = pause.next();
        let is_over = begun.elapsed() + wait > config.start_patience;
        if is_over || error.severity() == Severity::Critical {
            return Err(error.into());
        }
        let (name, seconds) = (&config.name, wait.as_secs_f32());
        tracing::warn!(%name, "L1 is not ready, trying again in {seconds:.1} s: {error}");
        tokio::time::sleep(wait).await;
    }
}

/// Checks the genesis of L2. Waits for an engine that does not answer, up to the patience
/// configured.
pub(crate) async fn check_engine(
    config: &NodeConfig,
    engine: &dyn EngineApi,
) -> Result<(), NodeError> {
    let genesis = config.rollup.genesis.l2;
    let (begun, mut pause) = (Instant::now(), Pause::default());
    loop {
        let error = match engine.block(BlockTag::Number(genesis.number)).await {
            Ok(Some(block)) if block.hash == genesis.hash => return Ok(()),
            Ok(found) => {
                return Err(NodeError::WrongL2Genesis {
                    number: genesis.number,
                    expected: genesis.hash,
                    found: found.map_or_else(|| "missing".to_owned(), |b| b.hash.to_string()),
                });
            }
            Err(error @ EngineError::Unauthorized(_)) => return Err(NodeError::BadJwt(error)),
            Err(error) => error,
        };
        let wait = pause.next();
        if begun.elapsed() + wait > config.start_patience {
            let seconds = begun.elapsed().as_secs();
            return Err(NodeError::EngineUnreachable {
                seconds,
                source: error,
            });
        }
        let (name, seconds) = (&config.name, wait.as_secs_f32());
        tracing::warn!(%name, "the engine is not ready, trying again in {seconds:.1} s: {error}");
        tokio::time::sleep(wait).await;
    }
}

/// Checks that the upgrade transactions of the forks ahead are at hand. Derivation would stop before
/// such a fork anyway; here is the time to say so.
///
/// The finalized block counts as ahead too: if it activates a fork, the block after it takes back
/// the gas of the fork's transactions.
pub(crate) async fn check_upgrades(
    config: &NodeConfig,
    engine: &dyn EngineApi,
) -> Result<(), NodeError> {
    let mut settled = config.rollup.genesis.l2_time;
    // A fresh engine has finalized nothing, and some answer with an error then.
    for tag in [BlockTag::Finalized, BlockTag::Latest] {
        if let Ok(Some(block)) = engine.block(tag).await {
            settled = block.header.timestamp;
            break;
        }
    }
    match config.upgrades.missing_from(&config.rollup, settled) {
        None => Ok(()),
        Some((fork, time)) => Err(NodeError::MissingBundle { fork, time }),
    }
}
