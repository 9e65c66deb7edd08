//! The hashes that bundles from files must have.
//!
//! `docs/decisions/upgrade-bundles.md` tells where each comes from.

use alloy_primitives::{B256, Keccak256, b256};
use opal_protocol::UpgradeBundle;

/// SHA-256 of the file of Karst's bundle, as its publishers pin it.
pub(crate) const KARST_FILE_SHA256: B256 =
    b256!("08f5df36f7ff29a9421ab84beebe96684a7455df9a5d234a2468613a4008ad91");

/// [`deposits_hash`] of Jovian's bundle: with the published init codes and the intents of the
/// chains that went through Jovian.
pub(crate) const JOVIAN_DEPOSITS: B256 =
    b256!("d498d96826b3d1bbb48b56346a26e018f3638bad34f723e5356396eef83cdadd");

/// Keccak-256 of a bundle's encoded deposits, one after the other. It depends on what lands in the
/// block and on nothing else, such as the layout of a file.
pub fn deposits_hash(bundle: &UpgradeBundle) -> B256 {
    let mut hasher = Keccak256::new();
    for deposit in bundle.deposits() {
        hasher.update(&deposit);
    }
    hasher.finalize()
}
