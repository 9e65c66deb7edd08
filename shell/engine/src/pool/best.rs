//! Transactions in the order a builder wants them: highest tip first, nonces of one sender in order.

use super::PoolTx;
use alloy_consensus::Transaction as _;
use alloy_primitives::Address;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    sync::Arc,
};

/// Iterates over a snapshot of the executable transactions.
#[derive(Debug)]
pub(crate) struct BestTransactions {
    base_fee: u64,
    blob_fee: Option<u128>,
    /// Tip, order of arrival (earlier first), sender.
    heads: BinaryHeap<(u128, Reverse<u64>, Address)>,
    /// What is left of each sender, last nonce first.
    rest: BTreeMap<Address, Vec<Arc<PoolTx>>>,
}

impl BestTransactions {
    pub(super) fn new(
        senders: Vec<Vec<Arc<PoolTx>>>,
        base_fee: u64,
        blob_fee: Option<u128>,
    ) -> Self {
        let mut best = Self {
            base_fee,
            blob_fee,
            heads: BinaryHeap::new(),
            rest: BTreeMap::new(),
        };
        for mut transactions in senders {
            transactions.reverse();
            let Some(sender) = transactions.last().map(|tx| tx.sender()) else {
                continue;
            };
            best.rest.insert(sender, transactions);
            best.offer(sender);
        }
        best
    }

    /// Leaves out all later transactions of a sender: they depend on one that was not included.
    pub(crate) fn skip_sender(&mut self, sender: Address) {
        self.rest.remove(&sender);
    }

    /// Puts the sender's next transaction among the candidates, if this block can hold it.
    fn offer(&mut self, sender: Address) {
        let Some(tx) = self.rest.get(&sender).and_then(|txs| txs.last()) else {
            return;
        };
        let pays_for_blobs = match (tx.tx.tx.max_fee_per_blob_gas(), self.blob_fee) {
            (None, _) => true,
            (Some(most), Some(fee)) => most >= fee,
            (Some(_), None) => false,
        };
        match tx.tip_at(self.base_fee) {
            Some(tip) if pays_for_blobs => {
                self.heads.push((tip, Reverse(tx.sequence), sender));
            }
            _ => {
                self.rest.remove(&sender);
            }
        }
    }
}

impl Iterator for BestTransactions {
    type Item = Arc<PoolTx>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (_, sequence, sender) = self.heads.pop()?;
            let Some(transactions) = self.rest.get_mut(&sender) else {
                continue;
            };
            match transactions.pop() {
                Some(tx) if tx.sequence == sequence.0 => {
                    self.offer(sender);
                    return Some(tx);
                }
                Some(tx) => transactions.push(tx),
                None => {}
            }
        }
    }
}
