//! Header fields: what each era demands, and the base fee.

use crate::{build::Roots, chain::ChainConfig, error::InvalidBlock};
use alloy_consensus::Header;

/// Base fee of the block after `parent` at `time`, wei.
pub fn next_base_fee(_chain: &ChainConfig, _parent: &Header, _time: u64) -> u64 {
    unimplemented!()
}

/// Checks all of a header that follows from its parent and the rules.
pub fn validate_header(
    _chain: &ChainConfig,
    _parent: &Header,
    _header: &Header,
) -> Result<(), InvalidBlock> {
    unimplemented!()
}

/// Checks the state root and, from Isthmus on, the withdrawals root.
pub fn check_roots(
    _chain: &ChainConfig,
    _header: &Header,
    _roots: &Roots,
) -> Result<(), InvalidBlock> {
    unimplemented!()
}
