//! Walks over everything that is stored of a state: for verification.

use crate::{
    child::Child, error::TrieError, node::Node, reader::NodeReader, source::Source,
    state::decode_account,
};
use alloy_primitives::B256;
use alloy_trie::Nibbles;

/// What a state consists of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoredState {
    /// Nodes that are stored on their own, of all tries.
    pub nodes: u64,
    /// Accounts.
    pub accounts: u64,
    /// Storage slots of all accounts.
    pub slots: u64,
}

/// Reads every stored node of the state with this root; checks that it is there, hashes to what
/// its parent says and decodes. Tells `visit` of each account. The first fault ends it.
pub fn check_stored<R: NodeReader>(
    reader: &R,
    root: B256,
    mut visit: impl FnMut(&StoredState),
) -> Result<StoredState, TrieError> {
    let source = Source {
        reader,
        owner: None,
    };
    let (mut nodes, mut found) = (0, StoredState::default());
    let each_account = &mut |path: &Nibbles, value: &[u8]| {
        let (_, storage_root) = decode_account(source, path, value)?;
        if path.len() != KEY_NIBBLES {
            return Err(source.malformed(path, "the key of an account is no hash"));
        }
        let below = Source {
            reader,
            owner: Some(B256::from_slice(&path.pack())),
        };
        let each_slot = &mut |_: &Nibbles, _: &[u8]| {
            found.slots = found.slots.saturating_add(1);
            Ok(())
        };
        let root = Child::root(storage_root);
        leaves(below, &root, &Nibbles::new(), &mut found.nodes, each_slot)?;
        found.accounts = found.accounts.saturating_add(1);
        visit(&found);
        Ok(())
    };
    let root = Child::root(root);
    leaves(source, &root, &Nibbles::new(), &mut nodes, each_account)?;
    found.nodes = found.nodes.saturating_add(nodes);
    Ok(found)
}

/// Nibbles of a hashed key.
const KEY_NIBBLES: usize = 64;

/// What is done with a leaf: its whole path and its value.
type OnLeaf<'a> = &'a mut dyn FnMut(&Nibbles, &[u8]) -> Result<(), TrieError>;

/// Shows all leaves at and below `child`, in order. Paths end after 64 nibbles, so does this.
fn leaves<R: NodeReader>(
    source: Source<'_, R>,
    child: &Child,
    path: &Nibbles,
    nodes: &mut u64,
    on_leaf: OnLeaf<'_>,
) -> Result<(), TrieError> {
    let Some(node) = source.node(child, path)? else {
        return Ok(());
    };
    if child.is_hashed() {
        *nodes = nodes.saturating_add(1);
    }
    match &*node {
        Node::Leaf {
            path: tail, value, ..
        } => on_leaf(&source.join(path, tail)?, value),
        Node::Extension { path: tail, child } => {
            leaves(source, child, &source.join(path, tail)?, nodes, on_leaf)
        }
        Node::Branch(branch) => branch.iter().try_for_each(|(nibble, child)| {
            leaves(source, child, &source.step(path, nibble)?, nodes, on_leaf)
        }),
    }
}
