//! What happens in the world, one command after the other.

use super::{
    batcher::{Batcher, wound},
    l1::{Content, L1, Outline, is_plausible},
    node::Node,
};
use crate::{
    input::Input,
    logs,
    rollup::{BATCHER, INBOX},
};
use alloy_eips::eip4844::{BYTES_PER_BLOB, Blob};
use alloy_primitives::{Address, Bytes};
use opal_derivation::{CriticalReason, sync_start::Reach};
use opal_oracle::{NaiveL1Tx, NaiveReceipt, Rollup};
use opal_protocol::{ConfigUpdate, blob, frame::encode_frames};

/// Who becomes the batcher when the key is changed.
const SUCCESSOR: Address = Address::repeat_byte(0xbb);
/// Somebody else.
const STRANGER: Address = Address::repeat_byte(0x57);
/// Most commands of a script.
const COMMANDS_MAX: usize = 400;
/// Most L1 blocks of a script.
const L1_BLOCKS_MAX: usize = 80;
/// Most seconds that L1 may take.
const L1_SECONDS_MAX: u64 = 3_000;

/// L1, the batcher, and the node that follows.
#[derive(Clone, Debug)]
pub(super) struct World {
    rollup: Rollup,
    pub(super) l1: L1,
    pub(super) node: Node,
    batcher: Batcher,
    content: Content,
    salt: u64,
}

impl World {
    /// A world at genesis.
    pub(super) fn new(rollup: Rollup) -> Self {
        let mut l1 = L1::default();
        l1.mine(&rollup.cfg, Content::default(), Outline::default());
        let node = Node::new(&rollup, &l1, false);
        let mut batcher = Batcher::default();
        batcher.follow(&node.chain);
        Self {
            rollup,
            l1,
            node,
            batcher,
            content: Content::default(),
            salt: 0,
        }
    }

    /// Plays the script to its end, and lets the node read all of L1.
    pub(super) fn play(&mut self, input: &mut Input<'_>) -> Result<(), Box<CriticalReason>> {
        for _ in 0..COMMANDS_MAX {
            if input.is_empty() {
                break;
            }
            self.command(input)?;
        }
        // A node on an orphaned branch notices with the next block.
        self.mine(12, true);
        self.node.run(&self.l1)?;
        while !self.node.is_on(&self.l1) {
            self.mine(12, true);
            self.node.run(&self.l1)?;
        }
        Ok(())
    }

    fn command(&mut self, input: &mut Input<'_>) -> Result<(), Box<CriticalReason>> {
        match input.u8() % 16 {
            0 | 1 => self.batcher.sequence(input, &self.rollup, &self.l1),
            2 | 3 => self.batcher.channel(input, &self.rollup),
            4..=6 => self.post(input),
            7..=9 => {
                let gap = match input.u8() {
                    255 => u64::from(input.u16()) % 1_000 + 1,
                    short @ 200.. => u64::from(short % 32) + 1,
                    _ => 12,
                };
                self.mine_within_limits(gap, input.u8() < 250);
                self.node.run(&self.l1)?;
            }
            10 => {
                for _ in 0..=input.below(24) {
                    self.mine_within_limits(12, true);
                }
                self.node.run(&self.l1)?;
            }
            11 => {
                let log = if input.flag() {
                    logs::deposit(input)
                } else {
                    logs::config_update(input)
                };
                self.emit(log, input.u8() != 255);
            }
            12 => {
                let batcher = input.pick(&[SUCCESSOR, BATCHER]);
                self.emit(logs::announce(&ConfigUpdate::Batcher(batcher)), true);
            }
            13 => self.batcher.follow(&self.node.chain),
            14 => self.batcher.repeat(&self.node.chain, input.below(12)),
            _ => match input.u8() {
                200.. => {
                    let back = input.below(16) as u64;
                    let tip = self.l1.blocks.len() as u64 - 1;
                    let reach = input.pick(&[Reach::Short, Reach::Full]);
                    self.node.restart(&self.l1, tip.saturating_sub(back), reach);
                }
                depth => {
                    self.salt += 1;
                    self.l1.unwind(usize::from(depth % 6));
                }
            },
        }
        Ok(())
    }

    /// Appends an L1 block, if there is room for one.
    fn mine_within_limits(&mut self, gap: u64, has_blobs: bool) {
        let first = self.l1.at(0).header.timestamp;
        let last = self
            .l1
            .blocks
            .last()
            .map_or(first, |block| block.header.timestamp);
        let is_late = last + gap > first + L1_SECONDS_MAX;
        if !is_late && self.l1.blocks.len() < L1_BLOCKS_MAX {
            self.mine(gap, has_blobs);
        }
    }

    fn mine(&mut self, gap: u64, has_blobs: bool) {
        let outline = Outline {
            gap,
            salt: self.salt,
            has_blobs,
        };
        let content = core::mem::take(&mut self.content);
        self.l1.mine(&self.rollup.cfg, content, outline);
    }

    fn emit(&mut self, log: alloy_primitives::Log, success: bool) {
        if is_plausible(&self.rollup.cfg, &log) {
            let logs = vec![log];
            self.content.receipts.push(NaiveReceipt { success, logs });
        }
    }

    /// Puts a transaction into the next L1 block.
    fn post(&mut self, input: &mut Input<'_>) {
        let how = input.u8();
        let mut data = match how % 16 {
            15 => input.short_bytes().to_vec(),
            14 => self
                .batcher
                .frames
                .first()
                .map_or(vec![], |f| f.data.to_vec()),
            _ => encode_frames(&self.batcher.take_frames(input)),
        };
        wound(input, &mut data);
        let (from, to) = match input.u8() {
            255 => (STRANGER, Some(INBOX)),
            254 => (BATCHER, Some(STRANGER)),
            253 => (BATCHER, None),
            other if other % 4 == 3 => (SUCCESSOR, Some(INBOX)),
            _ => (BATCHER, Some(INBOX)),
        };
        let mut tx = NaiveL1Tx {
            from,
            to,
            tx_type: 2,
            data: data.into(),
            blob_hashes: vec![],
        };
        match how / 16 {
            0..=7 => tx.tx_type = input.pick(&[2, 0, 1, 0x7e, 2, 2, 4, 5]),
            _ => {
                let content = core::mem::replace(&mut tx.data, Bytes::from_static(&[0]));
                tx.tx_type = 3;
                tx.blob_hashes = self.blobs(input, &content);
            }
        }
        self.content.transactions.push(tx);
    }

    /// One or two blobs with `data`, at times a malformed one.
    fn blobs(&mut self, input: &mut Input<'_>, data: &[u8]) -> Vec<alloy_primitives::B256> {
        let mut blob = blob::encode(data).unwrap_or_else(|_| Box::new(Blob::repeat_byte(0xff)));
        let mut hashes = vec![];
        match input.u8() {
            255 => {
                let at = input.u16() as usize * 2 % BYTES_PER_BLOB;
                blob[at] ^= input.u8();
            }
            254 => hashes.push(self.l1.store(Box::new(Blob::repeat_byte(0xff)))),
            253 => hashes.push(self.l1.store(blob.clone())),
            _ => {}
        }
        hashes.push(self.l1.store(blob));
        hashes
    }
}
