//! The queue itself: events in, publications and outcomes out.

use crate::{
    config::QueueConfig,
    entry::{CandidateId, Entry, FailReason, Outcome, Publish, Receipt, Stage, TxKind},
    fees::{FeeLimitReached, Market},
    refusal::Refusal,
    steps::pause_after,
};
use alloc::{collections::VecDeque, vec::Vec};
use alloy_primitives::B256;

/// Longest pause before a refused transaction is tried again, in milliseconds.
pub(crate) const RETRY_MAX_MS: u64 = 30_000;

/// What L1 shows at one moment. Read the head first, then the nonces, then the receipts: a nonce
/// or receipt older than its head could look like a loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct L1View {
    /// Number of the head.
    pub head_number: u64,
    /// Hash of the head.
    pub head_hash: B256,
    /// Transactions of the account that are mined.
    pub nonce_latest: u64,
    /// The nonce behind the last one that the node's pool holds without a gap.
    pub nonce_pending: u64,
    /// Prices.
    pub market: Market,
}

/// What keeps the first transaction in line from being mined, as far as the queue can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// The next raise of fees would exceed the limit.
    FeeLimit(FeeLimitReached),
    /// A node refused it.
    Refused(Refusal),
}

/// Figures for a status display.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueStatus {
    /// Candidates without a nonce.
    pub waiting: usize,
    /// Transactions on their way, not mined.
    pub unmined: usize,
    /// Transactions mined, not yet confirmed.
    pub unconfirmed: usize,
    /// What is in the way.
    pub blocked: Option<Blocked>,
}

/// One account's transactions on their way to L1. See the crate's documentation.
#[derive(Debug)]
pub struct TxQueue {
    pub(crate) config: QueueConfig,
    /// In flight in nonce order, then waiting in the order pushed.
    pub(crate) entries: VecDeque<Entry>,
    pub(crate) outcomes: VecDeque<Outcome>,
    pub(crate) view: Option<L1View>,
    /// The nonce behind the last one that was settled.
    pub(crate) nonce_floor: u64,
    /// Head at which the pool was first seen to lack transactions that we count on.
    pub(crate) gap_since: Option<B256>,
    /// Since when the first transaction in line waits for nonces that are not ours.
    pub(crate) strangers_since_ms: Option<u64>,
    /// The head up to which used nonces were counted.
    pub(crate) counted_head: Option<B256>,
    pub(crate) blocked: Option<Blocked>,
    pub(crate) next_ticket: u64,
}

impl TxQueue {
    /// An empty queue.
    pub const fn new(config: QueueConfig) -> Self {
        Self {
            config,
            entries: VecDeque::new(),
            outcomes: VecDeque::new(),
            view: None,
            nonce_floor: 0,
            gap_since: None,
            strangers_since_ms: None,
            counted_head: None,
            blocked: None,
            next_ticket: 0,
        }
    }

    /// The settings in force.
    pub const fn config(&self) -> &QueueConfig {
        &self.config
    }

    /// Takes a candidate. Its nonce will be higher than those of all candidates before it.
    pub fn push(&mut self, id: CandidateId, kind: TxKind, now_ms: u64) {
        self.entries.push_back(Entry::new(Some(id), kind, now_ms));
    }

    /// Gives a candidate up: at once if nothing of it was published, else by replacing it with a
    /// transaction that does nothing. It may still be mined first; the outcome tells.
    pub fn cancel(&mut self, id: CandidateId, now_ms: u64) {
        let Some(index) = self.entries.iter().position(|e| e.candidate == Some(id)) else {
            return;
        };
        if self.entries[index].is_waiting() {
            let entry = self.entries.remove(index);
            self.outcomes
                .extend(entry.and_then(|e| e.failed(FailReason::Cancelled)));
        } else {
            self.cancel_in_flight(index, now_ms);
        }
    }

