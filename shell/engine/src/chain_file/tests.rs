use super::*;
use opal_protocol::Fork;
use std::path::PathBuf;

const GENESIS: &str = r#"{
  "config": {
    "chainId": 901, "terminalTotalDifficulty": 0, "bedrockBlock": 0,
    "regolithTime": 0, "canyonTime": 0, "ecotoneTime": 0, "fjordTime": 10, "graniteTime": 20,
    "optimism": { "eip1559Elasticity": 6, "eip1559Denominator": 50, "eip1559DenominatorCanyon": 250 }
  },
  "timestamp": "0x65000000", "gasLimit": "0x1c9c380", "difficulty": "0x0", "number": "0x0",
  "baseFeePerGas": null,
  "alloc": { "0x4200000000000000000000000000000000000015": { "balance": "0x1", "code": "0x6001" } }
}"#;

fn write(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("genesis.json");
    fs::write(&path, text).unwrap();
    path
}

fn changed(change: impl FnOnce(&mut Value)) -> String {
    let mut json: Value = serde_json::from_str(GENESIS).unwrap();
    change(&mut json);
    json.to_string()
}

#[test]
fn a_genesis_file_gives_rules_and_accounts() {
    let folder = tempfile::tempdir().unwrap();
    let file = ChainFile::from_genesis(&write(folder.path(), GENESIS)).unwrap();
    assert_eq!(file.chain.chain_id, 901);
    assert!(file.chain.is_op_active(Fork::Granite, 20));
    assert!(!file.chain.is_op_active(Fork::Holocene, u64::MAX));
    assert_eq!(file.genesis.alloc.len(), 1);
    // The copy in the data directory says the same.
    let datadir = tempfile::tempdir().unwrap();
    assert!(ChainFile::stored(datadir.path()).unwrap().is_none());
    assert!(file.store(datadir.path()).unwrap());
    assert!(!file.store(datadir.path()).unwrap());
    let stored = ChainFile::stored(datadir.path()).unwrap().unwrap();
    assert_eq!((stored.chain, stored.genesis), (file.chain, file.genesis));
}

type Change = fn(&mut Value);

#[test]
fn errors_name_file_and_key() {
    let cases: [(&str, Change); 14] = [
        ("config: is missing", |j| {
            drop(j.as_object_mut().unwrap().remove("config"))
        }),
        ("config.chainId: is missing", |j| {
            drop(j["config"].as_object_mut().unwrap().remove("chainId"))
        }),
        ("config.chainId: must be a positive number", |j| {
            j["config"]["chainId"] = json!("x")
        }),
        ("config.canyonTime: must be a time", |j| {
            j["config"]["canyonTime"] = json!("soon")
        }),
        ("config.shanghaiTime: ", |j| {
            j["config"]["shanghaiTime"] = json!("soon")
        }),
        ("config.fjordTime: is missing, but granite", |j| {
            j["config"]["fjordTime"] = json!(null)
        }),
        ("config.graniteTime: 5 is before fjord's 10", |j| {
            j["config"]["graniteTime"] = json!(5)
        }),
        ("config.optimism: must be", |j| {
            j["config"]["optimism"] = json!(true)
        }),
        ("config.optimism.eip1559Denominator: must be from 1", |j| {
            j["config"]["optimism"]["eip1559Denominator"] = json!(0);
        }),
        ("gasLimit: is missing", |j| {
            drop(j.as_object_mut().unwrap().remove("gasLimit"))
        }),
        ("gasLimit: ", |j| j["gasLimit"] = json!("lots")),
        ("alloc.0x12: is no address", |j| {
            j["alloc"]["0x12"] = json!({ "balance": "0x1" })
        }),
        ("alloc.0x4200000000000000000000000000000000000015: ", |j| {
            j["alloc"]["0x4200000000000000000000000000000000000015"]["balance"] = json!("much");
        }),
        ("config.terminalTotalDifficulty: must be 0", |j| {
            let config = j["config"].as_object_mut().unwrap();
            config.remove("optimism");
            config.remove("terminalTotalDifficulty");
        }),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (expected, change) in cases {
        let path = write(folder.path(), &changed(change));
        let error = ChainFile::from_genesis(&path).unwrap_err().to_string();
        assert!(
            error.contains(expected),
            "`{error}` does not say `{expected}`"
        );
        assert!(error.contains("genesis.json"), "{error}");
    }
    let path = write(folder.path(), "{ \"config\": ");
    let error = ChainFile::from_genesis(&path).unwrap_err().to_string();
    assert!(
        error.contains("genesis.json") && error.contains("line 1"),
        "{error}"
    );
}

/// The registry's folder `extra`, unless the fixtures are absent.
fn registry() -> Option<PathBuf> {
    let base = std::env::var_os("OPAL_FIXTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    let extra = base.join("superchain-registry/superchain/extra");
    if extra.exists() {
        return Some(extra);
    }
    let required = std::env::var_os("OPAL_FIXTURES_REQUIRED").is_some_and(|v| v == "1");
    assert!(
        !required,
        "fixtures are required but {} is absent",
        extra.display()
    );
    println!("skipped: fixtures absent");
    None
}

#[test]
fn a_network_is_its_name_and_accounts_that_hash_to_its_genesis() {
    let Some(extra) = registry() else { return };
    let datadir = tempfile::tempdir().unwrap();
    let file = |name: &str| extra.join("genesis").join(format!("{name}.json.zst"));

    // Where the registry has it, with the dictionary in a folder above.
    let path = file("sepolia/zora");
    let zora = ChainFile::from_network("zora-sepolia", Some(&path), datadir.path()).unwrap();
    assert_eq!(zora.chain.chain_id, 999_999_999);
    assert_eq!(zora.network, Some("zora-sepolia"));

    // By name in the data directory, which then needs nothing else.
    let missing = ChainFile::from_network("zora-sepolia", None, datadir.path()).unwrap_err();
    let said = missing.to_string();
    for part in [
        "zora-sepolia.json.zst",
        "superchain/extra/genesis/sepolia/zora.json.zst",
        "0x8b17d2d5",
        "github.com/ethereum-optimism/superchain-registry",
    ] {
        assert!(said.contains(part), "`{said}` lacks {part}");
    }
    fs::copy(&path, datadir.path().join("zora-sepolia.json.zst")).unwrap();
    let said = ChainFile::from_network("zora-sepolia", None, datadir.path()).unwrap_err();
    assert!(said.to_string().contains("dictionary"), "{said}");
    fs::copy(extra.join("dictionary"), datadir.path().join("dictionary")).unwrap();
    let found = ChainFile::from_network("999999999", None, datadir.path()).unwrap();
    assert_eq!((&found.chain, &found.genesis), (&zora.chain, &zora.genesis));
    found.store(datadir.path()).unwrap();
    let stored = ChainFile::stored(datadir.path()).unwrap().unwrap();
    assert_eq!(stored.network, Some("zora-sepolia"));
    assert_eq!((stored.chain, stored.genesis), (zora.chain, zora.genesis));

    // Accounts of another network.
    let path = file("sepolia/metal");
    let other = ChainFile::from_network("zora-sepolia", Some(&path), datadir.path()).unwrap_err();
    assert!(
        matches!(other, ChainFileError::OtherGenesis { .. }),
        "{other}"
    );
    let network = ChainFile::from_network("zora-sepolja", None, datadir.path()).unwrap_err();
    assert!(network.to_string().contains("zora-sepolia"), "{network}");
}
