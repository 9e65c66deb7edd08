//! The database against a model that keeps every state in full.

use super::Keep;
use super::{BlockBody, ChainIdentity, FlushBatch, FlushBlock, HeadsRecord, Layer, Store, codec};
use crate::testing::Random;
use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes, Log, U256, address, keccak256};
use opal_execution::Receipt;
use opal_trie::{
    Account, AccountUpdate, EMPTY_ROOT_HASH, Nibbles, NodeReader, ReadError, StateTrie,
    StateUpdate, rebuild_state_root, rebuild_storage_root,
};
use std::collections::BTreeMap;

/// A whole state: account and non-zero slots by hashed address.
type Model = BTreeMap<B256, (Account, BTreeMap<B256, U256>)>;

const IDENTITY: ChainIdentity = ChainIdentity {
    chain_id: 1,
    genesis: B256::ZERO,
};

fn key(n: u64) -> B256 {
    keccak256(n.to_be_bytes())
}

fn random_update(random: &mut Random, state: &Model) -> StateUpdate {
    let mut update = StateUpdate::new();
    for _ in 0..=random.below(6) {
        let address = key(random.below(12));
        let exists = state.contains_key(&address);
        let (gone, destroyed) = (random.below(6) == 0, random.below(6) == 0);
        let account = (!gone).then(|| Account {
            nonce: random.below(5),
            balance: U256::from(random.below(1_000)),
            ..Account::default()
        });
        let mut storage = BTreeMap::new();
        if account.is_some() {
            for _ in 0..random.below(5) {
                storage.insert(key(random.below(10)), U256::from(random.below(3)));
            }
        }
        let destroyed = (destroyed || gone) && exists;
        update.insert(
            address,
            AccountUpdate {
                account,
                destroyed,
                storage,
            },
        );
    }
    update
}

fn apply(state: &mut Model, update: &StateUpdate) {
    for (address, change) in update {
        let Some(account) = change.account else {
            state.remove(address);
            continue;
        };
        let entry = state.entry(*address).or_default();
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

fn root(state: &Model) -> B256 {
    rebuild_state_root(state.iter().map(|(address, (account, slots))| {
        let storage = rebuild_storage_root(slots.iter().map(|(s, v)| (*s, *v)));
        (*address, *account, storage)
    }))
}

struct Nodes<'a>(&'a super::DbSnapshot);

impl NodeReader for Nodes<'_> {
    fn node(&self, o: Option<B256>, p: &Nibbles, _: B256) -> Result<Option<Bytes>, ReadError> {
        self.0.node(o, p).map_err(|e| ReadError(e.to_string()))
    }
}

/// The flat tables and the trie nodes on disk both hold exactly this state.
fn check(store: &Store, state: &Model) {
    let db = store.snapshot().unwrap();
    let trie = StateTrie::new(root(state));
    for n in 0..12 {
        let address = key(n);
        let expected = state.get(&address);
        assert_eq!(db.account(&address).unwrap(), expected.map(|(a, _)| *a));
        let in_trie = trie.account(&Nodes(&db), address).unwrap();
        assert_eq!(in_trie.map(|(a, _)| a), expected.map(|(a, _)| *a));
        for slot in (0..10).map(key) {
            let value = expected
                .and_then(|(_, s)| s.get(&slot))
                .copied()
                .unwrap_or_default();
            assert_eq!(db.storage(&address, &slot).unwrap(), value);
            assert_eq!(trie.storage(&Nodes(&db), address, slot).unwrap(), value);
        }
    }
}

struct Block {
    hash: B256,
    header: Header,
    layer: Layer,
}

fn flush(store: &Store, blocks: &[Block], head: &Block) {
    let body = BlockBody::default();
    let blocks = blocks
        .iter()
        .map(|b| FlushBlock {
            hash: b.hash,
            header: &b.header,
            body: &body,
            transaction_hashes: &[],
            receipts: &[],
            layer: &b.layer,
        })
        .collect();
    let heads = heads(head);
    store
        .flush(&FlushBatch {
            blocks,
            heads,
            keep: keep(1_000),
        })
        .unwrap();
}

fn heads(head: &Block) -> HeadsRecord {
    let (head, head_number) = (head.hash, head.header.number);
    HeadsRecord {
        head,
        head_number,
        safe: B256::ZERO,
        finalized: B256::ZERO,
    }
}

const fn keep(history_blocks: u64) -> Keep {
    Keep {
        history_blocks,
        receipts_blocks: None,
        index: true,
    }
}

