//! L1 blocks: what is reduced from transactions and receipts is what a reader of whole
//! transactions would find.

use crate::{
    input::Input,
    logs,
    rollup::{self, INBOX},
    transactions,
};
use alloy_consensus::{
    Header, SignableTransaction, Transaction, TxEip1559, TxEip4844, TxEnvelope, TxLegacy,
    transaction::SignerRecoverable,
};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use op_alloy_consensus::TxDeposit;
use opal_protocol::{
    L1Block, L1Receipt,
    deposit::{TRANSACTION_DEPOSITED_TOPIC, decode_deposit, encode_deposit},
};

/// A block with transactions to the inbox and elsewhere, and receipts with logs.
pub fn l1_block(data: &[u8]) {
    let mut input = Input::new(data);
    let cfg = rollup::config(&mut input);
    let txs: Vec<Bytes> = (0..input.below(6))
        .map(|_| transaction(&mut input))
        .collect();
    let receipts: Vec<L1Receipt> = (0..input.below(6)).map(|_| receipt(&mut input)).collect();
    let header = Header {
        number: 5,
        ..Header::default()
    };
    let hash = B256::repeat_byte(1);
    let block = match L1Block::new(&cfg, hash, header, &txs, &receipts) {
        Ok(block) => block,
        Err(error) => {
            let log = all_logs(&receipts).nth(error.log_index as usize);
            let (success, log) = log.expect("the error names a log");
            assert!(success);
            assert_eq!(log.address, cfg.deposit_contract_address);
            assert_eq!(log.topics().first(), Some(&TRANSACTION_DEPOSITED_TOPIC));
            return;
        }
    };
    let believed = |address: Address| {
        all_logs(&receipts)
            .filter(move |(success, log)| *success && log.address == address)
            .count()
    };
    assert!(block.deposits.len() <= believed(cfg.deposit_contract_address));
    assert!(block.config_updates.len() <= believed(cfg.l1_system_config_address));
    for deposit in &block.deposits {
        decode_deposit(deposit).expect("our own encoding");
    }
    let expected: Vec<_> = txs.iter().filter_map(|tx| inbox_tx(tx)).collect();
    let found: Vec<_> = block
        .inbox
        .into_iter()
        .map(|tx| (tx.from, tx.tx_type, tx.data, tx.blob_hashes))
        .collect();
    assert_eq!(found, expected);
}

fn all_logs(receipts: &[L1Receipt]) -> impl Iterator<Item = (bool, &alloy_primitives::Log)> {
    receipts
        .iter()
        .flat_map(|receipt| receipt.logs.iter().map(|log| (receipt.success, log)))
}

/// Sender, type, calldata and blob hashes of a transaction to the inbox, decoded as a whole.
fn inbox_tx(bytes: &[u8]) -> Option<(Address, u8, Bytes, Vec<B256>)> {
    if let Some(deposit) = decode_deposit(bytes) {
        let is_ours = deposit.to == TxKind::Call(INBOX);
        return is_ours.then_some((deposit.from, 0x7e, deposit.input, vec![]));
    }
    let tx = TxEnvelope::decode_2718_exact(bytes).ok()?;
    if tx.to() != Some(INBOX) || tx.is_eip7702() {
        return None;
    }
    let hashes = tx.blob_versioned_hashes().unwrap_or_default().to_vec();
    let from = tx.recover_signer().ok()?;
    Some((from, tx.tx_type() as u8, tx.input().clone(), hashes))
}

fn transaction(input: &mut Input<'_>) -> Bytes {
    let signature = Signature::new(U256::from(input.u8()), U256::from(9), input.flag());
    let to = if input.u8() < 200 {
        INBOX
    } else {
        Address::ZERO
    };
    let mut encoded = match input.below(7) {
        0 => {
            let tx = TxLegacy {
                chain_id: input.flag().then_some(900),
                to: TxKind::Call(to),
                input: Bytes::copy_from_slice(input.short_bytes()),
                ..TxLegacy::default()
            };
            TxEnvelope::from(tx.into_signed(signature)).encoded_2718()
        }
        1 => {
            let tx = TxEip1559 {
                to: TxKind::Call(to),
                input: Bytes::copy_from_slice(input.short_bytes()),
                ..TxEip1559::default()
            };
            TxEnvelope::from(tx.into_signed(signature)).encoded_2718()
        }
        2 => {
            let tx = TxEip4844 {
                to,
                blob_versioned_hashes: vec![B256::repeat_byte(1); input.below(4)],
                input: Bytes::copy_from_slice(input.short_bytes()),
                ..TxEip4844::default()
            };
            TxEnvelope::from(tx.into_signed(signature)).encoded_2718()
        }
        3 => encode_deposit(&TxDeposit {
            to: TxKind::Call(to),
            input: Bytes::copy_from_slice(input.short_bytes()),
            ..TxDeposit::default()
        })
        .to_vec(),
        4 => transactions::any(input, 900).to_vec(),
        _ => input.short_bytes().to_vec(),
    };
    // The type byte or a header may be another.
    if input.u8() > 230 && !encoded.is_empty() {
        let at = input.below(encoded.len().min(40));
        encoded[at] ^= input.u8();
    }
    encoded.into()
}

fn receipt(input: &mut Input<'_>) -> L1Receipt {
    let log = |input: &mut Input<'_>| match input.below(4) {
        0 | 1 => logs::deposit(input),
        2 => logs::config_update(input),
        _ => logs::any(input),
    };
    L1Receipt {
        success: input.u8() != 255,
        logs: (0..input.below(5)).map(|_| log(input)).collect(),
    }
}
