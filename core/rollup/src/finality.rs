//! Finality: which L2 blocks rest on finalized L1 blocks alone?
//!
//! In: each safe head with the L1 block it was derived from; L1's finalized block; the canonical
//! L1 block at a height that was asked for. Out: the L2 block that is final, or the news that the
//! history rests on an L1 block that is not canonical.
//!
//! Invariant: entries ascend strictly in L1 and in L2 height; the newest entry of an L1 block
//! names the last safe head derived from it.
//!
//! spec: protocol/derivation.md#finalization-guarantees

use alloc::collections::VecDeque;
use opal_protocol::{L1Ref, L2Ref};

/// L1 blocks of which the safe head is remembered. Mainnet finalizes within about 100; a chain
/// whose L1 does not finalize for longer waits until finality is back within reach.
pub const HISTORY_L1_BLOCKS_MAX: usize = 8192;

/// The safe head as it stood once an L1 block had been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SafeAt {
    /// Last L2 block derived from `derived_from` or before.
    pub l2: L2Ref,
    /// The L1 block.
    pub derived_from: L1Ref,
}

/// What the history says about a finality signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finalizable {
    /// Nothing new is final.
    Nothing,
    /// This block is final if the canonical L1 block at the height of its `derived_from` still is
    /// that block: ask L1.
    Unproven(SafeAt),
    /// This block is final.
    Final(L2Ref),
    /// The history rests on an L1 block that L1 has finalized away.
    Orphaned(SafeAt),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Finality {
    history: VecDeque<SafeAt>,
    finalized_l1: Option<L1Ref>,
}

impl Finality {
    /// Notes that `l2` became the safe head by reading `derived_from`.
    pub(crate) fn record(&mut self, l2: L2Ref, derived_from: L1Ref) {
        // A safe head that moves within one L1 block replaces the earlier entry; so does whatever
        // a reset left that is not older than the new one.
        while self.history.back().is_some_and(|last| {
            last.derived_from.number >= derived_from.number || last.l2.number >= l2.number
        }) {
            self.history.pop_back();
        }
        if self.history.len() == HISTORY_L1_BLOCKS_MAX {
            self.history.pop_front();
        }
        self.history.push_back(SafeAt { l2, derived_from });
    }

    /// Takes in L1's finalized block. Signals that go back in height are ignored.
    pub(crate) fn signal(&mut self, finalized: L1Ref) {
        if self
            .finalized_l1
            .is_none_or(|known| finalized.number >= known.number)
        {
            self.finalized_l1 = Some(finalized);
        }
    }

    /// The newest block above `finalized` that the last signal makes final.
    pub(crate) fn check(&self, finalized: &L2Ref) -> Finalizable {
        let Some(signal) = self.finalized_l1 else {
            return Finalizable::Nothing;
        };
        let newest = self
            .history
            .iter()
            .rev()
            .find(|e| e.derived_from.number <= signal.number);
        match newest {
            Some(entry) if entry.l2.number > finalized.number => {
                if entry.derived_from.number < signal.number {
                    Finalizable::Unproven(*entry)
                } else if entry.derived_from.hash == signal.hash {
                    Finalizable::Final(entry.l2)
                } else {
                    Finalizable::Orphaned(*entry)
                }
            }
            _ => Finalizable::Nothing,
        }
    }

    /// Whether the history still holds `entry`, which may have been truncated while L1 was asked.
    pub(crate) fn holds(&self, entry: &SafeAt) -> bool {
        self.history.iter().rev().any(|e| e == entry)
    }

    /// The safe head as it stood after L1 block `number`, as far as remembered.
    pub(crate) fn safe_at(&self, number: u64) -> Option<SafeAt> {
        self.history
            .iter()
            .rev()
            .find(|e| e.derived_from.number <= number)
            .copied()
    }

    /// Entries, newest first.
    pub(crate) fn newest_first(&self) -> impl DoubleEndedIterator<Item = &SafeAt> + Clone {
        self.history.iter().rev()
    }

    /// Forgets what came after `proven`, the newest entry known to rest on canonical L1 blocks;
    /// forgets everything if there is none.
    pub(crate) fn truncate(&mut self, proven: Option<L1Ref>) {
        match proven {
            None => self.history.clear(),
            Some(l1) => self.history.retain(|e| e.derived_from.number <= l1.number),
        }
    }
}
