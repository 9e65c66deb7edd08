//! Figures about a data directory.

pub use crate::store::TableStat;

use crate::store::{ChainIdentity, Store, StoreError};
use alloy_primitives::B256;
use std::path::{Path, PathBuf};

/// What a data directory holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DbStat {
    /// The chain it belongs to.
    pub identity: ChainIdentity,
    /// Every table.
    pub tables: Vec<TableStat>,
    /// Every file and its bytes.
    pub files: Vec<(PathBuf, u64)>,
    /// The block whose state it holds, and its height.
    pub head: (B256, u64),
    /// Time of that block, unix seconds.
    pub head_time: u64,
    /// Newest safe block and its height, if one was named.
    pub safe: Option<(B256, u64)>,
    /// Newest finalized block and its height, if one was named.
    pub finalized: Option<(B256, u64)>,
    /// Lowest and highest canonical block.
    pub blocks: (u64, u64),
    /// Oldest block whose state can be read.
    pub oldest_state: u64,
}

/// Reads the figures. Counts every page of the file, so it takes a while on a large one.
pub fn stat(datadir: &Path) -> Result<DbStat, StoreError> {
    let (store, identity) = Store::open_existing(datadir)?;
    let db = store.snapshot()?;
    let missing = |what: &str| StoreError::Inconsistent(format!("{what} is missing"));
    let heads = *db.heads().ok_or_else(|| missing("the head pointer"))?;
    let header = db.header(&heads.head)?.ok_or_else(|| missing("the head"))?;
    let pointer = |hash: B256| -> Result<Option<(B256, u64)>, StoreError> {
        Ok(db.header(&hash)?.map(|header| (hash, header.number)))
    };
    // The diff of a block leads to the state before it.
    let oldest_state = db
        .reverse_range()?
        .map_or(heads.head_number, |(first, _, _)| first.saturating_sub(1));
    let blocks = db.canonical_range()?.unwrap_or_default();
    Ok(DbStat {
        identity,
        tables: db.table_stats()?,
        files: files(datadir),
        head: (heads.head, heads.head_number),
        head_time: header.timestamp,
        safe: pointer(heads.safe)?,
        finalized: pointer(heads.finalized)?,
        blocks,
        oldest_state: oldest_state.max(blocks.0),
    })
}

/// Regular files directly in the directory, by name.
fn files(datadir: &Path) -> Vec<(PathBuf, u64)> {
    let entries = std::fs::read_dir(datadir).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let about = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
            Some((entry.path(), about.len()))
        })
        .collect();
    found.sort();
    found
}
