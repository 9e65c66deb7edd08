//! Contracts that users expect at a certain address on any chain.

use super::artifacts;
use alloy_genesis::GenesisAccount;
use alloy_primitives::{Address, address};

/// Where client libraries look for Multicall3.
pub(super) const MULTICALL3: Address = address!("cA11bde05977b3631167028862bE2a173976CA11");

/// The preinstalls of development chains, on both layers.
pub(super) fn preinstalls() -> [(Address, GenesisAccount); 1] {
    let code = artifacts::MULTICALL3.runtime_code(&[]);
    [(
        MULTICALL3,
        GenesisAccount::default()
            .with_nonce(Some(1))
            .with_code(Some(code)),
    )]
}
