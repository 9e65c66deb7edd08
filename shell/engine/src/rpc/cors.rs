//! Lets pages in a browser talk to the public server (CORS).
//!
//! Only where the operator allows it: with it, any page a user opens can read what the public
//! methods answer. The authenticated server never allows it.

use http::{HeaderValue, Method, StatusCode, header};
use jsonrpsee::server::{HttpRequest, HttpResponse};
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use tower::{Layer, Service};

/// Wraps a server's HTTP service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CorsLayer {
    pub(crate) allow: bool,
}

impl<S> Layer<S> for CorsLayer {
    type Service = Cors<S>;

    fn layer(&self, inner: S) -> Cors<S> {
        Cors {
            allow: self.allow,
            inner,
        }
    }
}

/// See [`CorsLayer`].
#[derive(Clone, Debug)]
pub(crate) struct Cors<S> {
    allow: bool,
    inner: S,
}

impl<S, B> Service<HttpRequest<B>> for Cors<S>
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
        if !self.allow {
            return Box::pin(self.inner.call(request));
        }
        if request.method() == Method::OPTIONS {
            let mut response = HttpResponse::default();
            *response.status_mut() = StatusCode::NO_CONTENT;
            allow_any_origin(&mut response);
            return Box::pin(async move { Ok(response) });
        }
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            allow_any_origin(&mut response);
            Ok(response)
        })
    }
}

fn allow_any_origin(response: &mut HttpResponse) {
    let headers = response.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("POST"),
    );
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("content-type"),
    );
}
