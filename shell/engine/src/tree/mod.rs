//! The block tree and its owner, one thread.
//!
//! Inputs: [`Command`]s, one after the other. Outputs: replies, and after each change a new
//! [`ChainView`] for readers. Invariants: the flushed block is the head or one of its ancestors;
//! every block in the view was executed and is valid; safe and finalized are ancestors of the head.

mod buffer;
mod flusher;
mod forkchoice;
mod insert;

pub(crate) use forkchoice::{ForkchoiceOutcome, ForkchoiceRefused};
pub(crate) use insert::InsertOutcome;

use crate::{
    block::ExecutedBlock,
    engine::HeadInfo,
    exec::PendingBlock,
    metrics::Metrics,
    pool::Pool,
    store::{HeadsRecord, Keep, Patience, Store, StoreError},
    view::{ChainView, DbNodes},
};
use alloy_primitives::B256;
use buffer::Buffer;
use flusher::Flusher;
use opal_execution::ChainConfig;
use opal_trie::StateTrie;
use parking_lot::RwLock;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tracing::{error, info, warn};

/// Commands that may wait for the tree at once.
const COMMANDS_MAX: usize = 256;
/// Hashes of invalid blocks that are remembered.
const INVALID_MAX: usize = 1_024;
/// Unflushed blocks, on all branches, above which the tree waits for the flush.
const UNFLUSHED_MAX: usize = 512;
/// Blocks off the canonical chain are forgotten when the head is this far above them.
const SIDE_BLOCKS_DEPTH: u64 = 64;

/// Wait after a flush that failed.
const FLUSH_RETRY: Duration = Duration::from_secs(5);
/// How often a wait for a flush looks whether the flush itself waits for the disk.
const FLUSH_LOOK: Duration = Duration::from_millis(100);

/// What the tree is asked to do.
pub(crate) enum Command {
    /// Judge a block.
    Insert(Box<PendingBlock>, oneshot::Sender<InsertOutcome>),
    /// Remember that a block's body cannot be read: hash, parent, what is wrong.
    Reject(B256, B256, String, oneshot::Sender<InsertOutcome>),
    /// Take a block that we built ourselves.
    InsertBuilt(Arc<ExecutedBlock>, oneshot::Sender<Result<(), String>>),
    /// Make sure that the state after a block can be read, executing again if needed.
    EnsureState(B256, oneshot::Sender<Result<(), String>>),
    /// Move the head pointers.
    Forkchoice(
        alloy_rpc_types_engine::ForkchoiceState,
        oneshot::Sender<Result<ForkchoiceOutcome, ForkchoiceRefused>>,
    ),
    /// A flush ended.
    Flushed,
    /// Write everything to disk now.
    Flush(oneshot::Sender<()>),
    /// Flush everything and stop.
    Shutdown(oneshot::Sender<()>),
}

/// What everybody may read.
#[derive(Debug)]
pub(crate) struct Published {
    view: RwLock<Arc<ChainView>>,
    head: watch::Sender<HeadInfo>,
    /// What the storage said when the last flush failed.
    trouble: RwLock<Option<String>>,
    patience: Arc<Patience>,
}

impl Published {
    /// The newest view.
    pub(crate) fn view(&self) -> Arc<ChainView> {
        self.view.read().clone()
    }

    /// Why nothing can be written to disk, if nothing can: the last flush failed, or it waits.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.patience
            .trouble()
            .or_else(|| self.trouble.read().clone())
    }

    /// Follows the head.
    pub(crate) fn subscribe(&self) -> watch::Receiver<HeadInfo> {
        self.head.subscribe()
    }
}

/// Sends commands to the tree.
#[derive(Clone, Debug)]
pub(crate) struct TreeHandle {
    commands: Arc<mpsc::Sender<(Command, Option<OwnedSemaphorePermit>)>>,
    permits: Arc<Semaphore>,
    pub(crate) published: Arc<Published>,
}

/// The tree's thread is gone.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the engine is shutting down")]
pub(crate) struct TreeGone;

impl TreeHandle {
    /// The newest view.
    pub(crate) fn view(&self) -> Arc<ChainView> {
        self.published.view()
    }

    /// Sends a command made from a reply channel and waits for the reply.
    pub(crate) async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, TreeGone> {
        let permit = self
            .permits
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| TreeGone)?;
        let (reply, answer) = oneshot::channel();
        self.commands
            .send((command(reply), Some(permit)))
            .map_err(|_| TreeGone)?;
        answer.await.map_err(|_| TreeGone)
    }

    /// The same for a caller without a runtime, who asks one thing at a time.
    pub(crate) fn ask_blocking<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, TreeGone> {
        let (reply, answer) = oneshot::channel();
        self.commands
            .send((command(reply), None))
            .map_err(|_| TreeGone)?;
        answer.blocking_recv().map_err(|_| TreeGone)
    }
}

