//! Genesis blocks of the superchain registry: the hash of each published chain from its accounts.
//!
//! A fixture is a genesis file (zstd with the registry's dictionary) and the chain's TOML file, of
//! which only fork times and the genesis hash matter here.

use crate::Verdict;
use alloy_genesis::{Genesis, GenesisAccount};
use alloy_primitives::{Address, B256};
use eyre::{OptionExt, Result, WrapErr, ensure, eyre};
use opal_execution::{ChainConfig, ChainKind, OptimismRules, genesis};
use opal_protocol::{Fork, ForkTimes, config::ChainOpConfig};
use opal_trie::{rebuild_state_root, rebuild_storage_root};
use ruzstd::decoding::{Dictionary, FrameDecoder, StreamingDecoder};
use std::{collections::BTreeMap, fs, io::Read, path::Path};

/// What a registry file says of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Chain id of L2.
    pub chain_id: u64,
    /// Hash of the first L2 block.
    pub genesis_hash: B256,
    /// Fork times.
    pub forks: ForkTimes,
}

/// A genesis block that was built from its accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Built {
    /// Its hash, which is the published one.
    pub hash: B256,
    /// Its height.
    pub number: u64,
    /// Its unix time in seconds.
    pub time: u64,
}

/// Registry files that do not hold the block that the network started from, and what they hold.
const OTHER_ORIGIN: [(&str, &str); 4] = [
    (
        "mainnet/op",
        "starts from block 105235063 of a chain from before Bedrock; the file holds that chain's \
         block 0 without its accounts",
    ),
    (
        "mainnet/boba",
        "starts from block 1149019 of a chain from before Bedrock; the file holds that chain's \
         block 0 without its accounts",
    ),
    (
        "sepolia/boba",
        "starts from block 511 of a chain from before Bedrock; the file holds that chain's block 0 \
         without its accounts",
    ),
    (
        "mainnet/celo",
        "starts from block 31056500 of a chain that was an L1; the file holds that chain's block 0",
    ),
];

/// Why the registry's file of a network, as in `mainnet/op`, cannot give the network's first block.
pub fn other_origin(network: &str) -> Option<String> {
    let mut known = OTHER_ORIGIN.iter();
    let (name, reason) = known.find(|(name, _)| *name == network)?;
    Some(format!("{name} {reason}"))
}

/// Runs one file: `NETWORK/NAME.json.zst` within the registry's folders, or a genesis file `X.json`
/// with its `config`, whose block must have the hash that `X.hash` holds.
pub fn check(path: &Path) -> Result<Verdict> {
    let name = path.to_string_lossy();
    if let Some(stem) = name.strip_suffix(".json.zst") {
        let mut parts = stem.rsplit('/');
        let (chain, network) = (parts.next(), parts.next());
        let network = network.zip(chain).map(|(n, c)| format!("{n}/{c}"));
        if let Some(reason) = network.and_then(|network| other_origin(&network)) {
            return Ok(Verdict::Excluded(reason));
        }
        let extra = path.ancestors().nth(3).ok_or_eyre("not in the registry")?;
        let superchain = extra.parent().ok_or_eyre("not in the registry")?;
        let chain = path.strip_prefix(extra.join("genesis"))?;
        let toml = chain.to_string_lossy().replace(".json.zst", ".toml");
        let toml = superchain.join("configs").join(toml);
        let built = run(&toml, path, &extra.join("dictionary"))?;
        return Ok(Verdict::Passed(built.hash.to_string()));
    }
    if !name.ends_with(".json") {
        return Ok(Verdict::Excluded("not a genesis file".into()));
    }
    let file: Genesis = serde_json::from_slice(&fs::read(path)?)?;
    let built = genesis::genesis(&file, &ChainConfig::from_genesis(&file)?).hash;
    let Ok(wanted) = fs::read_to_string(path.with_extension("hash")) else {
        let reason = format!("hash is {built}; no file beside it says what it must be");
        return Ok(Verdict::Excluded(reason));
    };
    let wanted: B256 = wanted.trim().parse()?;
    ensure!(built == wanted, "genesis hash is {built}, must be {wanted}");
    Ok(Verdict::Passed(built.to_string()))
}

