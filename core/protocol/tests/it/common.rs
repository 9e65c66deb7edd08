//! What several tests share: transactions of every type, chain configurations, fixtures.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxEnvelope, TxLegacy};
use alloy_eips::{
    eip2718::Encodable2718,
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use opal_protocol::{Fork, ForkTimes, RollupConfig, SpanContext, SystemConfig};
use proptest::{collection::vec, prelude::*};
use std::path::PathBuf;

pub(crate) const CHAIN_ID: u64 = 901;
pub(crate) const CONTEXT: SpanContext = SpanContext {
    chain_id: CHAIN_ID,
    genesis_time: 1_700_000_000,
    block_time: 2,
};

/// A chain with every fork up to `last` since genesis.
pub(crate) fn config(last: Fork) -> RollupConfig {
    let mut cfg = RollupConfig {
        block_time: 2,
        max_sequencer_drift: 600,
        seq_window_size: 3600,
        channel_timeout: 300,
        l1_chain_id: 900,
        l2_chain_id: CHAIN_ID,
        forks: ForkTimes::at_genesis(last),
        batch_inbox_address: Address::repeat_byte(0xff),
        deposit_contract_address: Address::repeat_byte(0xdd),
        l1_system_config_address: Address::repeat_byte(0xcc),
        ..Default::default()
    };
    cfg.genesis.l2_time = CONTEXT.genesis_time;
    cfg.genesis.system_config = system_config();
    cfg
}

pub(crate) fn system_config() -> SystemConfig {
    let mut config = SystemConfig {
        batcher_address: Address::repeat_byte(0xba),
        overhead: U256::from(188),
        gas_limit: 30_000_000,
        ..Default::default()
    };
    config.set_ecotone_scalars(1368, 810_949);
    config
}

/// The file in the fixtures folder, or `None` (with a note) where there is no such folder.
pub(crate) fn fixture(path: &str) -> Option<Vec<u8>> {
    let root = std::env::var_os("OPAL_FIXTURES").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../shared/fixtures"
            ))
        },
        PathBuf::from,
    );
    if !root.is_dir() {
        assert!(
            std::env::var_os("OPAL_FIXTURES_REQUIRED").is_none_or(|v| v != "1"),
            "fixtures are required and not at {}",
            root.display()
        );
        println!("skipped: fixtures absent");
        return None;
    }
    Some(std::fs::read(root.join(path)).unwrap())
}

/// The bytes of a fixture that holds hex text.
pub(crate) fn hex_fixture(path: &str) -> Option<Vec<u8>> {
    fixture(path).map(|text| hex::decode(String::from_utf8(text).unwrap().trim()).unwrap())
}

pub(crate) fn any_address() -> impl Strategy<Value = Address> {
    any::<[u8; 20]>().prop_map(Address::from)
}

pub(crate) fn any_hash() -> impl Strategy<Value = B256> {
    any::<[u8; 32]>().prop_map(B256::from)
}

/// A number of random size, small ones as likely as large ones.
pub(crate) fn any_u256() -> impl Strategy<Value = U256> {
    (any::<[u8; 32]>(), 0usize..256).prop_map(|(bytes, shift)| U256::from_be_bytes(bytes) >> shift)
}

pub(crate) fn any_u64() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0u32..64).prop_map(|(value, shift)| value >> shift)
}

fn any_price() -> impl Strategy<Value = u128> {
    (any::<u128>(), 0u32..128).prop_map(|(value, shift)| value >> shift)
}

fn any_access_list() -> impl Strategy<Value = AccessList> {
    vec((any_address(), vec(any_hash(), 0..3)), 0..3).prop_map(|items| {
        AccessList(
            items
                .into_iter()
                .map(|(address, storage_keys)| AccessListItem {
                    address,
                    storage_keys,
                })
                .collect(),
        )
    })
}

fn any_authorization() -> impl Strategy<Value = SignedAuthorization> {
    (
        any_u256(),
        any_address(),
        any_u64(),
        any::<u8>(),
        any_u256(),
        any_u256(),
    )
        .prop_map(|(chain_id, address, nonce, y_parity, r, s)| {
            SignedAuthorization::new_unchecked(
                Authorization {
                    chain_id,
                    address,
                    nonce,
                },
                y_parity,
                r,
                s,
            )
        })
}

/// An encoded transaction of any type that a batch can carry.
pub(crate) fn any_transaction() -> impl Strategy<Value = Bytes> {
    let common = (
        any_u64(),
        any_price(),
        any_price(),
        any_u64(),
        any::<Option<[u8; 20]>>(),
        any_u256(),
        vec(any::<u8>(), 0..200),
    );
    let signature = (any_u256(), any_u256(), any::<bool>());
    let lists = (any_access_list(), vec(any_authorization(), 0..3));
    (0u8..5, common, signature, lists).prop_map(|(kind, common, (r, s, parity), lists)| {
        let (nonce, price, fee_cap, gas_limit, to, value, input) = common;
        let (access_list, authorization_list) = lists;
        let input = Bytes::from(input);
        let to = to.map_or(TxKind::Create, |to| TxKind::Call(to.into()));
        let signature = Signature::new(r, s, parity);
        let tx: TxEnvelope = match kind {
            0 | 1 => TxLegacy {
                chain_id: (kind == 1).then_some(CHAIN_ID),
                nonce,
                gas_price: price,
                gas_limit,
                to,
                value,
                input,
            }
            .into_signed(signature)
            .into(),
            2 => TxEip2930 {
                chain_id: CHAIN_ID,
                nonce,
                gas_price: price,
                gas_limit,
                to,
                value,
                access_list,
                input,
            }
            .into_signed(signature)
            .into(),
            3 => TxEip1559 {
                chain_id: CHAIN_ID,
                nonce,
                gas_limit,
                max_fee_per_gas: fee_cap,
                max_priority_fee_per_gas: price,
                to,
                value,
                access_list,
                input,
            }
            .into_signed(signature)
            .into(),
            _ => TxEip7702 {
                chain_id: CHAIN_ID,
                nonce,
                gas_limit,
                max_fee_per_gas: fee_cap,
                max_priority_fee_per_gas: price,
                to: to.to().copied().unwrap_or_default(),
                value,
                access_list,
                authorization_list,
                input,
            }
            .into_signed(signature)
            .into(),
        };
        tx.encoded_2718().into()
    })
}
