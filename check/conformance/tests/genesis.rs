//! Genesis hashes of the superchain registry.

use opal_conformance::genesis;
use std::path::PathBuf;

/// Chains whose genesis file does not hold the block that the network started from: they came from
/// an older chain, or the file holds hashes only.
const OTHER_ORIGIN: [&str; 4] = ["mainnet/op", "mainnet/boba", "sepolia/boba", "mainnet/celo"];
/// Left out for its size.
const TOO_LARGE: [&str; 1] = ["mainnet/fraxtal"];

#[test]
fn superchain_registry() {
    let base = std::env::var_os("OPAL_FIXTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    let superchain = base.join("superchain-registry/superchain");
    if !superchain.exists() {
        let required = std::env::var_os("OPAL_FIXTURES_REQUIRED").is_some_and(|v| v == "1");
        assert!(
            !required,
            "fixtures are required but {} is absent",
            superchain.display()
        );
        println!("skipped: fixtures absent");
        return;
    }
    let dictionary = superchain.join("extra/dictionary");
    let (mut passed, mut failed) = (0, Vec::new());
    for network in ["mainnet", "sepolia", "sepolia-devnet-2"] {
        let folder = superchain.join("extra/genesis").join(network);
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .expect("folder")
            .map(|e| e.expect("entry").path())
            .collect();
        files.sort();
        for file in files {
            let name = file
                .file_name()
                .expect("name")
                .to_string_lossy()
                .into_owned();
            let name = name.trim_end_matches(".json.zst");
            let full = format!("{network}/{name}");
            if TOO_LARGE.contains(&full.as_str()) {
                continue;
            }
            let toml = superchain
                .join("configs")
                .join(network)
                .join(format!("{name}.toml"));
            match genesis::run(&toml, &file, &dictionary) {
                Ok(_) => passed += 1,
                Err(error) if OTHER_ORIGIN.contains(&full.as_str()) => {
                    println!("{full}: as expected, {error}");
                }
                Err(error) => failed.push(format!("{error:#}")),
            }
        }
    }
    println!("{passed} genesis hashes match");
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(passed >= 48, "only {passed} chains were found");
}
