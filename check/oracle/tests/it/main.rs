//! The naive derivation against vectors, against chains made by hand, and against the fast one.

mod agreement;
mod batcher;
mod eras;
mod fixtures;
mod lab;
mod random;
mod toy;
