//! The database: one redb file behind one concrete type.
//!
//! Inputs: executed blocks and head pointers, in single write transactions. Outputs: immutable
//! [`DbSnapshot`]s. Invariant: the flat tables, the trie nodes, the head pointer and the reverse
//! diffs always describe the same block, the *flushed* one, however the process ends.

mod check;
mod codec;
mod flush;
mod history;
mod layer;
mod patient;
mod scan;
mod snapshot;
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

use alloy_primitives::B256;
use patient::PatientFile;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, backends::FileBackend};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Version of the layout below. A change that old code would misread increments it.
const FORMAT_VERSION: u64 = 1;
/// Memory redb may use to cache pages, bytes.
const CACHE_BYTES: usize = 256 << 20;
/// Name of the database file inside the data directory.
const FILE_NAME: &str = "opal.redb";

/// keccak256(address) -> RLP of [`codec::FlatAccount`].
pub(crate) const ACCOUNTS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("accounts");
/// keccak256(address) ++ keccak256(slot) -> big-endian value without leading zeros.
pub(crate) const STORAGE: TableDefinition<'_, &[u8; 64], &[u8]> = TableDefinition::new("storage");
/// Code hash -> code.
pub(crate) const CODE: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("code");
/// Owner (zero for the account trie) ++ path, one nibble per byte -> trie node.
pub(crate) const NODES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("nodes");
/// Block hash -> RLP of the header.
pub(crate) const HEADERS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("headers");
/// Block hash -> RLP of [`BlockBody`].
pub(crate) const BODIES: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("bodies");
/// Block hash -> RLP of a list of receipts.
pub(crate) const RECEIPTS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("receipts");
/// Transaction hash -> height and index of the newest canonical block that held it. A reader
/// checks that the block at that height still does.
pub(crate) const TX_INDEX: TableDefinition<'_, &[u8; 32], (u64, u32)> =
    TableDefinition::new("tx_index");
/// Height -> hash of the canonical block.
pub(crate) const CANONICAL: TableDefinition<'_, u64, &[u8; 32]> = TableDefinition::new("canonical");
/// Height -> RLP of the canonical block's [`codec::ReverseDiff`].
pub(crate) const REVERSE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("reverse_diffs");
/// Format version, chain identity, head pointers.
pub(crate) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

