//! State from a witness: trie nodes and code by their hashes.

use crate::state::{StateError, StateReader};
use alloc::collections::BTreeMap;
use alloy_primitives::{Address, B256, Bytes, U256};
use opal_trie::{Account, Nibbles, NodeReader, ReadError};

/// All that executing one block touches, by hash.
#[derive(Clone, Debug, Default)]
pub struct Witness {
    /// State root of the parent block.
    pub state_root: B256,
    /// Trie nodes and code by Keccak hash.
    pub preimages: BTreeMap<B256, Bytes>,
    /// Hashes of ancestors by height.
    pub block_hashes: BTreeMap<u64, B256>,
}

impl NodeReader for Witness {
    fn node(
        &self,
        _owner: Option<B256>,
        _path: &Nibbles,
        hash: B256,
    ) -> Result<Option<Bytes>, ReadError> {
        Ok(self.preimages.get(&hash).cloned())
    }
}

impl StateReader for Witness {
    fn account(&self, _address: Address) -> Result<Option<Account>, StateError> {
        unimplemented!()
    }
    fn storage(&self, _address: Address, _slot: U256) -> Result<U256, StateError> {
        unimplemented!()
    }
    fn code(&self, _hash: B256) -> Result<Bytes, StateError> {
        unimplemented!()
    }
    fn block_hash(&self, _number: u64) -> Result<B256, StateError> {
        unimplemented!()
    }
}
