//! Builds a block step by step: system calls, forced transactions, pool transactions, header.

use crate::{
    base_fee::{extra_data_from_attributes, next_base_fee},
    block_run::{BlockRun, Refusal, requests_hash},
    chain::{ChainConfig, ChainKind, EthFork},
    error::InvalidBlock,
    evm::TxError,
    execute::{Executed, max_rlp_bytes, transactions_root, withdrawals_root},
    fees::estimated_da_bytes,
    header::{attribute, next_excess_blob_gas},
    receipt::receipts_root_and_bloom,
    state::{StateDiff, StateReader},
    transaction::VerifiedTx,
};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use alloy_consensus::{Header, Transaction as _};
use alloy_eips::{eip2718::Encodable2718, eip4895::Withdrawal};
use alloy_primitives::{Address, B64, B256, Bytes};
use core::fmt;
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use opal_protocol::Fork;

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
    pub fn from_op(attributes: &OpPayloadAttributes) -> Option<Self> {
        let base = &attributes.payload_attributes;
        Some(Self {
            timestamp: base.timestamp,
            prev_randao: base.prev_randao,
            fee_recipient: base.suggested_fee_recipient,
            gas_limit: attributes.gas_limit?,
            parent_beacon_block_root: base.parent_beacon_block_root,
            withdrawals: base.withdrawals.clone(),
            eip1559_params: attributes.eip_1559_params,
            min_base_fee: attributes.min_base_fee,
            extra_data: Bytes::new(),
        })
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

/// Room for header and withdrawals in the RLP of an Ethereum block, bytes.
const NON_TRANSACTION_RLP_BYTES: usize = 8 * 1024;

/// A block in the making on some parent.
///
/// It is a valid block after every step: what it holds can be closed at any time.
pub struct BlockBuilder<R: StateReader> {
    run: BlockRun<R>,
    transactions: Vec<VerifiedTx>,
    withdrawals: Option<Vec<Withdrawal>>,
    /// Estimated DA bytes of the pool transactions so far.
    da_bytes: u64,
    /// Bytes of the RLP of all transactions so far.
    rlp_bytes: usize,
}

impl<R: StateReader> fmt::Debug for BlockBuilder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockBuilder")
            .field("number", &self.run.env.number)
            .field("transactions", &self.transactions.len())
            .field("gas_used", &self.run.gas_used)
            .finish_non_exhaustive()
    }
}

impl<R: StateReader> BlockBuilder<R> {
    /// Checks the attributes and runs the system calls that open a block.
    pub fn new(
        chain: &ChainConfig,
        parent: &Header,
        parent_hash: B256,
        attributes: BlockAttributes,
        reader: R,
    ) -> Result<Self, InvalidBlock> {
        let env = open_header(chain, parent, parent_hash, &attributes)?;
        let run = BlockRun::open(chain, parent.timestamp, env, reader)?;
        let withdrawals = attributes.withdrawals;
        Ok(Self {
            run,
            transactions: Vec::new(),
            withdrawals,
            da_bytes: 0,
            rlp_bytes: 0,
        })
    }

    /// Appends a transaction that must be in the block. On error the block cannot be built.
    pub fn push_forced(&mut self, tx: VerifiedTx) -> Result<(), InvalidBlock> {
        self.run.apply_forced(&tx)?;
        self.rlp_bytes = self.rlp_bytes.saturating_add(tx.tx.network_len());
        self.transactions.push(tx);
        Ok(())
    }

    /// Appends a pool transaction if it fits and is valid; else the block stays as it was.
    pub fn try_push(&mut self, tx: &VerifiedTx, limits: &PushLimits) -> Result<Pushed, Rejected> {
        if tx.tx.is_deposit() {
            return Err(Rejected::Invalid("deposits come from L1 only".to_string()));
        }
        let da_bytes = if limits.tx_da_bytes.is_some() || limits.block_da_bytes.is_some() {
            estimated_da_bytes(&tx.encoded)
        } else {
            0
        };
        if limits.tx_da_bytes.is_some_and(|limit| da_bytes > limit) {
            return Err(Rejected::NoRoom("DA bytes of one transaction"));
        }
        let block_da_bytes = self.da_bytes.saturating_add(da_bytes);
        if limits
            .block_da_bytes
            .is_some_and(|limit| block_da_bytes > limit)
        {
            return Err(Rejected::NoRoom("DA bytes of the block"));
        }
        let gas = self.run.gas_used.saturating_add(tx.tx.gas_limit());
        if limits.block_gas.is_some_and(|limit| gas > limit) {
            return Err(Rejected::NoRoom("gas"));
        }
        let rlp_bytes = self.rlp_bytes.saturating_add(tx.tx.network_len());
        if max_rlp_bytes(&self.run.chain, self.run.env.timestamp)
            .is_some_and(|limit| rlp_bytes > limit - NON_TRANSACTION_RLP_BYTES)
        {
            return Err(Rejected::NoRoom("bytes"));
        }
        let room = self.run.room_for(tx)?;
        let outcome = self.run.apply(tx, room).map_err(Refusal::Tx)?;
        self.da_bytes = block_da_bytes;
        self.rlp_bytes = rlp_bytes;
        self.transactions.push(tx.clone());
        let tip = tx.tx.effective_tip_per_gas(self.base_fee()).unwrap_or(0);
        Ok(Pushed {
            gas_used: outcome.gas_used,
            success: outcome.success,
            tip,
        })
    }

