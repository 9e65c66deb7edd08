//! Fetches what derivation asks for, until it is there or nobody wants it any more.

use crate::{
    derive::{Delivery, Generation, Input},
    engine::Engine,
    event::Event,
};
use opal_derivation::{L1Request, L2BlockInput};
use opal_l1::L1Source;
use opal_protocol::{L1Block, RollupConfig};
use opal_rpc::{BlockTag, Severity};
use std::{sync::Arc, time::Duration};
use tokio::{sync::mpsc, task::AbortHandle};

/// First pause before asking again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Longest pause before asking again.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Pause before asking again for a block that L1 does not have, although its head is past it.
const MISSING_PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct Fetcher {
    pub(crate) name: Arc<str>,
    pub(crate) cfg: Arc<RollupConfig>,
    pub(crate) l1: Arc<L1Source>,
    pub(crate) engine: Engine,
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) running: Option<AbortHandle>,
}

impl Fetcher {
    /// Gives up what is being fetched.
    pub(crate) fn abort(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
        }
    }

    /// Fetches a piece of L1.
    pub(crate) fn l1(&mut self, generation: Generation, request: L1Request) {
        let (l1, name) = (self.l1.clone(), self.name.clone());
        self.spawn(generation, async move {
            let mut pause = Pause::default();
            loop {
                match ask_l1(&l1, &request).await {
                    Ok(Some(input)) => return input,
                    Ok(None) => tokio::time::sleep(MISSING_PAUSE).await,
                    Err(error) => {
                        let wait = pause.next();
                        let seconds = wait.as_secs_f32();
                        if error.severity() == Severity::Critical {
                            tracing::error!(%name, "derivation waits for L1, asking again in {seconds:.1} s: {error}");
                        } else {
                            tracing::warn!(%name, "derivation waits for L1, asking again in {seconds:.1} s: {error}");
                        }
                        tokio::time::sleep(wait).await;
                    }
                }
            }
        });
    }

    /// Fetches the safe blocks `from..=to`.
    pub(crate) fn l2(&mut self, generation: Generation, from: u64, to: u64) {
        let (engine, cfg, name) = (self.engine.clone(), self.cfg.clone(), self.name.clone());
        self.spawn(generation, async move {
            let mut pause = Pause::default();
            loop {
                match ask_l2(&engine, &cfg, from, to).await {
                    Ok(blocks) => return Input::L2(blocks),
                    Err(problem) => {
                        let wait = pause.next();
                        let seconds = wait.as_secs_f32();
                        tracing::warn!(%name, "derivation waits for L2 blocks {from} to {to}, asking again in {seconds:.1} s: {problem}");
                        tokio::time::sleep(wait).await;
                    }
                }
            }
        });
    }

    fn spawn(
        &mut self,
        generation: Generation,
        fetch: impl Future<Output = Input> + Send + 'static,
    ) {
        self.abort();
        let events = self.events.clone();
        let task = tokio::spawn(async move {
            let input = fetch.await;
            // The loop is gone when the node stops; then nobody misses this.
            let _ = events
                .send(Event::Delivered(Delivery { generation, input }))
                .await;
        });
        self.running = Some(task.abort_handle());
    }
}

async fn ask_l1(l1: &L1Source, request: &L1Request) -> Result<Option<Input>, opal_l1::L1Error> {
    match request {
        L1Request::Block { number } => {
            let block = l1.block_by_number(*number).await?;
            Ok(block.map(|block| Input::L1(Box::new(Arc::<L1Block>::unwrap_or_clone(block)))))
        }
        L1Request::Blobs { block, hashes } => {
            let blobs = l1.blobs(block, hashes).await?;
            Ok(Some(Input::Blobs(block.hash, blobs)))
        }
    }
}

async fn ask_l2(
    engine: &Engine,
    cfg: &RollupConfig,
    from: u64,
    to: u64,
) -> Result<Vec<L2BlockInput>, String> {
    let mut blocks = Vec::new();
    for number in from..=to {
        let block = engine
            .block_at(BlockTag::Number(number))
            .await
            .map_err(|e| e.to_string())?;
        let block = block.ok_or_else(|| format!("engine has no block {number}"))?;
        let reference = block.l2_ref(cfg).map_err(|e| e.to_string())?;
        blocks.push(L2BlockInput {
            block: reference,
            transactions: block.transactions,
        });
    }
    Ok(blocks)
}

/// Pauses that grow.
#[derive(Default)]
pub(crate) struct Pause(Option<Duration>);

impl Pause {
    pub(crate) fn next(&mut self) -> Duration {
        let pause = self
            .0
            .map_or(FIRST_PAUSE, |last| (last * 2).min(LONGEST_PAUSE));
        self.0 = Some(pause);
        pause
    }
}
