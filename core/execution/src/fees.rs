//! What a transaction on an OP chain costs beyond its gas: the L1 fee, the operator fee, and the
//! DA footprint. The formulas are op-revm's; the tests derive them again.
//!
//! spec: exec-engine.md, fjord/exec-engine.md#l1-cost-fees-l1-fee-vault,
//! isthmus/exec-engine.md#operator-fee, jovian/exec-engine.md

use crate::{
    chain::{ChainConfig, ChainKind},
    database::Db,
    evm::op_spec,
    state::{StateError, StateReader},
};
use alloy_primitives::{Address, U256};
use op_revm::{L1BlockInfo, OpSpecId, constants::L1_BLOCK_CONTRACT, estimate_tx_compressed_size};
use revm::{Database, database::bal::EvmDatabaseError};

/// The predeploy that holds the L1 attributes.
pub const L1_BLOCK: Address = L1_BLOCK_CONTRACT;

/// First byte of a deposit.
const DEPOSIT_TYPE: u8 = 0x7e;
/// Estimated sizes carry six decimals.
const SIZE_SCALE: u64 = 1_000_000;

/// Fee parameters in force, as the L1Block predeploy holds them. All absent on Ethereum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct L1Costs {
    info: L1BlockInfo,
    /// `None` on Ethereum.
    spec: Option<OpSpecId>,
}

impl L1Costs {
    /// Reads the parameters in force for transactions of the block at `time` from the state after
    /// its L1 attributes transaction. Free of charge on Ethereum.
    pub fn read<R: StateReader>(
        chain: &ChainConfig,
        time: u64,
        reader: R,
    ) -> Result<Self, StateError> {
        let ChainKind::Optimism(rules) = &chain.kind else {
            return Ok(Self::default());
        };
        let spec = op_spec(&rules.forks, time);
        let info = L1BlockInfo::try_fetch(&mut Db(reader), U256::ZERO, spec)?;
        Ok(Self {
            info,
            spec: Some(spec),
        })
    }

    /// The L1 fee of a transaction with the given canonical bytes, wei; zero for deposits.
    pub fn l1_fee(&self, encoded: &[u8]) -> U256 {
        let Some(spec) = self.spec else {
            return U256::ZERO;
        };
        self.info.clone().calculate_tx_l1_cost(encoded, spec)
    }

    /// Gas the transaction would use as L1 calldata (receipt field `l1GasUsed`).
    pub fn l1_gas_used(&self, encoded: &[u8]) -> U256 {
        let Some(spec) = self.spec.filter(|_| !is_deposit(encoded)) else {
            return U256::ZERO;
        };
        let overhead = self.info.l1_fee_overhead.unwrap_or_default();
        self.info.data_gas(encoded, spec).saturating_add(overhead)
    }

    /// The operator fee for `gas`, wei. Deposits do not pay it.
    pub fn operator_fee(&self, gas: u64) -> U256 {
        let Some(spec) = self.spec.filter(|spec| *spec >= OpSpecId::ISTHMUS) else {
            return U256::ZERO;
        };
        // Any bytes but those of a deposit.
        self.info.operator_fee_charge(&[0], U256::from(gas), spec)
    }

    /// What a pool must see covered beyond gas and value: L1 fee, and operator fee at the limit.
    pub fn extra_cost(&self, encoded: &[u8], gas_limit: u64) -> U256 {
        self.l1_fee(encoded)
            .saturating_add(self.operator_fee(gas_limit))
    }

    /// DA footprint of a transaction in gas; zero before Jovian and for deposits.
    pub fn da_footprint(&self, encoded: &[u8]) -> u64 {
        match self.info.da_footprint_gas_scalar {
            Some(scalar) if !is_deposit(encoded) => {
                estimated_da_bytes(encoded).saturating_mul(u64::from(scalar))
            }
            _ => 0,
        }
    }

    /// L1 base fee, wei.
    pub const fn l1_base_fee(&self) -> U256 {
        self.info.l1_base_fee
    }

    /// L1 blob base fee, wei; from Ecotone on.
    pub const fn l1_blob_base_fee(&self) -> Option<U256> {
        self.info.l1_blob_base_fee
    }

    /// Scalar of the base fee (before Ecotone: in millionths).
    pub const fn base_fee_scalar(&self) -> U256 {
        self.info.l1_base_fee_scalar
    }

    /// Scalar of the blob base fee; from Ecotone on.
    pub const fn blob_base_fee_scalar(&self) -> Option<U256> {
        self.info.l1_blob_base_fee_scalar
    }

    /// Fixed overhead, gas; before Ecotone.
    pub const fn overhead(&self) -> Option<U256> {
        self.info.l1_fee_overhead
    }

    /// Operator fee scalar; from Isthmus on.
    pub fn operator_fee_scalar(&self) -> Option<U256> {
        self.info.operator_fee_scalar
    }

    /// Operator fee constant, wei; from Isthmus on.
    pub fn operator_fee_constant(&self) -> Option<U256> {
        self.info.operator_fee_constant
    }

    /// DA footprint gas per estimated byte; from Jovian on.
    pub const fn da_footprint_gas_scalar(&self) -> Option<u16> {
        self.info.da_footprint_gas_scalar
    }
}

fn is_deposit(encoded: &[u8]) -> bool {
    encoded.first() == Some(&DEPOSIT_TYPE)
}

/// Estimated bytes that a transaction takes in a compressed batch (Fjord), at least 100. Rounded
/// down to whole bytes before anything multiplies it.
pub fn estimated_da_bytes(encoded: &[u8]) -> u64 {
    estimate_tx_compressed_size(encoded) / SIZE_SCALE
}

/// DA footprint by the scalar that is in the state right now.
pub(crate) fn da_footprint<D>(encoded: &[u8], state: &mut D) -> Result<u64, StateError>
where
    D: Database<Error = EvmDatabaseError<StateError>>,
{
    let scalar = L1BlockInfo::fetch_da_footprint_gas_scalar(state);
    let scalar = scalar.map_err(crate::evm::database_error)?;
    Ok(estimated_da_bytes(encoded).saturating_mul(u64::from(scalar)))
}
