//! What stands before a server: it looks at a request's head before anything reads the body.
//!
//! In: HTTP requests. Out: the server's answer, or a refusal. The authenticated server's gate
//! wants a fresh token of the shared secret; every gate wants to be addressed by a name it knows,
//! so that no page in a browser reaches a server by a name of its own (DNS rebinding), and lets
//! pages read answers only if their origin is allowed.

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use jsonrpsee::server::{HttpBody, HttpRequest, HttpResponse};
use opal_rpc::JwtSecret;
use std::{
    future::Future,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tower::{Layer, Service};

use super::throttle::Throttle;
use crate::health::Health;

/// Seconds for which a browser may remember that an origin is allowed.
const CORS_SECONDS: HeaderValue = HeaderValue::from_static("600");

/// Who may pass.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<Rules>);

/// See [`Gate`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    /// Requests need a token of this secret.
    pub(crate) secret: Option<JwtSecret>,
    /// Names by which we may be addressed.
    pub(crate) vhosts: Vec<String>,
    /// Origins whose pages may read answers.
    pub(crate) cors_origins: Vec<String>,
    /// Origins whose pages may open a WebSocket.
    pub(crate) ws_origins: Vec<String>,
    /// Calls per second of one connection; zero lifts the limit.
    pub(crate) calls_per_second_max: u32,
    /// Answers `GET /health`.
    pub(crate) health: Option<Health>,
}

impl Gate {
    pub(crate) fn new(rules: Rules) -> Self {
        Self(Arc::new(rules))
    }

    /// Whether anybody may pass, not only who knows the secret.
    pub(crate) fn is_public(&self) -> bool {
        self.0.secret.is_none()
    }
}

/// Made once per connection.
impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated {
            gate: self.clone(),
            throttle: Throttle::new(self.0.calls_per_second_max),
            inner,
        }
    }
}

/// A server's HTTP service behind its [`Gate`].
#[derive(Clone, Debug)]
pub(crate) struct Gated<S> {
    gate: Gate,
    throttle: Option<Throttle>,
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

    fn call(&mut self, mut request: HttpRequest<B>) -> Self::Future {
        let rules = &self.gate.0;
        let allowed = rules.allowed_origin(request.headers());
        if let Some(mut response) = rules.answer(&request, allowed.is_some()) {
            allow_origin(&mut response, allowed);
            return Box::pin(async move { Ok(response) });
        }
        if let Some(throttle) = &self.throttle {
            request.extensions_mut().insert(throttle.clone());
        }
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            allow_origin(&mut response, allowed);
            Ok(response)
        })
    }
}

impl Rules {
    /// The answer to a request that goes no further than the gate.
    fn answer<B>(&self, request: &HttpRequest<B>, cors: bool) -> Option<HttpResponse> {
        let headers = request.headers();
        let websocket = headers
            .get(header::UPGRADE)
            .is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"websocket"));
        if websocket {
            if !self.may_open_websocket(headers) {
                return Some(refusal(StatusCode::FORBIDDEN, "origin not allowed"));
            }
        } else if !self.is_known_host(headers.get(header::HOST)) {
            return Some(refusal(StatusCode::FORBIDDEN, "invalid host specified"));
        }
        if request.method() == Method::OPTIONS && cors {
            return Some(refusal(StatusCode::NO_CONTENT, ""));
        }
        if let Some(secret) = &self.secret {
            let token = headers.get(header::AUTHORIZATION);
            if let Err(problem) = secret.verify(token.and_then(|v| v.to_str().ok())) {
                return Some(refusal(StatusCode::UNAUTHORIZED, &problem.to_string()));
            }
        }
        // An empty question after our health: alive.
        let asks_nothing = request.method() == Method::GET
            && !websocket
            && request.uri().path() == "/"
            && request.uri().query().is_none();
        if asks_nothing {
            return Some(refusal(StatusCode::OK, ""));
        }
        let health = self.health.as_ref()?;
        let asks = request.method() == Method::GET && request.uri().path() == "/health";
        asks.then(|| match health.problem() {
            None => refusal(StatusCode::OK, "healthy"),
            Some(problem) => refusal(StatusCode::SERVICE_UNAVAILABLE, &problem),
        })
    }

    fn may_open_websocket(&self, headers: &HeaderMap) -> bool {
        // Whatever names no origin is no page in a browser.
        let Some(origin) = headers.get(header::ORIGIN) else {
            return true;
        };
        origin
            .to_str()
            .is_ok_and(|origin| self.ws_origins.iter().any(|o| matches(o, origin)))
    }

    fn is_known_host(&self, host: Option<&HeaderValue>) -> bool {
        let Some(host) = host else {
            return true;
        };
        let Ok(host) = host.to_str() else {
            return false;
        };
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => host,
        };
        let bare = name
            .strip_prefix('[')
            .and_then(|n| n.strip_suffix(']'))
            .unwrap_or(name);
        bare.is_empty()
            || bare.parse::<IpAddr>().is_ok()
            || self.vhosts.iter().any(|v| matches(v, name))
    }

    /// What the answer says about the request's origin; `None` says nothing.
    fn allowed_origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        let text = origin.to_str().ok()?;
        if self.cors_origins.iter().any(|o| o == "*") {
            return Some(HeaderValue::from_static("*"));
        }
        let known = self.cors_origins.iter().any(|o| matches(o, text));
        known.then(|| origin.clone())
    }
}

fn matches(rule: &str, name: &str) -> bool {
    rule == "*" || rule.eq_ignore_ascii_case(name)
}

fn refusal(status: StatusCode, reason: &str) -> HttpResponse {
    let mut response = HttpResponse::new(HttpBody::from(reason.to_owned()));
    *response.status_mut() = status;
    response
}

fn allow_origin(response: &mut HttpResponse, origin: Option<HeaderValue>) {
    let Some(origin) = origin else {
        return;
    };
    let headers = response.headers_mut();
    if origin != "*" {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST, GET"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, CORS_SECONDS);
}
