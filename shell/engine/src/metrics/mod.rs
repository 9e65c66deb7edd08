//! What an operator may watch: figures in Prometheus' text format.
//!
//! In: events as they happen (a payload judged, a flush ended, a call answered), and the newest
//! view when somebody asks. Out: one page of text. Names are geth's where geth has the figure;
//! times are histograms in seconds. Recording costs a few atomic additions.

mod rpc;
mod server;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use rpc::CountCalls;
pub(crate) use server::{MetricsServer, serve};

use crate::engine_api::Api;
use alloy_primitives::B256;
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use text::Page;

/// Upper bounds of the histograms' buckets, microseconds.
const BUCKETS_MICROS: [u64; 15] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 10_000_000,
];
/// Methods that are counted by name; all others together are `other`.
const METHODS_MAX: usize = 512;

/// Counts since the process began. One per engine; shared by all its parts.
#[derive(Debug)]
pub(crate) struct Metrics {
    started: Instant,
    /// `engine_newPayload`, from the decoded payload to the verdict.
    pub(crate) new_payload: Histogram,
    /// `engine_forkchoiceUpdated`, with the first build if attributes came along.
    pub(crate) forkchoice: Histogram,
    /// `engine_getPayload`.
    pub(crate) get_payload: Histogram,
    /// Payloads that were judged invalid.
    pub(crate) invalid_payloads: Counter,
    /// One write transaction to disk.
    pub(crate) flush: Histogram,
    /// Blocks written to disk.
    pub(crate) flushed_blocks: Counter,
    /// Accounts, slots and trie nodes written to disk.
    pub(crate) flushed_rows: Counter,
    /// Flushes that failed.
    pub(crate) flush_failures: Counter,
    /// Calls by method.
    calls: Mutex<BTreeMap<&'static str, Calls>>,
}

/// Calls of one method.
#[derive(Debug, Default)]
struct Calls {
    time: Histogram,
    failed: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            new_payload: Histogram::default(),
            forkchoice: Histogram::default(),
            get_payload: Histogram::default(),
            invalid_payloads: Counter::default(),
            flush: Histogram::default(),
            flushed_blocks: Counter::default(),
            flushed_rows: Counter::default(),
            flush_failures: Counter::default(),
            calls: Mutex::default(),
        }
    }
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds to it.
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How long something took, sorted into buckets.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [AtomicU64; BUCKETS_MICROS.len()],
    count: AtomicU64,
    sum_micros: AtomicU64,
}

impl Histogram {
    /// Adds one that lasts until the answer is dropped.
    pub(crate) fn timer(&self) -> Timer<'_> {
        Timer(self, Instant::now())
    }

    /// Adds one that took so long.
    pub(crate) fn observe(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS_MICROS.partition_point(|bound| *bound < micros);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sum_micros.fetch_add(micros, Ordering::Relaxed);
    }
}

/// Observes the time from its creation to its end.
#[derive(Debug)]
pub(crate) struct Timer<'a>(&'a Histogram, Instant);

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        self.0.observe(self.1.elapsed());
    }
}

impl Metrics {
    /// Adds a call of a method that exists.
    fn called(&self, method: &'static str, time: Option<Duration>, failed: bool) {
        let mut calls = self.calls.lock();
        let name = if calls.len() < METHODS_MAX || calls.contains_key(method) {
            method
        } else {
            "other"
        };
        let entry = calls.entry(name).or_default();
        match time {
            Some(time) => entry.time.observe(time),
            None => {
                entry.time.count.fetch_add(1, Ordering::Relaxed);
            }
        }
        entry.failed.add(u64::from(failed));
    }
}

/// Everything about an engine as a page of text.
pub(crate) fn page(api: &Api) -> String {
    let mut page = Page::default();
    chain(&mut page, api);
    pool(&mut page, api);
    let metrics = &api.metrics;
    page.histogram(
        "engine_newpayload_seconds",
        "Verdicts on payloads",
        "",
        &metrics.new_payload,
    );
    page.histogram(
        "engine_forkchoice_seconds",
        "Fork choices",
        "",
        &metrics.forkchoice,
    );
    page.histogram(
        "engine_getpayload_seconds",
        "Payloads handed out",
        "",
        &metrics.get_payload,
    );
    page.counter(
        "engine_invalid_payloads_total",
        "Payloads judged invalid",
        metrics.invalid_payloads.get(),
    );
    page.histogram(
        "db_flush_seconds",
        "Write transactions to disk",
        "",
        &metrics.flush,
    );
    page.counter(
        "db_flush_blocks_total",
        "Blocks written to disk",
        metrics.flushed_blocks.get(),
    );
    page.counter(
        "db_flush_rows_total",
        "Accounts, slots and trie nodes written to disk",
        metrics.flushed_rows.get(),
    );
    page.counter(
        "db_flush_failures_total",
        "Write transactions that failed",
        metrics.flush_failures.get(),
    );
    cache(&mut page, api);
    calls(&mut page, metrics);
    process(&mut page, metrics);
    page.finish()
}

