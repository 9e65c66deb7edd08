//! The channel bank, the channel stage before Holocene: many channels are open at once, and their
//! frames come in any order.
//!
//! In: frames, with the L1 block that included them. Out: the bytes of complete channels, one at a
//! time. Invariants: channels are ordered by their first frame; the size is the sum over all frames
//! held, and never exceeds the protocol's limit once a frame has been taken in; every frame costs
//! a logarithm of what the bank holds, so that no order of frames makes it slow.
//!
//! spec: protocol/derivation.md#channel-bank

use crate::{
    channel_stage::{CompleteChannel, frame_size},
    trace::{ChannelDropped, FrameDropped, Trace, TraceLog},
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use alloy_primitives::Bytes;
use opal_protocol::{
    ChannelId, Fork, Frame, L1Ref, RollupConfig,
    channel::{MAX_CHANNEL_BANK_SIZE, MAX_CHANNEL_BANK_SIZE_FJORD},
};

/// Place of a channel in the order of first frames.
type Place = u64;

/// The channels that are open, or complete and not read yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChannelBank {
    queue: BTreeMap<Place, BankedChannel>,
    places: BTreeMap<ChannelId, Place>,
    /// Which of them are complete.
    ready: BTreeSet<Place>,
    next_place: Place,
    /// Size in bytes of all channels, as the protocol counts it.
    size: u64,
}

#[derive(Clone, Debug)]
struct BankedChannel {
    id: ChannelId,
    /// Height of the L1 block with the first frame that came.
    opened_at: u64,
    /// Data by frame number.
    frames: BTreeMap<u16, Bytes>,
    /// Number of the closing frame, once it is there.
    end: Option<u16>,
    size: u64,
}

/// Bytes that the bank may hold at L1 time `l1_time`.
pub(crate) fn max_size(cfg: &RollupConfig, l1_time: u64) -> u64 {
    if cfg.is_active(Fork::Fjord, l1_time) {
        MAX_CHANNEL_BANK_SIZE_FJORD as u64
    } else {
        MAX_CHANNEL_BANK_SIZE as u64
    }
}

impl ChannelBank {
    /// Takes a complete channel out, if there is one that may be read: before Canyon only the
    /// first of the queue may, from Canyon on the first that is complete.
    ///
    /// spec: protocol/derivation.md#reading
    pub(crate) fn read(
        &mut self,
        origin: &L1Ref,
        cfg: &RollupConfig,
        trace: &mut TraceLog,
    ) -> Option<CompleteChannel> {
        self.drop_timed_out(origin, cfg, trace);
        let first_ready = *self.ready.first()?;
        let is_head = self.queue.first_key_value().map(|(place, _)| *place) == Some(first_ready);
        if !is_head && !cfg.is_active(Fork::Canyon, origin.time) {
            return None;
        }
        self.remove(first_ready).map(BankedChannel::complete)
    }

    /// Takes a frame in.
    ///
    /// spec: protocol/derivation.md#loading-frames
    pub(crate) fn ingest(
        &mut self,
        frame: &Frame,
        origin: &L1Ref,
        cfg: &RollupConfig,
        trace: &mut TraceLog,
    ) {
        let max_size = max_size(cfg, origin.time);
        self.ingest_within(max_size, frame, origin, cfg, trace);
    }

    /// The same with a given limit of the bank's size in bytes.
    pub(crate) fn ingest_within(
        &mut self,
        max_size: u64,
        frame: &Frame,
        origin: &L1Ref,
        cfg: &RollupConfig,
        trace: &mut TraceLog,
    ) {
        // With the timed-out channels gone, none is left that would have to refuse the frame: they
        // are at the head of the queue.
        self.drop_timed_out(origin, cfg, trace);
        let place = match self.places.get(&frame.id) {
            Some(place) => *place,
            None => self.open(frame.id, origin, trace),
        };
        let Some(channel) = self.queue.get_mut(&place) else {
            return;
        };
        let former_size = channel.size;
        if let Err(reason) = channel.add(frame) {
            let (channel, frame) = (frame.id, frame.number);
            trace.push(Trace::FrameDropped {
                channel,
                frame,
                reason,
            });
            return;
        }
        self.size = self.size.saturating_sub(former_size) + channel.size;
        if channel.is_ready() {
            self.ready.insert(place);
        }
        self.prune(max_size, trace);
    }

