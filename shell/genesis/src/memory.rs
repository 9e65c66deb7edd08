//! A whole state in memory, and blocks executed on it one after another.
//!
//! Serves the deployment at genesis, and tests.

use crate::config::GenesisError;
use alloy_consensus::Header;
use alloy_genesis::Genesis;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use opal_execution::{
    Account, BlockAttributes, BlockBuilder, BuiltBlock, ChainConfig, InvalidBlock, Roots,
    StateDiff, StateError, StateReader, VerifiedTx, genesis,
};
use std::collections::BTreeMap;

/// A state.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryState {
    accounts: BTreeMap<Address, Account>,
    storage: BTreeMap<(Address, U256), U256>,
    code: BTreeMap<B256, Bytes>,
    /// Hashes of all blocks, from genesis on.
    hashes: Vec<B256>,
}

impl MemoryState {
    /// Applies what a block or a genesis changes.
    fn apply(&mut self, diff: StateDiff) {
        self.code.extend(diff.code);
        for (address, change) in diff.accounts {
            match change.account {
                Some(account) => self.accounts.insert(address, account),
                None => self.accounts.remove(&address),
            };
            if change.destroyed {
                self.storage.retain(|(owner, _), _| *owner != address);
            }
            for (slot, value) in change.storage {
                self.storage.insert((address, slot), value.value);
            }
        }
    }

    /// The code of an account, empty if it has none.
    pub(crate) fn code_of(&self, address: Address) -> Bytes {
        let account = self.accounts.get(&address);
        account
            .and_then(|account| self.code.get(&account.code_hash))
            .cloned()
            .unwrap_or_default()
    }

    /// The non-zero slots of an account.
    pub(crate) fn storage_of(&self, address: Address) -> BTreeMap<B256, B256> {
        self.storage
            .range((address, U256::ZERO)..=(address, U256::MAX))
            .filter(|(_, value)| !value.is_zero())
            .map(|((_, slot), value)| (B256::from(*slot), B256::from(*value)))
            .collect()
    }

    /// The nonce of an account.
    pub(crate) fn nonce_of(&self, address: Address) -> u64 {
        self.accounts
            .get(&address)
            .map_or(0, |account| account.nonce)
    }
}

impl StateReader for MemoryState {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        Ok(self.accounts.get(&address).copied())
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        Ok(self
            .storage
            .get(&(address, slot))
            .copied()
            .unwrap_or_default())
    }

    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        if hash == keccak256([]) {
            return Ok(Bytes::new());
        }
        self.code
            .get(&hash)
            .cloned()
            .ok_or_else(|| StateError(format!("unknown code {hash}")))
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        let hash = usize::try_from(number)
            .ok()
            .and_then(|number| self.hashes.get(number));
        hash.copied()
            .ok_or_else(|| StateError(format!("unknown block {number}")))
    }
}

/// A chain without a trie: its blocks are executed in full, but their state roots are zero.
#[derive(Clone, Debug)]
pub(crate) struct MemoryChain {
    pub(crate) chain: ChainConfig,
    pub(crate) state: MemoryState,
    pub(crate) head: Header,
    head_hash: B256,
}

impl MemoryChain {
    /// The chain with nothing but its first block.
    pub(crate) fn new(genesis_file: &Genesis, chain: ChainConfig) -> Self {
        let first = genesis(genesis_file, &chain);
        let mut state = MemoryState::default();
        state.apply(first.diff);
        state.hashes.push(first.hash);
        Self {
            chain,
            state,
            head: first.header,
            head_hash: first.hash,
        }
    }

    /// Appends a block with these transactions.
    pub(crate) fn append(
        &mut self,
        attributes: BlockAttributes,
        transactions: Vec<VerifiedTx>,
    ) -> Result<BuiltBlock, InvalidBlock> {
        let mut builder = BlockBuilder::new(
            &self.chain,
            &self.head,
            self.head_hash,
            attributes,
            &self.state,
        )?;
        for tx in transactions {
            builder.push_forced(tx)?;
        }
        let roots = Roots {
            state_root: B256::ZERO,
            message_passer_storage_root: B256::ZERO,
        };
        let block = builder.finish::<InvalidBlock>(|_| Ok(roots))?;
        self.state.apply(block.executed.diff.clone());
        self.state.hashes.push(block.hash);
        self.head = block.header.clone();
        self.head_hash = block.hash;
        Ok(block)
    }
}

/// An error of the deployment.
pub(crate) fn failed(what: &str, problem: impl ToString) -> GenesisError {
    GenesisError::Deployment {
        what: what.to_owned(),
        problem: problem.to_string(),
    }
}
