//! Limits of what derivation keeps in memory. Limits of the protocol itself are in
//! `opal_protocol`; these are ours.

/// Trace events kept until somebody drains them; the oldest go first.
pub const TRACE_EVENTS_MAX: usize = 4096;

/// Safe blocks asked for at once to judge an overlapping span batch.
pub const OVERLAP_BLOCKS_MAX: u64 = 64;

/// Bytes of batches that wait for their turn before Holocene, as [`crate`] counts them: about what
/// they take in memory.
///
/// The protocol bounds them only by what a batcher can pay for: batches are kept until the blocks
/// before them are derived, and a few kilobytes on L1 decompress to many megabytes. The limit is
/// that of the channel bank in its largest form. Beyond it derivation stops rather than forget a
/// batch that others remember.
pub const QUEUED_BATCH_BYTES_MAX: u64 = 1_000_000_000;
