//! One chain of the registry: read from its file, written as a paragraph of the table.

use super::keys::{self, Keys};
use eyre::{Result, bail, ensure};
use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

/// Keys of `[hardforks]` without `_time`, in the order of activation.
const FORKS: [(&str, &str); 10] = [
    ("canyon", "canyon_time"),
    ("delta", "delta_time"),
    ("ecotone", "ecotone_time"),
    ("fjord", "fjord_time"),
    ("granite", "granite_time"),
    ("holocene", "holocene_time"),
    ("pectra_blob_schedule", "pectra_blob_schedule_time"),
    ("isthmus", "isthmus_time"),
    ("jovian", "jovian_time"),
    ("karst", "karst_time"),
];

/// Fork times in the order of [`FORKS`].
type Forks = [Option<u64>; FORKS.len()];

/// What the chains of one folder share.
pub(super) struct Superchain {
    name: String,
    l1_chain_id: u64,
    forks: Forks,
}

impl Superchain {
    /// Reads `superchain.toml` in `folder`.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path: PathBuf = folder.join("superchain.toml");
        let document = keys::document(&path)?;
        let mut keys = Keys::new("superchain", document.as_table());
        keys.ignore(&[
            "name",
            "superchain_config_addr",
            "op_contracts_manager_addr",
            "safer_safes_addr",
        ]);
        let mut l1 = keys.section("l1")?;
        l1.ignore(&["public_rpc", "explorer"]);
        let mut hardforks = keys.section("hardforks")?;
        let superchain = Self {
            name: keys::folder_name(folder)?,
            l1_chain_id: l1.number("chain_id")?,
            forks: read_forks(&mut hardforks)?,
        };
        hardforks.finish()?;
        l1.finish()?;
        keys.finish()?;
        Ok(superchain)
    }
}

/// The facts of a chain that a rollup node must know; hex is text already.
pub(super) struct Chain {
    /// `<superchain>/<chain>`, the registry's name.
    pub(super) identifier: String,
    /// `<chain>-<superchain>`, op-node's name.
    pub(super) name: String,
    pub(super) alias: Option<String>,
    title: String,
    pub(super) chain_id: u64,
    l1_chain_id: u64,
    block_time: u64,
    max_sequencer_drift: u64,
    seq_window_size: u64,
    batch_inbox: String,
    portal: String,
    system_config: String,
    eip1559: [u64; 3],
    forks: Forks,
    keep_karst_upgrade_gas: bool,
    gas_token: Option<String>,
    /// The arguments of `alt_da`.
    alt_da: Option<String>,
    genesis: Genesis,
}

struct Genesis {
    l1: (u64, String),
    l2: (u64, String),
    l2_time: u64,
    batcher: String,
    overhead: String,
    scalar: String,
    gas_limit: u64,
}

impl Chain {
    /// Reads a chain's file; `stem` is its name without folder and extension.
    pub(super) fn read(file: &Path, stem: &str, superchain: &Superchain) -> Result<Self> {
        let document = keys::document(file)?;
        let mut keys = Keys::new(stem, document.as_table());
        keys.ignore(&["public_rpc", "sequencer_rpc", "explorer"]);
        // Who governs and who owns, and dependencies between chains, which no fork of ours uses.
        keys.ignore(&["governed_by_optimism", "roles", "interop"]);
        let genesis = Genesis::read(keys.section("genesis")?)?;
        let mut hardforks = keys.section("hardforks")?;
        let forks = read_forks(&mut hardforks)?;
        let keep_karst_upgrade_gas = hardforks.switch("keep_karst_upgrade_gas")?;
        hardforks.finish()?;
        let superchain_time = keys.optional_number("superchain_time")?;
        check_inheritance(&forks, superchain_time, genesis.l2_time, superchain)?;
        let mut eip1559 = keys.section("optimism")?;
        let mut addresses = keys.section("addresses")?;
        let gas_token = if keys.optional_text("gas_paying_token")?.is_some() {
            Some(keys.hex("gas_paying_token", 20)?)
        } else {
            None
        };
        let chain = Self {
            identifier: format!("{}/{stem}", superchain.name),
            name: format!("{stem}-{}", superchain.name),
            alias: alias(stem, &superchain.name),
            title: keys.text("name")?,
            chain_id: keys.number("chain_id")?,
            l1_chain_id: superchain.l1_chain_id,
            block_time: keys.number("block_time")?,
            max_sequencer_drift: keys.number("max_sequencer_drift")?,
            seq_window_size: keys.number("seq_window_size")?,
            batch_inbox: keys.hex("batch_inbox_addr", 20)?,
            // The other contracts of `addresses` are no matter of a rollup node.
            portal: addresses.hex("OptimismPortalProxy", 20)?,
            system_config: addresses.hex("SystemConfigProxy", 20)?,
            eip1559: [
                eip1559.number("eip1559_elasticity")?,
                eip1559.number("eip1559_denominator")?,
                eip1559.number("eip1559_denominator_canyon")?,
            ],
            forks,
            keep_karst_upgrade_gas,
            gas_token,
            alt_da: read_alt_da(&mut keys)?,
            genesis,
        };
        eip1559.finish()?;
        keys.finish()?;
        Ok(chain)
    }

