//! The block tree and its owner, one thread.
//!
//! Inputs: [`Command`]s, one after the other. Outputs: replies, and after each change a new
//! [`ChainView`] for readers. Invariants: the flushed block is the head or one of its ancestors;
//! every block in the view was executed and is valid; safe and finalized are ancestors of the head.

mod buffer;
mod flush;
mod flusher;
mod forkchoice;
mod insert;

pub(crate) use forkchoice::{ForkchoiceOutcome, ForkchoiceRefused};
pub(crate) use insert::InsertOutcome;

use crate::{
    block::ExecutedBlock,
    engine::HeadInfo,
    exec::PendingBlock,
    held::HeldTrie,
    metrics::Metrics,
    pool::Pool,
    store::{Patience, Store, StoreError},
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

/// Commands that may wait for the tree at once.
const COMMANDS_MAX: usize = 256;
/// Hashes of invalid blocks that are remembered.
const INVALID_MAX: usize = 1_024;
/// Unflushed blocks, on all branches, above which the tree waits for the flush.
const UNFLUSHED_MAX: usize = 512;
/// Blocks off the canonical chain are forgotten when the head is this far above them.
const SIDE_BLOCKS_DEPTH: u64 = 64;

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
        HeldTrie::new(trie),
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
        flush_took: Duration::ZERO,
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
    /// How long the last flush took.
    flush_took: Duration,
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
        let view = Arc::new(view.after(&self.view()));
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
