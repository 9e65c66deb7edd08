//! The changes of several blocks, merged: what a flush writes, and what each block overwrote.
//!
//! In: layers, oldest first, each on the state of the one before, the first on that of the file.
//! Out: the rows of state and trie, in the order of their keys and the newest value of each only;
//! and what each layer replaced. Rows at random keys cost a page each, so what several blocks change
//! is written once.

use super::{
    StoreError,
    codec::{self, FlatAccount, OldAccount, OldSlot, ReverseDiff},
    flush::{keys_from, node_key, slot_key},
    layer::Layer,
    rows::Writer,
    slot_value,
    table::Table,
};
use alloy_primitives::{B256, Bytes, U256};
use opal_trie::{Account, Nibbles};
use std::collections::{BTreeMap, BTreeSet};

/// Writes the layers; answers with the reverse diff of each.
pub(super) fn write_layers(
    layers: &[&Layer],
    write: &Writer,
) -> Result<Vec<ReverseDiff>, StoreError> {
    let mut diffs = vec![ReverseDiff::default(); layers.len()];
    write_accounts(layers, write, &mut diffs)?;
    write_slots(layers, write, &mut diffs)?;
    write_nodes(layers, write)?;
    for (hash, code) in layers.iter().flat_map(|layer| &layer.code) {
        write.put(Table::Code, hash.as_slice(), code)?;
    }
    Ok(diffs)
}

/// Values of one row: number of the layer, oldest first, and what it made of the row.
type Values<'a, K, V> = &'a [(K, usize, V)];

/// Shows the values of each row together, rows in the order of their keys.
fn by_row<K: Ord, V>(
    mut values: Vec<(K, usize, V)>,
    mut see: impl FnMut(Values<'_, K, V>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    values.sort_unstable_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    values.chunk_by(|a, b| a.0 == b.0).try_for_each(&mut see)
}

fn write_accounts(
    layers: &[&Layer],
    write: &Writer,
    diffs: &mut [ReverseDiff],
) -> Result<(), StoreError> {
    let mut values = Vec::new();
    for (i, layer) in layers.iter().enumerate() {
        values.extend(
            layer
                .state
                .iter()
                .map(|(a, update)| (*a, i, update.account)),
        );
    }
    let mut rows = write.rows(Table::Accounts)?;
    by_row(values, |values| {
        let Some((address, _, newest)) = values.last() else {
            return Ok(());
        };
        let stored = rows.get(address.as_slice(), |row| {
            codec::decode::<FlatAccount>("accounts", row)
        })?;
        let stored = stored.transpose()?.map(Account::from);
        let mut before = stored;
        for (address, i, account) in values {
            if before != *account {
                diffs[*i].accounts.push(OldAccount {
                    address: *address,
                    account: before.map(FlatAccount::from),
                });
            }
            before = *account;
        }
        match newest {
            same if *same == stored => Ok(()),
            Some(account) => rows.put(
                address.as_slice(),
                &codec::encode(&FlatAccount::from(*account)),
            ),
            None => rows.delete(address.as_slice()),
        }
    })
}

fn write_slots(
    layers: &[&Layer],
    write: &Writer,
    diffs: &mut [ReverseDiff],
) -> Result<(), StoreError> {
    let mut values = Vec::new();
    for (i, layer) in layers.iter().enumerate() {
        for (address, update) in &layer.state {
            if update.destroyed || update.account.is_none() {
                for slot in slots_before(layers, i, address, write)? {
                    if !update.storage.contains_key(&slot) {
                        values.push((slot_key(address, &slot), i, U256::ZERO));
                    }
                }
            }
            let slots = update.storage.iter();
            values.extend(slots.map(|(slot, value)| (slot_key(address, slot), i, *value)));
        }
    }
    let mut rows = write.rows(Table::Storage)?;
    by_row(values, |values| {
        let Some((key, _, newest)) = values.last() else {
            return Ok(());
        };
        let stored = rows.get(key, slot_value)?.unwrap_or_default();
        let mut before = stored;
        let (address, slot) = key.split_at(32);
        for (_, i, value) in values {
            if before != *value {
                diffs[*i].storage.push(OldSlot {
                    address: B256::from_slice(address),
                    slot: B256::from_slice(slot),
                    value: before,
                });
            }
            before = *value;
        }
        match newest {
            same if *same == stored => Ok(()),
            value if value.is_zero() => rows.delete(key),
            value => rows.put(key, &value.to_be_bytes_trimmed_vec()),
        }
    })
}

/// All slots that an account may have had before the layer with this number.
fn slots_before(
    layers: &[&Layer],
    number: usize,
    address: &B256,
    write: &Writer,
) -> Result<BTreeSet<B256>, StoreError> {
    let earlier = layers.iter().take(number);
    let updates = earlier.filter_map(|layer| layer.state.get(address));
    let mut slots: BTreeSet<B256> = updates.flat_map(|u| u.storage.keys().copied()).collect();
    let first = slot_key(address, &B256::ZERO);
    let stored = keys_from(write, Table::Storage, &first, usize::MAX, |key| {
        key.starts_with(address.as_slice())
    })?;
    slots.extend(stored.iter().filter_map(|key| {
        let slot = key.strip_prefix(address.as_slice())?;
        B256::try_from(slot).ok()
    }));
    Ok(slots)
}

/// Where a trie node lies: owner (`None`: the account trie) and path.
type Place = (Option<B256>, Nibbles);

fn write_nodes(layers: &[&Layer], write: &Writer) -> Result<(), StoreError> {
    // Number of the last layer that destroyed the trie: what is older went with it.
    let mut destroyed: BTreeMap<B256, usize> = BTreeMap::new();
    for (i, layer) in layers.iter().enumerate() {
        destroyed.extend(layer.nodes.destroyed.iter().map(|owner| (*owner, i)));
    }
    for owner in destroyed.keys() {
        let stored = keys_from(write, Table::Nodes, owner.as_slice(), usize::MAX, |key| {
            key.starts_with(owner.as_slice())
        })?;
        for key in stored {
            write.delete(Table::Nodes, &key)?;
        }
    }
    let count = layers.iter().map(|layer| layer.nodes.count()).sum();
    let mut values: Vec<(Place, usize, Option<&Bytes>)> = Vec::with_capacity(count);
    for (i, layer) in layers.iter().enumerate() {
        let alive = layer.nodes.nodes.iter().filter(|(owner, _)| {
            let destroyed = owner.and_then(|owner| destroyed.get(&owner));
            destroyed.is_none_or(|last| i >= *last)
        });
        for (owner, rows) in alive {
            let rows = rows.iter();
            values.extend(rows.map(|(path, node)| ((*owner, *path), i, node.as_ref())));
        }
    }
    let mut rows = write.rows(Table::Nodes)?;
    by_row(values, |values| {
        let Some(((owner, path), _, newest)) = values.last() else {
            return Ok(());
        };
        let key = node_key(*owner, path);
        match newest {
            Some(node) => rows.put(&key, node),
            None => rows.delete(&key),
        }
    })
}