    /// Appends the chain's paragraph.
    pub(super) fn write(&self, text: &mut String) {
        let mut line = |key: &str, value: &dyn std::fmt::Display| {
            writeln!(text, "{key} {value}").expect("text takes all");
        };
        let genesis = &self.genesis;
        line("network", &format_args!("{} {}", self.name, self.title));
        if let Some(alias) = &self.alias {
            line("alias", alias);
        }
        line(
            "chain_id",
            &format_args!("{} {}", self.chain_id, self.l1_chain_id),
        );
        line("l1", &format_args!("{} {}", genesis.l1.0, genesis.l1.1));
        line(
            "l2",
            &format_args!("{} {} {}", genesis.l2.0, genesis.l2.1, genesis.l2_time),
        );
        line("batcher", &genesis.batcher);
        line("overhead", &genesis.overhead);
        line("scalar", &genesis.scalar);
        line("gas_limit", &genesis.gas_limit);
        line("block_time", &self.block_time);
        line("max_sequencer_drift", &self.max_sequencer_drift);
        line("seq_window_size", &self.seq_window_size);
        line("batch_inbox", &self.batch_inbox);
        line("portal", &self.portal);
        line("system_config", &self.system_config);
        let [elasticity, denominator, canyon] = self.eip1559;
        line(
            "eip1559",
            &format_args!("{elasticity} {denominator} {canyon}"),
        );
        let times = FORKS.iter().zip(self.forks);
        let forks = times.filter_map(|((name, _), time)| Some(format!("{name}={}", time?)));
        line("forks", &forks.collect::<Vec<_>>().join(" "));
        if self.keep_karst_upgrade_gas {
            text.push_str("keep_karst_upgrade_gas\n");
        }
        if let Some(token) = &self.gas_token {
            text.push_str(&format!("gas_token {token}\n"));
        }
        if let Some(alt_da) = &self.alt_da {
            text.push_str(format!("alt_da {alt_da}").trim_end());
            text.push('\n');
        }
    }
}

impl Genesis {
    fn read(mut keys: Keys<'_>) -> Result<Self> {
        let (mut l1, mut l2) = (keys.section("l1")?, keys.section("l2")?);
        let mut system = keys.section("system_config")?;
        let genesis = Self {
            l1: (l1.number("number")?, l1.hex("hash", 32)?),
            l2: (l2.number("number")?, l2.hex("hash", 32)?),
            l2_time: keys.number("l2_time")?,
            batcher: system.hex("batcherAddress", 20)?,
            overhead: short(&system.hex("overhead", 32)?),
            scalar: short(&system.hex("scalar", 32)?),
            gas_limit: system.number("gasLimit")?,
        };
        for section in [l1, l2, system, keys] {
            section.finish()?;
        }
        Ok(genesis)
    }
}

fn read_forks(hardforks: &mut Keys<'_>) -> Result<Forks> {
    let mut forks = [None; FORKS.len()];
    for ((_, key), time) in FORKS.iter().zip(&mut forks) {
        *time = hardforks.optional_number(key)?;
    }
    Ok(forks)
}

/// Chains that follow their superchain's schedule have its times in their own file since version 2
/// of the registry, and the file is all that op-node reads. One that lacks a time is half edited.
fn check_inheritance(
    forks: &Forks,
    superchain_time: Option<u64>,
    l2_genesis_time: u64,
    superchain: &Superchain,
) -> Result<()> {
    let Some(since) = superchain_time else {
        return Ok(());
    };
    for (((name, _), own), inherited) in FORKS.iter().zip(forks).zip(superchain.forks) {
        let Some(time) = inherited.filter(|time| own.is_none() && *time >= since) else {
            continue;
        };
        let time = if time > l2_genesis_time { time } else { 0 };
        bail!(
            "the chain follows {} since {since} and so has {name}_time = {time}, which its file \
             leaves out",
            superchain.name
        );
    }
    Ok(())
}

/// A mainnet goes by its chain's name alone; elsewhere only a name that tells its superchain does.
fn alias(stem: &str, superchain: &str) -> Option<String> {
    (superchain == "mainnet" || stem.ends_with(superchain)).then(|| stem.to_owned())
}

/// The arguments of `alt_da`: none where the registry only says that batches lie elsewhere.
fn read_alt_da(keys: &mut Keys<'_>) -> Result<Option<String>> {
    let kind = keys.text("data_availability_type")?;
    let Some(mut alt_da) = keys.optional_section("alt_da")? else {
        ensure!(
            kind == "eth-da" || kind == "alt-da",
            "data_availability_type {kind} is unknown"
        );
        return Ok((kind == "alt-da").then(String::new));
    };
    let arguments = format!(
        "{} {} {} {}",
        alt_da.text("da_commitment_type")?,
        alt_da.hex("da_challenge_contract_address", 20)?,
        alt_da.number("da_challenge_window")?,
        alt_da.number("da_resolve_window")?
    );
    alt_da.finish()?;
    Ok(Some(arguments))
}

/// A number in hex without leading zeros.
fn short(hex: &str) -> String {
    let digits = hex.trim_start_matches("0x").trim_start_matches('0');
    format!("0x{}", if digits.is_empty() { "0" } else { digits })
}
