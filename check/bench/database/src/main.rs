//! Which database suits the engine: redb, libmdbx or fjall, on rows shaped as the engine writes them.
//!
//! Three tables: slots (64-byte keys, 32-byte values), leaves of a trie (40, 110) and its branches
//! (38, 532), one for eight slots. An update changes one slot, one leaf and two branches at random
//! keys; a batch of updates is one durable commit. Reads are of slots. Every contender gets a cache
//! of 256 MiB, if it has one of its own, and the same rows in the same order.
//!
//! Usage: database [slots in thousands, default 1000] [directory]

use std::{path::Path, time::Instant};

const CACHE_BYTES: usize = 256 << 20;
/// Rows written in one transaction while the tables are filled.
const FILL_BATCH: u64 = 500_000;
const SLOTS: usize = 0;
const LEAVES: usize = 1;
const BRANCHES: usize = 2;
/// Length of keys and values of each table.
const SHAPES: [(usize, usize); 3] = [(64, 32), (40, 110), (38, 532)];
/// Commits of each size.
const COMMITS: u64 = 7;
const READS: u64 = 100_000;

/// A row to write: table, key, value.
type Row = (usize, Vec<u8>, Vec<u8>);

trait Contender {
    fn write(&mut self, rows: &[Row]);
    /// Reads slots; answers with the nanoseconds of each.
    fn read(&self, keys: &[Vec<u8>]) -> Vec<u64>;
}

