//! The system configuration: parameters that the SystemConfig contract on L1 announces by events.
//!
//! spec: protocol/system-config.md

use crate::{
    config::RollupConfig,
    deposit::{abi_bytes, address},
    forks::Fork,
};
use alloy_primitives::{Address, B256, FixedBytes, Log, U256, b256};
use serde::{Deserialize, Serialize};

/// Parameters of the chain that L1 can change while it runs.
///
/// Serializes in the format that op-node gives `genesis.system_config` in `rollup.json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Json", into = "Json")]
pub struct SystemConfig {
    /// Whose transactions to the batch inbox count.
    pub batcher_address: Address,
    /// Fee overhead before Ecotone; unused since.
    pub overhead: U256,
    /// Fee scalar: a plain number before Ecotone, versioned and packed since.
    pub scalar: U256,
    /// Gas limit of L2 blocks.
    pub gas_limit: u64,
    /// EIP-1559 denominator (Holocene); 0 means the chain's constant.
    pub eip1559_denominator: u32,
    /// EIP-1559 elasticity (Holocene); 0 means the chain's constant.
    pub eip1559_elasticity: u32,
    /// Operator fee per gas, scaled (Isthmus).
    pub operator_fee_scalar: u32,
    /// Operator fee per transaction in wei (Isthmus).
    pub operator_fee_constant: u64,
    /// Lower bound of the L2 base fee in wei (Jovian).
    pub min_base_fee: u64,
    /// DA footprint per compressed byte (Jovian); 0 means the default of 400.
    pub da_footprint_gas_scalar: u16,
}

/// The JSON of `genesis.system_config` in `rollup.json`: packed words as the contract holds them,
/// and those of newer forks only where they are set.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Json {
    #[serde(rename = "batcherAddr", alias = "batcherAddress")]
    batcher_address: Address,
    #[serde(default)]
    overhead: Option<B256>,
    #[serde(default)]
    scalar: Option<B256>,
    gas_limit: u64,
    /// `denominator ++ elasticity`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    eip1559_params: Option<FixedBytes<8>>,
    /// 20 zero bytes `++ scalar ++ constant`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operator_fee_params: Option<B256>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_base_fee: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    da_footprint_gas_scalar: Option<u16>,
}

impl From<Json> for SystemConfig {
    fn from(json: Json) -> Self {
        let eip1559 = u64::from_be_bytes(json.eip1559_params.unwrap_or_default().0);
        let operator = U256::from_be_bytes(json.operator_fee_params.unwrap_or_default().0);
        Self {
            batcher_address: json.batcher_address,
            overhead: json.overhead.unwrap_or_default().into(),
            scalar: json.scalar.unwrap_or_default().into(),
            gas_limit: json.gas_limit,
            eip1559_denominator: (eip1559 >> 32) as u32,
            eip1559_elasticity: eip1559 as u32,
            operator_fee_scalar: operator.wrapping_shr(64).wrapping_to(),
            operator_fee_constant: operator.wrapping_to(),
            min_base_fee: json.min_base_fee.unwrap_or_default(),
            da_footprint_gas_scalar: json.da_footprint_gas_scalar.unwrap_or_default(),
        }
    }
}

impl From<SystemConfig> for Json {
    fn from(config: SystemConfig) -> Self {
        let eip1559 =
            u64::from(config.eip1559_denominator) << 32 | u64::from(config.eip1559_elasticity);
        let operator: U256 =
            U256::from(config.operator_fee_scalar) << 64 | U256::from(config.operator_fee_constant);
        Self {
            batcher_address: config.batcher_address,
            overhead: Some(config.overhead.into()),
            scalar: Some(config.scalar.into()),
            gas_limit: config.gas_limit,
            eip1559_params: (eip1559 != 0).then(|| eip1559.to_be_bytes().into()),
            operator_fee_params: (!operator.is_zero()).then(|| operator.into()),
            min_base_fee: Some(config.min_base_fee).filter(|fee| *fee != 0),
            da_footprint_gas_scalar: Some(config.da_footprint_gas_scalar).filter(|s| *s != 0),
        }
    }
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

/// First topic of `ConfigUpdate(uint256,uint8,bytes)`.
pub const CONFIG_UPDATE_TOPIC: B256 =
    b256!("1d2b0bda21d56b8bd12d4f94ebacffdfb35f5e226f84b461103bb8beab6353be");

impl ConfigUpdate {
    /// The update that a log of the SystemConfig contract announces; `None` for another event,
    /// another version, an unknown type or a malformed payload, all of which are skipped.
    pub fn parse(log: &Log) -> Option<Self> {
        let [CONFIG_UPDATE_TOPIC, version, kind] = log.topics() else {
            return None;
        };
        if !version.is_zero() {
            return None;
        }
        let kind: u64 = U256::from_be_bytes(kind.0).try_into().ok()?;
        let payload = abi_bytes(&log.data.data)?;
        // Every payload is a whole number of words, so nothing may follow it.
        if log.data.data.len() != 64 + payload.len() {
            return None;
        }
        let (words, []) = payload.as_chunks::<32>() else {
            return None;
        };
        if let (1, [overhead, scalar]) = (kind, words) {
            let (overhead, scalar) = (U256::from_be_bytes(*overhead), U256::from_be_bytes(*scalar));
            return Some(Self::FeeScalars { overhead, scalar });
        }
        let [word] = words else { return None };
        Self::parse_word(kind, word)
    }

