//! Accounts of development chains, derived from the mnemonic that every Ethereum tool knows.
//!
//! Their keys are public: whatever they hold on a real chain is gone at once.

use alloy_signer_local::{MnemonicBuilder, PrivateKeySigner};

/// The mnemonic. Account `i` is at `m/44'/60'/0'/0/i`.
pub const MNEMONIC: &str = "test test test test test test test test test test test junk";
/// How many accounts users get.
pub const DEV_ACCOUNTS: u32 = 10;

/// Who does what in a development rollup.
#[derive(Clone, Debug)]
pub struct Roles {
    /// Deploys the contracts, owns them, and may change the system configuration: the last of the
    /// users' accounts, since it must have money on any development L1.
    pub owner: PrivateKeySigner,
    /// Posts batches.
    pub batcher: PrivateKeySigner,
    /// Proposes outputs.
    pub proposer: PrivateKeySigner,
    /// Contests outputs that are wrong.
    pub challenger: PrivateKeySigner,
    /// Signs unsafe blocks.
    pub sequencer: PrivateKeySigner,
}

/// The accounts of users, each funded on both layers.
pub fn dev_accounts() -> Vec<PrivateKeySigner> {
    (0..DEV_ACCOUNTS).map(account).collect()
}

/// The accounts of services. None but the owner's is among [`dev_accounts`], so that users'
/// transactions do not get in the way of theirs.
pub fn roles() -> Roles {
    Roles {
        owner: account(DEV_ACCOUNTS - 1),
        batcher: account(DEV_ACCOUNTS),
        proposer: account(DEV_ACCOUNTS + 1),
        sequencer: account(DEV_ACCOUNTS + 2),
        challenger: account(DEV_ACCOUNTS + 3),
    }
}

fn account(index: u32) -> PrivateKeySigner {
    // The phrase is a constant and every small index has a key.
    MnemonicBuilder::from_phrase_nth(MNEMONIC, index)
}
