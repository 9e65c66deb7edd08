//! The canonical chain, or a part of it, as a stream of blocks that `import` and geth read.

use super::{Progress, block_rlp};
use crate::store::{Store, StoreError};
use std::{
    io::{self, Write},
    path::Path,
    time::{Duration, Instant},
};

/// How often progress is told.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// What was exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExportReport {
    /// Blocks.
    pub blocks: u64,
    /// Bytes.
    pub bytes: u64,
    /// Height of the last one.
    pub last: u64,
}

/// Why an export ended early.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The data directory cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file cannot be written.
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
    /// The range makes no sense.
    #[error("blocks {first} to {last} cannot be exported: the chain on disk ends at {head}")]
    Range {
        /// First block.
        first: u64,
        /// Last block.
        last: u64,
        /// The flushed head.
        head: u64,
    },
    /// A block is not there.
    #[error(
        "block {0} is missing: the data directory is damaged, `opal engine db verify` says more"
    )]
    Missing(u64),
}

/// Writes the canonical blocks from `first` (default: the one after genesis) to `last` (default:
/// the head) to `out`.
pub fn export(
    datadir: &Path,
    range: (Option<u64>, Option<u64>),
    out: &mut impl Write,
    mut progress: impl FnMut(Progress),
) -> Result<ExportReport, ExportError> {
    let (store, _) = Store::open_existing(datadir)?;
    let db = store.snapshot()?;
    let head = db.flushed_number();
    // Genesis is known to whoever imports; geth leaves it out of nothing, so it can be asked for.
    let (first, last) = (range.0.unwrap_or(1), range.1.unwrap_or(head));
    if last > head || first > last.saturating_add(1) {
        return Err(ExportError::Range { first, last, head });
    }
    let mut report = ExportReport::default();
    let mut told = Instant::now();
    let mut bytes = Vec::new();
    for number in first..=last {
        let missing = || ExportError::Missing(number);
        let hash = db.canonical_hash(number)?.ok_or_else(missing)?;
        let header = db.header(&hash)?.ok_or_else(missing)?;
        let body = db.body(&hash)?.ok_or_else(missing)?;
        bytes.clear();
        block_rlp::encode(&header, &body, &mut bytes);
        out.write_all(&bytes)?;
        report.blocks = report.blocks.saturating_add(1);
        report.bytes = report.bytes.saturating_add(bytes.len() as u64);
        report.last = number;
        if told.elapsed() >= PROGRESS_INTERVAL || number == last {
            told = Instant::now();
            progress(Progress {
                what: "export",
                done: report.blocks,
                total: last.saturating_sub(first).saturating_add(1),
                block: number,
                ..Progress::default()
            });
        }
    }
    out.flush()?;
    Ok(report)
}
