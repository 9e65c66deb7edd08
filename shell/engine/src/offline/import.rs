//! Blocks from a file into the chain, through the same tree as `engine_newPayload`.
//!
//! One thread reads, decodes and recovers senders ahead; the tree executes. The head follows every
//! [`ImportOptions::head_every`] blocks, so that what was executed is flushed in the background.
//!
//! Invariants: blocks that are known are skipped, so an import that was interrupted goes on where
//! it was; the first bad block ends it, and everything before it is kept.

use super::{
    Progress,
    block_rlp::{self, StreamError},
};
use crate::{
    EngineConfig, HeadInfo, StartError,
    engine::open,
    engine_api::Api,
    exec::PendingBlock,
    raw_block::decode_block,
    tree::{Command, ForkchoiceOutcome, InsertOutcome, TreeHandle},
};
use alloy_primitives::B256;
use alloy_rpc_types_engine::ForkchoiceState;
use std::{
    io::{BufReader, Read},
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// Blocks that are read ahead of execution.
const READ_AHEAD_BLOCKS: usize = 32;
/// Bytes read from the file at once.
const BUFFER_BYTES: usize = 1 << 20;
/// How often progress is told.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// How to import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportOptions {
    /// The head follows after this many blocks. At most 256: the tree keeps no more blocks that
    /// are not on its chain.
    pub head_every: u64,
    /// Bytes of the stream, for the progress; zero if unknown.
    pub total_bytes: u64,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            head_every: 32,
            total_bytes: 0,
        }
    }
}

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Blocks that were executed.
    pub imported: u64,
    /// Blocks that were known.
    pub skipped: u64,
    /// Gas of the blocks that were executed.
    pub gas: u64,
    /// Transactions of the blocks that were executed.
    pub transactions: u64,
    /// Where the chain stands now.
    pub head: HeadInfo,
    /// Time it took, without opening the database.
    pub elapsed: Duration,
}

/// Why an import ended early. What came before the block at fault is kept.
#[derive(Debug, thiserror::Error)]
pub enum FileImportError {
    /// The engine cannot be opened.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The stream cannot be read.
    #[error("reading failed after {blocks} blocks, at byte {offset}: {problem}")]
    Stream {
        /// Blocks read before.
        blocks: u64,
        /// Where the bad block begins, bytes from the start of the stream.
        offset: u64,
        /// What is wrong.
        problem: String,
    },
    /// A block breaks the rules.
    #[error("block {number} ({hash}) is invalid: {reason}")]
    Invalid {
        /// Its height.
        number: u64,
        /// Its hash.
        hash: B256,
        /// The rule it breaks.
        reason: String,
    },
    /// A block whose parent is nowhere.
    #[error(
        "block {number} ({hash}) does not connect: its parent {parent} is unknown; the chain's head is block {head}"
    )]
    Gap {
        /// Its height.
        number: u64,
        /// Its hash.
        hash: B256,
        /// Its parent.
        parent: B256,
        /// Height of our head.
        head: u64,
    },
    /// We failed, not the block.
    #[error("block {number} ({hash}) could not be judged: {reason}")]
    Engine {
        /// Its height.
        number: u64,
        /// Its hash.
        hash: B256,
        /// What failed.
        reason: String,
    },
}

/// Imports blocks until the stream ends, a block is bad, or `go_on` says no.
pub async fn import(
    config: EngineConfig,
    input: impl Read + Send + 'static,
    options: ImportOptions,
    mut progress: impl FnMut(Progress),
    go_on: impl Fn() -> bool,
) -> Result<ImportReport, FileImportError> {
    let opened = tokio::task::spawn_blocking(move || open(config)).await;
    let (api, _) = opened.map_err(|e| StartError::Internal(e.to_string()))??;
    let mut run = Run {
        tree: api.tree.clone(),
        options,
        report: ImportReport::default(),
        unseen: None,
    };
    let started = Instant::now();
    let outcome = run.blocks(reader(api, input)?, &mut progress, go_on).await;
    // A bad block does not take the good ones before it along.
    let moved = run.move_head().await;
    run.report.head = run.tree.view().head;
    let _ = run.tree.ask(Command::Shutdown).await;
    run.report.elapsed = started.elapsed();
    outcome.and(moved).map(|()| run.report)
}

/// A block from the stream, or the end of it.
struct Item {
    hash: B256,
    number: u64,
    /// Where the next block begins, bytes.
    offset: u64,
    /// Nothing if the block is known.
    block: Option<Result<PendingBlock, String>>,
}

struct Run {
    tree: TreeHandle,
    options: ImportOptions,
    report: ImportReport,
    /// The newest block that was taken since the head moved, and its height.
    unseen: Option<(B256, u64)>,
}

