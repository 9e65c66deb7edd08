//! The L1 attributes: calldata of the deposit that opens each L2 block.
//!
//! spec: protocol/deposits.md#l1-attributes-deposited-transaction, protocol/ecotone/l1-attributes.md,
//! protocol/isthmus/l1-attributes.md, protocol/jovian/l1-attributes.md

use crate::{
    config::RollupConfig, l1_chain::L1ChainConfig, refs::L1Id, system_config::SystemConfig,
};
use alloc::vec::Vec;
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, U256};
use op_alloy_consensus::TxDeposit;

/// Attributes of an L1 block, in one of the four formats there have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L1Info {
    /// Height on L1.
    pub number: u64,
    /// Unix time in seconds.
    pub time: u64,
    /// Base fee in wei.
    pub base_fee: U256,
    /// Hash of the L1 block.
    pub hash: B256,
    /// Position of the L2 block in its epoch.
    pub seq_num: u64,
    /// Address of the batcher.
    pub batcher: Address,
    /// What depends on the format.
    pub fees: L1InfoFees,
}

/// The fee parameters that each format carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum L1InfoFees {
    /// Up to Ecotone's activation block.
    Bedrock {
        /// Fee overhead.
        overhead: U256,
        /// Fee scalar.
        scalar: U256,
    },
    /// Up to Isthmus' activation block.
    Ecotone(EcotoneFees),
    /// Up to Jovian's activation block.
    Isthmus(EcotoneFees, OperatorFees),
    /// Since.
    Jovian(EcotoneFees, OperatorFees, DaFootprintGasScalar),
}

/// Fee parameters of Ecotone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EcotoneFees {
    /// Scalar of the L1 base fee.
    pub base_fee_scalar: u32,
    /// Scalar of the L1 blob base fee.
    pub blob_base_fee_scalar: u32,
    /// L1 blob base fee in wei.
    pub blob_base_fee: U256,
}

/// Fee parameters of Isthmus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OperatorFees {
    /// Fee per gas, scaled.
    pub scalar: u32,
    /// Fee per transaction in wei.
    pub constant: u64,
}

/// DA footprint per compressed byte (Jovian).
pub type DaFootprintGasScalar = u16;

/// Why calldata holds no L1 attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum L1InfoError {
    /// Shorter than a selector, or a selector no fork has.
    #[error("L1 attributes have an unknown selector")]
    Selector,
    /// Not of the length of its format.
    #[error("L1 attributes have {got} bytes, their format has {want}")]
    Length {
        /// Bytes found.
        got: usize,
        /// Bytes of the format.
        want: usize,
    },
    /// A value is out of range.
    #[error("L1 attributes: {0} is out of range")]
    Range(&'static str),
}

impl L1Info {
    /// Decodes calldata by its selector, whatever fork is active.
    pub fn decode(calldata: &[u8]) -> Result<Self, L1InfoError> {
        unimplemented!("{calldata:?}")
    }

    /// The calldata, selector first.
    pub fn encode(&self) -> Vec<u8> {
        unimplemented!()
    }

    /// The L1 origin.
    pub const fn origin(&self) -> L1Id {
        L1Id {
            hash: self.hash,
            number: self.number,
        }
    }
}

/// The deposit that opens the L2 block at `l2_time`, in the format that block must carry.
pub fn l1_info_deposit(
    cfg: &RollupConfig,
    l1_chain: &L1ChainConfig,
    system_config: &SystemConfig,
    seq_num: u64,
    l1_header: &Header,
    l1_hash: B256,
    l2_time: u64,
) -> TxDeposit {
    unimplemented!("{cfg:?}{l1_chain:?}{system_config:?}{seq_num}{l1_header:?}{l1_hash}{l2_time}")
}
