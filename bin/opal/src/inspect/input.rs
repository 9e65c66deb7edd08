//! Files of hex text or raw bytes, down to the data that a batcher posted.

use alloy_consensus::{Transaction, TxEnvelope};
use alloy_eips::{
    eip2718::Decodable2718,
    eip4844::{BYTES_PER_BLOB, Blob},
};
use alloy_primitives::{Bytes, hex};
use eyre::{Result, WrapErr, ensure};
use opal_protocol::blob;
use std::{
    fs::File,
    io::{Read, stdin},
    path::Path,
};

/// Most bytes read from a file: the largest channel, as hex, with room to spare.
const INPUT_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The bytes of a file; hex text (with or without `0x`) is decoded.
pub(super) fn read(path: &Path) -> Result<Bytes> {
    let context = || format!("cannot read {}", path.display());
    let mut content = Vec::new();
    if path == Path::new("-") {
        stdin()
            .lock()
            .take(INPUT_BYTES_MAX + 1)
            .read_to_end(&mut content)
    } else {
        let file = File::open(path).wrap_err_with(context)?;
        file.take(INPUT_BYTES_MAX + 1).read_to_end(&mut content)
    }
    .wrap_err_with(context)?;
    let within_limit = content.len() as u64 <= INPUT_BYTES_MAX;
    ensure!(
        within_limit,
        "{} is larger than {INPUT_BYTES_MAX} bytes",
        path.display()
    );
    ensure!(!content.is_empty(), "{} is empty", path.display());
    Ok(from_hex(&content).unwrap_or(content).into())
}

/// The batcher data in a file that holds it as it is, in a blob, or in a signed transaction.
pub(super) fn read_batcher_data(path: &Path) -> Result<Bytes> {
    let bytes = read(path)?;
    if bytes.len() == BYTES_PER_BLOB {
        return blob::decode(&Blob::from_slice(&bytes))
            .wrap_err_with(|| format!("{} is a blob, but of no batcher", path.display()));
    }
    // Batcher data starts with a 0, which no transaction does.
    if bytes.first() != Some(&0)
        && let Ok(tx) = TxEnvelope::decode_2718_exact(&bytes)
    {
        return Ok(tx.input().clone());
    }
    Ok(bytes)
}

fn from_hex(content: &[u8]) -> Option<Vec<u8>> {
    let text = str::from_utf8(content).ok()?.trim();
    (!text.is_empty()).then(|| hex::decode(text).ok())?
}
