//! The L1 as a verified, cached, prefetched source of blocks, receipts and blobs.

mod error;
mod source;

pub use error::L1Error;
pub use source::{L1Heads, L1Options, L1Source};
