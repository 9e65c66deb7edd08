//! An L1 block, reduced to what the rollup reads of it.

use crate::{
    config::RollupConfig,
    deposit::DepositError,
    refs::{L1Id, L1Ref},
    system_config::ConfigUpdate,
};
use alloc::vec::Vec;
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, Log};

/// A transaction to the batch inbox, sender recovered, still unjudged: derivation decides whether
/// the sender is the batcher of that moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InboxTx {
    /// Recovered sender.
    pub from: Address,
    /// EIP-2718 type byte; 0 for legacy.
    pub tx_type: u8,
    /// Calldata. Ignored for type 3, whose data lies in blobs.
    pub data: Bytes,
    /// Versioned hashes of the blobs, in order; empty unless type 3.
    pub blob_hashes: Vec<B256>,
}

/// All that derivation reads of one L1 block. Built once, when the block arrives, by
/// [`L1Block::new`] from the header, the transactions and the receipts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct L1Block {
    /// Hash of `header`.
    pub hash: B256,
    /// The header, verified against `hash` by whoever fetched it.
    pub header: Header,
    /// Transactions to the batch inbox in block order, from anybody.
    pub inbox: Vec<InboxTx>,
    /// User deposits of this block in log order, as encoded type-0x7e transactions.
    pub deposits: Vec<Bytes>,
    /// Updates that the SystemConfig contract announced in this block, in log order.
    pub config_updates: Vec<ConfigUpdate>,
}

/// A receipt of an L1 transaction, reduced to what the rollup reads of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct L1Receipt {
    /// Whether the transaction succeeded.
    pub success: bool,
    /// Its logs.
    pub logs: Vec<Log>,
}

impl L1Block {
    /// Reduces a block to what the rollup reads of it. `txs` are the encoded (EIP-2718)
    /// transactions and `receipts` their receipts, both in block order and already verified
    /// against `header`, as `header` is against `hash`.
    pub fn new<T: AsRef<[u8]>>(
        cfg: &RollupConfig,
        hash: B256,
        header: Header,
        txs: &[T],
        receipts: &[L1Receipt],
    ) -> Result<Self, DepositError> {
        let _ = (cfg, hash, header, txs.len(), receipts);
        unimplemented!()
    }

    /// Identity, parent and time.
    pub const fn as_ref(&self) -> L1Ref {
        L1Ref {
            hash: self.hash,
            number: self.header.number,
            parent_hash: self.header.parent_hash,
            time: self.header.timestamp,
        }
    }

    /// The name of this block.
    pub const fn id(&self) -> L1Id {
        L1Id {
            hash: self.hash,
            number: self.header.number,
        }
    }
}