/// What a tree is made of.
pub(crate) struct TreeSetup {
    pub(crate) chain: Arc<ChainConfig>,
    pub(crate) store: Store,
    pub(crate) pool: Arc<Pool>,
    pub(crate) flush_interval: Duration,
    pub(crate) history_blocks: u64,
    pub(crate) receipts_blocks: Option<u64>,
    pub(crate) metrics: Arc<Metrics>,
}

/// Reads the chain from an initialised database and starts the thread.
pub(crate) fn spawn(setup: TreeSetup) -> Result<TreeHandle, StoreError> {
    let db = Arc::new(setup.store.snapshot()?);
    let heads = *db
        .heads()
        .ok_or_else(|| StoreError::Inconsistent("head pointers are missing".into()))?;
    let header = db
        .header(&heads.head)?
        .ok_or_else(|| StoreError::Inconsistent(format!("head {} is missing", heads.head)))?;
    let head = HeadInfo {
        hash: heads.head,
        number: header.number,
        timestamp: header.timestamp,
        safe: heads.safe,
        finalized: heads.finalized,
    };
    let trie = StateTrie::new(header.state_root);
    // Any look-up starts at the root node, so this compares the trie on disk with the header.
    trie.account(&DbNodes(&db), B256::ZERO)
        .map_err(|e| StoreError::Inconsistent(e.to_string()))?;
    let view = ChainView::new(
        db,
        heads.head,
        trie,
        BTreeMap::default(),
        BTreeMap::default(),
        head,
    );
    let published = Arc::new(Published {
        view: RwLock::new(Arc::new(view)),
        head: watch::Sender::new(head),
        trouble: RwLock::default(),
        patience: setup.store.patience.clone(),
    });
    let (commands, inbox) = mpsc::channel();
    let commands = Arc::new(commands);
    let flusher = Flusher::spawn(setup.store.clone(), Arc::downgrade(&commands));
    let handle = TreeHandle {
        commands,
        permits: Arc::new(Semaphore::new(COMMANDS_MAX)),
        published: published.clone(),
    };
    let mut tree = Tree {
        chain: setup.chain,
        store: setup.store,
        pool: setup.pool,
        published,
        flusher,
        flush_interval: setup.flush_interval,
        history_blocks: setup.history_blocks,
        receipts_blocks: setup.receipts_blocks,
        metrics: setup.metrics,
        last_flush: Instant::now(),
        invalid: Invalid::default(),
        buffer: Buffer::default(),
        ready: VecDeque::new(),
        wanted: None,
    };
    let view = tree.view();
    tree.pool.on_new_head(&tree.chain, &view, &[], &[]);
    std::thread::Builder::new()
        .name("opal-tree".into())
        .spawn(move || {
            let stopped = tree.run(&inbox);
            // The database closes with its last user: before anyone hears that we stopped.
            drop((tree, inbox));
            if let Some(reply) = stopped {
                let _ = reply.send(());
            }
        })
        .map_err(|e| StoreError::Inconsistent(format!("thread did not start: {e}")))?;
    Ok(handle)
}

struct Tree {
    chain: Arc<ChainConfig>,
    store: Store,
    pool: Arc<Pool>,
    published: Arc<Published>,
    flusher: Flusher,
    flush_interval: Duration,
    history_blocks: u64,
    receipts_blocks: Option<u64>,
    metrics: Arc<Metrics>,
    last_flush: Instant,
    invalid: Invalid,
    /// Blocks whose parent is not known.
    buffer: Buffer,
    /// Blocks whose parent came; they are judged when nobody asks for anything.
    ready: VecDeque<PendingBlock>,
    /// A fork choice whose head waits for its parent.
    wanted: Option<alloy_rpc_types_engine::ForkchoiceState>,
}

