//! Receipts of both layers as one type, and the rule of their root.

use alloc::vec::Vec;
use alloy_primitives::{B256, Bloom, Bytes, Log};

/// What a transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl Receipt {
    /// Bloom filter of the logs.
    pub fn bloom(&self) -> Bloom {
        unimplemented!()
    }
    /// Canonical (EIP-2718) bytes, as hashed into the receipts root.
    pub fn encode(&self) -> Bytes {
        unimplemented!()
    }
    /// Decodes canonical bytes.
    pub fn decode(_bytes: &[u8]) -> Result<Self, ReceiptError> {
        unimplemented!()
    }
}

/// Root of a block's receipts.
pub fn receipts_root(_receipts: &[Receipt]) -> B256 {
    unimplemented!()
}

/// Bloom filter of all logs of a block.
pub fn block_bloom(_receipts: &[Receipt]) -> Bloom {
    unimplemented!()
}
