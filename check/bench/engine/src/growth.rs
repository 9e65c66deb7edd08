//! B3: what more state costs. B5: how much memory it takes.

use crate::{
    driver::{Driver, Prepared},
    meter::{self, Samples, take_timings},
    mixes::{Filler, Mix},
    report::{Goal, Row},
    world::{USERS, World},
};
use alloy_primitives::keccak256;
use op_alloy_rpc_types_engine::OpExecutionPayloadEnvelope;
use signet_libmdbx::{Environment, EnvironmentFlags, ObjectLength};
use std::{path::Path, time::Instant};

/// Blocks of token transfers at each size.
const BLOCKS: usize = 30;
/// Slots read from a cold file.
const READS: u64 = 2_000;

/// The engine's table of slots: keccak256(address) ++ keccak256(slot) -> value.
const STORAGE: &str = "storage";

/// Sizes one after the other; the root at each is compared with that of the size before.
pub async fn run(sizes: &[u64]) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut before = f64::NAN;
    for &holders in sizes {
        eprintln!("preparing {holders} holders");
        let world = World::new(holders, USERS.min(holders));
        let mut prepared = Prepared::new(&world).await;
        before = measure(&world, &mut prepared, before, &mut rows).await;
    }
    rows
}

/// Blocks of transfers, built by an engine of their own.
async fn blocks(world: &World, dir: &Path) -> Vec<OpExecutionPayloadEnvelope> {
    let mut builder = Driver::start(world, dir).await;
    let mut filler = Filler::new(world);
    let mut payloads = Vec::new();
    for _ in 0..BLOCKS {
        let payload = builder.build(&filler.block(Mix::Tokens)).await;
        builder.import(payload.clone()).await;
        payloads.push(payload);
    }
    builder.engine.shutdown().await;
    payloads
}

async fn measure(world: &World, prepared: &mut Prepared, before: f64, rows: &mut Vec<Row>) -> f64 {
    let holders = world.holders;
    let payloads = blocks(world, &prepared.copy()).await;
    let dir = &prepared.original();
    let bytes = file_bytes(dir);
    let mut driver = Driver::start(world, dir).await;
    meter::give_back();
    take_timings();
    for payload in payloads {
        driver.import(payload).await;
    }
    let [memory, mapped] = meter::resident_mib();
    driver.engine.shutdown().await;
    drop(driver);
    let timings = take_timings();
    let get = |name: &str| timings.get(name).cloned().unwrap_or_default();
    let root = get("root_ms");
    let goal = if holders > 1_000_000 {
        Goal::AtMost(1.5)
    } else {
        Goal::None
    };
    let name = |what: &str| format!("B3 {holders} accounts: {what}");
    let how = format!(
        "median of {} blocks of 780 token transfers, engine alone",
        root.len()
    );
    rows.push(Row::cost(
        name("state root / that of the size before"),
        "ms",
        [root.median(), before],
        goal,
        format!("{how}; from the engine's trace"),
    ));
    rows.push(Row::value(
        name("flush of one block, in the background"),
        "ms",
        get("flush_ms").sum() / get("flush_blocks").sum(),
        Goal::None,
        format!(
            "{} flushes, {:.0} blocks; the longest took {:.0} ms",
            get("flush_ms").len(),
            get("flush_blocks").sum(),
            get("flush_ms").quantile(1.0)
        ),
    ));
    let reads = cold_reads(world, dir);
    rows.push(Row::cost(
        name("cold SLOAD p50 / p99"),
        "us",
        [reads.median(), reads.quantile(0.99)],
        Goal::None,
        format!("{READS} random slots from the file, its pages dropped from the cache before"),
    ));
    rows.push(Row::value(
        name("bytes on disk per account"),
        "bytes",
        bytes as f64 / holders as f64,
        Goal::None,
        "each account also has a slot in both tokens; after genesis",
    ));
    let goal = if holders == 1_000_000 {
        Goal::ValueAtMost(1_024.0)
    } else {
        Goal::None
    };
    rows.push(Row::value(
        format!("B5 {holders} accounts: resident memory"),
        "MiB",
        memory,
        goal,
        format!(
            "of this process, which holds the benchmark's keys too, after {BLOCKS} blocks were \
             imported; without {mapped:.0} MiB of the database file, mapped, which the system takes \
             back when it likes"
        ),
    ));
    root.median()
}

fn file_bytes(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).expect("a directory");
    entries
        .map(|e| e.expect("an entry").metadata().expect("metadata").len())
        .sum()
}

/// Microseconds of random reads from a file of which nothing is in memory.
fn cold_reads(world: &World, dir: &Path) -> Samples {
    let path = dir.join("opal.mdbx");
    forget_pages(&path);
    let mut builder = Environment::builder();
    builder.set_max_dbs(16).set_flags(EnvironmentFlags {
        no_sub_dir: true,
        no_rdahead: true,
        ..EnvironmentFlags::default()
    });
    let db = builder.open(&path).expect("the engine is gone");
    let read = db.begin_ro_unsync().expect("a transaction");
    let table = read.open_db(Some(STORAGE)).expect("a table");
    let token = keccak256(crate::contracts::TOKEN_B);
    let mut samples = Samples::default();
    for i in 0..READS {
        let random = u64::from_be_bytes(keccak256(i.to_be_bytes())[..8].try_into().expect("8"));
        let slot = crate::contracts::balance_slot(world.holder(random % world.holders));
        let mut key = [0; 64];
        key[..32].copy_from_slice(token.as_slice());
        key[32..].copy_from_slice(keccak256(slot.to_be_bytes::<32>()).as_slice());
        let start = Instant::now();
        let found: Option<ObjectLength> = read.get(table.dbi(), &key).expect("readable");
        samples.push(start.elapsed().as_secs_f64() * 1e6);
        assert!(found.is_some(), "every holder has tokens");
    }
    samples
}

/// Drops the file's pages from the system's cache.
fn forget_pages(path: &Path) {
    use std::os::fd::AsRawFd;
    let file = std::fs::File::open(path).expect("the database");
    file.sync_all().expect("synced");
    // SAFETY: the descriptor is open.
    unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
}