impl Run {
    async fn blocks(
        &mut self,
        mut items: mpsc::Receiver<Result<Item, FileImportError>>,
        progress: &mut impl FnMut(Progress),
        go_on: impl Fn() -> bool,
    ) -> Result<(), FileImportError> {
        let mut told: Option<Instant> = None;
        while let Some(item) = items.recv().await {
            let item = item?;
            let (number, offset) = (item.number, item.offset);
            self.take(item).await?;
            let taken = self.report.imported.saturating_add(self.report.skipped);
            if taken.is_multiple_of(self.options.head_every.clamp(1, 256)) {
                self.move_head().await?;
            }
            if told.is_none_or(|at| at.elapsed() >= PROGRESS_INTERVAL) {
                told = Some(Instant::now());
                progress(Progress {
                    what: "import",
                    done: offset,
                    total: self.options.total_bytes,
                    block: number,
                    gas: self.report.gas,
                    transactions: self.report.transactions,
                });
            }
            if !go_on() {
                break;
            }
        }
        Ok(())
    }

    async fn take(&mut self, item: Item) -> Result<(), FileImportError> {
        let Item { hash, number, .. } = item;
        let failed = |reason| FileImportError::Engine {
            number,
            hash,
            reason,
        };
        let block = match item.block {
            None => {
                self.report.skipped = self.report.skipped.saturating_add(1);
                // A known block off the canonical chain still becomes head at the end.
                self.unseen = Some((hash, number));
                return Ok(());
            }
            Some(Err(reason)) => {
                return Err(FileImportError::Invalid {
                    number,
                    hash,
                    reason,
                });
            }
            Some(Ok(block)) => block,
        };
        let (parent, gas) = (block.header.parent_hash, block.header.gas_used);
        let transactions = block.transactions.len() as u64;
        let outcome = self
            .tree
            .ask(|reply| Command::Insert(Box::new(block), reply))
            .await;
        match outcome.map_err(|e| failed(e.to_string()))? {
            InsertOutcome::Valid => {
                self.report.imported = self.report.imported.saturating_add(1);
                self.report.gas = self.report.gas.saturating_add(gas);
                self.report.transactions = self.report.transactions.saturating_add(transactions);
                self.unseen = Some((hash, number));
                Ok(())
            }
            InsertOutcome::Invalid { reason, .. } => Err(FileImportError::Invalid {
                number,
                hash,
                reason,
            }),
            InsertOutcome::ParentUnknown => Err(FileImportError::Gap {
                number,
                hash,
                parent,
                head: self.tree.view().head.number,
            }),
            InsertOutcome::Failed(reason) => Err(failed(reason)),
        }
    }

    /// Makes the newest block head, unless it is on the chain already.
    async fn move_head(&mut self) -> Result<(), FileImportError> {
        let Some((hash, number)) = self.unseen.take() else {
            return Ok(());
        };
        let failed = |reason| FileImportError::Engine {
            number,
            hash,
            reason,
        };
        let view = self.tree.view();
        if view
            .is_canonical(&hash, number)
            .map_err(|e| failed(e.to_string()))?
        {
            return Ok(());
        }
        let state = ForkchoiceState {
            head_block_hash: hash,
            safe_block_hash: B256::ZERO,
            finalized_block_hash: B256::ZERO,
        };
        let outcome = self
            .tree
            .ask(|reply| Command::Forkchoice(state, reply))
            .await;
        match outcome.map_err(|e| failed(e.to_string()))? {
            Ok(ForkchoiceOutcome::Done) => Ok(()),
            Ok(other) => Err(failed(format!("it did not become the head: {other:?}"))),
            Err(e) => Err(failed(e.to_string())),
        }
    }
}

/// Starts the thread that reads ahead.
fn reader(
    api: Api,
    input: impl Read + Send + 'static,
) -> Result<mpsc::Receiver<Result<Item, FileImportError>>, FileImportError> {
    let (outbox, inbox) = mpsc::channel(READ_AHEAD_BLOCKS);
    std::thread::Builder::new()
        .name("opal-import".into())
        .spawn(move || {
            let mut input = BufReader::with_capacity(BUFFER_BYTES, input);
            let (mut offset, mut blocks) = (0u64, 0u64);
            loop {
                let item = match read_item(&mut input, &api, &mut offset) {
                    Ok(None) => return,
                    Ok(Some(item)) => Ok(item),
                    Err(e) => Err(FileImportError::Stream {
                        blocks,
                        offset,
                        problem: e.to_string(),
                    }),
                };
                blocks = blocks.saturating_add(1);
                let last = item.is_err();
                if outbox.blocking_send(item).is_err() || last {
                    return;
                }
            }
        })
        .map_err(|e| StartError::Internal(e.to_string()))?;
    Ok(inbox)
}

fn read_item(
    input: &mut impl Read,
    api: &Api,
    offset: &mut u64,
) -> Result<Option<Item>, StreamError> {
    let Some(bytes) = block_rlp::next_item(input)? else {
        return Ok(None);
    };
    let raw = decode_block(&bytes)?;
    *offset = offset.saturating_add(bytes.len() as u64);
    let (hash, number) = (raw.hash, raw.block.header.number);
    // A header that cannot be read here is the tree's to report.
    let known = api.tree.view().header(&hash).is_ok_and(|h| h.is_some());
    let block = (!known).then(|| api.recover(hash, raw.block));
    Ok(Some(Item {
        hash,
        number,
        offset: *offset,
        block,
    }))
}
