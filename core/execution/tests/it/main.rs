//! Execution from outside: one program, so that the EVM is compiled once for all of them.

mod building;
mod calls;
mod decoding;
mod deposits;
mod ethereum;
mod fees;
mod headers;
mod patches;
mod simulate;
mod support;
mod traces;
