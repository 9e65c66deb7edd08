//! The tables and how to read them: paragraphs of lines, each a key and its values.

use super::{Network, Obstacle};
use crate::{
    config::{AltDaConfig, RollupConfig},
    forks::{Fork, ForkTimes},
};
use core::str::{FromStr, SplitAsciiWhitespace};

const TABLES: [&str; 2] = [include_str!("registry.txt"), include_str!("departed.txt")];

/// `channel_timeout` in L1 blocks before Granite. The registry does not name it, for no chain of
/// the superchain has another.
const CHANNEL_TIMEOUT: u64 = 300;

/// The paragraphs that describe networks.
pub(super) fn paragraphs() -> impl Iterator<Item = &'static str> {
    let paragraphs = TABLES.into_iter().flat_map(|table| table.split("\n\n"));
    paragraphs.filter(|paragraph| !paragraph.starts_with('#'))
}

/// The names of a paragraph: its name, its alias if it has one, its L2 chain id.
pub(super) fn names(paragraph: &'static str) -> impl Iterator<Item = &'static str> {
    paragraph.lines().take(3).filter_map(|line| {
        let (key, values) = line.split_once(' ')?;
        let named = matches!(key, "network" | "alias" | "chain_id");
        values.split_ascii_whitespace().next().filter(|_| named)
    })
}

/// Whether one of the paragraph's names is `name`.
pub(super) fn answers_to(paragraph: &'static str, name: &str) -> bool {
    names(paragraph).any(|own| own.bytes().map(plain).eq(name.trim().bytes().map(plain)))
}

/// A letter of a name as names are compared.
pub(super) const fn plain(letter: u8) -> u8 {
    match letter {
        b'_' | b' ' => b'-',
        other => other.to_ascii_lowercase(),
    }
}

/// Reads a paragraph; the error is the line that cannot be read.
pub(super) fn parse(paragraph: &'static str) -> Result<Network, &'static str> {
    let mut network = Network {
        name: "",
        alias: None,
        title: "",
        config: RollupConfig {
            channel_timeout: CHANNEL_TIMEOUT,
            forks: ForkTimes::at_genesis(Fork::Regolith),
            ..RollupConfig::default()
        },
        gas_token: None,
        obstacle: None,
    };
    for line in paragraph.lines() {
        let (key, values) = line.split_once(' ').unwrap_or((line, ""));
        let mut words = values.split_ascii_whitespace();
        let read = match key {
            "network" => read_name(&mut network, values),
            "forks" => words.try_for_each(|word| read_fork(&mut network.config.forks, word)),
            _ => read_fact(&mut network, key, &mut words),
        };
        read.filter(|()| words.next().is_none() || key == "network")
            .ok_or(line)?;
    }
    Ok(network)
}

/// `NAME TITLE`, where the title may be several words.
fn read_name(network: &mut Network, values: &'static str) -> Option<()> {
    (network.name, network.title) = values.split_once(' ')?;
    Some(())
}

/// `FORK=TIME`.
fn read_fork(forks: &mut ForkTimes, word: &str) -> Option<()> {
    let (name, time) = word.split_once('=')?;
    let time = Some(time.parse().ok()?);
    if name == "pectra_blob_schedule" {
        forks.pectra_blob_schedule_time = time;
    } else {
        forks.set(name.parse().ok()?, time);
    }
    Some(())
}

/// Every other line: values in a fixed order.
fn read_fact(
    network: &mut Network,
    key: &str,
    words: &mut SplitAsciiWhitespace<'static>,
) -> Option<()> {
    let config = &mut network.config;
    let genesis = &mut config.genesis;
    match key {
        "alias" => network.alias = Some(words.next()?),
        "chain_id" => {
            config.l2_chain_id = next(words)?;
            config.l1_chain_id = next(words)?;
        }
        "l1" => {
            genesis.l1.number = next(words)?;
            genesis.l1.hash = next(words)?;
        }
        "l2" => {
            genesis.l2.number = next(words)?;
            genesis.l2.hash = next(words)?;
            genesis.l2_time = next(words)?;
        }
        "batcher" => genesis.system_config.batcher_address = next(words)?,
        "overhead" => genesis.system_config.overhead = next(words)?,
        "scalar" => genesis.system_config.scalar = next(words)?,
        "gas_limit" => genesis.system_config.gas_limit = next(words)?,
        "block_time" => config.block_time = next(words)?,
        "max_sequencer_drift" => config.max_sequencer_drift = next(words)?,
        "seq_window_size" => config.seq_window_size = next(words)?,
        "batch_inbox" => config.batch_inbox_address = next(words)?,
        "portal" => config.deposit_contract_address = next(words)?,
        "system_config" => config.l1_system_config_address = next(words)?,
        "eip1559" => {
            config.chain_op_config.eip1559_elasticity = next(words)?;
            config.chain_op_config.eip1559_denominator = next(words)?;
            config.chain_op_config.eip1559_denominator_canyon = next(words)?;
        }
        "keep_karst_upgrade_gas" => config.keep_karst_upgrade_gas = true,
        "gas_token" => network.gas_token = Some(next(words)?),
        "alt_da" => {
            network.obstacle = Some(Obstacle::AltDa);
            if let Some(kind) = words.next() {
                config.alt_da = Some(AltDaConfig {
                    da_commitment_type: kind.into(),
                    da_challenge_contract_address: next(words)?,
                    da_challenge_window: next(words)?,
                    da_resolve_window: next(words)?,
                });
            }
        }
        "departed" => {
            network.obstacle = Some(Obstacle::Departed {
                time: next(words)?,
                fork: words.next()?,
            });
        }
        _ => return None,
    }
    Some(())
}

fn next<T: FromStr>(words: &mut SplitAsciiWhitespace<'_>) -> Option<T> {
    words.next()?.parse().ok()
}
