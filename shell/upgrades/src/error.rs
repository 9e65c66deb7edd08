//! Why a chain's upgrade transactions are not at hand.

use alloy_primitives::B256;
use opal_protocol::{Fork, upgrades::UpgradeError};
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// A file (or files) that somebody must put into the folder of bundles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provide {
    /// Names of the files.
    pub files: &'static [&'static str],
    /// Where they are published.
    pub published: &'static str,
    /// What is hashed, in words.
    pub hashed: &'static str,
    /// The pinned hash.
    pub hash: B256,
}

impl fmt::Display for Provide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, published as {}, with {} {:x}",
            self.files.join(" and "),
            self.published,
            self.hashed,
            self.hash
        )
    }
}

/// Why a chain cannot get through its forks.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The chain has a fork ahead whose upgrade transactions are not at hand.
    #[error(
        "the upgrade transactions of {fork} are missing, which the chain needs in its first block at or after time {time}: {}", advice(*provide, looked_in.as_deref())
    )]
    Missing {
        /// The fork.
        fork: Fork,
        /// Its time in seconds.
        time: u64,
        /// What to provide; `None` where the bundle belongs to the chain alone.
        provide: Option<&'static Provide>,
        /// The folder that was searched.
        looked_in: Option<PathBuf>,
    },
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's own words.
        source: std::io::Error,
    },
    /// A file holds no bundle.
    #[error("{} holds no bundle of {fork}: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The fork it is named after.
        fork: Fork,
        /// What is wrong with it.
        source: UpgradeError,
    },
    /// A file that should hold an init code holds no hex.
    #[error("{} should hold an init code as hex and does not", path.display())]
    NoHex {
        /// The file.
        path: PathBuf,
    },
    /// A file holds another bundle than the one the networks ran.
    #[error(
        "{} is another bundle than the one the networks ran: {} is {found:x}; provide {provide}", path.display(), provide.hashed
    )]
    Hash {
        /// The file, or the folder where several make up the bundle.
        path: PathBuf,
        /// What was expected.
        provide: &'static Provide,
        /// The hash found.
        found: B256,
    },
}

fn advice(provide: Option<&Provide>, looked_in: Option<&Path>) -> String {
    let Some(provide) = provide else {
        return "this chain has a bundle of its own for it".to_owned();
    };
    match looked_in {
        Some(dir) => format!("put into {} {provide}", dir.display()),
        None => format!("name a folder that holds {provide}"),
    }
}
