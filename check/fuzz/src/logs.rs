//! Logs of L1, as contracts emit them and as they do not.

use crate::input::Input;
use alloy_primitives::{Address, B256, Bytes, Log, LogData, U256};
use opal_protocol::{
    ConfigUpdate, deposit::TRANSACTION_DEPOSITED_TOPIC, system_config::CONFIG_UPDATE_TOPIC,
};

/// The portal in all scripts.
pub(crate) const PORTAL: Address = Address::repeat_byte(0xdc);
/// The SystemConfig contract in all scripts.
pub(crate) const SYSTEM_CONFIG: Address = Address::repeat_byte(0x5c);

/// A log with any topics and data.
pub(crate) fn any(input: &mut Input<'_>) -> Log {
    let address = input.pick(&[PORTAL, SYSTEM_CONFIG, Address::ZERO]);
    let topics = (0..input.below(5))
        .map(|_| match input.below(6) {
            0 => TRANSACTION_DEPOSITED_TOPIC,
            1 => CONFIG_UPDATE_TOPIC,
            2 => B256::ZERO,
            3 => B256::with_last_byte(input.u8()),
            4 => Address::repeat_byte(input.u8()).into_word(),
            _ => input.b256(),
        })
        .collect();
    log(address, topics, input.long_bytes().to_vec())
}

/// A deposit as the portal emits it, save for an offset, a length, or a byte here and there.
pub(crate) fn deposit(input: &mut Input<'_>) -> Log {
    let mut opaque = Vec::new();
    let mint = if input.flag() {
        input.u256()
    } else {
        U256::from(input.u64())
    };
    opaque.extend(mint.to_be_bytes::<32>());
    opaque.extend(input.u256().to_be_bytes::<32>());
    opaque.extend(input.u64().to_be_bytes());
    opaque.push(input.below(3) as u8);
    opaque.extend(input.short_bytes());
    let cut = usize::from(input.u8().saturating_sub(200));
    opaque.truncate(opaque.len().saturating_sub(cut));
    let mut data = abi_bytes(&opaque);
    patch(input, &mut data);
    let version = B256::with_last_byte(input.u8() / 255);
    let from = Address::repeat_byte(input.u8()).into_word();
    let to = Address::repeat_byte(input.u8()).into_word();
    log(
        PORTAL,
        vec![TRANSACTION_DEPOSITED_TOPIC, from, to, version],
        data,
    )
}

/// An update as the SystemConfig contract emits it, save for a byte here and there.
pub(crate) fn config_update(input: &mut Input<'_>) -> Log {
    let kind = input.below(9);
    let words = if kind == 1 { 2 } else { 1 };
    let mut payload = Vec::new();
    for _ in 0..words {
        payload.extend(input.u256().to_be_bytes::<32>());
    }
    let mut data = abi_bytes(&payload);
    patch(input, &mut data);
    let version = B256::with_last_byte(input.u8() / 255);
    let topics = vec![
        CONFIG_UPDATE_TOPIC,
        version,
        B256::with_last_byte(kind as u8),
    ];
    log(SYSTEM_CONFIG, topics, data)
}

/// The log that announces `update`.
pub(crate) fn announce(update: &ConfigUpdate) -> Log {
    let number = |value: u64| U256::from(value);
    let (kind, words) = match *update {
        ConfigUpdate::Batcher(address) => (0, vec![address.into_word().into()]),
        ConfigUpdate::FeeScalars { overhead, scalar } => (1, vec![overhead, scalar]),
        ConfigUpdate::GasLimit(limit) => (2, vec![number(limit)]),
        ConfigUpdate::UnsafeBlockSigner(address) => (3, vec![address.into_word().into()]),
        ConfigUpdate::Eip1559 {
            denominator,
            elasticity,
        } => (
            4,
            vec![number(u64::from(denominator) << 32 | u64::from(elasticity))],
        ),
        ConfigUpdate::OperatorFee { scalar, constant } => {
            (5, vec![number(u64::from(scalar)) << 64 | number(constant)])
        }
        ConfigUpdate::MinBaseFee(fee) => (6, vec![number(fee)]),
        ConfigUpdate::DaFootprintGasScalar(scalar) => (7, vec![number(u64::from(scalar))]),
    };
    let payload: Vec<u8> = words
        .iter()
        .flat_map(|word| word.to_be_bytes::<32>())
        .collect();
    let topics = vec![CONFIG_UPDATE_TOPIC, B256::ZERO, B256::with_last_byte(kind)];
    log(SYSTEM_CONFIG, topics, abi_bytes(&payload))
}

fn log(address: Address, topics: Vec<B256>, data: Vec<u8>) -> Log {
    Log {
        address,
        data: LogData::new_unchecked(topics, Bytes::from(data)),
    }
}

/// `abi.encode(bytes)`
fn abi_bytes(content: &[u8]) -> Vec<u8> {
    let mut data = U256::from(32).to_be_bytes::<32>().to_vec();
    data.extend(U256::from(content.len()).to_be_bytes::<32>());
    data.extend(content);
    data.resize(data.len().next_multiple_of(32), 0);
    data
}

/// Changes a byte, if the script says so.
fn patch(input: &mut Input<'_>, data: &mut Vec<u8>) {
    match input.u8() {
        255 => data.truncate(input.below(data.len() + 1)),
        254 => data.push(input.u8()),
        253 => {
            let at = input.below(data.len());
            data[at] ^= input.u8();
        }
        _ => {}
    }
}
