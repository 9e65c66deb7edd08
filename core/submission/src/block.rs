//! An L2 block as the batcher needs it.

use alloc::vec::Vec;
use alloy_primitives::Bytes;
use opal_protocol::{L1Info, L2Ref, SingularBatch, deposit::decode_deposit};

/// Type byte of deposits, which derivation takes from L1 itself.
const DEPOSIT_TX_TYPE: u8 = 0x7e;

/// An L2 block without its deposits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    l2: L2Ref,
    /// Unix time of its L1 origin in seconds, as its L1 attributes say.
    origin_time: Option<u64>,
    transactions: Vec<Bytes>,
    bytes: usize,
}

impl Block {
    /// From all transactions of the block, encoded, deposits included.
    pub fn new(l2: L2Ref, transactions: impl IntoIterator<Item = Bytes>) -> Self {
        let mut all = transactions.into_iter().peekable();
        let origin_time = all.peek().and_then(|first| origin_time(first));
        let transactions: Vec<Bytes> = all
            .filter(|tx| tx.first() != Some(&DEPOSIT_TX_TYPE))
            .collect();
        let bytes = transactions.iter().map(|tx| tx.len()).sum();
        Self {
            l2,
            origin_time,
            transactions,
            bytes,
        }
    }

    /// Its place in the chain.
    pub const fn l2(&self) -> &L2Ref {
        &self.l2
    }

    /// Unix time of its L1 origin in seconds, if its first transaction says so.
    pub(crate) const fn origin_time(&self) -> Option<u64> {
        self.origin_time
    }

    /// Its transactions without the deposits.
    pub fn transactions(&self) -> &[Bytes] {
        &self.transactions
    }

    /// Bytes of its transactions.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn to_batch(&self) -> SingularBatch {
        SingularBatch {
            parent_hash: self.l2.parent_hash,
            epoch_num: self.l2.l1_origin.number,
            epoch_hash: self.l2.l1_origin.hash,
            timestamp: self.l2.time,
            transactions: self.transactions.clone(),
        }
    }
}

/// The time that the L1 attributes in this transaction name.
fn origin_time(first_transaction: &[u8]) -> Option<u64> {
    let deposit = decode_deposit(first_transaction)?;
    L1Info::decode(&deposit.input).ok().map(|info| info.time)
}
