//! The source against a made-up L1 that can lie, lag and reorg.
#![allow(missing_docs, unreachable_pub)]

mod ahead;
mod blobs;
mod blocks;
mod heads;
#[path = "../../../rpc/tests/it/server.rs"]
#[allow(
    dead_code,
    reason = "shared with the tests of opal-rpc, which use more of it"
)]
mod server;
mod world;
