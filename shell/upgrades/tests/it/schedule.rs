//! Which bundles a chain needs, and what happens when one is not at hand.

use crate::common::{GENESIS_TIME, time_of, upgrading_chain};
use opal_protocol::{Fork, UpgradeBundle, Upgrades, upgrades::UPGRADING_FORKS};
use opal_upgrades::{BundleError, check_before, load};
use std::path::Path;

fn empty(fork: Fork) -> UpgradeBundle {
    UpgradeBundle {
        fork,
        transactions: Vec::new(),
    }
}

#[test]
fn only_forks_that_the_chain_activates_after_genesis_have_bundles() {
    let mut cfg = upgrading_chain();
    let forks = |cfg: &_| {
        let upgrades = load(cfg, None).unwrap();
        UPGRADING_FORKS.map(|fork| upgrades.get(fork).is_some())
    };
    assert_eq!(forks(&cfg), [true, true, true, false, false]);
    // The bundle of a fork active at genesis lies in the genesis state.
    cfg.forks.set(Fork::Ecotone, Some(GENESIS_TIME));
    cfg.forks.set(Fork::Isthmus, None);
    assert_eq!(forks(&cfg), [false, true, false, false, false]);
}

#[test]
fn a_missing_bundle_ahead_names_file_folder_and_hash() {
    let cfg = upgrading_chain();
    let dir = Path::new("/nowhere/bundles");
    let mut upgrades = load(&cfg, Some(dir)).unwrap();
    let error = check_before(&cfg, &upgrades, Some(dir), 0).unwrap_err();
    assert!(
        matches!(error, BundleError::Missing { fork: Fork::Jovian, time, .. }
        if time == time_of(Fork::Jovian))
    );
    let text = error.to_string();
    for part in [
        "jovian",
        "jovian-l1-block-deployment.txt and jovian-gas-price-oracle-deployment.txt",
        "/nowhere/bundles",
        "ethereum-optimism/specs",
    ] {
        assert!(text.contains(part), "{text}");
    }

    upgrades.insert(empty(Fork::Jovian));
    let text = check_before(&cfg, &upgrades, None, 0)
        .unwrap_err()
        .to_string();
    for part in [
        "karst_nut_bundle.json",
        "name a folder",
        "08f5df36f7ff29a9421ab84beebe96684a7455df9a5d234a2468613a4008ad91",
    ] {
        assert!(text.contains(part), "{text}");
    }

    upgrades.insert(empty(Fork::Karst));
    check_before(&cfg, &upgrades, None, 0).unwrap();
}

#[test]
fn a_chain_past_its_activation_block_needs_no_bundle() {
    let cfg = upgrading_chain();
    let upgrades = load(&cfg, None).unwrap();
    let missing = |head_time| match check_before(&cfg, &upgrades, None, head_time) {
        Ok(()) => None,
        Err(BundleError::Missing { fork, .. }) => Some(fork),
        Err(other) => panic!("{other}"),
    };
    // Blocks have odd times here, so the first block at or after an odd time is at that time.
    let (jovian, karst) = (time_of(Fork::Jovian), time_of(Fork::Karst));
    assert_eq!(missing(GENESIS_TIME), Some(Fork::Jovian));
    assert_eq!(missing(jovian), Some(Fork::Jovian));
    assert_eq!(missing(jovian + 1), Some(Fork::Karst));
    assert_eq!(missing(karst), Some(Fork::Karst));
    assert_eq!(missing(karst + 1), None);
    // A time between two blocks activates in the later one.
    let mut cfg = cfg.clone();
    cfg.forks.set(Fork::Karst, Some(karst + 1));
    let at = |head_time| check_before(&cfg, &upgrades, None, head_time).is_err();
    assert!(at(karst + 2));
    assert!(!at(karst + 3));
}

#[test]
fn a_chain_without_upgrades_needs_nothing() {
    let mut cfg = upgrading_chain();
    for fork in UPGRADING_FORKS {
        cfg.forks.set(fork, Some(0));
    }
    assert_eq!(load(&cfg, None).unwrap(), Upgrades::none());
    check_before(&cfg, &Upgrades::none(), None, 0).unwrap();
}
