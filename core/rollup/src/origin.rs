//! Origin selection: on which L1 block does the sequencer build the next L2 block?
//!
//! spec: protocol/derivation.md#batch-queue (the rules that a verifier will hold the block to)

use opal_protocol::{Fork, L1Ref, L2Ref, RollupConfig};

/// The origin of the next block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginChoice {
    /// Stay on the parent's origin.
    Current,
    /// Move to the next L1 block.
    Next,
    /// The block would be further ahead of its origin than the sequencer drift allows, and the next
    /// L1 block is not known yet. An empty block could turn out to be invalid: wait for L1.
    AwaitL1,
    /// The next L1 block does not build on the parent's origin: L1 reorganised.
    Orphaned,
}

/// Chooses the origin of the block after `parent`. `current` is the parent's origin; `next` is the
/// L1 block after it, if it exists and has the confirmations that the operator asks for.
pub fn select_origin(
    cfg: &RollupConfig,
    parent: &L2Ref,
    current: &L1Ref,
    next: Option<&L1Ref>,
) -> OriginChoice {
    let time = parent.time.saturating_add(cfg.block_time);
    match next {
        Some(next) if next.parent_hash != current.hash => OriginChoice::Orphaned,
        // An L2 block is never older than its origin, and follows L1 as soon as it may.
        Some(next) if time >= next.time => OriginChoice::Next,
        Some(_) => OriginChoice::Current,
        None if is_past_drift(cfg, current, time) => OriginChoice::AwaitL1,
        None => OriginChoice::Current,
    }
}

/// Whether a block at `l2_time` is so far ahead of its origin that it must be empty.
pub fn is_past_drift(cfg: &RollupConfig, origin: &L1Ref, l2_time: u64) -> bool {
    l2_time
        > origin
            .time
            .saturating_add(cfg.max_sequencer_drift_at(origin.time))
}

/// Whether the block at `l2_time` activates a fork whose activation block carries no sequenced
/// transactions. spec: protocol/ecotone/derivation.md, fjord/…, isthmus/…, jovian/derivation.md
pub fn is_empty_activation(cfg: &RollupConfig, l2_time: u64) -> bool {
    [
        Fork::Ecotone,
        Fork::Fjord,
        Fork::Isthmus,
        Fork::Jovian,
        Fork::Karst,
    ]
    .into_iter()
    .any(|fork| cfg.is_activation_block(fork, l2_time))
}

/// Whether no batch of a block on the origin after `parent`'s can be included in time any more,
/// so that verifiers will derive an empty block in its place whatever the sequencer builds.
pub const fn is_window_expired(cfg: &RollupConfig, parent: &L2Ref, l1_head: u64) -> bool {
    // Included at the earliest in block `l1_head + 1`; the window of epoch `e` ends with block
    // `e + seq_window_size`.
    let newest_epoch = parent.l1_origin.number.saturating_add(1);
    newest_epoch.saturating_add(cfg.seq_window_size) <= l1_head
}

/// Whether the chain lags so far behind L1 that batches may come too late. The sequencer then
/// builds blocks without transactions of users: exactly those that verifiers derive if the window
/// closes first, so that nothing is taken back.
pub const fn is_lagging(cfg: &RollupConfig, parent: &L2Ref, l1_head: u64) -> bool {
    parent
        .l1_origin
        .number
        .saturating_add(cfg.seq_window_size / 2)
        < l1_head
}
