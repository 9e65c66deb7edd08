//! Nodes: how they are looked up, decoded and encoded.

use crate::{
    error::{Place, ReadError, TrieError},
    state::Account,
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use alloy_primitives::{B256, Bytes, U256, keccak256};
use alloy_rlp::{Decodable, EMPTY_LIST_CODE, EMPTY_STRING_CODE, Encodable, Header};
use alloy_trie::{
    EMPTY_ROOT_HASH, Nibbles,
    nodes::{ExtensionNodeRef, LeafNodeRef, RlpNode, TrieNode},
};

/// Finds stored nodes. Implemented by the path-keyed database and by the hash-keyed witness.
///
/// Answers with the RLP of the node that hashes to `hash` and lies at `path` below the root of the
/// trie of `owner`. The caller checks the hash of what it gets.
pub trait NodeReader {
    /// The node of the storage trie of the account with hashed address `owner` (`None`: of the
    /// account trie), or `None` if there is none.
    fn node(
        &self,
        owner: Option<B256>,
        path: &Nibbles,
        hash: B256,
    ) -> Result<Option<Bytes>, ReadError>;

    /// Asked when [`node`](Self::node) gave something that does not hash to `hash`: a reader with
    /// several places may have looked into the likeliest only, since the hash tells. By default there
    /// is no other place.
    fn node_elsewhere(
        &self,
        _owner: Option<B256>,
        _path: &Nibbles,
        _hash: B256,
    ) -> Result<Option<Bytes>, ReadError> {
        Ok(None)
    }

    /// The account with this hashed address, if the reader has it at hand. Whoever changes an account
    /// has mostly just read it; from what it is the trie makes the leaf, and need not look for it.
    /// Nothing depends on the answer: a leaf that does not hash to what its parent says is looked up.
    fn known_account(&self, _address: &B256) -> Option<Account> {
        None
    }

    /// The value of a slot, by hashed keys, if the reader has it at hand: as
    /// [`known_account`](Self::known_account).
    fn known_slot(&self, _owner: &B256, _slot: &B256) -> Option<U256> {
        None
    }
}

/// Most nibbles from a root to a leaf: keys are 32 bytes long at most.
pub(crate) const MAX_PATH_NIBBLES: usize = 64;

/// RLP prefix of a string of 32 bytes.
const HASH_CODE: u8 = EMPTY_STRING_CODE + 32;
/// RLP prefix of the longest node that its parent holds instead of its hash: 31 bytes in all.
const SHORT_NODE_CODE_MAX: u8 = EMPTY_LIST_CODE + 30;

/// What hangs below a node, or is the root.
#[derive(Clone, Debug)]
pub(crate) enum Child {
    Empty,
    /// A node with this hash that is not resident.
    Stored(B256),
    Resident(Arc<Node>),
}

/// A resident node. The reference comes first in memory, beside the count of the `Arc`: a parent that
/// is copied, hashed or dropped touches only these two of each child.
#[derive(Clone, Debug)]
#[repr(C)]
pub(crate) struct Node {
    /// How the parent refers to this node: its hash, or its RLP if that is shorter than 32 bytes.
    /// `None` while the node or something below it has changed since the last hashing.
    pub(crate) reference: Option<RlpNode>,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Leaf {
        path: Nibbles,
        value: Vec<u8>,
        /// Accounts only: the resident root of the account's storage trie.
        storage: Option<Arc<Node>>,
    },
    Extension {
        path: Nibbles,
        child: Child,
    },
    Branch {
        children: Box<[Child; 16]>,
    },
}

impl Node {
    pub(crate) const fn dirty(kind: Kind) -> Self {
        Self {
            kind,
            reference: None,
        }
    }

    /// The value, if this is a leaf.
    pub(crate) fn leaf_value(&self) -> Option<&[u8]> {
        match &self.kind {
            Kind::Leaf { value, .. } => Some(value),
            _ => None,
        }
    }

    /// The resident storage root, if this is the leaf of an account that has one.
    pub(crate) fn leaf_storage(&self) -> Option<&Arc<Self>> {
        match &self.kind {
            Kind::Leaf { storage, .. } => storage.as_ref(),
            _ => None,
        }
    }

    /// The hash of this node if it were a root. Only for nodes that have been hashed.
    pub(crate) fn root_hash(&self) -> B256 {
        self.reference
            .as_ref()
            .map_or(EMPTY_ROOT_HASH, root_hash_of)
    }

    /// The RLP of this node. Everything below it must have been hashed.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_to(&mut out);
        out
    }

    /// Appends the RLP of this node. Everything below it must have been hashed.
    pub(crate) fn encode_to(&self, out: &mut Vec<u8>) {
        match &self.kind {
            Kind::Leaf { path, value, .. } => LeafNodeRef::new(path, value).encode(out),
            Kind::Extension { path, child } => {
                ExtensionNodeRef::new(path, &child.reference()).encode(out);
            }
            Kind::Branch { children } => {
                let payload_length = 1 + children.iter().map(Child::reference_len).sum::<usize>();
                Header {
                    list: true,
                    payload_length,
                }
                .encode(out);
                for child in children.iter() {
                    child.append_reference(out);
                }
                out.push(EMPTY_STRING_CODE);
            }
        }
    }
}

