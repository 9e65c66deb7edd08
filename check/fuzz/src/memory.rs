//! What a target may cost in memory, and the allocator that counts it.
//!
//! The allocator is installed by whoever runs the targets: the libFuzzer runner and the replay of
//! the corpora. Counts are per thread, so that tests do not disturb each other.

use core::cell::Cell;
use std::alloc::{GlobalAlloc, Layout, System};

/// Bytes that any target may take, whatever its input.
const BASE_BYTES: usize = 32 << 20;
/// Bytes that a target may take for each byte of its input.
const PER_INPUT_BYTE: usize = 512;

/// The system's allocator, counting.
#[derive(Debug)]
pub struct Counting;

std::thread_local! {
    static LIVE_BYTES: Cell<isize> = const { Cell::new(0) };
    static PEAK_BYTES: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // While a thread ends there is nobody left to count for.
    let _ = LIVE_BYTES.try_with(|live| {
        live.set(live.get().wrapping_add(bytes));
        let _ = PEAK_BYTES.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

// SAFETY: everything is the system allocator's; counting touches no memory of the caller's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size as isize - layout.size() as isize);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(memory, layout, new_size) }
    }
}

/// Runs `target` on `data`; gives the most bytes it held at once. 0 where [`Counting`] is not
/// installed.
pub fn peak_bytes(target: fn(&[u8]), data: &[u8]) -> usize {
    let before = LIVE_BYTES.with(Cell::get);
    PEAK_BYTES.with(|peak| peak.set(before));
    target(data);
    let peak = PEAK_BYTES.with(Cell::get);
    usize::try_from(peak - before).unwrap_or(0)
}

/// Runs `target` on `data`.
///
/// # Panics
/// If the target does, or if it takes more memory than an input of this size may cost.
pub fn run(target: fn(&[u8]), data: &[u8]) {
    let peak = peak_bytes(target, data);
    let limit = BASE_BYTES + PER_INPUT_BYTE * data.len();
    assert!(
        peak <= limit,
        "{peak} bytes of memory for {} bytes of input, at most {limit} are allowed",
        data.len()
    );
}
