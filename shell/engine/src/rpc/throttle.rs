//! How many calls one connection may make.
//!
//! In: numbers of calls. Out: whether the connection has as many left in this second.

use super::error::limit_exceeded;
use jsonrpsee::types::ErrorObjectOwned;
use parking_lot::Mutex;
use std::{sync::Arc, time::Instant};

/// A bucket that holds the calls of one second and fills again steadily.
#[derive(Clone, Debug)]
pub(crate) struct Throttle(Arc<Mutex<Bucket>>);

#[derive(Debug)]
struct Bucket {
    per_second: u32,
    left: f64,
    filled: Instant,
}

impl Throttle {
    /// `None` where there is no limit.
    pub(crate) fn new(per_second: u32) -> Option<Self> {
        (per_second > 0).then(|| {
            Self(Arc::new(Mutex::new(Bucket {
                per_second,
                left: f64::from(per_second),
                filled: Instant::now(),
            })))
        })
    }

    /// Takes `count` calls out of the bucket, or none if it holds fewer.
    pub(crate) fn take(&self, count: usize, now: Instant) -> bool {
        let mut bucket = self.0.lock();
        let passed = now.saturating_duration_since(bucket.filled).as_secs_f64();
        let most = f64::from(bucket.per_second);
        bucket.left = passed.mul_add(most, bucket.left).min(most);
        bucket.filled = now;
        let wanted = count as f64;
        if bucket.left < wanted {
            return false;
        }
        bucket.left -= wanted;
        true
    }

    /// What a caller is told whom it refused.
    pub(crate) fn refusal(&self) -> ErrorObjectOwned {
        let most = self.0.lock().per_second;
        limit_exceeded(format!(
            "too many requests: a connection may make {most} calls per second"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_connection_gets_its_calls_back_with_time() {
        assert!(Throttle::new(0).is_none());
        let throttle = Throttle::new(10).unwrap();
        let start = Instant::now();
        assert!(throttle.take(10, start));
        assert!(!throttle.take(1, start));
        assert!(!throttle.take(6, start + Duration::from_millis(500)));
        assert!(throttle.take(5, start + Duration::from_millis(500)));
        let later = start + Duration::from_secs(60);
        assert!(!throttle.take(11, later), "what is not used is not saved");
        assert!(throttle.take(10, later));
    }
}
