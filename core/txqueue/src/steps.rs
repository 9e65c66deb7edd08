//! What the queue does inside: which nonce, which fees, who is settled, who is in the way.

use crate::{
    entry::{Entry, FailReason, Publish, Sent, Stage, TxKind},
    fees::Fees,
    queue::{Blocked, L1View, RETRY_MAX_MS, TxQueue},
    refusal::Refusal,
};

/// Candidates mined but not yet confirmed, at most; no further ones are published meanwhile.
const MAX_UNCONFIRMED: usize = 64;
/// Missing nonces that are filled at once.
const MAX_FILLERS: u64 = 16;
/// First pause after a refusal that only time can heal, in milliseconds; doubles with each one.
const RETRY_MIN_MS: u64 = 500;

/// The pause after the `refusals`-th refusal in a row.
pub(crate) fn pause_after(refusals: u32) -> u64 {
    let doublings = refusals.saturating_sub(1).min(16);
    RETRY_MIN_MS
        .saturating_mul(1 << doublings)
        .min(RETRY_MAX_MS)
}

impl TxQueue {
    pub(crate) fn unmined_count(&self) -> usize {
        self.entries.iter().filter(|e| e.is_unmined()).count()
    }

    pub(crate) fn first_unmined(&self) -> Option<&Entry> {
        self.entries.iter().find(|e| e.is_unmined())
    }

    /// The nonce of the first transaction of ours that is not mined, or that would be next.
    pub(crate) fn next_chain_nonce(&self) -> u64 {
        let mined_end = self
            .entries
            .iter()
            .filter(|e| e.is_mined())
            .map(|e| e.nonce.saturating_add(1))
            .max()
            .unwrap_or(0);
        self.first_unmined()
            .map_or_else(|| mined_end.max(self.nonce_floor), |e| e.nonce)
    }

    pub(crate) fn index_of(&self, ticket: u64) -> Option<usize> {
        self.entries
            .iter()
            .position(|e| e.sent.is_some_and(|sent| sent.ticket == ticket))
    }

    /// Marks an entry as being published.
    pub(crate) fn hand_out(&mut self, index: usize) -> Publish {
        let ticket = self.next_ticket;
        self.next_ticket = self.next_ticket.wrapping_add(1);
        let entry = &mut self.entries[index];
        entry.sent = Some(Sent {
            ticket,
            nonce: entry.nonce,
            is_cancel: entry.is_cancelled,
        });
        Publish {
            ticket,
            payload: entry.payload(),
            kind: entry.kind,
            nonce: entry.nonce,
            fees: entry.fees,
        }
    }

    /// Gives the next waiting candidate its nonce, if there is room.
    pub(crate) fn admit(&mut self, index: usize, view: &L1View) -> Option<Publish> {
        let unconfirmed = self.entries.iter().filter(|e| e.is_mined()).count();
        if self.unmined_count() >= self.config.max_pending || unconfirmed >= MAX_UNCONFIRMED {
            return None;
        }
        let on_chain = view.nonce_latest.max(view.nonce_pending);
        let nonce = match index.checked_sub(1).and_then(|last| self.entries.get(last)) {
            Some(last) => last.nonce.saturating_add(1),
            // The pool lacks transactions that were mined: a reorg, or a moment of confusion.
            None if self.gap_since.is_some() => return None,
            None => on_chain.max(self.nonce_floor),
        };
        let config = self.config;
        let entry = &mut self.entries[index];
        entry.stage = Stage::Due { at_ms: 0 };
        entry.nonce = nonce;
        entry.fees = Fees::initial(&view.market, entry.kind, &config);
        Some(self.hand_out(index))
    }

    /// Raises an entry's fees; `false` if the limit forbids it, in which case they stay.
    pub(crate) fn raise(&mut self, index: usize, view: &L1View) -> bool {
        let entry = &mut self.entries[index];
        match entry.fees.raised(&view.market, entry.kind, &self.config) {
            Ok(fees) => {
                entry.fees = fees;
                if matches!(self.blocked, Some(Blocked::FeeLimit(_))) {
                    self.blocked = None;
                }
                true
            }
            Err(limit) => {
                self.blocked = Some(Blocked::FeeLimit(limit));
                false
            }
        }
    }

    /// Removes what is confirmed, and what lost its nonce to a stranger.
    pub(crate) fn settle(&mut self, view: &L1View) {
        let mut index = 0;
        while let Some(entry) = self.entries.get(index) {
            let outcome = match entry.stage {
                Stage::Mined { receipt, by_cancel }
                    if view.head_number.saturating_add(1)
                        >= receipt
                            .block_number
                            .saturating_add(self.config.num_confirmations.max(1)) =>
                {
                    entry.settled(receipt, by_cancel)
                }
                _ if entry.is_unmined()
                    && entry.nonce_used_heads
                        >= self.config.safe_abort_nonce_too_low_count.max(1) =>
                {
                    entry.failed(FailReason::NonceConsumed { nonce: entry.nonce })
                }
                _ => {
                    index += 1;
                    continue;
                }
            };
            self.nonce_floor = self.nonce_floor.max(entry.nonce.saturating_add(1));
            self.outcomes.extend(outcome);
            self.entries.remove(index);
        }
    }

