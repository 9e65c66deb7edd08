//! Span batches, whole or by column: what they hold must encode to the same bytes again.
//!
//! The vectors of the columns name their content in the name of the file (`txnonces.txt`); any
//! other name is taken for a whole batch, with or without its type byte.

use crate::{
    Verdict,
    channel::OP_MAINNET,
    columns::{ACCESS_LIST, Columns, DYNAMIC_FEE, LEGACY, body, ones, uvarints},
    input::read_bytes,
};
use alloy_consensus::{Transaction, TxEnvelope};
use alloy_eips::{eip2718::Decodable2718, eip4844::BYTES_PER_BLOB};
use eyre::{Result, WrapErr, ensure};
use opal_protocol::{SpanBatch, batch::SPAN_BATCH_TYPE};
use std::{fs, path::Path};

/// Runs one file.
pub fn run(path: &Path) -> Result<Verdict> {
    let name = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let column = match fs::read_to_string(path) {
        // An empty column is two characters.
        Ok(text) if text.trim() == "0x" => Vec::new(),
        _ => read_bytes(path)?,
    };
    if column.len() == BYTES_PER_BLOB && name.starts_with("blob") {
        return Ok(Verdict::Excluded("a blob: run it as kind blob".into()));
    }
    let passed = |what: &str, count| Ok(Verdict::Passed(format!("{what} of {count} transactions")));
    match name.as_str() {
        "contractcreationbits" => passed("contract_creation_bits", creation_bits(column)?),
        "yparitybits" => passed("y_parity_bits", parity_bits(column)?),
        "protectedbits" => passed("protected_bits", protected_bits(column)?),
        "txsigs" => passed("tx_sigs", signatures(column)?),
        "txtos" => passed("tx_tos", recipients(column)?),
        "txdatas" => passed("tx_datas", datas(column)?),
        "txnonces" => passed("tx_nonces", nonces(column)?),
        "txgases" => passed("tx_gases", gases(column)?),
        "spanbatchtxs" => passed("all columns", all_columns(&column)?),
        _ => match name.strip_prefix("rec").and_then(split_recovery) {
            Some((kind, "sigs")) => passed("signatures", recovery(path, kind, column)?),
            Some((_, part)) => Ok(Verdict::Excluded(format!(
                "{part}, run together with its sigs file"
            ))),
            None => whole(&column),
        },
    }
}

/// A whole batch.
fn whole(bytes: &[u8]) -> Result<Verdict> {
    let with_type = bytes.first() == Some(&SPAN_BATCH_TYPE);
    let batch = match bytes.get(1..) {
        Some(rest) if with_type => round_trip(rest).or_else(|_| round_trip(bytes)),
        _ => round_trip(bytes),
    }?;
    let transactions: usize = batch
        .blocks
        .iter()
        .map(|block| block.transactions.len())
        .sum();
    Ok(Verdict::Passed(format!(
        "{} blocks, {transactions} transactions",
        batch.blocks.len()
    )))
}

fn round_trip(body: &[u8]) -> Result<SpanBatch> {
    let batch = SpanBatch::decode(body, OP_MAINNET)?;
    let encoded = batch.encode(OP_MAINNET)?;
    ensure!(encoded[1..] == *body, "the batch encodes to other bytes");
    Ok(batch)
}

/// The transactions of columns that survive a round trip.
fn transactions(columns: Columns) -> Result<Vec<TxEnvelope>> {
    let batch = round_trip(&columns.into_body())?;
    let transactions = batch.blocks.iter().flat_map(|block| &block.transactions);
    transactions
        .map(|tx| TxEnvelope::decode_2718_exact(tx).wrap_err("a client cannot read a transaction"))
        .collect()
}

/// Bit `index` of a big-endian integer.
fn bit(bits: &[u8], index: usize) -> bool {
    bits[bits.len() - 1 - index / 8] >> (index % 8) & 1 == 1
}

fn creation_bits(bits: Vec<u8>) -> Result<usize> {
    let mut columns = Columns::plain(bits.len() * 8, LEGACY);
    columns.tx_tos.truncate((columns.count - ones(&bits)) * 20);
    columns.contract_creation_bits = bits.clone();
    let transactions = transactions(columns)?;
    for (index, tx) in transactions.iter().enumerate() {
        ensure!(
            tx.kind().is_create() == bit(&bits, index),
            "bit {index} is wrong"
        );
    }
    Ok(transactions.len())
}

fn parity_bits(bits: Vec<u8>) -> Result<usize> {
    let mut columns = Columns::plain(bits.len() * 8, DYNAMIC_FEE);
    columns.y_parity_bits = bits.clone();
    let transactions = transactions(columns)?;
    for (index, tx) in transactions.iter().enumerate() {
        ensure!(
            tx.signature().v() == bit(&bits, index),
            "bit {index} is wrong"
        );
    }
    Ok(transactions.len())
}

