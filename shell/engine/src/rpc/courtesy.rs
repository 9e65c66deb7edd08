//! Public requests let a block go first.
//!
//! A payload needs all cores for some tens of milliseconds, and the next block of the chain waits for
//! it. So calls that come meanwhile wait until it is judged, however many there are: a flood of them
//! must not hold up the chain. They wait for a moment at most, so that a node that imports one block
//! after the other still answers.

use std::{
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use tokio::{sync::Notify, time::timeout};

/// Longest wait for blocks.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// Who knows whether payloads are being judged.
#[derive(Debug, Default)]
pub(crate) struct Courtesy {
    payloads: AtomicUsize,
    done: Notify,
}

/// A payload that is being judged, until this is dropped.
#[derive(Debug)]
pub(crate) struct Judging<'a>(&'a Courtesy);

impl Drop for Judging<'_> {
    fn drop(&mut self) {
        if self.0.payloads.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.done.notify_waiters();
        }
    }
}

impl Courtesy {
    /// From now on calls wait.
    pub(crate) fn judging(&self) -> Judging<'_> {
        self.payloads.fetch_add(1, Ordering::AcqRel);
        Judging(self)
    }

    fn is_judging(&self) -> bool {
        self.payloads.load(Ordering::Acquire) > 0
    }

    /// Waits until no payload is being judged, but not for long.
    pub(super) async fn let_pass(&self) {
        if !self.is_judging() {
            return;
        }
        let mut done = pin!(self.done.notified());
        // From here on no notification is missed.
        done.as_mut().enable();
        if self.is_judging() {
            let _ = timeout(WAIT_MAX, done).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tokio::time::Instant;

    /// How long a call waits while one payload is judged for `judged`.
    async fn waits(judged: Duration) -> Duration {
        let courtesy = Arc::new(Courtesy::default());
        let (judge, start) = (courtesy.clone(), Instant::now());
        let judging = tokio::spawn(async move {
            let _judging = judge.judging();
            tokio::time::sleep(judged).await;
        });
        tokio::task::yield_now().await;
        courtesy.let_pass().await;
        let waited = start.elapsed();
        judging.await.unwrap();
        waited
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_waits_for_a_payload_but_not_for_long() {
        let ms = Duration::from_millis;
        assert_eq!(waits(ms(40)).await, ms(40));
        assert_eq!(waits(ms(5_000)).await, WAIT_MAX);
        let idle = Courtesy::default();
        let start = Instant::now();
        drop((idle.judging(), idle.judging()));
        idle.let_pass().await;
        assert_eq!(start.elapsed(), ms(0));
    }
}
