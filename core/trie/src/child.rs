//! What hangs below a node: how the parent refers to it, and the node itself if it is resident.
//!
//! Invariant: a parent holds the references of all its children, so it is encoded without a look at
//! any of them.

use crate::node::Node;
use alloc::sync::Arc;
use alloy_primitives::{B256, keccak256};
use alloy_rlp::EMPTY_STRING_CODE;
use alloy_trie::EMPTY_ROOT_HASH;

/// RLP prefix of a string of 32 bytes.
pub(crate) const HASH_CODE: u8 = EMPTY_STRING_CODE + 32;
/// Bytes of the longest node that its parent holds instead of its hash.
pub(crate) const SHORT_NODE_MAX: usize = 31;

/// How a parent refers to a child, or a trie to its root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    /// There is no child.
    Nothing,
    /// The child, which is resident, or something below it has changed since the last hashing.
    Changed,
    /// The hash of the child. Roots are always referred to so.
    Hash(B256),
    /// The child itself, shorter than its hash would be.
    Short(ShortNode),
}

/// The RLP of a node of less than 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShortNode {
    length: u8,
    bytes: [u8; SHORT_NODE_MAX],
}

impl ShortNode {
    /// `None` if it is too long.
    pub(crate) fn new(rlp: &[u8]) -> Option<Self> {
        let mut bytes = [0; SHORT_NODE_MAX];
        bytes.get_mut(..rlp.len())?.copy_from_slice(rlp);
        let length = u8::try_from(rlp.len()).ok()?;
        Some(Self { length, bytes })
    }

    pub(crate) fn rlp(&self) -> &[u8] {
        let whole = self.bytes.as_slice();
        whole.get(..usize::from(self.length)).unwrap_or(whole)
    }
}

impl Reference {
    /// The bytes that stand for the child in its parent.
    ///
    /// # Panics
    /// If the child has changed since it was hashed: a bug of this crate.
    pub(crate) fn with_rlp<T>(&self, see: impl FnOnce(&[u8]) -> T) -> T {
        match self {
            Self::Nothing => see(&[EMPTY_STRING_CODE]),
            Self::Hash(hash) => {
                let mut rlp = [HASH_CODE; 33];
                rlp[1..].copy_from_slice(hash.as_slice());
                see(&rlp)
            }
            Self::Short(node) => see(node.rlp()),
            Self::Changed => panic!("a trie node is encoded before what lies below it is hashed"),
        }
    }

    /// Length of those bytes.
    pub(crate) fn rlp_len(&self) -> usize {
        match self {
            Self::Nothing | Self::Changed => 1,
            Self::Hash(_) => 33,
            Self::Short(node) => usize::from(node.length),
        }
    }
}

/// What hangs below a node, or is the root.
#[derive(Clone, Debug)]
pub(crate) struct Child {
    pub(crate) reference: Reference,
    /// The node, if it is resident.
    pub(crate) node: Option<Arc<Node>>,
}

impl Child {
    pub(crate) const EMPTY: Self = Self {
        reference: Reference::Nothing,
        node: None,
    };

    /// A node that is not resident.
    pub(crate) const fn stored(hash: B256) -> Self {
        Self {
            reference: Reference::Hash(hash),
            node: None,
        }
    }

    /// The root of a trie whose nodes are all in the store.
    pub(crate) fn root(hash: B256) -> Self {
        if hash == EMPTY_ROOT_HASH {
            Self::EMPTY
        } else {
            Self::stored(hash)
        }
    }

    /// A node that is new.
    pub(crate) fn changed(node: Node) -> Self {
        Self {
            reference: Reference::Changed,
            node: Some(Arc::new(node)),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self.reference, Reference::Nothing)
    }

    /// Whether the node lies in the store on its own, and not within its parent.
    pub(crate) const fn is_hashed(&self) -> bool {
        matches!(self.reference, Reference::Hash(_))
    }

    /// Empties the place of a child, and answers with the child.
    pub(crate) const fn take(&mut self) -> Self {
        core::mem::replace(self, Self::EMPTY)
    }

    /// The hash of the trie below this root.
    ///
    /// # Panics
    /// If the trie has changed since it was hashed: a bug of this crate.
    pub(crate) fn root_hash(&self) -> B256 {
        match &self.reference {
            Reference::Nothing => EMPTY_ROOT_HASH,
            Reference::Hash(hash) => *hash,
            short => short.with_rlp(|rlp| keccak256(rlp)),
        }
    }
}
