//! Ethereum state tests: one transaction on a given state, to the exact state root and logs.
//!
//! A file holds tests; each has an environment, accounts, and per fork a list of signed
//! transactions with the state root and the hash of the logs they must lead to. Forks from the
//! Merge on are run, each transaction as a block of its own on our rules of Ethereum.

use crate::{
    Counts,
    ethereum::{self, OTHER_KIND, OTHER_RULES, chain_of, has_key, run_files},
};
use alloy_consensus::Header;
use alloy_eips::{
    eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
};
use alloy_genesis::{Genesis, GenesisAccount};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use eyre::{OptionExt, Result, eyre};
use opal_execution::{
    Account, BlockAttributes, BlockBuilder, ChainConfig, EthFork, GenesisBlock, Roots, StateDiff,
    StateError, StateReader, VerifiedTx, genesis,
};
use opal_trie::{EMPTY_ROOT_HASH, Nibbles, NodeReader, ReadError};
use serde::Deserialize;
use std::{collections::BTreeMap, path::Path};

const REQUEST_CONTRACTS: [Address; 2] = [
    WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
    CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
];

/// Why the file is not run, if so.
pub fn exclusion(file: &str) -> Option<&'static str> {
    if ethereum::is_unreachable(file) {
        return Some(ethereum::UNREACHABLE);
    }
    if file.contains("EIPTests/") {
        return Some("it tests drafts of October 2024, most of them EOF, which was withdrawn");
    }
    None
}

#[derive(Debug, Deserialize)]
struct Test {
    env: Env,
    pre: BTreeMap<Address, GenesisAccount>,
    post: BTreeMap<String, Vec<Post>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Env {
    current_coinbase: Address,
    current_gas_limit: U256,
    current_number: U256,
    current_timestamp: U256,
    current_random: Option<U256>,
    current_base_fee: Option<U256>,
    current_excess_blob_gas: Option<U256>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Post {
    hash: B256,
    logs: B256,
    txbytes: Bytes,
    expect_exception: Option<String>,
}

/// Runs a JSON file, or all JSON files of an archive (`.tar.zst`) whose path there holds `filter`.
pub fn run(path: &Path, filter: &str) -> Result<Counts> {
    run_files(path, filter, run_text)
}

fn run_text(file: &str, text: &str) -> Counts {
    if let Some(reason) = exclusion(file) {
        return Counts::excluded(reason);
    }
    match has_key(text, "post") {
        Ok(true) => {}
        Ok(false) => return Counts::excluded(OTHER_KIND),
        Err(error) => return Counts::failed(format!("{file}: {error}")),
    }
    let tests: BTreeMap<String, Test> = match serde_json::from_str(text) {
        Ok(tests) => tests,
        Err(error) => return Counts::failed(format!("{file}: {error}")),
    };
    let mut counts = Counts::default();
    for (name, test) in &tests {
        for (fork, posts) in &test.post {
            let Some(chain) = chain_of(fork, 1) else {
                let reason = format!("{OTHER_RULES}: {fork}");
                posts.iter().for_each(|_| counts.exclude(&reason));
                continue;
            };
            let pre = genesis_of(test, &chain);
            for (index, post) in posts.iter().enumerate() {
                match run_post(test, &chain, &pre, post) {
                    Ok(()) => counts.passed += 1,
                    Err(e) => counts
                        .failed
                        .push(format!("{file} {name} {fork}/{index}: {e:#}")),
                }
            }
        }
    }
    counts
}

fn genesis_of(test: &Test, chain: &ChainConfig) -> GenesisBlock {
    let file = Genesis {
        alloc: test.pre.clone(),
        ..Genesis::default()
    };
    genesis::genesis(&file, chain)
}

/// Code that does nothing: `STOP`.
const NO_REQUESTS: &[u8] = &[0];

/// The accounts of a genesis block as a state. A block needs the contracts of EIP-7002 and EIP-7251,
/// a state test does not: where they are missing, others that answer nothing stand in. They never
/// change, so no state root knows of them.
struct Pre<'a>(&'a StateDiff);

impl StateReader for Pre<'_> {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        let known = self.0.accounts.get(&address);
        if known.is_none() && REQUEST_CONTRACTS.contains(&address) {
            return Ok(Some(Account {
                code_hash: keccak256(NO_REQUESTS),
                ..Account::default()
            }));
        }
        Ok(known.and_then(|change| change.account))
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        let slots = self.0.accounts.get(&address).map(|change| &change.storage);
        Ok(slots
            .and_then(|slots| slots.get(&slot))
            .map_or(U256::ZERO, |slot| slot.value))
    }

    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        if hash == keccak256(NO_REQUESTS) {
            return Ok(Bytes::from_static(NO_REQUESTS));
        }
        let code = self.0.code.get(&hash).cloned();
        code.ok_or_else(|| StateError(format!("there is no code {hash}")))
    }

    /// The tests define the hash of a block as that of its number in decimal.
    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        Ok(keccak256(number.to_string()))
    }
}