    /// L1 lacks transactions that we count as mined: a reorg dropped them, and the pool did not
    /// keep them. What nobody has seen yet moves down to the nonces that L1 waits for; in front of
    /// what was published the gap is filled with transactions that do nothing, for under a second
    /// nonce it could be mined twice.
    pub(crate) fn close_gap(&mut self, view: &L1View, now_ms: u64) {
        self.gap_since = None;
        let first_nonce = view.nonce_latest.max(view.nonce_pending);
        self.nonce_floor = first_nonce;
        let Some(index) = self.entries.iter().position(Entry::is_unmined) else {
            return;
        };
        let is_seen = |e: &Entry| e.is_unmined() && (e.sent.is_some() || !e.versions.is_empty());
        if self.entries.iter().any(is_seen) {
            let (kind, end) = (self.entries[index].kind, self.entries[index].nonce);
            for nonce in (first_nonce..end.min(first_nonce.saturating_add(MAX_FILLERS))).rev() {
                let filler = self.filler(kind, nonce, view, now_ms);
                self.entries.insert(index, filler);
            }
            return;
        }
        let unmined = self.entries.iter_mut().filter(|e| e.is_unmined());
        for (entry, nonce) in unmined.zip(first_nonce..) {
            entry.nonce = nonce;
            entry.stage = Stage::Due { at_ms: now_ms };
        }
    }

    /// A transaction of our own that only uses up a nonce.
    fn filler(&self, kind: TxKind, nonce: u64, view: &L1View, now_ms: u64) -> Entry {
        let mut filler = Entry::new(None, kind, now_ms);
        filler.nonce = nonce;
        filler.fees = Fees::initial(&view.market, kind, &self.config);
        filler.stage = Stage::Due { at_ms: now_ms };
        filler
    }

    /// Turns what took too long into cancellations.
    pub(crate) fn expire(&mut self, now_ms: u64) {
        if self.config.send_timeout_ms == 0 {
            return;
        }
        while let Some(index) = self.entries.iter().position(|e| {
            !e.is_cancelled
                && e.is_unmined()
                && now_ms >= e.pushed_ms.saturating_add(self.config.send_timeout_ms)
        }) {
            self.cancel_in_flight(index, now_ms);
        }
    }

    pub(crate) fn cancel_in_flight(&mut self, index: usize, now_ms: u64) {
        let Some(view) = self.view else { return };
        self.entries[index].is_cancelled = true;
        if self.entries[index].is_mined() {
            return;
        }
        self.raise(index, &view);
        self.entries[index].stage = Stage::Due { at_ms: now_ms };
    }

    /// Gives up a candidate that no node will ever take. Those behind it move down by one nonce,
    /// unless they are published.
    pub(crate) fn reject(&mut self, index: usize, refusal: &Refusal, now_ms: u64) {
        if self.entries[index].is_cancelled {
            self.entries[index].stage = Stage::Due {
                at_ms: now_ms.saturating_add(RETRY_MAX_MS),
            };
            return;
        }
        let outcome = self.entries[index].failed(refusal.clone().into());
        self.outcomes.extend(outcome);
        let nonce = self.entries[index].nonce;
        let is_behind = |e: &Entry| e.is_unmined() && e.nonce > nonce;
        if self
            .entries
            .iter()
            .any(|e| is_behind(e) && !e.versions.is_empty())
        {
            // Those are published: its nonce must be used up by something.
            let entry = &mut self.entries[index];
            (entry.candidate, entry.is_cancelled) = (None, true);
            entry.stage = Stage::Due { at_ms: now_ms };
            return;
        }
        self.entries.remove(index);
        for later in self.entries.iter_mut().filter(|e| is_behind(e)) {
            later.nonce -= 1;
            later.stage = Stage::Due { at_ms: now_ms };
        }
    }

    /// Transactions that are not ours (of an earlier run with the same key) stand before our first
    /// one and do not move: replaces the first of them with a transaction that does nothing.
    pub(crate) fn clear_strangers(&mut self, view: &L1View, now_ms: u64) {
        let Some(first) = self.entries.iter().position(Entry::is_unmined) else {
            return;
        };
        let entry = &self.entries[first];
        if entry.candidate.is_none() {
            return;
        }
        let patience = self.config.resubmission_timeout_ms;
        let is_over =
            |since: Option<u64>| since.is_some_and(|t| now_ms >= t.saturating_add(patience));
        // A pool that is reserved by the other kind can only be cleared by the other kind.
        let is_reserved = is_over(entry.reserved_since_ms);
        let kind = match (entry.kind, is_reserved) {
            (TxKind::Dynamic, false) | (TxKind::Blob, true) => TxKind::Dynamic,
            (TxKind::Blob, false) | (TxKind::Dynamic, true) => TxKind::Blob,
        };
        let is_stuck = entry.nonce > view.nonce_latest && is_over(self.strangers_since_ms);
        if !is_reserved && !is_stuck {
            return;
        }
        self.strangers_since_ms = None;
        self.entries[first].reserved_since_ms = None;
        let nonce = view.nonce_latest;
        if self.entries[first].nonce <= nonce {
            // The stranger holds our own nonce: ours move up behind it.
            for ours in self.entries.iter_mut().filter(|e| e.is_unmined()) {
                ours.nonce = ours.nonce.saturating_add(1);
                ours.stage = Stage::Due { at_ms: now_ms };
            }
        }
        let filler = self.filler(kind, nonce, view, now_ms);
        self.entries.insert(first, filler);
    }
}
