//! Receipts of both layers as one type, and the rule of their root.
//!
//! spec: deposits.md#deposit-receipt: deposits record the sender's nonce from Regolith on, but the
//! root commits to it only from Canyon on, where a version says so.

use alloc::vec::Vec;
use alloy_primitives::{B256, Bloom, Bytes, Log};
use alloy_rlp::{Buf, BufMut, Decodable, Encodable, Header, PayloadView};

/// What a transaction did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Type byte of the transaction.
    pub tx_type: u8,
    /// Whether it succeeded.
    pub success: bool,
    /// Gas used in the block up to and including this transaction.
    pub cumulative_gas_used: u64,
    /// Events, in order.
    pub logs: Vec<Log>,
    /// Deposits from Regolith on: the sender's nonce before execution.
    pub deposit_nonce: Option<u64>,
    /// Deposits from Canyon on: 1. Where it is absent the root leaves the nonce out.
    pub deposit_receipt_version: Option<u64>,
}

/// Bytes that are no receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("receipt cannot be decoded: {0}")]
pub struct ReceiptError(pub &'static str);

/// Longest legal type byte of EIP-2718.
const MAX_TYPE: u8 = 0x7f;

impl Receipt {
    /// Bloom filter of the logs.
    pub fn bloom(&self) -> Bloom {
        alloy_primitives::logs_bloom(&self.logs)
    }

    /// Canonical (EIP-2718) bytes, as hashed into the receipts root.
    pub fn encode(&self) -> Bytes {
        let nonce = self.root_nonce();
        let mut out = Vec::new();
        self.encode_with(nonce, &self.bloom(), &mut out);
        out.into()
    }

    /// The canonical bytes, but always with the deposit nonce: for storage.
    pub fn encode_for_storage(&self) -> Bytes {
        let mut out = Vec::new();
        self.encode_with(self.deposit_nonce, &self.bloom(), &mut out);
        out.into()
    }

    /// The deposit nonce as far as the receipts root commits to it.
    fn root_nonce(&self) -> Option<u64> {
        self.deposit_nonce
            .filter(|_| self.deposit_receipt_version.is_some())
    }

    fn encode_with(&self, nonce: Option<u64>, bloom: &Bloom, out: &mut Vec<u8>) {
        let version = self.deposit_receipt_version.filter(|_| nonce.is_some());
        let payload_length = self.success.length()
            + self.cumulative_gas_used.length()
            + bloom.length()
            + self.logs.length()
            + nonce.map_or(0, |n| n.length())
            + version.map_or(0, |v| v.length());
        out.reserve(payload_length.saturating_add(5));
        if self.tx_type != 0 {
            out.put_u8(self.tx_type);
        }
        Header {
            list: true,
            payload_length,
        }
        .encode(out);
        self.success.encode(out);
        self.cumulative_gas_used.encode(out);
        bloom.encode(out);
        self.logs.encode(out);
        if let Some(nonce) = nonce {
            nonce.encode(out);
        }
        if let Some(version) = version {
            version.encode(out);
        }
    }

    /// Decodes what [`encode`](Self::encode) or [`encode_for_storage`](Self::encode_for_storage)
    /// gave.
    pub fn decode(bytes: &[u8]) -> Result<Self, ReceiptError> {
        let mut rest = bytes;
        let tx_type = match rest.first() {
            None => return Err(ReceiptError("it is empty")),
            Some(first) if *first <= MAX_TYPE => {
                rest.advance(1);
                *first
            }
            Some(_) => 0,
        };
        let bad = |_| ReceiptError("bad RLP");
        let PayloadView::List(items) = Header::decode_raw(&mut rest).map_err(bad)? else {
            return Err(ReceiptError("it is no list"));
        };
        if !rest.is_empty() {
            return Err(ReceiptError("bytes follow it"));
        }
        let [status, gas, _bloom, logs, extra @ ..] = items.as_slice() else {
            return Err(ReceiptError("it has fewer than four fields"));
        };
        let (mut status, mut gas, mut logs) = (*status, *gas, *logs);
        let number = |item: Option<&&[u8]>| {
            item.map(|item| u64::decode(&mut &**item))
                .transpose()
                .map_err(bad)
        };
        if extra.len() > 2 {
            return Err(ReceiptError("it has more than six fields"));
        }
        Ok(Self {
            tx_type,
            success: bool::decode(&mut status).map_err(bad)?,
            cumulative_gas_used: u64::decode(&mut gas).map_err(bad)?,
            logs: Vec::decode(&mut logs).map_err(bad)?,
            deposit_nonce: number(extra.first())?,
            deposit_receipt_version: number(extra.get(1))?,
        })
    }
}

/// Root of a block's receipts.
pub fn receipts_root(receipts: &[Receipt]) -> B256 {
    receipts_root_and_bloom(receipts).0
}

/// Root of a block's receipts, and the bloom filter of all its logs.
pub fn receipts_root_and_bloom(receipts: &[Receipt]) -> (B256, Bloom) {
    let mut all = Bloom::ZERO;
    let root = alloy_trie::root::ordered_trie_root_with_encoder(receipts, |receipt, out| {
        let nonce = receipt.root_nonce();
        let bloom = receipt.bloom();
        all |= bloom;
        receipt.encode_with(nonce, &bloom, out);
    });
    (root, all)
}
