//! Changing a trie: insertion, removal, and the hashing of what changed.
//!
//! Invariant: the path of every stored node that is changed, moved or removed is noted, so that
//! `noted paths without a new node` are exactly the nodes to delete.

use crate::{
    error::TrieError,
    node::{Child, Kind, MAX_PATH_NIBBLES, Node, NodeReader, Source},
};
use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec::Vec,
};
use alloy_primitives::Bytes;
use alloy_trie::{Nibbles, nodes::RlpNode};

/// A run of changes of one trie.
pub(crate) struct Edit<'a, R> {
    source: Source<'a, R>,
    /// Paths of stored nodes that changed, moved or went.
    touched: BTreeSet<Nibbles>,
}

const DIFFERENT_LENGTHS: &str = "keys of different lengths meet";

impl<'a, R: NodeReader> Edit<'a, R> {
    pub(crate) const fn new(source: Source<'a, R>) -> Self {
        Self {
            source,
            touched: BTreeSet::new(),
        }
    }

    /// Joins the nodes that were put with the deletion of those that went.
    pub(crate) fn into_changes(
        self,
        puts: BTreeMap<Nibbles, Bytes>,
    ) -> BTreeMap<Nibbles, Option<Bytes>> {
        let mut changes: BTreeMap<_, _> =
            self.touched.into_iter().map(|path| (path, None)).collect();
        changes.extend(puts.into_iter().map(|(path, rlp)| (path, Some(rlp))));
        changes
    }

    /// Sets the value at `key`; `storage` is the resident storage root of an account.
    pub(crate) fn insert(
        &mut self,
        root: &mut Child,
        key: &Nibbles,
        value: Vec<u8>,
        storage: Option<Arc<Node>>,
    ) -> Result<(), TrieError> {
        let leaf = NewLeaf { value, storage };
        self.insert_at(root, Nibbles::new(), *key, leaf).map(|_| ())
    }

    /// Removes the value at `key`, if there is one.
    pub(crate) fn remove(&mut self, root: &mut Child, key: &Nibbles) -> Result<(), TrieError> {
        self.remove_at(root, Nibbles::new(), *key).map(|_| ())
    }

    /// Marks the node at `path` as changed.
    fn touch(&mut self, path: &Nibbles, reference: &mut Option<RlpNode>) {
        if let Some(reference) = reference.take()
            && (reference.is_hash() || path.is_empty())
        {
            self.touched.insert(*path);
        }
    }

