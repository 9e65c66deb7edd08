//! Random histories: the incremental root equals the rebuilt one, and the node changes keep a store
//! exactly at the nodes of the state.

use alloy_primitives::{B256, Bytes, U256, keccak256};
use alloy_rlp::Decodable;
use alloy_trie::{nodes::TrieNode, proof::verify_proof};
use opal_trie::{
    Account, AccountUpdate, EMPTY_ROOT_HASH, Nibbles, NodeChanges, NodeReader, ReadError,
    StateTrie, StateUpdate, Task, TrieError, rebuild_state_root, rebuild_storage_root,
};
use proptest::prelude::*;
use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

/// A path-keyed store, and the plain state that it should represent.
#[derive(Clone, Default)]
struct World {
    nodes: BTreeMap<(Option<B256>, Nibbles), Bytes>,
    state: BTreeMap<B256, (Account, BTreeMap<B256, U256>)>,
}

impl NodeReader for World {
    fn node(
        &self,
        owner: Option<B256>,
        path: &Nibbles,
        _hash: B256,
    ) -> Result<Option<Bytes>, ReadError> {
        Ok(self.nodes.get(&(owner, *path)).cloned())
    }
}

impl World {
    fn store(&mut self, changes: NodeChanges) {
        self.nodes
            .retain(|(owner, _), _| owner.is_none_or(|o| !changes.destroyed.contains(&o)));
        for (owner, path, node) in changes.rows() {
            match node {
                Some(rlp) => self.nodes.insert((owner, *path), rlp.clone()),
                None => self.nodes.remove(&(owner, *path)),
            };
        }
    }

    fn apply(&mut self, update: &StateUpdate) {
        for (address, change) in update {
            let Some(account) = change.account else {
                self.state.remove(address);
                continue;
            };
            let entry = self
                .state
                .entry(*address)
                .or_insert((account, BTreeMap::new()));
            entry.0 = account;
            if change.destroyed {
                entry.1.clear();
            }
            for (slot, value) in &change.storage {
                if value.is_zero() {
                    entry.1.remove(slot);
                } else {
                    entry.1.insert(*slot, *value);
                }
            }
        }
    }

    fn rebuilt_root(&self) -> B256 {
        rebuild_state_root(self.state.iter().map(|(address, (account, slots))| {
            (
                *address,
                *account,
                rebuild_storage_root(slots.iter().map(|(k, v)| (*k, *v))),
            )
        }))
    }
}

/// What a reader says of keys that it was not asked to look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Knowledge {
    Right,
    Wrong,
    /// Right of one half, wrong of the other.
    Mixed,
}

/// A store whose reader has all values at hand, or says so. Counts the leaves that are read.
struct Knowing<'a> {
    world: &'a World,
    knowledge: Knowledge,
    leaves_read: Cell<usize>,
}

impl<'a> Knowing<'a> {
    fn new(world: &'a World, knowledge: Knowledge) -> Self {
        let leaves_read = Cell::new(0);
        Self {
            world,
            knowledge,
            leaves_read,
        }
    }

    fn is_wrong(&self, key: &B256) -> bool {
        match self.knowledge {
            Knowledge::Right => false,
            Knowledge::Wrong => true,
            Knowledge::Mixed => key[31] & 1 == 0,
        }
    }
}

impl NodeReader for Knowing<'_> {
    fn node(&self, o: Option<B256>, p: &Nibbles, h: B256) -> Result<Option<Bytes>, ReadError> {
        let node = self.world.node(o, p, h)?;
        let is_leaf =
            |rlp: &Bytes| matches!(TrieNode::decode(&mut &rlp[..]), Ok(TrieNode::Leaf(_)));
        let leaf = usize::from(node.as_ref().is_some_and(is_leaf));
        self.leaves_read.set(self.leaves_read.get() + leaf);
        Ok(node)
    }

    fn known_account(&self, address: &B256) -> Option<Account> {
        let account = self.world.state.get(address).map(|(account, _)| *account);
        if !self.is_wrong(address) {
            return account;
        }
        let mut wrong = account.unwrap_or_default();
        wrong.nonce += 1;
        Some(wrong)
    }

    fn known_slot(&self, owner: &B256, slot: &B256) -> Option<U256> {
        let slots = self.world.state.get(owner).map(|(_, slots)| slots);
        let value = slots.and_then(|slots| slots.get(slot)).copied();
        if !self.is_wrong(slot) {
            return value;
        }
        Some(value.unwrap_or_default().wrapping_add(U256::ONE))
    }
}

