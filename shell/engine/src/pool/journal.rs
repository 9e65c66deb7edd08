//! The pool on disk, so that a restart forgets nobody's transaction.
//!
//! In: network bytes of transactions as they are accepted, and from time to time all that the pool
//! holds. Out: a file of records that the next start adds again like any other transaction. The
//! file is replaced at once when it is written anew; a tail that a crash cut off, or a record that
//! is damaged, costs what lies behind it and never the start. Transactions with blobs or
//! conditions are left out: they are worth nothing soon.

use super::{Pool, PoolTx};
use alloy_primitives::{Bytes, keccak256};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::{Weak, mpsc},
    thread::JoinHandle,
    time::Duration,
};
use tracing::{info, warn};

/// What a journal begins with.
const MAGIC: &[u8] = b"opal pool 1\n";
/// Bytes before each record: its length and its checksum.
const RECORD_HEAD: usize = 8;
/// Bytes of one record at most: no transaction of the pool is larger.
const RECORD_MAX: usize = 16 << 20;
/// Bytes of a journal that are read.
const FILE_MAX: u64 = 1 << 30;
/// How often accepted transactions are handed to the system.
const WRITE_INTERVAL: Duration = Duration::from_millis(500);
/// Records below which a journal is not worth writing anew.
const RECORDS_MIN: usize = 2_000;
/// How often the journal is looked at whether it holds too much that is done.
const REWRITE_INTERVAL: u32 = 120;

/// Writes the journal on a thread of its own.
#[derive(Debug)]
pub(crate) struct Journal {
    sender: mpsc::Sender<Message>,
    thread: parking_lot::Mutex<Option<JoinHandle<()>>>,
}

enum Message {
    Append(Bytes),
    Close,
}

impl Journal {
    /// Starts writing; what the pool holds now replaces the file first.
    pub(crate) fn start(path: PathBuf, pool: Weak<Pool>) -> io::Result<Self> {
        let (sender, inbox) = mpsc::channel();
        let writer = Writer {
            path,
            pool,
            file: None,
            records: 0,
        };
        let thread = std::thread::Builder::new()
            .name("opal-journal".into())
            .spawn(move || writer.run(&inbox))?;
        Ok(Self {
            sender,
            thread: parking_lot::Mutex::new(Some(thread)),
        })
    }

    pub(super) fn append(&self, record: Bytes) {
        // Without its thread there is no journal; it has said so.
        drop(self.sender.send(Message::Append(record)));
    }

    /// Writes everything a last time and waits for it.
    pub(super) fn close(&self) {
        drop(self.sender.send(Message::Close));
        if let Some(thread) = self.thread.lock().take() {
            drop(thread.join());
        }
    }
}

/// The bytes of a transaction that can be added again as they are.
pub(super) fn record(tx: &PoolTx) -> Option<Bytes> {
    (tx.sidecar.is_none() && tx.conditional.is_none()).then(|| tx.tx.encoded.clone())
}

struct Writer {
    path: PathBuf,
    pool: Weak<Pool>,
    file: Option<BufWriter<File>>,
    /// Records in the file.
    records: usize,
}

impl Writer {
    fn run(mut self, inbox: &mpsc::Receiver<Message>) {
        self.rewrite();
        let mut idle: u32 = 0;
        loop {
            match inbox.recv_timeout(WRITE_INTERVAL) {
                Ok(Message::Append(record)) => self.append(&record),
                Ok(Message::Close) | Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return self.rewrite();
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    self.flush();
                    idle = idle.saturating_add(1);
                }
            }
            if idle >= REWRITE_INTERVAL || self.records >= RECORDS_MIN.saturating_mul(50) {
                idle = 0;
                self.rewrite_if_large();
            }
        }
    }

    fn append(&mut self, record: &[u8]) {
        if let Some(file) = &mut self.file {
            let written = write_record(file, record);
            self.records = self.records.saturating_add(1);
            self.give_up_on(written);
        }
    }

    fn flush(&mut self) {
        if let Some(file) = &mut self.file {
            let flushed = file.flush();
            self.give_up_on(flushed);
        }
    }

    fn give_up_on(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            let path = self.path.display();
            warn!(%error, %path, "the pool's journal cannot be written; goes on without it");
            self.file = None;
        }
    }

    fn rewrite_if_large(&mut self) {
        let live = self.pool.upgrade().map_or(0, |pool| {
            let (executable, queued) = pool.counts();
            executable.saturating_add(queued)
        });
        if self.records >= RECORDS_MIN && self.records > live.saturating_mul(2) {
            self.rewrite();
        }
    }

    fn rewrite(&mut self) {
        let Some(pool) = self.pool.upgrade() else {
            return self.flush();
        };
        let records = pool.journal_records();
        drop(pool);
        match write(&self.path, &records) {
            Ok(file) => {
                self.records = records.len();
                self.file = Some(file);
            }
            Err(error) => self.give_up_on(Err(error)),
        }
    }
}

