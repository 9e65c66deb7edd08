//! Consolidation: does the block that is already there equal the block that L1 asks for?
//!
//! In: derived attributes and the oldest unsafe block. Out: agreement, or the first field that
//! differs. Pure comparison; what follows from it is the dialogue's matter.
//!
//! spec: protocol/derivation.md#l1-consolidation-payload-attributes-matching

use crate::block::L2Block;
use alloy_primitives::{Address, B256, Bytes};
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use opal_protocol::{Fork, RollupConfig};

/// The first field in which an unsafe block differs from the derived attributes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The block builds on another parent.
    #[error("parent is {found}, derived {derived}")]
    Parent {
        /// By derivation.
        derived: B256,
        /// In the block.
        found: B256,
    },
    /// Another time.
    #[error("timestamp is {found}, derived {derived}")]
    Timestamp {
        /// By derivation.
        derived: u64,
        /// In the block.
        found: u64,
    },
    /// Another `prevRandao`.
    #[error("prevRandao is {found}, derived {derived}")]
    Randao {
        /// By derivation.
        derived: B256,
        /// In the block.
        found: B256,
    },
    /// Another fee recipient.
    #[error("fee recipient is {found}, derived {derived}")]
    FeeRecipient {
        /// By derivation.
        derived: Address,
        /// In the block.
        found: Address,
    },
    /// Another number of transactions.
    #[error("{found} transactions, derived {derived}")]
    TransactionCount {
        /// By derivation.
        derived: usize,
        /// In the block.
        found: usize,
    },
    /// Another transaction at this position.
    #[error("transaction {0} differs")]
    Transaction(usize),
    /// Another gas limit.
    #[error("gas limit is {found}, derived {derived:?}")]
    GasLimit {
        /// By derivation.
        derived: Option<u64>,
        /// In the block.
        found: u64,
    },
    /// One has a list of withdrawals, the other has none.
    #[error("withdrawals are present in one of block and attributes only")]
    Withdrawals,
    /// Another parent beacon block root.
    #[error("parent beacon block root is {found:?}, derived {derived:?}")]
    BeaconRoot {
        /// By derivation.
        derived: Option<B256>,
        /// In the block.
        found: Option<B256>,
    },
    /// Other EIP-1559 parameters or another minimum base fee.
    #[error("extra data is {found}, derived {derived}")]
    ExtraData {
        /// What the block's extra data would be by derivation.
        derived: Bytes,
        /// In the block.
        found: Bytes,
    },
    /// The attributes lack what the fork demands.
    #[error("derived attributes lack {0}")]
    Incomplete(&'static str),
}

/// Compares the attributes derived on top of `parent` with `block`.
pub fn compare(
    cfg: &RollupConfig,
    parent: B256,
    derived: &OpPayloadAttributes,
    block: &L2Block,
) -> Result<(), Mismatch> {
    let (inner, header) = (&derived.payload_attributes, &block.header);
    if header.parent_hash != parent {
        return Err(Mismatch::Parent {
            derived: parent,
            found: header.parent_hash,
        });
    }
    if header.timestamp != inner.timestamp {
        return Err(Mismatch::Timestamp {
            derived: inner.timestamp,
            found: header.timestamp,
        });
    }
    if header.mix_hash != inner.prev_randao {
        return Err(Mismatch::Randao {
            derived: inner.prev_randao,
            found: header.mix_hash,
        });
    }
    if header.beneficiary != inner.suggested_fee_recipient {
        return Err(Mismatch::FeeRecipient {
            derived: inner.suggested_fee_recipient,
            found: header.beneficiary,
        });
    }
    compare_transactions(derived, block)?;
    if derived.gas_limit != Some(header.gas_limit) {
        return Err(Mismatch::GasLimit {
            derived: derived.gas_limit,
            found: header.gas_limit,
        });
    }
    // An L2 block never holds withdrawals of its own, so only their presence can differ.
    if inner.withdrawals.is_some() != header.withdrawals_root.is_some() {
        return Err(Mismatch::Withdrawals);
    }
    if inner.parent_beacon_block_root != header.parent_beacon_block_root {
        return Err(Mismatch::BeaconRoot {
            derived: inner.parent_beacon_block_root,
            found: header.parent_beacon_block_root,
        });
    }
    compare_extra_data(cfg, derived, block)
}

fn compare_transactions(derived: &OpPayloadAttributes, block: &L2Block) -> Result<(), Mismatch> {
    let transactions = derived.transactions.as_deref().unwrap_or(&[]);
    if transactions.len() != block.transactions.len() {
        return Err(Mismatch::TransactionCount {
            derived: transactions.len(),
            found: block.transactions.len(),
        });
    }
    let pairs = transactions.iter().zip(&block.transactions);
    match pairs.enumerate().find(|(_, (a, b))| a != b) {
        Some((position, _)) => Err(Mismatch::Transaction(position)),
        None => Ok(()),
    }
}

/// spec: holocene/exec-engine.md#eip-1559-parameters-in-block-header,
/// jovian/exec-engine.md#minimum-base-fee-in-block-header
fn compare_extra_data(
    cfg: &RollupConfig,
    derived: &OpPayloadAttributes,
    block: &L2Block,
) -> Result<(), Mismatch> {
    let time = derived.payload_attributes.timestamp;
    if !cfg.is_active(Fork::Holocene, time) {
        return Ok(());
    }
    let expected = extra_data(cfg, derived, time)?;
    if expected != block.header.extra_data {
        return Err(Mismatch::ExtraData {
            derived: expected,
            found: block.header.extra_data.clone(),
        });
    }
    Ok(())
}

/// The extra data of a block built from `derived`: `version ++ denominator ++ elasticity`, from
/// Jovian on followed by the minimum base fee. Parameters of zero stand for the chain's constants.
fn extra_data(
    cfg: &RollupConfig,
    derived: &OpPayloadAttributes,
    time: u64,
) -> Result<Bytes, Mismatch> {
    let params = derived
        .eip_1559_params
        .ok_or(Mismatch::Incomplete("eip1559Params"))?;
    let mut data = alloc::vec::Vec::with_capacity(17);
    data.push(u8::from(cfg.is_active(Fork::Jovian, time)));
    if params.is_zero() {
        // spec: holocene/exec-engine.md#eip1559params-encoding
        let constants = &cfg.chain_op_config;
        data.extend((constants.eip1559_denominator_canyon as u32).to_be_bytes());
        data.extend((constants.eip1559_elasticity as u32).to_be_bytes());
    } else {
        data.extend(params.0);
    }
    if cfg.is_active(Fork::Jovian, time) {
        let fee = derived
            .min_base_fee
            .ok_or(Mismatch::Incomplete("minBaseFee"))?;
        data.extend(fee.to_be_bytes());
    }
    Ok(data.into())
}