/// Few distinct keys, many of which share long prefixes, so that every kind of split and merge
/// happens.
fn key() -> impl Strategy<Value = B256> {
    prop_oneof![
        (0u8..24).prop_map(|n| keccak256([n])),
        (0u8..6, 0usize..32, 0u8..4).prop_map(|(n, position, nibble)| {
            let mut key = keccak256([n]);
            key.0[position] ^= nibble << 4 | nibble;
            key
        }),
    ]
}

fn account_update() -> impl Strategy<Value = AccountUpdate> {
    let value = prop_oneof![
        Just(U256::ZERO),
        (1u64..9).prop_map(U256::from),
        any::<[u8; 32]>().prop_map(U256::from_be_bytes),
    ];
    let account = prop_oneof![
        1 => Just(None),
        3 => (0u64..3, 0u64..3).prop_map(|(nonce, balance)| {
            Some(Account { nonce, balance: U256::from(balance), ..Account::default() })
        }),
    ];
    let storage = prop::collection::btree_map(key(), value, 0..12);
    (account, prop::bool::weighted(0.1), storage).prop_map(|(account, destroyed, storage)| {
        let storage = if account.is_some() {
            storage
        } else {
            BTreeMap::new()
        };
        AccountUpdate {
            account,
            destroyed,
            storage,
        }
    })
}

