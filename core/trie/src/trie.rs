//! One trie: keys of equal length to byte-string values.
use crate::{error::TrieError, node::NodeReader};
use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;

/// A single trie with resident nodes.
#[derive(Clone, Debug)]
pub struct Trie;

impl Trie {
    /// A trie whose nodes are all in the store.
    pub fn new(_root: B256) -> Self {
        unimplemented!()
    }
    /// The value at `key`.
    pub fn get<R: NodeReader>(
        &self,
        _reader: &R,
        _key: &Nibbles,
    ) -> Result<Option<Vec<u8>>, TrieError> {
        unimplemented!()
    }
    /// Sets (or, with `None`, removes) values and answers with the changed nodes by path.
    pub fn update<R: NodeReader>(
        &mut self,
        _reader: &R,
        _updates: &BTreeMap<Nibbles, Option<Vec<u8>>>,
    ) -> Result<BTreeMap<Nibbles, Option<Bytes>>, TrieError> {
        unimplemented!()
    }
    /// The root hash.
    pub fn root(&self) -> B256 {
        unimplemented!()
    }
}
