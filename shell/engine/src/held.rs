//! The trie of a block, held for the block that comes after it.
//!
//! Invariant: whatever is taken, the root stays the block's own.

use opal_trie::StateTrie;
use parking_lot::Mutex;
use std::sync::Arc;

/// The state trie after a block, with its resident nodes. They go on to the block that is executed
/// next, which changes them in place: a copy of each node on the way to what changes, in every block,
/// costs more than its hash. Who comes later (another branch, a proof) finds a trie with the same
/// root, and loads what it needs.
#[derive(Clone, Debug)]
pub(crate) struct HeldTrie(Arc<Mutex<StateTrie>>);

impl HeldTrie {
    pub(crate) fn new(trie: StateTrie) -> Self {
        Self(Arc::new(Mutex::new(trie)))
    }

    /// A trie that shares its nodes with this one.
    pub(crate) fn share(&self) -> StateTrie {
        self.0.lock().clone()
    }

    /// The trie; none of its nodes stay resident here.
    pub(crate) fn take(&self) -> StateTrie {
        let mut held = self.0.lock();
        let cold = StateTrie::new(held.root());
        std::mem::replace(&mut held, cold)
    }

    /// Gives back what was taken, if nothing has been changed in it.
    pub(crate) fn give_back(&self, trie: StateTrie) {
        let mut held = self.0.lock();
        if held.root() == trie.root() {
            *held = trie;
        }
    }
}
