//! The request and response files of execution-apis (`rpc-compat`), for the shape of answers.
//!
//! The chain of those files begins before the Merge, with rules that this engine does not have. So
//! a chain of our own stands in: the same accounts, and block by block the same transactions under
//! today's rules. Hashes of blocks in a request are exchanged for ours at the same height. What can
//! be compared then is whether an answer has the same shape: the same error code, or the same
//! fields with values of the same kind. Values are the business of other vectors, except those of
//! `eth_simulateV1`: its calls must use the same gas and return the same data, since the two heads
//! have one height and time.

use crate::Counts;
use alloy_consensus::Header;
use alloy_genesis::Genesis;
use alloy_primitives::{B256, Bytes, hex, keccak256};
use alloy_rlp::{Decodable, Header as RlpHeader};
use eyre::{Result, WrapErr, ensure, eyre};
use opal_engine::{ChainConfig, Engine, EngineConfig, L1BlockAttributes};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, path::Path};

/// Files that are not run, by the beginning of their names, and why.
const LEFT_OUT: [(&str, &str); 3] = [
    (
        "debug_getRawTransaction/get-invalid-hash",
        "hashes may be written without 0x here; geth refuses them",
    ),
    (
        "eth_simulateV1/ethSimulate-move-two-accounts-to-same-38023",
        "the file wants what geth does; here it is the error that the file's name speaks of",
    ),
    (
        "testing_",
        "a method for tests of block builders, which is not served",
    ),
];

/// Fields that come or go with a fork, and one that only some strategies of pruning have: the
/// stand-in chain is on the newest fork from its first block on.
const OF_SOME_FORKS: [&str; 12] = [
    "baseFeePerGas",
    "blobGasUsed",
    "chainId",
    "deleteStrategy",
    "excessBlobGas",
    "parentBeaconBlockRoot",
    "requestsHash",
    "root",
    "status",
    "withdrawals",
    "withdrawalsRoot",
    "yParity",
];

/// Runs all files under `folder` (an unpacked `tests` folder) or of an archive.
pub fn run(path: &Path) -> Result<Counts> {
    let files = read(path)?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(run_files(&files))
}

/// Names and contents, by path.
fn read(path: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    if path.is_dir() {
        for folder in walk(path)? {
            let name = folder.strip_prefix(path)?.display().to_string();
            files.insert(name, fs::read(&folder)?);
        }
        return Ok(files);
    }
    let file = fs::File::open(path).wrap_err_with(|| path.display().to_string())?;
    let unpacked = ruzstd::decoding::StreamingDecoder::new(file).map_err(|e| eyre!("{e}"))?;
    let mut archive = tar::Archive::new(unpacked);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.display().to_string();
        let name = name.trim_start_matches("./").trim_start_matches("tests/");
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content)?;
        files.insert(name.to_owned(), content);
    }
    Ok(files)
}

