//! The loop: one owner of the submission.

use crate::{config::BatcherConfig, load, service::BatcherStatus};
use alloy_eips::BlockNumberOrTag;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use opal_protocol::{L1Id, L2Ref, RollupConfig};
use opal_rpc::{EthClient, RollupClient, SyncStatus};
use opal_submission::{PushError, RollupStatus, Submission, Trace, TxData, TxId, Verdict};
use opal_txmgr::{SendError, SentTx, TxCandidate, TxManager, intrinsic_gas, serve::Answer};
use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch},
    time::MissedTickBehavior,
};

/// Blocks loaded between two looks at the status.
const LOAD_MAX: u64 = 512;
/// Transactions handed to the transaction manager and not confirmed, at most.
const IN_FLIGHT_MAX: usize = 64;

/// How often the account's balance is looked at, for the metrics.
const BALANCE_INTERVAL: Duration = Duration::from_secs(10);

/// What an operator may ask for.
#[derive(Debug)]
pub(crate) enum Command {
    Start(Answer),
    Stop(Answer),
    Flush(Answer),
}

type Sent = (TxId, Result<SentTx, SendError>);

pub(crate) struct Worker {
    config: BatcherConfig,
    chain: Arc<RollupConfig>,
    l1: EthClient,
    l2: EthClient,
    rollup: RollupClient,
    tx_manager: TxManager,
    /// `None` only while a channel is being built on another thread.
    submission: Option<Submission>,
    in_flight: FuturesUnordered<BoxFuture<'static, Sent>>,
    commands: mpsc::Receiver<Command>,
    status_tx: watch::Sender<BatcherStatus>,
    status: BatcherStatus,
    is_catching_up: bool,
    balance_at: Option<Instant>,
}

impl Worker {
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn new(
        config: BatcherConfig,
        chain: Arc<RollupConfig>,
        [l1, l2]: [EthClient; 2],
        rollup: RollupClient,
        tx_manager: TxManager,
        submission: Submission,
        commands: mpsc::Receiver<Command>,
        status_tx: watch::Sender<BatcherStatus>,
    ) -> Self {
        let status = BatcherStatus {
            is_running: !config.stopped,
            ..BatcherStatus::default()
        };
        Self {
            config,
            chain,
            l1,
            l2,
            rollup,
            tx_manager,
            submission: Some(submission),
            in_flight: FuturesUnordered::new(),
            commands,
            status_tx,
            status,
            is_catching_up: false,
            balance_at: None,
        }
    }

