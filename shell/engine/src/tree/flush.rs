//! When and how blocks go to disk, and what happens while they cannot.
//!
//! The tree starts a flush when the interval is over and takes its result; between, it goes on.
//! Invariant: a block leaves the memory only when it is on disk or was abandoned.

use super::{Tree, UNFLUSHED_MAX};
use crate::{
    block::ExecutedBlock,
    store::{HeadsRecord, Keep, StoreError},
    view::ChainView,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tracing::{error, info, warn};

/// Wait after a flush that failed.
const FLUSH_RETRY: Duration = Duration::from_secs(5);
/// After a flush the disk rests this many times as long as the flush took, so that a chain that grows
/// quickly shares its flushes: rows that many blocks change are written once.
const FLUSH_REST: u32 = 4;
/// Blocks that end the rest: a crash would cost them.
const FLUSH_REST_BLOCKS_MAX: usize = 128;
/// Rows that end the rest: accounts and trie nodes, which are memory, some 250 bytes each.
const FLUSH_REST_ROWS_MAX: usize = 1_000_000;
/// How often a wait for a flush looks whether the flush itself waits for the disk.
const FLUSH_LOOK: Duration = Duration::from_millis(100);

/// Whether so much waits for the disk that it has rested long enough.
fn has_much_to_flush(view: &ChainView) -> bool {
    let blocks = view.blocks.values();
    let rows = blocks.map(|block| block.layer.nodes.count() + block.layer.state.len());
    view.canonical.len() >= FLUSH_REST_BLOCKS_MAX || rows.sum::<usize>() >= FLUSH_REST_ROWS_MAX
}

impl Tree {
    /// Time until the next flush is due; `None` when there is nothing to flush or a flush runs.
    pub(super) fn time_to_flush(&self) -> Option<Duration> {
        let view = self.view();
        let dirty =
            !view.canonical.is_empty() || Some(&self.heads_record(&view)) != view.db.heads();
        let interval = if self.published.trouble.read().is_some() {
            FLUSH_RETRY.max(self.flush_interval)
        } else if has_much_to_flush(&view) {
            self.flush_interval
        } else {
            let rest = self.flush_took.saturating_mul(FLUSH_REST);
            self.flush_interval.max(rest)
        };
        (dirty && !self.flusher.is_busy())
            .then(|| interval.saturating_sub(self.last_flush.elapsed()))
    }

    /// The pointers as they belong on disk once the canonical chain up to the head is flushed.
    fn heads_record(&self, view: &ChainView) -> HeadsRecord {
        HeadsRecord {
            head: view.head.hash,
            head_number: view.head.number,
            safe: view.head.safe,
            finalized: view.head.finalized,
        }
    }

    pub(super) fn start_flush(&mut self) {
        let view = self.view();
        let blocks: Vec<_> = view
            .canonical
            .values()
            .filter_map(|hash| view.blocks.get(hash).cloned())
            .collect();
        self.flusher
            .start(blocks, self.heads_record(&view), self.keep());
        self.last_flush = Instant::now();
    }

    /// Takes the result of a flush that ended: what is on disk leaves the memory.
    pub(super) fn collect_flush(&mut self) {
        match self.flusher.collect() {
            None => {}
            Some(Ok((blocks, db))) => {
                self.flush_took = self.last_flush.elapsed();
                self.flush_succeeded(&blocks);
                self.forget_flushed(blocks, db);
            }
            Some(Err(e)) => {
                self.flush_failed(&e);
            }
        }
        self.last_flush = Instant::now();
    }

    /// How much of the past stays on disk.
    const fn keep(&self) -> Keep {
        Keep {
            history_blocks: self.history_blocks,
            receipts_blocks: self.receipts_blocks,
            // Whoever keeps all states wants to read them.
            index: self.history_blocks == u64::MAX,
        }
    }

    fn flush_succeeded(&self, blocks: &[Arc<ExecutedBlock>]) {
        let metrics = &self.metrics;
        metrics.flush.observe(self.last_flush.elapsed());
        metrics.flushed_blocks.add(blocks.len() as u64);
        let rows = |b: &Arc<ExecutedBlock>| {
            let slots: usize = b.layer.state.values().map(|a| a.storage.len()).sum();
            let rows = b.layer.state.len().saturating_add(slots);
            rows.saturating_add(b.layer.nodes.count()) as u64
        };
        metrics.flushed_rows.add(blocks.iter().map(rows).sum());
        if self.published.trouble.write().take().is_some() {
            info!("the database can be written again");
        }
    }

    fn flush_failed(&self, problem: &StoreError) {
        self.metrics.flush_failures.add(1);
        let unflushed = self.view().blocks.len();
        error!(
            error = %problem, unflushed_blocks = unflushed,
            "writing to the database failed; the blocks stay in memory, and it is tried again"
        );
        *self.published.trouble.write() = Some(problem.to_string());
    }

    /// Why no more blocks can be taken, if the disk took none for so long that memory would run
    /// out. What is in memory can still be read, and moved to.
    pub(super) fn no_room(&self) -> Option<String> {
        let trouble = self.published.trouble()?;
        let waiting = self.view().blocks.len();
        (waiting >= UNFLUSHED_MAX).then(|| {
            format!("{waiting} blocks wait for the database, which cannot be written: {trouble}")
        })
    }

    fn forget_flushed(&self, flushed: Vec<Arc<ExecutedBlock>>, db: Arc<crate::store::DbSnapshot>) {
        let view = self.view();
        let mut blocks = view.blocks.clone();
        let mut canonical = view.canonical.clone();
        for block in &flushed {
            blocks.remove(&block.hash());
            canonical.remove(&block.number());
        }
        let (hash, trie) = match flushed.last() {
            Some(tip) => {
                view.cache.flushed(tip.number());
                (tip.hash(), tip.trie.clone())
            }
            None => (view.flushed, view.flushed_trie.clone()),
        };
        self.publish(ChainView::new(db, hash, trie, blocks, canonical, view.head));
        // Freeing tries takes milliseconds, which the next block need not wait for.
        self.flusher.discard(flushed, view);
    }

    /// Waits for a flush that runs, but not for one that waits for the disk. Answers whether none
    /// runs any more.
    pub(super) fn finish_flush(&mut self) -> bool {
        while self.flusher.is_busy() {
            if self.flusher.wait(FLUSH_LOOK) {
                self.collect_flush();
            } else if self.published.trouble().is_some() {
                return false;
            }
        }
        true
    }

    pub(super) fn flush_all(&mut self) {
        if self.finish_flush() && self.time_to_flush().is_some() {
            self.start_flush();
            self.finish_flush();
        }
    }

    /// Flushes everything before the end. A disk that takes nothing now is waited for no longer.
    pub(super) fn flush_last(&mut self) {
        self.flush_all();
        if self.flusher.is_busy() {
            self.published.patience.give_up();
            self.flusher.wait(Duration::MAX);
            self.collect_flush();
        }
        if self.time_to_flush().is_some() {
            warn!("the newest blocks could not be written; they are lost");
        }
    }
}