impl Tree {
    /// Works until told to stop, and answers with whom to tell when all is closed; or until nobody
    /// is left who could ask for anything.
    fn run(
        &mut self,
        inbox: &mpsc::Receiver<(Command, Option<OwnedSemaphorePermit>)>,
    ) -> Option<oneshot::Sender<()>> {
        loop {
            let command = match self.time_to_flush() {
                _ if !self.ready.is_empty() => match inbox.try_recv() {
                    Ok(command) => Some(command),
                    Err(mpsc::TryRecvError::Empty) => {
                        self.judge_ready();
                        continue;
                    }
                    Err(mpsc::TryRecvError::Disconnected) => None,
                },
                None => inbox.recv().ok(),
                Some(wait) if wait.is_zero() => {
                    self.start_flush();
                    continue;
                }
                Some(wait) => match inbox.recv_timeout(wait) {
                    Ok(command) => Some(command),
                    Err(mpsc::RecvTimeoutError::Timeout) => {
                        self.start_flush();
                        continue;
                    }
                    Err(mpsc::RecvTimeoutError::Disconnected) => None,
                },
            };
            let (command, _permit) = command?;
            match command {
                Command::Insert(block, reply) => {
                    let _ = reply.send(self.insert(*block));
                }
                Command::Reject(hash, parent, reason, reply) => {
                    let _ = reply.send(self.reject(hash, parent, reason));
                }
                Command::InsertBuilt(block, reply) => {
                    let _ = reply.send(self.insert_built(block));
                }
                Command::EnsureState(hash, reply) => {
                    let _ = reply.send(self.ensure_state(hash));
                }
                Command::Forkchoice(state, reply) => {
                    let _ = reply.send(self.forkchoice(&state));
                }
                Command::Flushed => self.collect_flush(),
                Command::Flush(reply) => {
                    self.flush_all();
                    let _ = reply.send(());
                }
                Command::Shutdown(reply) => {
                    self.flush_last();
                    self.flusher.stop();
                    return Some(reply);
                }
            }
        }
    }

    fn view(&self) -> Arc<ChainView> {
        self.published.view()
    }

    /// Publishes a view; moves the head for those who follow it.
    fn publish(&self, view: ChainView) -> Arc<ChainView> {
        let head = view.head;
        let view = Arc::new(view.with_anchors_of(&self.view()));
        *self.published.view.write() = view.clone();
        self.published.head.send_if_modified(|old| {
            let moved = *old != head;
            *old = head;
            moved
        });
        view
    }

    /// Publishes a view that differs in its unflushed blocks only.
    fn publish_blocks(&self, blocks: BTreeMap<B256, Arc<ExecutedBlock>>) {
        let view = self.view();
        self.publish(ChainView::new(
            view.db.clone(),
            view.flushed,
            view.flushed_trie.clone(),
            blocks,
            view.canonical.clone(),
            view.head,
        ));
    }

    /// Time until the next flush is due; `None` when there is nothing to flush or a flush runs.
    fn time_to_flush(&self) -> Option<Duration> {
        let view = self.view();
        let dirty =
            !view.canonical.is_empty() || Some(&self.heads_record(&view)) != view.db.heads();
        let interval = if self.published.trouble.read().is_some() {
            FLUSH_RETRY.max(self.flush_interval)
        } else {
            self.flush_interval
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

    fn start_flush(&mut self) {
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
    fn collect_flush(&mut self) {
        match self.flusher.collect() {
            None => {}
            Some(Ok((blocks, db))) => {
                self.flush_succeeded(&blocks);
                self.forget_flushed(&blocks, db);
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
            rows.saturating_add(b.layer.nodes.nodes.len()) as u64
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

    fn forget_flushed(&self, flushed: &[Arc<ExecutedBlock>], db: Arc<crate::store::DbSnapshot>) {
        let view = self.view();
        let mut blocks = view.blocks.clone();
        let mut canonical = view.canonical.clone();
        for block in flushed {
            blocks.remove(&block.hash());
            canonical.remove(&block.number());
        }
        let (hash, trie) = match flushed.last() {
            Some(tip) => (tip.hash(), tip.trie.clone()),
            None => (view.flushed, view.flushed_trie.clone()),
        };
        self.publish(ChainView::new(db, hash, trie, blocks, canonical, view.head));
    }

    /// Waits for a flush that runs, but not for one that waits for the disk. Answers whether none
    /// runs any more.
    fn finish_flush(&mut self) -> bool {
        while self.flusher.is_busy() {
            if self.flusher.wait(FLUSH_LOOK) {
                self.collect_flush();
            } else if self.published.trouble().is_some() {
                return false;
            }
        }
        true
    }

    fn flush_all(&mut self) {
        if self.finish_flush() && self.time_to_flush().is_some() {
            self.start_flush();
            self.finish_flush();
        }
    }

    /// Flushes everything before the end. A disk that takes nothing now is waited for no longer.
    fn flush_last(&mut self) {
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

/// Hashes of invalid blocks with the last valid ancestor and the reason, oldest forgotten first.
#[derive(Debug, Default)]
struct Invalid {
    known: BTreeMap<B256, (Option<B256>, String)>,
    order: VecDeque<B256>,
}

impl Invalid {
    fn get(&self, hash: &B256) -> Option<(Option<B256>, String)> {
        self.known.get(hash).cloned()
    }

    fn add(&mut self, hash: B256, latest_valid: Option<B256>, reason: String) {
        if self.known.insert(hash, (latest_valid, reason)).is_none() {
            self.order.push_back(hash);
        }
        if self.order.len() > INVALID_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}
