//! Stored nodes: looked up, checked and decoded.

use crate::{
    branch::Branch,
    child::{Child, HASH_CODE, Reference, SHORT_NODE_MAX, ShortNode},
    error::{Place, TrieError},
    node::{MAX_PATH_NIBBLES, Node},
    reader::NodeReader,
};
use alloc::{boxed::Box, sync::Arc};
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::{Decodable, EMPTY_LIST_CODE, EMPTY_STRING_CODE, Header};
use alloy_trie::{Nibbles, nodes::TrieNode};

/// RLP prefix of the longest node that its parent holds instead of its hash.
const SHORT_NODE_CODE_MAX: u8 = EMPTY_LIST_CODE + SHORT_NODE_MAX as u8 - 1;

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
    /// The node below `child`, which lies at `path`: the resident one, or else it is loaded. `None`
    /// if there is none.
    pub(crate) fn node(
        &self,
        child: &Child,
        path: &Nibbles,
    ) -> Result<Option<Arc<Node>>, TrieError> {
        if let Some(node) = &child.node {
            return Ok(Some(node.clone()));
        }
        let node = match &child.reference {
            Reference::Nothing => return Ok(None),
            Reference::Hash(hash) => self.load(path, *hash)?,
            Reference::Short(node) => self.decode(path, node.rlp())?,
            Reference::Changed => {
                return Err(self.malformed(path, "a node that changed is not there"));
            }
        };
        Ok(Some(Arc::new(node)))
    }

    /// Makes the node below `child` resident, if there is one.
    pub(crate) fn make_resident(&self, child: &mut Child, path: &Nibbles) -> Result<(), TrieError> {
        if child.node.is_none() {
            child.node = self.node(child, path)?;
        }
        Ok(())
    }

    /// Makes the node below `child` resident and unshared, to be changed with its reference.
    pub(crate) fn resident<'c>(
        &self,
        child: &'c mut Child,
        path: &Nibbles,
    ) -> Result<Option<(&'c mut Node, &'c mut Reference)>, TrieError> {
        self.make_resident(child, path)?;
        let Child { reference, node } = child;
        Ok(node.as_mut().map(|node| (Arc::make_mut(node), reference)))
    }

    /// Loads, checks and decodes the node with `hash` at `path`.
    fn load(&self, path: &Nibbles, hash: B256) -> Result<Node, TrieError> {
        let bytes = self.stored(path, hash)?;
        self.decode(path, &bytes)
    }

    /// The node with `hash` at `path`, as it is stored.
    fn stored(&self, path: &Nibbles, hash: B256) -> Result<Bytes, TrieError> {
        let failed = |source| TrieError::Read {
            at: self.place(path),
            source,
        };
        let mut bytes = self.reader.node(self.owner, path, hash).map_err(failed)?;
        let mut found = bytes.as_ref().map(keccak256);
        if found != Some(hash) {
            let elsewhere = self.reader.node_elsewhere(self.owner, path, hash);
            if let Some(other) = elsewhere.map_err(failed)? {
                found = Some(keccak256(&other));
                bytes = Some(other);
            }
        }
        let at = || self.place(path);
        match (bytes, found) {
            (Some(bytes), Some(found)) if found == hash => Ok(bytes),
            (Some(_), Some(found)) => Err(TrieError::HashMismatch {
                at: at(),
                wanted: hash,
                found,
            }),
            _ => Err(TrieError::MissingNode { at: at(), hash }),
        }
    }

    fn decode(&self, path: &Nibbles, bytes: &[u8]) -> Result<Node, TrieError> {
        // Most nodes are branches.
        if let Some(references) = branch_references(bytes) {
            let present = references.iter().filter(|r| **r != [EMPTY_STRING_CODE]);
            let mut branch = Branch::with_capacity(present.count());
            for (nibble, reference) in (0u8..).zip(references) {
                branch.set(nibble, self.child(path, reference)?);
            }
            return Ok(Node::Branch(branch));
        }
        let mut rest = bytes;
        let node = TrieNode::decode(&mut rest)
            .map_err(|_| self.malformed(path, "the bytes are not the RLP of a node"))?;
        if !rest.is_empty() {
            return Err(self.malformed(path, "bytes follow the node"));
        }
        match node {
            TrieNode::EmptyRoot => Err(self.malformed(path, "the node is empty")),
            TrieNode::Leaf(leaf) => Ok(Node::Leaf {
                path: leaf.key,
                value: leaf.value,
                storage: None,
            }),
            TrieNode::Extension(extension) => {
                if extension.key.is_empty() {
                    return Err(self.malformed(path, "the extension has no path"));
                }
                let below = self.join(path, &extension.key)?;
                Ok(Node::Extension {
                    path: extension.key,
                    child: self.child(&below, &extension.child)?,
                })
            }
            // What it takes for one is a branch with a value, or one of no form at all.
            TrieNode::Branch(_) => Err(self.malformed(path, "a branch is not of sixteen children")),
        }
    }

    /// The child with this reference.
    fn child(&self, path: &Nibbles, reference: &[u8]) -> Result<Child, TrieError> {
        match reference {
            [EMPTY_STRING_CODE] => Ok(Child::EMPTY),
            [HASH_CODE, hash @ ..] if hash.len() == 32 => Ok(Child::stored(B256::from_slice(hash))),
            // A shorter reference is the node itself.
            [first, ..] if *first >= EMPTY_LIST_CODE => {
                let node = ShortNode::new(reference);
                let node = node.ok_or_else(|| self.malformed(path, "a reference is too long"))?;
                Ok(Child {
                    reference: Reference::Short(node),
                    node: None,
                })
            }
            _ => Err(self.malformed(path, "a reference is neither a hash nor a node")),
        }
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
        let at = self.place(path);
        TrieError::Malformed { at, problem }
    }

    fn place(&self, path: &Nibbles) -> Box<Place> {
        Box::new(Place {
            owner: self.owner,
            path: *path,
        })
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