#[test]
fn every_older_state_can_be_reached_again() {
    for seed in 0..30 {
        let mut random = Random(seed);
        let store = Store::open(None, IDENTITY).unwrap();
        let mut trie = StateTrie::new(EMPTY_ROOT_HASH);
        let mut models = vec![Model::new()];
        let mut blocks: Vec<Block> = Vec::new();
        for number in 1..=24u64 {
            let mut state = models.last().unwrap().clone();
            let update = random_update(&mut random, &state);
            apply(&mut state, &update);
            // All nodes of blocks that are not flushed yet are resident in the trie.
            let db = store.snapshot().unwrap();
            let nodes = trie.update(&Nodes(&db), &update).unwrap();
            assert_eq!(trie.root(), root(&state));
            let header = Header {
                number,
                state_root: trie.root(),
                ..Header::default()
            };
            let layer = Layer {
                state: update,
                nodes,
                ..Layer::default()
            };
            blocks.push(Block {
                hash: key(1_000 + number),
                header,
                layer,
            });
            models.push(state);
            if random.below(3) == 0 || number == 24 {
                let head = blocks.last().unwrap();
                flush(&store, &blocks, head);
                check(&store, models.last().unwrap());
                blocks.clear();
            }
        }
        // Read each state from the flushed one, then go back for real, in two steps.
        let db = store.snapshot().unwrap();
        for (number, model) in models.iter().enumerate() {
            let mut state = models[24].clone();
            apply(&mut state, &db.rewind_to(number as u64).unwrap().unwrap());
            assert_eq!(&state, model, "seed {seed}, block {number}");
        }
        drop(db);
        for target in [random.below(12) + 12, random.below(12)] {
            let db = store.snapshot().unwrap();
            let state = db.rewind_to(target).unwrap().unwrap();
            let flushed = models[db.flushed_number() as usize].clone();
            let mut trie = StateTrie::new(root(&flushed));
            let nodes = trie.update(&Nodes(&db), &state).unwrap();
            drop(db);
            let layer = Layer {
                state,
                nodes,
                ..Layer::default()
            };
            let header = Header {
                number: target,
                ..Header::default()
            };
            let block = Block {
                hash: key(1_000 + target),
                header,
                layer: Layer::default(),
            };
            store.unwind(&layer, heads(&block)).unwrap();
            check(&store, &models[target as usize]);
            let db = store.snapshot().unwrap();
            assert_eq!(db.canonical_hash(target + 1).unwrap(), None);
        }
    }
}

#[test]
fn history_is_pruned_and_then_out_of_reach() {
    let store = Store::open(None, IDENTITY).unwrap();
    let body = BlockBody::default();
    for number in 1..=20u64 {
        let account = Account {
            nonce: number,
            ..Account::default()
        };
        let update = AccountUpdate {
            account: Some(account),
            ..AccountUpdate::default()
        };
        let layer = Layer {
            state: [(key(1), update)].into(),
            ..Layer::default()
        };
        let header = Header {
            number,
            ..Header::default()
        };
        let hash = key(number);
        let block = FlushBlock {
            hash,
            header: &header,
            body: &body,
            transaction_hashes: &[hash],
            receipts: &[],
            layer: &layer,
        };
        let heads = HeadsRecord {
            head: hash,
            head_number: number,
            ..HeadsRecord::default()
        };
        store
            .flush(&FlushBatch {
                blocks: vec![block],
                heads,
                keep: keep(5),
            })
            .unwrap();
    }
    let db = store.snapshot().unwrap();
    assert!(db.rewind_to(14).unwrap().is_some());
    assert!(db.rewind_to(13).unwrap().is_none());
    assert_eq!(db.transaction(&key(7)).unwrap(), Some((7, 0)));
}

#[test]
fn rows_survive_and_damage_is_noticed() {
    let receipts = [
        Receipt {
            tx_type: 2,
            success: true,
            cumulative_gas_used: 21_000,
            logs: vec![Log::new_unchecked(
                address!("4200000000000000000000000000000000000015"),
                vec![B256::repeat_byte(1)],
                Bytes::from_static(b"data"),
            )],
            deposit_nonce: None,
            deposit_receipt_version: None,
        },
        Receipt {
            tx_type: 0x7e,
            success: false,
            cumulative_gas_used: 22_000,
            logs: Vec::new(),
            deposit_nonce: Some(0),
            deposit_receipt_version: Some(1),
        },
        Receipt {
            tx_type: 0x7e,
            success: true,
            cumulative_gas_used: 23_000,
            logs: Vec::new(),
            deposit_nonce: Some(4),
            deposit_receipt_version: None,
        },
    ];
    let bytes = codec::encode_receipts(&receipts);
    assert_eq!(codec::decode_receipts(&bytes).unwrap(), receipts);
    let body = BlockBody {
        transactions: vec![Bytes::from_static(b"\x02one"), Bytes::from_static(b"two")],
        senders: vec![Default::default(); 2],
        withdrawals: Some(Default::default()),
    };
    let encoded = codec::encode(&body);
    assert_eq!(
        codec::decode::<BlockBody>("bodies", &encoded).unwrap(),
        body
    );
    let none = BlockBody {
        withdrawals: None,
        ..body
    };
    assert_eq!(
        codec::decode::<BlockBody>("bodies", &codec::encode(&none)).unwrap(),
        none
    );
    for cut in 0..bytes.len() {
        assert!(codec::decode_receipts(&bytes[..cut]).is_err());
    }
    for cut in 0..encoded.len() {
        assert!(codec::decode::<BlockBody>("bodies", &encoded[..cut]).is_err());
    }
    let mut random = Random(1);
    for _ in 0..2_000 {
        let mut damaged = encoded.clone();
        let at = random.below(damaged.len() as u64) as usize;
        damaged[at] = random.next() as u8;
        let _ = codec::decode::<BlockBody>("bodies", &damaged);
    }
}
