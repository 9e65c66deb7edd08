//! Executes a block that somebody else built.

use crate::{
    chain::ChainConfig,
    error::InvalidBlock,
    receipt::Receipt,
    state::{StateDiff, StateReader},
    transaction::VerifiedTx,
};
use alloc::vec::Vec;
use alloy_consensus::Header;
use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::Bytes;

/// What executing a block gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Executed {
    /// One per transaction.
    pub receipts: Vec<Receipt>,
    /// Gas used by all transactions.
    pub gas_used: u64,
    /// Ethereum: gas of the blobs. OP chains: DA footprint from Jovian on, else 0.
    pub blob_gas_used: u64,
    /// EIP-7685 requests, each with its leading type byte; only on Ethereum from Prague on.
    pub requests: Vec<Bytes>,
    /// How the state changes.
    pub diff: StateDiff,
}

/// Checks the header against its parent, executes the block on the parent's state and checks all
/// of the header that does not need the state trie. What remains for the caller is
/// [`header::check_roots`](crate::header::check_roots).
pub fn execute_block<R: StateReader>(
    _chain: &ChainConfig,
    _parent: &Header,
    _header: &Header,
    _txs: &[VerifiedTx],
    _withdrawals: Option<&[Withdrawal]>,
    _reader: &R,
) -> Result<Executed, InvalidBlock> {
    unimplemented!()
}
