//! Genesis hashes of the superchain registry, and that the table of networks has them.

use opal_conformance::{Counts, fixtures, genesis};
use opal_protocol::networks;

/// A file that takes too long for the test command; `opal-conformance genesis` runs it.
const TOO_LARGE: &str = "mainnet/fraxtal";

#[test]
fn superchain_registry() {
    let Some(base) = fixtures() else { return };
    let superchain = base.join("superchain-registry/superchain");
    let dictionary = superchain.join("extra/dictionary");
    let (mut counts, mut in_table) = (Counts::default(), 0);
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
            if full == TOO_LARGE {
                let reason = format!("{full} is too large for this test");
                counts.excluded.insert(reason, 1);
                continue;
            }
            match genesis::run(&toml, &file, &dictionary) {
                Ok(built) => {
                    let table = known.config.genesis;
                    assert_eq!((table.l2.hash, table.l2.number), (built.hash, built.number));
                    assert_eq!(table.l2_time, built.time, "{full}");
                    counts.passed += 1;
                }
                Err(error) => match genesis::other_origin(&full) {
                    Some(reason) => {
                        counts.excluded.insert(reason, 1);
                    }
                    None => counts.failed.push(format!("{error:#}")),
                },
            }
        }
    }
    println!("{counts}");
    println!("{in_table} chains are in the table of networks");
    assert_eq!(in_table, 53);
    assert!(counts.failed.is_empty(), "{:#?}", counts.failed);
    assert_eq!((counts.passed, counts.left_out()), (48, 5));
}
