//! How many calls one connection may make.
//!
//! In: calls of a connection whose gate put a [`Throttle`] beside them. Out: the server's answer,
//! or an error once the connection has used up its calls of this second. A batch counts as many
//! calls as it holds.

use super::error::limit_exceeded;
use futures::future::{Either, ready};
use jsonrpsee::{
    core::middleware::{Batch, Notification, RpcServiceT},
    server::MethodResponse,
    types::{ErrorObjectOwned, Id, Request},
};
use parking_lot::Mutex;
use std::{future::Future, sync::Arc, time::Instant};

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

/// The server's methods behind the connection's [`Throttle`].
#[derive(Clone, Debug)]
pub(crate) struct Throttled<S>(pub(crate) S);

impl<S> RpcServiceT for Throttled<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            BatchResponse = MethodResponse,
            NotificationResponse = MethodResponse,
        > + Send
        + Sync,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        if let Some(throttle) = request.extensions().get::<Throttle>()
            && !throttle.take(1, Instant::now())
        {
            let refusal = throttle.refusal();
            return Either::Left(ready(MethodResponse::error(request.id, refusal)));
        }
        Either::Right(self.0.call(request))
    }

    fn batch<'a>(&self, mut batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let count = batch.len();
        let throttle = batch.extensions().get::<Throttle>().cloned();
        if let Some(throttle) = throttle
            && !throttle.take(count, Instant::now())
        {
            let refusal = throttle.refusal();
            return Either::Left(ready(MethodResponse::error(Id::Null, refusal)));
        }
        Either::Right(self.0.batch(batch))
    }

    fn notification<'a>(
        &self,
        n: Notification<'a>,
    ) -> impl Future<Output = MethodResponse> + Send + 'a {
        self.0.notification(n)
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
