//! Byte forms of everything the database holds.
//!
//! Inputs are our own values or bytes that this module wrote earlier; a byte string that does not
//! decode means a damaged file and is reported as [`CodecError`], never a panic. All integers are
//! RLP scalars, so the forms are independent of the machine.

use alloy_eips::eip4895::Withdrawals;
use alloy_primitives::{Address, B256, Bytes, Log, U256};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use opal_execution::{Receipt, VerifiedTx};
use opal_trie::Account;

/// A row that does not decode: the file was damaged or written by something else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row of table `{table}` is damaged: {reason}")]
pub struct CodecError {
    /// Which table holds the row.
    pub table: &'static str,
    /// What the decoder said.
    pub reason: alloy_rlp::Error,
}

/// Decodes one RLP item that must fill `bytes` exactly.
pub(crate) fn decode<T: Decodable>(table: &'static str, mut bytes: &[u8]) -> Result<T, CodecError> {
    let value = T::decode(&mut bytes).map_err(|reason| CodecError { table, reason })?;
    if bytes.is_empty() {
        Ok(value)
    } else {
        Err(CodecError {
            table,
            reason: alloy_rlp::Error::UnexpectedLength,
        })
    }
}

/// RLP of `value`.
pub(crate) fn encode<T: Encodable>(value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.length());
    value.encode(&mut out);
    out
}

/// An account as the flat table and the reverse diffs hold it. Its storage root lives in the
/// account trie alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct FlatAccount {
    nonce: u64,
    balance: U256,
    code_hash: B256,
}

impl From<Account> for FlatAccount {
    fn from(a: Account) -> Self {
        Self {
            nonce: a.nonce,
            balance: a.balance,
            code_hash: a.code_hash,
        }
    }
}

impl From<FlatAccount> for Account {
    fn from(a: FlatAccount) -> Self {
        Self {
            nonce: a.nonce,
            balance: a.balance,
            code_hash: a.code_hash,
        }
    }
}

/// What a block holds besides its header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BlockBody {
    /// EIP-2718 encodings in block order.
    pub(crate) transactions: Vec<Bytes>,
    /// Sender of each transaction.
    pub(crate) senders: Vec<Address>,
    /// Withdrawals; `None` before Shanghai / Canyon.
    pub(crate) withdrawals: Option<Withdrawals>,
}

impl BlockBody {
    /// The body of a block with these transactions.
    pub(crate) fn of(transactions: Vec<VerifiedTx>, withdrawals: Option<Withdrawals>) -> Self {
        let (senders, transactions) = transactions
            .into_iter()
            .map(|tx| (tx.sender, tx.encoded))
            .unzip();
        Self {
            transactions,
            senders,
            withdrawals,
        }
    }
}

impl Encodable for BlockBody {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        let withdrawals: Vec<Withdrawals> = self.withdrawals.iter().cloned().collect();
        let payload_length =
            self.transactions.length() + self.senders.length() + withdrawals.length();
        alloy_rlp::Header {
            list: true,
            payload_length,
        }
        .encode(out);
        self.transactions.encode(out);
        self.senders.encode(out);
        withdrawals.encode(out);
    }

    fn length(&self) -> usize {
        let withdrawals: Vec<Withdrawals> = self.withdrawals.iter().cloned().collect();
        let payload_length =
            self.transactions.length() + self.senders.length() + withdrawals.length();
        payload_length + alloy_rlp::length_of_length(payload_length)
    }
}

impl Decodable for BlockBody {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let mut payload = alloy_rlp::Header::decode_bytes(buf, true)?;
        let transactions = Vec::<Bytes>::decode(&mut payload)?;
        let senders = Vec::<Address>::decode(&mut payload)?;
        let mut withdrawals = Vec::<Withdrawals>::decode(&mut payload)?;
        if !payload.is_empty() || withdrawals.len() > 1 || senders.len() != transactions.len() {
            return Err(alloy_rlp::Error::UnexpectedLength);
        }
        Ok(Self {
            transactions,
            senders,
            withdrawals: withdrawals.pop(),
        })
    }
}

/// A receipt as its table holds it. An absent number is an empty list: RLP cannot tell a missing
/// scalar from zero.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
struct ReceiptRecord {
    tx_type: u8,
    success: bool,
    cumulative_gas_used: u64,
    logs: Vec<Log>,
    deposit_nonce: Vec<u64>,
    deposit_receipt_version: Vec<u64>,
}

/// The bytes of a block's receipts.
pub(super) fn encode_receipts(receipts: &[Receipt]) -> Vec<u8> {
    let record = |r: &Receipt| ReceiptRecord {
        tx_type: r.tx_type,
        success: r.success,
        cumulative_gas_used: r.cumulative_gas_used,
        logs: r.logs.clone(),
        deposit_nonce: r.deposit_nonce.into_iter().collect(),
        deposit_receipt_version: r.deposit_receipt_version.into_iter().collect(),
    };
    encode(&receipts.iter().map(record).collect::<Vec<_>>())
}

/// A block's receipts from their bytes.
pub(super) fn decode_receipts(bytes: &[u8]) -> Result<Vec<Receipt>, CodecError> {
    let records: Vec<ReceiptRecord> = decode("receipts", bytes)?;
    let receipt = |r: ReceiptRecord| Receipt {
        tx_type: r.tx_type,
        success: r.success,
        cumulative_gas_used: r.cumulative_gas_used,
        logs: r.logs,
        deposit_nonce: r.deposit_nonce.first().copied(),
        deposit_receipt_version: r.deposit_receipt_version.first().copied(),
    };
    Ok(records.into_iter().map(receipt).collect())
}

/// The values that one block overwrote: applied to the state after the block they give the state
/// before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct ReverseDiff {
    /// Accounts by hashed address.
    pub(crate) accounts: Vec<OldAccount>,
    /// Storage slots by hashed address and hashed slot; zero means the slot was empty.
    pub(crate) storage: Vec<OldSlot>,
}

/// One account before a block.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
#[rlp(trailing)]
pub(crate) struct OldAccount {
    /// keccak256 of the address.
    pub(crate) address: B256,
    /// The account, or nothing if it did not exist.
    pub(crate) account: Option<FlatAccount>,
}

/// One storage slot before a block.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct OldSlot {
    /// keccak256 of the address.
    pub(crate) address: B256,
    /// keccak256 of the slot.
    pub(crate) slot: B256,
    /// Its value before the block.
    pub(crate) value: U256,
}

/// The three pointers into the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct HeadsRecord {
    /// The block whose state the flat tables hold.
    pub(crate) head: B256,
    /// Its height.
    pub(crate) head_number: u64,
    /// Newest safe block; zero when none was named yet.
    pub(crate) safe: B256,
    /// Newest finalized block; zero when none was named yet.
    pub(crate) finalized: B256,
}