fn history() -> impl Strategy<Value = Vec<StateUpdate>> {
    prop::collection::vec(
        prop::collection::btree_map(key(), account_update(), 0..10),
        1..12,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn incremental_equals_rebuilt(history in history(), evict in 0usize..6) {
        let mut world = World::default();
        let mut resident = StateTrie::new(EMPTY_ROOT_HASH);
        for update in &history {
            let before = resident.clone();
            let root_before = before.root();
            // A trie that has to load everything gives the same answer as the resident one.
            let mut cold = StateTrie::new(root_before);
            let cold_changes = cold.update(&world, update).unwrap();
            let changes = resident.update(&world, update).unwrap();
            prop_assert_eq!(&changes, &cold_changes);
            // Whatever a reader says it knows.
            for knowledge in [Knowledge::Right, Knowledge::Wrong, Knowledge::Mixed] {
                let mut knowing = StateTrie::new(root_before);
                let told = knowing.update(&Knowing::new(&world, knowledge), update).unwrap();
                prop_assert_eq!(&changes, &told, "{:?}", knowledge);
                prop_assert_eq!(knowing.root(), resident.root(), "{:?}", knowledge);
            }
            prop_assert_eq!(before.root(), root_before, "a clone is independent");

            world.apply(update);
            world.store(changes);
            prop_assert_eq!(resident.root(), world.rebuilt_root());
            prop_assert_eq!(cold.root(), resident.root());
            check_store_is_exact(&world, resident.root())?;
            resident.evict(evict);
        }
        check_reads_and_proofs(&world, &resident)?;
    }
}

/// Many keys at once, removals among them: enough to be cut into pieces.
fn large_history() -> impl Strategy<Value = Vec<StateUpdate>> {
    let slots = || prop::collection::btree_map(any::<u16>(), 0u64..3, 0..300);
    let accounts = prop::collection::btree_map(any::<u16>(), prop::option::of(0u64..3), 0..200);
    let update = (slots(), slots(), accounts).prop_map(|(one, two, accounts)| {
        let name = |n: u16| keccak256((n % 400).to_be_bytes());
        let mut update: StateUpdate = accounts
            .into_iter()
            .map(|(n, nonce)| {
                let account = nonce.map(|nonce| Account {
                    nonce,
                    ..Account::default()
                });
                (
                    name(n),
                    AccountUpdate {
                        account,
                        ..AccountUpdate::default()
                    },
                )
            })
            .collect();
        for (owner, slots) in [(1, one), (2, two)] {
            let storage = slots
                .into_iter()
                .map(|(n, v)| (name(n), U256::from(v)))
                .collect();
            let account = Some(Account::default());
            let change = AccountUpdate {
                account,
                destroyed: false,
                storage,
            };
            update.insert(B256::repeat_byte(owner), change);
        }
        update
    });
    prop::collection::vec(update, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn pieces_give_the_same_in_any_order(history in large_history(), evict in 0usize..4) {
        let mut world = World::default();
        let mut trie = StateTrie::new(EMPTY_ROOT_HASH);
        for update in &history {
            let mut preloaded = StateTrie::new(trie.root());
            let knowing = Knowing::new(&world, Knowledge::Mixed);
            for (address, change) in update.iter().step_by(2) {
                let slots: Vec<_> = change.storage.keys().copied().collect();
                preloaded.preload(&knowing, *address, &slots).unwrap();
                prop_assert_eq!(preloaded.root(), trie.root());
            }
            let (preloaded, backwards) = preloaded
                .updated(&world, update, |tasks| tasks.iter_mut().rev().for_each(Task::run))
                .unwrap();
            let changes = trie.update(&world, update).unwrap();
            prop_assert_eq!(&changes, &backwards);
            prop_assert_eq!(trie.root(), preloaded.root());
            world.apply(update);
            world.store(changes);
            prop_assert_eq!(trie.root(), world.rebuilt_root());
            check_store_is_exact(&world, trie.root())?;
            trie.evict(evict);
        }
    }
}

/// Every stored node is reachable from the root: nothing stale stays behind.
fn check_store_is_exact(world: &World, root: B256) -> Result<(), TestCaseError> {
    let seen = std::cell::RefCell::new(BTreeSet::new());
    struct Recorder<'a>(
        &'a World,
        &'a std::cell::RefCell<BTreeSet<(Option<B256>, Nibbles)>>,
    );
    impl NodeReader for Recorder<'_> {
        fn node(
            &self,
            owner: Option<B256>,
            path: &Nibbles,
            hash: B256,
        ) -> Result<Option<Bytes>, ReadError> {
            self.1.borrow_mut().insert((owner, *path));
            self.0.node(owner, path, hash)
        }
    }
    let trie = StateTrie::new(root);
    let reader = Recorder(world, &seen);
    for (address, (_, slots)) in &world.state {
        let slots: Vec<_> = slots.keys().copied().collect();
        trie.proof(&reader, *address, &slots).unwrap();
    }
    let stored: BTreeSet<_> = world.nodes.keys().copied().collect();
    let empty_root = (None, Nibbles::new());
    let mut seen = seen.into_inner();
    seen.remove(&empty_root);
    let mut stored = stored;
    stored.remove(&empty_root);
    prop_assert_eq!(seen, stored);
    Ok(())
}

