//! The transactions of a span batch, which it holds field by field.
//!
//! spec: protocol/delta/span-batches.md#span-batch-format, protocol/isthmus/derivation.md#span-batch-updates

use crate::span::Reader;
use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy};
use alloy_eips::{eip2718::Encodable2718, eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256};
use alloy_rlp::{Decodable, Header, RlpDecodable};

/// `tx_data` of a legacy transaction.
#[derive(RlpDecodable)]
struct LegacyData {
    value: U256,
    gas_price: u128,
    data: Bytes,
}

/// `tx_data` of type 1, behind the type byte.
#[derive(RlpDecodable)]
struct Eip2930Data {
    value: U256,
    gas_price: u128,
    data: Bytes,
    access_list: AccessList,
}

/// `tx_data` of type 2, behind the type byte.
#[derive(RlpDecodable)]
struct Eip1559Data {
    value: U256,
    max_priority_fee_per_gas: u128,
    max_fee_per_gas: u128,
    data: Bytes,
    access_list: AccessList,
}

/// `tx_data` of type 4, behind the type byte.
#[derive(RlpDecodable)]
struct Eip7702Data {
    value: U256,
    max_priority_fee_per_gas: u128,
    max_fee_per_gas: u128,
    data: Bytes,
    access_list: AccessList,
    authorization_list: Vec<SignedAuthorization>,
}

/// What stands elsewhere than in `tx_data`.
struct Fields {
    chain_id: u64,
    nonce: u64,
    gas_limit: u64,
    to: TxKind,
    /// Of a legacy transaction: whether EIP-155 protects it.
    is_protected: bool,
    signature: Signature,
}

/// Reads `txs`: `count` transactions, which it gives encoded as EIP-2718 has it.
pub(crate) fn read_transactions(
    reader: &mut Reader<'_>,
    count: u64,
    chain_id: u64,
) -> Option<Vec<Bytes>> {
    // contract_creation_bits ++ y_parity_bits ++ tx_sigs ++ tx_tos ++ tx_datas ++ tx_nonces ++
    // tx_gases ++ protected_bits
    let contract_creation_bits = reader.bits(count)?;
    let y_parity_bits = reader.bits(count)?;
    let mut signatures = Vec::new();
    for y_parity in y_parity_bits {
        let r = U256::from_be_bytes(reader.fixed::<32>()?);
        let s = U256::from_be_bytes(reader.fixed::<32>()?);
        signatures.push(Signature::new(r, s, y_parity));
    }
    let mut tos = Vec::new();
    for is_creation in contract_creation_bits {
        tos.push(if is_creation {
            TxKind::Create
        } else {
            TxKind::Call(Address::from(reader.fixed::<20>()?))
        });
    }
    let mut datas = Vec::new();
    for _ in 0..count {
        datas.push(read_tx_data(reader)?);
    }
    let mut nonces = Vec::new();
    for _ in 0..count {
        nonces.push(reader.uvarint()?);
    }
    let mut gas_limits = Vec::new();
    for _ in 0..count {
        gas_limits.push(reader.uvarint()?);
    }
    let legacy_count = datas.iter().filter(|data| is_legacy(data)).count();
    let mut protected_bits = reader.bits(legacy_count as u64)?.into_iter();

    let mut transactions = Vec::new();
    for (i, data) in datas.into_iter().enumerate() {
        let is_protected = is_legacy(data) && protected_bits.next()?;
        let fields = Fields {
            chain_id,
            nonce: nonces[i],
            gas_limit: gas_limits[i],
            to: tos[i],
            is_protected,
            signature: signatures[i],
        };
        transactions.push(put_together(data, fields)?.into());
    }
    Some(transactions)
}

/// Reads one of `tx_datas`: a type byte where there is one, and an RLP list.
fn read_tx_data<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let is_typed = *reader.0.first()? <= 0x7f;
    let type_length = usize::from(is_typed);
    let mut behind_header = reader.0.get(type_length..)?;
    let before = behind_header.len();
    let header = Header::decode(&mut behind_header).ok()?;
    if !header.list {
        return None;
    }
    let header_length = before - behind_header.len();
    reader.bytes(type_length + header_length + header.payload_length)
}

/// Whether it has no type byte.
fn is_legacy(tx_data: &[u8]) -> bool {
    tx_data.first().is_some_and(|first| *first > 0x7f)
}

fn put_together(tx_data: &[u8], fields: Fields) -> Option<Vec<u8>> {
    match tx_data {
        [1, rlp @ ..] => eip2930(rlp, fields),
        [2, rlp @ ..] => eip1559(rlp, fields),
        [4, rlp @ ..] => eip7702(rlp, fields),
        [0..=0x7f, ..] => None,
        rlp => legacy(rlp, fields),
    }
}

fn legacy(mut rlp: &[u8], fields: Fields) -> Option<Vec<u8>> {
    let data = LegacyData::decode(&mut rlp).ok()?;
    let tx = TxLegacy {
        chain_id: fields.is_protected.then_some(fields.chain_id),
        nonce: fields.nonce,
        gas_price: data.gas_price,
        gas_limit: fields.gas_limit,
        to: fields.to,
        value: data.value,
        input: data.data,
    };
    Some(tx.into_signed(fields.signature).encoded_2718())
}

fn eip2930(mut rlp: &[u8], fields: Fields) -> Option<Vec<u8>> {
    let data = Eip2930Data::decode(&mut rlp).ok()?;
    let tx = TxEip2930 {
        chain_id: fields.chain_id,
        nonce: fields.nonce,
        gas_price: data.gas_price,
        gas_limit: fields.gas_limit,
        to: fields.to,
        value: data.value,
        access_list: data.access_list,
        input: data.data,
    };
    Some(tx.into_signed(fields.signature).encoded_2718())
}

fn eip1559(mut rlp: &[u8], fields: Fields) -> Option<Vec<u8>> {
    let data = Eip1559Data::decode(&mut rlp).ok()?;
    let tx = TxEip1559 {
        chain_id: fields.chain_id,
        nonce: fields.nonce,
        gas_limit: fields.gas_limit,
        max_fee_per_gas: data.max_fee_per_gas,
        max_priority_fee_per_gas: data.max_priority_fee_per_gas,
        to: fields.to,
        value: data.value,
        access_list: data.access_list,
        input: data.data,
    };
    Some(tx.into_signed(fields.signature).encoded_2718())
}

fn eip7702(mut rlp: &[u8], fields: Fields) -> Option<Vec<u8>> {
    let data = Eip7702Data::decode(&mut rlp).ok()?;
    // A transaction of this type cannot create a contract.
    let TxKind::Call(to) = fields.to else {
        return None;
    };
    let tx = TxEip7702 {
        chain_id: fields.chain_id,
        nonce: fields.nonce,
        gas_limit: fields.gas_limit,
        max_fee_per_gas: data.max_fee_per_gas,
        max_priority_fee_per_gas: data.max_priority_fee_per_gas,
        to,
        value: data.value,
        access_list: data.access_list,
        authorization_list: data.authorization_list,
        input: data.data,
    };
    Some(tx.into_signed(fields.signature).encoded_2718())
}
