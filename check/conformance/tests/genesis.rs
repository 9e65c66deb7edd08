//! Genesis hashes of the superchain registry, and that the table of networks has them.

use opal_conformance::genesis;
use opal_protocol::networks;
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
    let (mut passed, mut in_table, mut failed) = (0, 0, Vec::new());
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
            let toml = superchain
                .join("configs")
                .join(network)
                .join(format!("{name}.toml"));
            let known = networks::find(&format!("{name}-{network}")).expect("it is in the table");
            let published = genesis::published(&toml).expect("it can be read");
            assert_eq!(known.config.l2_chain_id, published.chain_id, "{full}");
            assert_eq!(
                known.config.genesis.l2.hash, published.genesis_hash,
                "{full}"
            );
            assert_eq!(known.config.forks, published.forks, "{full}");
            in_table += 1;
            if TOO_LARGE.contains(&full.as_str()) {
                continue;
            }
            match genesis::run(&toml, &file, &dictionary) {
                Ok(built) => {
                    let table = known.config.genesis;
                    assert_eq!((table.l2.hash, table.l2.number), (built.hash, built.number));
                    assert_eq!(table.l2_time, built.time, "{full}");
                    passed += 1;
                }
                Err(error) if OTHER_ORIGIN.contains(&full.as_str()) => {
                    println!("{full}: as expected, {error}");
                }
                Err(error) => failed.push(format!("{error:#}")),
            }
        }
    }
    println!("{passed} genesis hashes match; {in_table} chains are in the table of networks");
    assert_eq!(in_table, 53);
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(passed >= 48, "only {passed} chains were found");
}
