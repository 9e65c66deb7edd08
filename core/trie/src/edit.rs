//! Changing a trie: insertion, removal, and the hashing of what changed.
//!
//! In: a subtrie and sorted changes of keys below it. A branch passes each child its share, so that
//! every node on the way is visited once, whatever the number of keys.
//!
//! Invariant: the path of every stored node that is changed, moved or removed is noted, so that
//! `noted paths without a new node` are exactly the nodes to delete.

use crate::{
    branch::Branch,
    changes::Notes,
    child::{Child, Reference},
    error::TrieError,
    node::{MAX_PATH_NIBBLES, Node},
    reader::NodeReader,
    source::Source,
    state::{Account, encode_account, storage_root_of},
};
use alloc::{sync::Arc, vec::Vec};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};

/// What becomes of a key.
#[derive(Debug)]
pub(crate) enum Change {
    /// It goes, if it is there.
    Remove,
    /// It gets this value.
    Value(Vec<u8>),
    /// It gets this account, whose storage trie stays as it is.
    Account(Account),
    /// It gets this account with this storage trie.
    AccountWithStorage(Account, Child),
}

/// A change of one key. The key is a whole one, from the root of the trie.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) key: Nibbles,
    pub(crate) change: Change,
}

/// A run of changes of one trie.
pub(crate) struct Edit<'a, R> {
    pub(crate) source: Source<'a, R>,
    pub(crate) notes: Notes,
}

const DIFFERENT_LENGTHS: &str = "keys of different lengths meet";

impl<'a, R: NodeReader> Edit<'a, R> {
    pub(crate) fn new(source: Source<'a, R>) -> Self {
        Self {
            source,
            notes: Notes::default(),
        }
    }

    /// Applies sorted changes to the subtrie at `path`; answers whether anything changed.
    pub(crate) fn apply(
        &mut self,
        child: &mut Child,
        path: &Nibbles,
        mut items: &mut [Item],
    ) -> Result<bool, TrieError> {
        let mut changed = false;
        // A leaf or an extension becomes a branch sooner or later.
        while items.len() > 1 && !self.is_branch(child, path)? {
            let (first, rest) = items.split_at_mut(1);
            changed |= self.apply_one(child, path, first)?;
            items = rest;
        }
        changed |= match items.len() {
            0 | 1 => self.apply_one(child, path, items)?,
            _ => self.apply_to_branch(child, path, items)?,
        };
        Ok(changed)
    }

    fn apply_one(
        &mut self,
        child: &mut Child,
        path: &Nibbles,
        items: &mut [Item],
    ) -> Result<bool, TrieError> {
        let Some(item) = items.first_mut() else {
            return Ok(false);
        };
        let rest = item.key.slice(path.len()..);
        match core::mem::replace(&mut item.change, Change::Remove) {
            Change::Remove => self.remove_at(child, *path, rest),
            change => self.insert_at(child, *path, rest, change),
        }
    }

    /// Loads the node below `child`, if it is not resident, and answers whether it is a branch.
    pub(crate) fn is_branch(&self, child: &mut Child, path: &Nibbles) -> Result<bool, TrieError> {
        self.source.make_resident(child, path)?;
        Ok(child
            .node
            .as_deref()
            .is_some_and(|node| matches!(node, Node::Branch(_))))
    }

    fn apply_to_branch(
        &mut self,
        child: &mut Child,
        path: &Nibbles,
        mut items: &mut [Item],
    ) -> Result<bool, TrieError> {
        let Some((Node::Branch(branch), _)) = self.source.resident(child, path)? else {
            return Ok(false);
        };
        let mut changed = false;
        while let Some(first) = items.first() {
            let Some(nibble) = first.key.get(path.len()) else {
                return Err(self.source.malformed(path, DIFFERENT_LENGTHS));
            };
            let same = items.partition_point(|item| item.key.get(path.len()) <= Some(nibble));
            let (share, rest) = items.split_at_mut(same);
            if let [one] = share {
                let rest = one.key.slice(path.len()..);
                self.source.make_known(branch, path, &rest);
            }
            let next = self.source.step(path, nibble)?;
            changed |= branch.change(nibble, |slot| self.apply(slot, &next, share))?;
            items = rest;
        }
        if changed {
            self.close_branch(child, path)?;
        }
        Ok(changed)
    }

