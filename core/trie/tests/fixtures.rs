//! The TrieTests of ethereum/tests.

use alloy_primitives::{B256, Bytes, hex, keccak256};
use opal_trie::{EMPTY_ROOT_HASH, Nibbles, NodeReader, ReadError, Trie, rebuild_root};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufReader, Read},
    path::PathBuf,
};

#[derive(Default)]
struct Store(BTreeMap<Nibbles, Bytes>);

impl NodeReader for Store {
    fn node(&self, _: Option<B256>, path: &Nibbles, _: B256) -> Result<Option<Bytes>, ReadError> {
        Ok(self.0.get(path).cloned())
    }
}

fn archive() -> Option<PathBuf> {
    let base = std::env::var_os("OPAL_FIXTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    let path = base.join("ethereum/ethereum-tests.tar.zst");
    if path.exists() {
        return Some(path);
    }
    assert!(
        std::env::var_os("OPAL_FIXTURES_REQUIRED").is_none_or(|v| v != "1"),
        "fixtures are required but {} is absent",
        path.display()
    );
    println!("skipped: fixtures absent");
    None
}

fn text_bytes(text: &str) -> Vec<u8> {
    match text.strip_prefix("0x") {
        Some(digits) => hex::decode(digits).expect("hex"),
        None => text.as_bytes().to_vec(),
    }
}

/// Key and value pairs in the order of the file; a null value deletes.
fn operations(input: &Value) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let pair = |key: &str, value: &Value| (text_bytes(key), value.as_str().map(text_bytes));
    match input {
        Value::Array(list) => list
            .iter()
            .map(|item| pair(item[0].as_str().expect("key"), &item[1]))
            .collect(),
        Value::Object(map) => map.iter().map(|(key, value)| pair(key, value)).collect(),
        _ => panic!("unknown input format"),
    }
}

/// Keys of a hexary trie are 32-byte hashes in Ethereum's state; tests with plain keys of several
/// lengths, where one is the prefix of another, need values in branches, which no state has.
fn prefix_free(keys: &[Vec<u8>]) -> bool {
    keys.iter()
        .all(|a| keys.iter().all(|b| a == b || !b.starts_with(a)))
}

fn run(name: &str, case: &Value, secure: bool) -> bool {
    let operations = operations(&case["in"]);
    let keys: Vec<_> = operations.iter().map(|(key, _)| key.clone()).collect();
    if !secure && !prefix_free(&keys) {
        println!("{name}: needs values in branches, left out");
        return false;
    }
    let expected: B256 = case["root"].as_str().expect("root").parse().expect("hash");
    let nibbles = |key: &[u8]| {
        if secure {
            Nibbles::unpack(keccak256(key))
        } else {
            Nibbles::unpack(key)
        }
    };
    let mut trie = Trie::new(EMPTY_ROOT_HASH);
    let mut store = Store::default();
    let mut leaves = BTreeMap::new();
    for (key, value) in &operations {
        let update = BTreeMap::from([(nibbles(key), value.clone())]);
        for (path, node) in trie.update(&store, &update).expect("update") {
            match node {
                Some(rlp) => store.0.insert(path, rlp),
                None => store.0.remove(&path),
            };
        }
        match value {
            Some(value) => leaves.insert(keccak256(key), value.clone()),
            None => leaves.remove(&keccak256(key)),
        };
        // The next operation starts from the store alone.
        trie = Trie::new(trie.root());
    }
    assert_eq!(trie.root(), expected, "{name}");
    if secure {
        assert_eq!(rebuild_root(leaves), expected, "{name}, rebuilt");
    }
    true
}

#[test]
fn ethereum_trie_tests() {
    let Some(path) = archive() else { return };
    let file = BufReader::new(File::open(path).expect("archive"));
    let decoder = ruzstd::decoding::StreamingDecoder::new(file).expect("zstd");
    let mut tar = tar::Archive::new(decoder);
    let (mut passed, mut left_out) = (0, 0);
    for entry in tar.entries().expect("tar") {
        let mut entry = entry.expect("entry");
        let path = entry.path().expect("path").into_owned();
        let name = path.to_string_lossy().into_owned();
        if !name.contains("TrieTests/") || !name.ends_with(".json") || name.contains("nextprev") {
            continue;
        }
        let mut text = String::new();
        entry.read_to_string(&mut text).expect("text");
        let secure = name.to_lowercase().contains("secure");
        let cases: BTreeMap<String, Value> = serde_json::from_str(&text).expect("json");
        for (case_name, case) in &cases {
            if run(&format!("{name}: {case_name}"), case, secure) {
                passed += 1;
            } else {
                left_out += 1;
            }
        }
    }
    println!("{passed} cases passed, {left_out} left out");
    assert!(passed >= 10, "only {passed} cases were found");
}
