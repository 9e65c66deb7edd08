//! The state of a chain: the account trie, and the storage trie of every account.
//!
//! In: a [`StateUpdate`] by hashed keys. Out: the state root and the [`NodeChanges`]. The resident
//! part of a storage trie hangs at its account's leaf.

use crate::{
    changes::NodeChanges,
    child::Child,
    edit::{Change, Edit, Item},
    error::TrieError,
    node::Node,
    proof::{AccountProof, StorageProof},
    reader::NodeReader,
    resident::{count, evict, leaf_mut},
    source::Source,
    task::{Job, Task, run_jobs},
    trie::walk,
};
use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{B256, Bytes, U256, b256};
use alloy_rlp::{Decodable, RlpDecodable, RlpEncodable};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};

/// What the account trie commits to, except for the storage root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Number of transactions sent, or of contracts created.
    pub nonce: u64,
    /// Balance in wei.
    pub balance: U256,
    /// Keccak hash of the code.
    pub code_hash: B256,
}

/// Keccak hash of no code.
pub const EMPTY_CODE_HASH: B256 =
    b256!("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");

impl Default for Account {
    fn default() -> Self {
        Self {
            nonce: 0,
            balance: U256::ZERO,
            code_hash: EMPTY_CODE_HASH,
        }
    }
}

/// How one account changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountUpdate {
    /// The account afterwards; `None` if it no longer exists.
    pub account: Option<Account>,
    /// All storage is removed before `storage` is applied.
    pub destroyed: bool,
    /// Slots that change, by hashed slot; zero removes the slot.
    pub storage: BTreeMap<B256, U256>,
}

/// Changes of the state by hashed address.
pub type StateUpdate = BTreeMap<B256, AccountUpdate>;

/// An account as the account trie holds it.
#[derive(Clone, Copy, Debug, RlpEncodable, RlpDecodable)]
struct AccountRlp {
    nonce: u64,
    balance: U256,
    storage_root: B256,
    code_hash: B256,
}

/// The RLP of an account with its storage root.
pub(crate) fn encode_account(account: &Account, storage_root: B256) -> Vec<u8> {
    alloy_rlp::encode(AccountRlp {
        nonce: account.nonce,
        balance: account.balance,
        storage_root,
        code_hash: account.code_hash,
    })
}

/// The storage root in the RLP of an account; `None` if it is not one.
pub(crate) fn storage_root_of(mut value: &[u8]) -> Option<B256> {
    let account = AccountRlp::decode(&mut value).ok()?;
    value.is_empty().then_some(account.storage_root)
}

/// An account that was found.
struct Found {
    account: Account,
    storage_root: B256,
    /// Root of its storage trie, resident if it is.
    storage: Child,
}

/// The state trie with its resident nodes. Clones are cheap and independent.
#[derive(Clone, Debug)]
pub struct StateTrie {
    root: Child,
}

impl StateTrie {
    /// A state whose nodes are all in the store. [`EMPTY_ROOT_HASH`] is the empty state.
    pub fn new(root: B256) -> Self {
        Self {
            root: Child::root(root),
        }
    }

    /// The state root.
    pub fn root(&self) -> B256 {
        self.root.root_hash()
    }

    /// Applies `updates`; the root is new afterwards. On error nothing has changed.
    pub fn update<R: NodeReader>(
        &mut self,
        reader: &R,
        updates: &StateUpdate,
    ) -> Result<NodeChanges, TrieError> {
        let (trie, changes) = self.clone().updated(reader, updates, |tasks| {
            tasks.iter_mut().for_each(Task::run);
        })?;
        *self = trie;
        Ok(changes)
    }