fn mix(mut n: u64) -> u64 {
    n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// Bytes without order from the row's number.
fn bytes(table: usize, n: u64, seed: u64, length: usize) -> Vec<u8> {
    (0..length as u64)
        .step_by(8)
        .flat_map(|i| mix(n ^ (table as u64) << 60 ^ mix(i + 1 + seed)).to_be_bytes())
        .take(length)
        .collect()
}

fn key(table: usize, n: u64) -> Vec<u8> {
    bytes(table, n, 0, SHAPES[table].0)
}

fn row(table: usize, n: u64, seed: u64) -> Row {
    (table, key(table, n), bytes(table, n, seed, SHAPES[table].1))
}

fn rows_of(table: usize, slots: u64) -> u64 {
    if table == BRANCHES { slots / 8 } else { slots }
}

struct Redb(redb::Database);

const TABLES: [redb::TableDefinition<'_, &[u8], &[u8]>; 3] = [
    redb::TableDefinition::new("slots"),
    redb::TableDefinition::new("leaves"),
    redb::TableDefinition::new("branches"),
];

impl Redb {
    fn open(dir: &Path) -> Self {
        let mut builder = redb::Database::builder();
        Self(
            builder
                .set_cache_size(CACHE_BYTES)
                .create(dir.join("redb"))
                .unwrap(),
        )
    }
}

impl Contender for Redb {
    fn write(&mut self, rows: &[Row]) {
        let write = self.0.begin_write().unwrap();
        for (i, table) in TABLES.iter().enumerate() {
            let mut table = write.open_table(*table).unwrap();
            for (_, key, value) in rows.iter().filter(|(t, _, _)| *t == i) {
                table.insert(key.as_slice(), value.as_slice()).unwrap();
            }
        }
        write.commit().unwrap();
    }

    fn read(&self, keys: &[Vec<u8>]) -> Vec<u64> {
        use redb::ReadableDatabase;
        let read = self.0.begin_read().unwrap();
        let table = read.open_table(TABLES[SLOTS]).unwrap();
        timed(keys, |key| table.get(key).unwrap().unwrap().value().len())
    }
}

struct Mdbx(signet_libmdbx::Environment);

impl Mdbx {
    fn open(dir: &Path) -> Self {
        use signet_libmdbx::{DatabaseFlags, Environment, Geometry};
        let dir = dir.join("mdbx");
        std::fs::create_dir(&dir).unwrap();
        let mut builder = Environment::builder();
        builder.set_max_dbs(3).set_geometry(Geometry {
            size: Some(0..64 << 30),
            growth_step: Some(64 << 20),
            ..Geometry::default()
        });
        let env = builder.open(&dir).unwrap();
        let write = env.begin_rw_sync().unwrap();
        for name in ["0", "1", "2"] {
            write.create_db(Some(name), DatabaseFlags::empty()).unwrap();
        }
        write.commit().unwrap();
        Self(env)
    }
}

impl Contender for Mdbx {
    fn write(&mut self, rows: &[Row]) {
        let write = self.0.begin_rw_unsync().unwrap();
        for (i, name) in ["0", "1", "2"].into_iter().enumerate() {
            let db = write.open_db(Some(name)).unwrap();
            for (_, key, value) in rows.iter().filter(|(t, _, _)| *t == i) {
                write
                    .put(db, key, value, signet_libmdbx::WriteFlags::empty())
                    .unwrap();
            }
        }
        write.commit().unwrap();
    }

    fn read(&self, keys: &[Vec<u8>]) -> Vec<u64> {
        let read = self.0.begin_ro_unsync().unwrap();
        let db = read.open_db(Some("0")).unwrap();
        timed(keys, |key| {
            let value: Option<Vec<u8>> = read.get(db.dbi(), key).unwrap();
            value.unwrap().len()
        })
    }
}

struct Fjall {
    db: fjall::Database,
    tables: Vec<fjall::Keyspace>,
}

impl Fjall {
    fn open(dir: &Path) -> Self {
        let builder = fjall::Database::builder(dir.join("fjall"));
        let db = builder.cache_size(CACHE_BYTES as u64).open().unwrap();
        let tables = ["0", "1", "2"].map(|name| {
            db.keyspace(name, fjall::KeyspaceCreateOptions::default)
                .unwrap()
        });
        Self {
            db,
            tables: tables.into(),
        }
    }
}

impl Contender for Fjall {
    fn write(&mut self, rows: &[Row]) {
        let mut batch = self
            .db
            .batch()
            .durability(Some(fjall::PersistMode::SyncAll));
        for (table, key, value) in rows {
            batch.insert(&self.tables[*table], key.as_slice(), value.as_slice());
        }
        batch.commit().unwrap();
    }

    fn read(&self, keys: &[Vec<u8>]) -> Vec<u64> {
        timed(keys, |key| {
            self.tables[SLOTS].get(key).unwrap().unwrap().len()
        })
    }
}

fn timed(keys: &[Vec<u8>], read: impl Fn(&[u8]) -> usize) -> Vec<u64> {
    keys.iter()
        .map(|key| {
            let start = Instant::now();
            assert_eq!(read(key), SHAPES[SLOTS].1);
            start.elapsed().as_nanos() as u64
        })
        .collect()
}

fn fill(contender: &mut dyn Contender, slots: u64) {
    for table in 0..SHAPES.len() {
        // Sorted, as a genesis is written.
        let mut order: Vec<u64> = (0..rows_of(table, slots)).collect();
        order.sort_by_cached_key(|n| key(table, *n)[..8].to_vec());
        for part in order.chunks(FILL_BATCH as usize) {
            let rows: Vec<Row> = part.iter().map(|n| row(table, *n, 1)).collect();
            contender.write(&rows);
        }
    }
}

/// Rows of a batch, sorted as the engine sorts them.
fn batch(slots: u64, updates: u64, seed: u64) -> Vec<Row> {
    let mut rows = Vec::new();
    for i in 0..updates {
        for (table, again) in [(SLOTS, 0), (LEAVES, 0), (BRANCHES, 1), (BRANCHES, 2)] {
            let n = mix(seed << 32 | i << 2 | again) % rows_of(table, slots);
            rows.push(row(table, n, seed));
        }
    }
    rows.sort_unstable();
    rows
}

fn quantile(values: &mut [u64], q: f64) -> f64 {
    values.sort_unstable();
    values[((values.len() - 1) as f64 * q) as usize] as f64
}

fn megabytes(path: &Path) -> u64 {
    let metadata = std::fs::metadata(path).unwrap();
    if !metadata.is_dir() {
        use std::os::unix::fs::MetadataExt;
        return metadata.blocks() * 512 / 1_000_000;
    }
    let entries = std::fs::read_dir(path).unwrap();
    entries.map(|e| megabytes(&e.unwrap().path())).sum()
}

fn main() {
    let mut args = std::env::args().skip(1);
    let slots = args
        .next()
        .map_or(1_000, |n| n.parse::<u64>().expect("a number"))
        * 1_000;
    let place = args.next().unwrap_or_else(|| ".".into());
    let dir = tempfile::tempdir_in(place).unwrap();
    let mut contenders: [(&str, Box<dyn Contender>); 3] = [
        ("redb", Box::new(Redb::open(dir.path()))),
        ("mdbx", Box::new(Mdbx::open(dir.path()))),
        ("fjall", Box::new(Fjall::open(dir.path()))),
    ];
    for (name, contender) in &mut contenders {
        let start = Instant::now();
        fill(contender.as_mut(), slots);
        println!("{name:<6} filled in {:.1} s", start.elapsed().as_secs_f64());
    }
    let mut times = std::collections::BTreeMap::<(&str, u64), Vec<u64>>::new();
    for updates in [500, 2_000, 10_000] {
        for round in 0..COMMITS {
            let rows = batch(slots, updates, updates * 100 + round + 2);
            for (name, contender) in &mut contenders {
                let start = Instant::now();
                contender.write(&rows);
                let time = start.elapsed().as_micros() as u64;
                times.entry((name, updates)).or_default().push(time);
            }
        }
    }
    let keys: Vec<Vec<u8>> = (0..READS).map(|i| key(SLOTS, mix(i) % slots)).collect();
    for (name, contender) in &contenders {
        contender.read(&keys[..1_000]);
        let mut reads: Vec<u64> = keys
            .chunks(10_000)
            .flat_map(|part| contender.read(part))
            .collect();
        print!("{name:<6} commit ms");
        for updates in [500, 2_000, 10_000] {
            let times = times.get_mut(&(*name, updates)).expect("measured");
            print!("  {updates}: {:.1}", quantile(times, 0.5) / 1e3);
        }
        let (p50, p99) = (quantile(&mut reads, 0.5), quantile(&mut reads, 0.99));
        let size = megabytes(&dir.path().join(name));
        println!(
            "   read us p50 {:.2} p99 {:.2}   {size} MB",
            p50 / 1e3,
            p99 / 1e3
        );
    }
}
