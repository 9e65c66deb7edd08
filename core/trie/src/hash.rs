//! Hashing what has changed.

use crate::{
    edit::Notes,
    node::{Child, Kind},
};
use alloc::sync::Arc;
use alloy_primitives::Bytes;
use alloy_trie::{Nibbles, nodes::RlpNode};

/// Hashes what has changed below `child` and notes the nodes that are stored on their own: the
/// root, and every node of 32 bytes or more.
pub(crate) fn hash(child: &mut Child, path: &Nibbles, notes: &mut Notes) {
    let Child::Resident(node) = child else {
        return;
    };
    if node.reference.is_some() {
        return;
    }
    let node = Arc::make_mut(node);
    match &mut node.kind {
        Kind::Leaf { .. } => {}
        Kind::Extension { path: tail, child } => hash(child, &path.join(tail), notes),
        Kind::Branch { children } => {
            for (nibble, child) in (0u8..).zip(children.iter_mut()) {
                if let Child::Resident(below) = child
                    && below.reference.is_none()
                {
                    let mut path = *path;
                    path.push(nibble);
                    hash(child, &path, notes);
                }
            }
        }
    }
    notes.buffer.clear();
    node.encode_to(&mut notes.buffer);
    let reference = RlpNode::from_rlp(&notes.buffer);
    if path.is_empty() || reference.is_hash() {
        notes
            .puts
            .push((*path, Bytes::copy_from_slice(&notes.buffer)));
    }
    node.reference = Some(reference);
}
