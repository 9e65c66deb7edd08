//! The state machine: blocks behind a cursor, one open channel, closed channels in order.

use crate::{
    block::Block,
    builder::{OpenChannel, Ratio},
    channel::{Channel, TxData, TxId},
    config::{ConfigError, MAX_BUFFERED_BLOCKS, MAX_BUFFERED_BYTES, SubmissionConfig},
    sync::RequeueReason,
};
use alloc::{collections::VecDeque, sync::Arc, vec::Vec};
use alloy_primitives::B256;
use core::ops::RangeInclusive;
use opal_protocol::{ChannelId, L1Id, L2Id, L2Ref, RollupConfig, SpanContext};

/// Trace events kept for the shell; older ones are dropped.
const MAX_TRACE: usize = 1024;

/// Why a block was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// There is no room until older blocks are safe. Offer it again later.
    #[error("the batcher holds as many blocks as it may until older ones are safe")]
    Full,
    /// It is not the block that comes next.
    #[error("expected L2 block {expected}, got {got}")]
    NotNext {
        /// Number of the next block.
        expected: u64,
        /// Number of the block offered.
        got: u64,
    },
    /// It builds on another block than the last one: the sequencer's chain was reorganised.
    #[error("L2 reorg: block {block} does not build on {parent}")]
    Reorg {
        /// The block offered.
        block: L2Id,
        /// Hash of the last block taken.
        parent: B256,
    },
}

/// Why a channel was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// It reached its target size.
    Full,
    /// It was open for the longest duration, or the sequencing window nears its end.
    Deadline,
    /// Somebody asked for it.
    Flushed,
    /// The next block cannot be in the same channel.
    Unfit,
}

/// What happened inside, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace {
    /// A channel was closed and cut into frames.
    ChannelClosed {
        /// The channel.
        id: ChannelId,
        /// Its first and last block.
        blocks: (u64, u64),
        /// Bytes before compression.
        raw_bytes: usize,
        /// Bytes after compression.
        bytes: usize,
        /// Why.
        reason: CloseReason,
    },
    /// All of a channel has landed; the rollup node will tell whether it counts.
    ChannelLanded {
        /// The channel.
        id: ChannelId,
        /// Its first and last block.
        blocks: (u64, u64),
        /// The L1 block that completed it.
        at: L1Id,
    },
    /// Blocks from this one on will be sent again.
    Requeued {
        /// Number of the first block.
        from: u64,
        /// Why.
        reason: RequeueReason,
    },
}

/// Figures for a status display.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubmissionStatus {
    /// Blocks held, all of which are unsafe.
    pub blocks: usize,
    /// Bytes of their transactions.
    pub bytes: usize,
    /// Blocks not in a closed channel yet.
    pub blocks_unsubmitted: usize,
    /// Closed channels that are not safe yet.
    pub channels: usize,
    /// Compressed bytes not sent yet.
    pub unsent_bytes: usize,
}

/// See the crate's documentation.
#[derive(Clone, Debug)]
pub struct Submission {
    pub(crate) config: SubmissionConfig,
    pub(crate) rollup: Arc<RollupConfig>,
    pub(crate) context: SpanContext,
    pub(crate) seed: B256,
    /// The safe block that the first held block builds on; `None` before the first reset.
    pub(crate) base: Option<L2Ref>,
    /// Unsafe blocks, consecutive from `base` on.
    pub(crate) blocks: VecDeque<Block>,
    bytes: usize,
    /// Index of the first block that is in no channel.
    pub(crate) cursor: usize,
    pub(crate) open: Option<OpenChannel>,
    pub(crate) channels: VecDeque<Channel>,
    pub(crate) l1_head: u64,
    pub(crate) l1_time: u64,
    /// The highest L1 block that the rollup node has reported to have read.
    pub(crate) best_current_l1: u64,
    pub(crate) is_flushing: bool,
    pub(crate) ratio: Ratio,
    pub(crate) next_tx_id: u64,
    pub(crate) next_channel: u64,
    trace: Vec<Trace>,
}

