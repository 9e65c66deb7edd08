//! What stands before a server: it looks at a request's head before anything reads the body.
//!
//! In: HTTP requests. Out: the server's answer, or a refusal. The authenticated server's gate
//! wants a fresh token of the shared secret; the public one's may let pages in a browser in (CORS).

use http::{HeaderValue, Method, StatusCode, header};
use jsonrpsee::server::{HttpBody, HttpRequest, HttpResponse};
use opal_rpc::JwtSecret;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use tower::{Layer, Service};

/// Who may pass.
#[derive(Clone, Debug)]
pub(crate) enum Gate {
    /// Everybody; browsers keep other pages' scripts out by themselves.
    Open,
    /// Everybody, and any page that a user opens can read the answers.
    OpenToBrowsers,
    /// Who has a token of this secret. Never a page in a browser.
    Token(JwtSecret),
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        let gate = self.clone();
        Gated { gate, inner }
    }
}

/// A server's HTTP service behind its [`Gate`].
#[derive(Clone, Debug)]
pub(crate) struct Gated<S> {
    gate: Gate,
    inner: S,
}

impl<S, B> Service<HttpRequest<B>> for Gated<S>
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
        if let Some(response) = self.gate.answer(&request) {
            return Box::pin(async move { Ok(response) });
        }
        let open_to_browsers = matches!(self.gate, Gate::OpenToBrowsers);
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            if open_to_browsers {
                allow_any_origin(&mut response);
            }
            Ok(response)
        })
    }
}

impl Gate {
    /// The answer to a request that goes no further than the gate.
    fn answer<B>(&self, request: &HttpRequest<B>) -> Option<HttpResponse> {
        match self {
            Self::Open => None,
            Self::OpenToBrowsers => (request.method() == Method::OPTIONS).then(|| {
                let mut response = response_of(StatusCode::NO_CONTENT, HttpBody::default());
                allow_any_origin(&mut response);
                response
            }),
            Self::Token(secret) => {
                let header = request.headers().get(header::AUTHORIZATION);
                let problem = secret.verify(header.and_then(|v| v.to_str().ok())).err()?;
                let body = HttpBody::from(problem.to_string());
                Some(response_of(StatusCode::UNAUTHORIZED, body))
            }
        }
    }
}

fn response_of(status: StatusCode, body: HttpBody) -> HttpResponse {
    let mut response = HttpResponse::new(body);
    *response.status_mut() = status;
    response
}

fn allow_any_origin(response: &mut HttpResponse) {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
