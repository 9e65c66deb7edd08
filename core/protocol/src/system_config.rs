//! The system configuration: parameters that the SystemConfig contract on L1 announces by events.
//!
//! spec: protocol/system-config.md

use crate::config::RollupConfig;
use alloy_primitives::{Address, Log, U256};
use serde::{Deserialize, Serialize};

/// Parameters of the chain that L1 can change while it runs.
///
/// Serializes with op-node's names (`batcherAddr`, `overhead`, `scalar`, `gasLimit`, …).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemConfig {
    /// Whose transactions to the batch inbox count.
    #[serde(rename = "batcherAddr", alias = "batcherAddress")]
    pub batcher_address: Address,
    /// Fee overhead before Ecotone; unused since.
    #[serde(default)]
    pub overhead: U256,
    /// Fee scalar: a plain number before Ecotone, versioned and packed since.
    #[serde(default)]
    pub scalar: U256,
    /// Gas limit of L2 blocks.
    pub gas_limit: u64,
    /// EIP-1559 denominator (Holocene); 0 means the chain's constant.
    #[serde(default)]
    pub eip1559_denominator: u32,
    /// EIP-1559 elasticity (Holocene); 0 means the chain's constant.
    #[serde(default)]
    pub eip1559_elasticity: u32,
    /// Operator fee per gas, scaled (Isthmus).
    #[serde(default)]
    pub operator_fee_scalar: u32,
    /// Operator fee per transaction in wei (Isthmus).
    #[serde(default)]
    pub operator_fee_constant: u64,
    /// Lower bound of the L2 base fee in wei (Jovian).
    #[serde(default)]
    pub min_base_fee: u64,
    /// DA footprint per compressed byte (Jovian); 0 means the default of 400.
    #[serde(default)]
    pub da_footprint_gas_scalar: u16,
}

/// One `ConfigUpdate` event, decoded. spec: protocol/system-config.md#configupdate
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigUpdate {
    /// Type 0: who may post batches.
    Batcher(Address),
    /// Type 1: `(overhead, scalar)` as announced; how they are read depends on the fork.
    FeeScalars {
        /// First word of the payload.
        overhead: U256,
        /// Second word of the payload.
        scalar: U256,
    },
    /// Type 2: gas limit of L2 blocks.
    GasLimit(u64),
    /// Type 3: who signs unsafe blocks; policy, not consensus.
    UnsafeBlockSigner(Address),
    /// Type 4 (Holocene).
    Eip1559 {
        /// Base-fee change denominator.
        denominator: u32,
        /// Gas limit over gas target.
        elasticity: u32,
    },
    /// Type 5 (Isthmus).
    OperatorFee {
        /// Fee per gas, scaled.
        scalar: u32,
        /// Fee per transaction in wei.
        constant: u64,
    },
    /// Type 6 (Jovian).
    MinBaseFee(u64),
    /// Type 7 (Jovian).
    DaFootprintGasScalar(u16),
}

impl ConfigUpdate {
    /// The update that a log of the SystemConfig contract announces; `None` for another event,
    /// another version, an unknown type or a malformed payload, all of which are skipped.
    pub fn parse(log: &Log) -> Option<Self> {
        unimplemented!("{log:?}")
    }
}

impl SystemConfig {
    /// Applies an update announced in an L1 block of time `l1_time`.
    pub fn apply(&mut self, cfg: &RollupConfig, update: &ConfigUpdate, l1_time: u64) {
        unimplemented!("{cfg:?}{update:?}{l1_time}")
    }

    /// The fee scalars `(base_fee_scalar, blob_base_fee_scalar)` that [`Self::scalar`] packs since
    /// Ecotone.
    pub fn ecotone_scalars(&self) -> (u32, u32) {
        unimplemented!()
    }
}
