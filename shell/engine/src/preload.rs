//! Loading trie nodes while a block is executed.
//!
//! What execution reads it mostly changes, so a second thread makes the paths to it resident in the
//! trie that the block's changes will be applied to. It is help only, and ends with execution: what it
//! did not load, the update loads, on all cores.

use crate::{keys::Keys, view::StateView};
use alloy_primitives::{Address, B256, Bytes, U256};
use opal_execution::{Account, StateError, StateReader};
use opal_trie::{EMPTY_ROOT_HASH, StateTrie};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, ScopedJoinHandle},
    time::Duration,
};
use tracing::debug;

/// How often the thread looks for work.
const PAUSE: Duration = Duration::from_micros(200);

/// Slots loaded between two looks whether execution is over.
const PIECE_SLOTS: usize = 8;

/// What was read, by hashed key.
#[derive(Clone, Copy, Debug)]
enum Touch {
    Account(B256),
    Slot(B256, B256),
}

#[derive(Debug, Default)]
struct Shared {
    touched: Mutex<Vec<Touch>>,
    over: AtomicBool,
}

/// A state that notes what is read of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched<'a> {
    state: &'a StateView,
    keys: &'a Keys,
    shared: Option<&'a Shared>,
}

impl Watched<'_> {
    /// Called when the value is read: whoever loads its leaf then finds it in the cache.
    fn note(&self, touch: Touch) {
        if let Some(shared) = self.shared {
            shared.touched.lock().push(touch);
        }
    }
}

impl StateReader for Watched<'_> {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        let address = self.keys.address(&address);
        let account = self.state.account_hashed(&address)?;
        self.note(Touch::Account(address));
        Ok(account)
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        let (address, slot) = (self.keys.address(&address), self.keys.slot(&slot));
        let value = self.state.storage_hashed(&address, &slot)?;
        self.note(Touch::Slot(address, slot));
        Ok(value)
    }

    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        self.state.code(hash)
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        self.state.block_hash(number)
    }
}

/// Who has the trie.
#[derive(Debug)]
enum Loading<'scope> {
    Nobody(StateTrie),
    Thread {
        shared: &'scope Shared,
        worker: ScopedJoinHandle<'scope, StateTrie>,
        root: B256,
    },
}

/// The trie that nodes are loaded into. Loading ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Preloaded<'scope> {
    trie: Loading<'scope>,
}

impl Preloaded<'_> {
    /// Ends the loading; answers with the trie.
    pub(crate) fn into_trie(mut self) -> StateTrie {
        self.end();
        let nothing = Loading::Nobody(StateTrie::new(EMPTY_ROOT_HASH));
        match std::mem::replace(&mut self.trie, nothing) {
            Loading::Nobody(trie) => trie,
            Loading::Thread { worker, root, .. } => {
                worker.join().unwrap_or_else(|_| StateTrie::new(root))
            }
        }
    }

    fn end(&self) {
        if let Loading::Thread { shared, worker, .. } = &self.trie {
            shared.over.store(true, Ordering::Release);
            worker.thread().unpark();
        }
    }
}

impl Drop for Preloaded<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

/// Does `work` on the state, while nodes on the way to what it reads are loaded into `trie`.
/// The hashes of what it reads are left in `keys`. `worth_it` says whether there is enough to do for a second thread.
pub(crate) fn preloading<T>(
    state: &StateView,
    keys: &Keys,
    trie: StateTrie,
    worth_it: bool,
    work: impl FnOnce(Watched<'_>, Preloaded<'_>) -> T,
) -> T {
    let shared = Shared::default();
    thread::scope(|scope| {
        let shared = &shared;
        let trie = if worth_it {
            let root = trie.root();
            let thread = thread::Builder::new().name("opal-preload".into());
            match thread.spawn_scoped(scope, move || load(shared, state, trie)) {
                Ok(worker) => Loading::Thread {
                    shared,
                    worker,
                    root,
                },
                Err(_) => Loading::Nobody(StateTrie::new(root)),
            }
        } else {
            Loading::Nobody(trie)
        };
        let watched = Watched {
            state,
            keys,
            shared: matches!(trie, Loading::Thread { .. }).then_some(shared),
        };
        let preloaded = Preloaded { trie };
        work(watched, preloaded)
    })
}

/// The slots in pieces; an account without any is one piece.
fn pieces(slots: &[B256]) -> impl Iterator<Item = &[B256]> {
    let none = slots.is_empty().then_some(slots);
    none.into_iter().chain(slots.chunks(PIECE_SLOTS))
}

fn load(shared: &Shared, state: &StateView, mut trie: StateTrie) -> StateTrie {
    loop {
        if shared.over.load(Ordering::Acquire) {
            return trie;
        }
        let touched = std::mem::take(&mut *shared.touched.lock());
        if touched.is_empty() {
            thread::park_timeout(PAUSE);
            continue;
        }
        let mut slots: BTreeMap<B256, Vec<B256>> = BTreeMap::new();
        for touch in touched {
            match touch {
                Touch::Account(address) => drop(slots.entry(address).or_default()),
                Touch::Slot(address, slot) => slots.entry(address).or_default().push(slot),
            }
        }
        for (address, slots) in slots {
            // In pieces: whoever waits for the end waits for one piece at most.
            for piece in pieces(&slots) {
                if shared.over.load(Ordering::Acquire) {
                    return trie;
                }
                if let Err(error) = trie.preload(state, address, piece) {
                    debug!(%error, "trie nodes cannot be loaded in advance");
                    return trie;
                }
            }
        }
    }
}