    /// What a branch becomes whose children have changed.
    pub(crate) fn close_branch(
        &mut self,
        child: &mut Child,
        path: &Nibbles,
    ) -> Result<(), TrieError> {
        let Some((Node::Branch(branch), reference)) = self.source.resident(child, path)? else {
            return Ok(());
        };
        self.touch(path, reference);
        if let Some(last) = branch.last_child() {
            *child = match last {
                None => Child::EMPTY,
                Some((nibble, below)) => {
                    let next = self.source.step(path, nibble)?;
                    let tail = Nibbles::from_nibbles_unchecked([nibble]);
                    self.shortened(tail, below, &next)?
                }
            };
        }
        Ok(())
    }

    /// Marks the node at `path` as changed.
    fn touch(&mut self, path: &Nibbles, reference: &mut Reference) {
        if let Reference::Hash(_) = reference {
            self.notes.touched.push(*path);
        }
        *reference = Reference::Changed;
    }

    /// Answers whether anything changed. `path` leads to `child`, `key` is what follows it.
    fn insert_at(
        &mut self,
        child: &mut Child,
        path: Nibbles,
        key: Nibbles,
        change: Change,
    ) -> Result<bool, TrieError> {
        let Some((node, reference)) = self.source.resident(child, &path)? else {
            *child = self.leaf(change, &path, None)?.at(key);
            return Ok(true);
        };
        match node {
            Node::Leaf {
                path: tail,
                value,
                storage,
            } if *tail == key => {
                let leaf = self.leaf(change, &path, Some((value, storage)))?;
                *storage = leaf.storage;
                if *value == leaf.value {
                    return Ok(false);
                }
                *value = leaf.value;
                self.touch(&path, reference);
            }
            Node::Leaf {
                path: tail,
                value,
                storage,
            } => {
                let (tail, common) = (*tail, tail.common_prefix_length(&key));
                let (value, storage) = (core::mem::take(value), storage.take());
                self.touch(&path, reference);
                let (Some(old), Some(new)) = (tail.get(common), key.get(common)) else {
                    return Err(self.source.malformed(&path, DIFFERENT_LENGTHS));
                };
                let old_leaf = NewLeaf { value, storage }.at(tail.slice(common + 1..));
                let leaf = self.leaf(change, &path, None)?;
                let fork = branch([(old, old_leaf), (new, leaf.at(key.slice(common + 1..)))]);
                *child = extended(&key.slice(..common), fork);
            }
            Node::Extension {
                path: tail,
                child: below,
            } => {
                let (tail, common) = (*tail, tail.common_prefix_length(&key));
                let Some(new) = key.get(common) else {
                    return Err(self.source.malformed(&path, DIFFERENT_LENGTHS));
                };
                if let Some(old) = tail.get(common) {
                    let below = below.take();
                    self.touch(&path, reference);
                    let old = (old, extended(&tail.slice(common + 1..), below));
                    let leaf = self.leaf(change, &path, None)?;
                    let fork = branch([old, (new, leaf.at(key.slice(common + 1..)))]);
                    *child = extended(&key.slice(..common), fork);
                } else {
                    let next = self.source.join(&path, &tail)?;
                    if !self.insert_at(below, next, key.slice(common..), change)? {
                        return Ok(false);
                    }
                    self.touch(&path, reference);
                }
            }
            Node::Branch(branch) => {
                let (nibble, next) = self.below(&path, &key)?;
                self.source.make_known(branch, &path, &key);
                let rest = key.slice(1..);
                if !branch.change(nibble, |slot| self.insert_at(slot, next, rest, change))? {
                    return Ok(false);
                }
                self.touch(&path, reference);
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
        let Some((node, reference)) = self.source.resident(child, &path)? else {
            return Ok(false);
        };
        match node {
            Node::Leaf { path: tail, .. } => {
                if *tail != key {
                    return Ok(false);
                }
                self.touch(&path, reference);
                *child = Child::EMPTY;
            }
            Node::Extension {
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
                self.touch(&path, reference);
                let below = below.take();
                *child = self.shortened(tail, below, &next)?;
            }
            Node::Branch(branch) => {
                let (nibble, next) = self.below(&path, &key)?;
                self.source.make_known(branch, &path, &key);
                if !branch.change(nibble, |slot| self.remove_at(slot, next, key.slice(1..)))? {
                    return Ok(false);
                }
                self.close_branch(child, &path)?;
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
        let Some((node, reference)) = self.source.resident(&mut below, path)? else {
            return Ok(Child::EMPTY);
        };
        let joined = |inner: &Nibbles| {
            (tail.len().saturating_add(inner.len()) <= MAX_PATH_NIBBLES).then(|| tail.join(inner))
        };
        let kind = match node {
            Node::Branch(_) => return Ok(extended(&tail, below)),
            Node::Leaf {
                path: inner,
                value,
                storage,
            } => joined(inner).map(|path| Node::Leaf {
                path,
                value: core::mem::take(value),
                storage: storage.take(),
            }),
            Node::Extension { path: inner, child } => joined(inner).map(|path| Node::Extension {
                path,
                child: child.take(),
            }),
        };
        self.touch(path, reference);
        let kind = kind.ok_or_else(|| self.source.malformed(path, "the path below is too long"))?;
        Ok(Child::changed(kind))
    }

    /// The first nibble of `key`, and `path` followed by it.
    pub(crate) fn below(&self, path: &Nibbles, key: &Nibbles) -> Result<(u8, Nibbles), TrieError> {
        match key.first() {
            Some(nibble) => Ok((nibble, self.source.step(path, nibble)?)),
            None => Err(self.source.malformed(path, DIFFERENT_LENGTHS)),
        }
    }

    /// The leaf that a change makes; `old` is what was there.
    fn leaf(
        &self,
        change: Change,
        path: &Nibbles,
        old: Option<(&[u8], &mut Option<Arc<Node>>)>,
    ) -> Result<NewLeaf, TrieError> {
        let (account, storage) = match change {
            Change::Remove => (None, None),
            Change::Value(value) => {
                return Ok(NewLeaf {
                    value,
                    storage: None,
                });
            }
            Change::Account(account) => (Some(account), None),
            Change::AccountWithStorage(account, storage) => (Some(account), Some(storage)),
        };
        let account = account.unwrap_or_default();
        if let Some(storage) = storage {
            let value = encode_account(&account, storage.root_hash());
            let storage = storage.node;
            return Ok(NewLeaf { value, storage });
        }
        let Some((old, storage)) = old else {
            return Ok(NewLeaf {
                value: encode_account(&account, EMPTY_ROOT_HASH),
                storage: None,
            });
        };
        let root = storage_root_of(old)
            .ok_or_else(|| self.source.malformed(path, "the value is no account"))?;
        Ok(NewLeaf {
            value: encode_account(&account, root),
            storage: storage.take(),
        })
    }
}

struct NewLeaf {
    value: Vec<u8>,
    storage: Option<Arc<Node>>,
}

impl NewLeaf {
    fn at(self, path: Nibbles) -> Child {
        Child::changed(Node::Leaf {
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
        Child::changed(Node::Extension {
            path: *path,
            child: below,
        })
    }
}

fn branch(two: [(u8, Child); 2]) -> Child {
    let mut branch = Branch::with_capacity(two.len());
    for (nibble, child) in two {
        branch.set(nibble, child);
    }
    Child::changed(Node::Branch(branch))
}
