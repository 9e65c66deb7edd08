//! A second derivation of the safe chain, written for nothing but clarity: the oracle that the fast
//! one is compared with.
//!
//! It follows the OP Stack specification section by section, in its order and with its nouns, and
//! op-node where the network runs something else than the text says. It shares no code with
//! `core/derivation` and calls none of the decoders of `core/protocol`; what it takes from there is
//! data: the rollup configuration, the fields of the system configuration, upgrade bundles. It
//! re-reads everything all the time and is as slow as that.
//!
//! Input: all of L1 from the rollup's genesis on, and a function that executes payload attributes.
//! Output: the safe chain, with the L1 block that each block became safe by. Invariant: the safe
//! chain only grows, and what it is after an L1 block depends on that block and those before alone.

mod attributes;
mod batches;
mod blobs;
mod block;
mod chain;
mod channels;
mod checks;
mod convert;
mod decompress;
mod deposits;
mod frames;
mod input;
mod l1_info;
mod params;
mod retrieval;
mod span;
mod span_tx;
mod system_config;

pub use batches::{Batch, SingularBatch, decode_batch, read_channel};
pub use block::{NaiveBlock, SafeBlock};
pub use chain::{DeriveError, NaiveDerivation, SafeChain, derive};
pub use input::{Blobs, Input, NaiveL1Block, NaiveL1Tx, NaiveReceipt, Rollup};
pub use span::{SpanBatch, SpanBlock};