fn check_reads_and_proofs(world: &World, trie: &StateTrie) -> Result<(), TestCaseError> {
    let probes = (0u8..30).map(|n| keccak256([n]));
    let addresses: BTreeSet<_> = world.state.keys().copied().chain(probes).collect();
    for address in addresses {
        let expected = world.state.get(&address);
        let found = trie.account(world, address).unwrap();
        prop_assert_eq!(
            found.map(|(account, _)| account),
            expected.map(|(account, _)| *account)
        );

        let slots: Vec<_> = (0u8..30).map(|n| keccak256([n])).collect();
        let proof = trie.proof(world, address, &slots).unwrap();
        let leaf = proof
            .account
            .map(|account| alloy_trie_account(&account, proof.storage_root));
        let key = Nibbles::unpack(address);
        prop_assert!(verify_proof(trie.root(), key, leaf, &proof.nodes).is_ok());
        for (slot, storage) in slots.iter().zip(&proof.storage) {
            let value = expected.and_then(|(_, slots)| slots.get(slot)).copied();
            prop_assert_eq!(storage.value, value.unwrap_or_default());
            prop_assert_eq!(trie.storage(world, address, *slot).unwrap(), storage.value);
            let leaf = value.map(alloy_rlp::encode);
            let key = Nibbles::unpack(slot);
            prop_assert!(verify_proof(proof.storage_root, key, leaf, &storage.nodes).is_ok());
        }
    }
    Ok(())
}

fn alloy_trie_account(account: &Account, storage_root: B256) -> Vec<u8> {
    let mut payload = Vec::new();
    alloy_rlp::Encodable::encode(&account.nonce, &mut payload);
    alloy_rlp::Encodable::encode(&account.balance, &mut payload);
    alloy_rlp::Encodable::encode(&storage_root, &mut payload);
    alloy_rlp::Encodable::encode(&account.code_hash, &mut payload);
    let mut out = Vec::new();
    alloy_rlp::Header {
        list: true,
        payload_length: payload.len(),
    }
    .encode(&mut out);
    out.extend(payload);
    out
}

fn filled() -> (World, StateTrie) {
    let mut world = World::default();
    let mut trie = StateTrie::new(EMPTY_ROOT_HASH);
    let update: StateUpdate = (0u8..200)
        .map(|n| {
            let storage = (0..n).map(|slot| (keccak256([slot]), U256::from(slot) + U256::ONE));
            let account = Account {
                nonce: u64::from(n),
                ..Account::default()
            };
            let update = AccountUpdate {
                account: Some(account),
                destroyed: false,
                storage: storage.collect(),
            };
            (keccak256([n]), update)
        })
        .collect();
    let changes = trie.update(&world, &update).unwrap();
    world.apply(&update);
    world.store(changes);
    (world, trie)
}

/// Leaves read by an update of one slot and one account, and by the same after preloading.
fn leaves_read(world: &World, root: B256, knowledge: Knowledge) -> [usize; 2] {
    let (owner, slot) = (keccak256([150]), keccak256([70]));
    let account = world.state[&owner].0;
    let mut change = AccountUpdate {
        account: Some(account),
        ..AccountUpdate::default()
    };
    change.storage.insert(slot, U256::from(7));
    let plain = AccountUpdate {
        account: Some(Account::default()),
        ..AccountUpdate::default()
    };
    let update = StateUpdate::from([(owner, change), (keccak256([0]), plain)]);
    [false, true].map(|preload| {
        let reader = Knowing::new(world, knowledge);
        let mut trie = StateTrie::new(root);
        if preload {
            trie.preload(&reader, owner, &[slot]).unwrap();
            trie.preload(&reader, keccak256([0]), &[]).unwrap();
        }
        trie.update(&reader, &update).unwrap();
        reader.leaves_read.get()
    })
}

#[test]
fn known_leaves_are_not_read() {
    let (world, trie) = filled();
    // The account with storage is read in any case: its storage root is not known.
    assert_eq!(leaves_read(&world, trie.root(), Knowledge::Right), [1, 1]);
    assert_eq!(leaves_read(&world, trie.root(), Knowledge::Wrong), [3, 3]);
}

