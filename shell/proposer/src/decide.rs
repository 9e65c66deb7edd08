//! Every rule about what may be proposed, and when. Pure: what was seen goes in, a decision comes
//! out.

use alloy_eips::BlockNumHash;
use alloy_primitives::B256;
use opal_protocol::{L1Ref, L2Ref, output::output_root_v0};
use opal_rpc::{OutputAtBlock, SyncStatus};

/// An output that may be proposed while L1 has [`Proposal::ground`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proposal {
    /// The output root.
    pub(crate) output_root: B256,
    /// The L2 block it commits to.
    pub(crate) l2: L2Ref,
    /// The L1 block that the node had read when it answered.
    pub(crate) current_l1: BlockNumHash,
    /// The L1 block on which the proposal stands and falls.
    pub(crate) ground: BlockNumHash,
}

/// Why nothing is proposed now, although nothing is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Wait {
    #[error("the last proposal is {age_seconds} s old, the next is due after {interval_seconds} s")]
    Interval {
        age_seconds: u64,
        interval_seconds: u64,
    },
    #[error("no L2 block above genesis can be proposed yet")]
    Genesis,
    #[error("L2 block {wanted} is next, the chain that can be proposed ends at {head}")]
    NotThere { wanted: u64, head: u64 },
    #[error("L2 block {number} is proposed already")]
    Proposed { number: u64 },
    #[error("L1 at our node does not reach block {wanted} yet, its head is {head}")]
    L1Behind { wanted: u64, head: u64 },
    #[error("the rollup node has read L1 up to {at}, waiting for {until}")]
    Syncing { at: u64, until: u64 },
    #[error("the rollup node does not know a finalized L1 block yet")]
    NothingFinalized,
}

/// Why an output must not be proposed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Doubt {
    #[error("the rollup node gave the output of block {given} when asked for block {asked}")]
    OtherBlock { asked: u64, given: u64 },
    #[error("the rollup node gave an output of version {0}, only version 0 is known")]
    Version(B256),
    #[error(
        "the rollup node's output root {given} is not that of its own answer, which gives {computed}"
    )]
    Root { given: B256, computed: B256 },
    #[error(
        "the rollup node changed its mind: block {number} was {before} and is {after} in its output"
    )]
    Changed {
        number: u64,
        before: B256,
        after: B256,
    },
    #[error(
        "the rollup node stands on L1 block {number} ({theirs}), but our L1 has {ours} there; nothing is proposed until they agree"
    )]
    NotCanonical {
        number: u64,
        theirs: B256,
        ours: B256,
    },
}

