//! Files that hold bytes, as they are or as hex.

use alloy_primitives::hex;
use eyre::{Result, WrapErr};
use std::{fs, path::Path};

/// The bytes of a file; hex text (with or without `0x`) is decoded.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    let content = fs::read(path).wrap_err_with(|| path.display().to_string())?;
    Ok(from_hex(&content).unwrap_or(content))
}

fn from_hex(content: &[u8]) -> Option<Vec<u8>> {
    let text = str::from_utf8(content).ok()?.trim();
    (!text.is_empty()).then(|| hex::decode(text).ok())?
}
