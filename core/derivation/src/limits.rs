//! Limits of what derivation keeps in memory. Limits of the protocol itself are in
//! `opal_protocol`; these are ours.

/// Trace events kept until somebody drains them; the oldest go first.
pub const TRACE_EVENTS_MAX: usize = 4096;

/// Safe blocks asked for at once to judge an overlapping span batch.
pub const OVERLAP_BLOCKS_MAX: u64 = 64;
