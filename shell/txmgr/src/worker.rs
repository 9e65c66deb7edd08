//! The loop: one owner of the queue and of all candidates.

use crate::{
    config::TxManagerConfig,
    craft::{Craft, Prepared, Signed},
    manager::{SendError, SentTx, Submitted, TxManagerStatus},
    observe,
};
use alloy_primitives::{Address, B256};
use alloy_rpc_types_eth::{TransactionInput, TransactionRequest};
use opal_rpc::{EthClient, RpcError};
use opal_txqueue::{
    Blocked, CandidateId, L1View, Outcome, Payload, Publish, Refusal, TxKind, TxQueue,
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};

/// A view of L1 this old is renewed before a new candidate gets its nonce and fees.
const VIEW_AGE_MAX: Duration = Duration::from_secs(1);
/// Shortest sleep between two looks at the queue.
const SLEEP_MIN: Duration = Duration::from_millis(20);

/// A candidate that is not settled.
#[derive(Debug)]
struct Candidate {
    tx: Prepared,
    answer: oneshot::Sender<Result<SentTx, SendError>>,
    _permit: OwnedSemaphorePermit,
}

#[derive(Debug)]
pub(crate) struct Worker {
    config: TxManagerConfig,
    l1: EthClient,
    craft: Craft,
    submissions: mpsc::Receiver<Submitted>,
    status: watch::Sender<TxManagerStatus>,
    queue: TxQueue,
    started: Instant,
    view: Option<L1View>,
    viewed: Option<Instant>,
    candidates: BTreeMap<CandidateId, Candidate>,
    next_id: u64,
    last_confirmed: Option<SentTx>,
    l1_error: Option<RpcError>,
}

impl Worker {
    pub(crate) fn new(
        config: TxManagerConfig,
        l1: EthClient,
        craft: Craft,
        submissions: mpsc::Receiver<Submitted>,
        status: watch::Sender<TxManagerStatus>,
    ) -> Self {
        Self {
            queue: TxQueue::new(config.queue),
            config,
            l1,
            craft,
            submissions,
            status,
            started: Instant::now(),
            view: None,
            viewed: None,
            candidates: BTreeMap::new(),
            next_id: 0,
            last_confirmed: None,
            l1_error: None,
        }
    }

    /// Runs until all handles are dropped.
    pub(crate) async fn run(mut self) {
        loop {
            let is_idle = self.queue.is_empty();
            let pause = self.pause();
            tokio::select! {
                submitted = self.submissions.recv() => match submitted {
                    Some(submitted) => self.accept(submitted),
                    None => return,
                },
                () = tokio::time::sleep(pause), if !is_idle => {}
            }
            while let Ok(submitted) = self.submissions.try_recv() {
                self.accept(submitted);
            }
            let age_max = if is_idle {
                VIEW_AGE_MAX
            } else {
                self.config.receipt_query_interval
            };
            if self.viewed.is_none_or(|at| at.elapsed() >= age_max) {
                self.look().await;
            }
            self.publish_due().await;
            self.report();
        }
    }

