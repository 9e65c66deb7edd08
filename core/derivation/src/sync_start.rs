//! Where L1 traversal must start so that nothing relevant to the next block is missed.
//!
//! In: the safe head and the time of its L1 origin. Out: a height on L1.
//!
//! A batch that extends the safe head can only count if the L1 block that completes its channel
//! lies behind the safe head's origin, and a channel lives for one channel timeout. So every frame
//! that matters is found by starting a channel timeout before the safe head's origin.
//!
//! From Holocene on a first frame ends whatever channel is open. So a pipeline that starts at the
//! safe head's origin itself is in the state of all others once it has seen a first frame; if it
//! finds another frame before, that frame may continue a channel from further back, and the
//! pipeline asks for a longer start (`ResetReason::FrameWithoutStart`).
//! `docs/decisions/derivation-start.md` shows why that is safe.
//!
//! spec: protocol/derivation.md#resetting-the-pipeline, holocene/derivation.md#sync-start

use opal_protocol::{Fork, L2Ref, RollupConfig};

/// How far back traversal starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// At the safe head's L1 origin, if Holocene is active there; else as [`Reach::Full`].
    Short,
    /// A channel timeout before it.
    #[default]
    Full,
}

/// Height of the L1 block at which traversal starts: within `reach` of the safe head's origin, but
/// not before the rollup's genesis.
///
/// `origin_time` is the time in seconds of the safe head's L1 origin; an earlier time can only
/// lengthen the way back. The configuration in force there is that of any L2 block whose origin has
/// this height; every L1 height from genesis to the safe head's origin has one.
pub fn traversal_start(
    cfg: &RollupConfig,
    safe_head: &L2Ref,
    origin_time: u64,
    reach: Reach,
) -> u64 {
    if reach == Reach::Short && cfg.is_active(Fork::Holocene, origin_time) {
        return safe_head.l1_origin.number;
    }
    // The timeout counts by the block that includes a frame. Those that matter come after the safe
    // head's origin, when either value may be in force.
    let timeout = cfg
        .channel_timeout_at(origin_time)
        .max(cfg.channel_timeout_at(u64::MAX));
    safe_head
        .l1_origin
        .number
        .saturating_sub(timeout)
        .max(cfg.genesis.l1.number)
}
