//! The miner of the development L1: one block per slot, reorgs on order.
//!
//! One loop owns the head. Inputs: the clock and [`Order`]s. Outputs: blocks handed to the engine,
//! blobs handed to the beacon side. Invariant: every block's time is the start of its slot, so a
//! slot number and a timestamp always tell the same block.

use super::{
    beacon::Beacon,
    blobs::BLOB_RETENTION_BLOCKS,
    slots::{SlotBlock, beacon_root},
};
use alloy_eips::{eip4844::Blob, eip7594::BlobTransactionSidecarVariant};
use alloy_primitives::{Address, B256, keccak256};
use opal_engine::{BuiltL1Block, Engine, L1BlockAttributes};
use opal_rpc::BlockTag;
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{info, warn};

/// Blocks between the head and the `safe` block.
pub(crate) const SAFE_DISTANCE_BLOCKS: usize = 4;
/// Blocks between the head and the `finalized` block; no reorg goes deeper.
pub(crate) const FINALIZED_DISTANCE_BLOCKS: usize = 12;
/// Canonical blocks the miner remembers, from the finalized one to the head.
const RECENT_BLOCKS: usize = FINALIZED_DISTANCE_BLOCKS + 1;
/// Pause before a failed block is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// What a test may ask of the miner.
#[derive(Debug)]
pub(crate) enum Order {
    /// Replace the newest `depth` blocks by others in the same slots. Their transactions return
    /// to the pool, or are forgotten with `drop_transactions`.
    Reorg {
        /// How many blocks are replaced.
        depth: usize,
        /// Whether the replaced transactions are gone for good.
        drop_transactions: bool,
    },
    /// Stop (or resume) making blocks.
    Stall(bool),
}

/// An order and where its outcome goes.
pub(crate) type OrderWithReply = (Order, oneshot::Sender<Result<B256, String>>);

/// A canonical block the miner remembers.
#[derive(Clone, Copy, Debug)]
struct Recent {
    number: u64,
    block: SlotBlock,
}

/// The loop's state.
pub(crate) struct Miner {
    engine: Engine,
    beacon: Arc<Beacon>,
    /// Newest last; never empty.
    recent: VecDeque<Recent>,
    stalled: bool,
    /// Differs between two blocks in the same slot, so that a reorg gives other hashes.
    attempt: u64,
}

impl Miner {
    /// A miner that goes on where the engine's chain ends.
    pub(crate) async fn new(engine: Engine, beacon: Arc<Beacon>) -> Result<Self, String> {
        let api = engine.api();
        let read = async |tag| {
            let block = api.block(tag).await.map_err(|e| e.to_string())?;
            block.ok_or_else(|| format!("the L1 has no block {tag:?}"))
        };
        let head = read(BlockTag::Latest).await?;
        let oldest = head
            .header
            .number
            .saturating_sub(BLOB_RETENTION_BLOCKS as u64);
        let mut recent = VecDeque::new();
        for number in oldest..=head.header.number {
            let found = read(BlockTag::Number(number)).await?;
            let block = SlotBlock {
                hash: found.hash,
                parent: found.header.parent_hash,
                state_root: found.header.state_root,
                time: found.header.timestamp,
            };
            beacon.slots.set_head(block, BLOB_RETENTION_BLOCKS);
            recent.push_back(Recent { number, block });
            if recent.len() > RECENT_BLOCKS {
                recent.pop_front();
            }
        }
        Ok(Self {
            engine,
            beacon,
            recent,
            stalled: false,
            attempt: 0,
        })
    }

    /// Makes blocks and obeys orders until told to stop.
    pub(crate) async fn run(
        mut self,
        mut orders: mpsc::Receiver<OrderWithReply>,
        mut stop: watch::Receiver<bool>,
    ) {
        loop {
            let (time, wait) = self.next_block_time();
            tokio::select! {
                _ = stop.changed() => return,
                Some((order, reply)) = orders.recv() => {
                    // Nobody may wait for the outcome any more; the order is carried out anyway.
                    let _ = reply.send(self.obey(order).await);
                }
                () = tokio::time::sleep(wait), if !self.stalled => {
                    if let Err(error) = self.mine(time).await {
                        warn!(%error, "L1 block failed, trying again");
                        tokio::time::sleep(RETRY_PAUSE).await;
                    }
                }
            }
        }
    }

    fn head(&self) -> Recent {
        *self
            .recent
            .back()
            .expect("the miner always remembers the head")
    }

