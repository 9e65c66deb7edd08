//! Which upgrade transactions a network's activation blocks carry, and where their bytes come from.
//!
//! In: a rollup configuration and a folder of bundle files. Out: the bundles of the forks that
//! activate after genesis, or an error that names the file to provide.
//!
//! Bundles up to Isthmus are built in. Those of Jovian and Karst are read from files and must match
//! a hash pinned here, so that a wrong file is an error at start and never another chain.
//!
//! spec: protocol/derivation.md#network-upgrade-automation-transactions

mod built_in;
mod error;
mod files;
mod pins;

pub use built_in::built_in;
pub use error::{BundleError, Provide};
pub use pins::deposits_hash;

use opal_protocol::{Fork, RollupConfig, Upgrades, upgrades::UPGRADING_FORKS};
use std::path::Path;

/// The bundles of every fork that `cfg` activates after genesis and whose bytes are at hand: built
/// in, or in the folder `dir`.
///
/// A bundle that is not at hand is no error yet, because the chain may be past it: see
/// [`check_before`]. A file that does not match its pinned hash is one.
pub fn load(cfg: &RollupConfig, dir: Option<&Path>) -> Result<Upgrades, BundleError> {
    let mut upgrades = Upgrades::none();
    for fork in UPGRADING_FORKS {
        if cfg.upgrade_time(fork).is_none() {
            continue;
        }
        let bundle = match (built_in(fork), dir) {
            (Some(bundle), _) => Some(bundle),
            (None, Some(dir)) => files::find(fork, dir)?,
            (None, None) => None,
        };
        bundle.into_iter().for_each(|b| upgrades.insert(b));
    }
    Ok(upgrades)
}

/// Checks that `upgrades` holds every bundle that a chain needs whose blocks before `head_time`
/// are settled: those of activation blocks at that time or later. `dir` is where [`load`] looked.
pub fn check_before(
    cfg: &RollupConfig,
    upgrades: &Upgrades,
    dir: Option<&Path>,
    head_time: u64,
) -> Result<(), BundleError> {
    match upgrades.missing_from(cfg, head_time) {
        None => Ok(()),
        Some((fork, time)) => Err(BundleError::Missing {
            fork,
            time,
            provide: provide(fork),
            looked_in: dir.map(Path::to_owned),
        }),
    }
}

/// What must lie in the folder of bundles for `fork`; `None` for a fork whose bundle is built in or
/// that has none.
pub fn provide(fork: Fork) -> Option<&'static Provide> {
    files::provide(fork)
}
