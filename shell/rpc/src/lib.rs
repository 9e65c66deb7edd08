//! Typed clients and ports: what a service of the rollup may ask of another process.
//!
//! In: URLs and secrets. Out: typed answers, or an error that names the endpoint and the method.
//! [`EngineApi`] is the port to an execution engine. Two things implement it: [`HttpEngine`], which
//! speaks the Engine API over HTTP with a JWT, and the in-process engine of `opal-engine`.
//! [`EthClient`], [`BeaconClient`] and [`RollupClient`] are plain clients.
//!
//! Invariant: whatever the other side answers, a client returns within its timeouts, holds no more
//! than its size limit, and never panics. Errors never show the path, query or user of a URL,
//! where API keys live.

pub mod beacon;
pub mod engine_api;
pub mod error;
pub mod eth;
mod http;
pub mod http_engine;
mod jsonrpc;
pub mod jwt;
mod op_tx;
pub mod retry;
pub mod rollup;

pub use beacon::{BeaconClient, BeaconGenesis, BeaconSpec};
pub use engine_api::{BlockTag, EngineApi, EngineError, L2Block};
pub use error::{RpcError, Severity};
pub use eth::{Call, EthClient, EthOptions, RpcBlock};
pub use http_engine::HttpEngine;
pub use jwt::{JwtError, JwtSecret};
pub use op_tx::read_deposit;
pub use retry::RetryPolicy;
pub use rollup::{OutputAtBlock, RollupClient, SafeHeadAtL1Block, SyncStatus};
