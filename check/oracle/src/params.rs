//! Parameters of the protocol, by fork.
//!
//! spec: protocol/derivation.md#protocol-parameters

use opal_protocol::{Fork, RollupConfig};

/// Elements of one kind that a span batch may have.
pub(crate) const MAX_SPAN_BATCH_ELEMENT_COUNT: u64 = 10_000_000;

/// Whether `fork` is active at `time`.
pub(crate) fn is_active(cfg: &RollupConfig, fork: Fork, time: u64) -> bool {
    cfg.forks.time_of(fork).is_some_and(|at| at <= time)
}

/// Whether the L2 block at `l2_time` is the first one of `fork`.
pub(crate) fn is_activation_block(cfg: &RollupConfig, fork: Fork, l2_time: u64) -> bool {
    let before = l2_time.checked_sub(cfg.block_time);
    is_active(cfg, fork, l2_time) && before.is_some_and(|time| !is_active(cfg, fork, time))
}

/// Whether `fork` is active in the L2 block at `l2_time`, but that block is not its first. The
/// first block still calls L1Block as the fork before did.
pub(crate) fn is_active_but_not_first(cfg: &RollupConfig, fork: Fork, l2_time: u64) -> bool {
    is_active(cfg, fork, l2_time) && !is_activation_block(cfg, fork, l2_time)
}

/// Seconds an L2 block may be ahead of its L1 origin.
///
/// spec: protocol/fjord/derivation.md#constant-maximum-sequencer-drift
pub(crate) fn max_sequencer_drift(cfg: &RollupConfig, l1_origin_time: u64) -> u64 {
    if is_active(cfg, Fork::Fjord, l1_origin_time) {
        1800
    } else {
        cfg.max_sequencer_drift
    }
}

/// L1 blocks that a channel may take.
///
/// spec: protocol/granite/derivation.md#reduced-channel-timeout
pub(crate) fn channel_timeout(cfg: &RollupConfig, l1_time: u64) -> u64 {
    if is_active(cfg, Fork::Granite, l1_time) {
        50
    } else {
        cfg.channel_timeout
    }
}

/// Bytes that are read from a decompressed channel; from Holocene on also the size that a
/// compressed channel may have.
///
/// spec: protocol/fjord/derivation.md#increasing-max_rlp_bytes_per_channel-and-max_channel_bank_size
pub(crate) fn max_rlp_bytes_per_channel(cfg: &RollupConfig, l1_time: u64) -> u64 {
    if is_active(cfg, Fork::Fjord, l1_time) {
        100_000_000
    } else {
        10_000_000
    }
}

/// Bytes that the channel bank may hold before Holocene.
pub(crate) fn max_channel_bank_size(cfg: &RollupConfig, l1_time: u64) -> u64 {
    if is_active(cfg, Fork::Fjord, l1_time) {
        1_000_000_000
    } else {
        100_000_000
    }
}