/// A decision that is not "propose".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Not {
    #[error("{0}")]
    Yet(#[from] Wait),
    #[error("{0}")]
    Safe(#[from] Doubt),
}

/// The end of the chain that may be proposed.
pub(crate) fn head(status: &SyncStatus, allow_non_finalized: bool) -> L2Ref {
    match allow_non_finalized {
        true => status.safe_l2,
        false => status.finalized_l2,
    }
}

/// Whether a game is due, `last` being the time of our last one, both times L1's.
pub(crate) fn is_due(last: Option<u64>, now: u64, interval_seconds: u64) -> Result<(), Wait> {
    let Some(last) = last else { return Ok(()) };
    let age_seconds = now.saturating_sub(last);
    if age_seconds >= interval_seconds {
        return Ok(());
    }
    Err(Wait::Interval {
        age_seconds,
        interval_seconds,
    })
}

/// The L2 block to propose: the one that the oracle asks for, or else the end of the chain.
pub(crate) fn block(head: &L2Ref, asked: Option<u64>) -> Result<u64, Wait> {
    let wanted = asked.unwrap_or(head.number);
    if wanted == 0 {
        return Err(Wait::Genesis);
    }
    if wanted > head.number {
        return Err(Wait::NotThere {
            wanted,
            head: head.number,
        });
    }
    Ok(wanted)
}

/// Judges the answer to `optimism_outputAtBlock(number)`, `before` being the node's status from
/// before the question. What L1 has is looked at afterwards, in [`on_l1`]: both statuses must have
/// been derived from it.
pub(crate) fn output(
    before: &SyncStatus,
    number: u64,
    answer: &OutputAtBlock,
    allow_non_finalized: bool,
) -> Result<Proposal, Not> {
    let l2 = answer.block_ref;
    if l2.number != number {
        return Err(Doubt::OtherBlock {
            asked: number,
            given: l2.number,
        }
        .into());
    }
    if !answer.version.is_zero() {
        return Err(Doubt::Version(answer.version).into());
    }
    let computed = output_root_v0(answer.state_root, answer.withdrawal_storage_root, l2.hash);
    if computed != answer.output_root {
        return Err(Doubt::Root {
            given: answer.output_root,
            computed,
        }
        .into());
    }
    let after = &answer.sync_status;
    for status in [before, after] {
        let head = head(status, allow_non_finalized);
        if head.number < number {
            return Err(Wait::NotThere {
                wanted: number,
                head: head.number,
            }
            .into());
        }
        if head.number == number && head.hash != l2.hash {
            return Err(Doubt::Changed {
                number,
                before: head.hash,
                after: l2.hash,
            }
            .into());
        }
    }
    let ground = match allow_non_finalized {
        true => after.current_l1,
        false => after.finalized_l1,
    };
    if ground.hash.is_zero() {
        return Err(Wait::NothingFinalized.into());
    }
    Ok(Proposal {
        output_root: answer.output_root,
        l2,
        current_l1: id(&after.current_l1),
        ground: id(&ground),
    })
}

/// Whether L1 agrees with the node about block `theirs`. `ours` is the hash that our L1 has at its
/// number, `head` the number of its head.
pub(crate) fn on_l1(theirs: BlockNumHash, ours: Option<B256>, head: u64) -> Result<(), Not> {
    match ours {
        None => Err(Wait::L1Behind {
            wanted: theirs.number,
            head,
        }
        .into()),
        Some(ours) if ours != theirs.hash => Err(Doubt::NotCanonical {
            number: theirs.number,
            theirs: theirs.hash,
            ours,
        }
        .into()),
        Some(_) => Ok(()),
    }
}

/// The oracle compares a block hash, which the EVM knows of blocks below its own only: a gas
/// estimate on top of `head` needs the block to be older.
pub(crate) fn is_visible(current_l1: u64, head: u64) -> Result<(), Wait> {
    if head > current_l1 {
        return Ok(());
    }
    Err(Wait::L1Behind {
        wanted: current_l1.saturating_add(1),
        head,
    })
}

/// Whether the node has read L1 up to `until`.
pub(crate) fn is_synced(status: &SyncStatus, until: u64) -> Result<(), Wait> {
    let at = status.current_l1.number;
    if at >= until {
        return Ok(());
    }
    Err(Wait::Syncing { at, until })
}

/// What one of several rollup nodes says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    /// Whether its sequencer is active; `false` if it does not tell.
    pub(crate) is_active: bool,
    /// The L1 block that it has read.
    pub(crate) current_l1: u64,
    /// The end of its chain that may be proposed.
    pub(crate) head: u64,
}

/// Which node to follow: one with the active sequencer, else the one that knows most. `current`
/// stays unless another is better. `None` when none answers.
pub(crate) fn node(current: usize, surveys: &[Option<Survey>]) -> Option<usize> {
    let rank = |index: usize| {
        let survey = surveys.get(index)?.as_ref()?;
        Some((survey.is_active, survey.head, survey.current_l1))
    };
    let best = (0..surveys.len())
        .filter_map(|index| Some((rank(index)?, index)))
        .reduce(|best, next| if next.0 > best.0 { next } else { best });
    let (best_rank, best) = best?;
    let stays = rank(current).is_some_and(|mine| mine.0 == best_rank.0 && mine.1 >= best_rank.1);
    Some(if stays { current } else { best })
}

fn id(block: &L1Ref) -> BlockNumHash {
    BlockNumHash {
        number: block.number,
        hash: block.hash,
    }
}

#[cfg(test)]
mod tests;