impl Submission {
    /// Takes nothing before the first [`Self::on_status`] or [`Self::reset`]. `seed` makes channel
    /// ids differ from those of other runs; it must be fresh in each run.
    pub fn new(
        config: SubmissionConfig,
        rollup: Arc<RollupConfig>,
        seed: B256,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            config,
            context: SpanContext::from(&*rollup),
            rollup,
            seed,
            base: None,
            blocks: VecDeque::new(),
            bytes: 0,
            cursor: 0,
            open: None,
            channels: VecDeque::new(),
            l1_head: 0,
            l1_time: 0,
            best_current_l1: 0,
            is_flushing: false,
            ratio: Ratio::WORST,
            next_tx_id: 0,
            next_channel: 0,
            trace: Vec::new(),
        })
    }

    /// Forgets everything and starts behind `safe`.
    pub fn reset(&mut self, safe: L2Ref) {
        self.base = Some(safe);
        self.blocks.clear();
        self.bytes = 0;
        self.cursor = 0;
        self.open = None;
        self.channels.clear();
        self.is_flushing = false;
    }

    /// Forgets everything and waits for the next status. Ids of transactions are not used again.
    pub fn restart(&mut self) {
        self.reset(L2Ref::default());
        self.base = None;
    }

    /// The blocks to load next, up to the sequencer's head `unsafe_number`; `None` when there is
    /// none or no room.
    pub fn wants(&self, unsafe_number: u64) -> Option<RangeInclusive<u64>> {
        let next = self.tip()?.number.checked_add(1)?;
        (next <= unsafe_number && !self.is_buffer_full()).then_some(next..=unsafe_number)
    }

    /// Takes the next block.
    pub fn push_block(&mut self, block: Block) -> Result<(), PushError> {
        let tip = self.tip().copied().unwrap_or_default();
        let l2 = block.l2();
        let expected = tip.number.saturating_add(1);
        if self.base.is_none() || l2.number != expected {
            return Err(PushError::NotNext {
                expected,
                got: l2.number,
            });
        }
        if l2.parent_hash != tip.hash {
            return Err(PushError::Reorg {
                block: l2.id(),
                parent: tip.hash,
            });
        }
        if self.is_buffer_full() {
            return Err(PushError::Full);
        }
        self.bytes = self.bytes.saturating_add(block.bytes());
        self.blocks.push_back(block);
        Ok(())
    }

    /// Takes notice of L1's head: its number and its time in unix seconds.
    pub fn on_l1_head(&mut self, number: u64, time: u64) {
        self.l1_head = number;
        self.l1_time = time;
        self.requeue_timed_out();
    }

    /// Closes the open channel at the next [`Self::next_tx`], with all blocks held.
    pub const fn flush(&mut self) {
        self.is_flushing = true;
    }

    /// The next transaction to send. Send them in the order given, so that they land in it. This
    /// is where channels are built and compressed, which takes time.
    pub fn next_tx(&mut self) -> Option<TxData> {
        self.fill();
        self.channels.iter_mut().find_map(Channel::take_unsent)
    }

    /// A transaction has landed in L1 block `at`.
    pub fn on_confirmed(&mut self, id: TxId, at: L1Id) {
        let Some(channel) = self.channels.iter_mut().find(|c| c.has_tx(id)) else {
            return;
        };
        channel.land(id, at);
        if let Some(at) = channel.complete_at() {
            let (id, blocks) = (channel.id, channel.blocks);
            self.note(Trace::ChannelLanded { id, blocks, at });
        }
        self.requeue_timed_out();
    }

    /// A transaction will never land. Its channel and all behind it are built anew: nothing behind
    /// the gap would count.
    pub fn on_failed(&mut self, id: TxId) {
        if let Some(index) = self.channels.iter().position(|c| c.has_tx(id)) {
            self.requeue(index, RequeueReason::TxFailed);
        }
    }

    /// Figures for a status display.
    pub fn status(&self) -> SubmissionStatus {
        let open = self.open.as_ref().map_or(0, |open| open.count);
        SubmissionStatus {
            blocks: self.blocks.len(),
            bytes: self.bytes,
            blocks_unsubmitted: self.blocks.len() - self.cursor.saturating_sub(open),
            channels: self.channels.len(),
            unsent_bytes: self.channels.iter().map(Channel::unsent_bytes).sum(),
        }
    }

    /// What happened since the last call.
    pub fn drain_trace(&mut self) -> Vec<Trace> {
        core::mem::take(&mut self.trace)
    }

    /// The last block held, or the safe block it all builds on.
    pub(crate) fn tip(&self) -> Option<&L2Ref> {
        self.blocks.back().map(Block::l2).or(self.base.as_ref())
    }

    fn is_buffer_full(&self) -> bool {
        self.blocks.len() >= MAX_BUFFERED_BLOCKS || self.bytes >= MAX_BUFFERED_BYTES
    }

    pub(crate) fn note(&mut self, trace: Trace) {
        if self.trace.len() < MAX_TRACE {
            self.trace.push(trace);
        }
    }

    /// Drops the first block, which is safe.
    pub(crate) fn drop_first_block(&mut self) {
        let Some(block) = self.blocks.pop_front() else {
            return;
        };
        self.bytes = self.bytes.saturating_sub(block.bytes());
        if self.cursor > 0 {
            self.cursor -= 1;
        }
        let number = block.l2().number;
        self.base = Some(*block.l2());
        // A channel that is being filled starts again without it.
        if let Some(open) = self.open.take_if(|open| open.first <= number) {
            self.cursor = self.cursor.saturating_sub(open.count.saturating_sub(1));
        }
        while self
            .channels
            .front()
            .is_some_and(|channel| channel.blocks.1 <= number)
        {
            self.channels.pop_front();
        }
    }

    /// Drops the channels from `index` on; their blocks are put into channels again.
    pub(crate) fn requeue(&mut self, index: usize, reason: RequeueReason) {
        let (Some(channel), Some(first)) = (self.channels.get(index), self.blocks.front()) else {
            return;
        };
        let from = channel.blocks.0.max(first.l2().number);
        let cursor = from - first.l2().number;
        self.cursor = usize::try_from(cursor).unwrap_or(0).min(self.blocks.len());
        self.open = None;
        self.channels.truncate(index);
        self.note(Trace::Requeued { from, reason });
    }

    fn requeue_timed_out(&mut self) {
        let timeout = self.rollup.channel_timeout_at(self.l1_time);
        let head = self.l1_head;
        if let Some(index) = self
            .channels
            .iter()
            .position(|c| c.is_timed_out(head, timeout))
        {
            self.requeue(index, RequeueReason::ChannelTimeout);
        }
    }
}