fn walk(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(walk(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

async fn run_files(files: &BTreeMap<String, Vec<u8>>) -> Result<Counts> {
    let part = |name: &str| files.get(name).ok_or_else(|| eyre!("there is no {name}"));
    let blocks = decode_chain(part("chain.rlp")?)?;
    let genesis: Genesis = serde_json::from_slice(part("genesis.json")?)?;
    let (engine, hashes) = stand_in(genesis, &blocks).await?;
    let mut counts = Counts::default();
    for (name, content) in files {
        if !name.ends_with(".io") {
            continue;
        }
        let text = str::from_utf8(content).wrap_err_with(|| name.clone())?;
        counts = counts.and(check(&engine, &hashes, name, text).await?);
    }
    engine.shutdown().await;
    Ok(counts)
}

/// A block of the fixture: its hash, its parent's and its transactions.
struct FixtureBlock {
    hash: B256,
    parent: B256,
    transactions: Vec<Bytes>,
}

fn decode_chain(mut rlp: &[u8]) -> Result<Vec<FixtureBlock>> {
    let mut blocks = Vec::new();
    while !rlp.is_empty() {
        let mut block = RlpHeader::decode_bytes(&mut rlp, true)?;
        let whole = block;
        let parent = Header::decode(&mut block)?.parent_hash;
        let header = whole.get(..whole.len() - block.len()).unwrap_or_default();
        let mut list = RlpHeader::decode_bytes(&mut block, true)?;
        let mut transactions = Vec::new();
        while !list.is_empty() {
            let before = list;
            let head = RlpHeader::decode(&mut list)?;
            ensure!(
                list.len() >= head.payload_length,
                "a transaction is cut off"
            );
            let payload = &list[..head.payload_length];
            list = &list[head.payload_length..];
            let bytes = if head.list {
                &before[..before.len() - list.len()]
            } else {
                payload
            };
            transactions.push(Bytes::copy_from_slice(bytes));
        }
        let hash = keccak256(header);
        blocks.push(FixtureBlock {
            hash,
            parent,
            transactions,
        });
    }
    Ok(blocks)
}

/// An engine with the fixture's accounts and transactions, and its hash for each of the fixture's.
async fn stand_in(
    mut genesis: Genesis,
    blocks: &[FixtureBlock],
) -> Result<(Engine, Vec<(B256, B256)>)> {
    let chain = ChainConfig::ethereum_dev(genesis.config.chain_id);
    // The oldest transactions pay one wei.
    genesis.base_fee_per_gas = Some(0);
    let mut config = EngineConfig::new(chain, genesis);
    config.rpc_access.http = false;
    let engine = Engine::start(config).await?;
    let mut hashes = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        for transaction in &block.transactions {
            // What today's rules refuse (blobs without their data) is missing here.
            let _ = engine.send_raw_transaction(transaction.clone()).await;
        }
        let attributes = L1BlockAttributes {
            timestamp: (index as u64 + 1) * 10,
            ..L1BlockAttributes::default()
        };
        let built = engine.build_block(attributes).await?;
        engine.set_heads(built.hash, built.hash, built.hash).await?;
        if index == 0 {
            hashes.push((block.parent, built.header.parent_hash));
        }
        hashes.push((block.hash, built.hash));
    }
    // Some stay in the pool for the files that look into it.
    Ok((engine, hashes))
}

async fn check(engine: &Engine, hashes: &[(B256, B256)], name: &str, text: &str) -> Result<Counts> {
    if let Some((_, reason)) = LEFT_OUT.iter().find(|(prefix, _)| name.starts_with(prefix)) {
        return Ok(Counts::excluded(reason));
    }
    let mut request = None;
    for line in text.lines() {
        if let Some(line) = line.strip_prefix(">> ") {
            request = Some(exchange(line, hashes));
        } else if let Some(line) = line.strip_prefix("<< ") {
            let request = request.take().ok_or_else(|| eyre!("{name}: no request"))?;
            let expected: Value = serde_json::from_str(line)?;
            let found: Value = serde_json::from_str(&engine.answer(&request).await)?;
            if let Some(counts) = judge(name, &request, &expected, &found) {
                return Ok(counts);
            }
        }
    }
    Ok(Counts {
        passed: 1,
        ..Counts::default()
    })
}

/// Names our blocks in place of the fixture's.
fn exchange(request: &str, hashes: &[(B256, B256)]) -> String {
    hashes.iter().fold(request.to_owned(), |text, (old, new)| {
        text.replace(&hex::encode(old), &hex::encode(new))
    })
}

/// `None` if the shapes are the same.
fn judge(name: &str, request: &str, expected: &Value, found: &Value) -> Option<Counts> {
    let problem = match (expected.get("error"), found.get("error")) {
        (Some(e), Some(f)) if e["code"] == f["code"] => return None,
        (Some(e), Some(f)) => format!("error {f} where {e} was expected"),
        (Some(e), None) => format!("{} where the error {e} was expected", found["result"]),
        (None, Some(f)) => format!("error {f}"),
        (None, None) => {
            let (e, f) = (&expected["result"], &found["result"]);
            let absent = ["/get-blob-tx.io", "/get-setcode-tx.io"];
            if f.is_null() && absent.iter().any(|end| name.ends_with(end)) {
                return Some(Counts::excluded(
                    "asks for a transaction that the chain of our own does not have",
                ));
            }
            same_shape("result", e, f).or_else(|| {
                let simulated = name.starts_with("eth_simulateV1/");
                simulated.then(|| same_simulation(e, f)).flatten()
            })?
        }
    };
    Some(Counts::failed(format!(
        "{name}: {problem}; request {request}"
    )))
}

/// Where two simulations differ in what came of their calls. They bring the state that they need,
/// and the two heads agree in height and time: so these values must be the same, but for hashes.
fn same_simulation(expected: &Value, found: &Value) -> Option<String> {
    let blocks = |v: &Value| v.as_array().cloned().unwrap_or_default();
    let calls = |v: &Value| -> Vec<Value> {
        let calls = v["calls"].as_array().into_iter().flatten();
        let of_call = |c: &Value| {
            let data = without_hashes(c["returnData"].as_str().unwrap_or_default());
            json!([c["status"], c["gasUsed"], data])
        };
        calls.map(of_call).collect()
    };
    let (e, f) = (blocks(expected), blocks(found));
    if e.len() != f.len() {
        return Some(format!("{} blocks instead of {}", f.len(), e.len()));
    }
    e.iter().zip(&f).enumerate().find_map(|(index, (e, f))| {
        let number = (e["number"] != f["number"])
            .then(|| format!("block {index} has the number {}", f["number"]));
        number.or_else(|| {
            let (e, f) = (calls(e), calls(f));
            (e != f).then(|| format!("block {index}: the calls gave {f:?} instead of {e:?}"))
        })
    })
}

/// Words of returned data, with a mark in the place of those that must be a hash of something.
fn without_hashes(data: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = data.strip_prefix("0x").unwrap_or(data);
    while let Some((word, more)) = rest.split_at_checked(64) {
        // No address, number or text of a test fills the whole word.
        let is_hash = word.chars().filter(|c| *c == '0').count() <= 16;
        let number = word.trim_start_matches('0');
        words.push(match number {
            _ if is_hash => "a hash",
            // The gas limits of the two heads: ours is that of the first block.
            "5f5e100" | "bebc200" => "a gas limit",
            _ => word,
        });
        rest = more;
    }
    words.push(rest);
    words
}

/// Where two values differ in kind.
fn same_shape(place: &str, expected: &Value, found: &Value) -> Option<String> {
    match (expected, found) {
        (Value::Object(e), Value::Object(f)) => {
            if is_table(e) && is_table(f) {
                return e
                    .iter()
                    .find_map(|(key, e)| same_shape(place, e, f.get(key)?));
            }
            let needed = |k: &&String| !OF_SOME_FORKS.contains(&k.as_str());
            let keys = || e.keys().filter(needed);
            let missing: Vec<&String> = keys().filter(|k| !f.contains_key(*k)).collect();
            if !missing.is_empty() {
                return Some(format!("{place} lacks {missing:?}"));
            }
            let keys = || f.keys().filter(needed);
            let more: Vec<&String> = keys().filter(|k| !e.contains_key(*k)).collect();
            if !more.is_empty() {
                return Some(format!("{place} has {more:?} too"));
            }
            e.iter().find_map(|(key, e)| {
                let f = f.get(key)?;
                same_shape(&format!("{place}.{key}"), e, f)
            })
        }
        (Value::Array(e), Value::Array(f)) => {
            let pair = e.first().zip(f.first());
            pair.and_then(|(e, f)| same_shape(&format!("{place}[0]"), e, f))
        }
        (Value::String(e), Value::String(f)) => {
            let kind = |s: &str| (s.starts_with("0x"), s.starts_with("0x").then(|| width(s)));
            (kind(e) != kind(f)).then(|| format!("{place} is {f}, like {e} it should be"))
        }
        // A value that may be absent is absent in one of the two chains.
        (Value::Null, _) | (_, Value::Null) if place != "result" => None,
        (e, f) if std::mem::discriminant(e) == std::mem::discriminant(f) => None,
        (e, f) => Some(format!("{place} is {f}, like {e} it should be")),
    }
}

/// Whether the keys are addresses or numbers: data, and no fields.
fn is_table(object: &serde_json::Map<String, Value>) -> bool {
    let is_data = |key: &String| key.starts_with("0x") || key.bytes().all(|b| b.is_ascii_digit());
    object.keys().all(is_data)
}

/// Data of a fixed width keeps it; quantities and bytes of any length are alike.
fn width(hex: &str) -> usize {
    match hex.len() {
        fixed @ (42 | 66 | 514) => fixed,
        _ => 0,
    }
}
