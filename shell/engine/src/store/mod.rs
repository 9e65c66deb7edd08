//! The database: one file behind one concrete type.
//!
//! Inputs: executed blocks and head pointers, in single write transactions. Outputs: immutable
//! [`DbSnapshot`]s. Invariant: the flat tables, the trie nodes, the head pointer and the reverse
//! diffs always describe the same block, the *flushed* one, however the process ends.

mod changes;
mod check;
mod codec;
mod flush;
mod history;
mod layer;
mod patient;
mod rows;
mod scan;
mod snapshot;
mod table;
#[cfg(test)]
mod tests;

pub use check::check_row;
pub use codec::CodecError;
pub(crate) use codec::{BlockBody, HeadsRecord};
pub(crate) use flush::{FlushBatch, FlushBlock, Keep};
pub(crate) use layer::Layer;
pub(crate) use patient::Patience;
pub use scan::TableStat;
pub(crate) use snapshot::DbSnapshot;

use alloy_primitives::{B256, U256};
use rows::File;
use signet_libmdbx::MdbxError;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};
use table::Table;

/// Version of the layout of [`Table`]s. A change that old code would misread increments it.
const FORMAT_VERSION: u64 = 2;
/// Name of the database file inside the data directory.
const FILE_NAME: &str = "opal.mdbx";
/// Its name in format 1.
const FILE_NAME_1: &str = "opal.redb";

const META_FORMAT: &[u8] = b"format";
const META_IDENTITY: &[u8] = b"identity";
const META_HEADS: &[u8] = b"heads";
/// Height of the first block in the index of an archive.
const META_HISTORY_FROM: &[u8] = b"history_from";
/// Height below which receipts are pruned.
const META_RECEIPTS_FROM: &[u8] = b"receipts_from";

/// Which chain a data directory belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainIdentity {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Hash of the genesis block.
    pub genesis: B256,
}

impl ChainIdentity {
    fn to_bytes(self) -> [u8; 40] {
        let mut out = [0; 40];
        out[..8].copy_from_slice(&self.chain_id.to_be_bytes());
        out[8..].copy_from_slice(self.genesis.as_slice());
        out
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (id, genesis) = bytes.split_at_checked(8)?;
        Some(Self {
            chain_id: u64::from_be_bytes(id.try_into().ok()?),
            genesis: B256::try_from(genesis).ok()?,
        })
    }
}

