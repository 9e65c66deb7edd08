//! Deposits: a log either is what the portal emits and becomes the deposit it announces, or it is
//! refused; an encoded deposit decodes to what encodes to the same bytes.

use crate::{input::Input, logs};
use alloy_primitives::{Address, B256, TxKind, U256};
use op_alloy_consensus::TxDeposit;
use opal_protocol::{
    DepositSource,
    deposit::{decode_deposit, encode_deposit, parse_deposit_log},
};

/// A log of the portal, or the bytes of a deposit.
pub fn deposit(data: &[u8]) {
    let mut input = Input::new(data);
    if input.flag() {
        return encoded(input.rest());
    }
    let (l1_block_hash, log_index) = (input.b256(), input.u64());
    let log = if input.flag() {
        logs::deposit(&mut input)
    } else {
        logs::any(&mut input)
    };
    let Ok(deposit) = parse_deposit_log(&log, l1_block_hash, log_index) else {
        return;
    };
    check_fields(&deposit, log.topics(), &log.data.data);
    let source = DepositSource::User {
        l1_block_hash,
        log_index,
    };
    assert_eq!(deposit.source_hash, source.hash());
    assert_eq!(decode_deposit(&encode_deposit(&deposit)), Some(deposit));
}

/// The fields stand at fixed places of the log's data.
fn check_fields(deposit: &TxDeposit, topics: &[B256], data: &[u8]) {
    assert!(
        !deposit.is_system_transaction,
        "users deposit nothing of the system's"
    );
    // Of addresses the low 20 bytes count, and any flag but 0 creates, as in every client.
    assert_eq!(deposit.from, Address::from_word(topics[1]));
    let word = |index: usize| U256::from_be_slice(&data[index * 32..][..32]);
    let length = usize::try_from(word(1)).expect("was read");
    let opaque = &data[64..][..length];
    assert_eq!(U256::from(deposit.mint), word(2));
    assert_eq!(deposit.value, word(3));
    assert_eq!(deposit.gas_limit.to_be_bytes(), opaque[64..72]);
    match deposit.to {
        TxKind::Create => assert_ne!(opaque[72], 0),
        TxKind::Call(to) => {
            assert_eq!(opaque[72], 0);
            assert_eq!(to, Address::from_word(topics[2]));
        }
    }
    assert_eq!(deposit.input, opaque[73..]);
}

/// Bytes that begin as a deposit does, followed by whatever.
fn encoded(body: &[u8]) {
    let data = [&[0x7e], body].concat();
    let Some(deposit) = decode_deposit(&data) else {
        return;
    };
    assert_eq!(encode_deposit(&deposit), data, "deposits are canonical");
    assert!(decode_deposit(&[&data[..], &[0]].concat()).is_none());
    assert!(decode_deposit(body).is_none_or(|inner| inner != deposit));
}