fn protected_bits(bits: Vec<u8>) -> Result<usize> {
    let mut columns = Columns::plain(bits.len() * 8, LEGACY);
    columns.protected_bits = bits.clone();
    let transactions = transactions(columns)?;
    for (index, tx) in transactions.iter().enumerate() {
        ensure!(
            tx.chain_id().is_some() == bit(&bits, index),
            "bit {index} is wrong"
        );
    }
    Ok(transactions.len())
}

fn signatures(sigs: Vec<u8>) -> Result<usize> {
    ensure!(
        sigs.len().is_multiple_of(64),
        "{} bytes are no signatures",
        sigs.len()
    );
    let mut columns = Columns::plain(sigs.len() / 64, LEGACY);
    columns.tx_sigs = sigs.clone();
    let transactions = transactions(columns)?;
    for (tx, expected) in transactions.iter().zip(sigs.chunks_exact(64)) {
        ensure!(
            tx.signature().as_rsy()[..64] == *expected,
            "a signature is wrong"
        );
    }
    Ok(transactions.len())
}

fn recipients(tos: Vec<u8>) -> Result<usize> {
    ensure!(
        tos.len().is_multiple_of(20),
        "{} bytes are no addresses",
        tos.len()
    );
    let mut columns = Columns::plain(tos.len() / 20, LEGACY);
    columns.tx_tos = tos.clone();
    let transactions = transactions(columns)?;
    for (tx, expected) in transactions.iter().zip(tos.chunks_exact(20)) {
        ensure!(
            tx.to().is_some_and(|to| to == expected),
            "a recipient is wrong"
        );
    }
    Ok(transactions.len())
}

/// The number of transactions is not written down; the right one alone makes the columns fit.
fn datas(datas: Vec<u8>) -> Result<usize> {
    let mut rest = &datas[..];
    let (mut count, mut legacy_count) = (0, 0);
    while let Some(&first) = rest.first() {
        if first < 0x80 {
            rest = &rest[1..];
        } else {
            legacy_count += 1;
        }
        alloy_rlp::Header::decode_bytes(&mut rest, true)?;
        count += 1;
    }
    let mut columns = Columns::plain(count, LEGACY);
    columns.tx_datas = datas;
    columns
        .protected_bits
        .truncate(usize::div_ceil(legacy_count, 8));
    Ok(transactions(columns)?.len())
}

fn nonces(nonces: Vec<u8>) -> Result<usize> {
    let mut columns = Columns::plain(uvarints(&nonces), LEGACY);
    columns.tx_nonces = nonces;
    Ok(transactions(columns)?.len())
}

fn gases(gases: Vec<u8>) -> Result<usize> {
    let mut columns = Columns::plain(uvarints(&gases), LEGACY);
    columns.tx_gases = gases;
    Ok(transactions(columns)?.len())
}

/// All columns of the transactions, without the number of transactions: the right one alone fits.
fn all_columns(columns: &[u8]) -> Result<usize> {
    // A transaction has at least a signature, two bytes of data, a nonce and a gas limit.
    let most = columns.len() / 68;
    let count = (1..=most).find(|count| round_trip(&body(*count, columns)).is_ok());
    count.ok_or_else(|| eyre::eyre!("fits no number of transactions up to {most}"))
}

/// Kind and part of a file name of the signature vectors, `rec` taken off.
fn split_recovery(name: &str) -> Option<(&str, &'static str)> {
    ["sigs", "yparity", "protectedbits"]
        .into_iter()
        .find_map(|part| name.strip_suffix(part).map(|kind| (kind, part)))
}

/// Signatures with their parities and protected bits, in three files.
fn recovery(path: &Path, kind: &str, sigs: Vec<u8>) -> Result<usize> {
    let data = match kind {
        "acc" => ACCESS_LIST,
        "e1559" => DYNAMIC_FEE,
        _ => LEGACY,
    };
    let beside = |part: &str| read_column(&path.with_file_name(format!("rec{kind}{part}.txt")));
    let mut columns = Columns::plain(sigs.len() / 64, data);
    let parities = beside("yparity")?;
    let protected = beside("protectedbits")?;
    columns.tx_sigs = sigs.clone();
    columns.y_parity_bits = parities.clone();
    // Unprotected transactions come without the bits that say so.
    if !protected.is_empty() {
        columns.protected_bits = protected.clone();
    }
    let transactions = transactions(columns)?;
    for (index, (tx, expected)) in transactions.iter().zip(sigs.chunks_exact(64)).enumerate() {
        let mut signature = expected.to_vec();
        signature.push(27 + u8::from(bit(&parities, index)));
        ensure!(
            tx.signature().as_bytes()[..] == signature,
            "signature {index} is wrong"
        );
        let is_protected = data != LEGACY || !protected.is_empty() && bit(&protected, index);
        ensure!(
            tx.chain_id().is_some() == is_protected,
            "protected bit {index} is wrong"
        );
    }
    Ok(transactions.len())
}

fn read_column(path: &Path) -> Result<Vec<u8>> {
    let text = fs::read_to_string(path).wrap_err_with(|| path.display().to_string())?;
    alloy_primitives::hex::decode(text.trim()).wrap_err_with(|| path.display().to_string())
}
