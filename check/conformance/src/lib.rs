//! Runners for vectors that nobody here wrote.
//!
//! In: a kind of vector and files. Out: a verdict for each file. The same runners serve the tests
//! of this crate and a person with files of their own.

pub mod blob;
pub mod blockchain_test;
pub mod channel;
mod columns;
mod counts;
mod ethereum;
pub mod genesis;
pub mod input;
pub mod op_block;
pub mod rpc_compat;
pub mod span_batch;
pub mod state_test;

pub use counts::Counts;

use clap::ValueEnum;
use eyre::{Result, WrapErr, ensure};
use rayon::prelude::*;
use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

/// A kind of vector. Each has a module of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Compressed channels: decode, encode, compress.
    Channel,
    /// Span batches and their columns, as hex: decode and encode.
    SpanBatch,
    /// Blobs, as hex or binary: decode and encode.
    Blob,
    /// OP blocks with their state witness: execute to the exact block hash.
    OpBlock,
    /// Ethereum state tests since the Merge, as JSON or in an archive: execute to the exact state
    /// root and logs.
    #[value(alias = "state-test")]
    StateTests,
    /// Ethereum blockchain tests since the Merge, as JSON or in an archive: import into storage,
    /// block tree and trie, to the exact head and state.
    #[value(alias = "blockchain-test")]
    BlockchainTests,
    /// Genesis files: of the superchain registry, or JSON with the hash in a file beside it.
    Genesis,
    /// Requests and answers of execution-apis, with the chain they are asked about, in an archive
    /// or a folder: answers of the same shape.
    RpcCompat,
}

/// What became of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be; what was seen.
    Passed(String),
    /// Not as it should be; what was wrong.
    Failed(String),
    /// Not a vector of this kind; why.
    Excluded(String),
}

/// One file and its verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The file.
    pub path: PathBuf,
    /// What became of it.
    pub verdict: Verdict,
    /// What became of the vectors in it: one, or many where a file holds many.
    pub counts: Counts,
}

impl Kind {
    /// Runs one file.
    pub fn check(self, path: &Path) -> Verdict {
        self.outcome(path).verdict
    }

    fn outcome(self, path: &Path) -> Outcome {
        let one = |verdict| {
            let counts = Counts::of(&verdict);
            (verdict, counts)
        };
        let result = match self {
            Self::Channel => channel::run(path).map(|seen| one(Verdict::Passed(seen.to_string()))),
            Self::SpanBatch => span_batch::run(path).map(one),
            Self::Blob => blob::run(path).map(one),
            Self::OpBlock => op_block::run(path).map(|block| {
                one(Verdict::Passed(format!(
                    "block {}, {} transactions, {} gas",
                    block.number, block.transactions, block.gas_used
                )))
            }),
            Self::StateTests => state_test::run(path, "").map(|counts| (counts.verdict(), counts)),
            Self::BlockchainTests => {
                blockchain_test::run(path, "").map(|counts| (counts.verdict(), counts))
            }
            Self::Genesis => genesis::check(path).map(one),
            Self::RpcCompat => rpc_compat::run(path).map(|counts| (counts.verdict(), counts)),
        };
        let failed = |error| one(Verdict::Failed(format!("{error:#}")));
        let (verdict, counts) = result.unwrap_or_else(failed);
        let path = path.to_owned();
        Outcome {
            path,
            verdict,
            counts,
        }
    }

    /// Runs files, and the files below folders, on all cores. Answers in order of their names.
    pub fn check_all(self, paths: &[PathBuf]) -> Result<Vec<Outcome>> {
        // The files of a folder belong together there.
        let files = if self == Self::RpcCompat {
            paths.to_vec()
        } else {
            files(paths)?
        };
        Ok(files.par_iter().map(|path| self.outcome(path)).collect())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.path.display();
        match &self.verdict {
            Verdict::Passed(seen) => write!(f, "passed   {name}: {seen}"),
            Verdict::Failed(problem) => write!(f, "FAILED   {name}: {problem}"),
            Verdict::Excluded(reason) => write!(f, "excluded {name}: {reason}"),
        }
    }
}

/// The files that `paths` name, hidden ones left out of folders.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        ensure!(path.exists(), "{} does not exist", path.display());
        add_files(path, &mut files)?;
    }
    Ok(files)
}

fn add_files(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut inside = Vec::new();
    for entry in fs::read_dir(path).wrap_err_with(|| path.display().to_string())? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            inside.push(entry.path());
        }
    }
    inside.sort();
    inside.iter().try_for_each(|path| add_files(path, files))
}

/// The folder of vectors: `OPAL_FIXTURES`, else beside the workspace. `None`, with a note, where
/// there is none; a panic instead if `OPAL_FIXTURES_REQUIRED` is 1.
pub fn fixtures() -> Option<PathBuf> {
    let folder = std::env::var_os("OPAL_FIXTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    if folder.is_dir() {
        return Some(folder);
    }
    let required = std::env::var_os("OPAL_FIXTURES_REQUIRED").is_some_and(|v| v == "1");
    assert!(
        !required,
        "fixtures are required but {} is absent",
        folder.display()
    );
    println!("skipped: fixtures absent");
    None
}
