//! Channels: the channel bank, and since Holocene the one staging channel.
//!
//! spec: protocol/derivation.md#channel-bank, protocol/holocene/derivation.md#channel-bank

use crate::{
    frames::Frame,
    params::{channel_timeout, is_active, max_channel_bank_size, max_rlp_bytes_per_channel},
};
use opal_protocol::{Fork, RollupConfig};
use std::collections::BTreeMap;

/// Bytes that each frame counts for beside its data.
const FRAME_OVERHEAD: u64 = 200;

/// The L1 block that is being read, as far as channels care.
#[derive(Clone, Copy, Debug)]
pub(crate) struct L1Place {
    pub(crate) number: u64,
    pub(crate) time: u64,
}

/// Frames of one channel.
#[derive(Clone, Debug)]
struct Channel {
    id: [u8; 16],
    /// Height of the L1 block that held the first frame seen.
    open_l1_block: u64,
    frames: BTreeMap<u16, Frame>,
    /// Number of the closing frame.
    closed_by: Option<u16>,
    /// Bytes that the channel counts for.
    size: u64,
}

impl Channel {
    const fn open(id: [u8; 16], l1: L1Place) -> Self {
        Self {
            id,
            open_l1_block: l1.number,
            frames: BTreeMap::new(),
            closed_by: None,
            size: 0,
        }
    }

    /// spec: protocol/derivation.md#timeouts
    fn is_timed_out(&self, cfg: &RollupConfig, l1: L1Place) -> bool {
        l1.number > self.open_l1_block + channel_timeout(cfg, l1.time)
    }

    /// spec: protocol/derivation.md#reading
    fn is_ready(&self) -> bool {
        let Some(last) = self.closed_by else {
            return false;
        };
        (0..=last).all(|number| self.frames.contains_key(&number))
    }

    /// Whether the channel took the frame.
    ///
    /// spec: protocol/derivation.md#loading-frames
    fn add(&mut self, frame: Frame) -> bool {
        let is_second_close = frame.is_last && self.closed_by.is_some();
        let is_duplicate = self.frames.contains_key(&frame.number);
        let is_behind_close = self.closed_by.is_some_and(|last| frame.number >= last);
        if is_second_close || is_duplicate || is_behind_close {
            return false;
        }
        if frame.is_last {
            self.closed_by = Some(frame.number);
            // What is removed, and no more, is taken off the size: docs/decisions/undecided-batches.md.
            let removed = self.frames.split_off(&frame.number);
            self.size -= removed.values().map(frame_size).sum::<u64>();
        }
        self.size += frame_size(&frame);
        self.frames.insert(frame.number, frame);
        true
    }

    fn data(&self) -> Vec<u8> {
        self.frames.values().flat_map(|f| f.data.clone()).collect()
    }
}

const fn frame_size(frame: &Frame) -> u64 {
    frame.data.len() as u64 + FRAME_OVERHEAD
}

/// The channel bank, before Holocene.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChannelBank {
    /// The channel queue: in the order of their opening.
    queue: Vec<Channel>,
}

impl ChannelBank {
    /// Takes the next ready channel out of the bank and gives its data.
    ///
    /// spec: protocol/derivation.md#reading
    pub(crate) fn read(&mut self, cfg: &RollupConfig, l1: L1Place) -> Option<Vec<u8>> {
        while let Some(first) = self.queue.first()
            && first.is_timed_out(cfg, l1)
        {
            self.queue.remove(0);
        }
        let readable = if is_active(cfg, Fork::Canyon, l1.time) {
            self.queue.len()
        } else {
            self.queue.len().min(1)
        };
        let is_ready = |channel: &Channel| !channel.is_timed_out(cfg, l1) && channel.is_ready();
        let ready = self.queue[..readable].iter().position(is_ready)?;
        Some(self.queue.remove(ready).data())
    }

    /// spec: protocol/derivation.md#loading-frames
    pub(crate) fn load(&mut self, cfg: &RollupConfig, l1: L1Place, frame: Frame) {
        let id = frame.channel_id;
        if !self.queue.iter().any(|channel| channel.id == id) {
            self.queue.push(Channel::open(id, l1));
        }
        for channel in &mut self.queue {
            if channel.id == id && (channel.is_timed_out(cfg, l1) || !channel.add(frame.clone())) {
                return;
            }
        }
        self.prune(cfg, l1);
    }

    /// spec: protocol/derivation.md#pruning
    fn prune(&mut self, cfg: &RollupConfig, l1: L1Place) {
        let total = |queue: &[Channel]| queue.iter().map(|channel| channel.size).sum::<u64>();
        while total(&self.queue) > max_channel_bank_size(cfg, l1.time) {
            self.queue.remove(0);
        }
    }
}

/// The staging slot, from Holocene on.
#[derive(Clone, Debug, Default)]
pub(crate) struct StagingChannel {
    channel: Option<Channel>,
}

impl StagingChannel {
    /// spec: protocol/holocene/derivation.md#timeout
    pub(crate) fn drop_if_timed_out(&mut self, cfg: &RollupConfig, l1: L1Place) {
        let is_timed_out = |channel: &Channel| channel.is_timed_out(cfg, l1);
        if self.channel.as_ref().is_some_and(is_timed_out) {
            self.channel = None;
        }
    }

    /// Loads a frame; gives the data of the channel if that completes it.
    ///
    /// spec: protocol/holocene/derivation.md#reading--frame-loading
    pub(crate) fn load(
        &mut self,
        cfg: &RollupConfig,
        l1: L1Place,
        frame: Frame,
    ) -> Option<Vec<u8>> {
        if frame.number == 0 {
            self.channel = Some(Channel::open(frame.channel_id, l1));
        }
        let channel = self.channel.as_mut()?;
        let is_next = usize::from(frame.number) == channel.frames.len();
        if frame.channel_id != channel.id || !is_next || !channel.add(frame) {
            return None;
        }
        // spec: protocol/holocene/derivation.md#pruning
        if channel.size > max_rlp_bytes_per_channel(cfg, l1.time) {
            self.channel = None;
            return None;
        }
        if channel.is_ready() {
            return self.channel.take().map(|channel| channel.data());
        }
        None
    }

    /// Drops what is there. spec: protocol/holocene/derivation.md#fast-channel-invalidation
    pub(crate) fn flush(&mut self) {
        self.channel = None;
    }
}
