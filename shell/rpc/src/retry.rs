//! When to ask again: one policy for every client.

use crate::error::RpcError;
use rand::Rng;
use std::time::Duration;

/// Longest pause that a server's `Retry-After` may impose.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(10);

/// Retries with exponential back-off and jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Times a request is sent at most; 1 means no retry.
    pub attempts_max: u32,
    /// Pause before the second attempt; doubles with each further one.
    pub pause_min: Duration,
    /// The pause never grows past this.
    pub pause_max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts_max: 5,
            pause_min: Duration::from_millis(100),
            pause_max: Duration::from_secs(3),
        }
    }
}

impl RetryPolicy {
    /// Every request is sent once.
    pub const NONE: Self = Self {
        attempts_max: 1,
        pause_min: Duration::ZERO,
        pause_max: Duration::ZERO,
    };

    /// Runs `request` until it succeeds, fails for good, or the attempts are used up; the last
    /// error is returned.
    pub async fn run<T, F>(&self, mut request: impl FnMut() -> F) -> Result<T, RpcError>
    where
        F: Future<Output = Result<T, RpcError>>,
    {
        let mut attempt = 1;
        loop {
            match request().await {
                Err(error) if error.is_retryable() && attempt < self.attempts_max => {
                    let pause = self.pause_after(attempt, error.retry_after());
                    tracing::debug!(%error, attempt, pause_ms = pause.as_millis() as u64, "retrying");
                    tokio::time::sleep(pause).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// The pause after the `attempt`-th failure: half of it fixed, half of it random, so that
    /// clients that failed together do not return together.
    fn pause_after(&self, attempt: u32, asked: Option<Duration>) -> Duration {
        let doublings = attempt.saturating_sub(1).min(16);
        let full = self
            .pause_min
            .saturating_mul(1 << doublings)
            .min(self.pause_max);
        let half_ms = u64::try_from(full.as_millis() / 2).unwrap_or(u64::MAX);
        let jitter = Duration::from_millis(rand::rng().random_range(0..=half_ms));
        let pause = Duration::from_millis(half_ms) + jitter;
        asked.map_or(pause, |asked| pause.max(asked.min(RETRY_AFTER_MAX)))
    }
}
