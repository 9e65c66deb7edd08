//! One trie: values by keys of equal length.
//!
//! In: sorted keys with new values. Out: the new root and the nodes that differ, by path.

use crate::{
    edit::{Change, Edit, Item, Notes},
    error::TrieError,
    hash::hash,
    node::{Child, Kind, Node, NodeReader, Source},
};
use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};
use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;

/// A single trie with resident nodes. Its keys must all have the same length, at most 64 nibbles.
#[derive(Clone, Debug)]
pub struct Trie {
    root: Child,
}

impl Trie {
    /// A trie whose nodes are all in the store.
    pub fn new(root: B256) -> Self {
        Self {
            root: Child::root(root),
        }
    }

    /// The value at `key`, or `None` if there is none.
    pub fn get<R: NodeReader>(
        &self,
        reader: &R,
        key: &Nibbles,
    ) -> Result<Option<Vec<u8>>, TrieError> {
        let leaf = walk(
            &self.root,
            Source {
                reader,
                owner: None,
            },
            key,
            |_, _| (),
        )?;
        Ok(leaf.and_then(|leaf| leaf.leaf_value().map(<[u8]>::to_vec)))
    }

    /// Sets values, or removes those that are `None`, and answers with the changed nodes by path
    /// (`None`: the node is no more). On error nothing has changed.
    pub fn update<R: NodeReader>(
        &mut self,
        reader: &R,
        updates: &BTreeMap<Nibbles, Option<Vec<u8>>>,
    ) -> Result<BTreeMap<Nibbles, Option<Bytes>>, TrieError> {
        let mut items: Vec<Item> = updates
            .iter()
            .map(|(key, value)| Item {
                key: *key,
                change: value.clone().map_or(Change::Remove, Change::Value),
            })
            .collect();
        let mut edit = Edit::new(Source {
            reader,
            owner: None,
        });
        let mut root = self.root.clone();
        edit.apply(&mut root, &Nibbles::new(), &mut items)?;
        hash(&mut root, &Nibbles::new(), &mut edit.notes);
        let Notes { touched, puts, .. } = edit.notes;
        let mut changed: BTreeMap<_, _> = touched.into_iter().map(|path| (path, None)).collect();
        changed.extend(puts.into_iter().map(|(path, rlp)| (path, Some(rlp))));
        self.root = root;
        Ok(changed)
    }

    /// The root hash.
    pub fn root(&self) -> B256 {
        self.root.root_hash()
    }
}

/// Walks from `root` towards `key`, showing every node on the way, and answers with the leaf at
/// `key`. Changes nothing, not even what is resident.
pub(crate) fn walk<R: NodeReader>(
    root: &Child,
    source: Source<'_, R>,
    key: &Nibbles,
    mut visit: impl FnMut(&Node, &Nibbles),
) -> Result<Option<Arc<Node>>, TrieError> {
    let mut path = Nibbles::new();
    let mut rest = *key;
    let mut current = root.clone();
    loop {
        let node = match current {
            Child::Empty => return Ok(None),
            Child::Stored(hash) => source.load(&path, hash)?,
            Child::Resident(node) => node,
        };
        visit(&node, &path);
        let next = match &node.kind {
            Kind::Leaf { path: tail, .. } => return Ok((*tail == rest).then(|| node.clone())),
            Kind::Extension { path: tail, child } => {
                if !rest.starts_with(tail) {
                    return Ok(None);
                }
                path = source.join(&path, tail)?;
                rest = rest.slice(tail.len()..);
                child.clone()
            }
            Kind::Branch { children } => {
                let child = rest
                    .first()
                    .and_then(|nibble| children.get(usize::from(nibble)));
                let (Some(nibble), Some(child)) = (rest.first(), child) else {
                    return Err(source.malformed(&path, "a branch lies where a leaf must be"));
                };
                path = source.join(&path, &Nibbles::from_nibbles_unchecked([nibble]))?;
                rest = rest.slice(1..);
                child.clone()
            }
        };
        current = next;
    }
}