/// The hash of a root that its parent would refer to by `reference`.
pub(crate) fn root_hash_of(reference: &RlpNode) -> B256 {
    reference
        .as_hash()
        .unwrap_or_else(|| keccak256(reference.as_slice()))
}

impl Child {
    pub(crate) fn root(hash: B256) -> Self {
        if hash == EMPTY_ROOT_HASH {
            Self::Empty
        } else {
            Self::Stored(hash)
        }
    }

    pub(crate) fn resident(kind: Kind) -> Self {
        Self::Resident(Arc::new(Node::dirty(kind)))
    }

    /// How a parent refers to this child.
    ///
    /// # Panics
    /// If the child has changed since it was hashed: a bug of this crate.
    pub(crate) fn reference(&self) -> RlpNode {
        match self {
            Self::Empty => RlpNode::from_rlp(&[EMPTY_STRING_CODE]),
            Self::Stored(hash) => RlpNode::word_rlp(hash),
            Self::Resident(node) => match &node.reference {
                Some(reference) => reference.clone(),
                None => panic!("a trie node is encoded before what lies below it is hashed"),
            },
        }
    }

    /// Bytes of the reference.
    fn reference_len(&self) -> usize {
        match self {
            Self::Empty => 1,
            Self::Stored(_) => 33,
            Self::Resident(node) => node.reference.as_ref().map_or(0, |r| r.len()),
        }
    }

    /// Appends the reference.
    fn append_reference(&self, out: &mut Vec<u8>) {
        match self {
            Self::Empty => out.push(EMPTY_STRING_CODE),
            Self::Stored(hash) => {
                out.push(HASH_CODE);
                out.extend_from_slice(hash.as_slice());
            }
            Self::Resident(node) => match &node.reference {
                Some(reference) => out.extend_from_slice(reference),
                None => panic!("a trie node is encoded before what lies below it is hashed"),
            },
        }
    }

    /// The hash of the trie below this root, once hashed.
    pub(crate) fn root_hash(&self) -> B256 {
        match self {
            Self::Empty => EMPTY_ROOT_HASH,
            Self::Stored(hash) => *hash,
            Self::Resident(node) => node.root_hash(),
        }
    }
}

/// A store seen from one trie.
#[derive(Debug)]
pub(crate) struct Source<'a, R> {
    pub(crate) reader: &'a R,
    pub(crate) owner: Option<B256>,
}

impl<R> Clone for Source<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Source<'_, R> {}

