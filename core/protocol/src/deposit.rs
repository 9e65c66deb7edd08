//! Deposits: transactions that L1 forces into L2.
//!
//! spec: protocol/deposits.md

use alloy_primitives::{B256, Bytes, Log};
use op_alloy_consensus::TxDeposit;

/// EIP-2718 type byte of a deposit.
pub const DEPOSIT_TX_TYPE: u8 = 0x7e;

/// Where a deposit comes from; gives it an identity that no other deposit shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DepositSource<'a> {
    /// Domain 0: a `TransactionDeposited` log.
    User {
        /// Hash of the L1 block with the log.
        l1_block_hash: B256,
        /// Position of the log in its block (not in its receipt).
        log_index: u64,
    },
    /// Domain 1: the L1 attributes at the head of each L2 block.
    L1Info {
        /// Hash of the L1 origin.
        l1_block_hash: B256,
        /// Position of the L2 block in its epoch.
        seq_num: u64,
    },
    /// Domain 2: a network-upgrade transaction.
    Upgrade {
        /// What the transaction does, for example `"Jovian: L1 Block Deployment"`.
        intent: &'a str,
    },
}

impl DepositSource<'_> {
    /// The source hash. spec: protocol/deposits.md#source-hash-computation
    pub fn hash(&self) -> B256 {
        unimplemented!()
    }
}

/// A `TransactionDeposited` log that is not what the OptimismPortal emits. The portal is trusted,
/// so this is no hostile input but a wrong configuration or a portal we do not know: critical.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("TransactionDeposited log {log_index} is malformed: {problem}")]
pub struct DepositError {
    /// Position of the log in its L1 block.
    pub log_index: u64,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// The deposit that a `TransactionDeposited` log announces.
pub fn parse_deposit_log(
    log: &Log,
    l1_block_hash: B256,
    log_index: u64,
) -> Result<TxDeposit, DepositError> {
    unimplemented!("{log:?} {l1_block_hash} {log_index}")
}

/// The deposit as it stands in payload attributes: type byte 0x7e, then RLP.
pub fn encode_deposit(deposit: &TxDeposit) -> Bytes {
    unimplemented!("{deposit:?}")
}
