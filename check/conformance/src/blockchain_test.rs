//! Blockchain tests of Ethereum since the Merge: blocks as RLP, imported one by one through the
//! engine's own storage, block tree and state trie.
//!
//! A file holds tests; each has a genesis block with its accounts, blocks of which some must be
//! refused, and the head and state that the chain must end with. Each test gets an engine of its
//! own in memory, without servers. Every valid block becomes the head. In the end everything is
//! flushed, and the state is read back from the tables on disk.

use crate::{
    Counts,
    ethereum::{self, OTHER_KIND, OTHER_RULES, chain_of, has_key, run_files},
};
use alloy_eips::eip7840::BlobParams;
use alloy_genesis::{Genesis, GenesisAccount};
use alloy_primitives::{Address, B64, B256, Bytes, KECCAK256_EMPTY, U256};
use eyre::{OptionExt, Result, WrapErr, bail, ensure, eyre};
use opal_engine::{EngineConfig, ImportError, LocalEngine};
use opal_execution::{ChainConfig, ChainKind, StateReader};
use serde::Deserialize;
use std::{collections::BTreeMap, path::Path, time::Duration};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Test {
    network: String,
    blocks: Vec<Block>,
    genesis_block_header: GenesisHeader,
    pre: BTreeMap<Address, GenesisAccount>,
    lastblockhash: B256,
    post_state: Option<BTreeMap<Address, GenesisAccount>>,
    post_state_hash: Option<B256>,
    #[serde(default)]
    config: Config,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Block {
    /// Not always hex: some tests are of bytes that cannot be written down as a block.
    rlp: String,
    expect_exception: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GenesisHeader {
    hash: B256,
    parent_hash: B256,
    coinbase: Address,
    difficulty: U256,
    number: U256,
    gas_limit: U256,
    timestamp: U256,
    extra_data: Bytes,
    mix_hash: B256,
    nonce: B64,
    base_fee_per_gas: Option<U256>,
    blob_gas_used: Option<U256>,
    excess_blob_gas: Option<U256>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    chainid: Option<U256>,
    #[serde(default)]
    blob_schedule: BTreeMap<String, BlobEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlobEntry {
    target: U256,
    max: U256,
    base_fee_update_fraction: U256,
}

/// Runs a JSON file, or all JSON files of an archive (`.tar.zst`) whose path there holds `filter`.
pub fn run(path: &Path, filter: &str) -> Result<Counts> {
    run_files(path, filter, run_text)
}

fn run_text(file: &str, text: &str) -> Counts {
    if file.contains("EIPTests/") {
        return Counts::excluded("it tests drafts of October 2024");
    }
    match has_key(text, "genesisBlockHeader") {
        Ok(true) => {}
        Ok(false) => return Counts::excluded(OTHER_KIND),
        Err(error) => return Counts::failed(format!("{file}: {error}")),
    }
    let tests: BTreeMap<String, serde_json::Value> = match serde_json::from_str(text) {
        Ok(tests) => tests,
        Err(error) => return Counts::failed(format!("{file}: {error}")),
    };
    let mut counts = Counts::default();
    for (name, test) in tests {
        let network = test.get("network").and_then(|n| n.as_str());
        let Some(network) = network.filter(|n| chain_of(n, 1).is_some()) else {
            counts.exclude(&format!("{OTHER_RULES}: {}", network.unwrap_or("none")));
            continue;
        };
        if ethereum::is_unreachable(file) {
            counts.exclude(ethereum::UNREACHABLE);
            continue;
        }
        let network = network.to_owned();
        let test = serde_json::from_value::<Test>(test).wrap_err("the test cannot be read");
        match test.and_then(|test| run_test(&test)) {
            Ok(()) => counts.passed += 1,
            Err(error) => {
                let problem = format!("{file} {name} {network}: {error:#}");
                counts.failed.push(problem);
            }
        }
    }
    counts
}

fn run_test(test: &Test) -> Result<()> {
    let mut config = EngineConfig::new(chain(test)?, genesis(test)?);
    // Everything stays in the overlay until the end, when it is flushed at once.
    config.flush_interval = Duration::from_secs(3_600);
    let engine = LocalEngine::open(config)?;
    let wanted = test.genesis_block_header.hash;
    let found = engine.genesis_hash();
    ensure!(found == wanted, "genesis hash is {found}, must be {wanted}");
    for (index, block) in test.blocks.iter().enumerate() {
        import(&engine, block).wrap_err_with(|| format!("block {index}"))?;
    }
    let (found, wanted) = (engine.head().hash, test.lastblockhash);
    ensure!(found == wanted, "head is {found}, must be {wanted}");
    engine.flush();
    check_state(&engine, test)
}

fn import(engine: &LocalEngine, block: &Block) -> Result<()> {
    let bytes = alloy_primitives::hex::decode(&block.rlp);
    let imported = match bytes {
        Ok(bytes) => engine.import(&bytes),
        Err(error) if block.expect_exception.is_none() => bail!("its RLP is no hex: {error}"),
        Err(_) => return Ok(()),
    };
    match (imported, &block.expect_exception) {
        (Ok(hash), None) => engine.set_head(hash).map_err(|e| eyre!("{e}")),
        (Ok(_), Some(exception)) => Err(eyre!("was accepted, must fail with {exception}")),
        (Err(ImportError::Engine(problem)), _) => Err(eyre!("engine failed: {problem}")),
        (Err(error), None) => Err(eyre!("was refused: {error}")),
        (Err(_), Some(_)) => Ok(()),
    }
}

/// Compares the head's state, as it lies in the tables, with what the test demands.
fn check_state(engine: &LocalEngine, test: &Test) -> Result<()> {
    let head = engine.head().hash;
    if let Some(wanted) = test.post_state_hash {
        let header = engine.header(head).map_err(|e| eyre!("{e}"))?;
        let found = header.ok_or_eyre("the head is gone")?.state_root;
        ensure!(found == wanted, "state root is {found}, must be {wanted}");
    }
    let state = engine.state(head).map_err(|e| eyre!("{e}"))?;
    for (address, wanted) in test.post_state.iter().flatten() {
        let account = state.account(*address)?.unwrap_or_default();
        let nonce = wanted.nonce.unwrap_or_default();
        ensure!(account.balance == wanted.balance, "balance of {address}");
        ensure!(account.nonce == nonce, "nonce of {address}");
        let code = match account.code_hash {
            KECCAK256_EMPTY => Bytes::new(),
            hash => state.code(hash)?,
        };
        let wanted_code = wanted.code.clone().unwrap_or_default();
        ensure!(code == wanted_code, "code of {address}");
        for (slot, value) in wanted.storage.iter().flatten() {
            let found = state.storage(*address, (*slot).into())?;
            ensure!(
                found == U256::from_be_bytes(value.0),
                "slot {slot} of {address}"
            );
        }
    }
    Ok(())
}

fn chain(test: &Test) -> Result<ChainConfig> {
    let id = number(test.config.chainid.unwrap_or(U256::ONE), "chain id")?;
    let mut chain = chain_of(&test.network, id).ok_or_eyre("unknown rules")?;
    if let ChainKind::Ethereum(rules) = &mut chain.kind
        && !test.config.blob_schedule.is_empty()
    {
        replace_blob_schedule(&mut rules.blob_schedule, test)?;
    }
    Ok(chain)
}

/// Newer files carry the schedule with them.
fn replace_blob_schedule(schedule: &mut [(u64, BlobParams)], test: &Test) -> Result<()> {
    let name = test.network.trim_end_matches("AtTime15k");
    let names: Vec<&str> = name.split("To").collect();
    for ((_, params), name) in schedule.iter_mut().rev().zip(names.iter().rev()) {
        let Some(entry) = test.config.blob_schedule.get(*name) else {
            continue;
        };
        params.target_blob_count = number(entry.target, "blob target")?;
        params.max_blob_count = number(entry.max, "blob limit")?;
        let fraction = number(entry.base_fee_update_fraction, "blob fee fraction")?;
        params.update_fraction = u128::from(fraction);
    }
    Ok(())
}

fn genesis(test: &Test) -> Result<Genesis> {
    let header = &test.genesis_block_header;
    let optional = |value: Option<U256>, name| value.map(|v| number(v, name)).transpose();
    let base_fee = optional(header.base_fee_per_gas, "base fee")?;
    Ok(Genesis {
        nonce: header.nonce.into(),
        timestamp: number(header.timestamp, "timestamp")?,
        extra_data: header.extra_data.clone(),
        gas_limit: number(header.gas_limit, "gas limit")?,
        difficulty: header.difficulty,
        mix_hash: header.mix_hash,
        coinbase: header.coinbase,
        alloc: test.pre.clone(),
        base_fee_per_gas: base_fee.map(u128::from),
        excess_blob_gas: optional(header.excess_blob_gas, "excess blob gas")?,
        blob_gas_used: optional(header.blob_gas_used, "blob gas used")?,
        number: Some(number(header.number, "number")?),
        parent_hash: Some(header.parent_hash),
        ..Genesis::default()
    })
}

fn number(value: U256, name: &str) -> Result<u64> {
    u64::try_from(value).map_err(|_| eyre!("{name} {value} is out of range"))
}
