//! Transactions of both layers as one type.

use alloc::vec::Vec;
use alloy_consensus::{
    Sealed, Signed, TransactionEnvelope, TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxLegacy,
};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{Address, B256, Bytes};
use op_alloy_consensus::TxDeposit;

/// Any transaction that a block of either layer can hold, in its canonical form (a blob
/// transaction without its blobs).
#[derive(Clone, Debug, TransactionEnvelope)]
#[envelope(alloy_consensus = alloy_consensus, tx_type_name = TxType)]
#[allow(missing_docs)]
pub enum Transaction {
    #[envelope(ty = 0)]
    Legacy(Signed<TxLegacy>),
    #[envelope(ty = 1)]
    Eip2930(Signed<TxEip2930>),
    #[envelope(ty = 2)]
    Eip1559(Signed<TxEip1559>),
    #[envelope(ty = 3)]
    Eip4844(Signed<TxEip4844>),
    #[envelope(ty = 4)]
    Eip7702(Signed<TxEip7702>),
    #[envelope(ty = 126)]
    Deposit(Sealed<TxDeposit>),
}

/// Bytes that are no transaction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// The bytes are no canonical encoding of a known transaction type.
    #[error("transaction cannot be decoded: {0}")]
    Malformed(&'static str),
    /// Bytes follow the transaction.
    #[error("{0} bytes follow the transaction")]
    TrailingBytes(usize),
    /// The signature belongs to nobody.
    #[error("transaction signature is invalid")]
    Signature,
}

impl Transaction {
    /// Decodes the canonical (EIP-2718) bytes of a block's transaction list.
    pub fn decode(bytes: &[u8]) -> Result<Self, TransactionError> {
        let mut rest = bytes;
        let tx = Self::decode_2718(&mut rest)
            .map_err(|_| TransactionError::Malformed("not a known transaction type or bad RLP"))?;
        if !rest.is_empty() {
            return Err(TransactionError::TrailingBytes(rest.len()));
        }
        Ok(tx)
    }

    /// The canonical (EIP-2718) bytes.
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.encode_2718_len());
        self.encode_2718(&mut out);
        out.into()
    }

    /// The transaction hash.
    pub fn hash(&self) -> B256 {
        match self {
            Self::Legacy(tx) => *tx.hash(),
            Self::Eip2930(tx) => *tx.hash(),
            Self::Eip1559(tx) => *tx.hash(),
            Self::Eip4844(tx) => *tx.hash(),
            Self::Eip7702(tx) => *tx.hash(),
            Self::Deposit(tx) => tx.hash(),
        }
    }

    /// The deposit, if this is one.
    pub fn as_deposit(&self) -> Option<&TxDeposit> {
        match self {
            Self::Deposit(tx) => Some(tx.inner()),
            _ => None,
        }
    }

    /// Whether this is a deposit: not signed, paid for on L1.
    pub const fn is_deposit(&self) -> bool {
        matches!(self, Self::Deposit(_))
    }

    /// Recovers who signed it (for a deposit: its `from`). Costs some 50 microseconds.
    pub fn recover(&self) -> Result<Address, TransactionError> {
        let signer = match self {
            Self::Legacy(tx) => tx.recover_signer(),
            Self::Eip2930(tx) => tx.recover_signer(),
            Self::Eip1559(tx) => tx.recover_signer(),
            Self::Eip4844(tx) => tx.recover_signer(),
            Self::Eip7702(tx) => tx.recover_signer(),
            Self::Deposit(tx) => return Ok(tx.from),
        };
        signer.map_err(|_| TransactionError::Signature)
    }
}

/// A transaction whose sender is known, with its canonical bytes (which the L1 fee depends on).
#[derive(Clone, Debug)]
pub struct VerifiedTx {
    /// The transaction.
    pub tx: Transaction,
    /// Who sent it.
    pub sender: Address,
    /// Its canonical (EIP-2718) bytes.
    pub encoded: Bytes,
}

impl VerifiedTx {
    /// Decodes canonical bytes and recovers the sender.
    pub fn decode(encoded: Bytes) -> Result<Self, TransactionError> {
        let tx = Transaction::decode(&encoded)?;
        let sender = tx.recover()?;
        Ok(Self {
            tx,
            sender,
            encoded,
        })
    }

    /// Pairs a transaction with its sender, whom the caller recovered before.
    pub fn new_unchecked(tx: Transaction, sender: Address) -> Self {
        let encoded = tx.encode();
        Self {
            tx,
            sender,
            encoded,
        }
    }

    /// The transaction hash.
    pub fn hash(&self) -> B256 {
        self.tx.hash()
    }
}
