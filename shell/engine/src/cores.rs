//! The threads that share the work on one block.
//!
//! They are the engine's own: work on a block must go on even while every common thread of the
//! process waits for the engine. Invariant: nothing that runs here waits for the tree or for I/O of
//! others.

use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::LazyLock;
use tracing::warn;

static CORES: LazyLock<Option<ThreadPool>> = LazyLock::new(|| {
    ThreadPoolBuilder::new()
        .thread_name(|index| format!("opal-core-{index}"))
        .build()
        .inspect_err(|error| warn!(%error, "no threads to share the work on blocks"))
        .ok()
});

/// Runs `work` so that its parallel parts use all cores; waits for it.
pub(crate) fn on_all_cores<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    match &*CORES {
        Some(cores) => cores.install(work),
        None => work(),
    }
}
