//! Random chains: what the cache says is true of its tip, and what it leaves out lies on disk.

use super::*;
use crate::{
    block::ChainBlock,
    held::HeldTrie,
    store::{BlockBody, Layer},
};
use alloy_consensus::Header;
use opal_trie::{AccountUpdate, EMPTY_ROOT_HASH, StateTrie};
use std::collections::BTreeMap;

const ADDRESSES: u64 = 12;
const SLOTS: u64 = 6;

/// Numbers from a seed (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// A plain state, by the same keys.
#[derive(Clone, Default)]
struct Model {
    accounts: BTreeMap<B256, Account>,
    slots: BTreeMap<(B256, B256), U256>,
}

impl Model {
    fn apply(&mut self, block: &ExecutedBlock) {
        for (address, update) in &block.layer.state {
            if update.destroyed || update.account.is_none() {
                self.slots.retain(|(owner, _), _| owner != address);
            }
            match update.account {
                None => drop(self.accounts.remove(address)),
                Some(account) => drop(self.accounts.insert(*address, account)),
            }
            for (slot, value) in &update.storage {
                self.slots.insert((*address, *slot), *value);
            }
        }
    }

    fn slot(&self, address: B256, slot: B256) -> U256 {
        let value = self.slots.get(&(address, slot));
        value.copied().unwrap_or_default()
    }
}

fn name(n: u64) -> B256 {
    B256::from(U256::from(n))
}

fn random_block(random: &mut Random, parent: B256, number: u64) -> ExecutedBlock {
    let mut layer = Layer::default();
    for _ in 0..=random.below(5) {
        let account = (random.below(5) > 0).then(|| Account {
            nonce: random.below(5),
            ..Account::default()
        });
        let mut update = AccountUpdate {
            account,
            destroyed: random.below(10) == 0,
            storage: BTreeMap::new(),
        };
        if account.is_some() {
            for _ in 0..random.below(4) {
                let slot = name(random.below(SLOTS));
                update.storage.insert(slot, U256::from(random.below(4)));
            }
        }
        layer.state.insert(name(random.below(ADDRESSES)), update);
    }
    let header = Header {
        number,
        parent_hash: parent,
        ..Header::default()
    };
    let hash = name(number << 32 | random.below(1 << 30));
    let block = ChainBlock::new(hash, header, BlockBody::default(), Vec::new());
    ExecutedBlock {
        block: Arc::new(block),
        layer,
        trie: HeldTrie::new(StateTrie::new(EMPTY_ROOT_HASH)),
    }
}

/// Reads everything through the cache, as execution does.
fn check(at: &CacheAt, now: &Model, disk: &Model) {
    for address in (0..ADDRESSES).map(name) {
        let expected = now.accounts.get(&address).copied();
        let peeked = at.peek_account(&address);
        let told = at.account(&address);
        assert_eq!(peeked.map_or(Known::OnDisk, Known::Value), told);
        match told {
            Known::Value(account) => assert_eq!(account, expected),
            Known::OnDisk => {
                assert_eq!(disk.accounts.get(&address).copied(), expected);
                at.note_account(address, expected);
            }
            Known::Nothing => panic!("the cache stands here"),
        }
        for slot in (0..SLOTS).map(name) {
            let expected = now.slot(address, slot);
            let peeked = at.peek_slot(&address, &slot);
            let told = at.slot(&address, &slot);
            assert_eq!(
                peeked.map(Known::Value),
                matches!(told, Known::Value(_)).then_some(told)
            );
            match told {
                Known::Value(value) => assert_eq!(value, expected),
                Known::OnDisk => {
                    assert_eq!(disk.slot(address, slot), expected);
                    at.note_slot(address, slot, expected);
                }
                Known::Nothing => {}
            }
        }
    }
}

#[test]
fn what_is_missing_lies_on_disk() {
    for seed in 1..60 {
        let mut random = Random(seed);
        let cache = Arc::new(StateCache(Mutex::new(Inner::new(0, 7, 11))));
        let (mut now, mut disk) = (Model::default(), Model::default());
        let (mut tip, mut flushed) = (name(1), 0);
        let mut unflushed: Vec<ExecutedBlock> = Vec::new();
        for number in 1..80 {
            let at = cache.at(tip, flushed, unflushed.iter());
            check(&at, &now, &disk);
            match random.below(10) {
                0 => {
                    // A sibling comes first and takes the cache along.
                    cache.advance(&random_block(&mut random, tip, number));
                    assert_eq!(at.account(&name(0)), Known::Nothing);
                }
                1 => cache.clear(),
                _ => {}
            }
            let block = random_block(&mut random, tip, number);
            cache.advance(&block);
            now.apply(&block);
            tip = block.hash();
            unflushed.push(block);
            if random.below(5) == 0 {
                let old = cache.at(tip, flushed, unflushed.iter());
                // A flush ends while blocks came that it does not hold.
                let count = 1 + random.below(unflushed.len() as u64) as usize;
                for block in unflushed.drain(..count) {
                    disk.apply(&block);
                    flushed = block.number();
                }
                cache.flushed(flushed);
                let told = old.account(&name(0));
                assert_eq!(
                    told,
                    Known::Nothing,
                    "its snapshot of the database is older"
                );
            }
        }
    }
}
