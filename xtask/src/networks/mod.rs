//! `cargo xtask networks`: the table of networks from a copy of the superchain registry.
//!
//! In: a folder of the registry with `chainList.toml` and `superchain/configs`. Out:
//! `core/protocol/src/networks/registry.txt`, or with `--check` a verdict on the committed one.
//!
//! Invariant: the same registry gives the same bytes, and a key that nobody here knows is an
//! error, for it may be a rule that nodes must follow.

mod chain;
mod keys;

use self::{
    chain::{Chain, Superchain},
    keys::Keys,
};
use eyre::{OptionExt, Result, WrapErr, bail, ensure};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// What the table says of itself.
const HEADER: &str = "\
# Networks of the superchain registry: facts, one paragraph for each chain.
# Written by `cargo xtask networks`; not to be changed by hand.
#
#   network       name as op-node spells it, then the name for people
#   alias         a shorter name that is accepted too
#   chain_id      of L2, of L1
#   l1            number and hash of the L1 block the rollup starts from
#   l2            number, hash and unix time of the first L2 block
#   batcher       who posts batches at first
#   overhead      fee overhead at first
#   scalar        fee scalar at first
#   gas_limit     gas limit of L2 blocks at first
#   block_time, max_sequencer_drift    seconds
#   seq_window_size                    L1 blocks
#   batch_inbox, portal, system_config addresses on L1
#   eip1559       elasticity, denominator, denominator from Canyon on
#   forks         activation times; all chains have Regolith since genesis
#   keep_karst_upgrade_gas             the gas of Karst's upgrade stays in the chain's gas limit
#   gas_token     the token on L1 that pays for gas, where that is not ether
#   alt_da        batches lie outside L1: kind of commitment, challenge contract, challenge and
#                 resolve windows in L1 blocks, as far as they are registered
";

/// Writes the table, or with `check` compares it with the committed one.
pub(crate) fn run(registry: &Path, check: bool) -> Result<()> {
    let networks = read(registry)?;
    let fresh = table(&networks);
    let path = table_path();
    if !check {
        fs::write(&path, &fresh).wrap_err_with(|| path.display().to_string())?;
        println!("wrote {} networks, {} bytes", networks.len(), fresh.len());
        return Ok(());
    }
    let committed =
        fs::read_to_string(&path).wrap_err("core/protocol/src/networks/registry.txt")?;
    if let Some(difference) = first_difference(&committed, &fresh) {
        bail!(
            "the table of networks is not what the registry says: {difference}. Run `cargo xtask \
             networks {}` and commit the table",
            registry.display()
        );
    }
    println!("{} networks are as the registry says", networks.len());
    Ok(())
}

/// Every chain of a registry, by superchain and name.
fn read(registry: &Path) -> Result<Vec<Chain>> {
    let configs = registry.join("superchain/configs");
    let mut chains = Vec::new();
    for folder in sorted(&configs)? {
        if !folder.is_dir() {
            continue;
        }
        let place = || folder.display().to_string();
        let superchain = Superchain::read(&folder).wrap_err_with(place)?;
        for file in sorted(&folder)? {
            let stem = file.file_stem().and_then(|stem| stem.to_str());
            let stem = stem.ok_or_eyre("a file name is not text")?;
            if stem != "superchain" {
                chains.push(Chain::read(&file, stem, &superchain).wrap_err_with(place)?);
            }
        }
    }
    ensure!(!chains.is_empty(), "{} holds no chain", configs.display());
    check_list(registry, &chains)?;
    check_names(&chains)?;
    Ok(chains)
}

/// The text of the table.
fn table(chains: &[Chain]) -> String {
    let mut text = HEADER.to_owned();
    for chain in chains {
        text.push('\n');
        chain.write(&mut text);
    }
    text
}

fn table_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/protocol/src/networks/registry.txt")
}

/// The first line in which two texts differ, as a sentence.
fn first_difference(committed: &str, fresh: &str) -> Option<String> {
    let (mut old, mut new) = (committed.lines(), fresh.lines());
    for line in 1_usize.. {
        let pair = (old.next(), new.next());
        if pair == (None, None) {
            break;
        }
        if pair.0 != pair.1 {
            let text = |line: Option<&str>| line.unwrap_or("the end of the file").to_owned();
            let (found, expected) = (text(pair.0), text(pair.1));
            return Some(format!("line {line} is `{found}`, expected `{expected}`"));
        }
    }
    (committed != fresh).then(|| "the line ends differ".to_owned())
}

/// The entries of a folder, by name.
fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).wrap_err_with(|| folder.display().to_string())?;
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// The registry's list and its files must name the same chains.
fn check_list(registry: &Path, chains: &[Chain]) -> Result<()> {
    let path = registry.join("chainList.toml");
    let document = keys::document(&path)?;
    let mut listed = BTreeSet::new();
    let list = document.get("chains").and_then(|i| i.as_array_of_tables());
    for entry in list.ok_or_eyre("chainList.toml lists no chains")? {
        let mut keys = Keys::new("chainList.toml", entry);
        listed.insert((keys.text("identifier")?, keys.number("chain_id")?));
    }
    let found: BTreeSet<_> = chains
        .iter()
        .map(|chain| (chain.identifier.clone(), chain.chain_id))
        .collect();
    let odd: Vec<_> = found.symmetric_difference(&listed).collect();
    ensure!(
        odd.is_empty(),
        "chainList.toml and superchain/configs differ in {odd:?}"
    );
    Ok(())
}

/// A name, an alias or a chain id must mean one chain.
fn check_names(chains: &[Chain]) -> Result<()> {
    let mut owners: BTreeMap<String, &str> = BTreeMap::new();
    for chain in chains {
        let id = chain.chain_id.to_string();
        for name in [Some(&chain.name), chain.alias.as_ref(), Some(&id)] {
            let other = name.and_then(|name| owners.insert(name.clone(), &chain.identifier));
            if let (Some(other), Some(name)) = (other, name) {
                bail!("{name} means both {other} and {}", chain.identifier);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
