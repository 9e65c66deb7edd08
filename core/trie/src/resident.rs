//! What is resident of a trie: loading it, finding it, counting it and forgetting it. None of this
//! changes a root.

use crate::{
    edit::{Edit, slot},
    error::TrieError,
    node::{Child, Kind, Node, NodeReader},
};
use alloc::sync::Arc;
use alloy_trie::{Nibbles, nodes::RlpNode};

impl<R: NodeReader> Edit<'_, R> {
    /// Makes the nodes on the way to `key` resident, as far as there are any.
    pub(crate) fn preload(
        &self,
        child: &mut Child,
        path: Nibbles,
        key: &Nibbles,
    ) -> Result<(), TrieError> {
        if is_resident(child, key) {
            return Ok(());
        }
        let Some(node) = self.resident(child, &path)? else {
            return Ok(());
        };
        match &mut node.kind {
            Kind::Leaf { .. } => Ok(()),
            Kind::Extension { path: tail, child } => {
                if !key.starts_with(tail) {
                    return Ok(());
                }
                let next = self.source.join(&path, tail)?;
                self.preload(child, next, &key.slice(tail.len()..))
            }
            Kind::Branch { children } => {
                let next = self.below(&path, key)?;
                self.source.make_known(children, &path, key);
                match slot(children, key) {
                    Some(slot) => self.preload(slot, next, &key.slice(1..)),
                    None => Ok(()),
                }
            }
        }
    }
}

/// Whether all nodes on the way to `key` are resident.
fn is_resident(mut child: &Child, key: &Nibbles) -> bool {
    let mut at = 0;
    loop {
        let node = match child {
            Child::Empty => return true,
            Child::Stored(_) => return false,
            Child::Resident(node) => node,
        };
        child = match &node.kind {
            Kind::Leaf { .. } => return true,
            Kind::Extension { path, child } => {
                if !key.slice(at..).starts_with(path) {
                    return true;
                }
                at += path.len();
                child
            }
            Kind::Branch { children } => {
                let below = key.get(at).and_then(|n| children.get(usize::from(n)));
                at += 1;
                match below {
                    Some(child) => child,
                    None => return true,
                }
            }
        };
    }
}

/// The leaf at `key`, if all nodes on the way are resident: its value, and its storage trie, which
/// may be exchanged for one with the same root.
pub(crate) fn leaf_mut<'c>(
    child: &'c mut Child,
    key: &Nibbles,
) -> Option<(&'c [u8], &'c mut Option<Arc<Node>>)> {
    let Child::Resident(node) = child else {
        return None;
    };
    match &mut Arc::make_mut(node).kind {
        Kind::Leaf {
            path,
            value,
            storage,
        } => (path == key).then_some((value.as_slice(), storage)),
        Kind::Extension { path, child } => {
            let below = key.starts_with(path).then(|| key.slice(path.len()..))?;
            leaf_mut(child, &below)
        }
        Kind::Branch { children } => leaf_mut(slot(children, key)?, &key.slice(1..)),
    }
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
