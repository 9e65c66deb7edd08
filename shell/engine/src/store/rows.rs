//! Tables of rows in one memory-mapped file: the only place that speaks to libmdbx.
//!
//! In: keys and values, bytes both; rows of a table lie in the order of their keys. Out: the same,
//! as of one commit. Invariants: whatever a [`Reader`] answers belongs to the commit it was made
//! after; a [`Writer`] that does not commit leaves no trace, however the process ends.

use super::{StoreError, table::Table};
use parking_lot::Mutex;
use signet_libmdbx::{
    Cursor, Database, DatabaseFlags, Environment, EnvironmentFlags, Geometry, MdbxError, Mode,
    ReadError, SyncMode, TransactionKind, TxUnsync, WriteFlags,
    tx::{PtrUnsync, SyncKind},
};
use std::{
    borrow::Cow,
    cell::Cell,
    collections::VecDeque,
    fmt, io,
    ops::ControlFlow,
    path::Path,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// Most bytes the file may ever have. Only addresses are set aside for it.
const FILE_BYTES_MAX: usize = 4 << 40;
/// The same for a database that goes with its process.
const TEMPORARY_BYTES_MAX: usize = 64 << 30;
/// Bytes by which the file grows.
const GROWTH_BYTES: isize = 8 << 20;
/// Pages kept from one write transaction to the next, instead of asking the system for new ones.
const PAGES_RESERVED: u64 = 8_192;
/// Read transactions that may be open at once: those of a few snapshots.
const READERS_MAX: u64 = 4_096;
/// Read transactions of one snapshot, least and most. Each serves one thread at a time.
const SHARES: (usize, usize) = (4, 32);
/// Rows that are copied out at once while a table is walked.
const WALK_ROWS: usize = 512;

type Tables = [Database; Table::ALL.len()];

/// What the library says, as the system would: an error number keeps its meaning.
pub(super) fn trouble(error: MdbxError) -> io::Error {
    match error.to_err_code() {
        number @ 1.. => io::Error::from_raw_os_error(number),
        _ => io::Error::other(error.to_string()),
    }
}

impl From<MdbxError> for StoreError {
    fn from(error: MdbxError) -> Self {
        Self::Database(trouble(error))
    }
}

impl From<ReadError> for StoreError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Mdbx(error) => error.into(),
            ReadError::Decoding(error) => Self::Database(io::Error::other(error)),
        }
    }
}

/// The open file. Cheap to clone; it closes with the last clone, whoever still has a reader of it.
#[derive(Clone, Debug)]
pub(super) struct File(Arc<Open>);

#[derive(Debug)]
struct Open {
    environment: Environment,
    tables: Tables,
    readers: Mutex<Vec<Weak<Shares>>>,
}

impl Drop for Open {
    fn drop(&mut self) {
        // The library closes the file with its last transaction.
        for shares in self.readers.get_mut().iter().filter_map(Weak::upgrade) {
            shares.0.iter().for_each(|share| drop(share.lock().take()));
        }
    }
}

impl File {
    /// Opens or creates the file at `path` for this process alone.
    pub(super) fn open(path: &Path) -> Result<Self, MdbxError> {
        Self::with(path, SyncMode::Durable, FILE_BYTES_MAX)
    }

    /// A database without a name, which is gone when it is closed.
    pub(super) fn temporary() -> Result<Self, StoreError> {
        let directory = tempfile::Builder::new().prefix("opal-").tempdir();
        let directory = directory.map_err(StoreError::Database)?;
        let path = directory.path().join("state");
        // The system keeps the file for as long as it is open; its name goes with the directory.
        Ok(Self::with(
            &path,
            SyncMode::UtterlyNoSync,
            TEMPORARY_BYTES_MAX,
        )?)
    }

    fn with(path: &Path, sync_mode: SyncMode, bytes_max: usize) -> Result<Self, MdbxError> {
        let environment = Environment::builder()
            .set_max_dbs(Table::ALL.len())
            .set_max_readers(READERS_MAX)
            .set_dp_reserve_limit(PAGES_RESERVED)
            .set_flags(EnvironmentFlags {
                no_sub_dir: true,
                exclusive: true,
                mode: Mode::ReadWrite { sync_mode },
                // Keys are hashes: what lies beside a row is not what is read next.
                no_rdahead: true,
                no_meminit: true,
                coalesce: true,
                ..EnvironmentFlags::default()
            })
            .set_geometry(Geometry {
                size: Some(0..bytes_max),
                growth_step: Some(GROWTH_BYTES),
                ..Geometry::default()
            })
            .open(path)?;
        let write = environment.begin_rw_unsync()?;
        let mut tables = [Database::freelist_db(); Table::ALL.len()];
        for (handle, table) in tables.iter_mut().zip(Table::ALL) {
            *handle = write.create_db(Some(table.name()), DatabaseFlags::empty())?;
        }
        write.commit()?;
        Ok(Self(Arc::new(Open {
            environment,
            tables,
            readers: Mutex::default(),
        })))
    }

