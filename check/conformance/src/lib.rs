//! Runners for vectors that nobody here wrote.
//!
//! In: a kind of vector and files. Out: a verdict for each file. The same runners serve the tests
//! of this crate and a person with files of their own.

pub mod blob;
pub mod channel;
mod columns;
pub mod genesis;
pub mod input;
pub mod op_block;
pub mod span_batch;
pub mod state_test;

use clap::ValueEnum;
use eyre::{Result, WrapErr, ensure};
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
    /// Ethereum state tests, as JSON or in an archive: execute to the exact state root.
    StateTest,
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
}

/// How many files ended which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Files that were run: those that passed and those that failed.
    pub run: usize,
    /// Files that passed.
    pub passed: usize,
    /// Files that failed.
    pub failed: usize,
    /// Files that were not run.
    pub excluded: usize,
}

impl Kind {
    /// Runs one file.
    pub fn check(self, path: &Path) -> Verdict {
        let result = match self {
            Self::Channel => channel::run(path).map(|seen| Verdict::Passed(seen.to_string())),
            Self::SpanBatch => span_batch::run(path),
            Self::Blob => blob::run(path),
            Self::OpBlock => op_block::run(path).map(|block| {
                Verdict::Passed(format!(
                    "block {}, {} transactions, {} gas",
                    block.number, block.transactions, block.gas_used
                ))
            }),
            Self::StateTest => {
                state_test::run(path, "").map(|counts| match counts.failed.first() {
                    None => Verdict::Passed(format!("{} transactions", counts.passed)),
                    Some(first) => Verdict::Failed(format!(
                        "{} of {} transactions: {first}",
                        counts.failed.len(),
                        counts.failed.len() + counts.passed
                    )),
                })
            }
        };
        result.unwrap_or_else(|error| Verdict::Failed(format!("{error:#}")))
    }

    /// Runs files, and the files of folders, in order of their names.
    pub fn check_all(self, paths: &[PathBuf]) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        for path in files(paths)? {
            let verdict = self.check(&path);
            outcomes.push(Outcome { path, verdict });
        }
        Ok(outcomes)
    }
}

impl Tally {
    /// Counts outcomes.
    pub fn of(outcomes: &[Outcome]) -> Self {
        let mut tally = Self::default();
        for outcome in outcomes {
            match outcome.verdict {
                Verdict::Passed(_) => tally.passed += 1,
                Verdict::Failed(_) => tally.failed += 1,
                Verdict::Excluded(_) => tally.excluded += 1,
            }
        }
        tally.run = tally.passed + tally.failed;
        tally
    }

    /// Whether something was run and nothing failed.
    pub const fn is_good(&self) -> bool {
        self.run > 0 && self.failed == 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            run,
            passed,
            failed,
            excluded,
        } = self;
        write!(
            f,
            "run {run}, passed {passed}, failed {failed}, excluded {excluded}"
        )
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
        if !path.is_dir() {
            ensure!(path.exists(), "{} does not exist", path.display());
            files.push(path.clone());
            continue;
        }
        let mut inside = Vec::new();
        for entry in fs::read_dir(path).wrap_err_with(|| path.display().to_string())? {
            let entry = entry?;
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if !hidden && entry.file_type()?.is_file() {
                inside.push(entry.path());
            }
        }
        inside.sort();
        files.append(&mut inside);
    }
    Ok(files)
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