    /// The types whose payload is a single word.
    fn parse_word(kind: u64, word: &[u8; 32]) -> Option<Self> {
        let number = U256::from_be_bytes(*word);
        let as_u64 = || u64::try_from(number).ok();
        match kind {
            0 => address(&word.into()).map(Self::Batcher),
            2 => as_u64().map(Self::GasLimit),
            3 => address(&word.into()).map(Self::UnsafeBlockSigner),
            // Of these two, op-node reads the low eight or twelve bytes and leaves the rest alone.
            4 => Self::eip1559(number.wrapping_to()),
            5 => Some(Self::OperatorFee {
                scalar: number.wrapping_shr(64).wrapping_to(),
                constant: number.wrapping_to(),
            }),
            6 => as_u64().map(Self::MinBaseFee),
            7 => u16::try_from(number).ok().map(Self::DaFootprintGasScalar),
            _ => None,
        }
    }

    /// The update that packs `denominator ++ elasticity`. A denominator of 0 is only valid together
    /// with an elasticity of 0, when both stand for the chain's constants; clients skip the rest.
    fn eip1559(packed: u64) -> Option<Self> {
        let (denominator, elasticity) = ((packed >> 32) as u32, packed as u32);
        if denominator == 0 && elasticity != 0 {
            return None;
        }
        Some(Self::Eip1559 {
            denominator,
            elasticity,
        })
    }
}

impl SystemConfig {
    /// Applies an update announced in an L1 block of time `l1_time`.
    ///
    /// Parameters of forks to come (types 4 to 7) are taken as well: no clock judges them here. They
    /// do not last, though, since the next L2 block reads its configuration back from its parent,
    /// which has no room for them before their fork.
    pub fn apply(&mut self, cfg: &RollupConfig, update: &ConfigUpdate, l1_time: u64) {
        match *update {
            ConfigUpdate::Batcher(address) => self.batcher_address = address,
            ConfigUpdate::FeeScalars { overhead, scalar } => {
                if !cfg.is_active(Fork::Ecotone, l1_time) {
                    (self.overhead, self.scalar) = (overhead, scalar);
                } else if is_valid_ecotone_scalar(scalar) {
                    (self.overhead, self.scalar) = (U256::ZERO, scalar);
                }
            }
            ConfigUpdate::GasLimit(gas_limit) => self.gas_limit = gas_limit,
            ConfigUpdate::UnsafeBlockSigner(_) => {}
            ConfigUpdate::Eip1559 {
                denominator,
                elasticity,
            } => {
                self.eip1559_denominator = denominator;
                self.eip1559_elasticity = elasticity;
            }
            ConfigUpdate::OperatorFee { scalar, constant } => {
                self.operator_fee_scalar = scalar;
                self.operator_fee_constant = constant;
            }
            ConfigUpdate::MinBaseFee(fee) => self.min_base_fee = fee,
            ConfigUpdate::DaFootprintGasScalar(scalar) => self.da_footprint_gas_scalar = scalar,
        }
    }

    /// The fee scalars `(base_fee_scalar, blob_base_fee_scalar)` that [`Self::scalar`] packs since
    /// Ecotone. A scalar of version 0 with something in its padding, set before Ecotone, reads as
    /// the largest base-fee scalar.
    ///
    /// spec: protocol/system-config.md#post-ecotone-scalar-encoding
    pub fn ecotone_scalars(&self) -> (u32, u32) {
        let packed = self.scalar.to_be_bytes::<32>();
        let [.., b0, b1, b2, b3, s0, s1, s2, s3] = packed;
        let base = u32::from_be_bytes([s0, s1, s2, s3]);
        match packed[0] {
            0 if !is_valid_ecotone_scalar(self.scalar) => (u32::MAX, 0),
            1 => (base, u32::from_be_bytes([b0, b1, b2, b3])),
            _ => (base, 0),
        }
    }

    /// Packs fee scalars as version 1 does.
    pub fn set_ecotone_scalars(&mut self, base_fee_scalar: u32, blob_base_fee_scalar: u32) {
        self.scalar = U256::from(1) << 248
            | U256::from(u64::from(blob_base_fee_scalar) << 32 | u64::from(base_fee_scalar));
    }
}

/// Whether a scalar is of a known version with its padding empty.
fn is_valid_ecotone_scalar(scalar: U256) -> bool {
    let packed = scalar.to_be_bytes::<32>();
    let padding = match packed[0] {
        0 => &packed[1..28],
        1 => &packed[1..24],
        _ => return false,
    };
    padding.iter().all(|byte| *byte == 0)
}