/// Replaces the file at once, and goes on at its end.
fn write(path: &Path, records: &[Bytes]) -> io::Result<BufWriter<File>> {
    let new = path.with_extension("new");
    let mut file = BufWriter::new(File::create(&new)?);
    file.write_all(MAGIC)?;
    for record in records {
        write_record(&mut file, record)?;
    }
    file.flush()?;
    file.get_ref().sync_all()?;
    drop(file);
    fs::rename(&new, path)?;
    Ok(BufWriter::new(OpenOptions::new().append(true).open(path)?))
}

fn write_record(file: &mut impl Write, record: &[u8]) -> io::Result<()> {
    let length = u32::try_from(record.len()).map_err(io::Error::other)?;
    file.write_all(&length.to_be_bytes())?;
    file.write_all(&checksum(record))?;
    file.write_all(record)
}

fn checksum(record: &[u8]) -> [u8; 4] {
    let hash = keccak256(record);
    [hash[0], hash[1], hash[2], hash[3]]
}

/// The records of the journal at `path`, as far as they are whole; reports what is not.
pub(crate) fn load(path: &Path) -> Vec<Bytes> {
    let shown = path.display();
    let bytes = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Ok(meta) if meta.len() > FILE_MAX => Err(io::Error::other("it is too large")),
        Ok(_) => fs::read(path),
        Err(error) => Err(error),
    };
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(error) => {
            warn!(%error, path = %shown, "the pool's journal cannot be read; starts without it");
            return Vec::new();
        }
    };
    let (records, problem) = parse(&bytes);
    if let Some(problem) = problem {
        warn!(
            path = %shown, problem, whole = records.len(),
            "the pool's journal is damaged; takes the records before that"
        );
    }
    if !records.is_empty() {
        info!(path = %shown, records = records.len(), "read the pool's journal");
    }
    records
}

/// The whole records, and what is wrong behind them.
fn parse(bytes: &[u8]) -> (Vec<Bytes>, Option<&'static str>) {
    let Some(mut rest) = bytes.strip_prefix(MAGIC) else {
        return (Vec::new(), Some("it does not begin as a journal does"));
    };
    let mut records = Vec::new();
    while !rest.is_empty() {
        let Some((head, behind)) = rest.split_at_checked(RECORD_HEAD) else {
            return (records, Some("the last record is cut off"));
        };
        let (length, sum) = head.split_at(4);
        let length = length.try_into().map_or(0, u32::from_be_bytes) as usize;
        if length > RECORD_MAX {
            return (records, Some("a record is larger than any transaction"));
        }
        let Some((record, behind)) = behind.split_at_checked(length) else {
            return (records, Some("the last record is cut off"));
        };
        if checksum(record) != sum {
            return (records, Some("a checksum does not fit"));
        }
        records.push(Bytes::copy_from_slice(record));
        rest = behind;
    }
    (records, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_records_survive_whatever_happens_to_the_rest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pool.journal");
        assert!(load(&path).is_empty());
        let records: Vec<Bytes> = (1..20u8)
            .map(|i| vec![i; usize::from(i) * 7].into())
            .collect();
        let mut file = write(&path, &records[..10]).unwrap();
        for record in &records[10..] {
            write_record(&mut file, record).unwrap();
        }
        drop(file);
        assert_eq!(load(&path), records);
        let whole = fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            let (found, problem) = parse(&whole[..cut]);
            assert_eq!(found, records[..found.len()], "cut at {cut}");
            let complete = records[..found.len()]
                .iter()
                .map(|r| r.len() + 8)
                .sum::<usize>();
            assert_eq!(
                problem.is_none(),
                cut == complete + MAGIC.len(),
                "cut at {cut}"
            );
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x40;
            let (found, problem) = parse(&damaged);
            assert!(problem.is_some(), "damaged at {at}");
            assert_eq!(found, records[..found.len()], "damaged at {at}");
        }
        assert!(load(dir.path()).is_empty(), "a directory is no journal");
    }
}
