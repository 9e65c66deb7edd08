//! Blocks as the engine passes them around.

use crate::{
    cores::on_all_cores,
    held::HeldTrie,
    store::{BlockBody, FlushBlock, Layer},
};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, keccak256};
use opal_execution::{Receipt, Transaction, TransactionError, VerifiedTx};
use rayon::prelude::*;
use std::sync::{Arc, OnceLock};

/// A block that was executed or built: valid, with all it changes. Not yet on disk.
#[derive(Debug)]
pub(crate) struct ExecutedBlock {
    pub(crate) block: Arc<ChainBlock>,
    /// Changes on the parent's state.
    pub(crate) layer: Layer,
    /// The state trie after the block.
    pub(crate) trie: HeldTrie,
}

/// A valid block with its receipts.
#[derive(Clone, Debug)]
pub(crate) struct ChainBlock {
    pub(crate) hash: B256,
    pub(crate) header: Header,
    pub(crate) body: BlockBody,
    pub(crate) receipts: Vec<Receipt>,
    transaction_hashes: OnceLock<Vec<B256>>,
}

impl ExecutedBlock {
    pub(crate) fn hash(&self) -> B256 {
        self.block.hash
    }

    pub(crate) fn number(&self) -> u64 {
        self.block.header.number
    }

    pub(crate) fn parent(&self) -> B256 {
        self.block.header.parent_hash
    }

    pub(crate) fn to_flush(&self) -> FlushBlock<'_> {
        FlushBlock {
            hash: self.block.hash,
            header: &self.block.header,
            body: &self.block.body,
            transaction_hashes: self.block.transaction_hashes(),
            receipts: &self.block.receipts,
            layer: &self.layer,
        }
    }
}

impl ChainBlock {
    pub(crate) const fn new(
        hash: B256,
        header: Header,
        body: BlockBody,
        receipts: Vec<Receipt>,
    ) -> Self {
        Self {
            hash,
            header,
            body,
            receipts,
            transaction_hashes: OnceLock::new(),
        }
    }

    /// Whether the block's receipts were pruned.
    pub(crate) const fn lacks_receipts(&self) -> bool {
        self.receipts.len() < self.body.transactions.len()
    }

    /// Hashes of the transactions in block order, computed once.
    pub(crate) fn transaction_hashes(&self) -> &[B256] {
        self.transaction_hashes
            .get_or_init(|| self.body.transactions.iter().map(keccak256).collect())
    }

    /// The transactions, decoded again; their senders are stored with the block.
    pub(crate) fn transactions(&self) -> Vec<VerifiedTx> {
        let pairs = self.body.transactions.iter().zip(&self.body.senders);
        pairs
            .filter_map(|(encoded, sender)| {
                let tx = Transaction::decode(encoded).ok()?;
                Some(VerifiedTx {
                    tx,
                    sender: *sender,
                    encoded: encoded.clone(),
                })
            })
            .collect()
    }

    /// One transaction, decoded again.
    pub(crate) fn transaction(&self, index: usize) -> Option<(Transaction, Address)> {
        let tx = Transaction::decode(self.body.transactions.get(index)?).ok()?;
        Some((tx, *self.body.senders.get(index)?))
    }

    /// Gas used by the transaction at `index` alone.
    pub(crate) fn gas_used(&self, index: usize) -> u64 {
        let at = |i: usize| self.receipts.get(i).map_or(0, |r| r.cumulative_gas_used);
        let before = index.checked_sub(1).map_or(0, at);
        at(index).saturating_sub(before)
    }

    /// Logs of the block before those of the transaction at `index`.
    pub(crate) fn logs_before(&self, index: usize) -> usize {
        self.receipts.iter().take(index).map(|r| r.logs.len()).sum()
    }
}

/// Decodes transactions and recovers their senders on all cores. `known` saves work for those that
/// were recovered before.
pub(crate) fn verify_transactions(
    encoded: &[Bytes],
    known: impl Fn(&B256) -> Option<VerifiedTx> + Sync,
) -> Result<Vec<VerifiedTx>, (usize, TransactionError)> {
    let verify = |(index, bytes): (usize, &Bytes)| match known(&keccak256(bytes)) {
        Some(tx) => Ok(tx),
        None => VerifiedTx::decode(bytes.clone()).map_err(|e| (index, e)),
    };
    on_all_cores(|| encoded.par_iter().enumerate().map(verify).collect())
}
