//! The clients against a server that answers whatever a test wants.
#![allow(missing_docs, unreachable_pub)]

mod beacon;
mod engine;
mod eth;
mod jwt;
mod rollup;
mod server;
