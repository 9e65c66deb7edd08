//! Accounts and slots of a state in the order of their hashes, page by page.
//!
//! In: a state, maybe a further layer on it, and where to begin. Out: what exists from there on, and
//! where the next page begins. Keys come from the database and from the layers on it; what each is
//! worth, or that it is gone, the state itself says. A page costs no more than
//! [`LOOKED_MAX`] look-ups, however much of the database the layers have destroyed.

use crate::{
    store::{Layer, StoreError},
    view::StateView,
};
use alloy_primitives::{B256, U256};
use opal_execution::{Account, StateError};

/// Keys that one page looks at.
const LOOKED_MAX: usize = 100_000;

/// A page: keys with their values, and the key where the next page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page<T> {
    pub(crate) found: Vec<(B256, T)>,
    pub(crate) next: Option<B256>,
}

/// The accounts of a state from the hashed address `first` on, `most` of them.
pub(crate) fn accounts(
    state: &StateView,
    first: B256,
    most: usize,
) -> Result<Page<Account>, StateError> {
    let next = |from: &B256| {
        let layers = state
            .layers()
            .filter_map(|layer| layer.state.range(*from..).next().map(|(key, _)| *key));
        let on_disk = state.db().account_from(from).map_err(failed)?;
        Ok(layers.chain(on_disk).min())
    };
    page(first, most, next, |key| state.account_hashed(key))
}

/// The slots of an account from the hashed slot `first` on, `most` of them; `top` lies on the state.
pub(crate) fn slots(
    state: &StateView,
    top: &Layer,
    address: &B256,
    first: B256,
    most: usize,
) -> Result<Page<U256>, StateError> {
    let next = |from: &B256| {
        let layers = [top].into_iter().chain(state.layers());
        let layers = layers.filter_map(|layer| {
            let slots = &layer.state.get(address)?.storage;
            slots.range(*from..).next().map(|(key, _)| *key)
        });
        let on_disk = state.db().slot_from(address, from).map_err(failed)?;
        Ok(layers.chain(on_disk).min())
    };
    page(first, most, next, |slot| {
        let value = match top.storage(address, slot) {
            Some(value) => value,
            None => state.storage_hashed(address, slot)?,
        };
        Ok(Some(value).filter(|value| !value.is_zero()))
    })
}

fn page<T>(
    first: B256,
    most: usize,
    next: impl Fn(&B256) -> Result<Option<B256>, StateError>,
    value: impl Fn(&B256) -> Result<Option<T>, StateError>,
) -> Result<Page<T>, StateError> {
    let mut found = Vec::new();
    let mut from = Some(first);
    for _ in 0..LOOKED_MAX {
        let Some(key) = from.map(|from| next(&from)).transpose()?.flatten() else {
            return Ok(Page { found, next: None });
        };
        if let Some(value) = value(&key)? {
            if found.len() >= most {
                let next = Some(key);
                return Ok(Page { found, next });
            }
            found.push((key, value));
        }
        from = U256::from_be_bytes(key.0)
            .checked_add(U256::ONE)
            .map(B256::from);
    }
    Ok(Page { found, next: from })
}

fn failed(error: StoreError) -> StateError {
    StateError(error.to_string())
}
