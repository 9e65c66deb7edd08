//! Resets: a search for new heads, as a task of its own.

use super::Driver;
use crate::{event::Event, resync::Resync, status::Health};
use opal_rollup::{ResetCause, SyncError};
use std::time::{Duration, Instant};

/// Resets that follow each other faster than this are spaced out.
const RESET_CALM: Duration = Duration::from_secs(10);
/// Longest pause before a reset.
const RESET_PAUSE_MAX: Duration = Duration::from_secs(1);
/// Pause before a search for heads is repeated that only a person can mend.
const HOPELESS_PAUSE: Duration = Duration::from_secs(30);

impl Driver {
    /// Looks for new heads. Resets in quick succession are spaced out.
    pub(super) fn reset(&mut self, cause: &ResetCause) {
        self.journal.reset(cause);
        self.fetcher.abort();
        self.lane.halt();
        self.awaited_l1 = None;
        let now = Instant::now();
        let is_hasty = self.last_reset.is_some_and(|last| now - last < RESET_CALM);
        self.hasty_resets = if is_hasty {
            self.hasty_resets.saturating_add(1)
        } else {
            0
        };
        self.last_reset = Some(now);
        self.reach = cause.reach();
        let pause = match self.hasty_resets {
            0 => Duration::ZERO,
            n => Duration::from_millis(50 << n.min(10)).min(RESET_PAUSE_MAX),
        };
        self.search(pause);
    }

    fn search(&mut self, pause: Duration) {
        let resync = Resync {
            name: self.name.clone(),
            cfg: self.cfg.clone(),
            l1: self.l1.clone(),
            engine: self.engine.clone(),
            history: self.rollup.history().copied().collect(),
            reach: self.reach,
        };
        let events = self.events.clone();
        let task = tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            let event = match resync.run().await {
                Ok(point) => Event::SyncFound(point),
                Err(error) => Event::SyncFailed(error),
            };
            // The loop is gone when the node stops; then nobody misses this.
            let _ = events.send(event).await;
        });
        if let Some(former) = self.search.replace(task.abort_handle()) {
            former.abort();
        }
    }

    pub(super) fn sync_failed(&mut self, error: &SyncError) {
        let seconds = HOPELESS_PAUSE.as_secs();
        let reason = format!("no heads to go on from: {error}");
        tracing::error!(name = %self.name, "{reason}; looking again in {seconds} s");
        self.published.health(Health::Broken(reason));
        self.search(HOPELESS_PAUSE);
    }
}
