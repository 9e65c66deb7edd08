//! The state that a transaction met, or how it changed it.

use super::{TraceError, tracer::raw};
use crate::{
    evm::{Machine, Outcome, database_error},
    state::{StateError, StateReader},
};
use alloc::{boxed::Box, collections::BTreeMap, string::ToString};
use alloy_primitives::{Address, Bytes};
use alloy_rpc_types_trace::geth::{AccountState, DiffMode};
use revm::{
    Database,
    primitives::KECCAK_EMPTY,
    state::{Account, AccountInfo},
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Options of `prestateTracer`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Prestate {
    diff_mode: bool,
    disable_code: bool,
    disable_storage: bool,
    include_empty: bool,
}

impl Prestate {
    /// These options, if they go together.
    pub(super) fn checked(self) -> Result<Self, TraceError> {
        if self.diff_mode && self.include_empty {
            return Err(TraceError::Options(
                "cannot use diffMode with includeEmpty".to_string(),
            ));
        }
        Ok(self)
    }

    pub(super) fn finish<R: StateReader>(
        self,
        machine: &mut Machine<R>,
        outcome: &Outcome,
    ) -> Result<Box<RawValue>, TraceError> {
        let mut diff = DiffMode::default();
        for (address, account) in &outcome.state {
            let before = Database::basic(machine.state(), *address).map_err(database_error)?;
            let existed = before.is_some();
            let before = before.unwrap_or_default();
            let code = self.code(machine, &before)?;
            if self.diff_mode {
                let changed = self.changed(account, &before, code);
                if let Some((pre, post)) = changed {
                    if existed {
                        diff.pre.insert(*address, pre);
                    }
                    diff.post.extend(post.map(|post| (*address, post)));
                }
            } else if existed && !before.is_empty() || self.include_empty {
                let mut state = plain(&before, code);
                if !self.disable_storage {
                    let slots = account.storage.iter();
                    state.storage = slots
                        .map(|(slot, value)| ((*slot).into(), value.original_value.into()))
                        .collect();
                }
                diff.pre.insert(*address, state);
            }
        }
        if self.diff_mode {
            raw(&diff)
        } else {
            raw::<BTreeMap<Address, AccountState>>(&diff.pre)
        }
    }

    /// The account before, and after if it still exists. `None` if nothing changed.
    fn changed(
        self,
        account: &Account,
        before: &AccountInfo,
        code: Option<Bytes>,
    ) -> Option<(AccountState, Option<AccountState>)> {
        let mut pre = plain(before, code);
        let gone = account.is_selfdestructed() || account.is_loaded_as_not_existing_not_touched();
        let slots = account.storage.iter().filter(|_| !self.disable_storage);
        let slots = slots.filter(|(_, value)| gone || value.is_changed());
        let mut post = AccountState::default();
        for (slot, value) in slots {
            if !value.original_value.is_zero() {
                pre.storage
                    .insert((*slot).into(), value.original_value.into());
            }
            if !value.present_value.is_zero() {
                post.storage
                    .insert((*slot).into(), value.present_value.into());
            }
        }
        if gone {
            let was_there = !before.is_empty();
            return was_there.then_some((pre, None));
        }
        let after = &account.info;
        post.balance = (after.balance != before.balance).then_some(after.balance);
        post.nonce = (after.nonce != before.nonce).then_some(after.nonce);
        if after.code_hash != before.code_hash && !self.disable_code {
            let code = after.code.as_ref();
            post.code = Some(code.map(|code| code.original_bytes()).unwrap_or_default());
        }
        let changed_slots = account
            .storage
            .values()
            .any(|value| value.is_changed() && !self.disable_storage);
        let unchanged = post == AccountState::default()
            && after.code_hash == before.code_hash
            && !changed_slots;
        (!unchanged).then_some((pre, Some(post)))
    }

    fn code<R: StateReader>(
        self,
        machine: &mut Machine<R>,
        info: &AccountInfo,
    ) -> Result<Option<Bytes>, StateError> {
        if self.disable_code || info.code_hash == KECCAK_EMPTY || info.code_hash.is_zero() {
            return Ok(None);
        }
        if let Some(code) = &info.code {
            return Ok(Some(code.original_bytes()));
        }
        let code = Database::code_by_hash(machine.state(), info.code_hash);
        Ok(Some(code.map_err(database_error)?.original_bytes()))
    }
}

/// An account without its storage; a nonce of zero is left out.
fn plain(info: &AccountInfo, code: Option<Bytes>) -> AccountState {
    AccountState {
        balance: Some(info.balance),
        nonce: (info.nonce > 0).then_some(info.nonce),
        code,
        ..AccountState::default()
    }
}
