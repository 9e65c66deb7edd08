//! The L1 attributes deposited transaction.
//!
//! spec: protocol/deposits.md#l1-attributes-deposited-transaction, protocol/ecotone/l1-attributes.md,
//! protocol/isthmus/l1-attributes.md, protocol/jovian/l1-attributes.md

use crate::{
    deposits::{DepositFields, source_hash, word},
    input::{NaiveL1Block, Rollup},
    params::{is_active, is_active_but_not_first},
    system_config::{ecotone_scalars, pack_ecotone_scalars},
};
use alloy_eips::eip7840::BlobParams;
use alloy_primitives::{Address, B256, Bytes, U256, address, keccak256};
use alloy_rlp::Decodable;
use opal_protocol::{Fork, L1Id, SystemConfig};

const L1_ATTRIBUTES_DEPOSITOR: Address = address!("deaddeaddeaddeaddeaddeaddeaddeaddead0001");
const L1_BLOCK: Address = address!("4200000000000000000000000000000000000015");

/// What an L2 block says in its L1 attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct L1Attributes {
    pub(crate) origin: L1Id,
    pub(crate) sequence_number: u64,
    /// Those fields that the attributes hold; the others are zero.
    pub(crate) config: SystemConfig,
}

/// The first four bytes of the hash of a function's signature.
fn selector(signature: &str) -> [u8; 4] {
    let hash = keccak256(signature);
    [hash[0], hash[1], hash[2], hash[3]]
}

fn bedrock_selector() -> [u8; 4] {
    selector("setL1BlockValues(uint64,uint64,uint256,bytes32,uint64,bytes32,uint256,uint256)")
}

/// The transaction at the head of an L2 block.
pub(crate) fn l1_attributes_deposit(
    rollup: &Rollup,
    config: &SystemConfig,
    sequence_number: u64,
    origin: &NaiveL1Block,
    l2_time: u64,
) -> Bytes {
    let is_regolith = is_active(&rollup.cfg, Fork::Regolith, l2_time);
    let inner = keccak256([origin.hash, word(sequence_number)].concat());
    let deposit = DepositFields {
        source_hash: source_hash(1, inner),
        from: L1_ATTRIBUTES_DEPOSITOR,
        to: L1_BLOCK.to_vec().into(),
        mint: U256::ZERO,
        value: U256::ZERO,
        // spec: protocol/deposits.md#l1-attributes-deposited-transaction
        gas_limit: if is_regolith { 1_000_000 } else { 150_000_000 },
        is_system_tx: !is_regolith,
        data: calldata(rollup, config, sequence_number, origin, l2_time).into(),
    };
    deposit.encoded()
}

/// spec: protocol/deposits.md#l1-attributes-deposited-transaction-calldata
fn calldata(
    rollup: &Rollup,
    config: &SystemConfig,
    sequence_number: u64,
    origin: &NaiveL1Block,
    l2_time: u64,
) -> Vec<u8> {
    let speaks = |fork| is_active_but_not_first(&rollup.cfg, fork, l2_time);
    let header = &origin.header;
    let base_fee = U256::from(header.base_fee_per_gas.unwrap_or_default());
    let batcher_hash = config.batcher_address.into_word();
    let mut data = Vec::new();
    if !speaks(Fork::Ecotone) {
        data.extend(bedrock_selector());
        data.extend(word(header.number));
        data.extend(word(header.timestamp));
        data.extend(B256::from(base_fee));
        data.extend(origin.hash);
        data.extend(word(sequence_number));
        data.extend(batcher_hash);
        data.extend(B256::from(config.overhead));
        data.extend(B256::from(config.scalar));
        return data;
    }
    let (base_fee_scalar, blob_base_fee_scalar) = ecotone_scalars(config.scalar);
    data.extend(if speaks(Fork::Jovian) {
        selector("setL1BlockValuesJovian()")
    } else if speaks(Fork::Isthmus) {
        selector("setL1BlockValuesIsthmus()")
    } else {
        selector("setL1BlockValuesEcotone()")
    });
    data.extend(base_fee_scalar.to_be_bytes());
    data.extend(blob_base_fee_scalar.to_be_bytes());
    data.extend(sequence_number.to_be_bytes());
    data.extend(header.timestamp.to_be_bytes());
    data.extend(header.number.to_be_bytes());
    data.extend(B256::from(base_fee));
    data.extend(B256::from(U256::from(blob_base_fee(rollup, origin))));
    data.extend(origin.hash);
    data.extend(batcher_hash);
    if speaks(Fork::Isthmus) {
        data.extend(config.operator_fee_scalar.to_be_bytes());
        data.extend(config.operator_fee_constant.to_be_bytes());
    }
    if speaks(Fork::Jovian) {
        // spec: protocol/jovian/l1-attributes.md#overview
        let scalar = match config.da_footprint_gas_scalar {
            0 => 400,
            scalar => scalar,
        };
        data.extend(scalar.to_be_bytes());
    }
    data
}

