//! What a transaction on an OP chain costs beyond its gas: the L1 fee and the operator fee.

use crate::{
    chain::ChainConfig,
    state::{StateError, StateReader},
};
use alloy_primitives::U256;

/// Fee parameters in force, as the L1Block predeploy holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct L1Costs {
    /// L1 base fee, wei.
    pub l1_base_fee: U256,
    /// L1 blob base fee, wei; from Ecotone on.
    pub l1_blob_base_fee: Option<U256>,
    /// Scalar of the base fee (before Ecotone: in millionths).
    pub base_fee_scalar: U256,
    /// Scalar of the blob base fee; from Ecotone on.
    pub blob_base_fee_scalar: Option<U256>,
    /// Fixed overhead in gas; before Ecotone.
    pub overhead: Option<U256>,
    /// Operator fee scalar; from Isthmus on.
    pub operator_fee_scalar: Option<u32>,
    /// Operator fee constant, wei; from Isthmus on.
    pub operator_fee_constant: Option<u64>,
    /// DA footprint gas per byte; from Jovian on.
    pub da_footprint_gas_scalar: Option<u16>,
}

impl L1Costs {
    /// Reads the parameters in force for transactions of the block at `time` from the state.
    pub fn read<R: StateReader>(
        _chain: &ChainConfig,
        _time: u64,
        _reader: &R,
    ) -> Result<Self, StateError> {
        unimplemented!()
    }
    /// The L1 fee of a transaction with the given canonical bytes, wei; zero for deposits.
    pub fn l1_fee(&self, _encoded: &[u8]) -> U256 {
        unimplemented!()
    }
    /// Gas the transaction would use as L1 calldata (receipt field `l1GasUsed`).
    pub fn l1_gas_used(&self, _encoded: &[u8]) -> U256 {
        unimplemented!()
    }
    /// The operator fee for `gas`, wei.
    pub fn operator_fee(&self, _gas: u64) -> U256 {
        unimplemented!()
    }
    /// DA footprint of a transaction in gas; zero before Jovian and for deposits.
    pub fn da_footprint(&self, _encoded: &[u8]) -> u64 {
        unimplemented!()
    }
}

/// Estimated bytes that a transaction takes in a compressed batch (Fjord), at least 100.
pub fn estimated_da_bytes(_encoded: &[u8]) -> u64 {
    unimplemented!()
}
