//! Measuring: an allocator that counts, and rounds in which the contenders take turns.
//!
//! Both sides of every comparison run in one process, under one allocator and one profile, and in
//! many short rounds whose order rotates, so that whatever slows the machine slows both.
//! Times are processor times of the one thread that works.

use mimalloc::MiMalloc;
use std::{
    alloc::{GlobalAlloc, Layout},
    sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// The allocator of the binary, which counts while [`usage`] runs and costs one branch otherwise.
pub struct Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
/// Bytes taken since counting began, less those given back.
static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);
static PEAK_BYTES: AtomicI64 = AtomicI64::new(0);

fn taken(bytes: usize) {
    if COUNTS.load(Relaxed) {
        ALLOCATIONS.fetch_add(1, Relaxed);
        let live = LIVE_BYTES.fetch_add(bytes as i64, Relaxed) + bytes as i64;
        PEAK_BYTES.fetch_max(live, Relaxed);
    }
}

fn given_back(bytes: usize) {
    if COUNTS.load(Relaxed) {
        LIVE_BYTES.fetch_sub(bytes as i64, Relaxed);
    }
}

// SAFETY: every call is handed to `MiMalloc` as it came; counting touches no memory of the caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: the caller's contract is that of `MiMalloc`.
        unsafe { MiMalloc.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: as above.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        given_back(layout.size());
        // SAFETY: as above.
        unsafe { MiMalloc.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // While the content moves, the old and the new memory exist together.
        taken(new_size);
        given_back(layout.size());
        // SAFETY: as above.
        unsafe { MiMalloc.realloc(ptr, layout, new_size) }
    }
}

/// What a piece of work took from the allocator.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Calls that took memory.
    pub allocations: u64,
    /// Most bytes held at once, beyond those held before.
    pub peak_bytes: u64,
}

/// Runs `work` once, counting. What it returns is dropped after counting ends.
pub fn usage<T>(work: impl FnOnce() -> T) -> Usage {
    ALLOCATIONS.store(0, Relaxed);
    LIVE_BYTES.store(0, Relaxed);
    PEAK_BYTES.store(0, Relaxed);
    COUNTS.store(true, Relaxed);
    let result = work();
    COUNTS.store(false, Relaxed);
    drop(result);
    Usage {
        allocations: ALLOCATIONS.load(Relaxed),
        peak_bytes: PEAK_BYTES.load(Relaxed).max(0) as u64,
    }
}

/// Milliseconds of the rounds of one contender, ascending.
#[derive(Clone, Debug)]
pub struct Times(Vec<f64>);

impl Times {
    /// The median in milliseconds.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The middle half, from the lower to the upper quartile, in milliseconds.
    pub fn spread(&self) -> String {
        format!("{:.3}..{:.3}", self.quantile(0.25), self.quantile(0.75))
    }

    /// How many rounds there were.
    pub fn rounds(&self) -> usize {
        self.0.len()
    }

    fn quantile(&self, q: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0[(last as f64 * q).round() as usize]
    }
}

/// Processor time of this thread so far. All contenders work on one thread, so that this is the time
/// they take on an idle machine, and it stays so where other processes compete.
fn thread_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is valid for writing.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(status, 0, "this system has no clock for threads");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Lets the contenders run `rounds` times, in turns. A contender returns what it made, which is
/// dropped after the clock has stopped.
pub fn race<const N: usize>(
    rounds: usize,
    contenders: [&mut dyn FnMut() -> Box<dyn std::any::Any>; N],
) -> [Times; N] {
    let mut times: [Vec<f64>; N] = std::array::from_fn(|_| Vec::with_capacity(rounds));
    for round in 0..=rounds {
        for turn in 0..N {
            let who = (round + turn) % N;
            let start = thread_time();
            let made = contenders[who]();
            let elapsed = (thread_time() - start).as_secs_f64() * 1e3;
            drop(made);
            // The first round warms caches and the allocator.
            if round > 0 {
                times[who].push(elapsed);
            }
        }
    }
    times.map(|mut t| {
        t.sort_by(f64::total_cmp);
        Times(t)
    })
}
