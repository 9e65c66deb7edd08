//! What the rollup node's status means for the blocks held: which are safe, which are lost.

use crate::submission::Submission;
use alloy_primitives::B256;
use opal_protocol::{Fork, L1Id, L2Id, L2Ref};

/// The part of `optimism_syncStatus` that matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RollupStatus {
    /// The L1 block that derivation has read last.
    pub current_l1: L1Id,
    /// L1's head as the node sees it.
    pub head_l1: L1Id,
    /// The safe head (`local_safe_l2`).
    pub safe: L2Ref,
    /// The sequencer's head.
    pub unsafe_head: L2Id,
}

/// What to do after a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is well: load what [`Submission::wants`] and go on.
    InSync,
    /// The node is starting, or reads again what it had read before, after a restart or a reorg.
    /// Its safe head says nothing until it is where it was; load nothing meanwhile.
    CatchingUp,
    /// What is held no longer fits the chain. Everything was forgotten; begin again behind the
    /// safe head.
    Reset(ResetReason),
}

/// Why everything was forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResetReason {
    /// The first status.
    #[error("start")]
    Start,
    /// The safe head moved back behind the blocks held.
    #[error("the safe head went back from block {from} to {to}")]
    SafeHeadWentBack {
        /// The safe block before.
        from: u64,
        /// The safe block now.
        to: u64,
    },
    /// The safe chain has another block where we hold one.
    #[error("L2 reorg: block {number} became safe as {safe}, but we hold {held}")]
    SafeReorg {
        /// Height of the block.
        number: u64,
        /// Hash of the safe block.
        safe: B256,
        /// Hash of our block.
        held: B256,
    },
    /// The sequencer's chain has another block where we hold one.
    #[error("L2 reorg: the sequencer's block {number} is {now}, but we hold {held}")]
    UnsafeReorg {
        /// Height of the block.
        number: u64,
        /// Hash of the sequencer's block.
        now: B256,
        /// Hash of our block.
        held: B256,
    },
}

/// Why blocks are put into channels again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequeueReason {
    /// A transaction of theirs will never land.
    #[error("a transaction failed")]
    TxFailed,
    /// Their channel was not complete in time.
    #[error("the channel timed out")]
    ChannelTimeout,
    /// Derivation has read past their channel, and they did not become safe: an L1 reorg dropped
    /// it, or a fork's activation flushed it.
    #[error("derivation passed L1 block {passed} without making block {missing} safe")]
    NotDerived {
        /// The L1 block in which the channel was complete.
        passed: u64,
        /// The first block that is missing.
        missing: u64,
    },
}

impl Submission {
    /// Takes notice of the rollup node's status: safe blocks are dropped, lost ones queued again.
    pub fn on_status(&mut self, status: &RollupStatus) -> Verdict {
        let current = status.current_l1.number;
        if status.safe.hash.is_zero() || status.head_l1.hash.is_zero() {
            return Verdict::CatchingUp;
        }
        // A chain that is shorter now cannot be read as far as before.
        self.best_current_l1 = self.best_current_l1.min(status.head_l1.number);
        let Some(base) = self.base else {
            let lag = status.head_l1.number.saturating_sub(current);
            if self.config.wait_node_sync.is_some_and(|max| lag > max) {
                return Verdict::CatchingUp;
            }
            self.best_current_l1 = current;
            return self.start_again(status, ResetReason::Start);
        };
        if current < self.best_current_l1 {
            return Verdict::CatchingUp;
        }
        self.best_current_l1 = current;
        if status.safe.number < base.number {
            let (from, to) = (base.number, status.safe.number);
            return self.start_again(status, ResetReason::SafeHeadWentBack { from, to });
        }
        let safe = status.safe.id();
        if let Some(held) = self.hash_at(safe.number).filter(|held| *held != safe.hash) {
            let reason = ResetReason::SafeReorg {
                number: safe.number,
                safe: safe.hash,
                held,
            };
            return self.start_again(status, reason);
        }
        let head = status.unsafe_head;
        if let Some(held) = self.hash_at(head.number).filter(|held| *held != head.hash) {
            let reason = ResetReason::UnsafeReorg {
                number: head.number,
                now: head.hash,
                held,
            };
            return self.start_again(status, reason);
        }
        self.prune(&status.safe);
        self.requeue_lost(current);
        Verdict::InSync
    }

    fn start_again(&mut self, status: &RollupStatus, reason: ResetReason) -> Verdict {
        self.reset(status.safe);
        Verdict::Reset(reason)
    }

    /// Hash of the block held at `number`, the safe one below all others included.
    fn hash_at(&self, number: u64) -> Option<B256> {
        if let Some(base) = self.base.filter(|base| base.number == number) {
            return Some(base.hash);
        }
        let first = self.blocks.front()?.l2().number;
        let index = usize::try_from(number.checked_sub(first)?).ok()?;
        self.blocks.get(index).map(|block| block.l2().hash)
    }

    /// Drops what is safe.
    fn prune(&mut self, safe: &L2Ref) {
        while self
            .blocks
            .front()
            .is_some_and(|block| block.l2().number <= safe.number)
        {
            self.drop_first_block();
        }
        if self.blocks.is_empty() && self.base.is_some_and(|base| base.number < safe.number) {
            // Somebody else posted blocks that we had not loaded.
            self.reset(*safe);
        }
    }

    /// Queues again what derivation should have made safe and did not.
    fn requeue_lost(&mut self, current_l1: u64) {
        let patience = self.bank_delay();
        let lost = self
            .channels
            .iter()
            .enumerate()
            .find_map(|(index, channel)| {
                let passed = channel.complete_at()?.number;
                let is_over = current_l1 > passed.saturating_add(patience);
                is_over.then_some((index, passed))
            });
        if let Some((index, passed)) = lost
            && let Some(first) = self.blocks.front()
        {
            let missing = first.l2().number.max(self.channels[index].blocks.0);
            self.requeue(index, RequeueReason::NotDerived { passed, missing });
        }
    }

    /// L1 blocks for which a complete channel may lie unread. Before Canyon the channel bank is
    /// read from its head alone, so that a channel which somebody left unfinished holds up those
    /// behind it until it times out. Who gave up sooner would leave unfinished channels himself,
    /// and hold up what he sends instead.
    ///
    /// spec: protocol/derivation.md#channel-bank
    fn bank_delay(&self) -> u64 {
        if self.rollup.is_active(Fork::Canyon, self.l1_time) {
            0
        } else {
            self.rollup.channel_timeout_at(self.l1_time)
        }
    }
}
