//! Nodes and how they are encoded.

use crate::{branch::Branch, child::Child};
use alloc::{sync::Arc, vec::Vec};
use alloy_rlp::Encodable;
use alloy_trie::{
    Nibbles,
    nodes::{ExtensionNodeRef, LeafNodeRef},
};

/// Most nibbles from a root to a leaf: keys are 32 bytes long at most.
pub(crate) const MAX_PATH_NIBBLES: usize = 64;

/// A resident node.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Leaf {
        path: Nibbles,
        value: Vec<u8>,
        /// Accounts only: the resident root of the account's storage trie. Its hash is in the value.
        storage: Option<Arc<Self>>,
    },
    Extension {
        path: Nibbles,
        child: Child,
    },
    Branch(Branch),
}

impl Node {
    /// The value, if this is a leaf.
    pub(crate) fn leaf_value(&self) -> Option<&[u8]> {
        match self {
            Self::Leaf { value, .. } => Some(value),
            _ => None,
        }
    }

    /// The resident storage root, if this is the leaf of an account that has one.
    pub(crate) const fn leaf_storage(&self) -> Option<&Arc<Self>> {
        match self {
            Self::Leaf { storage, .. } => storage.as_ref(),
            _ => None,
        }
    }

    /// The RLP of this node. Everything below it must have been hashed.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_to(&mut out);
        out
    }

    /// Appends the RLP of this node. Everything below it must have been hashed.
    pub(crate) fn encode_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Leaf { path, value, .. } => LeafNodeRef::new(path, value).encode(out),
            Self::Extension { path, child } => child
                .reference
                .with_rlp(|rlp| ExtensionNodeRef::new(path, rlp).encode(out)),
            Self::Branch(branch) => branch.encode_to(out),
        }
    }
}
