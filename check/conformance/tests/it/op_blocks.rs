//! OP Sepolia blocks execute to their exact hashes, and the network's configuration is the one that
//! comes with them.

use opal_conformance::{fixtures, op_block};
use opal_protocol::networks;

#[test]
fn op_sepolia_blocks() {
    let Some(base) = fixtures() else { return };
    let folder = base.join("op-sepolia-blocks");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("folder")
        .map(|e| e.expect("entry").path())
        .collect();
    files.sort();
    let mut ran = 0;
    for path in files
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "zst"))
    {
        let block = op_block::run(path).unwrap_or_else(|e| panic!("{e:?}"));
        println!("{block:?}");
        ran += 1;
    }
    assert!(ran >= 5, "only {ran} blocks were found");
}

#[test]
fn op_sepolia_is_configured_as_elsewhere() {
    let Some(fixtures) = fixtures() else { return };
    let path = fixtures.join("op-sepolia-blocks/block-26207960.tar.zst");
    let mut theirs = op_block::rollup_config(&path).expect("the configuration of the fixture");
    let ours = networks::rollup_config("op-sepolia").expect("a network");
    // It is of early 2025: it has a contract that is no more, and lacks the forks since.
    theirs.protocol_versions_address = ours.protocol_versions_address;
    theirs.forks.regolith_time = Some(0);
    theirs.forks.jovian_time = ours.forks.jovian_time;
    theirs.forks.karst_time = ours.forks.karst_time;
    theirs.keep_karst_upgrade_gas = ours.keep_karst_upgrade_gas;
    assert_eq!(theirs, ours);
}
