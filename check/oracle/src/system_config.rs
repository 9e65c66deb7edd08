//! Updates of the system configuration by logs of the SystemConfig contract.
//!
//! spec: protocol/system-config.md#system-config-updates

use crate::{input::NaiveL1Block, params::is_active};
use alloy_primitives::{Address, B256, Log, U256, b256};
use opal_protocol::{Fork, RollupConfig, SystemConfig};

/// `ConfigUpdate(uint256,uint8,bytes)`
pub(crate) const CONFIG_UPDATE_TOPIC: B256 =
    b256!("1d2b0bda21d56b8bd12d4f94ebacffdfb35f5e226f84b461103bb8beab6353be");

/// Applies what the SystemConfig contract announced in an L1 block.
pub(crate) fn apply_updates(cfg: &RollupConfig, config: &mut SystemConfig, block: &NaiveL1Block) {
    let successful = block.receipts.iter().filter(|receipt| receipt.success);
    for log in successful.flat_map(|receipt| &receipt.logs) {
        if log.address == cfg.l1_system_config_address {
            // An update that cannot be parsed is passed over.
            let _ = apply_update(cfg, config, log, block.time());
        }
    }
}

/// spec: protocol/holocene/system-config.md#configupdate, protocol/isthmus/system-config.md#configupdate,
/// protocol/jovian/system-config.md#configupdate
fn apply_update(
    cfg: &RollupConfig,
    config: &mut SystemConfig,
    log: &Log,
    l1_time: u64,
) -> Option<()> {
    let [CONFIG_UPDATE_TOPIC, version, kind] = log.topics() else {
        return None;
    };
    if !version.is_zero() {
        return None;
    }
    let data = &log.data.data;
    match u64::try_from(U256::from_be_bytes(kind.0)).ok()? {
        0 => config.batcher_address = address(payload::<1>(data)?[0])?,
        1 => {
            let [overhead, scalar] = payload::<2>(data)?;
            if !is_active(cfg, Fork::Ecotone, l1_time) {
                config.overhead = overhead;
                config.scalar = scalar;
            } else if is_ecotone_scalar(scalar) {
                config.overhead = U256::ZERO;
                config.scalar = scalar;
            }
        }
        2 => config.gas_limit = u64::try_from(payload::<1>(data)?[0]).ok()?,
        4 => {
            let bytes = payload::<1>(data)?[0].to_be_bytes::<32>();
            let denominator = u32::from_be_bytes(bytes[24..28].try_into().ok()?);
            let elasticity = u32::from_be_bytes(bytes[28..32].try_into().ok()?);
            // Clients skip an update that would divide by zero.
            if denominator == 0 && elasticity != 0 {
                return None;
            }
            config.eip1559_denominator = denominator;
            config.eip1559_elasticity = elasticity;
        }
        5 => {
            let bytes = payload::<1>(data)?[0].to_be_bytes::<32>();
            config.operator_fee_scalar = u32::from_be_bytes(bytes[20..24].try_into().ok()?);
            config.operator_fee_constant = u64::from_be_bytes(bytes[24..32].try_into().ok()?);
        }
        6 => config.min_base_fee = u64::try_from(payload::<1>(data)?[0]).ok()?,
        7 => config.da_footprint_gas_scalar = u16::try_from(payload::<1>(data)?[0]).ok()?,
        // 3 is the signer of unsafe blocks, which derivation has no use for.
        _ => return None,
    }
    Some(())
}

/// The `N` words of the event's `bytes`, which stand behind their offset and their length.
fn payload<const N: usize>(data: &[u8]) -> Option<[U256; N]> {
    let (words, []) = data.as_chunks::<32>() else {
        return None;
    };
    let words: Vec<U256> = words.iter().map(|w| U256::from_be_bytes(*w)).collect();
    let [offset, length, payload @ ..] = words.as_slice() else {
        return None;
    };
    let is_canonical = *offset == U256::from(32) && *length == U256::from(32 * N);
    payload.try_into().ok().filter(|_| is_canonical)
}

fn address(word: U256) -> Option<Address> {
    let word = B256::from(word);
    word[..12]
        .iter()
        .all(|byte| *byte == 0)
        .then(|| Address::from_word(word))
}

/// Whether the scalar is of a known version, with its padding empty.
///
/// spec: protocol/system-config.md#post-ecotone-scalar-encoding
fn is_ecotone_scalar(scalar: U256) -> bool {
    let bytes = scalar.to_be_bytes::<32>();
    let padding = match bytes[0] {
        0 => &bytes[1..28],
        1 => &bytes[1..24],
        _ => return false,
    };
    padding.iter().all(|byte| *byte == 0)
}

/// `(baseFeeScalar, blobBaseFeeScalar)`
///
/// spec: protocol/system-config.md#post-ecotone-scalar-encoding
pub(crate) fn ecotone_scalars(scalar: U256) -> (u32, u32) {
    let bytes = scalar.to_be_bytes::<32>();
    let blob_base_fee_scalar = u32::from_be_bytes([bytes[24], bytes[25], bytes[26], bytes[27]]);
    let base_fee_scalar = u32::from_be_bytes([bytes[28], bytes[29], bytes[30], bytes[31]]);
    match bytes[0] {
        0 if !is_ecotone_scalar(scalar) => (u32::MAX, 0),
        1 => (base_fee_scalar, blob_base_fee_scalar),
        // Version 0; others can stem from before Ecotone only and have no meaning.
        _ => (base_fee_scalar, 0),
    }
}

/// Scalars as version 1 packs them.
pub(crate) fn pack_ecotone_scalars(base_fee_scalar: u32, blob_base_fee_scalar: u32) -> U256 {
    U256::from(1) << 248 | U256::from(blob_base_fee_scalar) << 32 | U256::from(base_fee_scalar)
}