    pub(crate) async fn run(mut self) {
        let mut ticks = tokio::time::interval(self.config.poll_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(command) = self.commands.recv() => self.obey(command).await,
                Some(sent) = self.in_flight.next(), if !self.in_flight.is_empty() => {
                    self.settle(sent);
                    if self.status.is_running {
                        self.send_all().await;
                    }
                }
                _ = ticks.tick() => {
                    self.look_at_balance().await;
                    if self.status.is_running {
                        self.tick().await;
                    }
                }
            }
            self.publish_status();
        }
    }

    async fn obey(&mut self, command: Command) {
        let is_running = self.status.is_running;
        let (answer, result) = match command {
            Command::Start(answer) if is_running => (answer, Err("the batcher is running".into())),
            Command::Stop(answer) if !is_running => (answer, Err("the batcher is stopped".into())),
            Command::Start(answer) => {
                tracing::info!("batcher started by admin");
                self.status.is_running = true;
                (answer, Ok(()))
            }
            Command::Stop(answer) => {
                tracing::info!("batcher stopped by admin");
                self.status.is_running = false;
                self.submission().restart();
                (answer, Ok(()))
            }
            Command::Flush(answer) if !is_running => (answer, Err("the batcher is stopped".into())),
            Command::Flush(answer) => {
                self.tick().await;
                self.submission().flush();
                self.send_all().await;
                (answer, Ok(()))
            }
        };
        // Whoever asked may be gone.
        let _ = answer.send(result);
    }

    fn submission(&mut self) -> &mut Submission {
        self.submission
            .as_mut()
            .expect("it is back as soon as a channel is built")
    }

    /// Looks at the rollup node, loads what is new, sends what is due.
    async fn tick(&mut self) {
        let sync = match self.rollup.sync_status().await {
            Ok(sync) => sync,
            Err(error) => {
                return self.complain(format!(
                    "cannot read the rollup node's status, trying again: {error}"
                ));
            }
        };
        self.status.l1_head = sync.head_l1;
        self.status.backlog_blocks = sync
            .unsafe_l2
            .number
            .saturating_sub(safe_head(&sync).number);
        self.submission()
            .on_l1_head(sync.head_l1.number, sync.head_l1.time);
        let verdict = self.submission().on_status(&reduce(&sync));
        if (verdict == Verdict::CatchingUp) != self.is_catching_up {
            self.is_catching_up = !self.is_catching_up;
            tracing::info!(
                current_l1 = sync.current_l1.number,
                head_l1 = sync.head_l1.number,
                "{}",
                if self.is_catching_up {
                    "waiting for the rollup node to catch up with L1"
                } else {
                    "the rollup node has caught up"
                }
            );
        }
        if let Verdict::Reset(reason) = verdict {
            tracing::info!(safe = %safe_head(&sync).id(), "beginning behind the safe head: {reason}");
        }
        self.status.error = None;
        if verdict != Verdict::CatchingUp {
            self.load(&sync).await;
        }
        self.send_all().await;
    }

    async fn load(&mut self, sync: &SyncStatus) {
        let Some(range) = self.submission().wants(sync.unsafe_l2.number) else {
            return;
        };
        let last = (*range.end()).min(range.start().saturating_add(LOAD_MAX - 1));
        let (l2, chain) = (self.l2.clone(), self.chain.clone());
        let mut blocks = pin!(load::blocks(&l2, &chain, *range.start()..=last));
        while let Some(block) = blocks.next().await {
            let block = match block {
                Ok(block) => block,
                Err(error) => {
                    return self.complain(format!("cannot load L2 blocks, trying again: {error}"));
                }
            };
            match self.submission().push_block(block) {
                Ok(()) => {}
                Err(PushError::Full) => return,
                Err(error @ (PushError::Reorg { .. } | PushError::NotNext { .. })) => {
                    tracing::info!("beginning behind the safe head: {error}");
                    self.submission().reset(*safe_head(sync));
                    return;
                }
            }
        }
    }

    /// Hands transactions to the transaction manager while there is room.
    async fn send_all(&mut self) {
        let queue = &self.config.tx_manager.queue;
        let depth = usize::try_from(queue.num_confirmations.max(1)).unwrap_or(IN_FLIGHT_MAX);
        let room = queue
            .max_pending
            .max(1)
            .saturating_mul(depth)
            .min(IN_FLIGHT_MAX);
        while self.in_flight.len() < room {
            let Some(tx) = self.next_tx().await else {
                break;
            };
            let id = tx.id;
            self.status.bytes_sent += tx.frames.iter().map(|f| f.data.len() as u64).sum::<u64>();
            let pending = match self.tx_manager.submit(self.candidate(&tx)) {
                Ok(pending) => pending,
                Err(error) => {
                    self.complain(format!("cannot send: {error}"));
                    self.submission().on_failed(id);
                    break;
                }
            };
            self.status.txs_submitted += 1;
            self.in_flight
                .push(async move { (id, pending.outcome().await) }.boxed());
        }
        self.log_trace();
    }

    /// Builds and compresses on a thread of its own.
    async fn next_tx(&mut self) -> Option<TxData> {
        let mut submission = self.submission.take()?;
        let built = tokio::task::spawn_blocking(move || {
            let tx = submission.next_tx();
            (submission, tx)
        });
        let (submission, tx) = built.await.expect("building a channel does not panic");
        self.submission = Some(submission);
        tx
    }

    fn candidate(&self, tx: &TxData) -> TxCandidate {
        let data = tx.calldata();
        TxCandidate {
            to: Some(self.chain.batch_inbox_address),
            gas_limit: intrinsic_gas(&data),
            data,
            blobs: tx.blobs(),
            ..TxCandidate::default()
        }
    }

    fn settle(&mut self, (id, result): Sent) {
        match result {
            Ok(sent) => {
                let at = L1Id {
                    hash: sent.block_hash,
                    number: sent.block_number,
                };
                self.submission().on_confirmed(id, at);
                self.status.txs_confirmed += 1;
                self.status.last_tx = Some(sent);
            }
            Err(error) => {
                self.status.txs_failed += 1;
                self.complain(format!(
                    "a batcher transaction was given up, its blocks are sent again: {error}"
                ));
                self.submission().on_failed(id);
            }
        }
        self.log_trace();
    }

    fn log_trace(&mut self) {
        for trace in self.submission().drain_trace() {
            match trace {
                Trace::ChannelClosed {
                    id,
                    blocks: (first, last),
                    raw_bytes,
                    bytes,
                    reason,
                } => {
                    self.status.channels_closed += 1;
                    self.status.channel_bytes = [raw_bytes, bytes];
                    for (total, more) in self
                        .status
                        .channel_bytes_total
                        .iter_mut()
                        .zip([raw_bytes, bytes])
                    {
                        *total = total.saturating_add(more as u64);
                    }
                    tracing::info!(%id, first, last, raw_bytes, bytes, ?reason, "channel closed");
                }
                Trace::ChannelLanded {
                    id,
                    blocks: (first, last),
                    at,
                } => {
                    tracing::info!(%id, first, last, l1_block = at.number, "channel landed");
                }
                Trace::Requeued { from, reason } => {
                    tracing::warn!(from, "blocks are sent again: {reason}");
                }
            }
        }
    }

    async fn look_at_balance(&mut self) {
        let is_recent = |at: Instant| at.elapsed() < BALANCE_INTERVAL;
        if self.config.metrics_addr.is_none() || self.balance_at.is_some_and(is_recent) {
            return;
        }
        self.balance_at = Some(Instant::now());
        let (address, latest) = (self.tx_manager.address(), BlockNumberOrTag::Latest);
        // The metric keeps its last value while L1 does not answer.
        if let Ok(balance) = self.l1.balance(address, latest).await {
            self.status.balance = balance;
        }
    }

    fn complain(&mut self, words: String) {
        if self.status.error.as_ref() != Some(&words) {
            tracing::warn!("{words}");
        }
        self.status.error = Some(words);
    }

    fn publish_status(&mut self) {
        let held = self.submission().status();
        let sending = self.tx_manager.status().borrow().error.clone();
        let status = BatcherStatus {
            backlog_bytes: held.bytes,
            blocks_pending: held.blocks_unsubmitted,
            channels_pending: held.channels,
            error: self.status.error.clone().or(sending),
            ..self.status.clone()
        };
        self.status_tx.send_if_modified(|old| {
            let is_new = *old != status;
            *old = status;
            is_new
        });
    }
}

/// The safe head that follows from L1 alone, whatever it says about other chains.
fn safe_head(sync: &SyncStatus) -> &L2Ref {
    if sync.local_safe_l2.hash.is_zero() {
        &sync.safe_l2
    } else {
        &sync.local_safe_l2
    }
}

fn reduce(sync: &SyncStatus) -> RollupStatus {
    RollupStatus {
        current_l1: sync.current_l1.id(),
        head_l1: sync.head_l1.id(),
        safe: *safe_head(sync),
        unsafe_head: sync.unsafe_l2.id(),
    }
}
