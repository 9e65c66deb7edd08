//! Leaves made from values that are known, instead of read.
//!
//! In: a branch, the key that leads below it, and what the reader knows of that key. Out: the child as
//! a resident leaf, if that is what it is.
//!
//! Invariant: a leaf is taken only if it hashes to what the branch says, so what the reader knows need
//! not be true.

use crate::{
    branch::Branch,
    child::Reference,
    node::Node,
    reader::NodeReader,
    source::Source,
    state::{EMPTY_CODE_HASH, encode_account},
};
use alloc::{sync::Arc, vec::Vec};
use alloy_primitives::{B256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, nodes::LeafNodeRef};

/// Children of a branch up to which they are likely to be leaves. Keys are hashes, so the share of
/// empty places tells how many keys lie below one of them: below a branch of fourteen children three
/// in ten are leaves, below one of eight seven in ten. A guess that fails costs a hash, a look-up
/// several.
const LEAVES_LIKELY_MAX: usize = 14;
/// Nibbles of a hashed key.
const KEY_NIBBLES: usize = 64;
/// Bytes that hold the RLP of most leaves.
const LEAF_BYTES: usize = 128;

impl<R: NodeReader> Source<'_, R> {
    /// Makes the child of a branch at `path` on the way to `rest` resident without a look-up, if it is
    /// the leaf of a key whose value is known. Otherwise it stays as it is.
    pub(crate) fn make_known(&self, branch: &mut Branch, path: &Nibbles, rest: &Nibbles) {
        if path.len().saturating_add(rest.len()) != KEY_NIBBLES || branch.len() > LEAVES_LIKELY_MAX
        {
            return;
        }
        let Some(child) = rest.first().and_then(|nibble| branch.get_mut(nibble)) else {
            return;
        };
        if let (Reference::Hash(hash), None) = (&child.reference, &child.node) {
            child.node = self.known_leaf(path, rest, *hash).map(Arc::new);
        }
    }

    /// The leaf below the branch at `path`, if the value of its key is known and it has this hash.
    fn known_leaf(&self, path: &Nibbles, rest: &Nibbles, hash: B256) -> Option<Node> {
        let key = B256::from_slice(&path.join(rest).pack());
        let value = match &self.owner {
            None => {
                let account = self.reader.known_account(&key)?;
                // Who has no code has no storage; the root of the others is not known.
                (account.code_hash == EMPTY_CODE_HASH)
                    .then(|| encode_account(&account, EMPTY_ROOT_HASH))?
            }
            Some(owner) => {
                let value = self.reader.known_slot(owner, &key)?;
                (!value.is_zero()).then(|| alloy_rlp::encode(value))?
            }
        };
        let path = rest.slice(1..);
        let mut rlp = Vec::with_capacity(LEAF_BYTES);
        alloy_rlp::Encodable::encode(&LeafNodeRef::new(&path, &value), &mut rlp);
        (keccak256(&rlp) == hash).then_some(Node::Leaf {
            path,
            value,
            storage: None,
        })
    }
}