    /// Start of the next slot to fill, and how long until then.
    fn next_block_time(&self) -> (u64, Duration) {
        let slots = &self.beacon.slots;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let after_head = slots.slot_at(self.head().block.time).saturating_add(1);
        let time = slots.time_of(after_head.max(slots.slot_at(now.as_secs())));
        (time, Duration::from_secs(time).saturating_sub(now))
    }

    /// Builds on the head and makes the new block the head.
    async fn mine(&mut self, time: u64) -> Result<(), String> {
        let built = self.build(self.head().block.hash, time).await?;
        self.append(&built);
        self.announce().await
    }

    async fn build(&mut self, parent: B256, time: u64) -> Result<BuiltL1Block, String> {
        self.attempt = self.attempt.wrapping_add(1);
        let seed = [
            parent.as_slice(),
            &time.to_be_bytes(),
            &self.attempt.to_be_bytes(),
        ]
        .concat();
        let attributes = L1BlockAttributes {
            parent: Some(parent),
            timestamp: time,
            prev_randao: keccak256(seed),
            fee_recipient: Address::ZERO,
            parent_beacon_block_root: beacon_root(parent),
        };
        let built = self
            .engine
            .build_block(attributes)
            .await
            .map_err(|e| e.to_string())?;
        // The blobs must be there before anybody can see the block.
        let blobs: Vec<&Blob> = built
            .sidecars
            .iter()
            .flat_map(|sidecar| blobs_of(sidecar))
            .collect();
        self.beacon
            .blobs
            .put(built.hash, &blobs)
            .map_err(|e| format!("cannot keep blobs: {e}"))?;
        Ok(built)
    }

    fn append(&mut self, built: &BuiltL1Block) {
        let block = SlotBlock {
            hash: built.hash,
            parent: built.header.parent_hash,
            state_root: built.header.state_root,
            time: built.header.timestamp,
        };
        self.recent.push_back(Recent {
            number: built.header.number,
            block,
        });
        if self.recent.len() > RECENT_BLOCKS {
            self.recent.pop_front();
        }
        for old in self.beacon.slots.set_head(block, BLOB_RETENTION_BLOCKS) {
            self.beacon.blobs.prune(old.hash);
        }
    }

    /// Tells the engine which block is head, safe and finalized.
    async fn announce(&self) -> Result<(), String> {
        let behind = |distance: usize| {
            let index = self.recent.len().saturating_sub(1 + distance);
            self.recent[index].block.hash
        };
        let (head, safe) = (behind(0), behind(SAFE_DISTANCE_BLOCKS));
        let finalized = behind(FINALIZED_DISTANCE_BLOCKS);
        self.engine
            .set_heads(head, safe, finalized)
            .await
            .map_err(|e| e.to_string())
    }

    async fn obey(&mut self, order: Order) -> Result<B256, String> {
        match order {
            Order::Stall(stalled) => {
                self.stalled = stalled;
                info!(stalled, "L1 ordered to stall or resume");
            }
            Order::Reorg {
                depth,
                drop_transactions,
            } => {
                self.reorg(depth, drop_transactions).await?;
            }
        }
        Ok(self.head().block.hash)
    }

    async fn reorg(&mut self, depth: usize, drop_transactions: bool) -> Result<(), String> {
        let deepest = self.recent.len() - 1;
        if depth == 0 || depth > deepest {
            return Err(format!(
                "a reorg can replace 1 to {deepest} blocks, not {depth}"
            ));
        }
        let replaced: Vec<_> = self.recent.drain(self.recent.len() - depth..).collect();
        for old in &replaced {
            let parent = self.head().block.hash;
            match self.build(parent, old.block.time).await {
                Ok(built) => self.append(&built),
                Err(error) => return Err(format!("reorg stopped half-way: {error}")),
            }
        }
        self.announce().await?;
        if drop_transactions {
            self.engine.clear_pool();
        }
        let (from, to) = (replaced[0].number, self.head().number);
        info!(depth, from, to, drop_transactions, "L1 reorged");
        Ok(())
    }
}

fn blobs_of(sidecar: &BlobTransactionSidecarVariant) -> &[Blob] {
    match sidecar {
        BlobTransactionSidecarVariant::Eip4844(sidecar) => &sidecar.blobs,
        BlobTransactionSidecarVariant::Eip7594(sidecar) => &sidecar.blobs,
    }
}