impl<R: NodeReader> Source<'_, R> {
    /// Loads, checks and decodes the node with `hash` at `path`.
    pub(crate) fn load(&self, path: &Nibbles, hash: B256) -> Result<Arc<Node>, TrieError> {
        let at = || {
            Box::new(Place {
                owner: self.owner,
                path: *path,
            })
        };
        let failed = |source| TrieError::Read { at: at(), source };
        let mut bytes = self.reader.node(self.owner, path, hash).map_err(failed)?;
        let mut found = bytes.as_ref().map(keccak256);
        if found != Some(hash) {
            let elsewhere = self.reader.node_elsewhere(self.owner, path, hash);
            if let Some(other) = elsewhere.map_err(failed)? {
                found = Some(keccak256(&other));
                bytes = Some(other);
            }
        }
        let (Some(bytes), Some(found)) = (bytes, found) else {
            return Err(TrieError::MissingNode { at: at(), hash });
        };
        if found != hash {
            return Err(TrieError::HashMismatch {
                at: at(),
                wanted: hash,
                found,
            });
        }
        let reference = if bytes.len() < 32 {
            RlpNode::from_rlp(&bytes)
        } else {
            RlpNode::word_rlp(&hash)
        };
        self.decode(path, &bytes, reference)
    }

    fn decode(
        &self,
        path: &Nibbles,
        bytes: &[u8],
        reference: RlpNode,
    ) -> Result<Arc<Node>, TrieError> {
        if let Some(references) = branch_references(bytes) {
            return self.decode_branch(path, references, reference);
        }
        let mut rest = bytes;
        let node = TrieNode::decode(&mut rest)
            .map_err(|_| self.malformed(path, "the bytes are not the RLP of a node"))?;
        if !rest.is_empty() {
            return Err(self.malformed(path, "bytes follow the node"));
        }
        let kind = match node {
            TrieNode::EmptyRoot => return Err(self.malformed(path, "the node is empty")),
            TrieNode::Leaf(leaf) => Kind::Leaf {
                path: leaf.key,
                value: leaf.value,
                storage: None,
            },
            TrieNode::Extension(extension) => {
                if extension.key.is_empty() {
                    return Err(self.malformed(path, "the extension has no path"));
                }
                let below = self.join(path, &extension.key)?;
                Kind::Extension {
                    path: extension.key,
                    child: self.child(&below, &extension.child)?,
                }
            }
            TrieNode::Branch(branch) => {
                let mut children = Box::new([const { Child::Empty }; 16]);
                let mut references = branch.stack.iter();
                for (nibble, slot) in (0u8..).zip(children.iter_mut()) {
                    if branch.state_mask.is_bit_set(nibble) {
                        let below = self.join(path, &Nibbles::from_nibbles_unchecked([nibble]))?;
                        let reference = references.next().ok_or_else(|| {
                            self.malformed(path, "a child of the branch is missing")
                        })?;
                        *slot = self.child(&below, reference)?;
                    }
                }
                Kind::Branch { children }
            }
        };
        Ok(Arc::new(Node {
            kind,
            reference: Some(reference),
        }))
    }

    /// Most nodes are branches, and most of their references are hashes or nothing.
    fn decode_branch(
        &self,
        path: &Nibbles,
        references: [&[u8]; 16],
        reference: RlpNode,
    ) -> Result<Arc<Node>, TrieError> {
        let mut children = Box::new([const { Child::Empty }; 16]);
        for ((nibble, slot), bytes) in (0u8..).zip(children.iter_mut()).zip(references) {
            *slot = match bytes {
                [EMPTY_STRING_CODE] => Child::Empty,
                [HASH_CODE, hash @ ..] if hash.len() == 32 => Child::Stored(B256::from_slice(hash)),
                node => {
                    let below = self.step(path, nibble)?;
                    let reference = RlpNode::from_raw(node)
                        .ok_or_else(|| self.malformed(path, "a reference is too long"))?;
                    self.child(&below, &reference)?
                }
            };
        }
        Ok(Arc::new(Node {
            kind: Kind::Branch { children },
            reference: Some(reference),
        }))
    }

    fn child(&self, path: &Nibbles, reference: &RlpNode) -> Result<Child, TrieError> {
        if let Some(hash) = reference.as_hash() {
            return Ok(Child::Stored(hash));
        }
        // A shorter reference is the node itself; nesting is bounded by its 31 bytes.
        if reference.len() >= 32 || reference.first().is_none_or(|first| *first < 0xc0) {
            return Err(self.malformed(path, "a reference is neither a hash nor a node"));
        }
        self.decode(path, reference, reference.clone())
            .map(Child::Resident)
    }

    /// `path` and then one nibble, if that is no longer than a path can be.
    pub(crate) fn step(&self, path: &Nibbles, nibble: u8) -> Result<Nibbles, TrieError> {
        if path.len() >= MAX_PATH_NIBBLES {
            return Err(self.malformed(path, "the path below is too long"));
        }
        let mut below = *path;
        below.push(nibble);
        Ok(below)
    }

    /// `path` and then `tail`, if that is no longer than a path can be.
    pub(crate) fn join(&self, path: &Nibbles, tail: &Nibbles) -> Result<Nibbles, TrieError> {
        if path.len().saturating_add(tail.len()) > MAX_PATH_NIBBLES {
            return Err(self.malformed(path, "the path below is too long"));
        }
        Ok(path.join(tail))
    }

    pub(crate) fn malformed(&self, path: &Nibbles, problem: &'static str) -> TrieError {
        TrieError::Malformed {
            at: Box::new(Place {
                owner: self.owner,
                path: *path,
            }),
            problem,
        }
    }
}

/// The references of a branch without a value; `None` for anything else, be it a node or not.
fn branch_references(bytes: &[u8]) -> Option<[&[u8]; 16]> {
    let mut rest = bytes;
    let mut payload = Header::decode_bytes(&mut rest, true).ok()?;
    if !rest.is_empty() {
        return None;
    }
    let mut references = [[].as_slice(); 16];
    for reference in &mut references {
        let length = match *payload.first()? {
            EMPTY_STRING_CODE => 1,
            HASH_CODE => 33,
            // A list of up to 30 bytes: a node that is shorter than its hash.
            short @ EMPTY_LIST_CODE..=SHORT_NODE_CODE_MAX => {
                usize::from(short.saturating_sub(EMPTY_LIST_CODE)).saturating_add(1)
            }
            _ => return None,
        };
        (*reference, payload) = payload.split_at_checked(length)?;
    }
    (payload == [EMPTY_STRING_CODE]).then_some(references)
}
