//! What one block changes, by hashed key.
//!
//! A layer lies on the state of the block's parent: a reader asks the newest layer first and the
//! database last. Layers are immutable once built.

use super::codec::ReverseDiff;
use alloy_primitives::{B256, Bytes, U256};
use opal_trie::{Account, AccountUpdate, Nibbles, NodeChanges, StateUpdate};
use std::collections::BTreeMap;

/// Changes of state, code and trie nodes between a block's parent and the block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layer {
    /// Accounts and slots.
    pub(crate) state: StateUpdate,
    /// Code that appeared, by hash.
    pub(crate) code: BTreeMap<B256, Bytes>,
    /// Trie nodes by owner and path.
    pub(crate) nodes: NodeChanges,
}

impl Layer {
    /// The account, if this layer says anything about it.
    pub(crate) fn account(&self, address: &B256) -> Option<Option<Account>> {
        self.state.get(address).map(|update| update.account)
    }

    /// The value of a slot, if this layer says anything about it.
    pub(crate) fn storage(&self, address: &B256, slot: &B256) -> Option<U256> {
        let update = self.state.get(address)?;
        match update.storage.get(slot) {
            Some(value) => Some(*value),
            None if update.destroyed || update.account.is_none() => Some(U256::ZERO),
            None => None,
        }
    }

    /// The node at `path`, if this layer says anything about it.
    pub(crate) fn node(&self, owner: Option<B256>, path: &Nibbles) -> Option<Option<&Bytes>> {
        match self.nodes.get(owner, path) {
            Some(node) => Some(node),
            None if owner.is_some_and(|o| self.nodes.destroyed.contains(&o)) => Some(None),
            None => None,
        }
    }
}

/// Collects reverse diffs, newest first, into the change that leads back to an older state.
#[derive(Debug, Default)]
pub(crate) struct Rewind {
    accounts: BTreeMap<B256, Option<Account>>,
    storage: BTreeMap<B256, BTreeMap<B256, U256>>,
}

impl Rewind {
    /// Adds the diff of the next older block.
    pub(crate) fn push(&mut self, diff: ReverseDiff) {
        for old in diff.accounts {
            self.accounts
                .insert(old.address, old.account.map(Account::from));
        }
        for old in diff.storage {
            self.storage
                .entry(old.address)
                .or_default()
                .insert(old.slot, old.value);
        }
    }

    /// The change. `current` answers for accounts of which only slots changed.
    pub(crate) fn finish<E>(
        mut self,
        mut current: impl FnMut(&B256) -> Result<Option<Account>, E>,
    ) -> Result<StateUpdate, E> {
        for address in self.storage.keys() {
            if !self.accounts.contains_key(address) {
                self.accounts.insert(*address, current(address)?);
            }
        }
        let update = |(address, account): (B256, Option<Account>)| match account {
            None => {
                let gone = AccountUpdate {
                    account: None,
                    destroyed: true,
                    storage: BTreeMap::new(),
                };
                (address, gone)
            }
            Some(_) => {
                let storage = self.storage.remove(&address).unwrap_or_default();
                (
                    address,
                    AccountUpdate {
                        account,
                        destroyed: false,
                        storage,
                    },
                )
            }
        };
        Ok(self.accounts.into_iter().map(update).collect())
    }
}
