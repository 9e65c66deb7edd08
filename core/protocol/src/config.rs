//! The rollup configuration: what `rollup.json` holds, in op-node's format.

use crate::{
    forks::{Fork, ForkTimes},
    refs::{L1Id, L2Id},
    system_config::SystemConfig,
};
use alloc::string::{String, ToString};
use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

/// Where the rollup starts, on both layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollupGenesis {
    /// The L1 block the rollup starts from; derivation reads L1 from the block after it.
    pub l1: L1Id,
    /// The first L2 block.
    pub l2: L2Id,
    /// Unix time of the first L2 block in seconds.
    pub l2_time: u64,
    /// The system configuration in force at genesis.
    pub system_config: SystemConfig,
}

/// EIP-1559 constants of the chain, used until the system configuration sets others (Holocene).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainOpConfig {
    /// Gas limit over gas target.
    pub eip1559_elasticity: u64,
    /// Base-fee change denominator before Canyon.
    pub eip1559_denominator: u64,
    /// Base-fee change denominator from Canyon on.
    pub eip1559_denominator_canyon: u64,
}

impl Default for ChainOpConfig {
    fn default() -> Self {
        Self {
            eip1559_elasticity: 6,
            eip1559_denominator: 50,
            eip1559_denominator_canyon: 250,
        }
    }
}

/// Where an alt-DA chain keeps its batches: commitments to them lie on L1, the data elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AltDaConfig {
    /// The DataAvailabilityChallenge contract on L1; zero where nobody can challenge.
    pub da_challenge_contract_address: Address,
    /// `KeccakCommitment` or `GenericCommitment`.
    pub da_commitment_type: String,
    /// L1 blocks within which a commitment can be challenged.
    pub da_challenge_window: u64,
    /// L1 blocks within which a challenge must be answered.
    pub da_resolve_window: u64,
}

/// All that a rollup node must know of its chain before it reads the first byte of L1.
///
/// Serializes as op-node's `rollup.json`. Unknown keys are ignored, as op-node does for newer
/// configurations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollupConfig {
    /// Where the rollup starts.
    pub genesis: RollupGenesis,
    /// Seconds between L2 blocks.
    pub block_time: u64,
    /// Seconds an L2 block may be ahead of its L1 origin, before Fjord.
    pub max_sequencer_drift: u64,
    /// L1 blocks within which the batches of an epoch must be included.
    pub seq_window_size: u64,
    /// L1 blocks within which a channel must be complete, before Granite.
    pub channel_timeout: u64,
    /// Chain id of L1.
    pub l1_chain_id: u64,
    /// Chain id of L2.
    pub l2_chain_id: u64,
    /// When the forks activate.
    #[serde(flatten)]
    pub forks: ForkTimes,
    /// Where batcher transactions are sent on L1.
    pub batch_inbox_address: Address,
    /// The OptimismPortal on L1.
    pub deposit_contract_address: Address,
    /// The SystemConfig contract on L1.
    pub l1_system_config_address: Address,
    /// The ProtocolVersions contract on L1; zero when there is none.
    #[serde(default)]
    pub protocol_versions_address: Address,
    /// EIP-1559 constants.
    #[serde(default)]
    pub chain_op_config: ChainOpConfig,
    /// Keep the gas of Karst's upgrade transactions in the blocks after the activation block, as
    /// some chains have in their history.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub keep_karst_upgrade_gas: bool,
    /// Set where batches lie outside L1. Known so that such a chain is refused; see
    /// [`Self::validate`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt_da: Option<AltDaConfig>,
}

/// A rollup configuration that cannot be used, with the key at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The text is no valid JSON of a rollup configuration.
    #[error("rollup config is not valid: {0}")]
    Malformed(String),
    /// A value is out of range.
    #[error("rollup config: {key} {problem}")]
    Value {
        /// The key in `rollup.json`.
        key: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A fork is scheduled before an older one.
    #[error("rollup config: {later}_time comes before {earlier}_time")]
    ForkOrder {
        /// The older fork, which must activate first.
        earlier: Fork,
        /// The newer fork.
        later: Fork,
    },
}

/// `max_sequencer_drift` in seconds from Fjord on. spec: fjord/derivation.md#constant-maximum-sequencer-drift
pub const FJORD_MAX_SEQUENCER_DRIFT: u64 = 1800;
/// `channel_timeout` in L1 blocks from Granite on. spec: granite/derivation.md#reduced-channel-timeout
pub const GRANITE_CHANNEL_TIMEOUT: u64 = 50;

