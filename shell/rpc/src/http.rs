//! HTTP with limits: one request out, one capped answer back.

use crate::error::RpcError;
use reqwest::{
    Client, RequestBuilder, Response, StatusCode, Url,
    header::{CONTENT_TYPE, RETRY_AFTER},
    redirect,
};
use std::time::Duration;

/// Longest wait for a TCP or TLS connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of an error page is shown.
const ERROR_BODY_BYTES_MAX: usize = 300;

/// One HTTP server and the limits that we put on it.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client,
    url: Url,
    /// Scheme, host and port: all that may be shown of the URL.
    endpoint: String,
    timeout: Duration,
    response_bytes_max: usize,
}

impl Http {
    /// `what` says whose URL this is, for the error a person reads.
    pub(crate) fn new(
        what: &'static str,
        url: &str,
        timeout: Duration,
        response_bytes_max: usize,
    ) -> Result<Self, RpcError> {
        let bad = |problem: String| RpcError::Url { what, problem };
        let url = Url::parse(url.trim()).map_err(|e| bad(e.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad(format!(
                "scheme {:?} is not http or https",
                url.scheme()
            )));
        }
        let host = url.host_str().ok_or_else(|| bad("no host".to_owned()))?;
        let port = url.port_or_known_default().unwrap_or_default();
        let endpoint = format!("{}://{host}:{port}", url.scheme());
        let mut builder = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(redirect::Policy::none());
        if is_loopback(host) {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|e| bad(e.to_string()))?;
        Ok(Self {
            client,
            url,
            endpoint,
            timeout,
            response_bytes_max,
        })
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// GET of `path` below the URL. `method` names the request in errors.
    pub(crate) async fn get(
        &self,
        method: &str,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Vec<u8>, RpcError> {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.send(method, self.client.get(url)).await
    }

    /// POST of a JSON document.
    pub(crate) async fn post_json(
        &self,
        method: &str,
        body: Vec<u8>,
        bearer: Option<String>,
    ) -> Result<Vec<u8>, RpcError> {
        let mut request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        if let Some(token) = bearer {
            request = request.bearer_auth(token);
        }
        self.send(method, request).await
    }

    pub(crate) fn malformed(&self, method: &str, problem: impl ToString) -> RpcError {
        RpcError::Malformed {
            endpoint: self.endpoint.clone(),
            method: method.to_owned(),
            problem: problem.to_string(),
        }
    }

    async fn send(&self, method: &str, request: RequestBuilder) -> Result<Vec<u8>, RpcError> {
        let response = request
            .timeout(self.timeout)
            .send()
            .await
            .map_err(|e| self.transport(method, e))?;
        let status = response.status();
        if !status.is_success() {
            return Err(self.refusal(method, status, response).await);
        }
        let (body, complete) = self.read(method, response, self.response_bytes_max).await?;
        if complete {
            Ok(body)
        } else {
            Err(self.too_large(method))
        }
    }

    /// Reads at most `bytes_max` bytes; the flag says whether that was all.
    async fn read(
        &self,
        method: &str,
        mut response: Response,
        bytes_max: usize,
    ) -> Result<(Vec<u8>, bool), RpcError> {
        // What the server announces is a hint for the first allocation, never a promise.
        let announced = usize::try_from(response.content_length().unwrap_or(0)).unwrap_or(0);
        let mut body = Vec::with_capacity(announced.min(bytes_max).min(1 << 20));
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|e| self.transport(method, e))?
        {
            let room = bytes_max.saturating_sub(body.len());
            if chunk.len() > room {
                body.extend_from_slice(chunk.get(..room).unwrap_or_default());
                return Ok((body, false));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((body, true))
    }

    async fn refusal(&self, method: &str, status: StatusCode, response: Response) -> RpcError {
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.trim().parse().ok())
            .map(Duration::from_secs);
        let page = self.read(method, response, ERROR_BODY_BYTES_MAX).await;
        let body = page.map(|(body, _)| printable(&body)).unwrap_or_default();
        let (endpoint, method) = (self.endpoint.clone(), method.to_owned());
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => RpcError::Unauthorized {
                endpoint,
                method,
                status: status.as_u16(),
                body,
            },
            _ => RpcError::Http {
                endpoint,
                method,
                status: status.as_u16(),
                body,
                retry_after,
            },
        }
    }

    fn transport(&self, method: &str, error: reqwest::Error) -> RpcError {
        let (endpoint, method) = (self.endpoint.clone(), method.to_owned());
        if error.is_timeout() && !error.is_connect() {
            return RpcError::Timeout {
                endpoint,
                method,
                after: self.timeout,
            };
        }
        // The URL may hold a key, so it is cut out; the innermost cause tells most.
        let error = error.without_url();
        let mut cause: &dyn std::error::Error = &error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        RpcError::Unreachable {
            endpoint,
            method,
            problem: cause.to_string(),
        }
    }

    fn too_large(&self, method: &str) -> RpcError {
        RpcError::TooLarge {
            endpoint: self.endpoint.clone(),
            method: method.to_owned(),
            limit_bytes: self.response_bytes_max,
        }
    }
}

/// Whether `host` is this machine, which is never reached through a proxy.
fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

/// Foreign text on its way to a person's terminal: one line, no control characters, not endless.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let head = bytes.get(..ERROR_BODY_BYTES_MAX).unwrap_or(bytes);
    let text = String::from_utf8_lossy(head);
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .collect();
    words
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
