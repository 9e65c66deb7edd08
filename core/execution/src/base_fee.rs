//! The base fee of each era, and the EIP-1559 parameters that headers carry in their extra data.
//!
//! spec: canyon, holocene/exec-engine.md#dynamic-eip-1559-parameters,
//! jovian/exec-engine.md#minimum-base-fee. The base fee is a function of the parent header alone:
//! parameters come from its extra data, and only if the parent itself is of that era.

use crate::chain::{ChainConfig, ChainKind, OptimismRules};
use alloc::vec::Vec;
use alloy_consensus::Header;
use alloy_primitives::{B64, Bytes};
use opal_protocol::{Fork, ForkTimes};

const HOLOCENE_VERSION: u8 = 0;
const HOLOCENE_BYTES: usize = 9;
const JOVIAN_VERSION: u8 = 1;
const JOVIAN_BYTES: usize = 17;

/// Ethereum's constants. spec: EIP-1559
const ETHEREUM: FeeParams = FeeParams {
    denominator: 8,
    elasticity: 2,
    min_base_fee: 0,
};

/// How the base fee follows demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeParams {
    /// The base fee changes by at most one part in this many per block.
    pub denominator: u64,
    /// Gas limit over gas target.
    pub elasticity: u64,
    /// Lower bound of the base fee, wei; 0 before Jovian.
    pub min_base_fee: u64,
}

/// Why extra data is not valid in a block at `time`, if so.
pub(crate) fn extra_data_problem(
    forks: &ForkTimes,
    time: u64,
    extra: &[u8],
) -> Option<&'static str> {
    if !forks.is_active(Fork::Holocene, time) {
        return (!extra.is_empty()).then_some("must be empty before Holocene");
    }
    let (version, bytes) = if forks.is_active(Fork::Jovian, time) {
        (JOVIAN_VERSION, JOVIAN_BYTES)
    } else {
        (HOLOCENE_VERSION, HOLOCENE_BYTES)
    };
    if extra.len() != bytes {
        return Some("has the wrong length for its era (Holocene 9 bytes, Jovian 17)");
    }
    if extra.first() != Some(&version) {
        return Some("has the wrong version for its era (Holocene 0, Jovian 1)");
    }
    match decode_extra_data(extra) {
        Some(params) if params.denominator != 0 && params.elasticity != 0 => None,
        _ => Some("has a zero denominator or elasticity"),
    }
}

/// The parameters in extra data of either format, by its version and length.
pub(crate) fn decode_extra_data(extra: &[u8]) -> Option<FeeParams> {
    let word = |from: usize| -> Option<u32> {
        Some(u32::from_be_bytes(
            extra.get(from..from + 4)?.try_into().ok()?,
        ))
    };
    let (denominator, elasticity) = (u64::from(word(1)?), u64::from(word(5)?));
    let min_base_fee = match (extra.first()?, extra.len()) {
        (&HOLOCENE_VERSION, HOLOCENE_BYTES) => 0,
        (&JOVIAN_VERSION, JOVIAN_BYTES) => {
            u64::from_be_bytes(extra.get(HOLOCENE_BYTES..)?.try_into().ok()?)
        }
        _ => return None,
    };
    Some(FeeParams {
        denominator,
        elasticity,
        min_base_fee,
    })
}

/// The extra data of a block at `time` with the given attributes; the problem if they do not fit.
pub(crate) fn extra_data_from_attributes(
    rules: &OptimismRules,
    time: u64,
    params: Option<B64>,
    min_base_fee: Option<u64>,
) -> Result<Bytes, (&'static str, &'static str)> {
    if !rules.forks.is_active(Fork::Holocene, time) {
        return match (params, min_base_fee) {
            (Some(_), _) => Err(("eip1559Params", "must be absent before Holocene")),
            (_, Some(_)) => Err(("minBaseFee", "must be absent before Jovian")),
            (None, None) => Ok(Bytes::new()),
        };
    }
    let params = params.ok_or(("eip1559Params", "is required from Holocene on"))?;
    let (denominator, elasticity) = params.split_at(4);
    let is_zero = |half: &[u8]| half.iter().all(|byte| *byte == 0);
    // Zeros stand for the chain's constants. spec: holocene/exec-engine.md#payload-attributes-processing
    let constants = match (is_zero(denominator), is_zero(elasticity)) {
        (false, false) => None,
        (true, true) => Some((
            constant(rules.eip1559.eip1559_denominator_canyon),
            constant(rules.eip1559.eip1559_elasticity),
        )),
        _ => return Err(("eip1559Params", "must be both zero or both non-zero")),
    };
    let jovian = rules.forks.is_active(Fork::Jovian, time);
    let mut extra = Vec::with_capacity(JOVIAN_BYTES);
    extra.push(if jovian {
        JOVIAN_VERSION
    } else {
        HOLOCENE_VERSION
    });
    match constants {
        Some((denominator, elasticity)) => {
            extra.extend_from_slice(&denominator.to_be_bytes());
            extra.extend_from_slice(&elasticity.to_be_bytes());
        }
        None => extra.extend_from_slice(params.as_slice()),
    }
    match (jovian, min_base_fee) {
        (true, Some(min_base_fee)) => extra.extend_from_slice(&min_base_fee.to_be_bytes()),
        (true, None) => return Err(("minBaseFee", "is required from Jovian on")),
        (false, Some(_)) => return Err(("minBaseFee", "must be absent before Jovian")),
        (false, None) => {}
    }
    Ok(extra.into())
}

/// A configured constant in the width of extra data.
fn constant(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// The parameters that decide the base fee of the block after `parent` at `time`.
pub fn fee_params(chain: &ChainConfig, parent: &Header, time: u64) -> FeeParams {
    let ChainKind::Optimism(rules) = &chain.kind else {
        return ETHEREUM;
    };
    if rules.forks.is_active(Fork::Holocene, parent.timestamp)
        && let Some(params) = decode_extra_data(&parent.extra_data)
    {
        return params;
    }
    let constants = &rules.eip1559;
    let denominator = if rules.forks.is_active(Fork::Canyon, time) {
        constants.eip1559_denominator_canyon
    } else {
        constants.eip1559_denominator
    };
    FeeParams {
        denominator,
        elasticity: constants.eip1559_elasticity,
        min_base_fee: 0,
    }
}

/// Base fee of the block after `parent` at `time`, wei.
pub fn next_base_fee(chain: &ChainConfig, parent: &Header, time: u64) -> u64 {
    let params = fee_params(chain, parent, time);
    // spec: jovian/exec-engine.md#da-footprint-block-limit
    let metered = if chain.is_op_active(Fork::Jovian, parent.timestamp) {
        parent.gas_used.max(parent.blob_gas_used.unwrap_or(0))
    } else {
        parent.gas_used
    };
    let base_fee = parent.base_fee_per_gas.unwrap_or(0);
    adjusted(base_fee, metered, parent.gas_limit, &params).max(params.min_base_fee)
}

/// EIP-1559's formula. Saturates where hostile parameters would overflow.
fn adjusted(base_fee: u64, metered: u64, gas_limit: u64, params: &FeeParams) -> u64 {
    let target = gas_limit.checked_div(params.elasticity).unwrap_or(0);
    if target == 0 || params.denominator == 0 || metered == target {
        return base_fee;
    }
    let distance = u128::from(metered.abs_diff(target));
    let step =
        (u128::from(base_fee) * distance / u128::from(target)) / u128::from(params.denominator);
    let step = u64::try_from(step).unwrap_or(u64::MAX);
    if metered > target {
        base_fee.saturating_add(step.max(1))
    } else {
        base_fee.saturating_sub(step)
    }
}
