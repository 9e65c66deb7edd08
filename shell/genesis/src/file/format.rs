//! The tables and keys of `deploy.toml`, with their defaults.
//!
//! What they mean is in `template.toml`; a test holds the two together.

use crate::addresses::Addresses;
use alloy_primitives::{Address, B256};
use opal_protocol::config::ChainOpConfig;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    pub(super) l1: L1,
    pub(super) l2: L2,
    pub(super) forks: BTreeMap<String, ForkValue>,
    pub(super) fees: Fees,
    pub(super) roles: Roles,
    pub(super) vaults: VaultFile,
    pub(super) withdrawals: WithdrawalFile,
    pub(super) accounts: Accounts,
    pub(super) tokens: Tokens,
    pub(super) l1_origin: Option<Origin>,
    pub(super) l1_contracts: Option<Addresses>,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct L1 {
    pub(super) chain_id: u64,
    pub(super) genesis_time: u64,
    pub(super) gas_limit: u64,
    pub(super) deploy_multicall3: bool,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct L2 {
    pub(super) chain_id: u64,
    pub(super) block_time: u64,
    pub(super) gas_limit: u64,
    pub(super) sequencing_window: u64,
    pub(super) max_sequencer_drift: u64,
    pub(super) channel_timeout: u64,
    pub(super) batch_inbox: Option<Address>,
    pub(super) extra_data: String,
}

/// `genesis = "karst"`, or `karst = 3600`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum ForkValue {
    Seconds(u64),
    Name(String),
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Fees {
    pub(super) base_fee_scalar: u32,
    pub(super) blob_base_fee_scalar: u32,
    pub(super) eip1559_elasticity: u64,
    pub(super) eip1559_denominator: u64,
    pub(super) eip1559_denominator_canyon: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Roles {
    pub(super) deployer: Option<Address>,
    pub(super) owner: Option<Address>,
    pub(super) guardian: Option<Address>,
    pub(super) batcher: Option<Address>,
    pub(super) proposer: Option<Address>,
    pub(super) challenger: Option<Address>,
    pub(super) unsafe_signer: Option<Address>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct VaultFile {
    pub(super) sequencer: VaultEntry,
    pub(super) base: VaultEntry,
    pub(super) l1: VaultEntry,
    pub(super) operator: VaultEntry,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct VaultEntry {
    pub(super) recipient: Option<Address>,
    pub(super) min_withdrawal: Option<String>,
    pub(super) network: Option<Network>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Network {
    L1,
    L2,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct WithdrawalFile {
    pub(super) proof_maturity_seconds: u64,
    pub(super) finality_delay_seconds: u64,
    pub(super) game_clock_seconds: u64,
    pub(super) bond_delay_seconds: u64,
    pub(super) bond: String,
    pub(super) oracle_interval_blocks: u64,
    pub(super) oracle_finalization_seconds: u64,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Accounts {
    pub(super) funded: Option<Vec<Address>>,
    pub(super) funds: String,
    pub(super) service_funds: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Tokens {
    pub(super) dev_token: bool,
    pub(super) governance_owner: Option<Address>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Origin {
    pub(super) hash: B256,
    pub(super) number: u64,
    pub(super) time: u64,
}

impl Default for L1 {
    fn default() -> Self {
        Self {
            chain_id: 900,
            genesis_time: 0,
            gas_limit: 60_000_000,
            deploy_multicall3: false,
        }
    }
}

impl Default for L2 {
    fn default() -> Self {
        Self {
            chain_id: 901,
            block_time: 2,
            gas_limit: 60_000_000,
            sequencing_window: 3600,
            max_sequencer_drift: 600,
            channel_timeout: 300,
            batch_inbox: None,
            extra_data: String::new(),
        }
    }
}

impl Default for Fees {
    fn default() -> Self {
        let constants = ChainOpConfig::default();
        Self {
            base_fee_scalar: 1368,
            blob_base_fee_scalar: 810_949,
            eip1559_elasticity: constants.eip1559_elasticity,
            eip1559_denominator: constants.eip1559_denominator,
            eip1559_denominator_canyon: constants.eip1559_denominator_canyon,
        }
    }
}

impl Default for WithdrawalFile {
    fn default() -> Self {
        Self {
            proof_maturity_seconds: 604_800,
            finality_delay_seconds: 302_400,
            game_clock_seconds: 302_400,
            bond_delay_seconds: 604_800,
            bond: "0.08 ether".into(),
            oracle_interval_blocks: 1800,
            oracle_finalization_seconds: 604_800,
        }
    }
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            funded: None,
            funds: "10000 ether".into(),
            service_funds: "0".into(),
        }
    }
}