    /// What the last commit left.
    pub(super) fn read(&self) -> Result<Reader, StoreError> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let shares = cores.saturating_mul(2).clamp(SHARES.0, SHARES.1);
        let shares = self.0.environment.begin_ro_unsync_multi(shares)?;
        let shares = shares.into_iter().map(|share| Mutex::new(Some(share)));
        let shares = Arc::new(Shares(shares.collect()));
        let mut readers = self.0.readers.lock();
        readers.retain(|reader| reader.strong_count() > 0);
        readers.push(Arc::downgrade(&shares));
        Ok(Reader {
            shares,
            tables: self.0.tables,
        })
    }

    /// Begins a change. At most one is open at a time: others wait.
    pub(super) fn write(&self) -> Result<Writer, StoreError> {
        Ok(Writer {
            transaction: self.0.environment.begin_rw_unsync()?,
            tables: self.0.tables,
        })
    }
}

/// Rows as of one commit, for any number of threads.
///
/// A read transaction serves one thread at a time, so there are several of the same commit, and a
/// thread takes the first that is free, beginning with its own.
pub(crate) struct Reader {
    shares: Arc<Shares>,
    tables: Tables,
}

/// Transactions of one commit; `None` when the file is closed.
#[derive(Debug)]
struct Shares(Vec<Mutex<Option<TxUnsync<signet_libmdbx::Ro>>>>);

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

/// Where this thread begins to look for a free transaction.
fn turn() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static TURN: Cell<Option<usize>> = const { Cell::new(None) });
    TURN.with(|turn| {
        let number = turn
            .get()
            .unwrap_or_else(|| NEXT.fetch_add(1, Ordering::Relaxed));
        turn.set(Some(number));
        number
    })
}

impl Reader {
    fn with<T>(
        &self,
        work: impl FnOnce(&TxUnsync<signet_libmdbx::Ro>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let shares = &self.shares.0;
        let own = turn() % shares.len();
        let (before, after) = shares.split_at(own);
        let mut free = after.iter().chain(before).filter_map(Mutex::try_lock);
        let share = free.next().unwrap_or_else(|| shares[own].lock());
        match &*share {
            Some(transaction) => work(transaction),
            None => Err(StoreError::Closed),
        }
    }

    /// The row at `key`, as `read` sees it.
    pub(super) fn get<T>(
        &self,
        table: Table,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> T,
    ) -> Result<Option<T>, StoreError> {
        let handle = self.tables[table as usize];
        self.with(|transaction| {
            let value: Option<Cow<'_, [u8]>> = transaction.get(handle.dbi(), key)?;
            Ok(value.map(|value| read(&value)))
        })
    }

    /// The first row at or after `key`.
    pub(super) fn from<T>(
        &self,
        table: Table,
        key: &[u8],
        read: impl FnOnce(&[u8], &[u8]) -> T,
    ) -> Result<Option<T>, StoreError> {
        let handle = self.tables[table as usize];
        self.with(|transaction| {
            let mut cursor = transaction.cursor(handle)?;
            let row = cursor.set_range::<Cow<'_, [u8]>, Cow<'_, [u8]>>(key)?;
            Ok(row.map(|(key, value)| read(&key, &value)))
        })
    }

    /// The last row.
    pub(super) fn last<T>(
        &self,
        table: Table,
        read: impl FnOnce(&[u8], &[u8]) -> T,
    ) -> Result<Option<T>, StoreError> {
        let handle = self.tables[table as usize];
        self.with(|transaction| {
            let mut cursor = transaction.cursor(handle)?;
            let row = cursor.last::<Cow<'_, [u8]>, Cow<'_, [u8]>>()?;
            Ok(row.map(|(key, value)| read(&key, &value)))
        })
    }

    /// All rows in order.
    pub(super) const fn walk(&self, table: Table) -> Walk<'_> {
        Walk {
            reader: self,
            table,
            rows: VecDeque::new(),
            next: Some(Vec::new()),
        }
    }

    /// Rows of a table, and the bytes of the pages they take.
    pub(super) fn size(&self, table: Table) -> Result<(u64, u64), StoreError> {
        let handle = self.tables[table as usize];
        let stat = self.with(|transaction| Ok(transaction.db_stat(&handle)?))?;
        let pages = [
            stat.branch_pages(),
            stat.leaf_pages(),
            stat.overflow_pages(),
        ];
        let pages = pages.iter().sum::<usize>() as u64;
        let bytes = pages.saturating_mul(u64::from(stat.page_size()));
        Ok((stat.entries() as u64, bytes))
    }
}

