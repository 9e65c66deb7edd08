//! Pauses between attempts at a call that fails.

/// First pause in milliseconds; each further one is twice as long.
const FIRST_MS: u64 = 100;
/// Longest pause in milliseconds.
const LONGEST_MS: u64 = 10_000;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    not_before_ms: u64,
}

impl Backoff {
    /// Notes a failure and returns the pause in milliseconds.
    pub(crate) fn fail(&mut self, now_ms: u64) -> u64 {
        let pause = FIRST_MS
            .saturating_mul(1 << self.failures.min(10))
            .min(LONGEST_MS);
        self.failures = self.failures.saturating_add(1);
        self.not_before_ms = now_ms.saturating_add(pause);
        pause
    }

    pub(crate) fn succeed(&mut self) {
        *self = Self::default();
    }

    pub(crate) const fn is_open(&self, now_ms: u64) -> bool {
        now_ms >= self.not_before_ms
    }

    /// When the pause ends, if there is one.
    pub(crate) const fn wake_at_ms(&self) -> Option<u64> {
        if self.failures == 0 {
            None
        } else {
            Some(self.not_before_ms)
        }
    }
}
