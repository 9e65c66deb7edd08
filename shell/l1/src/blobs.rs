//! Blobs: which slot, which node, and whether they are the ones L1 commits to.
//!
//! In: a block and the versioned hashes that its batcher transactions name. Out: exactly these
//! blobs. A blob is proven by recomputing its commitment; its KZG proof would add nothing.

use crate::error::L1Error;
use alloy_eips::eip4844::{Blob, kzg_to_versioned_hash};
use alloy_primitives::B256;
use opal_protocol::L1Ref;
use opal_rpc::BeaconClient;
use rayon::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::OnceCell;

/// Blobs kept, 128 KiB each: what a window of blocks fetched ahead may hold.
const BLOBS_KEPT_MAX: usize = 128;

/// Source of blobs.
#[derive(Debug)]
pub(crate) struct Blobs {
    beacon: Option<BeaconClient>,
    seconds_per_slot: Option<u64>,
    clock: OnceCell<SlotClock>,
    kept: Mutex<Kept>,
}

#[derive(Clone, Copy, Debug)]
struct SlotClock {
    genesis_time: u64,
    seconds_per_slot: u64,
}

#[derive(Debug, Default)]
struct Kept {
    blobs: BTreeMap<B256, Arc<Blob>>,
    order: VecDeque<B256>,
}

impl Blobs {
    pub(crate) fn new(beacon: Option<BeaconClient>, seconds_per_slot: Option<u64>) -> Self {
        Self {
            beacon,
            seconds_per_slot,
            clock: OnceCell::new(),
            kept: Mutex::default(),
        }
    }

    pub(crate) const fn is_available(&self) -> bool {
        self.beacon.is_some()
    }

    /// Asks the beacon node for its slot times, unless it did so before.
    pub(crate) async fn check(&self) -> Result<(), L1Error> {
        if let Some(beacon) = &self.beacon {
            self.clock(beacon).await?;
        }
        Ok(())
    }

    /// The blobs with these hashes, in this order.
    pub(crate) async fn get(
        &self,
        block: &L1Ref,
        hashes: &[B256],
    ) -> Result<Vec<Box<Blob>>, L1Error> {
        let found = self.fetch(block, hashes).await?;
        // Every hash is found, else `fetch` had failed.
        Ok(hashes
            .iter()
            .filter_map(|hash| found.get(hash))
            .map(|blob| copy(blob))
            .collect())
    }

    /// The blobs with these hashes, from memory or from the first node that has them.
    pub(crate) async fn fetch(
        &self,
        block: &L1Ref,
        hashes: &[B256],
    ) -> Result<BTreeMap<B256, Arc<Blob>>, L1Error> {
        let mut missing: BTreeSet<B256> = hashes.iter().copied().collect();
        let mut found = self.kept().find(&mut missing);
        if missing.is_empty() {
            return Ok(found);
        }
        let Some(beacon) = &self.beacon else {
            return Err(L1Error::NoBeacon {
                block: block.number,
            });
        };
        let slot = self.slot(beacon, block).await?;
        let mut asked = Vec::new();
        for (index, endpoint) in beacon.endpoints().enumerate() {
            let wanted: Vec<B256> = missing.iter().copied().collect();
            match beacon.blobs(index, slot, &wanted).await {
                Ok(candidates) => {
                    let count = candidates.len();
                    let genuine = genuine(candidates, &missing, block).await?;
                    asked.push(format!("{endpoint} ({} of {count} fit)", genuine.len()));
                    for (hash, blob) in genuine {
                        missing.remove(&hash);
                        self.kept().keep(hash, &blob);
                        found.insert(hash, blob);
                    }
                }
                Err(error) => asked.push(error.to_string()),
            }
            if missing.is_empty() {
                return Ok(found);
            }
        }
        let hash = missing.first().copied().unwrap_or_default();
        let asked = asked.join("; ");
        Err(L1Error::MissingBlob {
            hash,
            block: block.number,
            slot,
            asked,
        })
    }

    async fn slot(&self, beacon: &BeaconClient, block: &L1Ref) -> Result<u64, L1Error> {
        let clock = self.clock(beacon).await?;
        let Some(elapsed) = block.time.checked_sub(clock.genesis_time) else {
            return Err(L1Error::BeforeBeacon {
                endpoint: beacon.endpoints().next().unwrap_or_default().to_owned(),
                block: block.number,
                time: block.time,
                genesis_time: clock.genesis_time,
            });
        };
        Ok(elapsed
            .checked_div(clock.seconds_per_slot)
            .unwrap_or(elapsed))
    }

    async fn clock(&self, beacon: &BeaconClient) -> Result<SlotClock, L1Error> {
        let load = || async {
            let genesis_time = beacon.genesis().await?.genesis_time;
            let seconds_per_slot = match self.seconds_per_slot {
                Some(seconds) => seconds,
                None => beacon.spec().await?.seconds_per_slot,
            };
            Ok(SlotClock {
                genesis_time,
                seconds_per_slot,
            })
        };
        self.clock.get_or_try_init(load).await.copied()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // No code panics while it holds this lock; and what it guards is only a cache.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// The blobs that are here; their hashes are taken out of `missing`.
    fn find(&self, missing: &mut BTreeSet<B256>) -> BTreeMap<B256, Arc<Blob>> {
        let mut found = BTreeMap::new();
        missing.retain(|hash| match self.blobs.get(hash) {
            Some(blob) => {
                found.insert(*hash, blob.clone());
                false
            }
            None => true,
        });
        found
    }

    fn keep(&mut self, hash: B256, blob: &Arc<Blob>) {
        if self.blobs.insert(hash, blob.clone()).is_none() {
            self.order.push_back(hash);
        }
        while self.order.len() > BLOBS_KEPT_MAX {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            self.blobs.remove(&oldest);
        }
    }
}

/// Those candidates whose commitment has one of the `wanted` hashes.
async fn genuine(
    candidates: Vec<Box<Blob>>,
    wanted: &BTreeSet<B256>,
    block: &L1Ref,
) -> Result<BTreeMap<B256, Arc<Blob>>, L1Error> {
    let wanted = wanted.clone();
    let work = move || -> BTreeMap<B256, Arc<Blob>> {
        candidates
            .into_par_iter()
            .filter_map(|blob| {
                let hash = versioned_hash(&blob)?;
                wanted.contains(&hash).then(|| (hash, Arc::from(blob)))
            })
            .collect()
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| L1Error::Cancelled {
            block: block.number.to_string(),
        })
}

/// The versioned hash of a blob's commitment; `None` if a field element is out of range.
fn versioned_hash(blob: &Blob) -> Option<B256> {
    let blob = c_kzg::Blob::from_bytes(&blob[..]).ok()?;
    let commitment = c_kzg::ethereum_kzg_settings(0)
        .blob_to_kzg_commitment(&blob)
        .ok()?;
    Some(kzg_to_versioned_hash(commitment.to_bytes().as_slice()))
}

fn copy(blob: &Blob) -> Box<Blob> {
    let mut copy = Box::new(Blob::ZERO);
    copy.copy_from_slice(&blob[..]);
    copy
}
