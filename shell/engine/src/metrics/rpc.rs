//! Counts the calls that a JSON-RPC server answers.

use super::Metrics;
use jsonrpsee::Methods;
use std::{sync::Arc, time::Duration};

/// Counts the calls of one server. Only methods that exist are counted by name.
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

    /// The name that calls of `method` are counted by.
    pub(crate) fn name(&self, method: &str) -> &'static str {
        self.methods
            .method_with_name(method)
            .map_or("unknown", |(name, _)| name)
    }

    /// Counts a call that was answered.
    pub(crate) fn count(&self, name: &'static str, time: Duration, failed: bool) {
        self.metrics.called(name, Some(time), failed);
    }

    /// Counts a call that its method never saw.
    pub(crate) fn count_refused(&self, name: &'static str) {
        self.metrics.called(name, None, true);
    }

    /// Counts a message that is no call.
    pub(crate) fn count_garbage(&self) {
        self.count_refused("unknown");
    }
}
