//! The loop: looks at node and contract, decides, sends one proposal at a time.

use crate::{
    config::{ProposerConfig, Target},
    contracts::{self, Contract},
    decide::{self, Not, Proposal, Wait},
    nodes::Nodes,
    service::{Proposed, ProposerStatus},
};
use futures::{FutureExt, future::BoxFuture};
use opal_rpc::{EthClient, RpcError};
use opal_txmgr::{SendError, SentTx, TxManager, serve::Answer};
use std::time::{Duration, Instant};
use tokio::{
    sync::{mpsc, watch},
    time::MissedTickBehavior,
};

/// How often the account's balance is looked at, for the metrics.
const BALANCE_INTERVAL: Duration = Duration::from_secs(10);

/// What an operator may ask for.
#[derive(Debug)]
pub(crate) enum Command {
    Start(Answer),
    Stop(Answer),
}

/// Why nothing was proposed at a look.
#[derive(Debug, thiserror::Error)]
enum Held {
    #[error("{0}")]
    Rpc(#[from] RpcError),
    #[error("{0}")]
    Not(#[from] Not),
    #[error("the contract refuses the proposal of L2 block {number}: {words}")]
    Refused { number: u64, words: String },
    #[error("cannot send the proposal: {0}")]
    Send(#[from] SendError),
}

impl From<Wait> for Held {
    fn from(wait: Wait) -> Self {
        Self::Not(wait.into())
    }
}

type Outcome = (Proposal, Result<SentTx, SendError>);

pub(crate) struct Worker {
    pub(crate) config: ProposerConfig,
    pub(crate) nodes: Nodes,
    pub(crate) l1: EthClient,
    pub(crate) contract: Contract,
    pub(crate) tx_manager: TxManager,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) status_tx: watch::Sender<ProposerStatus>,
    pub(crate) status: ProposerStatus,
    /// L1 block up to which the node must have read L1 before anything is proposed.
    pub(crate) sync_until: Option<u64>,
    /// A proposal that waits for L1 to show one more block.
    pub(crate) held: Option<Proposal>,
    pub(crate) balance_at: Option<Instant>,
}

impl Worker {
    pub(crate) async fn run(mut self) {
        let mut ticks = tokio::time::interval(self.config.poll_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut in_flight: Option<BoxFuture<'static, Outcome>> = None;
        loop {
            let sent = async {
                match in_flight.as_mut() {
                    Some(sent) => sent.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(command) = self.commands.recv() => self.obey(command),
                (proposal, result) = sent => {
                    in_flight = None;
                    self.settle(&proposal, result);
                }
                _ = ticks.tick() => {
                    self.look_at_balance().await;
                    if self.status.is_running && in_flight.is_none() {
                        in_flight = self.look().await;
                    }
                }
            }
            self.publish_status();
        }
    }

    fn obey(&mut self, command: Command) {
        let is_running = self.status.is_running;
        let (answer, result) = match command {
            Command::Start(answer) if is_running => {
                (answer, Err("proposer is already running".into()))
            }
            Command::Stop(answer) if !is_running => (answer, Err("proposer is not running".into())),
            Command::Start(answer) => {
                tracing::info!("proposer started by admin");
                self.status.is_running = true;
                (answer, Ok(()))
            }
            Command::Stop(answer) => {
                tracing::info!("proposer stopped by admin");
                self.status.is_running = false;
                self.held = None;
                (answer, Ok(()))
            }
        };
        // Whoever asked may be gone.
        let _ = answer.send(result);
    }

    /// Looks whether something is to be proposed, and sends it.
    async fn look(&mut self) -> Option<BoxFuture<'static, Outcome>> {
        let held = match self.propose().await {
            Ok(sent) => {
                self.status.error = None;
                self.status.waiting = None;
                return Some(sent);
            }
            Err(held) => held,
        };
        match held {
            Held::Not(Not::Yet(wait)) => {
                tracing::debug!("{wait}");
                self.status.error = None;
                self.status.waiting = Some(wait.to_string());
            }
            held => {
                let words = held.to_string();
                if self.status.error.as_ref() != Some(&words) {
                    tracing::warn!("nothing proposed, trying again: {words}");
                }
                self.status.error = Some(words);
            }
        }
        None
    }

    async fn propose(&mut self) -> Result<BoxFuture<'static, Outcome>, Held> {
        let proposal = match self.held.take() {
            Some(proposal) => proposal,
            None => self.next_proposal().await?,
        };
        self.check_on_l1(&proposal).await?;
        let candidate = self.contract.candidate(&proposal).await?;
        if let Err(words) = self.contract.rehearse(&candidate).await? {
            return Err(Held::Refused {
                number: proposal.l2.number,
                words,
            });
        }
        tracing::info!(
            output_root = %proposal.output_root,
            l2_block = proposal.l2.number,
            l1_block = proposal.current_l1.number,
            "proposing"
        );
        let pending = self.tx_manager.submit(candidate)?;
        Ok(async move { (proposal, pending.outcome().await) }.boxed())
    }

    /// The output to propose, as the rollup node has it.
    async fn next_proposal(&mut self) -> Result<Proposal, Held> {
        let asked = match self.config.target {
            Target::Games {
                game_type,
                interval,
                ..
            } => {
                let now = contracts::l1_head(&self.l1).await?.time;
                let since = now.saturating_sub(interval.as_secs());
                let last = self.contract.last_game(game_type, since).await?;
                decide::is_due(last, now, interval.as_secs())?;
                None
            }
            Target::Oracle(_) => Some(self.contract.next_block().await?),
        };
        let (node, before) = self.nodes.status().await?;
        if let Some(until) = self.sync_until {
            decide::is_synced(&before, until)?;
            tracing::info!(l1_block = until, "the rollup node has caught up with L1");
            self.sync_until = None;
        }
        let may = self.config.allow_non_finalized;
        let number = decide::block(&decide::head(&before, may), asked)?;
        let answer = node.output_at_block(number).await?;
        let proposal = decide::output(&before, number, &answer, may)?;
        let theirs = before.current_l1;
        let ours = contracts::l1_hash(&self.l1, theirs.number).await?;
        let head = contracts::l1_head(&self.l1).await?.number;
        let id = alloy_eips::BlockNumHash {
            number: theirs.number,
            hash: theirs.hash,
        };
        decide::on_l1(id, ours, head)?;
        if let Target::Games { game_type, .. } = self.config.target
            && self.contract.has_game(game_type, &proposal).await?
        {
            return Err(Wait::Proposed { number }.into());
        }
        Ok(proposal)
    }

    /// Makes sure that L1 still has the blocks from which the proposal follows.
    async fn check_on_l1(&mut self, proposal: &Proposal) -> Result<(), Held> {
        let head = contracts::l1_head(&self.l1).await?.number;
        for block in [proposal.current_l1, proposal.ground] {
            let ours = contracts::l1_hash(&self.l1, block.number).await?;
            decide::on_l1(block, ours, head)?;
        }
        if let Target::Oracle(_) = self.config.target
            && let Err(wait) = decide::is_visible(proposal.current_l1.number, head)
        {
            self.held = Some(*proposal);
            return Err(wait.into());
        }
        Ok(())
    }

    fn settle(&mut self, proposal: &Proposal, result: Result<SentTx, SendError>) {
        match result {
            Ok(tx) if tx.success => {
                tracing::info!(
                    tx = %tx.hash,
                    l1_block = tx.block_number,
                    l2_block = proposal.l2.number,
                    "proposed"
                );
                self.status.proposals += 1;
                self.status.last = Some(Proposed {
                    l2: proposal.l2,
                    output_root: proposal.output_root,
                    tx,
                });
                self.status.error = None;
            }
            Ok(tx) => self.complain(format!(
                "the proposal of L2 block {} reverted in transaction {}",
                proposal.l2.number, tx.hash
            )),
            Err(error) => self.complain(format!(
                "the proposal of L2 block {} was given up: {error}",
                proposal.l2.number
            )),
        }
    }

    fn complain(&mut self, words: String) {
        tracing::warn!("{words}");
        self.status.failures += 1;
        self.status.error = Some(words);
    }

    async fn look_at_balance(&mut self) {
        if self
            .balance_at
            .is_some_and(|at| at.elapsed() < BALANCE_INTERVAL)
        {
            return;
        }
        self.balance_at = Some(Instant::now());
        // The metric keeps its last value while L1 does not answer.
        if let Ok(balance) = self.contract.balance().await {
            self.status.balance = balance;
        }
    }

    fn publish_status(&mut self) {
        let sending = self.tx_manager.status().borrow().error.clone();
        let status = ProposerStatus {
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
