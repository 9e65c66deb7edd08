//! A closed channel on its way to L1: which of its transactions are sent, which have landed.

use crate::config::DataForm;
use alloc::{boxed::Box, vec::Vec};
use alloy_eips::eip4844::Blob;
use alloy_primitives::Bytes;
use opal_protocol::{ChannelId, Frame, L1Id, blob, frame::encode_frames};

/// Names the data of one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TxId(pub u64);

/// The data of one transaction to the batch inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxData {
    /// Names it in [`Submission::on_confirmed`](crate::Submission::on_confirmed).
    pub id: TxId,
    /// The frames it carries, in order.
    pub frames: Vec<Frame>,
    /// Whether they go into blobs, one each, or into calldata.
    pub in_blobs: bool,
    /// First and last L2 block of the channel.
    pub blocks: (u64, u64),
}

impl TxData {
    /// The calldata: empty if the frames go into blobs.
    pub fn calldata(&self) -> Bytes {
        if self.in_blobs {
            Bytes::new()
        } else {
            encode_frames(&self.frames).into()
        }
    }

    /// The blobs: none if the frames go into calldata.
    ///
    /// # Panics
    ///
    /// If a frame does not fit into a blob, which would be a bug: frames are cut to fit.
    pub fn blobs(&self) -> Vec<Box<Blob>> {
        if !self.in_blobs {
            return Vec::new();
        }
        let encode = |frame: &Frame| {
            blob::encode(&encode_frames(core::slice::from_ref(frame)))
                .expect("frames are cut to the size of a blob")
        };
        self.frames.iter().map(encode).collect()
    }
}

#[derive(Clone, Debug)]
enum Stage {
    Unsent(Vec<Frame>),
    Sent,
    Landed,
}

#[derive(Clone, Debug)]
struct ChannelTx {
    id: TxId,
    stage: Stage,
}

/// A closed channel.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(crate) id: ChannelId,
    /// First and last L2 block in it.
    pub(crate) blocks: (u64, u64),
    txs: Vec<ChannelTx>,
    in_blobs: bool,
    /// L1 block of the first and of the last transaction that landed so far.
    landed: Option<(L1Id, L1Id)>,
}

impl Channel {
    /// Cuts `data` into frames and those into transactions numbered from `first_id`.
    pub(crate) fn new(
        id: ChannelId,
        blocks: (u64, u64),
        data: Vec<u8>,
        first_id: TxId,
        form: DataForm,
    ) -> Self {
        let data = Bytes::from(data);
        let size = form.frame_data_bytes();
        let count = data.len().div_ceil(size).max(1);
        let frames: Vec<Frame> = (0..count)
            .map(|index| Frame {
                id,
                number: u16::try_from(index).expect("channels stay below 65536 frames"),
                data: data.slice(index * size..data.len().min((index + 1) * size)),
                is_last: index + 1 == count,
            })
            .collect();
        let ids = (first_id.0..).map(TxId);
        let txs = frames
            .chunks(form.frames_per_tx())
            .zip(ids)
            .map(|(frames, id)| ChannelTx {
                id,
                stage: Stage::Unsent(frames.to_vec()),
            })
            .collect();
        let in_blobs = matches!(form, DataForm::Blobs { .. });
        Self {
            id,
            blocks,
            txs,
            in_blobs,
            landed: None,
        }
    }

    pub(crate) fn tx_count(&self) -> u64 {
        self.txs.len() as u64
    }

    pub(crate) fn has_tx(&self, id: TxId) -> bool {
        self.txs.iter().any(|tx| tx.id == id)
    }

    pub(crate) fn has_unsent(&self) -> bool {
        self.txs
            .iter()
            .any(|tx| matches!(tx.stage, Stage::Unsent(_)))
    }

    /// Compressed bytes not sent yet.
    pub(crate) fn unsent_bytes(&self) -> usize {
        let bytes = |tx: &ChannelTx| match &tx.stage {
            Stage::Unsent(frames) => frames.iter().map(|frame| frame.data.len()).sum(),
            _ => 0,
        };
        self.txs.iter().map(bytes).sum()
    }

    /// The first transaction not sent yet, which counts as sent from now on.
    pub(crate) fn take_unsent(&mut self) -> Option<TxData> {
        self.txs.iter_mut().find_map(|tx| {
            let Stage::Unsent(frames) = &mut tx.stage else {
                return None;
            };
            let frames = core::mem::take(frames);
            tx.stage = Stage::Sent;
            Some(TxData {
                id: tx.id,
                frames,
                in_blobs: self.in_blobs,
                blocks: self.blocks,
            })
        })
    }

    pub(crate) fn land(&mut self, id: TxId, at: L1Id) {
        for tx in self.txs.iter_mut().filter(|tx| tx.id == id) {
            tx.stage = Stage::Landed;
        }
        self.landed = Some(match self.landed {
            None => (at, at),
            Some((first, last)) => (
                if at.number < first.number { at } else { first },
                if at.number > last.number { at } else { last },
            ),
        });
    }

    /// The L1 block that completed the channel, once all of it has landed.
    pub(crate) fn complete_at(&self) -> Option<L1Id> {
        let is_landed = |tx: &ChannelTx| matches!(tx.stage, Stage::Landed);
        self.landed
            .filter(|_| self.txs.iter().all(is_landed))
            .map(|(_, last)| last)
    }

    /// Whether the channel can no longer be completed in time, or was completed too late, when
    /// L1's head is at `l1_head`.
    pub(crate) fn is_timed_out(&self, l1_head: u64, timeout_blocks: u64) -> bool {
        let Some((first, last)) = self.landed else {
            return false;
        };
        let closes_at = self.complete_at().map_or(l1_head, |_| last.number);
        closes_at > first.number.saturating_add(timeout_blocks)
    }
}
