//! The threads that work for callers: they execute calls, search logs, print large blocks.
//!
//! In: pieces of work, from tasks that must not wait. Out: their results, in whatever order they are
//! done. Invariants: no more threads than [`threads_max`], however many ask; they start when they
//! are needed first and end with the crew; work that panics takes neither its thread nor the crew
//! with it.

use parking_lot::{Condvar, Mutex};
use std::{
    collections::VecDeque,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
};
use tokio::sync::oneshot;

/// Threads per core: a slow call leaves room for quick ones beside it.
const THREADS_PER_CORE: usize = 4;

type Job = Box<dyn FnOnce() + Send>;

/// See the module's documentation.
pub(crate) struct Crew(Arc<Shared>);

struct Shared {
    threads_max: usize,
    state: Mutex<State>,
    wanted: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    /// Threads that sleep and that nobody has woken.
    idle: usize,
    closed: bool,
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew").finish_non_exhaustive()
    }
}

impl Default for Crew {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self::with_threads(cores.saturating_mul(THREADS_PER_CORE))
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.0.state.lock().closed = true;
        self.0.wanted.notify_all();
    }
}

impl Crew {
    fn with_threads(threads_max: usize) -> Self {
        Self(Arc::new(Shared {
            threads_max,
            state: Mutex::default(),
            wanted: Condvar::new(),
        }))
    }

    /// Has `work` done. `None` if it panicked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.add(Box::new(move || drop(answer.send(work()))));
        answered.await.ok()
    }

    fn add(&self, job: Job) {
        let mut state = self.0.state.lock();
        state.jobs.push_back(job);
        if state.idle > 0 {
            state.idle = state.idle.saturating_sub(1);
            drop(state);
            self.0.wanted.notify_one();
        } else if state.threads < self.0.threads_max {
            let shared = self.0.clone();
            let thread = thread::Builder::new().name("opal-call".into());
            // Without it the others do the work, unless this were the first.
            if thread.spawn(move || shared.work()).is_ok() {
                state.threads = state.threads.saturating_add(1);
            } else if state.threads == 0 {
                state.jobs.clear();
            }
        }
    }
}

impl Shared {
    fn work(&self) {
        let mut state = self.state.lock();
        while !state.closed {
            let Some(job) = state.jobs.pop_front() else {
                state.idle = state.idle.saturating_add(1);
                self.wanted.wait(&mut state);
                continue;
            };
            drop(state);
            // Who waits for the answer learns of a panic: the sender of the answer is gone.
            drop(catch_unwind(AssertUnwindSafe(job)));
            state = self.state.lock();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    #[tokio::test]
    async fn no_more_threads_work_than_are_allowed() {
        let crew = Arc::new(Crew::with_threads(3));
        let busy = Arc::new(AtomicUsize::new(0));
        let jobs: Vec<_> = (0..24)
            .map(|number| {
                let (crew, busy) = (crew.clone(), busy.clone());
                tokio::spawn(async move {
                    let work = move || {
                        let at_once = busy.fetch_add(1, Ordering::SeqCst) + 1;
                        thread::sleep(Duration::from_millis(2));
                        busy.fetch_sub(1, Ordering::SeqCst);
                        (number, at_once)
                    };
                    crew.run(work).await.unwrap()
                })
            })
            .collect();
        let mut most = 0;
        for (number, job) in jobs.into_iter().enumerate() {
            let (answered, at_once) = job.await.unwrap();
            assert_eq!(answered, number);
            most = most.max(at_once);
        }
        assert_eq!(most, 3, "threads at once");
    }

    #[tokio::test]
    async fn a_panic_is_no_answer_and_harms_nobody() {
        let crew = Crew::with_threads(1);
        let failed = crew.run(|| panic!("on purpose")).await;
        assert_eq!(failed, None::<()>);
        assert_eq!(crew.run(|| 7).await, Some(7));
    }

    #[tokio::test]
    async fn threads_end_with_the_crew() {
        let crew = Crew::with_threads(2);
        crew.run(|| ()).await.unwrap();
        let shared = Arc::downgrade(&crew.0);
        drop(crew);
        for _ in 0..500 {
            if shared.strong_count() == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("a thread goes on");
    }
}
