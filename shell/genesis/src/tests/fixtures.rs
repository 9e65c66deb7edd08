//! Contracts of Optimism, as the oracle for ours. Nothing of them is part of the project.

use alloy_primitives::Bytes;
use std::path::PathBuf;

/// Init code of an upgrade transaction, or `None` where the fixtures are absent.
pub(super) fn init_code(name: &str) -> Option<Bytes> {
    let near = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures");
    let folder = std::env::var_os("OPAL_FIXTURES").map_or_else(|| near.into(), PathBuf::from);
    let path = folder
        .join("protocol-bytecode")
        .join(format!("{name}-deployment.txt"));
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(super::hex(text.trim()).into()),
        Err(e) if std::env::var_os("OPAL_FIXTURES_REQUIRED").is_some() => {
            panic!("{}: {e}", path.display())
        }
        Err(_) => {
            println!("skipped: fixtures absent");
            None
        }
    }
}
