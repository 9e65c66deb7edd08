//! Typed clients and ports: what a service of the rollup may ask of another process.
//!
//! [`EngineApi`] is the port to an execution engine. Two things implement it: [`HttpEngine`], which
//! speaks the Engine API over HTTP with a JWT, and the in-process engine of `opal-engine`.

pub mod engine_api;

pub use engine_api::{BlockTag, EngineApi, EngineError, L2Block};
