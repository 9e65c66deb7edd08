//! One candidate on its way to L1.

use crate::{fees::Fees, refusal::Refusal};
use alloc::{string::String, vec::Vec};
use alloy_primitives::B256;

/// Names a candidate; chosen by whoever pushes it, unique among those not yet settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CandidateId(pub u64);

/// The two kinds of transactions, which nodes keep in separate pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxKind {
    /// EIP-1559, type 2.
    Dynamic,
    /// EIP-4844, type 3.
    Blob,
}

/// What a transaction to publish carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// The candidate's own data.
    Candidate(CandidateId),
    /// Nothing: a transfer of 0 wei to ourselves that uses up a nonce. Of kind `Blob` it carries
    /// one empty blob, because only a blob transaction can replace a blob transaction.
    Cancel,
}

/// A transaction to sign and send now. Answer with [`TxQueue::on_published`] or
/// [`TxQueue::on_refused`], quoting `ticket`.
///
/// [`TxQueue::on_published`]: crate::TxQueue::on_published
/// [`TxQueue::on_refused`]: crate::TxQueue::on_refused
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Names this publication.
    pub ticket: u64,
    /// What it carries.
    pub payload: Payload,
    /// Its kind.
    pub kind: TxKind,
    /// Its nonce.
    pub nonce: u64,
    /// Its fees.
    pub fees: Fees,
}

/// Where a transaction was mined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Hash of the transaction.
    pub tx_hash: B256,
    /// Number of the L1 block.
    pub block_number: u64,
    /// Hash of the L1 block.
    pub block_hash: B256,
    /// Whether execution succeeded.
    pub success: bool,
}

/// What became of a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Mined and confirmed.
    Confirmed {
        /// Which candidate.
        id: CandidateId,
        /// Where it was mined.
        receipt: Receipt,
    },
    /// It will not be mined, as far as anybody can know.
    Failed {
        /// Which candidate.
        id: CandidateId,
        /// Why.
        reason: FailReason,
    },
}

/// Why a candidate was given up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FailReason {
    /// It was cancelled, and the cancellation is settled.
    #[error("cancelled")]
    Cancelled,
    /// Another transaction of the same account took its nonce.
    #[error(
        "another transaction of this account used nonce {nonce}; is a second instance running with the same key?"
    )]
    NonceConsumed {
        /// The nonce in question.
        nonce: u64,
    },
    /// No node will ever take it.
    #[error("the node refuses the transaction: {0}")]
    Rejected(String),
}

/// Versions of one transaction whose receipts are watched; older ones are forgotten.
const MAX_VERSIONS: usize = 16;

/// Where an entry stands. An entry with a nonce is in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// No nonce yet.
    Waiting,
    /// To be published at this time.
    Due { at_ms: u64 },
    /// A node holds it.
    Pending { since_ms: u64 },
    /// Mined, not yet confirmed. `by_cancel` tells which version was mined.
    Mined { receipt: Receipt, by_cancel: bool },
}

/// A publication whose answer is outstanding, as it was handed out. The entry may have moved on
/// since: to another nonce, or to a cancellation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) ticket: u64,
    pub(crate) nonce: u64,
    pub(crate) is_cancel: bool,
}

/// One signed version of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) hash: B256,
    pub(crate) is_cancel: bool,
}

/// A candidate, or a transaction of our own that clears the way (`candidate` is `None`).
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) candidate: Option<CandidateId>,
    pub(crate) kind: TxKind,
    pub(crate) is_cancelled: bool,
    pub(crate) pushed_ms: u64,
    pub(crate) nonce: u64,
    pub(crate) fees: Fees,
    pub(crate) stage: Stage,
    pub(crate) sent: Option<Sent>,
    pub(crate) versions: Vec<Version>,
    /// The refusals in a row since a node last took it.
    pub(crate) refusals: u32,
    /// Since when the pool has been reserved by the other kind.
    pub(crate) reserved_since_ms: Option<u64>,
    /// L1 heads that showed the nonce used without a receipt of ours.
    pub(crate) nonce_used_heads: u32,
}

impl Entry {
    pub(crate) fn new(candidate: Option<CandidateId>, kind: TxKind, now_ms: u64) -> Self {
        Self {
            candidate,
            kind,
            is_cancelled: candidate.is_none(),
            pushed_ms: now_ms,
            nonce: 0,
            fees: Fees::default(),
            stage: Stage::Waiting,
            sent: None,
            versions: Vec::new(),
            refusals: 0,
            reserved_since_ms: None,
            nonce_used_heads: 0,
        }
    }

    pub(crate) const fn is_waiting(&self) -> bool {
        matches!(self.stage, Stage::Waiting)
    }

    pub(crate) const fn is_mined(&self) -> bool {
        matches!(self.stage, Stage::Mined { .. })
    }

    /// In flight and not mined.
    pub(crate) const fn is_unmined(&self) -> bool {
        !self.is_waiting() && !self.is_mined()
    }

    pub(crate) fn remember(&mut self, hash: B256, is_cancel: bool) {
        if self.versions.iter().any(|version| version.hash == hash) {
            return;
        }
        if self.versions.len() == MAX_VERSIONS {
            self.versions.remove(0);
        }
        self.versions.push(Version { hash, is_cancel });
    }

    /// Takes the answer to the outstanding publication: remembers its hash, and tells whether the
    /// entry still stands where it stood when it was handed out.
    pub(crate) fn answered(&mut self, hash: Option<B256>) -> bool {
        let Some(sent) = self.sent.take() else {
            return false;
        };
        if let Some(hash) = hash {
            self.remember(hash, sent.is_cancel);
        }
        self.is_unmined() && sent.nonce == self.nonce && sent.is_cancel == self.is_cancelled
    }

    /// What the next version carries.
    pub(crate) fn payload(&self) -> Payload {
        match self.candidate {
            Some(id) if !self.is_cancelled => Payload::Candidate(id),
            _ => Payload::Cancel,
        }
    }

    /// The outcome of this entry's candidate, if it has one.
    pub(crate) fn settled(&self, receipt: Receipt, by_cancel: bool) -> Option<Outcome> {
        let id = self.candidate?;
        Some(if by_cancel {
            Outcome::Failed {
                id,
                reason: FailReason::Cancelled,
            }
        } else {
            Outcome::Confirmed { id, receipt }
        })
    }

    /// The outcome when this entry is given up.
    pub(crate) fn failed(&self, reason: FailReason) -> Option<Outcome> {
        self.candidate.map(|id| Outcome::Failed { id, reason })
    }
}

impl From<Refusal> for FailReason {
    fn from(refusal: Refusal) -> Self {
        use alloc::string::ToString;
        Self::Rejected(refusal.to_string())
    }
}
