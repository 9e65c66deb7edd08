//! The source itself.

use crate::error::L1Error;
use alloy_eips::eip4844::Blob;
use alloy_primitives::B256;
use opal_protocol::{L1Block, L1Ref, RollupConfig};
use opal_rpc::{BeaconClient, EthClient};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// How L1 is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L1Options {
    /// Take the node's word for the list of transactions (its root is not checked). Headers and
    /// receipts are checked all the same.
    pub trust_rpc: bool,
    /// Time between looks at L1's head.
    pub poll_interval: Duration,
    /// Blocks kept by hash.
    pub cache_blocks_max: usize,
    /// Blocks fetched ahead of the last one asked for; 0 means none.
    pub prefetch_blocks_max: u64,
    /// Seconds per slot, where the beacon node's answer is not to be asked for.
    pub seconds_per_slot: Option<u64>,
}

impl Default for L1Options {
    fn default() -> Self {
        Self {
            trust_rpc: false,
            poll_interval: Duration::from_secs(4),
            cache_blocks_max: 900,
            prefetch_blocks_max: 16,
            seconds_per_slot: None,
        }
    }
}

/// L1's heads as last seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct L1Heads {
    /// The newest block.
    pub head: L1Ref,
    /// The newest block that consensus calls safe; `None` while there is none.
    pub safe: Option<L1Ref>,
    /// The newest block that consensus calls finalized; `None` while there is none.
    pub finalized: Option<L1Ref>,
}

/// L1 as a rollup node reads it.
#[derive(Debug)]
pub struct L1Source {}

impl L1Source {
    /// A source over one execution node and, for blobs, beacon nodes.
    pub fn new(
        _eth: EthClient,
        _beacon: Option<BeaconClient>,
        _config: Arc<RollupConfig>,
        _options: L1Options,
    ) -> Self {
        unimplemented!()
    }

    /// Checks what cannot change while running: the chain id and, if there is a beacon node, that
    /// it tells its slot times. Call once at start.
    pub async fn check(&self) -> Result<(), L1Error> {
        unimplemented!()
    }

    /// The newest block.
    pub async fn head(&self) -> Result<L1Ref, L1Error> {
        unimplemented!()
    }

    /// The newest safe block, if there is one yet.
    pub async fn safe(&self) -> Result<Option<L1Ref>, L1Error> {
        unimplemented!()
    }

    /// The newest finalized block, if there is one yet.
    pub async fn finalized(&self) -> Result<Option<L1Ref>, L1Error> {
        unimplemented!()
    }

    /// Identity of the canonical block at height `number`; `None` if L1 is not there yet.
    pub async fn ref_by_number(&self, _number: u64) -> Result<Option<L1Ref>, L1Error> {
        unimplemented!()
    }

    /// Identity of the block `hash`; `None` if the node does not know it (any more).
    pub async fn ref_by_hash(&self, _hash: B256) -> Result<Option<L1Ref>, L1Error> {
        unimplemented!()
    }

    /// The canonical block at height `number`; `None` if L1 is not there yet. Starts fetching the
    /// blocks after it.
    pub async fn block_by_number(&self, _number: u64) -> Result<Option<Arc<L1Block>>, L1Error> {
        unimplemented!()
    }

    /// The block `hash`; `None` if the node does not know it (any more).
    pub async fn block_by_hash(&self, _hash: B256) -> Result<Option<Arc<L1Block>>, L1Error> {
        unimplemented!()
    }

    /// The blobs of `block` that have these versioned hashes, in this order.
    pub async fn blobs(&self, _block: &L1Ref, _hashes: &[B256]) -> Result<Vec<Box<Blob>>, L1Error> {
        unimplemented!()
    }

    /// Heads of L1, looked at every poll interval. The task behind it lives as long as the source
    /// or a receiver.
    pub fn watch(self: &Arc<Self>) -> watch::Receiver<L1Heads> {
        unimplemented!()
    }
}
