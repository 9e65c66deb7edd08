//! Network-upgrade transactions: deposits that a fork's activation block carries, as data.
//!
//! In: a bundle, from JSON or from the init codes of a fork's contracts. Out: encoded deposits and
//! the gas they need. Which bundles a chain uses is up to whoever starts derivation.
//!
//! Nothing here depends on the fork: a bundle is a list of calls with their intents, whether a
//! published file gave it or one of the constructors for the forks that were specified in prose.
//!
//! spec: protocol/l2-upgrades-1-execution.md#bundle-format

mod bundle;
mod specified;

pub use bundle::{UpgradeBundle, UpgradeError, UpgradeTx};
pub use specified::{ecotone_bundle, fjord_bundle, isthmus_bundle, jovian_bundle};

use crate::{config::RollupConfig, forks::Fork};
use alloc::collections::BTreeMap;

/// The forks whose activation block must carry upgrade transactions, oldest first.
///
/// spec: protocol/derivation.md#network-upgrade-automation-transactions
pub const UPGRADING_FORKS: [Fork; 5] = [
    Fork::Ecotone,
    Fork::Fjord,
    Fork::Isthmus,
    Fork::Jovian,
    Fork::Karst,
];

/// The upgrade transactions of every fork that has some.
///
/// A chain that goes through a fork without its upgrade transactions (test chains may) holds an
/// empty bundle for it: absence always means that the bundle is not at hand.
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

    /// The oldest fork whose activation block is the one at `l2_time` and whose upgrade
    /// transactions are not at hand. Such a block cannot be derived: without them it would be
    /// another block than everybody else's.
    ///
    /// Forks that are active since genesis need no upgrade, so they never miss one.
    pub fn missing_at(&self, cfg: &RollupConfig, l2_time: u64) -> Option<Fork> {
        UPGRADING_FORKS
            .into_iter()
            .find(|fork| cfg.is_activation_block(*fork, l2_time) && self.get(*fork).is_none())
    }

    /// The fork whose upgrade transactions must be at hand to build on the block at `parent_time`,
    /// because that block's gas limit contains their gas and the next one's must not.
    pub fn missing_behind(&self, cfg: &RollupConfig, parent_time: u64) -> Option<Fork> {
        self.missing_at(cfg, parent_time)
            .filter(|fork| *fork >= Fork::Karst && !cfg.keep_karst_upgrade_gas)
    }

    /// The oldest fork whose activation block lies at `l2_time` or later and whose upgrade
    /// transactions are not at hand, with its activation time in seconds. Asked at start, so that
    /// nobody finds out in the activation block.
    pub fn missing_from(&self, cfg: &RollupConfig, l2_time: u64) -> Option<(Fork, u64)> {
        UPGRADING_FORKS
            .into_iter()
            .filter(|fork| self.get(*fork).is_none())
            .filter_map(|fork| cfg.upgrade_time(fork).map(|time| (fork, time)))
            .find(|(_, time)| cfg.first_block_time(*time) >= l2_time)
    }
}
