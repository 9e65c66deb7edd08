//! From L1 data to batches: the frame queue, the channel bank, the channel reader.
//!
//! Each stage is asked for one piece at a time, and asks the stage before only when it has none.

use super::{
    NaiveDerivation,
    Pull::{self, NeedL1, Ready},
};
use crate::{
    batches::{Batch, read_channel},
    frames::{Frame, drop_out_of_order, parse_frames},
};

impl NaiveDerivation {
    /// The next frame.
    ///
    /// spec: protocol/derivation.md#frame-queue, protocol/holocene/derivation.md#frame-queue
    fn next_frame(&mut self) -> Pull<Frame> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Ready(frame);
            }
            let Some(data) = self.data.pop_front() else {
                return NeedL1;
            };
            let mut frames = parse_frames(&data);
            if self.is_holocene() {
                drop_out_of_order(&mut frames);
            }
            self.frames = frames.into();
        }
    }

    /// The data of the next complete channel.
    ///
    /// spec: protocol/derivation.md#channel-bank, protocol/holocene/derivation.md#channel-bank
    fn next_channel(&mut self) -> Pull<Vec<u8>> {
        let (cfg, l1) = (self.rollup.cfg.clone(), self.l1_place());
        loop {
            // What is in the bank is read before more is loaded.
            if self.is_holocene() {
                self.staging_channel.drop_if_timed_out(&cfg, l1);
            } else if let Some(channel) = self.channel_bank.read(&cfg, l1) {
                return Ready(channel);
            }
            let Ready(frame) = self.next_frame() else {
                return NeedL1;
            };
            if !self.is_holocene() {
                self.channel_bank.load(&cfg, l1, frame);
            } else if let Some(channel) = self.staging_channel.load(&cfg, l1, frame) {
                return Ready(channel);
            }
        }
    }

    /// The next batch of whatever validity.
    ///
    /// spec: protocol/derivation.md#channel-reader-batch-decoding
    pub(super) fn next_decoded_batch(&mut self) -> Pull<Batch> {
        loop {
            if let Some(batch) = self.channel.pop_front() {
                return Ready(batch);
            }
            let Ready(channel) = self.next_channel() else {
                return NeedL1;
            };
            self.channel = read_channel(&self.rollup.cfg, &channel, self.l1_origin().time());
        }
    }
}
