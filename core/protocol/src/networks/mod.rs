//! The networks that Opal knows by name, and the rollup configuration of each.
//!
//! In: a name as op-node spells it (`op-mainnet`), a short name (`op`), or an L2 chain id. Out:
//! the chain's facts as [`RollupConfig`], and what stands in the way of deriving it, if anything.
//!
//! The facts are two tables of text. `registry.txt` is the superchain registry, written by
//! `cargo xtask networks`; `departed.txt` holds chains that left it. A table that cannot be read
//! is a mistake of ours and panics; every paragraph of both is read in the tests.

mod near;
mod table;

use crate::config::RollupConfig;
use alloc::{string::String, vec::Vec};
use alloy_primitives::Address;
use core::fmt;

/// A network of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The name, as op-node spells it: `<chain>-<superchain>`.
    pub name: &'static str,
    /// A shorter name: that of the chain alone, where it is a mainnet.
    pub alias: Option<&'static str>,
    /// The name for people.
    pub title: &'static str,
    /// All that a rollup node must know of it.
    pub config: RollupConfig,
    /// The token on L1 that pays for gas on L2, where that is not ether. Derivation does not depend
    /// on it.
    pub gas_token: Option<Address>,
    /// Why Opal cannot derive the chain to its head, if it cannot.
    pub obstacle: Option<Obstacle>,
}

/// What keeps Opal from following a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The chain's batches lie outside L1.
    AltDa,
    /// The chain left the superchain and has had rules of its own since a fork of its own.
    Departed {
        /// Unix time of that fork in seconds. The chain's history until then can be derived.
        time: u64,
        /// Name of that fork.
        fork: &'static str,
    },
}

/// A network that cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// The table has no such name.
    #[error("unknown network \"{name}\"{}", near::Suggestion(.near))]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// Names that look like it, the likeliest first.
        near: Vec<&'static str>,
    },
    /// The table has it, but Opal cannot derive it.
    #[error("{name} cannot be derived: {obstacle}")]
    Underivable {
        /// The network's name.
        name: &'static str,
        /// What stands in the way.
        obstacle: Obstacle,
    },
}

/// Every network, by superchain and name.
pub fn all() -> impl Iterator<Item = Network> {
    table::paragraphs().map(read)
}

/// The network of a name, a short name or an L2 chain id. Upper case and underscores are read as
/// lower case and hyphens.
pub fn find(name: &str) -> Result<Network, NetworkError> {
    let found = table::paragraphs().find(|paragraph| table::answers_to(paragraph, name));
    found.map(read).ok_or_else(|| NetworkError::Unknown {
        near: near::names(name),
        name: name.into(),
    })
}

/// The configuration with which a node follows the network of a name. Fails for a network that
/// Opal cannot derive, rather than derive another chain from its L1 data.
pub fn rollup_config(name: &str) -> Result<RollupConfig, NetworkError> {
    let network = find(name)?;
    match network.obstacle {
        None => Ok(network.config),
        Some(obstacle) => Err(NetworkError::Underivable {
            name: network.name,
            obstacle,
        }),
    }
}

fn read(paragraph: &'static str) -> Network {
    match table::parse(paragraph) {
        Ok(network) => network,
        Err(line) => panic!("the table of networks has a line that cannot be read: {line}"),
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AltDa => {
                f.write_str("its batches lie outside L1 (alt-DA), where Opal cannot read them yet")
            }
            Self::Departed { time, fork } => write!(
                f,
                "it left the superchain and follows rules of its own since {fork} (unix time \
                 {time}); only its history until then can be derived"
            ),
        }
    }
}

#[cfg(test)]
mod tests;
