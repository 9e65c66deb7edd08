//! Hashing what has changed.

use crate::{
    changes::Notes,
    child::{Child, Reference, ShortNode},
    node::Node,
};
use alloc::sync::Arc;
use alloy_primitives::keccak256;
use alloy_trie::Nibbles;

/// Hashes what has changed below `child` and notes the nodes that are stored on their own: the
/// root, and every node of 32 bytes or more.
pub(crate) fn hash(child: &mut Child, path: &Nibbles, notes: &mut Notes) {
    let (Reference::Changed, Some(node)) = (&child.reference, &mut child.node) else {
        return;
    };
    let node = Arc::make_mut(node);
    match node {
        Node::Leaf { .. } => {}
        Node::Extension { path: tail, child } => hash(child, &path.join(tail), notes),
        Node::Branch(branch) => {
            for (nibble, below) in branch.iter_mut() {
                if matches!(below.reference, Reference::Changed) {
                    let mut path = *path;
                    path.push(nibble);
                    hash(below, &path, notes);
                }
            }
        }
    }
    let start = notes.rlp.len();
    node.encode_to(&mut notes.rlp);
    let rlp = notes.rlp.get(start..).unwrap_or_default();
    let short = if path.is_empty() {
        None
    } else {
        ShortNode::new(rlp)
    };
    child.reference = match short {
        Some(node) => {
            notes.rlp.truncate(start);
            Reference::Short(node)
        }
        None => {
            let hash = keccak256(rlp);
            notes.puts.push((*path, start..notes.rlp.len()));
            Reference::Hash(hash)
        }
    };
}
