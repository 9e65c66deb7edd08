//! Counts the calls that a JSON-RPC server answers.

use super::Metrics;
use jsonrpsee::{
    MethodResponse, Methods,
    server::middleware::rpc::{Batch, Notification, RpcServiceT},
    types::Request,
};
use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};
use tower::Layer;

/// A layer that counts. Only methods that exist are counted by name.
#[derive(Clone, Debug)]
pub(crate) struct CountCalls {
    metrics: Arc<Metrics>,
    methods: Methods,
}

impl CountCalls {
    /// Counts calls of `methods`.
    pub(crate) const fn new(metrics: Arc<Metrics>, methods: Methods) -> Self {
        Self { metrics, methods }
    }
}

impl<S> Layer<S> for CountCalls {
    type Service = Counting<S>;

    fn layer(&self, inner: S) -> Counting<S> {
        let counter = self.clone();
        Counting { counter, inner }
    }
}

/// A service whose calls are counted.
#[derive(Clone, Debug)]
pub(crate) struct Counting<S> {
    counter: CountCalls,
    inner: S,
}

impl CountCalls {
    /// Counts a call that another kind of server answered.
    pub(crate) fn count(&self, method: &str, time: Duration, failed: bool) {
        self.metrics.called(self.name(method), Some(time), failed);
    }

    /// Counts a message that is no call.
    pub(crate) fn count_garbage(&self) {
        self.metrics.called("unknown", None, true);
    }

    fn name(&self, method: &str) -> &'static str {
        self.methods
            .method_with_name(method)
            .map_or("unknown", |(name, _)| name)
    }
}

impl<S> RpcServiceT for Counting<S>
where
    S: RpcServiceT<MethodResponse = MethodResponse> + Send + Sync + Clone + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = S::NotificationResponse;
    type BatchResponse = S::BatchResponse;

    fn call<'a>(
        &self,
        request: Request<'a>,
    ) -> impl Future<Output = Self::MethodResponse> + Send + 'a {
        let name = self.counter.name(request.method_name());
        let metrics = self.counter.metrics.clone();
        let answer = self.inner.call(request);
        let started = Instant::now();
        async move {
            let response = answer.await;
            metrics.called(name, Some(started.elapsed()), response.is_error());
            response
        }
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = Self::BatchResponse> + Send + 'a {
        for entry in batch.iter() {
            match entry {
                Ok(entry) => {
                    let name = self.counter.name(entry.method_name());
                    self.counter.metrics.called(name, None, false);
                }
                Err(_) => self.counter.metrics.called("unknown", None, true),
            }
        }
        self.inner.batch(batch)
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = Self::NotificationResponse> + Send + 'a {
        self.inner.notification(notification)
    }
}