    /// Gas that further transactions may ask for.
    pub fn gas_left(&self) -> u64 {
        self.run.gas_left()
    }

    /// Base fee of the block, wei.
    pub fn base_fee(&self) -> u64 {
        self.run.env.base_fee_per_gas.unwrap_or(0)
    }

    /// Number of transactions so far.
    pub fn len(&self) -> usize {
        self.transactions.len()
    }

    /// Whether there are no transactions yet.
    pub fn is_empty(&self) -> bool {
        self.transactions.is_empty()
    }

    /// Closes the block. `roots` maps the block's changes to the roots of the state they lead to.
    pub fn finish<E: From<InvalidBlock>>(
        self,
        roots: impl FnOnce(&StateDiff) -> Result<Roots, E>,
    ) -> Result<BuiltBlock, E> {
        let Self {
            run,
            transactions,
            withdrawals,
            ..
        } = self;
        let (chain, mut header) = (run.chain.clone(), run.env.clone());
        let executed = run.close(withdrawals.as_deref())?;
        let roots = roots(&executed.diff)?;
        let time = header.timestamp;
        let fork = chain.eth_fork(time);
        header.state_root = roots.state_root;
        header.transactions_root = transactions_root(&transactions);
        (header.receipts_root, header.logs_bloom) = receipts_root_and_bloom(&executed.receipts);
        header.gas_used = executed.gas_used;
        header.withdrawals_root = withdrawals.as_deref().map(|list| {
            if chain.is_op_active(Fork::Isthmus, time) {
                roots.message_passer_storage_root
            } else {
                withdrawals_root(list)
            }
        });
        // Zero before Jovian on L2, where nothing counts it up.
        header.blob_gas_used = (fork >= EthFork::Cancun).then_some(executed.blob_gas_used);
        header.requests_hash = (fork >= EthFork::Prague).then(|| requests_hash(&executed.requests));
        let hash = header.hash_slow();
        Ok(BuiltBlock {
            header,
            hash,
            transactions,
            withdrawals,
            executed,
        })
    }
}

/// The fields of a header that are known before execution.
fn open_header(
    chain: &ChainConfig,
    parent: &Header,
    parent_hash: B256,
    attributes: &BlockAttributes,
) -> Result<Header, InvalidBlock> {
    let time = attributes.timestamp;
    if time <= parent.timestamp {
        return Err(attribute("timestamp", "must be after the parent's"));
    }
    let fork = chain.eth_fork(time);
    match (&attributes.withdrawals, fork >= EthFork::Shanghai) {
        (None, true) => return Err(attribute("withdrawals", "are required")),
        (Some(_), false) => return Err(attribute("withdrawals", "come before their fork")),
        (Some(list), _) if chain.is_optimism() && !list.is_empty() => {
            return Err(attribute("withdrawals", "must be empty on L2"));
        }
        _ => {}
    }
    match (attributes.parent_beacon_block_root, fork >= EthFork::Cancun) {
        (None, true) => return Err(attribute("parentBeaconBlockRoot", "is required")),
        (Some(_), false) => {
            return Err(attribute("parentBeaconBlockRoot", "comes before its fork"));
        }
        _ => {}
    }
    let (params, min_base_fee) = (attributes.eip1559_params, attributes.min_base_fee);
    let extra_data = match &chain.kind {
        ChainKind::Optimism(rules) => extra_data_from_attributes(rules, time, params, min_base_fee)
            .map_err(|(field, problem)| attribute(field, problem))?,
        ChainKind::Ethereum(_) => attributes.extra_data.clone(),
    };
    let number = parent.number.checked_add(1);
    let excess = if chain.is_optimism() {
        (fork >= EthFork::Cancun).then_some(0)
    } else {
        next_excess_blob_gas(chain, parent, time)
    };
    Ok(Header {
        parent_hash,
        number: number.ok_or_else(|| attribute("number", "overflows"))?,
        beneficiary: attributes.fee_recipient,
        timestamp: time,
        mix_hash: attributes.prev_randao,
        gas_limit: attributes.gas_limit,
        base_fee_per_gas: Some(next_base_fee(chain, parent, time)),
        extra_data,
        excess_blob_gas: excess,
        parent_beacon_block_root: attributes.parent_beacon_block_root,
        ..Header::default()
    })
}

impl From<Refusal> for Rejected {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoRoom(what) => Self::NoRoom(what),
            Refusal::Tx(TxError::NonceTooHigh { tx, state }) => Self::NonceTooHigh { tx, state },
            Refusal::Tx(TxError::Invalid(problem)) => Self::Invalid(problem),
            Refusal::Tx(TxError::State(error)) => Self::State(error),
        }
    }
}
