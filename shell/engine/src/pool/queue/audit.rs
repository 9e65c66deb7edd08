//! Counts everything again, for tests.

use super::{Queues, Rank, Sender};
use alloy_primitives::Address;
use std::collections::{BTreeMap, BTreeSet};

impl Queues {
    /// What is wrong with the counts, for tests.
    pub(in crate::pool) fn audit(&self) -> Result<(), String> {
        let count: usize = self.senders.values().map(|s| s.entries.len()).sum();
        let queued: usize = self.senders.values().map(Sender::queued).sum();
        let entries = || self.senders.values().flat_map(|s| s.entries.values());
        let bytes: usize = entries().map(|e| e.tx.size()).sum();
        let blobs = entries().filter(|e| e.tx.is_blob()).count();
        let mut authorities: BTreeMap<Address, usize> = BTreeMap::new();
        for authority in entries().flat_map(|e| &e.tx.authorities) {
            *authorities.entry(*authority).or_default() += 1;
        }
        let ranks: BTreeSet<Rank> = self.senders.values().filter_map(|s| s.rank).collect();
        for (what, good) in [
            ("count", count == self.by_hash.len()),
            ("queued", queued == self.queued),
            ("bytes", bytes == self.bytes),
            ("blobs", blobs == self.blob_transactions),
            ("authorities", authorities == self.authorities),
            ("ranking", ranks == self.ranking),
            (
                "senders",
                self.senders.values().all(|s| !s.entries.is_empty()),
            ),
            (
                "executable",
                self.senders
                    .values()
                    .all(|s| s.executable == s.count_executable()),
            ),
            (
                "ranks",
                self.senders.iter().all(|(a, s)| s.rank == s.rank_of(*a)),
            ),
        ] {
            if !good {
                return Err(format!("{what} disagree"));
            }
        }
        Ok(())
    }
}
