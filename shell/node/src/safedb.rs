//! What a node remembers across restarts: which safe head was derived from which L1 block.
//!
//! In: the newest entry, whenever it changes. Out: at the next start, all entries in order. A node
//! that starts without it must guess how far its safe head had been derived, and may then judge a
//! batch again that it has judged before (`docs/decisions/derivation-start.md`).
//!
//! Invariant: the file is only ever appended to, or replaced as a whole; a last line that a crash
//! cut short is passed over. What it says is a hint: the search for heads uses an entry only if L1
//! and the engine still have its blocks.

use opal_protocol::{L1Ref, L2Ref};
use opal_rollup::{HISTORY_L1_BLOCKS_MAX, SafeAt};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Lines the file may have before it is written anew with what still counts.
const LINES_MAX: usize = 4 * HISTORY_L1_BLOCKS_MAX;

/// An open file of safe heads.
#[derive(Debug)]
pub(crate) struct SafeDb {
    path: PathBuf,
    file: File,
    lines: usize,
    newest: Option<SafeAt>,
}

impl SafeDb {
    /// Opens the file, made if absent, and reads what it holds, oldest first.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, Vec<SafeAt>)> {
        let text = match fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let entries: Vec<SafeAt> = text.lines().filter_map(parse).collect();
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        if !text.is_empty() && !text.ends_with('\n') {
            // Whatever comes next must not continue the line that a crash cut short.
            file.write_all(b"\n")?;
        }
        let db = Self {
            path: path.to_owned(),
            file,
            lines: text.lines().count(),
            newest: entries.last().copied(),
        };
        Ok((db, entries))
    }

    /// Takes note of the history (newest first) if its newest entry changed.
    pub(crate) fn note<'a>(
        &mut self,
        mut history: impl DoubleEndedIterator<Item = &'a SafeAt> + Clone,
    ) -> io::Result<()> {
        let Some(newest) = history.clone().next().copied() else {
            return Ok(());
        };
        if self.newest == Some(newest) {
            return Ok(());
        }
        if self.lines >= LINES_MAX {
            self.rewrite(&mut history)?;
        } else {
            self.file.write_all(line(&newest)?.as_bytes())?;
            self.lines += 1;
        }
        self.newest = Some(newest);
        Ok(())
    }

    fn rewrite<'a>(
        &mut self,
        history: &mut impl DoubleEndedIterator<Item = &'a SafeAt>,
    ) -> io::Result<()> {
        let aside = self.path.with_extension("new");
        let mut text = String::new();
        self.lines = 0;
        while let Some(entry) = history.next_back() {
            text += &line(entry)?;
            self.lines += 1;
        }
        fs::write(&aside, text)?;
        fs::rename(&aside, &self.path)?;
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        Ok(())
    }
}

fn line(entry: &SafeAt) -> io::Result<String> {
    Ok(serde_json::to_string(&(entry.l2, entry.derived_from))? + "\n")
}

fn parse(line: &str) -> Option<SafeAt> {
    let (l2, derived_from): (L2Ref, L1Ref) = serde_json::from_str(line).ok()?;
    Some(SafeAt { l2, derived_from })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u64) -> SafeAt {
        let l2 = L2Ref {
            number,
            ..L2Ref::default()
        };
        let derived_from = L1Ref {
            number,
            ..L1Ref::default()
        };
        SafeAt { l2, derived_from }
    }

    #[test]
    fn entries_survive_a_restart_and_a_torn_line_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("safe-heads.jsonl");
        let (mut db, found) = SafeDb::open(&path).unwrap();
        assert!(found.is_empty());
        db.note([entry(1)].iter()).unwrap();
        db.note([entry(1)].iter()).unwrap();
        db.note([entry(2), entry(1)].iter()).unwrap();
        drop(db);
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend_from_slice(b"[{\"hash\":\"0x12");
        fs::write(&path, bytes).unwrap();
        let (mut db, found) = SafeDb::open(&path).unwrap();
        assert_eq!(found, [entry(1), entry(2)]);
        db.note([entry(3)].iter()).unwrap();
        assert_eq!(
            SafeDb::open(&path).unwrap().1,
            [entry(1), entry(2), entry(3)]
        );
    }

    #[test]
    fn a_long_file_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("safe-heads.jsonl");
        let (mut db, _) = SafeDb::open(&path).unwrap();
        db.lines = LINES_MAX;
        db.note([entry(9), entry(8)].iter()).unwrap();
        db.note([entry(10)].iter()).unwrap();
        assert_eq!(
            SafeDb::open(&path).unwrap().1,
            [entry(8), entry(9), entry(10)]
        );
    }
}
