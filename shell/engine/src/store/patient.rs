//! Flushes that wait for room instead of failing.
//!
//! A full disk is something that passes. So a flush that finds no room waits here and is tried again,
//! whole, until it succeeds or somebody gives it up; only the thread that flushes waits, and readers
//! go on, because they never wait for a commit.
//!
//! In: an attempt. Out: its result, and a [`Patience`] that says whether a flush is waiting, and why.

use super::StoreError;
use parking_lot::{Condvar, Mutex};
use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};
use tracing::{error, info};

/// Time between two attempts.
const RETRY: Duration = Duration::from_millis(500);
/// Time between two log lines while a write waits.
const REMIND: Duration = Duration::from_secs(30);

/// Whether a write waits, as everybody may see it.
#[derive(Debug)]
pub(crate) struct Patience {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What the system says to the write that waits.
    trouble: Option<String>,
    /// Writes do not wait: the engine is starting or stopping, and whoever asked is told.
    over: bool,
}

impl Default for Patience {
    fn default() -> Self {
        let state = State {
            trouble: None,
            over: true,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }
}

impl Patience {
    /// What the system says to a write that waits, if one does.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.state.lock().trouble.clone()
    }

    /// From now on writes wait.
    pub(super) fn begin(&self) {
        self.state.lock().over = false;
    }

    /// From now on writes fail as they would without us. What waits fails at once.
    pub(crate) fn give_up(&self) {
        self.state.lock().over = true;
        self.changed.notify_all();
    }

    /// Tries until it works, fails for good, or is given up.
    pub(super) fn insist<T>(
        &self,
        mut attempt: impl FnMut() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut reminded: Option<Instant> = None;
        loop {
            let problem = match attempt() {
                Err(StoreError::Database(problem)) if passes(problem.kind()) => problem,
                outcome => {
                    if reminded.is_some() {
                        self.state.lock().trouble = None;
                        info!("the database can be written again");
                    }
                    return outcome;
                }
            };
            if reminded.is_none_or(|at| at.elapsed() >= REMIND) {
                reminded = Some(Instant::now());
                error!(
                    error = %problem,
                    "the database cannot be written; new blocks stay in memory until it can"
                );
            }
            let mut state = self.state.lock();
            state.trouble = Some(problem.to_string());
            if !state.over {
                self.changed.wait_for(&mut state, RETRY);
            }
            if state.over {
                return Err(StoreError::Database(problem));
            }
        }
    }
}

/// Whether an operator can make the same write succeed.
fn passes(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
            | ErrorKind::FileTooLarge
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::OutOfMemory
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
    };

    fn full() -> StoreError {
        StoreError::Database(ErrorKind::StorageFull.into())
    }

    #[test]
    fn a_write_waits_for_room_and_everybody_can_see_it() {
        let patience = Arc::new(Patience::default());
        patience.begin();
        let attempts = Arc::new(AtomicUsize::new(0));
        let (waiting, tries) = (patience.clone(), attempts.clone());
        let writer = std::thread::spawn(move || {
            waiting.insist(|| match tries.fetch_add(1, Ordering::SeqCst) {
                0..2 => Err(full()),
                n => Ok(n),
            })
        });
        while patience.trouble().is_none() {
            std::thread::yield_now();
        }
        assert_eq!(writer.join().unwrap().unwrap(), 2);
        assert_eq!(patience.trouble(), None);
    }

    #[test]
    fn it_does_not_wait_when_nobody_would_know_or_it_would_not_help() {
        let patience = Arc::new(Patience::default());
        // While the engine starts, whoever starts it wants to hear.
        assert!(patience.insist(|| Err::<(), _>(full())).is_err());
        patience.begin();
        let broken = || Err::<(), _>(StoreError::Database(io::Error::other("broken")));
        assert!(patience.insist(broken).is_err());
        let waiting = patience.clone();
        let writer = std::thread::spawn(move || waiting.insist(|| Err::<(), _>(full())));
        while patience.trouble().is_none() {
            std::thread::yield_now();
        }
        patience.give_up();
        assert!(writer.join().unwrap().is_err());
    }
}