/// A root with many children loses all but one, a branch in which something changes at the same time:
/// an extension takes the place of the root, and the branch below it is stored as it is now.
#[test]
fn root_loses_all_children_but_a_branch_that_changes() {
    let (owner, account) = (keccak256("owner"), Account::default());
    let slot = |first: u8, n: u8| {
        let mut slot = keccak256([first, n]);
        slot[0] = first;
        slot
    };
    let kept = [slot(0x11, 0), slot(0x12, 0), slot(0x13, 0)];
    let lost: Vec<_> = (0u8..100).map(|n| slot(0x20 + n, n)).collect();
    let one_update = |storage: BTreeMap<B256, U256>| {
        let update = AccountUpdate {
            account: Some(account),
            destroyed: false,
            storage,
        };
        StateUpdate::from([(owner, update)])
    };
    let (mut world, mut trie) = (World::default(), StateTrie::new(EMPTY_ROOT_HASH));
    let all = kept.iter().chain(&lost).map(|slot| (*slot, U256::ONE));
    let mut second: BTreeMap<_, _> = lost.iter().map(|slot| (*slot, U256::ZERO)).collect();
    second.insert(kept[0], U256::from(2));
    for update in [one_update(all.collect()), one_update(second)] {
        let changes = trie.update(&world, &update).unwrap();
        world.apply(&update);
        world.store(changes);
        assert_eq!(trie.root(), world.rebuilt_root());
        check_store_is_exact(&world, trie.root()).unwrap();
    }
}

#[test]
fn missing_node_is_an_error_and_changes_nothing() {
    let (mut world, trie) = filled();
    let gone: Vec<_> = world
        .nodes
        .keys()
        .filter(|(_, path)| path.len() == 1)
        .copied()
        .collect();
    for key in gone {
        world.nodes.remove(&key);
    }
    let mut cold = StateTrie::new(trie.root());
    let update = StateUpdate::from([(keccak256([7]), AccountUpdate::default())]);
    let error = cold.update(&world, &update).unwrap_err();
    assert!(
        matches!(&error, TrieError::MissingNode { at, .. } if at.owner.is_none()),
        "{error}"
    );
    assert_eq!(cold.root(), trie.root());
    assert!(matches!(
        cold.account(&world, keccak256([7])),
        Err(TrieError::MissingNode { .. })
    ));
}

#[test]
fn foreign_bytes_are_noticed() {
    let (mut world, trie) = filled();
    let root = (None, Nibbles::new());
    let other = world.nodes.values().last().cloned().unwrap();
    world.nodes.insert(root, other);
    let error = StateTrie::new(trie.root())
        .account(&world, keccak256([1]))
        .unwrap_err();
    assert!(matches!(error, TrieError::HashMismatch { .. }), "{error}");
}

/// Hostile nodes: any bytes under their own hash give an error or an answer, never a panic.
#[test]
fn hostile_nodes_never_panic() {
    struct One(Bytes);
    impl NodeReader for One {
        fn node(&self, _: Option<B256>, _: &Nibbles, _: B256) -> Result<Option<Bytes>, ReadError> {
            Ok(Some(self.0.clone()))
        }
    }
    let (world, _) = filled();
    for rlp in world.nodes.values().take(300) {
        for position in 0..rlp.len().min(80) {
            for flip in [0x01, 0x10, 0x80, 0xff] {
                let mut bytes = rlp.to_vec();
                bytes[position] ^= flip;
                let mut trie = StateTrie::new(keccak256(&bytes));
                let reader = One(bytes.into());
                let _ = trie.account(&reader, keccak256([1]));
                let update = StateUpdate::from([(keccak256([1]), AccountUpdate::default())]);
                let _ = trie.update(&reader, &update);
                let account = Some(Account::default());
                let put = AccountUpdate {
                    account,
                    ..AccountUpdate::default()
                };
                let _ = trie.update(&reader, &StateUpdate::from([(keccak256([2]), put)]));
            }
        }
    }
}

#[test]
fn eviction_forgets_and_reloads() {
    let (world, mut trie) = filled();
    let root = trie.root();
    let all = trie.resident_nodes();
    trie.evict(1);
    let kept = trie.resident_nodes();
    assert!(kept < all / 10, "{kept} of {all} nodes stay");
    assert_eq!(trie.root(), root);
    assert_eq!(
        trie.storage(&world, keccak256([9]), keccak256([3]))
            .unwrap(),
        U256::from(4)
    );
}