    /// Whether nothing is left to do.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.outcomes.is_empty()
    }

    /// Hashes whose receipts [`Self::on_receipts`] wants to know.
    pub fn watched(&self) -> Vec<B256> {
        self.entries
            .iter()
            .flat_map(|e| e.versions.iter().map(|v| v.hash))
            .collect()
    }

    /// The next candidate outcome, if one is settled.
    pub fn next_outcome(&mut self) -> Option<Outcome> {
        self.outcomes.pop_front()
    }

    /// Figures for a status display.
    pub fn status(&self) -> QueueStatus {
        QueueStatus {
            waiting: self.entries.iter().filter(|e| e.is_waiting()).count(),
            unmined: self.unmined_count(),
            unconfirmed: self.entries.iter().filter(|e| e.is_mined()).count(),
            blocked: self.blocked.clone(),
        }
    }

    /// Takes notice of L1's head, the account's nonces and the prices.
    pub fn on_l1(&mut self, view: L1View, now_ms: u64) {
        self.view = Some(view);
        let expected = self.next_chain_nonce();
        if view.nonce_pending >= expected || view.nonce_latest >= expected {
            self.gap_since = None;
        } else {
            match self.gap_since {
                None => self.gap_since = Some(view.head_hash),
                Some(head) if head == view.head_hash => {}
                // Seen at two heads: not the moment between a reorg and the pool's recovery.
                Some(_) => self.close_gap(&view, now_ms),
            }
        }
        let foreign = self
            .first_unmined()
            .is_some_and(|e| e.nonce > view.nonce_latest);
        self.strangers_since_ms = match (foreign, self.strangers_since_ms) {
            (true, since) => since.or(Some(now_ms)),
            (false, _) => None,
        };
    }

    /// Takes notice of the receipts of all [`Self::watched`] hashes, read after the last
    /// [`Self::on_l1`]: those that exist, in any order.
    pub fn on_receipts(&mut self, receipts: &[Receipt], now_ms: u64) {
        let Some(view) = self.view else { return };
        let is_new_head = self.counted_head != Some(view.head_hash);
        self.counted_head = Some(view.head_hash);
        for entry in &mut self.entries {
            let found = entry.versions.iter().rev().find_map(|version| {
                let receipt = receipts.iter().find(|r| r.tx_hash == version.hash)?;
                Some(Stage::Mined {
                    receipt: *receipt,
                    by_cancel: version.is_cancel,
                })
            });
            match found {
                Some(mined) => {
                    if entry.is_unmined() {
                        self.blocked = None;
                    }
                    entry.stage = mined;
                    entry.nonce_used_heads = 0;
                }
                // A reorg undid it: publish again, the pool may not have kept it.
                None if entry.is_mined() => entry.stage = Stage::Due { at_ms: now_ms },
                None if entry.is_unmined() && entry.nonce < view.nonce_latest => {
                    entry.nonce_used_heads =
                        entry.nonce_used_heads.saturating_add(is_new_head.into());
                }
                None => entry.nonce_used_heads = 0,
            }
        }
        self.settle(&view);
        if self.first_unmined().is_none() {
            self.blocked = None;
        }
    }

    /// The next transaction to sign and send, if one is due. One publication is out at a time.
    pub fn poll(&mut self, now_ms: u64) -> Option<Publish> {
        let view = self.view?;
        if self.entries.iter().any(|entry| entry.sent.is_some()) {
            return None;
        }
        self.expire(now_ms);
        self.clear_strangers(&view, now_ms);
        let mut is_first = true;
        for index in 0..self.entries.len() {
            match self.entries[index].stage {
                Stage::Mined { .. } => continue,
                Stage::Due { at_ms } if now_ms >= at_ms => {
                    return Some(self.hand_out(index));
                }
                // Later nonces would only pile up behind the gap.
                Stage::Due { .. } => return None,
                Stage::Pending { since_ms } => {
                    if is_first
                        && now_ms >= since_ms.saturating_add(self.config.resubmission_timeout_ms)
                    {
                        self.raise(index, &view);
                        return Some(self.hand_out(index));
                    }
                    if now_ms >= since_ms.saturating_add(self.config.not_in_mempool_timeout_ms) {
                        return Some(self.hand_out(index));
                    }
                }
                Stage::Waiting => return self.admit(index, &view),
            }
            is_first = false;
        }
        None
    }

    /// When [`Self::poll`] may have something to do although nothing happened in between.
    pub fn next_wake_ms(&self) -> Option<u64> {
        let first = self.entries.iter().position(Entry::is_unmined);
        let times = self
            .entries
            .iter()
            .enumerate()
            .filter_map(|(index, entry)| match entry.stage {
                Stage::Due { at_ms } => Some(at_ms),
                Stage::Pending { since_ms } if Some(index) == first => {
                    Some(since_ms.saturating_add(self.config.resubmission_timeout_ms))
                }
                Stage::Pending { since_ms } => {
                    Some(since_ms.saturating_add(self.config.not_in_mempool_timeout_ms))
                }
                _ => None,
            });
        times.min()
    }

    /// A node took the publication; `hash` is its transaction hash.
    pub fn on_published(&mut self, ticket: u64, hash: B256, now_ms: u64) {
        let Some(index) = self.index_of(ticket) else {
            return;
        };
        let entry = &mut self.entries[index];
        let is_current = entry.answered(Some(hash));
        entry.refusals = 0;
        entry.reserved_since_ms = None;
        if is_current {
            entry.stage = Stage::Pending { since_ms: now_ms };
        }
        if self.entries.iter().position(Entry::is_unmined) == Some(index)
            && !matches!(self.blocked, Some(Blocked::FeeLimit(_)))
        {
            self.blocked = None;
        }
    }

    /// A node did not take the publication, or nobody knows whether it did. `hash` is the hash of
    /// the transaction that was signed, if it came to that: it is watched even so.
    pub fn on_refused(&mut self, ticket: u64, hash: Option<B256>, refusal: Refusal, now_ms: u64) {
        if refusal == Refusal::AlreadyKnown
            && let Some(hash) = hash
        {
            return self.on_published(ticket, hash, now_ms);
        }
        let (Some(index), Some(view)) = (self.index_of(ticket), self.view) else {
            return;
        };
        let entry = &mut self.entries[index];
        if !entry.answered(hash) {
            return;
        }
        entry.refusals = entry.refusals.saturating_add(1);
        let retry_ms = now_ms.saturating_add(pause_after(entry.refusals));
        match refusal {
            // Receipts and the next head tell whose transaction took the nonce.
            Refusal::NonceTooLow => entry.stage = Stage::Pending { since_ms: now_ms },
            Refusal::Underpriced(_) => {
                let pause_ms = if self.raise(index, &view) {
                    0
                } else {
                    RETRY_MAX_MS
                };
                self.entries[index].stage = Stage::Due {
                    at_ms: now_ms.saturating_add(pause_ms),
                };
            }
            Refusal::AlreadyReserved => {
                entry.reserved_since_ms = entry.reserved_since_ms.or(Some(now_ms));
                entry.stage = Stage::Due { at_ms: retry_ms };
            }
            Refusal::Rejected(_) => {
                self.reject(index, &refusal, now_ms);
            }
            Refusal::AlreadyKnown
            | Refusal::NonceTooHigh
            | Refusal::InsufficientFunds(_)
            | Refusal::WrongSidecar(_)
            | Refusal::Temporary(_) => entry.stage = Stage::Due { at_ms: retry_ms },
        }
        let is_known = matches!(self.blocked, Some(Blocked::FeeLimit(_)));
        // A raise that crosses the block with the version before is nothing to report.
        if !is_known && refusal != Refusal::NonceTooLow {
            self.blocked = Some(Blocked::Refused(refusal));
        }
    }
}