impl RollupConfig {
    /// Parses and validates `rollup.json`.
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        let config: Self =
            serde_json::from_str(text).map_err(|e| ConfigError::Malformed(e.to_string()))?;
        config.validate()?;
        Ok(config)
    }

    /// Checks that the configuration describes a chain that can be derived.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let positive = [
            ("block_time", self.block_time),
            ("seq_window_size", self.seq_window_size),
            ("channel_timeout", self.channel_timeout),
            ("l1_chain_id", self.l1_chain_id),
            ("l2_chain_id", self.l2_chain_id),
        ];
        for (key, value) in positive {
            if value == 0 {
                return Err(ConfigError::Value {
                    key,
                    problem: "must not be 0",
                });
            }
        }
        if self.l1_chain_id == self.l2_chain_id {
            return Err(ConfigError::Value {
                key: "l2_chain_id",
                problem: "must differ from l1_chain_id",
            });
        }
        if self.alt_da.is_some() {
            return Err(ConfigError::Value {
                key: "alt_da",
                problem: "is set: the chain's batches lie outside L1, where Opal cannot read them yet",
            });
        }
        let mut earlier = Fork::Bedrock;
        for fork in Fork::ALL.into_iter().skip(1) {
            let (before, at) = (self.forks.time_of(earlier), self.forks.time_of(fork));
            match (before, at) {
                (None, Some(_)) => {
                    return Err(ConfigError::ForkOrder {
                        earlier,
                        later: fork,
                    });
                }
                (Some(before), Some(at)) if at < before => {
                    return Err(ConfigError::ForkOrder {
                        earlier,
                        later: fork,
                    });
                }
                _ => {}
            }
            earlier = fork;
        }
        Ok(())
    }

    /// Whether `fork` is active at `time`.
    pub const fn is_active(&self, fork: Fork, time: u64) -> bool {
        self.forks.is_active(fork, time)
    }

    /// Whether the L2 block at `time` is the first one of `fork`. Never true for the genesis
    /// block, nor for a fork that is active since genesis.
    pub const fn is_activation_block(&self, fork: Fork, time: u64) -> bool {
        self.is_active(fork, time)
            && time > self.genesis.l2_time
            && !self.is_active(fork, time.saturating_sub(self.block_time))
    }

    /// When `fork` activates, in seconds, if that happens in a block after genesis: then it has an
    /// activation block. `None` where it never activates or has been active since genesis.
    pub const fn upgrade_time(&self, fork: Fork) -> Option<u64> {
        match self.forks.time_of(fork) {
            Some(time) if time > self.genesis.l2_time => Some(time),
            _ => None,
        }
    }

    /// Time in seconds of the first L2 block at or after `time`.
    pub const fn first_block_time(&self, time: u64) -> u64 {
        let since_genesis = time.saturating_sub(self.genesis.l2_time);
        // No block time: not a configuration that passed validation.
        let blocks = match self.block_time {
            0 => since_genesis,
            block_time => since_genesis.div_ceil(block_time),
        };
        self.genesis
            .l2_time
            .saturating_add(blocks.saturating_mul(self.block_time))
    }

    /// Seconds an L2 block may be ahead of its L1 origin, by the origin's time.
    pub const fn max_sequencer_drift_at(&self, l1_origin_time: u64) -> u64 {
        if self.is_active(Fork::Fjord, l1_origin_time) {
            FJORD_MAX_SEQUENCER_DRIFT
        } else {
            self.max_sequencer_drift
        }
    }

    /// L1 blocks within which a channel must be complete, by the time of the L1 block that holds
    /// the frame.
    pub const fn channel_timeout_at(&self, l1_inclusion_time: u64) -> u64 {
        if self.is_active(Fork::Granite, l1_inclusion_time) {
            GRANITE_CHANNEL_TIMEOUT
        } else {
            self.channel_timeout
        }
    }

    /// Height of the L2 block at `time`, or `None` if no block has that time.
    pub const fn l2_number_at(&self, time: u64) -> Option<u64> {
        let Some(elapsed) = time.checked_sub(self.genesis.l2_time) else {
            return None;
        };
        if !elapsed.is_multiple_of(self.block_time) {
            return None;
        }
        Some(self.genesis.l2.number + elapsed / self.block_time)
    }
}
