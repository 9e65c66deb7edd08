//! Network-upgrade transactions: deposits that a fork's activation block carries, as data.
//!
//! spec: protocol/l2-upgrades-1-execution.md, protocol/isthmus/derivation.md, protocol/jovian/derivation.md

use crate::{config::RollupConfig, forks::Fork};
use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use alloy_primitives::{Address, Bytes};

/// One upgrade transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpgradeTx {
    /// What it does; hashed (with the fork's name before it) into the source hash.
    pub intent: String,
    /// Sender.
    pub from: Address,
    /// Recipient; `None` creates a contract.
    pub to: Option<Address>,
    /// Gas limit.
    pub gas_limit: u64,
    /// Calldata or init code.
    pub data: Bytes,
}

/// The upgrade transactions of one fork.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpgradeBundle {
    /// The fork whose activation block carries them.
    pub fork: Fork,
    /// The transactions in order.
    pub transactions: Vec<UpgradeTx>,
}

/// Why a bundle cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpgradeError {
    /// Not the JSON of a bundle.
    #[error("upgrade bundle is not valid: {0}")]
    Malformed(String),
    /// The gas limits add up to more than 64 bits.
    #[error("upgrade bundle: the gas limits overflow")]
    GasOverflow,
}

impl UpgradeBundle {
    /// Parses `{"metadata":{"version"},"transactions":[{data,from,gasLimit,intent,to}]}`.
    pub fn from_json(fork: Fork, text: &str) -> Result<Self, UpgradeError> {
        let _ = fork;
        Err(UpgradeError::Malformed(text.to_string()))
    }

    /// The transactions as they stand in payload attributes.
    pub fn deposits(&self) -> Vec<Bytes> {
        unimplemented!()
    }

    /// Sum of the gas limits.
    pub fn total_gas(&self) -> u64 {
        unimplemented!()
    }

    /// Gas by which the activation block's limit exceeds the configured one: all of the bundle
    /// from Karst on, none before.
    pub fn extra_gas(&self) -> u64 {
        unimplemented!()
    }
}

/// Isthmus: L1Block, GasPriceOracle and OperatorFeeVault from their init codes, and EIP-2935.
pub fn isthmus_bundle(
    l1_block_code: Bytes,
    gas_price_oracle_code: Bytes,
    operator_fee_vault_code: Bytes,
) -> UpgradeBundle {
    unimplemented!("{l1_block_code}{gas_price_oracle_code}{operator_fee_vault_code}")
}

/// Jovian: L1Block and GasPriceOracle from their init codes.
pub fn jovian_bundle(l1_block_code: Bytes, gas_price_oracle_code: Bytes) -> UpgradeBundle {
    unimplemented!("{l1_block_code}{gas_price_oracle_code}")
}

/// The upgrade transactions of every fork that has some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upgrades(BTreeMap<Fork, UpgradeBundle>);

impl Upgrades {
    /// No fork has upgrade transactions.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a fork's bundle, replacing an older one.
    pub fn insert(&mut self, bundle: UpgradeBundle) {
        self.0.insert(bundle.fork, bundle);
    }

    /// The bundle of `fork`.
    pub fn get(&self, fork: Fork) -> Option<&UpgradeBundle> {
        self.0.get(&fork)
    }

    /// The bundles of the forks whose activation block is the one at `l2_time`, oldest first.
    pub fn activating_at<'a>(
        &'a self,
        cfg: &'a RollupConfig,
        l2_time: u64,
    ) -> impl Iterator<Item = &'a UpgradeBundle> {
        self.0
            .values()
            .filter(move |b| cfg.is_activation_block(b.fork, l2_time))
    }
}
