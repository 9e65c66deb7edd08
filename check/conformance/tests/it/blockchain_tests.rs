//! Ethereum's blockchain tests, imported through the engine's storage, block tree and trie. The
//! runner takes any other collection of this format; see `opal-conformance blockchain-tests`.

use opal_conformance::{Kind, blockchain_test, fixtures};

#[test]
fn ethereum_blockchain_tests() {
    let Some(base) = fixtures() else { return };
    let archive = base.join("ethereum/ethereum-tests.tar.zst");
    let counts = blockchain_test::run(&archive, "/BlockchainTests/").expect("archive");
    println!("{counts}");
    let some: Vec<_> = counts.failed.iter().take(20).collect();
    assert!(some.is_empty(), "{some:#?}");
    assert!(counts.passed >= 573, "only {} were found", counts.passed);
}

/// A valid block, a wrong state and a block that must be refused but is valid: told apart.
#[test]
fn the_runner_can_fail() {
    let Some(base) = fixtures() else { return };
    let archive = base.join("ethereum/ethereum-tests.tar.zst");
    let text = first_file(&archive, "ValidBlocks/bcValidBlockTest/SimpleTx.json");
    let folder = tempfile::tempdir().expect("temporary folder");
    let verdict = |name: &str, change: &dyn Fn(&mut serde_json::Value)| {
        let mut tests: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let test = tests.as_object_mut().expect("tests").values_mut().next();
        change(test.expect("a test"));
        let path = folder.path().join(name).with_extension("json");
        std::fs::write(&path, tests.to_string()).expect("written");
        blockchain_test::run(&path, "").expect("readable")
    };
    assert_eq!(verdict("same", &|_| {}).passed, 1);
    let failure = |name: &str, change: &dyn Fn(&mut serde_json::Value), words: &str| {
        let counts = verdict(name, change);
        let failed = counts.failed.first().expect("it fails");
        assert!(failed.contains(words), "{failed}");
    };
    let zero = format!("0x{:064x}", 0);
    failure(
        "head",
        &|t| t["lastblockhash"] = zero.clone().into(),
        "head is",
    );
    failure(
        "state",
        &|t| {
            let accounts = t["postState"].as_object_mut().expect("accounts");
            accounts.values_mut().next().expect("one")["balance"] = "0x1".into();
        },
        "balance of",
    );
    failure(
        "refused",
        &|t| t["blocks"][0]["expectException"] = "anything".into(),
        "was accepted",
    );
    failure(
        "genesis",
        &|t| t["genesisBlockHeader"]["gasLimit"] = "0x1".into(),
        "genesis hash is",
    );
    failure(
        "block",
        &|t| {
            let rlp = t["blocks"][0]["rlp"]
                .as_str()
                .expect("hex")
                .replace("01", "02");
            t["blocks"][0]["rlp"] = rlp.into();
        },
        "was refused",
    );
    let outcomes = Kind::StateTests.check_all(&[folder.path().join("same.json")]);
    let outcomes = outcomes.expect("readable");
    assert_eq!(outcomes[0].counts.left_out(), 1, "a file of another kind");
}

fn first_file(archive: &std::path::Path, name: &str) -> String {
    use std::io::Read as _;
    let file = std::fs::File::open(archive).expect("archive");
    let decoder = ruzstd::decoding::StreamingDecoder::new(std::io::BufReader::new(file));
    let mut archive = tar::Archive::new(decoder.expect("zstd"));
    for entry in archive.entries().expect("tar") {
        let mut entry = entry.expect("entry");
        if entry
            .path()
            .expect("path")
            .to_string_lossy()
            .ends_with(name)
        {
            let mut text = String::new();
            entry.read_to_string(&mut text).expect("text");
            return text;
        }
    }
    panic!("{name} is not in the archive");
}