/// All nodes of a genesis trie are resident.
struct Resident;

impl NodeReader for Resident {
    fn node(&self, _: Option<B256>, _: &Nibbles, _: B256) -> Result<Option<Bytes>, ReadError> {
        Ok(None)
    }
}

fn run_post(test: &Test, chain: &ChainConfig, pre: &GenesisBlock, post: &Post) -> Result<()> {
    let (parent, attributes) = environment(&test.env, chain)?;
    let mut builder = BlockBuilder::new(chain, &parent, B256::ZERO, attributes, Pre(&pre.diff))?;
    let pushed = VerifiedTx::decode(post.txbytes.clone())
        .map_err(|error| eyre!("{error}"))
        .and_then(|tx| Ok(builder.push_forced(tx)?));
    if let Some(exception) = &post.expect_exception {
        return match pushed {
            Ok(()) => Err(eyre!("was accepted, must fail with {exception}")),
            Err(_) if post.hash == pre.trie.root() => Ok(()),
            Err(_) => Err(eyre!("was refused, but the state is to change")),
        };
    }
    pushed?;
    let built = builder.finish(|diff| -> Result<Roots, eyre::Report> {
        let mut trie = pre.trie.clone();
        trie.update(&Resident, &diff.hashed())?;
        let message_passer_storage_root = EMPTY_ROOT_HASH;
        Ok(Roots {
            state_root: trie.root(),
            message_passer_storage_root,
        })
    })?;
    let receipt = built
        .executed
        .receipts
        .first()
        .ok_or_eyre("there is no receipt")?;
    let logs = keccak256(alloy_rlp::encode(&receipt.logs));
    if logs != post.logs {
        return Err(eyre!("logs hash is {logs}, must be {}", post.logs));
    }
    if built.header.state_root != post.hash {
        return Err(eyre!(
            "state root is {}, must be {}",
            built.header.state_root,
            post.hash
        ));
    }
    Ok(())
}

/// A parent whose child has the wanted base fee and excess blob gas, and that child's attributes.
fn environment(env: &Env, chain: &ChainConfig) -> Result<(Header, BlockAttributes)> {
    let number = |value: U256, name: &str| {
        u64::try_from(value).map_err(|_| eyre!("{name} {value} is out of range"))
    };
    let gas_limit = number(env.current_gas_limit, "gas limit")?;
    let timestamp = number(env.current_timestamp, "timestamp")?;
    let base_fee = number(env.current_base_fee.unwrap_or(U256::from(10)), "base fee")?;
    let excess = number(
        env.current_excess_blob_gas.unwrap_or_default(),
        "excess blob gas",
    )?;
    let (parent_excess, parent_blobs) = match chain.blob_params(timestamp) {
        Some(params) if excess > 0 && params.blob_base_cost == 0 => {
            (excess, params.target_blob_gas_per_block())
        }
        _ => (excess, 0),
    };
    let height = number(env.current_number, "number")?;
    let parent = Header {
        number: height
            .checked_sub(1)
            .ok_or_eyre("the block is a genesis block")?,
        timestamp: timestamp
            .checked_sub(1)
            .ok_or_eyre("the block has no time")?,
        gas_limit,
        // On target: the base fee stays.
        gas_used: gas_limit / 2,
        base_fee_per_gas: Some(base_fee),
        excess_blob_gas: Some(parent_excess),
        blob_gas_used: Some(parent_blobs),
        ..Header::default()
    };
    let fork = chain.eth_fork(timestamp);
    let attributes = BlockAttributes {
        timestamp,
        prev_randao: env.current_random.unwrap_or_default().into(),
        fee_recipient: env.current_coinbase,
        gas_limit,
        parent_beacon_block_root: (fork >= EthFork::Cancun).then_some(B256::ZERO),
        withdrawals: (fork >= EthFork::Shanghai).then(Vec::new),
        ..BlockAttributes::default()
    };
    Ok((parent, attributes))
}
