//! What a rollup is to be like.

use super::accounts::{dev_accounts, roles};
use alloy_primitives::{Address, U256, keccak256};
use opal_protocol::{Fork, ForkTimes, RollupConfig, SystemConfig};

/// Least gas limit of L2 blocks: room for all deposits of an L1 block and for the system's
/// transaction. SystemConfig enforces it. spec: guaranteed-gas-market.md#default-values
const MIN_GAS_LIMIT: u64 = 21_000_000;
/// Highest gas limit that SystemConfig accepts.
const MAX_GAS_LIMIT: u64 = 500_000_000;

/// Everything that distinguishes one rollup's genesis from another's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployConfig {
    /// Chain id of L1.
    pub l1_chain_id: u64,
    /// Chain id of L2.
    pub l2_chain_id: u64,
    /// Unix time in seconds of the first block of a built-in L1. The first L2 block has the time
    /// of its L1 origin, which on an L1 of somebody else is later.
    pub genesis_time: u64,
    /// Seconds between L2 blocks.
    pub l2_block_time: u64,
    /// When the forks of L2 activate, unix time in seconds; at 0 they are active since genesis.
    pub forks: ForkTimes,
    /// L1 blocks within which the batches of an epoch must be included.
    pub seq_window_size: u64,
    /// Seconds an L2 block may be ahead of its L1 origin, before Fjord.
    pub max_sequencer_drift: u64,
    /// L1 blocks within which a channel must be complete, before Granite.
    pub channel_timeout: u64,
    /// Gas limit of L2 blocks.
    pub gas_limit: u64,
    /// Gas limit of the blocks of a built-in L1.
    pub l1_gas_limit: u64,
    /// Weights of the L1 fee.
    pub scalars: FeeScalars,
    /// Where batches are sent on L1.
    pub batch_inbox: Address,
    /// Sends the deployment transactions.
    pub deployer: Address,
    /// Owns the contracts on both layers.
    pub owner: Address,
    /// Posts batches.
    pub batcher: Address,
    /// Proposes outputs.
    pub proposer: Address,
    /// Signs unsafe blocks.
    pub unsafe_signer: Address,
    /// Receives on L2 what the fee vaults collect.
    pub fee_recipient: Address,
    /// Seconds between proving and finalizing a withdrawal.
    pub proof_maturity_delay_seconds: u64,
    /// Accounts that have [`prefund`](Self::prefund) on L2 and on a built-in L1.
    pub prefunded: Vec<Address>,
    /// Wei of each prefunded account.
    pub prefund: U256,
    /// Wei that the deployer gives to batcher and proposer on an L1 of somebody else.
    pub service_funds: U256,
}

/// Weights of L1 prices in the L1 fee of a transaction, scaled by 1e6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeScalars {
    /// Weight of the L1 base fee.
    pub base_fee: u32,
    /// Weight of the L1 blob base fee.
    pub blob_base_fee: u32,
}

/// A genesis that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// A value of the configuration is out of range.
    #[error("deploy config: {key} {problem}")]
    Config {
        /// The field at fault.
        key: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A deployment transaction failed on the built-in L1.
    #[error("deployment of the L1 contracts failed at `{what}`: {problem}")]
    Deployment {
        /// The transaction at fault.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl DeployConfig {
    /// A development rollup: chain 901 on chain 900, accounts of the test mnemonic.
    pub fn dev(genesis_time: u64, forks: ForkTimes) -> Self {
        let roles = roles();
        let services = [&roles.batcher, &roles.proposer, &roles.sequencer];
        let users = dev_accounts();
        let l2_chain_id = 901;
        Self {
            l1_chain_id: 900,
            l2_chain_id,
            genesis_time,
            l2_block_time: 2,
            forks,
            seq_window_size: 3600,
            max_sequencer_drift: 600,
            channel_timeout: 300,
            gas_limit: 60_000_000,
            l1_gas_limit: 60_000_000,
            scalars: FeeScalars {
                base_fee: 1368,
                blob_base_fee: 810_949,
            },
            batch_inbox: batch_inbox_address(l2_chain_id),
            deployer: roles.owner.address(),
            owner: roles.owner.address(),
            batcher: roles.batcher.address(),
            proposer: roles.proposer.address(),
            unsafe_signer: roles.sequencer.address(),
            fee_recipient: roles.owner.address(),
            proof_maturity_delay_seconds: 12,
            prefunded: users
                .iter()
                .chain(services)
                .map(|key| key.address())
                .collect(),
            prefund: ether(10_000),
            service_funds: ether(1_000),
        }
    }

    /// Checks that the configuration makes a rollup that runs.
    pub fn validate(&self) -> Result<(), GenesisError> {
        let bad = |key, problem: &str| {
            Err(GenesisError::Config {
                key,
                problem: problem.into(),
            })
        };
        if self.gas_limit < MIN_GAS_LIMIT {
            return bad(
                "gas_limit",
                "must be at least 21,000,000, to hold all deposits of an L1 block",
            );
        }
        if self.gas_limit > MAX_GAS_LIMIT {
            return bad("gas_limit", "must be at most 500,000,000");
        }
        if self.genesis_time == 0 {
            return bad("genesis_time", "must not be 0");
        }
        let accounts = [
            ("deployer", self.deployer),
            ("owner", self.owner),
            ("batcher", self.batcher),
            ("proposer", self.proposer),
            ("unsafe_signer", self.unsafe_signer),
            ("fee_recipient", self.fee_recipient),
            ("batch_inbox", self.batch_inbox),
        ];
        for (key, account) in accounts {
            if account.is_zero() {
                return bad(key, "must not be the zero address");
            }
        }
        if self.forks.newest_at(self.genesis_time) < Fork::Holocene {
            return bad(
                "forks",
                "must have everything up to holocene active at genesis",
            );
        }
        let rollup = self.rollup_frame();
        rollup.validate().map_err(|e| GenesisError::Config {
            key: "rollup",
            problem: format!("would not be valid: {e}"),
        })
    }

    /// The rollup configuration, except for what only the deployment tells.
    pub(super) fn rollup_frame(&self) -> RollupConfig {
        RollupConfig {
            block_time: self.l2_block_time,
            max_sequencer_drift: self.max_sequencer_drift,
            seq_window_size: self.seq_window_size,
            channel_timeout: self.channel_timeout,
            l1_chain_id: self.l1_chain_id,
            l2_chain_id: self.l2_chain_id,
            forks: self.forks,
            batch_inbox_address: self.batch_inbox,
            ..RollupConfig::default()
        }
    }

    /// The system configuration at genesis, as SystemConfig is initialised.
    pub(super) fn system_config(&self) -> SystemConfig {
        // spec: system-config.md#post-ecotone-scalar-encoding, scalar version 1
        let scalar = U256::from(1) << 248
            | U256::from(self.scalars.blob_base_fee) << 32
            | U256::from(self.scalars.base_fee);
        SystemConfig {
            batcher_address: self.batcher,
            scalar,
            gas_limit: self.gas_limit,
            ..SystemConfig::default()
        }
    }
}

/// The customary batch inbox of a chain: a zero byte, then the first 19 bytes of the hash of its
/// id. spec: configurability.md#batch-inbox-address
pub fn batch_inbox_address(l2_chain_id: u64) -> Address {
    let hash = keccak256(U256::from(l2_chain_id).to_be_bytes::<32>());
    let mut address = [0; 20];
    address[1..].copy_from_slice(&hash[..19]);
    address.into()
}

fn ether(amount: u64) -> U256 {
    U256::from(amount) * U256::from(10).pow(U256::from(18))
}
