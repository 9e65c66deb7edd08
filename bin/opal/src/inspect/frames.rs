//! The frames of batcher data, and the channels that are complete in them.

use super::{
    channel::{self, counted},
    table::Table,
};
use alloy_primitives::Bytes;
use eyre::Result;
use opal_protocol::{ChannelId, Frame, RollupConfig, frame::parse_frames};
use serde::Serialize;
use std::{collections::BTreeMap, fmt};

/// Batcher data, decoded.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    bytes: usize,
    frame_count: usize,
    frames: Vec<FrameReport>,
    channels: Vec<ChannelReport>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FrameReport {
    channel_id: ChannelId,
    number: u16,
    data_bytes: usize,
    is_last: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ChannelReport {
    channel_id: ChannelId,
    /// Whether all its frames are here.
    is_complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<channel::Report>,
    /// Why a complete channel holds nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Report {
    /// Decodes one piece of batcher data.
    pub(super) fn of(data: &Bytes, cfg: &RollupConfig) -> Result<Self> {
        Ok(Self::of_frames(data.len(), &parse_frames(data)?, cfg))
    }

    /// Reports frames, which may come from several pieces of batcher data.
    pub(super) fn of_frames(bytes: usize, frames: &[Frame], cfg: &RollupConfig) -> Self {
        let reports = frames.iter().map(|frame| FrameReport {
            channel_id: frame.id,
            number: frame.number,
            data_bytes: frame.data.len(),
            is_last: frame.is_last,
        });
        Self {
            bytes,
            frame_count: frames.len(),
            frames: reports.collect(),
            channels: channels(frames, cfg),
        }
    }
}

/// The channels of the frames, in order of first appearance.
fn channels(frames: &[Frame], cfg: &RollupConfig) -> Vec<ChannelReport> {
    let mut order = Vec::new();
    let mut by_id = BTreeMap::<ChannelId, BTreeMap<u16, &Frame>>::new();
    for frame in frames {
        let channel = by_id.entry(frame.id).or_insert_with(|| {
            order.push(frame.id);
            BTreeMap::new()
        });
        channel.entry(frame.number).or_insert(frame);
    }
    order
        .into_iter()
        .map(|id| ChannelReport::of(id, &by_id[&id], cfg))
        .collect()
}

impl ChannelReport {
    fn of(channel_id: ChannelId, frames: &BTreeMap<u16, &Frame>, cfg: &RollupConfig) -> Self {
        let Some(data) = assembled(frames) else {
            return Self {
                channel_id,
                is_complete: false,
                channel: None,
                error: None,
            };
        };
        let (channel, error) = match channel::Report::of(&data, cfg) {
            Ok(report) => (Some(report), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self {
            channel_id,
            is_complete: true,
            channel,
            error,
        }
    }
}

/// The data of a channel, if the frames from 0 to the closing one are there.
fn assembled(frames: &BTreeMap<u16, &Frame>) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    for (expected, (&number, frame)) in (0..=u16::MAX).zip(frames) {
        if number != expected {
            return None;
        }
        data.extend_from_slice(&frame.data);
        if frame.is_last {
            return Some(data);
        }
    }
    None
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let frames = counted(self.frame_count, "frame", "frames");
        writeln!(f, "Batcher data: {} bytes, {frames}", self.bytes)?;
        let mut table = Table::new(&["channel", "frame", "bytes", "last"]);
        for frame in &self.frames {
            let last = if frame.is_last { "yes" } else { "" };
            table.row([&frame.channel_id, &frame.number, &frame.data_bytes, &last]);
        }
        write!(f, "{table}")?;
        for channel in &self.channels {
            writeln!(f)?;
            match (&channel.channel, &channel.error) {
                (Some(report), _) => writeln!(f, "{}\n{report}", channel.channel_id)?,
                (None, Some(error)) => writeln!(f, "{} is dropped: {error}", channel.channel_id)?,
                (None, None) => {
                    writeln!(f, "{} is not complete here", channel.channel_id)?;
                }
            }
        }
        Ok(())
    }
}
