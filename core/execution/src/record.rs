//! Recording a witness: all that executing one block needs of the state, by hash.
//!
//! In: a block's execution on a [`Recorder`] around the parent's state, and the changes it made.
//! Out: the trie nodes, codes and keys with which anybody who trusts the parent's state root alone
//! repeats it, with [`Witness`](crate::Witness) or any other client.
//!
//! Invariant: the nodes suffice whatever the order in which changes are applied to the trie.

use crate::state::{StateDiff, StateError, StateReader};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::ToString,
    vec::Vec,
};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use core::cell::RefCell;
use opal_trie::{
    Account, AccountUpdate, Nibbles, NodeReader, ReadError, StateTrie, StateUpdate, TrieError,
};

/// A state that notes what is read from it.
#[derive(Debug)]
pub struct Recorder<'a, S> {
    state: &'a S,
    seen: RefCell<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    slots: BTreeMap<Address, BTreeSet<U256>>,
    codes: BTreeMap<B256, Bytes>,
    lowest_block_hash: Option<u64>,
}

/// A witness as it is handed out. Every list is in the order of its entries' hashes or keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordedWitness {
    /// RLP of trie nodes.
    pub state: Vec<Bytes>,
    /// Codes that were run or copied, or are new.
    pub codes: Vec<Bytes>,
    /// Addresses (20 bytes) and slots (32 bytes) that were read: the preimages of the trie's keys.
    pub keys: Vec<Bytes>,
    /// Height of the oldest block whose hash was read.
    pub lowest_block_hash: Option<u64>,
}

impl<'a, S: StateReader + NodeReader> Recorder<'a, S> {
    /// Records what is read from `state`.
    pub fn new(state: &'a S) -> Self {
        Self {
            state,
            seen: RefCell::default(),
        }
    }

    /// The witness of the execution that read from here and changed `diff`. `also` are accounts
    /// whose storage root a header commits to.
    pub fn finish(
        self,
        parent_state_root: B256,
        diff: &StateDiff,
        also: &[Address],
    ) -> Result<RecordedWitness, StateError> {
        let mut seen = self.seen.into_inner();
        for address in diff.accounts.keys().chain(also) {
            seen.slots.entry(*address).or_default();
        }
        let nodes = NodeRecorder {
            nodes: self.state,
            seen: RefCell::default(),
        };
        let failed = |e: TrieError| StateError(e.to_string());
        let trie = StateTrie::new(parent_state_root);
        for (address, slots) in &seen.slots {
            let hashed = keccak256(address);
            trie.account(&nodes, hashed).map_err(failed)?;
            for slot in slots {
                let slot = keccak256(slot.to_be_bytes::<32>());
                trie.storage(&nodes, hashed, slot).map_err(failed)?;
            }
        }
        let update = diff.hashed();
        let deletions = deletions(&update, diff);
        trie.clone().update(&nodes, &update).map_err(failed)?;
        trie.clone().update(&nodes, &deletions).map_err(failed)?;
        seen.codes.extend(diff.code.clone());
        let mut keys = BTreeSet::new();
        for (address, slots) in &seen.slots {
            keys.insert(Bytes::copy_from_slice(address.as_slice()));
            keys.extend(slots.iter().map(|s| Bytes::from(s.to_be_bytes::<32>())));
        }
        Ok(RecordedWitness {
            state: nodes.seen.into_inner().into_values().collect(),
            codes: seen.codes.into_values().collect(),
            keys: keys.into_iter().collect(),
            lowest_block_hash: seen.lowest_block_hash,
        })
    }
}

/// What `update` removes, without what it adds. Whoever removes before adding sees branches with
/// one child left, and needs that child; applied at once, the addition may hide it.
fn deletions(update: &StateUpdate, diff: &StateDiff) -> StateUpdate {
    let is_new = |change: &crate::AccountDiff| change.previous.is_none();
    let new: BTreeSet<B256> = diff
        .accounts
        .iter()
        .filter(|(_, change)| is_new(change))
        .map(|(address, _)| keccak256(address))
        .collect();
    let kept = update.iter().filter(|(address, _)| !new.contains(*address));
    kept.map(|(address, change)| {
        let zeros = change.storage.iter().filter(|(_, value)| value.is_zero());
        let change = AccountUpdate {
            account: change.account,
            destroyed: change.destroyed,
            storage: zeros.map(|(slot, value)| (*slot, *value)).collect(),
        };
        (*address, change)
    })
    .collect()
}

impl<S: StateReader> StateReader for Recorder<'_, S> {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        self.seen.borrow_mut().slots.entry(address).or_default();
        self.state.account(address)
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        let mut seen = self.seen.borrow_mut();
        seen.slots.entry(address).or_default().insert(slot);
        self.state.storage(address, slot)
    }

    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        let code = self.state.code(hash)?;
        if hash != KECCAK256_EMPTY {
            self.seen.borrow_mut().codes.insert(hash, code.clone());
        }
        Ok(code)
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        let mut seen = self.seen.borrow_mut();
        let lowest = seen.lowest_block_hash.unwrap_or(u64::MAX);
        seen.lowest_block_hash = Some(lowest.min(number));
        self.state.block_hash(number)
    }
}

/// Notes every node that is read, by hash.
struct NodeRecorder<'a, S> {
    nodes: &'a S,
    seen: RefCell<BTreeMap<B256, Bytes>>,
}

impl<S> NodeRecorder<'_, S> {
    /// Notes what was asked for; a reader may have looked in the wrong place first.
    fn noted(&self, hash: B256, node: Option<Bytes>) -> Option<Bytes> {
        if let Some(node) = &node
            && keccak256(node) == hash
        {
            self.seen.borrow_mut().insert(hash, node.clone());
        }
        node
    }
}

/// What a reader knows of keys is not asked for: every node of a witness has to be read.
impl<S: NodeReader> NodeReader for NodeRecorder<'_, S> {
    fn node(&self, o: Option<B256>, p: &Nibbles, hash: B256) -> Result<Option<Bytes>, ReadError> {
        let node = self.nodes.node(o, p, hash)?;
        Ok(self.noted(hash, node))
    }

    fn node_elsewhere(
        &self,
        owner: Option<B256>,
        path: &Nibbles,
        hash: B256,
    ) -> Result<Option<Bytes>, ReadError> {
        let node = self.nodes.node_elsewhere(owner, path, hash)?;
        Ok(self.noted(hash, node))
    }
}