/// Builds the genesis block of one chain and compares its hash with the published one. Also
/// rebuilds the state root from the sorted accounts by another implementation.
pub fn run(toml: &Path, genesis_file: &Path, dictionary: &Path) -> Result<Built> {
    let context = || toml.display().to_string();
    let published = published(toml)?;
    let genesis_json = decompress(genesis_file, dictionary).wrap_err_with(context)?;
    let mut file: serde_json::Value =
        serde_json::from_slice(&genesis_json).wrap_err_with(context)?;
    // Most files leave the rules to the TOML file.
    file.as_object_mut()
        .ok_or_eyre("the genesis file is no object")?
        .remove("config");
    let file: Genesis = serde_json::from_value(file).wrap_err_with(context)?;
    let rules = OptimismRules {
        forks: published.forks,
        eip1559: ChainOpConfig::default(),
    };
    let chain = ChainConfig {
        chain_id: published.chain_id,
        kind: ChainKind::Optimism(rules),
    };
    // What EIP-7610 is about exists on no network of the registry.
    let storage_alone = file.alloc.iter().find(|(_, account)| {
        let has_storage = account.storage.as_ref().is_some_and(|s| !s.is_empty());
        let has_code = account.code.as_ref().is_some_and(|c| !c.is_empty());
        has_storage && !has_code && account.nonce.unwrap_or_default() == 0
    });
    if let Some((address, _)) = storage_alone {
        let problem = "has storage, but neither code nor nonce (EIP-7610)";
        return Err(eyre!("{}: account {address} {problem}", context()));
    }
    let block = genesis::genesis(&file, &chain);
    let rebuilt = rebuild_state_root(block.diff.hashed().into_iter().map(|(address, update)| {
        let root = rebuild_storage_root(update.storage);
        (address, update.account.unwrap_or_default(), root)
    }));
    ensure!(
        rebuilt == block.header.state_root,
        "{}: the rebuilt root differs",
        context()
    );
    ensure!(
        block.hash == published.genesis_hash,
        "{}: genesis hash is {}, published is {}",
        context(),
        block.hash,
        published.genesis_hash
    );
    Ok(Built {
        hash: block.hash,
        number: block.header.number,
        time: block.header.timestamp,
    })
}

/// What the chain's TOML file says.
pub fn published(toml: &Path) -> Result<Published> {
    parse(&fs::read_to_string(toml)?).wrap_err_with(|| toml.display().to_string())
}

/// The accounts of a registry's genesis file.
pub fn accounts(file: &Path, dictionary: &Path) -> Result<BTreeMap<Address, GenesisAccount>> {
    #[derive(serde::Deserialize)]
    struct Accounts {
        alloc: BTreeMap<Address, GenesisAccount>,
    }
    let accounts: Accounts = serde_json::from_slice(&decompress(file, dictionary)?)?;
    Ok(accounts.alloc)
}

fn decompress(file: &Path, dictionary: &Path) -> Result<Vec<u8>> {
    let dictionary = fs::read(dictionary)?;
    let dictionary = Dictionary::decode_dict(&dictionary).map_err(|e| eyre!("dictionary: {e}"))?;
    let mut decoder = FrameDecoder::new();
    decoder.add_dict(dictionary)?;
    let mut out = Vec::new();
    StreamingDecoder::new_with_decoder(fs::File::open(file)?, decoder)
        .map_err(|e| eyre!("zstd: {e}"))?
        .read_to_end(&mut out)?;
    Ok(out)
}

/// The few keys needed, without a TOML parser: `key = value` lines below `[section]` lines.
fn parse(toml: &str) -> Result<Published> {
    let mut section = String::new();
    let (mut chain_id, mut genesis_hash) = (None, None);
    let mut forks = ForkTimes::default();
    forks.set(Fork::Regolith, Some(0));
    for line in toml.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            section = name.to_owned();
        } else if let Some((key, value)) = line.split_once('=') {
            let (key, value) = (key.trim(), value.trim().trim_matches('"'));
            match (section.as_str(), key) {
                ("", "chain_id") => chain_id = Some(value.parse()?),
                ("genesis.l2", "hash") => genesis_hash = Some(value.parse()?),
                ("hardforks", key) => {
                    let fork = key.strip_suffix("_time").and_then(|name| name.parse().ok());
                    if let Some(fork) = fork {
                        forks.set(fork, Some(value.parse()?));
                    } else if key == "pectra_blob_schedule_time" {
                        forks.pectra_blob_schedule_time = Some(value.parse()?);
                    }
                }
                _ => {}
            }
        }
    }
    Ok(Published {
        chain_id: chain_id.ok_or_eyre("chain_id is missing")?,
        genesis_hash: genesis_hash.ok_or_eyre("genesis.l2.hash is missing")?,
        forks,
    })
}
