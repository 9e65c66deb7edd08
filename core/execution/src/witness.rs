//! State from a witness: trie nodes and code by their hashes, nothing trusted but the state root.

use crate::state::{StateError, StateReader};
use alloc::{collections::BTreeMap, format, string::ToString};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use opal_trie::{Account, Nibbles, NodeReader, ReadError, StateTrie};

/// All that executing one block touches, by hash.
#[derive(Clone, Debug)]
pub struct Witness {
    preimages: BTreeMap<B256, Bytes>,
    block_hashes: BTreeMap<u64, B256>,
    trie: StateTrie,
}

impl Witness {
    /// A witness of the state with `state_root`: trie nodes and code by Keccak hash, and hashes of
    /// ancestors by height.
    pub fn new(
        state_root: B256,
        preimages: BTreeMap<B256, Bytes>,
        block_hashes: BTreeMap<u64, B256>,
    ) -> Self {
        Self {
            preimages,
            block_hashes,
            trie: StateTrie::new(state_root),
        }
    }

    /// The state trie of the witness; pass the witness itself as its reader.
    pub const fn trie(&self) -> &StateTrie {
        &self.trie
    }
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
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        let found = self.trie.account(self, keccak256(address));
        Ok(found
            .map_err(|error| StateError(error.to_string()))?
            .map(|(account, _)| account))
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        let slot = keccak256(slot.to_be_bytes::<32>());
        let value = self.trie.storage(self, keccak256(address), slot);
        value.map_err(|error| StateError(error.to_string()))
    }

    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        let code = self.preimages.get(&hash).cloned();
        let code = code.ok_or_else(|| StateError(format!("code {hash} is not in the witness")))?;
        if keccak256(&code) == hash {
            Ok(code)
        } else {
            Err(StateError(format!(
                "code {hash} in the witness has another hash"
            )))
        }
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        let hash = self.block_hashes.get(&number).copied();
        hash.ok_or_else(|| {
            let problem = format!("the hash of block {number} is not in the witness");
            StateError(problem)
        })
    }
}
