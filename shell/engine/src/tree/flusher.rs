//! The thread that writes to disk while the tree goes on.
//!
//! At most one flush runs at a time; the tree starts it, is told of its end by a command, and takes
//! its result. The thread must not keep the tree's inbox open: it holds a weak sender.

use super::Command;
use crate::{
    block::ExecutedBlock,
    exec::{TIMING, millis},
    store::{DbSnapshot, FlushBatch, HeadsRecord, Keep, Store, StoreError},
    view::ChainView,
};
use std::{
    sync::{Arc, Weak, mpsc},
    time::{Duration, Instant},
};
use tokio::sync::OwnedSemaphorePermit;
use tracing::debug;

type Outcome = Result<(Vec<Arc<ExecutedBlock>>, Arc<DbSnapshot>), StoreError>;

enum Job {
    Flush(Batch),
    /// What nobody needs any more; it is freed here.
    Discard(Vec<Arc<ExecutedBlock>>, Arc<ChainView>),
}

struct Batch {
    blocks: Vec<Arc<ExecutedBlock>>,
    heads: HeadsRecord,
    keep: Keep,
}

pub(super) struct Flusher {
    jobs: Option<mpsc::Sender<Job>>,
    outcomes: mpsc::Receiver<Outcome>,
    arrived: Option<Outcome>,
    busy: bool,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Flusher {
    pub(super) fn spawn(
        store: Store,
        tree: Weak<mpsc::Sender<(Command, Option<OwnedSemaphorePermit>)>>,
    ) -> Self {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let (outbox, outcomes) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("opal-flush".into())
            .spawn(move || {
                while let Ok(job) = inbox.recv() {
                    let batch = match job {
                        Job::Flush(batch) => batch,
                        Job::Discard(blocks, view) => {
                            drop((blocks, view));
                            continue;
                        }
                    };
                    if outbox.send(flush(&store, batch)).is_err() {
                        return;
                    }
                    if let Some(tree) = tree.upgrade() {
                        drop(tree.send((Command::Flushed, None)));
                    }
                }
            })
            .ok();
        Self {
            jobs: Some(jobs),
            outcomes,
            arrived: None,
            busy: false,
            thread,
        }
    }

    pub(super) const fn is_busy(&self) -> bool {
        self.busy
    }

    pub(super) fn start(
        &mut self,
        blocks: Vec<Arc<ExecutedBlock>>,
        heads: HeadsRecord,
        keep: Keep,
    ) {
        let job = Job::Flush(Batch {
            blocks,
            heads,
            keep,
        });
        self.busy = self
            .jobs
            .as_ref()
            .is_some_and(|jobs| jobs.send(job).is_ok());
    }

    /// Frees blocks, and the view that still held them, on the flusher's thread.
    pub(super) fn discard(&self, blocks: Vec<Arc<ExecutedBlock>>, view: Arc<ChainView>) {
        if let Some(jobs) = &self.jobs {
            drop(jobs.send(Job::Discard(blocks, view)));
        }
    }

    /// Blocks until the running flush ended, but not longer than `patience`; answers whether
    /// [`collect`](Self::collect) has a result, or never will.
    pub(super) fn wait(&mut self, patience: Duration) -> bool {
        if self.busy && self.arrived.is_none() {
            match self.outcomes.recv_timeout(patience) {
                Ok(outcome) => self.arrived = Some(outcome),
                Err(mpsc::RecvTimeoutError::Timeout) => return false,
                Err(mpsc::RecvTimeoutError::Disconnected) => self.busy = false,
            }
        }
        true
    }

    /// The result of a flush that ended.
    pub(super) fn collect(&mut self) -> Option<Outcome> {
        let outcome = self
            .arrived
            .take()
            .or_else(|| self.outcomes.try_recv().ok());
        if outcome.is_some() {
            self.busy = false;
        }
        outcome
    }

    /// Ends the thread.
    pub(super) fn stop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn flush(store: &Store, job: Batch) -> Outcome {
    let batch = FlushBatch {
        blocks: job.blocks.iter().map(|b| b.to_flush()).collect(),
        heads: job.heads,
        keep: job.keep,
    };
    let started = Instant::now();
    store.flush(&batch)?;
    let blocks = batch.blocks.len() as u64;
    debug!(target: TIMING, flush_ms = millis(started), flush_blocks = blocks, "flushed");
    Ok((job.blocks, Arc::new(store.snapshot()?)))
}
