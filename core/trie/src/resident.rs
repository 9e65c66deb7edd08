//! What is resident of a trie: loading it, finding it, counting it and forgetting it. None of this
//! changes a root.

use crate::{child::Child, edit::Edit, error::TrieError, node::Node, reader::NodeReader};
use alloc::sync::Arc;
use alloy_trie::Nibbles;

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
        let Some((node, _)) = self.source.resident(child, &path)? else {
            return Ok(());
        };
        match node {
            Node::Leaf { .. } => Ok(()),
            Node::Extension { path: tail, child } => {
                if !key.starts_with(tail) {
                    return Ok(());
                }
                let next = self.source.join(&path, tail)?;
                self.preload(child, next, &key.slice(tail.len()..))
            }
            Node::Branch(branch) => {
                let (nibble, next) = self.below(&path, key)?;
                self.source.make_known(branch, &path, key);
                match branch.get_mut(nibble) {
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
        let Some(node) = &child.node else {
            return child.is_empty();
        };
        child = match &**node {
            Node::Leaf { .. } => return true,
            Node::Extension { path, child } => {
                if !key.slice(at..).starts_with(path) {
                    return true;
                }
                at += path.len();
                child
            }
            Node::Branch(branch) => {
                let below = key.get(at).and_then(|n| branch.get(n));
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
    match Arc::make_mut(child.node.as_mut()?) {
        Node::Leaf {
            path,
            value,
            storage,
        } => (path == key).then_some((value.as_slice(), storage)),
        Node::Extension { path, child } => {
            let below = key.starts_with(path).then(|| key.slice(path.len()..))?;
            leaf_mut(child, &below)
        }
        Node::Branch(branch) => leaf_mut(branch.get_mut(key.first()?)?, &key.slice(1..)),
    }
}

/// Replaces hashed nodes deeper than `depth_nibbles` by their hashes.
pub(crate) fn evict(child: &mut Child, path_len: usize, depth_nibbles: usize) {
    if path_len > depth_nibbles && child.is_hashed() {
        child.node = None;
    }
    if let Some(node) = &mut child.node {
        evict_below(node, path_len, depth_nibbles);
    }
}

fn evict_below(node: &mut Arc<Node>, path_len: usize, depth_nibbles: usize) {
    match Arc::make_mut(node) {
        Node::Leaf { storage, .. } => {
            if let Some(root) = storage {
                evict_below(root, 0, depth_nibbles);
            }
        }
        Node::Extension { path, child } => {
            evict(child, path_len.saturating_add(path.len()), depth_nibbles);
        }
        Node::Branch(branch) => {
            for (_, child) in branch.iter_mut() {
                evict(child, path_len.saturating_add(1), depth_nibbles);
            }
        }
    }
}

/// Number of resident nodes below `child`, storage tries included.
pub(crate) fn count(child: &Child) -> usize {
    child.node.as_deref().map_or(0, count_from)
}

fn count_from(node: &Node) -> usize {
    let below = match node {
        Node::Leaf { storage, .. } => storage.as_deref().map_or(0, count_from),
        Node::Extension { child, .. } => count(child),
        Node::Branch(branch) => branch.iter().map(|(_, child)| count(child)).sum(),
    };
    below.saturating_add(1)
}
