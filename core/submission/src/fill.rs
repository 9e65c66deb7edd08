//! Filling channels: which blocks go together, in which form, and when it is enough.

use crate::{
    block::Block,
    builder::{Added, Form, OpenChannel, Verdict},
    channel::{Channel, TxId},
    config::{BatchForm, DataForm, MAX_UNSENT_CHANNELS},
    submission::{CloseReason, Submission, Trace},
};
use alloc::vec::Vec;
use alloy_primitives::keccak256;
use opal_protocol::{ChannelId, Compression, Fork, L2Ref};

impl Submission {
    /// Fills and closes channels as far as blocks and limits allow.
    pub(crate) fn fill(&mut self) {
        loop {
            if self.channels.iter().filter(|c| c.has_unsent()).count() >= MAX_UNSENT_CHANNELS {
                return;
            }
            while let Some(block) = self.blocks.get(self.cursor) {
                let form = self.form(block);
                let opened = OpenChannel::new(
                    form,
                    block.l2().number,
                    self.close_at_l1(block.l2()),
                    self.context,
                );
                let open = self.open.get_or_insert(opened);
                if open.push(block, &self.config) == Added::CloseFirst {
                    self.close(CloseReason::Unfit);
                    break;
                }
                self.cursor += 1;
                let target = self.config.target_bytes(open.form.data);
                if open.seems_full(target, self.ratio) && self.try_close_full() {
                    break;
                }
            }
            if self.cursor < self.blocks.len() {
                continue;
            }
            let is_due = |open: &OpenChannel| open.close_at_l1.is_some_and(|at| self.l1_head >= at);
            match &self.open {
                Some(open) if is_due(open) => self.close(CloseReason::Deadline),
                Some(_) if self.is_flushing => self.close(CloseReason::Flushed),
                _ => {}
            }
            self.is_flushing = false;
            return;
        }
    }

    /// How a channel that starts with `first` can be written now. Span batches count by the time of
    /// the first block's L1 origin, compression and blobs by that of the L1 block that includes the
    /// frames, which is not before L1's head. A channel keeps its form: forms are never withdrawn.
    ///
    /// spec: protocol/delta/span-batches.md#activation, protocol/ecotone/derivation.md#blob-retrieval,
    /// protocol/fjord/derivation.md#brotli-channel-compression
    fn form(&self, first: &Block) -> Form {
        let is_active = |fork, time| self.rollup.is_active(fork, time);
        let is_delta = is_active(Fork::Delta, self.origin_time_at_least(first));
        Form {
            batch: if is_delta && !self.is_window_closing(first.l2()) {
                self.config.batch
            } else {
                BatchForm::Singular
            },
            compression: if is_active(Fork::Fjord, self.l1_time) {
                self.config.compression
            } else {
                Compression::Zlib
            },
            data: match self.config.data {
                DataForm::Blobs { .. } if !is_active(Fork::Ecotone, self.l1_time) => {
                    DataForm::BEFORE_BLOBS
                }
                data => data,
            },
        }
    }

    /// The time of a block's L1 origin, as the block says; else the rollup's genesis, which is
    /// never later.
    fn origin_time_at_least(&self, block: &Block) -> u64 {
        let genesis_time = self.rollup.genesis.l2_time;
        block.origin_time().unwrap_or(genesis_time)
    }

    /// Whether a channel that starts with `first` may land after its sequencing window.
    ///
    /// Then only single batches get through. A span that comes too late for its first block is
    /// void as a whole, and once the window closes with every L1 block, the next span is too late
    /// again: the safe head would stay a whole window behind for good. Of single batches, those
    /// that derivation had to replace are skipped as past, and the first one behind them is in
    /// time. spec: protocol/holocene/derivation.md#batch-queue
    fn is_window_closing(&self, first: &L2Ref) -> bool {
        self.window_deadline(first) <= self.l1_head
    }

    /// The L1 block at which a channel that starts with `first` must be closed.
    fn close_at_l1(&self, first: &L2Ref) -> Option<u64> {
        let duration = self.config.max_channel_duration;
        let by_duration = (duration > 0).then(|| self.l1_head.saturating_add(duration));
        let by_window = self.window_deadline(first);
        Some(by_duration.map_or(by_window, |at| at.min(by_window)))
    }

    /// The L1 block at which data that starts with `first` must be on its way.
    fn window_deadline(&self, first: &L2Ref) -> u64 {
        first
            .l1_origin
            .number
            .saturating_add(self.rollup.seq_window_size)
            .saturating_sub(self.config.sub_safety_margin)
    }

    /// Compresses the open channel and closes it if it is full. Blocks that do not fit any more
    /// are taken out.
    fn try_close_full(&mut self) -> bool {
        let mut is_last = false;
        while let Some(open) = &mut self.open {
            let target = self.config.target_bytes(open.form.data);
            let measured = open.measure(target, is_last, &self.config);
            self.ratio = self.ratio.learn(measured.ratio);
            match measured.verdict {
                Verdict::Room => return false,
                Verdict::Full => {
                    self.finish(Some(measured.data), CloseReason::Full);
                    return true;
                }
                Verdict::TooMuch { keep } => {
                    let start = self.cursor - open.count;
                    let shrunk = open.shrunk(keep, self.blocks.range(start..), &self.config);
                    self.cursor = start + shrunk.count;
                    *open = shrunk;
                    is_last = true;
                }
            }
        }
        false
    }

    fn close(&mut self, reason: CloseReason) {
        self.finish(None, reason);
    }

    /// Turns the open channel into a closed one. `measured` is its data as last measured.
    fn finish(&mut self, measured: Option<Vec<u8>>, reason: CloseReason) {
        let Some(open) = self.open.take() else {
            return;
        };
        let (blocks, raw_bytes) = ((open.first, open.last()), open.raw_bytes());
        let form = open.form.data;
        let data = open.into_data(measured, &self.config);
        let bytes = data.len();
        let id = self.fresh_channel_id();
        let channel = Channel::new(id, blocks, data, TxId(self.next_tx_id), form);
        self.next_tx_id = self.next_tx_id.wrapping_add(channel.tx_count());
        self.channels.push_back(channel);
        self.note(Trace::ChannelClosed {
            id,
            blocks,
            raw_bytes,
            bytes,
            reason,
        });
    }

    fn fresh_channel_id(&mut self) -> ChannelId {
        let mut preimage = [0; 40];
        preimage[..32].copy_from_slice(self.seed.as_slice());
        preimage[32..].copy_from_slice(&self.next_channel.to_be_bytes());
        self.next_channel = self.next_channel.wrapping_add(1);
        ChannelId::from_slice(&keccak256(preimage)[..16])
    }
}
