//! One trie: values by keys of equal length.
//!
//! In: sorted keys with new values. Out: the new root and the nodes that differ, by path.

use crate::{
    changes::NodeRows,
    child::Child,
    edit::{Change, Edit, Item},
    error::TrieError,
    hash::hash,
    node::Node,
    reader::NodeReader,
    source::Source,
};
use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};
use alloy_primitives::B256;
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
    ) -> Result<NodeRows, TrieError> {
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
        self.root = root;
        Ok(edit.notes.into_rows())
    }

    /// The root hash.
    pub fn root(&self) -> B256 {
        self.root.root_hash()
    }
}

/// Walks from `root` towards `key`, showing every node on the way and whether it is stored on its
/// own, and answers with the leaf at `key`. Changes nothing, not even what is resident.
pub(crate) fn walk<R: NodeReader>(
    root: &Child,
    source: Source<'_, R>,
    key: &Nibbles,
    mut visit: impl FnMut(&Node, bool),
) -> Result<Option<Arc<Node>>, TrieError> {
    let mut path = Nibbles::new();
    let mut rest = *key;
    let mut current = root.clone();
    loop {
        let Some(node) = source.node(&current, &path)? else {
            return Ok(None);
        };
        visit(&node, current.is_hashed());
        let next = match &*node {
            Node::Leaf { path: tail, .. } => return Ok((*tail == rest).then(|| node.clone())),
            Node::Extension { path: tail, child } => {
                if !rest.starts_with(tail) {
                    return Ok(None);
                }
                path = source.join(&path, tail)?;
                rest = rest.slice(tail.len()..);
                child.clone()
            }
            Node::Branch(branch) => {
                let Some(nibble) = rest.first() else {
                    return Err(source.malformed(&path, "a branch lies where a leaf must be"));
                };
                path = source.step(&path, nibble)?;
                rest = rest.slice(1..);
                branch.get(nibble).cloned().unwrap_or(Child::EMPTY)
            }
        };
        current = next;
    }
}
