//! Payload jobs: a block that is ready at once and gets better until it is fetched.
//!
//! The block with the forced transactions alone is built before a job exists, so that there always
//! is something to fetch. Then a thread of its own adds what the pool offers, again whenever the
//! pool changes. spec: protocol/exec-engine.md#building

use super::{BuildRequest, Built, FromPool, build};
use crate::{block::ExecutedBlock, pool::Pool};
use alloy_primitives::U256;
use alloy_rpc_types_engine::PayloadId;
use opal_execution::ChainConfig;
use parking_lot::{Condvar, Mutex};
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};
use tracing::{debug, warn};

/// Jobs that can be fetched; older ones are forgotten.
const JOBS_MAX: usize = 16;
/// A job stops improving after this time: nobody wants it any more.
const JOB_LIFETIME: Duration = Duration::from_secs(12);
/// How often a job looks whether the pool changed.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Least time between two builds of a job; a build that takes longer is followed by a pause as
/// long, so that building leaves half a core to others.
const REBUILD_PAUSE: Duration = Duration::from_millis(100);
/// How long a fetched job may go on with its first build from the pool.
const FIRST_BUILD_GRACE: Duration = Duration::from_millis(500);

/// A block in the making.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: PayloadId,
    /// Unix time of the block in seconds.
    pub(crate) timestamp: u64,
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Debug)]
struct Progress {
    best: Arc<ExecutedBlock>,
    fees: U256,
    /// Whether `best` has seen the pool, or must not.
    complete: bool,
    /// When to stop taking transactions; set by whoever fetches the job.
    deadline: Option<Instant>,
}

impl Job {
    /// The block as it is now, once it has seen the pool; stops the job. Blocks for a short time.
    pub(crate) fn resolve(&self) -> (Arc<ExecutedBlock>, U256) {
        let mut progress = self.progress.lock();
        let now = Instant::now();
        if progress.complete {
            progress.deadline = Some(now);
        } else {
            let deadline = *progress.deadline.get_or_insert(now + FIRST_BUILD_GRACE);
            // The build notices the deadline between two transactions and then has to compute
            // roots, so it may be late.
            let patience = deadline + FIRST_BUILD_GRACE * 4;
            while !progress.complete {
                if self.changed.wait_until(&mut progress, patience).timed_out() {
                    break;
                }
            }
            progress.deadline = Some(now);
        }
        self.changed.notify_all();
        (progress.best.clone(), progress.fees)
    }

    fn is_over(&self) -> bool {
        self.progress
            .lock()
            .deadline
            .is_some_and(|d| Instant::now() >= d)
    }

    /// Waits, but not longer than the job is wanted.
    fn pause(&self, time: Duration) {
        let mut progress = self.progress.lock();
        if progress.deadline.is_none() {
            let _ = self.changed.wait_for(&mut progress, time);
        }
    }

    fn offer(&self, built: Built) {
        let mut progress = self.progress.lock();
        let better = built.fees > progress.fees
            || built.block.block.header.gas_used > progress.best.block.header.gas_used;
        if better {
            progress.best = Arc::new(built.block);
            progress.fees = built.fees;
        }
        progress.complete = true;
        self.changed.notify_all();
    }

    fn improve(&self, chain: &ChainConfig, request: &BuildRequest, pool: &Pool) {
        let started = Instant::now();
        let mut seen = None;
        while !self.is_over() && started.elapsed() < JOB_LIFETIME {
            let version = pool.version();
            if seen == Some(version) {
                self.pause(POLL_INTERVAL);
                continue;
            }
            seen = Some(version);
            let stop = || self.is_over();
            let source = FromPool { pool, stop: &stop };
            let building = Instant::now();
            match build(chain, request, Some(source)) {
                Ok(built) => self.offer(built),
                Err(error) => {
                    warn!(%error, id = %self.id, "block with pool transactions failed");
                    self.progress.lock().complete = true;
                    self.changed.notify_all();
                    return;
                }
            }
            self.pause(building.elapsed().max(REBUILD_PAUSE));
        }
        debug!(id = %self.id, "payload job ended");
    }
}

/// The newest jobs by id.
#[derive(Debug, Default)]
pub(crate) struct PayloadJobs(Mutex<VecDeque<Arc<Job>>>);

impl PayloadJobs {
    pub(crate) fn get(&self, id: PayloadId) -> Option<Arc<Job>> {
        self.0.lock().iter().find(|job| job.id == id).cloned()
    }

    /// Adds a job whose first block is ready. With a pool it goes on improving.
    pub(crate) fn start(
        &self,
        id: PayloadId,
        chain: &Arc<ChainConfig>,
        request: BuildRequest,
        first: Built,
        pool: Option<Arc<Pool>>,
    ) {
        let progress = Progress {
            best: Arc::new(first.block),
            fees: first.fees,
            complete: pool.is_none(),
            deadline: None,
        };
        let job = Arc::new(Job {
            id,
            timestamp: request.attributes.timestamp,
            progress: Mutex::new(progress),
            changed: Condvar::new(),
        });
        {
            let mut jobs = self.0.lock();
            for old in jobs.iter() {
                old.progress
                    .lock()
                    .deadline
                    .get_or_insert_with(Instant::now);
            }
            jobs.push_back(job.clone());
            if jobs.len() > JOBS_MAX {
                jobs.pop_front();
            }
        }
        if let Some(pool) = pool {
            let chain = chain.clone();
            let worker = job.clone();
            let spawned = std::thread::Builder::new()
                .name("opal-build".into())
                .spawn(move || worker.improve(&chain, &request, &pool));
            if let Err(error) = spawned {
                warn!(%error, "no thread for a payload job");
                job.progress.lock().complete = true;
            }
        }
    }

    /// Stops all jobs.
    pub(crate) fn stop(&self) {
        for job in self.0.lock().iter() {
            job.progress.lock().deadline = Some(Instant::now());
        }
    }
}
