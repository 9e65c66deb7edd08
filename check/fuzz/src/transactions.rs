//! Transactions that look signed, of every type that travels in batches, and of some that do not.

use crate::input::Input;
use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxEnvelope, TxLegacy};
use alloy_eips::{
    eip2718::Encodable2718,
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};

/// A transaction, whole or mutilated.
pub(crate) fn any(input: &mut Input<'_>, chain_id: u64) -> Bytes {
    let kind = input.below(16);
    let other_chain = kind == 15;
    let chain_id = if other_chain { chain_id ^ 1 } else { chain_id };
    match kind {
        0..=2 => legacy(input, Some(chain_id)),
        3 | 4 => legacy(input, None),
        5..=7 => access_list(input, chain_id),
        8..=10 => dynamic_fee(input, chain_id),
        11 | 12 => set_code(input, chain_id),
        // Whatever the fuzzer thinks of.
        13 => Bytes::copy_from_slice(input.short_bytes()),
        _ => mutilated(input, chain_id),
    }
}

/// A transaction of each type, legacy with and without chain id.
pub(crate) fn one_of_each(input: &mut Input<'_>, chain_id: u64) -> Vec<Bytes> {
    vec![
        legacy(input, Some(chain_id)),
        legacy(input, None),
        access_list(input, chain_id),
        dynamic_fee(input, chain_id),
        set_code(input, chain_id),
    ]
}

/// A transaction with one byte changed, or cut short.
fn mutilated(input: &mut Input<'_>, chain_id: u64) -> Bytes {
    let mut bytes = dynamic_fee(input, chain_id).to_vec();
    let (at, change) = (input.below(bytes.len()), input.u8());
    if change == 0 {
        bytes.truncate(at);
    } else {
        bytes[at] ^= change;
    }
    bytes.into()
}

fn legacy(input: &mut Input<'_>, chain_id: Option<u64>) -> Bytes {
    let tx = TxLegacy {
        chain_id,
        nonce: number(input),
        gas_price: price(input),
        gas_limit: number(input),
        to: recipient(input),
        value: input.u256(),
        input: calldata(input),
    };
    seal(tx.into_signed(signature(input)).into())
}

fn access_list(input: &mut Input<'_>, chain_id: u64) -> Bytes {
    let tx = TxEip2930 {
        chain_id,
        nonce: number(input),
        gas_price: price(input),
        gas_limit: number(input),
        to: recipient(input),
        value: input.u256(),
        access_list: accesses(input),
        input: calldata(input),
    };
    seal(tx.into_signed(signature(input)).into())
}

fn dynamic_fee(input: &mut Input<'_>, chain_id: u64) -> Bytes {
    let tx = TxEip1559 {
        chain_id,
        nonce: number(input),
        gas_limit: number(input),
        max_fee_per_gas: price(input),
        max_priority_fee_per_gas: price(input),
        to: recipient(input),
        value: input.u256(),
        access_list: accesses(input),
        input: calldata(input),
    };
    seal(tx.into_signed(signature(input)).into())
}

fn set_code(input: &mut Input<'_>, chain_id: u64) -> Bytes {
    let authorization_list = (0..input.below(3))
        .map(|_| {
            let authorization = Authorization {
                chain_id: input.u256(),
                address: input.address(),
                nonce: number(input),
            };
            let (parity, r, s) = (input.u8(), input.u256(), input.u256());
            SignedAuthorization::new_unchecked(authorization, parity, r, s)
        })
        .collect();
    let tx = TxEip7702 {
        chain_id,
        nonce: number(input),
        gas_limit: number(input),
        max_fee_per_gas: price(input),
        max_priority_fee_per_gas: price(input),
        to: input.address(),
        value: input.u256(),
        access_list: accesses(input),
        authorization_list,
        input: calldata(input),
    };
    seal(tx.into_signed(signature(input)).into())
}

fn seal(tx: TxEnvelope) -> Bytes {
    tx.encoded_2718().into()
}

/// A number of few bytes or of many.
fn number(input: &mut Input<'_>) -> u64 {
    match input.below(4) {
        0 => u64::from(input.u8()),
        1 => u64::from(input.u16()),
        2 => u64::from(input.u32()),
        _ => input.u64(),
    }
}

fn price(input: &mut Input<'_>) -> u128 {
    let len = input.below(17);
    input
        .bytes(len)
        .iter()
        .fold(0, |value, byte| value << 8 | u128::from(*byte))
}

fn recipient(input: &mut Input<'_>) -> TxKind {
    if input.flag() {
        TxKind::Create
    } else {
        TxKind::Call(Address::repeat_byte(input.u8()))
    }
}

fn calldata(input: &mut Input<'_>) -> Bytes {
    Bytes::copy_from_slice(input.short_bytes())
}

fn accesses(input: &mut Input<'_>) -> AccessList {
    let item = |input: &mut Input<'_>| AccessListItem {
        address: Address::repeat_byte(input.u8()),
        storage_keys: vec![B256::repeat_byte(3); input.below(3)],
    };
    AccessList((0..input.below(3)).map(|_| item(input)).collect())
}

fn signature(input: &mut Input<'_>) -> Signature {
    Signature::new(input.u256(), input.u256(), input.flag())
}

/// A dynamic-fee transaction that depends on `nonce` alone.
pub(crate) fn plain(chain_id: u64, nonce: u64) -> Bytes {
    poisoned(chain_id, nonce, 2)
}

/// The same, with another last byte (not 0, and below 128 or at the end of a longer number).
pub(crate) fn poisoned(chain_id: u64, nonce: u64, last_byte: u8) -> Bytes {
    let tx = TxEip1559 {
        chain_id,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 1_000_000_000,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(Address::repeat_byte(0x77)),
        value: U256::from(1),
        access_list: AccessList::default(),
        input: Bytes::new(),
    };
    let r = U256::from(nonce).saturating_add(U256::ONE);
    seal(
        tx.into_signed(Signature::new(r, U256::from(last_byte), false))
            .into(),
    )
}
