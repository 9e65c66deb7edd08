//! How the stored nodes change.
//!
//! In: what a run of changes notes of one trie. Out: its rows, sorted by path.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;
use core::ops::Range;

/// Nodes of one trie by path, in order and without repetition: the RLP to put, or `None` to delete.
pub type NodeRows = Vec<(Nibbles, Option<Bytes>)>;

/// How the stored nodes change. Apply `destroyed` first, then `nodes`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeChanges {
    /// Owners (hashed addresses) of storage tries that vanish with all their nodes.
    pub destroyed: BTreeSet<B256>,
    /// Nodes by owner (`None`: account trie).
    pub nodes: BTreeMap<Option<B256>, NodeRows>,
}

impl NodeChanges {
    /// What becomes of the node at `path`: `None` if nothing, `Some(None)` if it goes.
    pub fn get(&self, owner: Option<B256>, path: &Nibbles) -> Option<Option<&Bytes>> {
        let rows = self.nodes.get(&owner)?;
        let place = rows.binary_search_by(|(at, _)| at.cmp(path)).ok()?;
        rows.get(place).map(|(_, node)| node.as_ref())
    }

    pub(crate) fn add(&mut self, owner: Option<B256>, rows: NodeRows) {
        if !rows.is_empty() {
            self.nodes.insert(owner, rows);
        }
    }

    /// Number of rows.
    pub fn count(&self) -> usize {
        self.nodes.values().map(Vec::len).sum()
    }

    /// All rows, with their owners.
    pub fn rows(&self) -> impl Iterator<Item = (Option<B256>, &Nibbles, Option<&Bytes>)> {
        self.nodes.iter().flat_map(|(owner, rows)| {
            rows.iter()
                .map(|(path, node)| (*owner, path, node.as_ref()))
        })
    }
}

/// What a run of changes does to the stored nodes of one trie.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Paths of stored nodes that changed, moved or went.
    pub(crate) touched: Vec<Nibbles>,
    /// New nodes that are stored on their own, and where in `rlp` they lie.
    pub(crate) puts: Vec<(Nibbles, Range<usize>)>,
    /// The RLP of the new nodes, one after the other.
    pub(crate) rlp: Vec<u8>,
}

impl Notes {
    pub(crate) fn into_rows(self) -> NodeRows {
        let rlp = Bytes::from(self.rlp);
        let mut rows = Vec::with_capacity(self.touched.len().max(self.puts.len()));
        rows.extend(self.touched.into_iter().map(|path| (path, None)));
        let puts = self.puts.into_iter();
        rows.extend(puts.map(|(path, range)| (path, Some(rlp.slice(range)))));
        merged(rows)
    }
}

/// Rows in the order they were made, as they are in the end.
pub(crate) fn merged(mut rows: NodeRows) -> NodeRows {
    rows.sort_by_key(|(path, _)| *path);
    rows.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        if same {
            core::mem::swap(later, earlier);
        }
        same
    });
    rows
}
