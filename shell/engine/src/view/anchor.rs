//! States below the flushed one: what leads back to them, and their tries.

use super::ChainView;
use crate::store::{DbSnapshot, Layer};
use alloy_primitives::{B256, Bytes};
use opal_trie::{Nibbles, NodeReader, ReadError, StateTrie};
use std::sync::OnceLock;

/// The state after an older flushed block, as a change of the flushed state. Its trie is made when
/// first asked for: most readers never do.
#[derive(Debug)]
pub(super) struct Anchor {
    pub(super) layer: Layer,
    pub(super) root: B256,
    pub(super) trie: OnceLock<Result<(StateTrie, Layer), ReadError>>,
}

impl Anchor {
    pub(super) fn trie(&self, chain: &ChainView) -> Result<&(StateTrie, Layer), ReadError> {
        let make = || {
            let mut trie = chain.flushed_trie.share();
            let nodes = trie
                .update(&DbNodes(&chain.db), &self.layer.state)
                .map_err(|e| ReadError(e.to_string()))?;
            if trie.root() != self.root {
                let (found, wanted) = (trie.root(), self.root);
                return Err(ReadError(format!(
                    "state went back to root {found}, not {wanted}"
                )));
            }
            Ok((
                trie,
                Layer {
                    nodes,
                    ..self.layer.clone()
                },
            ))
        };
        self.trie.get_or_init(make).as_ref().map_err(Clone::clone)
    }
}

/// The nodes on disk.
pub(crate) struct DbNodes<'a>(pub(crate) &'a DbSnapshot);

impl NodeReader for DbNodes<'_> {
    fn node(&self, o: Option<B256>, p: &Nibbles, _: B256) -> Result<Option<Bytes>, ReadError> {
        self.0.node(o, p).map_err(|e| ReadError(e.to_string()))
    }
}
