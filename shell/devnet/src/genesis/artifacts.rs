//! The compiled contracts, as `cargo xtask contracts` writes them.
//!
//! They are part of the program, so a broken one is a bug of ours and panics.

use alloy_primitives::{Bytes, U256};
use serde::Deserialize;
use std::{collections::BTreeMap, sync::LazyLock};

/// One compiled contract.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Artifact {
    /// Init code, to which constructor arguments are appended.
    pub(super) bytecode: Bytes,
    /// Runtime code, with zeros where immutables stand.
    pub(super) deployed_bytecode: Bytes,
    /// Where each immutable stands in the runtime code.
    immutable_references: BTreeMap<String, Vec<Place>>,
}

/// A stretch of runtime code.
#[derive(Debug, Deserialize)]
struct Place {
    /// First byte.
    start: usize,
    /// Bytes; immutables take a word.
    length: usize,
}

impl Artifact {
    /// Init code with ABI-encoded constructor arguments.
    pub(super) fn init_code(&self, arguments: &[u8]) -> Bytes {
        [&self.bytecode, arguments].concat().into()
    }

    /// Runtime code as the constructor leaves it, given the value of every immutable.
    pub(super) fn runtime_code(&self, immutables: &[(&str, U256)]) -> Bytes {
        assert_eq!(
            immutables.len(),
            self.immutable_references.len(),
            "every immutable has a value"
        );
        let mut code = self.deployed_bytecode.to_vec();
        for (name, value) in immutables {
            for place in &self.immutable_references[*name] {
                let word = value.to_be_bytes::<32>();
                code[place.start..][..place.length].copy_from_slice(&word);
            }
        }
        code.into()
    }
}

macro_rules! artifacts {
    ($($constant:ident = $name:literal),* $(,)?) => {$(
        pub(super) static $constant: LazyLock<Artifact> = LazyLock::new(|| {
            let json = include_str!(concat!("../../../../contracts/artifacts/", $name, ".json"));
            serde_json::from_str(json).expect("artifacts are compiler output")
        });
    )*};
}

artifacts! {
    PROXY = "Proxy",
    PROXY_ADMIN = "ProxyAdmin",
    SYSTEM_CONFIG = "SystemConfig",
    OPTIMISM_PORTAL = "OptimismPortal",
    L1_BLOCK = "L1Block",
    GAS_PRICE_ORACLE = "GasPriceOracle",
    L2_TO_L1_MESSAGE_PASSER = "L2ToL1MessagePasser",
    SEQUENCER_FEE_VAULT = "SequencerFeeVault",
    BASE_FEE_VAULT = "BaseFeeVault",
    L1_FEE_VAULT = "L1FeeVault",
    OPERATOR_FEE_VAULT = "OperatorFeeVault",
    WETH = "WETH",
    MULTICALL3 = "Multicall3",
}
