//! The state port as revm's database, and revm's changes as ours.

use crate::state::{AccountDiff, SlotDiff, StateDiff, StateError, StateReader};
use alloy_primitives::{Address, B256, U256};
use core::fmt;
use opal_trie::Account;
use revm::{
    Database,
    database::{BundleState, State, states::BundleAccount},
    database_interface::DBErrorMarker,
    state::{AccountInfo, Bytecode},
};

/// revm's view of a [`StateReader`].
pub(crate) struct Db<R>(pub(crate) R);

/// The state during a block: what was read and what has changed.
pub(crate) type BlockState<R> = State<Db<R>>;

/// The state behind `reader`, nothing changed yet; changes are recorded.
pub(crate) fn block_state<R: StateReader>(reader: R) -> BlockState<R> {
    State::builder()
        .with_database(Db(reader))
        .with_bundle_update()
        .build()
}

impl<R> fmt::Debug for Db<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Db")
    }
}

impl DBErrorMarker for StateError {}

impl<R: StateReader> Database for Db<R> {
    type Error = StateError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, StateError> {
        Ok(self.0.account(address)?.map(|account| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            account_id: None,
            code: None,
        }))
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, StateError> {
        let code = self.0.code(hash)?;
        // Anything may have been deployed before EIP-3541, so bytes that only look like a
        // delegation are plain code.
        Ok(Bytecode::new_raw_checked(code.clone()).unwrap_or_else(|_| Bytecode::new_legacy(code)))
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, StateError> {
        self.0.storage(address, slot)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, StateError> {
        self.0.block_hash(number)
    }
}

/// All changes of a block, in our terms.
pub(crate) fn state_diff(bundle: BundleState) -> StateDiff {
    let mut diff = StateDiff::default();
    for (address, account) in bundle.state {
        if let Some(change) = account_diff(account) {
            diff.accounts.insert(address, change);
        }
    }
    // revm also lists code that was there before, or did not stay.
    let hash_of = |account: Option<Account>| account.map(|account| account.code_hash);
    let new_code = diff.accounts.values().filter_map(|change| {
        let hash = hash_of(change.account)?;
        (Some(hash) != hash_of(change.previous)).then_some(hash)
    });
    let code = new_code.filter_map(|hash| Some((hash, bundle.contracts.get(&hash)?)));
    diff.code = code
        .filter(|(_, code)| !code.is_empty())
        .map(|(hash, code)| (hash, code.original_bytes()))
        .collect();
    diff
}

fn account_diff(account: BundleAccount) -> Option<AccountDiff> {
    let plain = |info: &AccountInfo| Account {
        nonce: info.nonce,
        balance: info.balance,
        code_hash: info.code_hash,
    };
    let previous = account.original_info.as_ref().map(plain);
    let now = account.info.as_ref().map(plain);
    let destroyed = previous.is_some() && (account.was_destroyed() || now.is_none());
    let storage = account
        .storage
        .into_iter()
        .map(|(slot, value)| {
            let previous = if destroyed {
                U256::ZERO
            } else {
                value.previous_or_original_value
            };
            (
                slot,
                SlotDiff {
                    previous,
                    value: value.present_value,
                },
            )
        })
        .filter(|(_, slot)| now.is_some() && slot.previous != slot.value)
        .collect::<alloc::collections::BTreeMap<_, _>>();
    let unchanged = previous == now && storage.is_empty() && !destroyed;
    (!unchanged).then_some(AccountDiff {
        previous,
        account: now,
        destroyed,
        storage,
    })
}
