//! What became of a message on its other side.
//!
//! In: the logs of the transaction that carried it there. Out: nothing, or why its money did not
//! arrive. Portal and messengers catch the failures of what they call, so that a transaction which
//! succeeded says nothing yet.

use alloy_primitives::{Address, B256, Log};
use alloy_sol_types::{SolEvent, sol};

sol! {
    event FailedRelayedMessage(bytes32 indexed msgHash);
    event WithdrawalFinalized(bytes32 indexed withdrawalHash, bool success);
}

/// The message that a messenger could not deliver, by its hash. It stays with the messenger.
pub(super) fn undelivered<'a>(
    messenger: Address,
    logs: impl IntoIterator<Item = &'a Log>,
) -> Option<B256> {
    logs.into_iter()
        .filter(|log| log.address == messenger)
        .find_map(|log| FailedRelayedMessage::decode_log(log).ok())
        .map(|event| event.msgHash)
}

/// Whether the portal's call to a withdrawal's target failed; its money stays in the portal.
pub(super) fn is_refused<'a>(
    portal: Address,
    hash: B256,
    logs: impl IntoIterator<Item = &'a Log>,
) -> bool {
    logs.into_iter()
        .filter(|log| log.address == portal)
        .filter_map(|log| WithdrawalFinalized::decode_log(log).ok())
        .any(|event| event.withdrawalHash == hash && !event.success)
}