/// What can go wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the directory.
    #[error("data directory {0} is in use by another process; stop it or choose another --datadir")]
    InUse(PathBuf),
    /// The directory cannot be created or written.
    #[error("cannot open data directory {path}: {reason}")]
    Open {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The directory belongs to another chain.
    #[error(
        "data directory {path} belongs to chain {found_chain} with genesis {found_genesis}, not to chain {chain} with genesis {genesis}; choose another --datadir or delete this one"
    )]
    ForeignChain {
        /// The directory.
        path: PathBuf,
        /// Chain id found.
        found_chain: u64,
        /// Genesis hash found.
        found_genesis: B256,
        /// Chain id wanted.
        chain: u64,
        /// Genesis hash wanted.
        genesis: B256,
    },
    /// The directory was written by another version.
    #[error(
        "data directory {path} has format {found}, this program writes format {wanted}; delete it and sync again"
    )]
    Format {
        /// The directory.
        path: PathBuf,
        /// Version found.
        found: u64,
        /// Version wanted.
        wanted: u64,
    },
    /// The file is damaged.
    #[error("data directory {path} is damaged ({reason}); delete it and sync again")]
    Damaged {
        /// The directory.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// Reading or writing failed later.
    #[error("database: {0}")]
    Database(#[source] io::Error),
    /// The engine has stopped.
    #[error("database: it is closed")]
    Closed,
    /// A row does not decode.
    #[error("database: {0}")]
    Codec(#[from] CodecError),
    /// Rows contradict each other.
    #[error("database is inconsistent: {0}")]
    Inconsistent(String),
}

/// The open database. Cheap to clone; the file closes with the last clone.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    file: File,
    path: PathBuf,
    pub(crate) patience: Arc<Patience>,
}

impl Store {
    /// Opens or creates the database under `datadir`, or in memory for `None`, and checks that it
    /// belongs to the chain `identity`.
    pub(crate) fn open(
        datadir: Option<&Path>,
        identity: ChainIdentity,
    ) -> Result<Self, StoreError> {
        let store = match datadir {
            None => Self {
                file: File::temporary()?,
                path: PathBuf::from(":memory:"),
                patience: Arc::default(),
            },
            Some(dir) => Self::open_file(dir)?,
        };
        store.check_identity(identity)?;
        store.patience.begin();
        Ok(store)
    }

    /// Opens the database under `datadir` whatever chain it belongs to; never makes one.
    pub(crate) fn open_existing(datadir: &Path) -> Result<(Self, ChainIdentity), StoreError> {
        let path = datadir.to_path_buf();
        if !datadir.join(FILE_NAME).is_file() {
            let reason = format!("there is no database in it (no file {FILE_NAME})");
            return Err(StoreError::Open { path, reason });
        }
        let store = Self::open_file(datadir)?;
        let (found, identity) = {
            let read = store.file.read()?;
            let format = read.get(Table::Meta, META_FORMAT, number)?.flatten();
            let identity = read.get(Table::Meta, META_IDENTITY, ChainIdentity::from_bytes)?;
            (format.unwrap_or_default(), identity)
        };
        let Some(identity) = identity else {
            let reason = "it was never initialised".to_owned();
            let path = store.path;
            return Err(StoreError::Open { path, reason });
        };
        if found != FORMAT_VERSION {
            return Err(StoreError::Format {
                path: store.path,
                found,
                wanted: FORMAT_VERSION,
            });
        }
        match identity {
            Some(identity) => Ok((store, identity)),
            None => Err(StoreError::Damaged {
                path: store.path,
                reason: "chain identity is missing".into(),
            }),
        }
    }

    fn open_file(datadir: &Path) -> Result<Self, StoreError> {
        let path = datadir.to_path_buf();
        std::fs::create_dir_all(datadir).map_err(|e| StoreError::Open {
            path: path.clone(),
            reason: e.to_string(),
        })?;
        if datadir.join(FILE_NAME_1).is_file() {
            return Err(StoreError::Format {
                path,
                found: 1,
                wanted: FORMAT_VERSION,
            });
        }
        match File::open(&datadir.join(FILE_NAME)) {
            Ok(file) => Ok(Self {
                file,
                path,
                patience: Arc::default(),
            }),
            Err(MdbxError::Busy) => Err(StoreError::InUse(path)),
            Err(error @ (MdbxError::Access | MdbxError::Permission | MdbxError::Other(_))) => {
                let error = rows::trouble(error);
                // What the system says to who asks for a lock that somebody has.
                if error.kind() == io::ErrorKind::WouldBlock {
                    return Err(StoreError::InUse(path));
                }
                let reason = error.to_string();
                Err(StoreError::Open { path, reason })
            }
            Err(error) => {
                let reason = error.to_string();
                Err(StoreError::Damaged { path, reason })
            }
        }
    }

    /// The state and chain as of the last flush.
    pub(crate) fn snapshot(&self) -> Result<DbSnapshot, StoreError> {
        DbSnapshot::new(self.file.read()?)
    }

    fn check_identity(&self, wanted: ChainIdentity) -> Result<(), StoreError> {
        let write = self.file.write()?;
        match write.get(Table::Meta, META_FORMAT, number)? {
            None => {
                write.put(Table::Meta, META_FORMAT, &FORMAT_VERSION.to_be_bytes())?;
                write.put(Table::Meta, META_IDENTITY, &wanted.to_bytes())?;
                write.commit()
            }
            Some(format) => {
                let identity = write.get(Table::Meta, META_IDENTITY, ChainIdentity::from_bytes)?;
                self.compare(format.unwrap_or_default(), identity.flatten(), wanted)
            }
        }
    }

    fn compare(
        &self,
        format: u64,
        identity: Option<ChainIdentity>,
        wanted: ChainIdentity,
    ) -> Result<(), StoreError> {
        if format != FORMAT_VERSION {
            return Err(StoreError::Format {
                path: self.path.clone(),
                found: format,
                wanted: FORMAT_VERSION,
            });
        }
        let Some(found) = identity else {
            return Err(StoreError::Damaged {
                path: self.path.clone(),
                reason: "chain identity is missing".into(),
            });
        };
        if found != wanted {
            return Err(StoreError::ForeignChain {
                path: self.path.clone(),
                found_chain: found.chain_id,
                found_genesis: found.genesis,
                chain: wanted.chain_id,
                genesis: wanted.genesis,
            });
        }
        Ok(())
    }
}

/// A number as it is written; `None` if these are not eight bytes.
fn number(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

/// A hash as it is written; zero if these are not 32 bytes.
fn hash(bytes: &[u8]) -> B256 {
    B256::try_from(bytes).unwrap_or_default()
}

/// The value of a slot.
fn slot_value(bytes: &[u8]) -> U256 {
    U256::try_from_be_slice(bytes).unwrap_or_default()
}
