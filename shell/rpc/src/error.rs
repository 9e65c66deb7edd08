//! What can go wrong when another process is asked.

use std::time::Duration;

/// What a service does about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The same request may succeed later: wait and retry.
    Temporary,
    /// The view of the chain is out of date: start again from a common block.
    Reset,
    /// Retrying cannot help; a person has to act.
    Critical,
}

/// Why a client got no usable answer. `endpoint` is scheme, host and port only.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RpcError {
    /// The URL cannot be used.
    #[error("bad URL for {what}: {problem}; expected something like http://127.0.0.1:8545")]
    Url {
        /// Whose URL it is.
        what: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// No connection, or it broke before the answer was complete.
    #[error("{endpoint} is unreachable ({method}): {problem}")]
    Unreachable {
        /// Who was asked.
        endpoint: String,
        /// What was asked.
        method: String,
        /// The transport's own words.
        problem: String,
    },
    /// No complete answer in time.
    #[error("{endpoint} did not answer {method} within {} ms", .after.as_millis())]
    Timeout {
        /// Who was asked.
        endpoint: String,
        /// What was asked.
        method: String,
        /// The limit that passed.
        after: Duration,
    },
    /// HTTP 401 or 403: the secret or the API key was refused.
    #[error("{endpoint} refused our credentials ({method}, HTTP {status}): {body}")]
    Unauthorized {
        /// Who was asked.
        endpoint: String,
        /// What was asked.
        method: String,
        /// HTTP status code.
        status: u16,
        /// Beginning of the answer.
        body: String,
    },
    /// Any other HTTP status that is not a success.
    #[error("{endpoint} answered {method} with HTTP {status}: {body}")]
    Http {
        /// Who was asked.
        endpoint: String,
        /// What was asked.
        method: String,
        /// HTTP status code.
        status: u16,
        /// Beginning of the answer.
        body: String,
        /// When the server asked us to come back, if it said so.
        retry_after: Option<Duration>,
    },
    /// The answer is longer than we are willing to hold.
    #[error("{endpoint} answered {method} with more than {limit_bytes} bytes")]
    TooLarge {
        /// Who was asked.
        endpoint: String,
        /// What was asked.
        method: String,
        /// The limit, in bytes.
        limit_bytes: usize,
    },
    /// The answer is not what the method promises.
    #[error("{endpoint} gave an unreadable answer to {method}: {problem}")]
    Malformed {
        /// Who was asked.
        endpoint: String,
        /// What was asked.
        method: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A JSON-RPC error object.
    #[error("{endpoint} answered {method} with error {code}: {message}")]
    Response {
        /// Who was asked.
        endpoint: String,
        /// What was asked.
        method: String,
        /// JSON-RPC error code.
        code: i64,
        /// The server's own words.
        message: String,
        /// The error's `data`, as JSON text; empty if there is none.
        data: String,
    },
    /// The node follows another chain than the configuration names.
    #[error(
        "{endpoint} is on chain {actual}, but chain {expected} is configured; point the URL at a node of the right chain, or correct the configuration"
    )]
    WrongChain {
        /// Who was asked.
        endpoint: String,
        /// Chain id of the configuration.
        expected: u64,
        /// Chain id the node reports.
        actual: u64,
    },
}

/// JSON-RPC codes by which providers say "too many requests".
const RATE_LIMIT_CODES: [i64; 3] = [-32005, -32029, 429];

impl RpcError {
    /// What a service does about it. Refused credentials are temporary: providers answer so for
    /// quotas and outages too, and a service that runs should outlive them.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Url { .. } | Self::WrongChain { .. } => Severity::Critical,
            _ => Severity::Temporary,
        }
    }

    /// Whether asking the same again at once, after a pause, can help: transport trouble, overload
    /// and rate limits. An answer that is merely wrong is not asked for again.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } => true,
            Self::Http { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
            Self::Response { code, .. } => RATE_LIMIT_CODES.contains(code),
            _ => false,
        }
    }

    /// The pause the server asked for, if it did.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Http { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