    /// This trie with `updates`. The caller runs the independent pieces of the work, in any order or
    /// at once. Nodes that no clone shares are changed in place.
    pub fn updated<'r, R: NodeReader>(
        self,
        reader: &'r R,
        updates: &StateUpdate,
        run_all: impl Fn(&mut [Task<'r, R>]),
    ) -> Result<(Self, NodeChanges), TrieError> {
        let mut changes = NodeChanges::default();
        let mut root = self.root;
        let source = Source {
            reader,
            owner: None,
        };
        let mut items = Vec::with_capacity(updates.len());
        // Where in `items` a storage root is still missing, and what gives it.
        let mut storages = Vec::new();
        for (address, update) in updates {
            let key = Nibbles::unpack_array(address);
            let keeps_storage = update.storage.is_empty() && !update.destroyed;
            let change = match &update.account {
                Some(account) if keeps_storage => Change::Account(*account),
                account => {
                    let storage = take_storage(&mut root, reader, *address)?;
                    let goes = update.destroyed || account.is_none();
                    if goes && !storage.is_empty() {
                        changes.destroyed.insert(*address);
                    }
                    match account {
                        None => Change::Remove,
                        Some(account) => {
                            let storage = if goes { Child::EMPTY } else { storage };
                            let source = Source {
                                reader,
                                owner: Some(*address),
                            };
                            let job = Job::new(source, storage, slot_items(&update.storage))?;
                            storages.push((items.len(), job));
                            Change::AccountWithStorage(*account, Child::EMPTY)
                        }
                    }
                }
            };
            items.push(Item { key, change });
        }
        let (places, jobs): (Vec<usize>, Vec<_>) = storages.into_iter().unzip();
        for (place, done) in places.into_iter().zip(run_jobs(jobs, &run_all)?) {
            changes.add(done.owner, done.rows);
            if let Some(item) = items.get_mut(place)
                && let Change::AccountWithStorage(_, storage) = &mut item.change
            {
                *storage = done.root;
            }
        }
        let accounts = Job::new(source, root, items)?;
        let mut trie = Self { root: Child::EMPTY };
        for done in run_jobs(Vec::from([accounts]), &run_all)? {
            changes.add(done.owner, done.rows);
            trie.root = done.root;
        }
        Ok((trie, changes))
    }

    /// Makes the nodes on the way to an account, and to some of its slots, resident, as far as there
    /// are any: what changes there afterwards needs no look-ups.
    pub fn preload<R: NodeReader>(
        &mut self,
        reader: &R,
        address: B256,
        slots: &[B256],
    ) -> Result<(), TrieError> {
        let source = Source {
            reader,
            owner: None,
        };
        let key = Nibbles::unpack_array(&address);
        Edit::new(source).preload(&mut self.root, Nibbles::new(), &key)?;
        if slots.is_empty() {
            return Ok(());
        }
        let mut storage = take_storage(&mut self.root, reader, address)?;
        let edit = Edit::new(Source {
            reader,
            owner: Some(address),
        });
        let loaded = slots.iter().try_for_each(|slot| {
            edit.preload(&mut storage, Nibbles::new(), &Nibbles::unpack_array(slot))
        });
        if let (Some(root), Some((_, place))) = (storage.node, leaf_mut(&mut self.root, &key)) {
            *place = Some(root);
        }
        loaded
    }

    /// The account with hashed address `address`, with its storage root.
    pub fn account<R: NodeReader>(
        &self,
        reader: &R,
        address: B256,
    ) -> Result<Option<(Account, B256)>, TrieError> {
        Ok(find(&self.root, reader, address)?.map(|found| (found.account, found.storage_root)))
    }

    /// The value of a slot; zero when the account or the slot does not exist.
    pub fn storage<R: NodeReader>(
        &self,
        reader: &R,
        address: B256,
        slot: B256,
    ) -> Result<U256, TrieError> {
        let Some(found) = find(&self.root, reader, address)? else {
            return Ok(U256::ZERO);
        };
        slot_value(reader, address, &found.storage, slot, |_, _| ())
    }

    /// The storage root of an account; that of the empty trie when it does not exist.
    pub fn storage_root<R: NodeReader>(
        &self,
        reader: &R,
        address: B256,
    ) -> Result<B256, TrieError> {
        let found = find(&self.root, reader, address)?;
        Ok(found.map_or(EMPTY_ROOT_HASH, |found| found.storage_root))
    }

    /// Proof of an account and of some of its slots, all by hashed key (`eth_getProof`).
    pub fn proof<R: NodeReader>(
        &self,
        reader: &R,
        address: B256,
        slots: &[B256],
    ) -> Result<AccountProof, TrieError> {
        let mut nodes = Vec::new();
        let found = find_with(&self.root, reader, address, |n, p| {
            collect(&mut nodes, n, p)
        })?;
        let (account, storage_root, root) = match found {
            Some(found) => (Some(found.account), found.storage_root, found.storage),
            None => (None, EMPTY_ROOT_HASH, Child::EMPTY),
        };
        let mut storage = Vec::with_capacity(slots.len());
        for slot in slots {
            let mut nodes = Vec::new();
            let value = slot_value(reader, address, &root, *slot, |n, p| {
                collect(&mut nodes, n, p)
            })?;
            storage.push(StorageProof {
                slot: *slot,
                value,
                nodes,
            });
        }
        Ok(AccountProof {
            account,
            storage_root,
            nodes,
            storage,
        })
    }

    /// Number of resident nodes, to decide when to [`evict`](Self::evict). Visits all of them.
    pub fn resident_nodes(&self) -> usize {
        count(&self.root)
    }

    /// Forgets resident nodes deeper than `depth_nibbles` in the account trie or in any storage
    /// trie; they are loaded again when needed. Only for states whose nodes have been stored.
    pub fn evict(&mut self, depth_nibbles: usize) {
        evict(&mut self.root, 0, depth_nibbles);
    }
}

/// The root of an account's storage trie; its resident part leaves the account's leaf, so that it
/// is not shared with it.
fn take_storage<R: NodeReader>(
    root: &mut Child,
    reader: &R,
    address: B256,
) -> Result<Child, TrieError> {
    let source = Source {
        reader,
        owner: None,
    };
    let key = Nibbles::unpack_array(&address);
    Edit::new(source).preload(root, Nibbles::new(), &key)?;
    let Some((value, storage)) = leaf_mut(root, &key) else {
        return Ok(Child::EMPTY);
    };
    let mut child = storage_root_of(value)
        .map(Child::root)
        .ok_or_else(|| source.malformed(&key, "the value is no account"))?;
    child.node = storage.take();
    Ok(child)
}

fn slot_items(slots: &BTreeMap<B256, U256>) -> Vec<Item> {
    let item = |(slot, value): (&B256, &U256)| Item {
        key: Nibbles::unpack_array(slot),
        change: if value.is_zero() {
            Change::Remove
        } else {
            Change::Value(alloy_rlp::encode(value))
        },
    };
    slots.iter().map(item).collect()
}

fn find<R: NodeReader>(
    root: &Child,
    reader: &R,
    address: B256,
) -> Result<Option<Found>, TrieError> {
    find_with(root, reader, address, |_, _| ())
}

fn find_with<R: NodeReader>(
    root: &Child,
    reader: &R,
    address: B256,
    visit: impl FnMut(&Node, bool),
) -> Result<Option<Found>, TrieError> {
    let source = Source {
        reader,
        owner: None,
    };
    let key = Nibbles::unpack_array(&address);
    let Some(leaf) = walk(root, source, &key, visit)? else {
        return Ok(None);
    };
    let (account, storage_root) =
        decode_account(source, &key, leaf.leaf_value().unwrap_or_default())?;
    let mut storage = Child::root(storage_root);
    storage.node = leaf.leaf_storage().cloned();
    Ok(Some(Found {
        account,
        storage_root,
        storage,
    }))
}

/// The account in a leaf of the account trie at `path`, and its storage root.
pub(crate) fn decode_account<R: NodeReader>(
    source: Source<'_, R>,
    path: &Nibbles,
    mut value: &[u8],
) -> Result<(Account, B256), TrieError> {
    let AccountRlp {
        nonce,
        balance,
        storage_root,
        code_hash,
    } = AccountRlp::decode(&mut value)
        .map_err(|_| source.malformed(path, "the value is no account"))?;
    if !value.is_empty() {
        return Err(source.malformed(path, "bytes follow the account"));
    }
    let account = Account {
        nonce,
        balance,
        code_hash,
    };
    Ok((account, storage_root))
}

fn slot_value<R: NodeReader>(
    reader: &R,
    owner: B256,
    root: &Child,
    slot: B256,
    visit: impl FnMut(&Node, bool),
) -> Result<U256, TrieError> {
    let source = Source {
        reader,
        owner: Some(owner),
    };
    let key = Nibbles::unpack_array(&slot);
    let Some(leaf) = walk(root, source, &key, visit)? else {
        return Ok(U256::ZERO);
    };
    let mut value = leaf.leaf_value().unwrap_or_default();
    let decoded = U256::decode(&mut value)
        .map_err(|_| source.malformed(&key, "the value is no storage value"))?;
    if value.is_empty() {
        Ok(decoded)
    } else {
        Err(source.malformed(&key, "bytes follow the storage value"))
    }
}

/// Adds a node to a proof, unless its parent contains it.
fn collect(nodes: &mut Vec<Bytes>, node: &Node, on_its_own: bool) {
    if on_its_own {
        nodes.push(node.encode().into());
    }
}
