//! What an L2 block says of itself: its place in the chain and the system configuration it was
//! built with.

use crate::{
    config::RollupConfig,
    deposit::decode_deposit,
    forks::Fork,
    l1_info::{L1Info, L1InfoError, L1InfoFees, OperatorFees},
    refs::L2Ref,
    system_config::SystemConfig,
};
use alloy_consensus::Header;
use alloy_primitives::B256;

/// Why an L2 block cannot be placed in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum L2BlockError {
    /// The block at genesis height is another one than the configuration names.
    #[error("L2 block {number} is {got}, the rollup config's genesis is {want}")]
    Genesis {
        /// Height of genesis.
        number: u64,
        /// Hash of the block.
        got: B256,
        /// Hash in the configuration.
        want: B256,
    },
    /// The first transaction is missing or no deposit.
    #[error("L2 block {0} does not begin with an L1 attributes deposit")]
    NoL1Info(u64),
    /// The L1 attributes are malformed.
    #[error("L2 block {number}: {source}")]
    L1Info {
        /// Height of the block.
        number: u64,
        /// What is wrong with them.
        source: L1InfoError,
    },
    /// The header's extra data does not hold the EIP-1559 parameters of its fork.
    #[error("L2 block {0} has malformed extra data")]
    ExtraData(u64),
}

impl L2Ref {
    /// The reference of a block, from its header, its hash and its first transaction (empty for
    /// a block without transactions, as genesis is).
    pub fn from_block(
        cfg: &RollupConfig,
        header: &Header,
        hash: B256,
        first_tx: &[u8],
    ) -> Result<Self, L2BlockError> {
        let (l1_origin, seq_num) = if header.number == cfg.genesis.l2.number {
            check_genesis(cfg, header.number, hash)?;
            (cfg.genesis.l1, 0)
        } else {
            let info = l1_info(header.number, first_tx)?;
            (info.origin(), info.seq_num)
        };
        Ok(Self {
            hash,
            number: header.number,
            parent_hash: header.parent_hash,
            time: header.timestamp,
            l1_origin,
            seq_num,
        })
    }
}

impl SystemConfig {
    /// The system configuration as a block says it: from its L1 attributes and its header.
    ///
    /// The gas limit is the header's, which in the activation block of a fork includes the gas of
    /// its upgrade transactions; whoever builds the next block takes that off again.
    pub fn from_l2_block(
        cfg: &RollupConfig,
        header: &Header,
        first_tx: &[u8],
    ) -> Result<Self, L2BlockError> {
        if header.number == cfg.genesis.l2.number {
            return Ok(cfg.genesis.system_config);
        }
        let info = l1_info(header.number, first_tx)?;
        let time = header.timestamp;
        let mut config = Self {
            batcher_address: info.batcher,
            gas_limit: header.gas_limit,
            ..Self::default()
        };
        config.set_fees(&info.fees);
        if cfg.is_active(Fork::Holocene, time) {
            config
                .set_extra_data(&header.extra_data, cfg.is_active(Fork::Jovian, time))
                .ok_or(L2BlockError::ExtraData(header.number))?;
        }
        Ok(config)
    }

    fn set_fees(&mut self, fees: &L1InfoFees) {
        let (ecotone, operator, da_scalar) = match *fees {
            L1InfoFees::Bedrock { overhead, scalar } => {
                (self.overhead, self.scalar) = (overhead, scalar);
                return;
            }
            L1InfoFees::Ecotone(fees) => (fees, OperatorFees::default(), 0),
            L1InfoFees::Isthmus(fees, operator) => (fees, operator, 0),
            L1InfoFees::Jovian(fees, operator, da_scalar) => (fees, operator, da_scalar),
        };
        // The attributes do not say in which version the scalar was packed. Version 1 can hold
        // what version 0 says.
        self.set_ecotone_scalars(ecotone.base_fee_scalar, ecotone.blob_base_fee_scalar);
        self.operator_fee_scalar = operator.scalar;
        self.operator_fee_constant = operator.constant;
        self.da_footprint_gas_scalar = da_scalar;
    }

    /// spec: protocol/holocene/exec-engine.md#dynamic-eip-1559-parameters,
    /// protocol/jovian/exec-engine.md#minimum-base-fee
    fn set_extra_data(&mut self, extra_data: &[u8], is_jovian: bool) -> Option<()> {
        let (version, rest) = extra_data.split_first()?;
        let (denominator, rest) = rest.split_first_chunk::<4>()?;
        let (elasticity, rest) = rest.split_first_chunk::<4>()?;
        if is_jovian {
            self.min_base_fee = u64::from_be_bytes(*rest.as_array::<8>()?);
        } else if !rest.is_empty() {
            return None;
        }
        self.eip1559_denominator = u32::from_be_bytes(*denominator);
        self.eip1559_elasticity = u32::from_be_bytes(*elasticity);
        (*version == u8::from(is_jovian)).then_some(())
    }
}

fn check_genesis(cfg: &RollupConfig, number: u64, got: B256) -> Result<(), L2BlockError> {
    let want = cfg.genesis.l2.hash;
    if got == want {
        Ok(())
    } else {
        Err(L2BlockError::Genesis { number, got, want })
    }
}

/// The L1 attributes at the head of a block.
fn l1_info(number: u64, first_tx: &[u8]) -> Result<L1Info, L2BlockError> {
    let deposit = decode_deposit(first_tx).ok_or(L2BlockError::NoL1Info(number))?;
    L1Info::decode(&deposit.input).map_err(|source| L2BlockError::L1Info { number, source })
}
