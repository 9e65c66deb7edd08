//! Turns: how many expensive requests run at once, and for how long.
//!
//! Traces, simulations and witnesses execute whole blocks and hold answers of many megabytes.
//! Only a few run at once, a few more wait, the rest is refused at once; so they take neither the
//! cores nor the memory that the chain needs.

use super::error::{RpcResult, limit_exceeded, server};
use crate::config::RpcLimits;
use opal_execution::trace::TraceBudget;
use parking_lot::{Condvar, Mutex};
use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, task::JoinHandle};

/// Requests that wait for each that runs.
const WAITING_PER_TURN: usize = 8;

/// The counter of turns.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    count: Mutex<Count>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct Count {
    running: usize,
    waiting: usize,
}

/// A turn. It ends when dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    timer: Option<JoinHandle<()>>,
    /// What the request may cost; stopped when time is up.
    pub(super) budget: TraceBudget,
}

impl Turns {
    /// Waits for a turn, which then lasts at most `timeout`.
    pub(super) fn take(
        &self,
        limits: &RpcLimits,
        timeout: Option<Duration>,
    ) -> RpcResult<Turn<'_>> {
        let timeout = timeout
            .unwrap_or(limits.trace_timeout)
            .min(limits.trace_timeout_max);
        let most = limits.traces_max.max(1);
        let deadline = Instant::now() + timeout;
        let mut count = self.count.lock();
        if count.running >= most {
            if count.waiting >= most.saturating_mul(WAITING_PER_TURN) {
                return Err(limit_exceeded(
                    "too many traces are under way: ask again later",
                ));
            }
            count.waiting = count.waiting.saturating_add(1);
            while count.running >= most {
                if self.freed.wait_until(&mut count, deadline).timed_out() {
                    count.waiting = count.waiting.saturating_sub(1);
                    return Err(server("timed out while waiting for other traces"));
                }
            }
            count.waiting = count.waiting.saturating_sub(1);
        }
        count.running = count.running.saturating_add(1);
        drop(count);
        let budget = TraceBudget::new(u64::from(limits.response_bytes_max));
        let stop = Arc::clone(&budget.stop);
        let timer = Handle::try_current().ok().map(|runtime| {
            runtime.spawn(async move {
                tokio::time::sleep_until(deadline.into()).await;
                stop.store(true, Ordering::Relaxed);
            })
        });
        Ok(Turn {
            turns: self,
            timer,
            budget,
        })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(timer) = &self.timer {
            timer.abort();
        }
        let mut count = self.turns.count.lock();
        count.running = count.running.saturating_sub(1);
        self.turns.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> RpcLimits {
        RpcLimits {
            traces_max: 1,
            trace_timeout: Duration::from_millis(50),
            ..RpcLimits::default()
        }
    }

    #[tokio::test]
    async fn turns_are_few_and_end() {
        let turns = Turns::default();
        let first = turns.take(&limits(), None).unwrap();
        assert!(turns.take(&limits(), None).is_err(), "one at a time");
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert!(first.budget.stop.load(Ordering::Relaxed), "time is up");
        drop(first);
        assert!(turns.take(&limits(), None).is_ok());
    }

    #[test]
    fn a_crowd_is_refused_at_once() {
        let turns = Turns::default();
        turns.count.lock().running = 1;
        turns.count.lock().waiting = WAITING_PER_TURN;
        let asked = Instant::now();
        let hour = Duration::from_secs(60);
        let refused = turns.take(&limits(), Some(hour)).unwrap_err();
        assert_eq!(refused.code(), -32_005);
        assert!(asked.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn who_waits_is_served() {
        let turns = Turns::default();
        std::thread::scope(|scope| {
            let first = turns.take(&limits(), None).unwrap();
            let waiting = scope.spawn(|| {
                let long = Some(Duration::from_secs(30));
                turns.take(&limits(), long).map(drop).is_ok()
            });
            while turns.count.lock().waiting == 0 {
                std::thread::yield_now();
            }
            drop(first);
            assert!(waiting.join().unwrap());
        });
        assert_eq!(turns.count.lock().running, 0);
    }
}
