//! Bundles from files.

use crate::common::{init_code, init_codes, upgrading_chain};
use alloy_primitives::Bytes;
use opal_protocol::{Fork, upgrades::jovian_bundle};
use opal_upgrades::{BundleError, check_before, load};
use std::fs;

const CODES: [&str; 2] = [
    "jovian-l1-block-deployment.txt",
    "jovian-gas-price-oracle-deployment.txt",
];

#[test]
fn jovian_from_its_published_init_codes() {
    let Some(dir) = init_codes() else { return };
    let mut cfg = upgrading_chain();
    let upgrades = load(&cfg, Some(&dir)).unwrap();
    let code = |name| Bytes::from(init_code(name).unwrap());
    let expected = jovian_bundle(code("jovian-l1-block"), code("jovian-gas-price-oracle"));
    assert_eq!(upgrades.get(Fork::Jovian), Some(&expected));
    assert_eq!(upgrades.get(Fork::Karst), None);
    cfg.forks.set(Fork::Karst, None);
    check_before(&cfg, &upgrades, Some(&dir), 0).unwrap();
}

#[test]
fn jovian_from_a_bundle_file() {
    let Some(dir) = init_codes() else { return };
    let cfg = upgrading_chain();
    let upgrades = load(&cfg, Some(&dir)).unwrap();
    let bundle = upgrades.get(Fork::Jovian).unwrap();
    let own = tempfile::tempdir().unwrap();
    let path = own.path().join("jovian_nut_bundle.json");
    fs::write(&path, bundle.to_json()).unwrap();
    let again = load(&cfg, Some(own.path())).unwrap();
    assert_eq!(again.get(Fork::Jovian), Some(bundle));
    // The layout of the file does not matter, what lands on the chain does.
    fs::write(&path, bundle.to_json().replace("  ", " ")).unwrap();
    load(&cfg, Some(own.path())).unwrap();
    let dearer = bundle.to_json().replace("447315", "447316");
    fs::write(&path, dearer).unwrap();
    let error = load(&cfg, Some(own.path())).unwrap_err();
    assert!(matches!(error, BundleError::Hash { .. }), "{error}");
}

#[test]
fn tampered_init_codes_are_refused() {
    let Some(dir) = init_codes() else { return };
    let cfg = upgrading_chain();
    let own = tempfile::tempdir().unwrap();
    let texts = CODES.map(|name| fs::read_to_string(dir.join(name)).unwrap());
    for (name, text) in CODES.iter().zip(&texts) {
        fs::write(own.path().join(name), text).unwrap();
    }
    assert!(load(&cfg, Some(own.path())).is_ok());
    let path = own.path().join(CODES[1]);
    let tampered = format!("{}00", texts[1].trim());
    fs::write(&path, tampered).unwrap();
    let error = load(&cfg, Some(own.path())).unwrap_err().to_string();
    assert!(error.contains("another bundle"), "{error}");
    fs::write(&path, "0x0g").unwrap();
    let error = load(&cfg, Some(own.path())).unwrap_err();
    assert!(matches!(error, BundleError::NoHex { .. }), "{error}");
    // One of two is as good as none.
    fs::remove_file(&path).unwrap();
    let upgrades = load(&cfg, Some(own.path())).unwrap();
    assert_eq!(upgrades.get(Fork::Jovian), None);
}

/// A file in the format of the published bundle, with the first two of its transactions shortened.
const KARST_LIKE: &str = r#"{
  "metadata": {
    "version": "1.0.0"
  },
  "transactions": [
    {
      "data": "0x9b217f1b15f9c04316d04d42f550c340c5b2ee8e5ae05cab4f8cd9cb21970ca46080",
      "from": "0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001",
      "gasLimit": 580000,
      "intent": "ConditionalDeployer Deployment",
      "to": "0x4e59b44847b379578588920cA78FbF26c0B4956C"
    },
    {
      "data": "0x3659cfe6000000000000000000000000906835344844979ffd3a752eaa23728d513db00b",
      "from": "0x0000000000000000000000000000000000000000",
      "gasLimit": 77000,
      "intent": "Upgrade ConditionalDeployer Implementation",
      "to": "0x420000000000000000000000000000000000002C"
    }
  ]
}"#;

#[test]
fn another_karst_bundle_than_the_pinned_one_is_refused() {
    let cfg = upgrading_chain();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("karst_nut_bundle.json");
    fs::write(&path, KARST_LIKE).unwrap();
    let error = load(&cfg, Some(dir.path())).unwrap_err();
    assert!(matches!(error, BundleError::Hash { .. }), "{error}");
    let text = error.to_string();
    for part in [
        "karst_nut_bundle.json",
        "SHA-256",
        "08f5df36",
        "op-core/nuts/bundles",
    ] {
        assert!(text.contains(part), "{text}");
    }
    for broken in [
        "",
        "{}",
        "[]",
        &KARST_LIKE[..300],
        &KARST_LIKE.replace("1.0.0", "2.0.0"),
    ] {
        fs::write(&path, broken).unwrap();
        let error = load(&cfg, Some(dir.path())).unwrap_err();
        assert!(matches!(error, BundleError::Malformed { .. }), "{error}");
    }
    // A chain without Karst does not look at the file.
    let mut cfg = cfg.clone();
    cfg.forks.set(Fork::Karst, None);
    assert!(load(&cfg, Some(dir.path())).is_ok());
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let cfg = upgrading_chain();
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("karst_nut_bundle.json")).unwrap();
    let error = load(&cfg, Some(dir.path())).unwrap_err();
    assert!(matches!(error, BundleError::Read { .. }), "{error}");
}