    /// How long nothing is to be done unless a candidate arrives.
    fn pause(&self) -> Duration {
        let until_look = self.viewed.map_or(Duration::ZERO, |at| {
            self.config
                .receipt_query_interval
                .saturating_sub(at.elapsed())
        });
        let until_due = self
            .queue
            .next_wake_ms()
            .map(|at| Duration::from_millis(at.saturating_sub(self.now_ms())));
        until_due
            .map_or(until_look, |due| due.min(until_look))
            .max(SLEEP_MIN)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn accept(&mut self, submitted: Submitted) {
        let id = CandidateId(self.next_id);
        self.next_id += 1;
        let tx = Prepared::new(submitted.candidate);
        let kind = if tx.blobs.is_empty() {
            TxKind::Dynamic
        } else {
            TxKind::Blob
        };
        self.queue.push(id, kind, self.now_ms());
        let candidate = Candidate {
            tx,
            answer: submitted.answer,
            _permit: submitted.permit,
        };
        self.candidates.insert(id, candidate);
    }

    /// Reads L1 and tells the queue.
    async fn look(&mut self) {
        self.viewed = Some(Instant::now());
        let seen = self.read_l1().await;
        if let Err(error) = &seen
            && self.l1_error.is_none()
        {
            tracing::warn!(%error, "transaction manager cannot read L1; retrying");
        }
        self.l1_error = seen.err();
        self.viewed = Some(Instant::now());
    }

    async fn read_l1(&mut self) -> Result<(), RpcError> {
        let view = observe::view(&self.l1, self.craft.address(), self.view.as_ref()).await?;
        self.view = Some(view);
        self.queue.on_l1(view, self.now_ms());
        let receipts = observe::receipts(&self.l1, &self.queue.watched()).await?;
        self.queue.on_receipts(&receipts, self.now_ms());
        Ok(())
    }

    async fn publish_due(&mut self) {
        while let Some(publish) = self.queue.poll(self.now_ms()) {
            let signed = self.sign(&publish).await;
            let hash = signed.as_ref().ok().map(|signed| signed.hash);
            let answer = match signed {
                Ok(signed) => self.send(&publish, signed).await,
                Err(refusal) => Err((hash, refusal)),
            };
            let now_ms = self.now_ms();
            match answer {
                Ok(hash) => {
                    tracing::debug!(%hash, nonce = publish.nonce, kind = ?publish.kind, fees = ?publish.fees, "published");
                    self.queue.on_published(publish.ticket, hash, now_ms);
                }
                Err((hash, refusal)) => {
                    tracing::debug!(nonce = publish.nonce, %refusal, "not published");
                    self.queue.on_refused(publish.ticket, hash, refusal, now_ms);
                }
            }
        }
    }

    /// Sends a signed transaction; if L1 wants the other version of its sidecar, that too.
    async fn send(
        &mut self,
        publish: &Publish,
        mut signed: Signed,
    ) -> Result<B256, (Option<B256>, Refusal)> {
        for is_last in [false, true] {
            let refusal = match send_raw(&self.l1, &signed.raw).await {
                Ok(()) => return Ok(signed.hash),
                Err(refusal) => refusal,
            };
            let is_sidecar = publish.kind == TxKind::Blob && speaks_of_encoding(&refusal);
            if is_last || !is_sidecar || !self.craft.switch_sidecar(&refusal) {
                return Err((Some(signed.hash), refusal));
            }
            signed = self
                .sign(publish)
                .await
                .map_err(|refusal| (None, refusal))?;
        }
        Err((Some(signed.hash), Refusal::Temporary("not sent".into())))
    }

    async fn sign(&mut self, publish: &Publish) -> Result<Signed, Refusal> {
        let mut cancellation;
        let tx = match publish.payload {
            Payload::Candidate(id) => match self.candidates.get_mut(&id) {
                Some(candidate) => &mut candidate.tx,
                None => return Err(Refusal::Rejected("the candidate is gone".into())),
            },
            Payload::Cancel => {
                let with_blob = publish.kind == TxKind::Blob;
                cancellation = Prepared::cancellation(self.craft.address(), with_blob);
                &mut cancellation
            }
        };
        if tx.gas_limit == 0 {
            tx.gas_limit = estimate_gas(&self.l1, self.craft.address(), tx).await?;
        }
        self.craft.prove(tx).await?;
        self.craft.sign(publish, tx)
    }

    /// Answers those whose candidates are settled, and updates the status.
    fn report(&mut self) {
        while let Some(outcome) = self.queue.next_outcome() {
            let (id, answer) = match outcome {
                Outcome::Confirmed { id, receipt } => {
                    let sent = SentTx {
                        hash: receipt.tx_hash,
                        block_number: receipt.block_number,
                        block_hash: receipt.block_hash,
                        success: receipt.success,
                    };
                    tracing::debug!(hash = %sent.hash, block = sent.block_number, "confirmed");
                    self.last_confirmed = Some(sent);
                    (id, Ok(sent))
                }
                Outcome::Failed { id, reason } => {
                    tracing::warn!(%reason, "transaction given up");
                    (id, Err(SendError::Failed(reason)))
                }
            };
            if let Some(candidate) = self.candidates.remove(&id) {
                // Whoever submitted it may have stopped waiting.
                let _ = candidate.answer.send(answer);
            }
        }
        let queue = self.queue.status();
        let error = match (&self.l1_error, &queue.blocked) {
            (Some(error), _) => Some(error.to_string()),
            (None, Some(blocked)) => Some(self.in_words(blocked)),
            (None, None) => None,
        };
        let status = TxManagerStatus {
            queue,
            last_confirmed: self.last_confirmed,
            error,
        };
        self.status.send_if_modified(|old| {
            let is_new = *old != status;
            if is_new
                && old.error != status.error
                && let Some(error) = &status.error
            {
                tracing::warn!("{error}");
            }
            *old = status;
            is_new
        });
    }

    fn in_words(&self, blocked: &Blocked) -> String {
        let address = self.craft.address();
        match blocked {
            Blocked::FeeLimit(limit) => limit.to_string(),
            Blocked::Refused(Refusal::InsufficientFunds(words)) => {
                format!(
                    "account {address} cannot pay for its transactions on L1; send ether to it ({words})"
                )
            }
            Blocked::Refused(refusal) => format!(
                "L1 does not take the next transaction of {address}, trying again: {refusal}"
            ),
        }
    }
}

/// Sends once; the queue decides about repetitions.
async fn send_raw(l1: &EthClient, raw: &[u8]) -> Result<(), Refusal> {
    let hex = alloy_primitives::hex::encode_prefixed(raw);
    l1.request_once::<_, B256>("eth_sendRawTransaction", (hex,))
        .await
        .map(drop)
        .map_err(refusal)
}

async fn estimate_gas(l1: &EthClient, from: Address, tx: &Prepared) -> Result<u64, Refusal> {
    let request = TransactionRequest {
        from: Some(from),
        to: Some(tx.to),
        value: Some(tx.value),
        input: TransactionInput::new(tx.data.clone()),
        ..TransactionRequest::default()
    };
    l1.estimate_gas(&request).await.map_err(refusal)
}

fn refusal(error: RpcError) -> Refusal {
    match &error {
        RpcError::Response { message, .. } => Refusal::classify(message),
        _ => Refusal::Temporary(error.to_string()),
    }
}

/// Whether a refusal may come from a sidecar of the wrong version: a node that does not know the
/// version cannot even decode the transaction.
fn speaks_of_encoding(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::WrongSidecar(_) => true,
        Refusal::Temporary(words) | Refusal::Rejected(words) => {
            let words = words.to_lowercase();
            ["rlp", "decod", "unmarshal", "sidecar", "proof"]
                .iter()
                .any(|w| words.contains(w))
        }
        _ => false,
    }
}
