//! Blobs: what one carries must encode to the same blob again.

use crate::{Verdict, input::read_bytes};
use alloy_eips::eip4844::{BYTES_PER_BLOB, Blob};
use eyre::{Result, ensure};
use opal_protocol::blob::{decode, encode};
use std::path::Path;

/// Runs one file.
pub fn run(path: &Path) -> Result<Verdict> {
    let bytes = read_bytes(path)?;
    if bytes.len() != BYTES_PER_BLOB {
        let length = bytes.len();
        return Ok(Verdict::Excluded(format!(
            "{length} bytes, a blob has {BYTES_PER_BLOB}"
        )));
    }
    let blob = Blob::from_slice(&bytes);
    let data = decode(&blob)?;
    ensure!(
        *encode(&data)? == blob,
        "its {} bytes encode to another blob",
        data.len()
    );
    Ok(Verdict::Passed(format!("{} bytes", data.len())))
}
