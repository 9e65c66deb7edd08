//! Refuses requests without a fresh token of the shared secret, before anything reads their body.

use jsonrpsee::server::{HttpBody, HttpRequest, HttpResponse};
use opal_rpc::JwtSecret;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use tower::{Layer, Service};

/// Wraps a server's HTTP service.
#[derive(Clone, Debug)]
pub(crate) struct AuthLayer {
    secret: JwtSecret,
}

impl AuthLayer {
    pub(crate) const fn new(secret: JwtSecret) -> Self {
        Self { secret }
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = Auth<S>;

    fn layer(&self, inner: S) -> Auth<S> {
        Auth {
            secret: self.secret.clone(),
            inner,
        }
    }
}

/// See [`AuthLayer`].
#[derive(Clone, Debug)]
pub(crate) struct Auth<S> {
    secret: JwtSecret,
    inner: S,
}

impl<S, B> Service<HttpRequest<B>> for Auth<S>
where
    S: Service<HttpRequest<B>, Response = HttpResponse>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = HttpResponse;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: HttpRequest<B>) -> Self::Future {
        let header = request.headers().get(http::header::AUTHORIZATION);
        let value = header.and_then(|v| v.to_str().ok());
        match self.secret.verify(value) {
            Ok(()) => Box::pin(self.inner.call(request)),
            Err(problem) => {
                let mut response = HttpResponse::new(HttpBody::from(problem.to_string()));
                *response.status_mut() = http::StatusCode::UNAUTHORIZED;
                Box::pin(async move { Ok(response) })
            }
        }
    }
}