pub(crate) const META_FORMAT: &str = "format";
pub(crate) const META_IDENTITY: &str = "identity";
pub(crate) const META_HEADS: &str = "heads";
/// Height of the first block in the index of an archive.
pub(crate) const META_HISTORY_FROM: &str = "history_from";
/// Height below which receipts are pruned.
pub(crate) const META_RECEIPTS_FROM: &str = "receipts_from";

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
    Database(#[from] redb::Error),
    /// A row does not decode.
    #[error("database: {0}")]
    Codec(#[from] CodecError),
    /// Rows contradict each other.
    #[error("database is inconsistent: {0}")]
    Inconsistent(String),
}

/// Turns each of redb's error types into ours.
macro_rules! from_redb {
    ($($error:ident),*) => {$(
        impl From<redb::$error> for StoreError {
            fn from(error: redb::$error) -> Self {
                Self::Database(error.into())
            }
        }
    )*};
}
from_redb!(StorageError, TableError, TransactionError, CommitError);

/// The open database. Cheap to clone; the file closes with the last clone.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    db: Arc<Database>,
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
                db: Arc::new(
                    Database::builder()
                        .set_cache_size(CACHE_BYTES)
                        .create_with_backend(redb::backends::InMemoryBackend::new())
                        .map_err(|e| StoreError::Database(e.into()))?,
                ),
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
        let (format, identity) = {
            let read = store.db.begin_read()?;
            let meta = match read.open_table(META) {
                Ok(meta) => meta,
                Err(redb::TableError::TableDoesNotExist(_)) => {
                    let reason = "it was never initialised".to_owned();
                    let path = store.path;
                    return Err(StoreError::Open { path, reason });
                }
                Err(error) => return Err(error.into()),
            };
            let bytes = |row: Option<redb::AccessGuard<'_, &[u8]>>| row.map(|v| v.value().to_vec());
            (
                bytes(meta.get(META_FORMAT)?),
                bytes(meta.get(META_IDENTITY)?),
            )
        };
        let found = format
            .and_then(|f| f.try_into().ok())
            .map_or(0, u64::from_be_bytes);
        if found != FORMAT_VERSION {
            return Err(StoreError::Format {
                path: store.path,
                found,
                wanted: FORMAT_VERSION,
            });
        }
        match identity.and_then(|bytes| ChainIdentity::from_bytes(&bytes)) {
            Some(identity) => Ok((store, identity)),
            None => Err(StoreError::Damaged {
                path: store.path,
                reason: "chain identity is missing".into(),
            }),
        }
    }

    fn open_file(datadir: &Path) -> Result<Self, StoreError> {
        let patience = Arc::<Patience>::default();
        Ok(Self {
            db: Arc::new(open_file(datadir, &patience)?),
            path: datadir.to_path_buf(),
            patience,
        })
    }

    /// The state and chain as of the last flush.
    pub(crate) fn snapshot(&self) -> Result<DbSnapshot, StoreError> {
        DbSnapshot::new(self.db.begin_read()?)
    }

    fn check_identity(&self, wanted: ChainIdentity) -> Result<(), StoreError> {
        let write = self.db.begin_write()?;
        {
            let mut meta = write.open_table(META)?;
            let format = meta.get(META_FORMAT)?.map(|v| v.value().to_vec());
            match format {
                None => {
                    meta.insert(META_FORMAT, FORMAT_VERSION.to_be_bytes().as_slice())?;
                    meta.insert(META_IDENTITY, wanted.to_bytes().as_slice())?;
                }
                Some(bytes) => self.compare(&bytes, meta.get(META_IDENTITY)?, wanted)?,
            }
        }
        flush::create_tables(&write)?;
        write.commit()?;
        Ok(())
    }

    fn compare(
        &self,
        format: &[u8],
        identity: Option<redb::AccessGuard<'_, &[u8]>>,
        wanted: ChainIdentity,
    ) -> Result<(), StoreError> {
        let found = format
            .try_into()
            .map(u64::from_be_bytes)
            .unwrap_or_default();
        if found != FORMAT_VERSION {
            return Err(StoreError::Format {
                path: self.path.clone(),
                found,
                wanted: FORMAT_VERSION,
            });
        }
        let Some(found) = identity.and_then(|v| ChainIdentity::from_bytes(v.value())) else {
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

fn open_file(dir: &Path, patience: &Arc<Patience>) -> Result<Database, StoreError> {
    let path = dir.to_path_buf();
    std::fs::create_dir_all(dir).map_err(|e| StoreError::Open {
        path: path.clone(),
        reason: e.to_string(),
    })?;
    // redb may panic on a file that something else altered; to whoever starts the program that is
    // a damaged directory like any other.
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let file = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(dir.join(FILE_NAME))
            .map_err(|e| redb::DatabaseError::Storage(e.into()))?;
        let backend = PatientFile {
            file: FileBackend::new(file)?,
            patience: patience.clone(),
        };
        Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create_with_backend(backend)
    }));
    match opened {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(redb::DatabaseError::DatabaseAlreadyOpen)) => Err(StoreError::InUse(path)),
        Ok(Err(redb::DatabaseError::Storage(redb::StorageError::Io(e))))
            if e.kind() != std::io::ErrorKind::InvalidData
                && e.kind() != std::io::ErrorKind::UnexpectedEof =>
        {
            Err(StoreError::Open {
                path,
                reason: e.to_string(),
            })
        }
        Ok(Err(error)) => Err(StoreError::Damaged {
            path,
            reason: error.to_string(),
        }),
        Err(_) => Err(StoreError::Damaged {
            path,
            reason: "its pages are inconsistent".into(),
        }),
    }
}
