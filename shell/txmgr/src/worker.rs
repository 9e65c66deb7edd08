//! The loop: one owner of the queue and of all candidates.

use crate::{
    config::TxManagerConfig,
    craft::{Craft, Prepared, Signed},
    manager::{Cost, SendError, SentTx, Submitted, TxManagerStatus},
    observe::{self, Ground},
};
use alloy_eips::BlockNumHash;
use alloy_primitives::{Address, B256};
use alloy_rpc_types_eth::{TransactionInput, TransactionRequest};
use opal_rpc::{EthClient, RpcError};
use opal_txqueue::{
    Blocked, CandidateId, Fees, L1View, Outcome, Payload, Publish, Refusal, TxKind, TxQueue,
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

/// A transaction whose receipt L1 has.
#[derive(Clone, Copy, Debug)]
struct Mined {
    /// When it was first seen.
    at: Instant,
    /// What its gas cost, in wei.
    fee: u128,
}

/// A candidate that is not settled.
#[derive(Debug)]
struct Candidate {
    tx: Prepared,
    answer: oneshot::Sender<Result<SentTx, SendError>>,
    /// The block of L1 that it rests on.
    only_on: Option<BlockNumHash>,
    /// Whether a node may hold it.
    is_published: bool,
    /// When a node first took it, and with which fees it was last published.
    first_taken: Option<Instant>,
    fees: Option<Fees>,
    raises: u64,
    is_cancelled: bool,
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
    /// Of the transactions whose receipts the queue watches, those that L1 has.
    mined: BTreeMap<B256, Mined>,
    next_id: u64,
    /// What the status tells, apart from the queue.
    told: TxManagerStatus,
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
            mined: BTreeMap::new(),
            next_id: 0,
            told: TxManagerStatus::default(),
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
        let only_on = submitted.candidate.only_on;
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
            only_on,
            is_published: false,
            first_taken: None,
            fees: None,
            raises: 0,
            is_cancelled: false,
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
        self.told.rpc_errors += u64::from(seen.is_err());
        self.l1_error = seen.err();
        self.viewed = Some(Instant::now());
    }

    async fn read_l1(&mut self) -> Result<(), RpcError> {
        let view = observe::view(&self.l1, self.craft.address(), self.view.as_ref()).await?;
        self.view = Some(view);
        self.queue.on_l1(view, self.now_ms());
        self.cancel_groundless().await?;
        let paid = observe::receipts(&self.l1, &self.queue.watched()).await?;
        let now = Instant::now();
        let seen = paid.iter().map(|(receipt, fee)| {
            let hash = receipt.tx_hash;
            let before = self.mined.get(&hash).map(|mined| mined.at);
            let at = before.unwrap_or(now);
            (hash, Mined { at, fee: *fee })
        });
        self.mined = seen.collect();
        let receipts: Vec<_> = paid.into_iter().map(|(receipt, _)| receipt).collect();
        self.queue.on_receipts(&receipts, self.now_ms());
        Ok(())
    }

    /// Cancels what rests on blocks that L1 has replaced.
    async fn cancel_groundless(&mut self) -> Result<(), RpcError> {
        let resting: Vec<_> = self
            .candidates
            .iter()
            .filter(|(_, c)| c.is_published && !c.is_cancelled)
            .filter_map(|(id, c)| Some((*id, c.only_on?)))
            .collect();
        for (id, block) in resting {
            if observe::ground(&self.l1, block).await? == Ground::Gone {
                self.cancel(id, block);
            }
        }
        Ok(())
    }

    fn cancel(&mut self, id: CandidateId, block: BlockNumHash) {
        tracing::warn!(
            number = block.number,
            hash = %block.hash,
            "cancelling a transaction that rests on an L1 block which is gone"
        );
        if let Some(candidate) = self.candidates.get_mut(&id) {
            candidate.is_cancelled = true;
        }
        self.queue.cancel(id, self.now_ms());
    }

    /// Whether a candidate may be sent now: L1 must still have the block that it rests on.
    async fn may_send(&mut self, publish: &Publish) -> bool {
        let Payload::Candidate(id) = publish.payload else {
            return true;
        };
        let candidate = self.candidates.get(&id);
        let Some((block, is_published)) =
            candidate.and_then(|c| Some((c.only_on?, c.is_published)))
        else {
            return true;
        };
        let (refusal, is_gone) = match observe::ground(&self.l1, block).await {
            Ok(Ground::Holds) => return true,
            Ok(Ground::Gone) => {
                let words = format!(
                    "not sent: L1 block {} ({}), which it rests on, is gone",
                    block.number, block.hash
                );
                match is_published {
                    true => (Refusal::Temporary(words), true),
                    false => (Refusal::Rejected(words), false),
                }
            }
            Ok(Ground::Unknown) => {
                let words = format!(
                    "L1 does not have block {}, which the transaction rests on",
                    block.number
                );
                (Refusal::Temporary(words), false)
            }
            Err(error) => (Refusal::Temporary(error.to_string()), false),
        };
        self.queue
            .on_refused(publish.ticket, None, refusal, self.now_ms());
        if is_gone {
            self.cancel(id, block);
        }
        false
    }

    async fn publish_due(&mut self) {
        while let Some(publish) = self.queue.poll(self.now_ms()) {
            if !self.may_send(&publish).await {
                continue;
            }
            let signed = self.sign(&publish).await;
            if let (Ok(_), Payload::Candidate(id)) = (&signed, publish.payload)
                && let Some(candidate) = self.candidates.get_mut(&id)
            {
                candidate.is_published = true;
            }
            let hash = signed.as_ref().ok().map(|signed| signed.hash);
            let answer = match signed {
                Ok(signed) => self.send(&publish, signed).await,
                Err(refusal) => Err((hash, refusal)),
            };
            let now_ms = self.now_ms();
            match answer {
                Ok(hash) => {
                    tracing::debug!(%hash, nonce = publish.nonce, kind = ?publish.kind, fees = ?publish.fees, "published");
                    self.told.published += 1;
                    self.note_taken(&publish);
                    self.queue.on_published(publish.ticket, hash, now_ms);
                }
                Err((hash, refusal)) => {
                    tracing::debug!(nonce = publish.nonce, %refusal, "not published");
                    *self.told.refused.entry(refusal.kind()).or_default() += 1;
                    self.queue.on_refused(publish.ticket, hash, refusal, now_ms);
                }
            }
        }
    }

    fn note_taken(&mut self, publish: &Publish) {
        let Payload::Candidate(id) = publish.payload else {
            return;
        };
        if let Some(candidate) = self.candidates.get_mut(&id) {
            candidate.first_taken.get_or_insert_with(Instant::now);
            let before = candidate.fees.replace(publish.fees);
            candidate.raises += u64::from(before.is_some_and(|fees| fees != publish.fees));
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
                    self.told.last_confirmed = Some(sent);
                    self.told.last_cost = self.cost(id, &sent);
                    self.told.confirmed += 1;
                    self.told.reverted += u64::from(!sent.success);
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
        let view = self.view.unwrap_or_default();
        let status = TxManagerStatus {
            queue,
            error,
            nonce: view.nonce_latest,
            market: view.market,
            ..self.told.clone()
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

    /// What a confirmed transaction took.
    fn cost(&self, id: CandidateId, sent: &SentTx) -> Cost {
        let mined = self.mined.get(&sent.hash);
        let candidate = self.candidates.get(&id);
        let first = candidate.and_then(|candidate| candidate.first_taken);
        let both = first.zip(mined);
        let latency = both.map(|(first, mined)| mined.at.saturating_duration_since(first));
        Cost {
            gas_fee: mined.map_or(0, |mined| mined.fee),
            raises: candidate.map_or(0, |candidate| candidate.raises),
            latency: latency.unwrap_or_default(),
        }
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
