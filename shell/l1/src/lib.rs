//! The L1 as a verified, cached, prefetched source of blocks, receipts and blobs.
//!
//! In: one execution node, maybe some beacon nodes, and the rollup's configuration. Out:
//! [`L1Block`](opal_protocol::L1Block)s, blobs and the movements of L1's heads.
//!
//! Invariants: a block handed out has the hash it is filed under, and its transactions and receipts
//! have the roots of its header; a blob handed out has the versioned hash it was asked for by. With
//! [`L1Options::trust_rpc`] the root of the transactions alone is taken on trust. What cannot be
//! verified is an error, never a block. Caches and windows are bounded, and whatever is kept by
//! number is checked against its parent before it is used.

mod ahead;
mod blobs;
mod error;
mod fetch;
mod heads;
mod source;
mod verify;

pub use error::L1Error;
pub use heads::L1Heads;
pub use source::{L1Options, L1Source};
