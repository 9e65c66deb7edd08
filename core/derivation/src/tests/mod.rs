//! Tests of derivation: tables for each stage, then whole runs in a small world ([`kit`]).
//! Tests of a trap of the requirements carry its number in their name.

mod attributes;
mod batches;
mod frames;
mod kit;
mod pipeline;
mod spans;
mod traps;