/// The rows of a table in order, some copied out at a time: whoever walks slowly stands in nobody's
/// way.
pub(super) struct Walk<'a> {
    reader: &'a Reader,
    table: Table,
    rows: VecDeque<(Vec<u8>, Vec<u8>)>,
    /// Where to go on; `None` at the end.
    next: Option<Vec<u8>>,
}

impl Walk<'_> {
    fn load(&mut self) -> Result<(), StoreError> {
        let Some(from) = self.next.take() else {
            return Ok(());
        };
        let handle = self.reader.tables[self.table as usize];
        let rows = &mut self.rows;
        self.next = self.reader.with(|transaction| {
            visit(transaction, handle, &from, |key, value| {
                if rows.len() == WALK_ROWS {
                    return Ok(ControlFlow::Break(key.to_vec()));
                }
                rows.push_back((key.to_vec(), value.to_vec()));
                Ok(ControlFlow::Continue(()))
            })
        })?;
        Ok(())
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<(Vec<u8>, Vec<u8>), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rows.is_empty()
            && let Err(error) = self.load()
        {
            return Some(Err(error));
        }
        self.rows.pop_front().map(Ok)
    }
}

/// Shows the rows at and after `from` until told to stop, and answers with what was told.
fn visit<K, T>(
    transaction: &TxUnsync<K>,
    handle: Database,
    from: &[u8],
    mut see: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<T>, StoreError>,
) -> Result<Option<T>, StoreError>
where
    K: TransactionKind + SyncKind<Access = PtrUnsync>,
{
    let mut cursor = transaction.cursor(handle)?;
    let mut row = cursor.set_range::<Cow<'_, [u8]>, Cow<'_, [u8]>>(from)?;
    while let Some((key, value)) = row {
        if let ControlFlow::Break(told) = see(&key, &value)? {
            return Ok(Some(told));
        }
        row = cursor.next()?;
    }
    Ok(None)
}

/// A change that is not committed yet. It sees what it wrote itself.
pub(super) struct Writer {
    transaction: TxUnsync<signet_libmdbx::Rw>,
    tables: Tables,
}

impl Writer {
    /// The row at `key`, as `read` sees it.
    pub(super) fn get<T>(
        &self,
        table: Table,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> T,
    ) -> Result<Option<T>, StoreError> {
        let handle = self.tables[table as usize];
        let value: Option<Cow<'_, [u8]>> = self.transaction.get(handle.dbi(), key)?;
        Ok(value.map(|value| read(&value)))
    }

    /// Shows the rows at and after `from` until told to stop.
    pub(super) fn visit(
        &self,
        table: Table,
        from: &[u8],
        see: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        visit(&self.transaction, self.tables[table as usize], from, see).map(|_| ())
    }

    /// The rows of a table, for many changes in the order of their keys.
    pub(super) fn rows(&self, table: Table) -> Result<Rows<'_>, StoreError> {
        let cursor = self.transaction.cursor(self.tables[table as usize])?;
        Ok(Rows { cursor })
    }

    /// Writes a row over whatever was there.
    pub(super) fn put(&self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let handle = self.tables[table as usize];
        Ok(self
            .transaction
            .put(handle, key, value, WriteFlags::empty())?)
    }

    /// Removes a row if it is there.
    pub(super) fn delete(&self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        let handle = self.tables[table as usize];
        self.transaction.del(handle, key, None)?;
        Ok(())
    }

    /// Removes all rows of a table.
    pub(super) fn clear(&self, table: Table) -> Result<(), StoreError> {
        Ok(self.transaction.clear_db(self.tables[table as usize])?)
    }

    /// Makes the change durable.
    pub(super) fn commit(self) -> Result<(), StoreError> {
        Ok(self.transaction.commit()?)
    }
}

/// A place in a table. The next row is looked for from here, so that rows that come in the order of
/// their keys are found on the page of the one before.
pub(super) struct Rows<'a> {
    cursor: Cursor<'a, signet_libmdbx::Rw>,
}

impl Rows<'_> {
    /// The row at `key`, as `read` sees it.
    pub(super) fn get<T>(
        &mut self,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> T,
    ) -> Result<Option<T>, StoreError> {
        let value: Option<Cow<'_, [u8]>> = self.cursor.set(key)?;
        Ok(value.map(|value| read(&value)))
    }

    /// Writes a row over whatever was there.
    pub(super) fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        Ok(self.cursor.put(key, value, WriteFlags::empty())?)
    }

    /// Removes a row if it is there.
    pub(super) fn delete(&mut self, key: &[u8]) -> Result<(), StoreError> {
        if self.cursor.set::<()>(key)?.is_some() {
            self.cursor.del()?;
        }
        Ok(())
    }
}
