//! Tests of the protocol crate through its public API. A test of one of the protocol's known traps
//! carries the trap's number in its name.

mod blob;
mod broken_channels;
mod channel;
mod common;
mod deflate;
mod l1;
mod l1_info;
mod span_batch;
mod upgrades;
