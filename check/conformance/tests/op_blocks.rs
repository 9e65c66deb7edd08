//! OP Sepolia blocks execute to their exact hashes.

use opal_conformance::op_block;
use std::path::PathBuf;

#[test]
fn op_sepolia_blocks() {
    let base = std::env::var_os("OPAL_FIXTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    let folder = base.join("op-sepolia-blocks");
    if !folder.exists() {
        let required = std::env::var_os("OPAL_FIXTURES_REQUIRED").is_some_and(|v| v == "1");
        assert!(
            !required,
            "fixtures are required but {} is absent",
            folder.display()
        );
        println!("skipped: fixtures absent");
        return;
    }
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
