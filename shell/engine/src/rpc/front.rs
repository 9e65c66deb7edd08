//! What happens to a call before its method sees it, whatever it came through: HTTP, WebSocket or a
//! local socket.
//!
//! In: calls and batches as the transports read them, with the connection's [`Throttle`] beside them
//! if it has one. Out: answers. Invariants: every call is counted, the refused ones too; a batch
//! counts as many calls as it holds; public calls let a block go first; no batch keeps a thread of
//! the servers for longer than a few calls in place take.

use super::{courtesy::Courtesy, throttle::Throttle};
use crate::metrics::CountCalls;
use futures::future::Either;
use jsonrpsee::{
    BatchResponseBuilder, Extensions, MethodResponse,
    core::middleware::{Batch, BatchEntry, Notification, RpcServiceT},
    server::middleware::rpc::RpcService,
    types::{ErrorObjectOwned, Id, Request},
};
use std::{
    future::{Future, ready},
    sync::Arc,
    time::Instant,
};
use tower::Layer;

/// Calls of a batch between two moments in which others may have the thread.
const CALLS_AT_ONCE: usize = 16;

/// Who answers calls behind a [`Front`].
pub(super) trait Callee: Clone + Send + Sync + 'static {
    /// Answers one call.
    fn call<'a>(&'a self, request: Request<'a>)
    -> impl Future<Output = MethodResponse> + Send + 'a;
}

/// The methods behind HTTP and WebSocket.
impl Callee for RpcService {
    fn call<'a>(
        &'a self,
        request: Request<'a>,
    ) -> impl Future<Output = MethodResponse> + Send + 'a {
        RpcServiceT::call(self, request)
    }
}

/// What stands before the methods of one server. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Front(Arc<Desk>);

#[derive(Debug)]
struct Desk {
    counter: CountCalls,
    /// Whom to wait for; `None` on the server that the payloads come through.
    courtesy: Option<Arc<Courtesy>>,
    response_bytes_max: usize,
}

impl Front {
    pub(super) fn new(
        counter: CountCalls,
        courtesy: Option<Arc<Courtesy>>,
        response_bytes_max: u32,
    ) -> Self {
        Self(Arc::new(Desk {
            counter,
            courtesy,
            response_bytes_max: response_bytes_max as usize,
        }))
    }

    /// Counts a message that is no call.
    pub(super) fn count_garbage(&self) {
        self.0.counter.count_garbage();
    }
}

impl<S> Layer<S> for Front {
    type Service = Fronted<S>;

    fn layer(&self, calls: S) -> Fronted<S> {
        let front = self.clone();
        Fronted { front, calls }
    }
}

/// A server's methods behind its [`Front`].
#[derive(Clone, Debug)]
pub(super) struct Fronted<S> {
    pub(super) front: Front,
    pub(super) calls: S,
}

/// Takes calls out of the connection's bucket; an error if it holds too few.
fn take(extensions: &Extensions, count: usize) -> Result<(), ErrorObjectOwned> {
    match extensions.get::<Throttle>() {
        Some(throttle) if !throttle.take(count, Instant::now()) => Err(throttle.refusal()),
        _ => Ok(()),
    }
}

impl<S: Callee> Fronted<S> {
    /// Lets blocks go first.
    async fn wait(&self) {
        if let Some(courtesy) = &self.front.0.courtesy {
            courtesy.let_pass().await;
        }
    }

    /// Answers a call that was `asked` for then.
    async fn answer(&self, mut request: Request<'_>, asked: Instant) -> MethodResponse {
        let counter = &self.front.0.counter;
        let name = counter.name(request.method_name());
        // Nobody reads them below, but everybody copies them.
        *request.extensions_mut() = Extensions::new();
        let response = self.calls.call(request).await;
        counter.count(name, asked.elapsed(), response.is_error());
        response
    }

    async fn answer_one(self, request: Request<'_>) -> MethodResponse {
        let asked = Instant::now();
        self.wait().await;
        self.answer(request, asked).await
    }

    async fn answer_all(self, batch: Batch<'_>) -> MethodResponse {
        let most = self.front.0.response_bytes_max;
        let mut responses = BatchResponseBuilder::new_with_limit(most);
        let mut owes_nothing = false;
        for (index, entry) in batch.into_iter().enumerate() {
            if index % CALLS_AT_ONCE == 0 {
                // Calls that are answered in place never wait: nobody else gets a turn otherwise.
                if index > 0 {
                    tokio::task::yield_now().await;
                }
                self.wait().await;
            }
            let response = match entry {
                Ok(BatchEntry::Call(call)) => self.answer(call, Instant::now()).await,
                Ok(BatchEntry::Notification(_)) => MethodResponse::notification(),
                Err(garbage) => {
                    self.front.count_garbage();
                    let (problem, id) = garbage.into_parts();
                    MethodResponse::error(id, problem)
                }
            };
            // A subscription's answer has gone its own way, before its first message.
            if response.is_notification() || response.is_subscription() {
                owes_nothing = true;
            } else if let Err(too_large) = responses.append(response) {
                return too_large;
            }
        }
        if responses.is_empty() && owes_nothing {
            return MethodResponse::notification();
        }
        MethodResponse::from_batch(responses.finish())
    }

    /// Counts the calls of a batch that is refused.
    fn count_refused(&self, batch: &Batch<'_>) {
        let counter = &self.front.0.counter;
        for entry in batch.iter() {
            match entry {
                Ok(entry) => counter.count_refused(counter.name(entry.method_name())),
                Err(_) => counter.count_garbage(),
            }
        }
    }
}

impl<S: Callee> RpcServiceT for Fronted<S> {
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        if let Err(refusal) = take(request.extensions(), 1) {
            let counter = &self.front.0.counter;
            counter.count_refused(counter.name(request.method_name()));
            return Either::Left(ready(MethodResponse::error(request.id, refusal)));
        }
        Either::Right(self.clone().answer_one(request))
    }

    fn batch<'a>(&self, mut batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let count = batch.len();
        if let Err(refusal) = take(batch.extensions(), count) {
            self.count_refused(&batch);
            return Either::Left(ready(MethodResponse::error(Id::Null, refusal)));
        }
        Either::Right(self.clone().answer_all(batch))
    }

    fn notification<'a>(
        &self,
        _: Notification<'a>,
    ) -> impl Future<Output = MethodResponse> + Send + 'a {
        ready(MethodResponse::notification())
    }
}