    /// Makes the node below `child` resident and unshared.
    fn resident<'c>(
        &self,
        child: &'c mut Child,
        path: &Nibbles,
    ) -> Result<Option<&'c mut Node>, TrieError> {
        if let Child::Stored(hash) = child {
            *child = Child::Resident(self.source.load(path, *hash)?);
        }
        Ok(match child {
            Child::Resident(node) => Some(Arc::make_mut(node)),
            Child::Empty | Child::Stored(_) => None,
        })
    }

    /// Answers whether anything changed. `path` leads to `child`, `key` is what follows it.
    fn insert_at(
        &mut self,
        child: &mut Child,
        path: Nibbles,
        key: Nibbles,
        leaf: NewLeaf,
    ) -> Result<bool, TrieError> {
        let Some(node) = self.resident(child, &path)? else {
            *child = leaf.at(key);
            return Ok(true);
        };
        match &mut node.kind {
            Kind::Leaf {
                path: tail,
                value,
                storage,
            } if *tail == key => {
                *storage = leaf.storage;
                if *value == leaf.value {
                    return Ok(false);
                }
                *value = leaf.value;
                self.touch(&path, &mut node.reference);
            }
            Kind::Leaf {
                path: tail,
                value,
                storage,
            } => {
                let (tail, common) = (*tail, tail.common_prefix_length(&key));
                let (value, storage) = (core::mem::take(value), storage.take());
                self.touch(&path, &mut node.reference);
                let (Some(old), Some(new)) = (tail.get(common), key.get(common)) else {
                    return Err(self.source.malformed(&path, DIFFERENT_LENGTHS));
                };
                let old_leaf = NewLeaf { value, storage }.at(tail.slice(common + 1..));
                let fork = branch([(old, old_leaf), (new, leaf.at(key.slice(common + 1..)))]);
                *child = extended(&key.slice(..common), fork);
            }
            Kind::Extension {
                path: tail,
                child: below,
            } => {
                let (tail, common) = (*tail, tail.common_prefix_length(&key));
                let Some(new) = key.get(common) else {
                    return Err(self.source.malformed(&path, DIFFERENT_LENGTHS));
                };
                if let Some(old) = tail.get(common) {
                    let below = core::mem::replace(below, Child::Empty);
                    self.touch(&path, &mut node.reference);
                    let old = (old, extended(&tail.slice(common + 1..), below));
                    let fork = branch([old, (new, leaf.at(key.slice(common + 1..)))]);
                    *child = extended(&key.slice(..common), fork);
                } else {
                    let next = self.source.join(&path, &tail)?;
                    if !self.insert_at(below, next, key.slice(common..), leaf)? {
                        return Ok(false);
                    }
                    self.touch(&path, &mut node.reference);
                }
            }
            Kind::Branch { children } => {
                let next = self.below(&path, &key)?;
                let slot = slot(children, &key);
                let Some(slot) = slot else {
                    return Err(self.source.malformed(&path, DIFFERENT_LENGTHS));
                };
                if !self.insert_at(slot, next, key.slice(1..), leaf)? {
                    return Ok(false);
                }
                self.touch(&path, &mut node.reference);
            }
        }
        Ok(true)
    }

    /// Answers whether anything changed.
    fn remove_at(
        &mut self,
        child: &mut Child,
        path: Nibbles,
        key: Nibbles,
    ) -> Result<bool, TrieError> {
        let Some(node) = self.resident(child, &path)? else {
            return Ok(false);
        };
        match &mut node.kind {
            Kind::Leaf { path: tail, .. } => {
                if *tail != key {
                    return Ok(false);
                }
                self.touch(&path, &mut node.reference);
                *child = Child::Empty;
            }
            Kind::Extension {
                path: tail,
                child: below,
            } => {
                if !key.starts_with(tail) {
                    return Ok(false);
                }
                let tail = *tail;
                let next = self.source.join(&path, &tail)?;
                if !self.remove_at(below, next, key.slice(tail.len()..))? {
                    return Ok(false);
                }
                self.touch(&path, &mut node.reference);
                let below = core::mem::replace(below, Child::Empty);
                *child = self.shortened(tail, below, &next)?;
            }
            Kind::Branch { children } => {
                let next = self.below(&path, &key)?;
                let Some(slot) = slot(children, &key) else {
                    return Err(self.source.malformed(&path, DIFFERENT_LENGTHS));
                };
                if !self.remove_at(slot, next, key.slice(1..))? {
                    return Ok(false);
                }
                self.touch(&path, &mut node.reference);
                if let Some(last) = last_child(children) {
                    *child = match last {
                        None => Child::Empty,
                        Some((nibble, below)) => {
                            let tail = Nibbles::from_nibbles_unchecked([nibble]);
                            let next = self.source.join(&path, &tail)?;
                            self.shortened(tail, below, &next)?
                        }
                    };
                }
            }
        }
        Ok(true)
    }

    /// What has to stand where `tail` led to `below` (which lies at `path`): a leaf or an extension
    /// absorbs the tail, a branch needs an extension before it.
    fn shortened(
        &mut self,
        tail: Nibbles,
        mut below: Child,
        path: &Nibbles,
    ) -> Result<Child, TrieError> {
        let Some(node) = self.resident(&mut below, path)? else {
            return Ok(Child::Empty);
        };
        let joined = |inner: &Nibbles| {
            (tail.len().saturating_add(inner.len()) <= MAX_PATH_NIBBLES).then(|| tail.join(inner))
        };
        let kind = match &mut node.kind {
            Kind::Branch { .. } => return Ok(extended(&tail, below)),
            Kind::Leaf {
                path: inner,
                value,
                storage,
            } => joined(inner).map(|path| Kind::Leaf {
                path,
                value: core::mem::take(value),
                storage: storage.take(),
            }),
            Kind::Extension { path: inner, child } => joined(inner).map(|path| Kind::Extension {
                path,
                child: core::mem::replace(child, Child::Empty),
            }),
        };
        self.touch(path, &mut node.reference);
        let kind = kind.ok_or_else(|| self.source.malformed(path, "the path below is too long"))?;
        Ok(Child::resident(kind))
    }

    fn below(&self, path: &Nibbles, key: &Nibbles) -> Result<Nibbles, TrieError> {
        match key.first() {
            Some(nibble) => self
                .source
                .join(path, &Nibbles::from_nibbles_unchecked([nibble])),
            None => Err(self.source.malformed(path, DIFFERENT_LENGTHS)),
        }
    }
}

