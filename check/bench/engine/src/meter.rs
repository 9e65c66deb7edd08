//! Clocks, quantiles, memory, and the engine's own timings from its trace.

use std::{
    collections::BTreeMap,
    sync::{Mutex, OnceLock},
    time::Duration,
};
use tracing::field::{Field, Visit};
use tracing_subscriber::{Layer, layer::SubscriberExt};

/// Values of one kind.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    pub fn push_time(&mut self, time: Duration) {
        self.push(time.as_secs_f64() * 1e3);
    }

    pub fn quantile(&self, q: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        sorted
            .get((last as f64 * q).round() as usize)
            .copied()
            .unwrap_or(f64::NAN)
    }

    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    pub fn sum(&self) -> f64 {
        self.0.iter().sum()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// Processor time of this process so far, all threads.
pub fn process_time() -> Duration {
    processor_time(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// Processor time of this thread so far.
pub fn thread_time() -> Duration {
    processor_time(libc::CLOCK_THREAD_CPUTIME_ID)
}

fn processor_time(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is valid for writing.
    let status = unsafe { libc::clock_gettime(clock, &mut time) };
    assert_eq!(status, 0, "this system has no such clock");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// A line of `/proc/self/status` in MiB.
fn status_mib(key: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(key));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib / 1024.0)
}

/// Resident memory of this process, MiB: its own, and that of mapped files.
pub fn resident_mib() -> [f64; 2] {
    [status_mib("RssAnon:"), status_mib("RssFile:")]
}

/// Gives freed memory back to the system.
pub fn give_back() {
    // SAFETY: no preconditions.
    unsafe { libc::malloc_trim(0) };
}

/// Load of the machine, to be printed with the figures.
pub fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace()
        .take(3)
        .collect::<Vec<_>>()
        .join(" ")
}

static TIMINGS: OnceLock<Mutex<BTreeMap<&'static str, Samples>>> = OnceLock::new();

/// Target of the engine's timing events: fields are numbers, named after what they count.
const TARGET: &str = "opal_engine::timing";

struct Collector;

impl<S: tracing::Subscriber> Layer<S> for Collector {
    fn enabled(
        &self,
        metadata: &tracing::Metadata<'_>,
        _: tracing_subscriber::layer::Context<'_, S>,
    ) -> bool {
        metadata.target() == TARGET
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        if event.metadata().target() == TARGET {
            event.record(&mut Collect);
        }
    }
}

struct Collect;

impl Visit for Collect {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if let Some(timings) = TIMINGS.get() {
            let mut timings = timings.lock().expect("not poisoned");
            timings.entry(field.name()).or_default().push(value);
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record_f64(field, value as f64);
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

/// Starts to listen to the engine.
pub fn listen() {
    TIMINGS.get_or_init(Mutex::default);
    let subscriber = tracing_subscriber::registry().with(Collector);
    drop(tracing::subscriber::set_global_default(subscriber));
}

/// What the engine has said since the last call.
pub fn take_timings() -> BTreeMap<&'static str, Samples> {
    let timings = TIMINGS.get().expect("listening");
    std::mem::take(&mut *timings.lock().expect("not poisoned"))
}
