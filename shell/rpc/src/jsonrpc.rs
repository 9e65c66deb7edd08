//! JSON-RPC 2.0 over HTTP: single calls and batches, retried by one policy.
//!
//! Invariant: every call gets exactly one answer or one error, whatever the server sends.

use crate::{
    error::RpcError,
    eth::{Call, EthOptions},
    http::{Http, printable},
    jwt::JwtSecret,
};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};
use tokio::sync::Semaphore;

/// One JSON-RPC server.
#[derive(Debug)]
pub(crate) struct JsonRpc {
    http: Http,
    options: EthOptions,
    jwt: Option<JwtSecret>,
    next_id: AtomicU64,
    /// One permit per HTTP request under way.
    slots: Semaphore,
}

impl JsonRpc {
    pub(crate) fn new(
        what: &'static str,
        url: &str,
        options: EthOptions,
        jwt: Option<JwtSecret>,
    ) -> Result<Self, RpcError> {
        let http = Http::new(what, url, options.timeout, options.response_bytes_max)?;
        let slots = Semaphore::new(options.concurrency_max.clamp(1, Semaphore::MAX_PERMITS));
        Ok(Self {
            http,
            options,
            jwt,
            next_id: AtomicU64::new(1),
            slots,
        })
    }

    pub(crate) fn endpoint(&self) -> &str {
        self.http.endpoint()
    }

    pub(crate) fn malformed(&self, method: &str, problem: impl ToString) -> RpcError {
        self.http.malformed(method, problem)
    }

    /// Parameters as they go over the wire; no parameters are an empty list.
    pub(crate) fn params(
        &self,
        method: &str,
        params: &impl Serialize,
    ) -> Result<Box<RawValue>, RpcError> {
        let unfit = |e| self.malformed(method, format!("our own parameters: {e}"));
        let raw = to_raw_value(params).map_err(unfit)?;
        if raw.get() == "null" {
            to_raw_value(&[(); 0]).map_err(unfit)
        } else {
            Ok(raw)
        }
    }

    /// One call, retried.
    pub(crate) async fn call(
        &self,
        method: &str,
        params: &RawValue,
    ) -> Result<Box<RawValue>, RpcError> {
        self.options
            .retry
            .run(|| self.call_once(method, params))
            .await
    }

    /// One call, sent once.
    pub(crate) async fn call_once(
        &self,
        method: &str,
        params: &RawValue,
    ) -> Result<Box<RawValue>, RpcError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let body = self
            .post(
                method,
                &Request {
                    jsonrpc: "2.0",
                    id,
                    method,
                    params,
                },
            )
            .await?;
        let answer: Answer<'_> =
            serde_json::from_slice(&body).map_err(|e| self.malformed(method, e))?;
        if answer.error.is_none() && answer.id != Some(id) {
            return Err(self.malformed(method, "the answer belongs to another request"));
        }
        self.outcome(method, answer)
    }

    /// Many calls, answered in their order. The outer error means that nothing came back.
    pub(crate) async fn batch(
        &self,
        calls: &[Call],
    ) -> Result<Vec<Result<Box<RawValue>, RpcError>>, RpcError> {
        let mut outcomes = Vec::with_capacity(calls.len());
        for chunk in calls.chunks(self.options.batch_calls_max.max(1)) {
            let answers = match chunk {
                [one] => vec![self.call(one.method, &one.params).await],
                _ => self.options.retry.run(|| self.batch_once(chunk)).await?,
            };
            for (call, answer) in chunk.iter().zip(answers) {
                // A provider may turn down single calls of a batch for its rate limit.
                outcomes.push(match answer {
                    Err(e) if e.is_retryable() => self.call(call.method, &call.params).await,
                    other => other,
                });
            }
        }
        Ok(outcomes)
    }

    async fn batch_once(
        &self,
        calls: &[Call],
    ) -> Result<Vec<Result<Box<RawValue>, RpcError>>, RpcError> {
        let count = calls.len() as u64;
        let first = self.next_id.fetch_add(count, Ordering::Relaxed);
        let requests: Vec<_> = (first..)
            .zip(calls)
            .map(|(id, call)| Request {
                jsonrpc: "2.0",
                id,
                method: call.method,
                params: &call.params,
            })
            .collect();
        let name = format!(
            "batch of {} ({}, …)",
            count,
            calls.first().map_or("", |c| c.method)
        );
        let body = self.post(&name, &requests).await?;
        let answers: Vec<Answer<'_>> = match serde_json::from_slice(&body) {
            Ok(answers) => answers,
            Err(e) => {
                // One object instead of a list: an error for the batch as a whole.
                let single: Answer<'_> =
                    serde_json::from_slice(&body).map_err(|_| self.malformed(&name, e))?;
                return Err(match self.outcome(&name, single) {
                    Err(error) => error,
                    Ok(_) => self.malformed(&name, "one answer to many calls"),
                });
            }
        };
        let mut by_id: BTreeMap<u64, Answer<'_>> = answers
            .into_iter()
            .filter_map(|answer| answer.id.map(|id| (id, answer)))
            .collect();
        Ok((first..)
            .zip(calls)
            .map(|(id, call)| match by_id.remove(&id) {
                Some(answer) => self.outcome(call.method, answer),
                None => Err(self.malformed(call.method, "no answer to this call of a batch")),
            })
            .collect())
    }

    async fn post(&self, method: &str, body: &impl Serialize) -> Result<Vec<u8>, RpcError> {
        let body = serde_json::to_vec(body)
            .map_err(|e| self.malformed(method, format!("our own request: {e}")))?;
        // The semaphore is never closed; should it be, the limit is void, not the call.
        let _slot = self.slots.acquire().await;
        let bearer = self.jwt.as_ref().map(JwtSecret::token);
        self.http.post_json(method, body, bearer).await
    }

    fn outcome(&self, method: &str, answer: Answer<'_>) -> Result<Box<RawValue>, RpcError> {
        match (answer.error, answer.result) {
            (Some(error), _) => Err(RpcError::Response {
                endpoint: self.endpoint().to_owned(),
                method: method.to_owned(),
                code: error.code,
                message: printable(error.message.as_bytes()),
                data: error
                    .data
                    .map_or_else(String::new, |data| data.get().to_owned()),
            }),
            (None, Some(result)) => Ok(result.to_owned()),
            (None, None) => Err(self.malformed(method, "neither result nor error")),
        }
    }
}

#[derive(Serialize)]
struct Request<'a> {
    jsonrpc: &'static str,
    id: u64,
    method: &'a str,
    params: &'a RawValue,
}

#[derive(Deserialize)]
struct Answer<'a> {
    /// `null` in answers to requests that the server could not read.
    #[serde(default)]
    id: Option<u64>,
    /// `Some("null")` when the result is null, `None` when there is no result.
    #[serde(default, borrow, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(default, borrow)]
    error: Option<ErrorObject<'a>>,
}

#[derive(Deserialize)]
struct ErrorObject<'a> {
    code: i64,
    #[serde(default)]
    message: String,
    #[serde(default, borrow)]
    data: Option<&'a RawValue>,
}

fn present<'de, D: Deserializer<'de>>(json: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(json).map(Some)
}
