//! Why a node did not take a transaction. Nodes say so in words only; the words of geth, reth,
//! nethermind, anvil and Opal's own engine are told apart here, in one place.

use alloc::string::{String, ToString};

/// A node's refusal, by what must be done about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The node holds this very transaction: as good as accepted.
    #[error("already known")]
    AlreadyKnown,
    /// The nonce is used: this transaction, an earlier version of it or a stranger is mined.
    #[error("nonce too low")]
    NonceTooLow,
    /// Transactions with lower nonces are missing.
    #[error("nonce too high")]
    NonceTooHigh,
    /// Fees too low, in themselves or to replace what is pooled.
    #[error("fees too low: {0}")]
    Underpriced(String),
    /// The account has transactions of the other kind (blob or ordinary) in the pool, which
    /// excludes this one until they are gone.
    #[error("account is reserved by transactions of the other kind")]
    AlreadyReserved,
    /// The account cannot pay.
    #[error("insufficient funds: {0}")]
    InsufficientFunds(String),
    /// The node wants the other version of the blob sidecar (EIP-7594 cell proofs, or blob proofs).
    #[error("wrong blob sidecar version: {0}")]
    WrongSidecar(String),
    /// No node will ever take this transaction.
    #[error("rejected: {0}")]
    Rejected(String),
    /// Anything else, an unreachable node above all: the same transaction may pass later.
    #[error("{0}")]
    Temporary(String),
}

impl Refusal {
    /// Which refusal it is, in one word of a fixed set, without what the node said.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::AlreadyKnown => "already_known",
            Self::NonceTooLow => "nonce_too_low",
            Self::NonceTooHigh => "nonce_too_high",
            Self::Underpriced(_) => "underpriced",
            Self::AlreadyReserved => "already_reserved",
            Self::InsufficientFunds(_) => "insufficient_funds",
            Self::WrongSidecar(_) => "wrong_sidecar",
            Self::Rejected(_) => "rejected",
            Self::Temporary(_) => "temporary",
        }
    }
}

/// Makes a refusal of a node's words.
type Meaning = fn(String) -> Refusal;

/// Phrases by meaning, in lower case; the first match counts.
const PHRASES: &[(&str, Meaning)] = &[
    ("unknown transaction", Refusal::Rejected),
    ("already known", |_| Refusal::AlreadyKnown),
    ("already imported", |_| Refusal::AlreadyKnown),
    ("known transaction", |_| Refusal::AlreadyKnown),
    ("alreadyknown", |_| Refusal::AlreadyKnown),
    ("already in the pool", |_| Refusal::AlreadyKnown),
    ("already reserved", |_| Refusal::AlreadyReserved),
    ("reserved by", |_| Refusal::AlreadyReserved),
    ("pending transactions of another type", |_| {
        Refusal::AlreadyReserved
    }),
    ("nonce too low", |_| Refusal::NonceTooLow),
    ("oldnonce", |_| Refusal::NonceTooLow),
    ("nonce too high", |_| Refusal::NonceTooHigh),
    ("nonce gap", |_| Refusal::NonceTooHigh),
    ("gapped", |_| Refusal::NonceTooHigh),
    ("underpriced", Refusal::Underpriced),
    ("feetoolow", Refusal::Underpriced),
    ("fee too low", Refusal::Underpriced),
    ("less than block base fee", Refusal::Underpriced),
    ("less than block blob gas fee", Refusal::Underpriced),
    ("below the base fee", Refusal::Underpriced),
    ("below base fee", Refusal::Underpriced),
    ("tip below", Refusal::Underpriced),
    ("gas tip cap", Refusal::Underpriced),
    ("insufficient funds", Refusal::InsufficientFunds),
    ("insufficientfunds", Refusal::InsufficientFunds),
    ("insufficient balance", Refusal::InsufficientFunds),
    ("sidecar version", Refusal::WrongSidecar),
    ("sidecar not allowed", Refusal::WrongSidecar),
    ("cell proof", Refusal::WrongSidecar),
    ("cell_proof", Refusal::WrongSidecar),
    ("number of proofs", Refusal::WrongSidecar),
    ("wrapper version", Refusal::WrongSidecar),
    ("7594", Refusal::WrongSidecar),
    ("execution reverted", Refusal::Rejected),
    ("intrinsic gas", Refusal::Rejected),
    ("floor data gas", Refusal::Rejected),
    ("exceeds block gas limit", Refusal::Rejected),
    ("gas limit cap", Refusal::Rejected),
    ("gas limit is too high", Refusal::Rejected),
    ("oversized data", Refusal::Rejected),
    ("invalid chain id", Refusal::Rejected),
    ("invalid signature", Refusal::Rejected),
    ("invalid sender", Refusal::Rejected),
    ("too many blobs", Refusal::Rejected),
    ("not supported", Refusal::Rejected),
];

impl Refusal {
    /// Reads the message of a JSON-RPC error. Words nobody here knows are taken as temporary: the
    /// worst that can follow is a retry.
    pub fn classify(message: &str) -> Self {
        let lower = message.to_lowercase();
        PHRASES
            .iter()
            .find(|(phrase, _)| lower.contains(phrase))
            .map_or_else(
                || Self::Temporary(message.to_string()),
                |(_, make)| make(message.into()),
            )
    }
}