    /// Drops every channel.
    pub(crate) fn clear(&mut self, reason: ChannelDropped, trace: &mut TraceLog) {
        for channel in core::mem::take(self).queue.into_values() {
            let channel = channel.id;
            trace.push(Trace::ChannelDropped { channel, reason });
        }
    }

    fn open(&mut self, id: ChannelId, origin: &L1Ref, trace: &mut TraceLog) -> Place {
        let place = self.next_place;
        self.next_place += 1;
        self.places.insert(id, place);
        self.queue.insert(
            place,
            BankedChannel {
                id,
                opened_at: origin.number,
                frames: BTreeMap::new(),
                end: None,
                size: 0,
            },
        );
        let (channel, block) = (id, *origin);
        trace.push(Trace::ChannelOpened { channel, block });
        place
    }

    /// The timeout counts by the L1 block being read (Granite shortens it), so that the channels
    /// that are over are those opened first.
    ///
    /// spec: protocol/derivation.md#timeouts, granite/derivation.md#reduced-channel-timeout
    fn drop_timed_out(&mut self, origin: &L1Ref, cfg: &RollupConfig, trace: &mut TraceLog) {
        let timeout = cfg.channel_timeout_at(origin.time);
        while let Some((&place, first)) = self.queue.first_key_value()
            && first.opened_at.saturating_add(timeout) < origin.number
        {
            self.discard(place, ChannelDropped::TimedOut, trace);
        }
    }

    /// Drops the oldest channels until the bank is within `max_size`.
    ///
    /// spec: protocol/derivation.md#pruning
    fn prune(&mut self, max_size: u64, trace: &mut TraceLog) {
        while self.size > max_size
            && let Some((&place, _)) = self.queue.first_key_value()
        {
            self.discard(place, ChannelDropped::Pruned, trace);
        }
    }

    fn discard(&mut self, place: Place, reason: ChannelDropped, trace: &mut TraceLog) {
        if let Some(channel) = self.remove(place) {
            let channel = channel.id;
            trace.push(Trace::ChannelDropped { channel, reason });
        }
    }

    fn remove(&mut self, place: Place) -> Option<BankedChannel> {
        let channel = self.queue.remove(&place)?;
        self.places.remove(&channel.id);
        self.ready.remove(&place);
        self.size = self.size.saturating_sub(channel.size);
        Some(channel)
    }
}

impl BankedChannel {
    fn add(&mut self, frame: &Frame) -> Result<(), FrameDropped> {
        if frame.is_last && self.end.is_some() {
            return Err(FrameDropped::SecondClosing);
        }
        if self.frames.contains_key(&frame.number) {
            return Err(FrameDropped::Duplicate);
        }
        if self.end.is_some_and(|end| frame.number > end) {
            return Err(FrameDropped::BehindClosing);
        }
        if frame.is_last {
            self.end = Some(frame.number);
            // Whatever has a higher number can never be read.
            for void in self.frames.split_off(&frame.number).values() {
                self.size = self.size.saturating_sub(frame_size(void));
            }
        }
        self.size += frame_size(&frame.data);
        // A copy frees the transaction or blob that the frame came in, which may be much larger
        // than what counts of it.
        self.frames
            .insert(frame.number, Bytes::copy_from_slice(&frame.data));
        Ok(())
    }

    /// Numbers are unique and none exceeds `end`, so that counting them is enough.
    fn is_ready(&self) -> bool {
        self.end
            .is_some_and(|end| self.frames.len() == usize::from(end) + 1)
    }

    fn complete(mut self) -> CompleteChannel {
        let data = match self.frames.len() {
            1 => self.frames.pop_first().map(|(_, data)| data),
            _ => None,
        };
        let data = data.unwrap_or_else(|| {
            let length = self.frames.values().map(|data| data.len()).sum();
            let mut whole = Vec::with_capacity(length);
            for data in self.frames.values() {
                whole.extend_from_slice(data);
            }
            whole.into()
        });
        CompleteChannel { id: self.id, data }
    }
}

#[cfg(test)]
impl ChannelBank {
    /// Size in bytes of all channels, as the protocol counts it.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// The channels in order.
    pub(crate) fn ids(&self) -> Vec<ChannelId> {
        self.queue.values().map(|channel| channel.id).collect()
    }
}