fn chain(page: &mut Page, api: &Api) {
    let view = api.tree.view();
    let head = view.head;
    let height = |hash: &B256| match hash.is_zero() {
        true => 0,
        false => view.header(hash).ok().flatten().map_or(0, |h| h.number),
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs());
    page.gauge(
        "chain_head_block",
        "Height of the newest block",
        head.number,
    );
    page.gauge(
        "chain_head_safe",
        "Height of the newest safe block",
        height(&head.safe),
    );
    page.gauge(
        "chain_head_finalized",
        "Height of the newest finalized block",
        height(&head.finalized),
    );
    page.gauge(
        "chain_head_timestamp",
        "Unix time of the newest block, seconds",
        head.timestamp,
    );
    page.gauge(
        "chain_head_age_seconds",
        "Seconds since the newest block",
        now.saturating_sub(head.timestamp),
    );
    page.gauge(
        "chain_flushed_block",
        "Height of the block whose state is on disk",
        view.db.flushed_number(),
    );
    page.gauge(
        "chain_unflushed_blocks",
        "Blocks in memory alone, on all branches",
        view.blocks.len() as u64,
    );
    if let Ok(Some(header)) = view.header(&head.hash) {
        page.gauge(
            "chain_head_gas_used",
            "Gas used by the newest block",
            header.gas_used,
        );
        page.gauge(
            "chain_head_gas_limit",
            "Gas limit of the newest block",
            header.gas_limit,
        );
        let base_fee = header.base_fee_per_gas.unwrap_or_default();
        page.gauge(
            "chain_head_basefee",
            "Base fee of the newest block, wei",
            base_fee,
        );
    }
    let healthy = u64::from(api.tree.published.trouble().is_none());
    page.gauge(
        "db_writable",
        "1 unless the last write to disk failed",
        healthy,
    );
}

fn cache(page: &mut Page, api: &Api) {
    let counts = api.tree.view().cache.counts();
    page.counter(
        "state_cache_hits_total",
        "Accounts and slots that execution found in the cache",
        counts.hits,
    );
    page.counter(
        "state_cache_misses_total",
        "Accounts and slots that execution read from the database",
        counts.misses,
    );
    page.gauge(
        "state_cache_entries",
        "Accounts and slots in the cache",
        counts.entries,
    );
}

fn pool(page: &mut Page, api: &Api) {
    let content = api.pool.content();
    let pending: usize = content.pending.values().map(Vec::len).sum();
    let queued: usize = content.queued.values().map(Vec::len).sum();
    page.gauge(
        "txpool_pending",
        "Transactions that can be executed",
        pending as u64,
    );
    page.gauge(
        "txpool_queued",
        "Transactions that wait for another",
        queued as u64,
    );
}

fn calls(page: &mut Page, metrics: &Metrics) {
    let calls = metrics.calls.lock();
    page.head(
        "rpc_failure_total",
        "Calls that were answered with an error",
        "counter",
    );
    for (method, calls) in calls.iter() {
        page.line(
            "rpc_failure_total",
            &format!("method=\"{method}\""),
            calls.failed.get(),
        );
    }
    page.head(
        "rpc_duration_seconds",
        "Calls by method; those of batches are counted without a time",
        "histogram",
    );
    for (method, calls) in calls.iter() {
        page.buckets(
            "rpc_duration_seconds",
            &format!("method=\"{method}\""),
            &calls.time,
        );
    }
}

fn process(page: &mut Page, metrics: &Metrics) {
    page.gauge(
        "process_uptime_seconds",
        "Seconds since the engine started",
        metrics.started.elapsed().as_secs(),
    );
    // Linux only; elsewhere the figure is left out.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| {
        let kib = line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?;
        kib.trim().parse::<u64>().ok()?.checked_mul(1_024)
    });
    if let Some(bytes) = resident {
        page.gauge(
            "process_resident_memory_bytes",
            "Memory in use, bytes",
            bytes,
        );
    }
    page.head("opal_info", "Version of this program", "gauge");
    page.line(
        "opal_info",
        &format!("version=\"{}\"", env!("CARGO_PKG_VERSION")),
        1,
    );
}
