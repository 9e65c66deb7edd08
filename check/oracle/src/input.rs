//! What the naive derivation reads: all of L1, block by block, as raw as it can be had.

use crate::deposits::DepositFields;
use alloy_consensus::{Header, Transaction, TxEnvelope, transaction::SignerRecoverable};
use alloy_eips::{eip2718::Decodable2718, eip4844::Blob};
use alloy_primitives::{Address, B256, Bytes, Log};
use alloy_rlp::Decodable;
use opal_protocol::{L1ChainConfig, L1Id, RollupConfig, Upgrades};
use std::{collections::BTreeMap, sync::Arc};

/// The rollup whose chain is derived, as data.
#[derive(Clone, Debug)]
pub struct Rollup {
    /// The rollup configuration.
    pub cfg: Arc<RollupConfig>,
    /// The blob parameters of L1.
    pub l1_chain: L1ChainConfig,
    /// The upgrade transactions of every fork that has some.
    pub upgrades: Arc<Upgrades>,
}

/// Blobs by versioned hash.
pub type Blobs = BTreeMap<B256, Box<Blob>>;

/// All of L1, from the rollup's genesis on.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The rollup whose chain is derived.
    pub rollup: &'a Rollup,
    /// The canonical L1 blocks without a gap; the first is the rollup's genesis on L1.
    pub l1: &'a [Arc<NaiveL1Block>],
    /// The blobs that batcher transactions name.
    pub blobs: &'a Blobs,
}

/// An L1 block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NaiveL1Block {
    /// Hash of the header.
    pub hash: B256,
    /// The header.
    pub header: Header,
    /// The transactions in block order; those that cannot be a batcher's may be left out.
    pub transactions: Vec<NaiveL1Tx>,
    /// The receipts in block order.
    pub receipts: Vec<NaiveReceipt>,
    /// User deposits that the source of this block has encoded already; they stand behind those of
    /// the receipts. Empty where the receipts hold the logs.
    pub encoded_deposits: Vec<Bytes>,
}

/// An L1 transaction, as far as derivation reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NaiveL1Tx {
    /// The recovered sender.
    pub from: Address,
    /// The recipient.
    pub to: Option<Address>,
    /// EIP-2718 type byte; 0 for legacy.
    pub tx_type: u8,
    /// Calldata.
    pub data: Bytes,
    /// Versioned hashes of the blobs.
    pub blob_hashes: Vec<B256>,
}

/// The receipt of an L1 transaction, as far as derivation reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NaiveReceipt {
    /// Whether the transaction succeeded.
    pub success: bool,
    /// Its logs.
    pub logs: Vec<Log>,
}

impl NaiveL1Block {
    /// The name of this block.
    pub const fn id(&self) -> L1Id {
        L1Id {
            hash: self.hash,
            number: self.header.number,
        }
    }

    /// Unix time in seconds.
    pub const fn time(&self) -> u64 {
        self.header.timestamp
    }
}

impl NaiveL1Tx {
    /// Reads an encoded (EIP-2718) transaction; `None` for one that cannot be a batcher's because
    /// its type is unknown or its signature invalid.
    pub fn from_raw(raw: &[u8]) -> Option<Self> {
        if let [0x7e, fields @ ..] = raw {
            let deposit = DepositFields::decode(&mut &*fields).ok()?;
            return Some(Self {
                from: deposit.from,
                to: Address::try_from(&deposit.to[..]).ok(),
                tx_type: 0x7e,
                data: deposit.data,
                blob_hashes: Vec::new(),
            });
        }
        let tx = TxEnvelope::decode_2718_exact(raw).ok()?;
        Some(Self {
            from: tx.recover_signer().ok()?,
            to: tx.to(),
            tx_type: tx.tx_type() as u8,
            data: tx.input().clone(),
            blob_hashes: tx.blob_versioned_hashes().unwrap_or_default().to_vec(),
        })
    }
}