/// Price of blob gas in `origin`; 1 where L1 has no blobs.
///
/// spec: protocol/pectra-blob-schedule/derivation.md#if-enabled
fn blob_base_fee(rollup: &Rollup, origin: &NaiveL1Block) -> u128 {
    let Some(excess_blob_gas) = origin.header.excess_blob_gas else {
        return 1;
    };
    let schedule_time = rollup.cfg.forks.pectra_blob_schedule_time;
    if schedule_time.is_some_and(|time| origin.time() < time) {
        return BlobParams::cancun().calc_blob_fee(excess_blob_gas);
    }
    let schedule = rollup.l1_chain.blob_schedule.iter();
    let in_force = schedule.filter(|(from, _)| *from <= origin.time());
    in_force
        .last()
        .map_or(1, |(_, params)| params.calc_blob_fee(excess_blob_gas))
}

/// Reads the first transaction of an L2 block; `None` if that is no L1 attributes transaction.
pub(crate) fn read_l1_attributes(first_tx: &[u8]) -> Option<L1Attributes> {
    let [0x7e, fields @ ..] = first_tx else {
        return None;
    };
    let deposit = DepositFields::decode(&mut &*fields).ok()?;
    let (called, data) = deposit.data.split_first_chunk::<4>()?;
    if *called == bedrock_selector() {
        return read_bedrock(data);
    }
    let has_operator_fee = match *called {
        c if c == selector("setL1BlockValuesEcotone()") => false,
        c if c == selector("setL1BlockValuesIsthmus()") => true,
        c if c == selector("setL1BlockValuesJovian()") => true,
        _ => return None,
    };
    let has_da_footprint = *called == selector("setL1BlockValuesJovian()");
    let mut attributes = read_ecotone(data)?;
    let config = &mut attributes.config;
    if has_operator_fee {
        config.operator_fee_scalar = u32::from_be_bytes(data.get(160..164)?.try_into().ok()?);
        config.operator_fee_constant = u64::from_be_bytes(data.get(164..172)?.try_into().ok()?);
    }
    if has_da_footprint {
        config.da_footprint_gas_scalar = u16::from_be_bytes(data.get(172..174)?.try_into().ok()?);
    }
    Some(attributes)
}

fn read_bedrock(data: &[u8]) -> Option<L1Attributes> {
    let (words, []) = data.as_chunks::<32>() else {
        return None;
    };
    let [
        number,
        _time,
        _base_fee,
        hash,
        sequence_number,
        batcher,
        overhead,
        scalar,
    ] = words
    else {
        return None;
    };
    Some(L1Attributes {
        origin: L1Id {
            hash: B256::from(*hash),
            number: U256::from_be_bytes(*number).try_into().ok()?,
        },
        sequence_number: U256::from_be_bytes(*sequence_number).try_into().ok()?,
        config: SystemConfig {
            batcher_address: Address::from_word(B256::from(*batcher)),
            overhead: U256::from_be_bytes(*overhead),
            scalar: U256::from_be_bytes(*scalar),
            ..SystemConfig::default()
        },
    })
}

/// The fields that all packed formats share; positions are those behind the selector.
fn read_ecotone(data: &[u8]) -> Option<L1Attributes> {
    let base_fee_scalar = u32::from_be_bytes(data.get(0..4)?.try_into().ok()?);
    let blob_base_fee_scalar = u32::from_be_bytes(data.get(4..8)?.try_into().ok()?);
    let batcher_hash = B256::from_slice(data.get(128..160)?);
    Some(L1Attributes {
        origin: L1Id {
            hash: B256::from_slice(data.get(96..128)?),
            number: u64::from_be_bytes(data.get(24..32)?.try_into().ok()?),
        },
        sequence_number: u64::from_be_bytes(data.get(8..16)?.try_into().ok()?),
        config: SystemConfig {
            batcher_address: Address::from_word(batcher_hash),
            // In which version the scalar was announced is not said; version 1 holds all.
            scalar: pack_ecotone_scalars(base_fee_scalar, blob_base_fee_scalar),
            ..SystemConfig::default()
        },
    })
}
