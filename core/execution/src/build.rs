//! Builds a block step by step: system calls, forced transactions, pool transactions, header.

use crate::{
    chain::ChainConfig,
    error::InvalidBlock,
    execute::Executed,
    state::{StateDiff, StateReader},
    transaction::VerifiedTx,
};
use alloc::{string::String, vec::Vec};
use alloy_consensus::Header;
use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::{Address, B64, B256, Bytes};
use core::marker::PhantomData;
use op_alloy_rpc_types_engine::OpPayloadAttributes;

/// What the consensus layer decides about a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockAttributes {
    /// Unix time in seconds.
    pub timestamp: u64,
    /// Randomness of the beacon chain (OP: of the L1 origin).
    pub prev_randao: B256,
    /// Who receives the priority fees.
    pub fee_recipient: Address,
    /// Gas limit of the block.
    pub gas_limit: u64,
    /// From Cancun / Ecotone on.
    pub parent_beacon_block_root: Option<B256>,
    /// From Shanghai / Canyon on.
    pub withdrawals: Option<Vec<Withdrawal>>,
    /// OP from Holocene on: denominator and elasticity, big-endian u32 each; both zero: the chain's constants.
    pub eip1559_params: Option<B64>,
    /// OP from Jovian on, wei.
    pub min_base_fee: Option<u64>,
    /// Ethereum only: free data of the block's builder, at most 32 bytes.
    pub extra_data: Bytes,
}

impl BlockAttributes {
    /// The attributes of an OP payload; `None` if it lacks a gas limit.
    pub fn from_op(_attributes: &OpPayloadAttributes) -> Option<Self> {
        unimplemented!()
    }
}

/// Limits of the sequencer's own choice for pool transactions; `None` is unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PushLimits {
    /// Most estimated DA bytes of one transaction.
    pub tx_da_bytes: Option<u64>,
    /// Most estimated DA bytes of all pool transactions of the block.
    pub block_da_bytes: Option<u64>,
    /// Most gas of the whole block, below its gas limit.
    pub block_gas: Option<u64>,
}

/// A pool transaction that is now in the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Gas it used.
    pub gas_used: u64,
    /// Whether it succeeded.
    pub success: bool,
    /// Priority fee earned, wei per gas.
    pub tip: u128,
}

/// Why a pool transaction is not in the block. The block is as before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// Too large for what is left of this block (gas, blobs, DA): a later block may take it.
    #[error("transaction does not fit into the block: {0}")]
    NoRoom(&'static str),
    /// Its nonce is too high: an earlier one of the sender is missing.
    #[error("nonce is {tx}, the sender's next is {state}")]
    NonceTooHigh {
        /// Nonce of the transaction.
        tx: u64,
        /// Nonce of the account.
        state: u64,
    },
    /// It can never be included on this state: the pool should drop it.
    #[error("transaction is invalid: {0}")]
    Invalid(String),
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] crate::state::StateError),
}

/// Roots that only the trie knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roots {
    /// State root after the block.
    pub state_root: B256,
    /// OP: storage root of the L2ToL1MessagePasser after the block. Used from Isthmus on.
    pub message_passer_storage_root: B256,
}

/// A finished block.
#[derive(Clone, Debug)]
pub struct BuiltBlock {
    /// Its header, complete.
    pub header: Header,
    /// Hash of the header.
    pub hash: B256,
    /// Its transactions.
    pub transactions: Vec<VerifiedTx>,
    /// Its withdrawals.
    pub withdrawals: Option<Vec<Withdrawal>>,
    /// What execution gave.
    pub executed: Executed,
}

/// A block in the making on some parent.
#[derive(Debug)]
pub struct BlockBuilder<R>(PhantomData<R>);

impl<R: StateReader> BlockBuilder<R> {
    /// Checks the attributes and runs the system calls that open a block.
    pub fn new(
        _chain: &ChainConfig,
        _parent: &Header,
        _parent_hash: B256,
        _attributes: BlockAttributes,
        _reader: R,
    ) -> Result<Self, InvalidBlock> {
        unimplemented!()
    }
    /// Appends a transaction that must be in the block. On error the block cannot be built.
    pub fn push_forced(&mut self, _tx: VerifiedTx) -> Result<(), InvalidBlock> {
        unimplemented!()
    }
    /// Appends a pool transaction if it fits and is valid; else the block stays as it was.
    pub fn try_push(&mut self, _tx: &VerifiedTx, _limits: &PushLimits) -> Result<Pushed, Rejected> {
        unimplemented!()
    }
    /// Gas that further transactions may ask for.
    pub fn gas_left(&self) -> u64 {
        unimplemented!()
    }
    /// Base fee of the block, wei.
    pub fn base_fee(&self) -> u64 {
        unimplemented!()
    }
    /// Closes the block. `roots` maps the block's changes to the roots of the state they lead to.
    pub fn finish<E: From<InvalidBlock>>(
        self,
        _roots: impl FnOnce(&StateDiff) -> Result<Roots, E>,
    ) -> Result<BuiltBlock, E> {
        unimplemented!()
    }
}
