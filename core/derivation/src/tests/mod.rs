//! Tests of derivation: tables for each stage, then whole runs in a small world ([`kit`]).
//! Tests of a trap of the requirements carry its number in their name.

mod attributes;
mod bank;
mod batches;
mod forms;
mod frames;
mod kit;
mod pipeline;
mod queue;
mod spans;
mod traps;
