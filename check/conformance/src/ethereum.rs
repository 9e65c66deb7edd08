//! What state tests and blockchain tests have in common: the names of rules, and how files are
//! read: a JSON file, or all JSON files of an archive (`.tar.zst`).

use crate::Counts;
use alloy_primitives::{Address, address};
use eyre::{Result, WrapErr, eyre};
use opal_execution::{BlobParams, ChainConfig, ChainKind, EthFork, EthereumRules};
use rayon::prelude::*;
use serde::de::IgnoredAny;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

/// The deposit contract of mainnet, which the tests use. spec: EIP-6110
const DEPOSIT_CONTRACT: Address = address!("00000000219ab540356cbb839cbe05303d7705fa");
/// When the second rules of a transition test begin, unix seconds: `...AtTime15k`.
const TRANSITION_TIME: u64 = 15_000;
/// Files of an archive that are unpacked before they are run.
const CHUNK_FILES: usize = 64;

/// Why a test whose rules are not ours is not run.
pub(crate) const OTHER_RULES: &str = "its rules are none of Ethereum's since the Merge";
/// Why a file is not run.
pub(crate) const OTHER_KIND: &str = "a file of another kind";

/// Tests of states that no chain can reach: an account with storage but without nonce and code, on
/// which a contract is created (EIP-7610). The EVM we use does not implement that rule.
const UNREACHABLE_FILES: [&str; 5] = [
    "/InitCollisionParis.json",
    "/RevertInCreateInInit_Paris.json",
    "/RevertInCreateInInitCreate2Paris.json",
    "/create2collisionStorageParis.json",
    "/dynamicAccountOverwriteEmpty_Paris.json",
];

/// Why such a test is not run.
pub(crate) const UNREACHABLE: &str = "no chain can reach its state (EIP-7610)";

/// Whether a file's tests start from a state that no chain can reach.
pub(crate) fn is_unreachable(file: &str) -> bool {
    UNREACHABLE_FILES.iter().any(|name| file.ends_with(name))
}

/// The rules that `network` names, for one chain id: a fork since the Merge, or the transition
/// between two of them.
pub(crate) fn chain_of(network: &str, chain_id: u64) -> Option<ChainConfig> {
    let rules = match network.strip_suffix("AtTime15k") {
        None => vec![(0, rules_of(network)?)],
        Some(transition) => {
            let (from, to) = transition.split_once("To")?;
            vec![(0, rules_of(from)?), (TRANSITION_TIME, rules_of(to)?)]
        }
    };
    let since = |first: EthFork| {
        let found = rules.iter().find(|(_, (fork, _))| *fork >= first);
        found.map(|(time, _)| *time)
    };
    let blobs = rules.iter().map(|(time, (_, params))| (*time, *params));
    let blob_schedule = blobs.filter_map(|(time, params)| Some((time, params?)));
    let rules = EthereumRules {
        shanghai_time: since(EthFork::Shanghai),
        cancun_time: since(EthFork::Cancun),
        prague_time: since(EthFork::Prague),
        osaka_time: since(EthFork::Osaka),
        blob_schedule: blob_schedule.collect(),
        deposit_contract: Some(DEPOSIT_CONTRACT),
    };
    Some(ChainConfig {
        chain_id,
        kind: ChainKind::Ethereum(rules),
    })
}

fn rules_of(name: &str) -> Option<(EthFork, Option<BlobParams>)> {
    Some(match name {
        "Paris" | "Merge" => (EthFork::Paris, None),
        "Shanghai" => (EthFork::Shanghai, None),
        "Cancun" => (EthFork::Cancun, Some(BlobParams::cancun())),
        "Prague" => (EthFork::Prague, Some(BlobParams::prague())),
        "Osaka" => (EthFork::Osaka, Some(BlobParams::osaka())),
        "BPO1" => (EthFork::Osaka, Some(BlobParams::bpo1())),
        "BPO2" => (EthFork::Osaka, Some(BlobParams::bpo2())),
        _ => return None,
    })
}

/// Whether the tests of a JSON file have the key `key`; an error if it is no JSON.
pub(crate) fn has_key(text: &str, key: &str) -> Result<bool> {
    // A file of another kind may hold anything at all, but it must be JSON.
    serde_json::from_str::<IgnoredAny>(text)?;
    let tests: Result<BTreeMap<String, BTreeMap<String, IgnoredAny>>, _> =
        serde_json::from_str(text);
    Ok(tests.is_ok_and(|tests| tests.values().any(|test| test.contains_key(key))))
}

/// Runs `check` on a JSON file, or on all JSON files of an archive whose name there holds `filter`,
/// on all cores. `check` gets a file's name and text.
pub(crate) fn run_files(
    path: &Path,
    filter: &str,
    check: impl Fn(&str, &str) -> Counts + Sync,
) -> Result<Counts> {
    let context = || path.display().to_string();
    let file = File::open(path).wrap_err_with(context)?;
    if path.extension().is_some_and(|e| e == "json") {
        let text = std::io::read_to_string(file).wrap_err_with(context)?;
        return Ok(check(&context(), &text));
    }
    if path.extension().is_none_or(|e| e != "zst") {
        return Ok(Counts::excluded(OTHER_KIND));
    }
    let decoder = ruzstd::decoding::StreamingDecoder::new(BufReader::new(file))
        .map_err(|e| eyre!("{}: {e}", path.display()))?;
    let mut archive = tar::Archive::new(decoder);
    let (mut counts, mut chunk) = (Counts::default(), Vec::new());
    let run = |chunk: &mut Vec<(String, String)>| -> Counts {
        let parts = chunk.par_iter().map(|(name, text)| check(name, text));
        let counts = parts.reduce(Counts::default, Counts::and);
        chunk.clear();
        counts
    };
    for entry in archive.entries().wrap_err_with(context)? {
        let mut entry = entry.wrap_err_with(context)?;
        let name = entry.path()?.to_string_lossy().into_owned();
        if !name.ends_with(".json") || name.contains("/.") || !name.contains(filter) {
            continue;
        }
        let mut text = String::new();
        entry.read_to_string(&mut text)?;
        chunk.push((name, text));
        if chunk.len() == CHUNK_FILES {
            counts = counts.and(run(&mut chunk));
        }
    }
    Ok(counts.and(run(&mut chunk)))
}