struct NewLeaf {
    value: Vec<u8>,
    storage: Option<Arc<Node>>,
}

impl NewLeaf {
    fn at(self, path: Nibbles) -> Child {
        Child::resident(Kind::Leaf {
            path,
            value: self.value,
            storage: self.storage,
        })
    }
}

/// `below` with `path` before it.
fn extended(path: &Nibbles, below: Child) -> Child {
    if path.is_empty() {
        below
    } else {
        Child::resident(Kind::Extension {
            path: *path,
            child: below,
        })
    }
}

fn branch(two: [(u8, Child); 2]) -> Child {
    let mut children = Box::new([const { Child::Empty }; 16]);
    for (nibble, child) in two {
        if let Some(slot) = children.get_mut(usize::from(nibble)) {
            *slot = child;
        }
    }
    Child::resident(Kind::Branch { children })
}

fn slot<'c>(children: &'c mut [Child; 16], key: &Nibbles) -> Option<&'c mut Child> {
    children.get_mut(usize::from(key.first()?))
}

/// Takes the only child of a branch: `None` if there are several, `Some(None)` if there is none.
fn last_child(children: &mut [Child; 16]) -> Option<Option<(u8, Child)>> {
    let mut present = (0u8..)
        .zip(children.iter_mut())
        .filter(|(_, child)| !matches!(child, Child::Empty));
    let first = present.next();
    if present.next().is_some() {
        return None;
    }
    Some(first.map(|(nibble, child)| (nibble, core::mem::replace(child, Child::Empty))))
}

/// Hashes what has changed below `child` and collects the nodes that are stored on their own: the
/// root, and every node of 32 bytes or more.
pub(crate) fn hash(
    child: &mut Child,
    path: &Nibbles,
    puts: &mut BTreeMap<Nibbles, Bytes>,
) -> RlpNode {
    let Child::Resident(node) = child else {
        return child.reference();
    };
    if let Some(reference) = &node.reference {
        return reference.clone();
    }
    let node = Arc::make_mut(node);
    match &mut node.kind {
        Kind::Leaf { .. } => {}
        Kind::Extension { path: tail, child } => {
            hash(child, &path.join(tail), puts);
        }
        Kind::Branch { children } => {
            for (nibble, child) in (0u8..).zip(children.iter_mut()) {
                if matches!(child, Child::Resident(_)) {
                    hash(
                        child,
                        &path.join(&Nibbles::from_nibbles_unchecked([nibble])),
                        puts,
                    );
                }
            }
        }
    }
    let rlp = node.encode();
    let reference = RlpNode::from_rlp(&rlp);
    if path.is_empty() || reference.is_hash() {
        puts.insert(*path, rlp.into());
    }
    node.reference = Some(reference.clone());
    reference
}

/// Replaces hashed nodes deeper than `depth_nibbles` by their hashes.
pub(crate) fn evict(child: &mut Child, path_len: usize, depth_nibbles: usize) {
    let Child::Resident(node) = child else { return };
    if path_len > depth_nibbles
        && let Some(hash) = node.reference.as_ref().and_then(RlpNode::as_hash)
    {
        *child = Child::Stored(hash);
        return;
    }
    match &mut Arc::make_mut(node).kind {
        Kind::Leaf { storage, .. } => {
            if let Some(root) = storage.take() {
                let mut root = Child::Resident(root);
                evict(&mut root, 0, depth_nibbles);
                if let Child::Resident(root) = root {
                    *storage = Some(root);
                }
            }
        }
        Kind::Extension { path, child } => {
            evict(child, path_len.saturating_add(path.len()), depth_nibbles);
        }
        Kind::Branch { children } => {
            for child in children.iter_mut() {
                evict(child, path_len.saturating_add(1), depth_nibbles);
            }
        }
    }
}

/// Number of resident nodes below `child`, storage tries included.
pub(crate) fn count(child: &Child) -> usize {
    let Child::Resident(node) = child else {
        return 0;
    };
    let below = match &node.kind {
        Kind::Leaf { storage: None, .. } => 0,
        Kind::Leaf {
            storage: Some(root),
            ..
        } => count(&Child::Resident(root.clone())),
        Kind::Extension { child, .. } => count(child),
        Kind::Branch { children } => children.iter().map(count).sum(),
    };
    below.saturating_add(1)
}
