//! Which rules a chain follows, and since when.

use alloc::{string::String, vec::Vec};
use alloy_genesis::Genesis;
use alloy_primitives::Address;
use opal_protocol::{Fork, ForkTimes, RollupConfig, config::ChainOpConfig};

pub use alloy_eips::eip7840::BlobParams;

/// Forks of Ethereum since the Merge, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum EthFork {
    Paris,
    Shanghai,
    Cancun,
    Prague,
    Osaka,
}

/// Rules of an OP chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptimismRules {
    /// When the forks activate.
    pub forks: ForkTimes,
    /// EIP-1559 constants.
    pub eip1559: ChainOpConfig,
    /// Seconds between blocks.
    pub block_time: u64,
    /// Unix time of the genesis block in seconds.
    pub genesis_time: u64,
}

/// Rules of an Ethereum chain, since the Merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EthereumRules {
    /// Activation times of Shanghai and later forks, unix seconds; `None` means never.
    pub shanghai_time: Option<u64>,
    /// Cancun.
    pub cancun_time: Option<u64>,
    /// Prague.
    pub prague_time: Option<u64>,
    /// Osaka.
    pub osaka_time: Option<u64>,
    /// Blob limits and fees: in force from the given unix time on, ascending.
    pub blob_schedule: Vec<(u64, BlobParams)>,
    /// The validator deposit contract, whose logs become EIP-6110 requests.
    pub deposit_contract: Option<Address>,
}

/// Whose rules a chain follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainKind {
    /// An OP chain.
    Optimism(OptimismRules),
    /// Ethereum.
    Ethereum(EthereumRules),
}

/// A chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainConfig {
    /// Its id.
    pub chain_id: u64,
    /// Its rules.
    pub kind: ChainKind,
}

/// A genesis file that says nothing sensible about its chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("genesis config: {key} {problem}")]
pub struct ChainError {
    /// The key at fault.
    pub key: String,
    /// What is wrong with it.
    pub problem: String,
}

impl ChainConfig {
    /// The chain of a rollup.
    pub fn optimism(_rollup: &RollupConfig) -> Self {
        unimplemented!()
    }
    /// An Ethereum chain with every known fork (to Osaka and BPO2) active from genesis on.
    pub fn ethereum_dev(_chain_id: u64) -> Self {
        unimplemented!()
    }
    /// The chain that a genesis file describes: an OP chain if its config has `optimism`.
    pub fn from_genesis(_genesis: &Genesis, _block_time: u64) -> Result<Self, ChainError> {
        unimplemented!()
    }
    /// The rules of an OP chain, or `None` for Ethereum.
    pub const fn as_optimism(&self) -> Option<&OptimismRules> {
        match &self.kind {
            ChainKind::Optimism(rules) => Some(rules),
            ChainKind::Ethereum(_) => None,
        }
    }
    /// Whether this is an OP chain.
    pub const fn is_optimism(&self) -> bool {
        matches!(self.kind, ChainKind::Optimism(_))
    }
    /// Whether `fork` of the OP protocol is active at `time`; never on Ethereum.
    pub const fn is_op_active(&self, fork: Fork, time: u64) -> bool {
        match &self.kind {
            ChainKind::Optimism(rules) => rules.forks.is_active(fork, time),
            ChainKind::Ethereum(_) => false,
        }
    }
    /// The Ethereum rules in force at `time`, on either kind of chain.
    pub fn eth_fork(&self, _time: u64) -> EthFork {
        unimplemented!()
    }
    /// Blob limits and fees at `time`; `None` where there are no blobs.
    pub fn blob_params(&self, _time: u64) -> Option<BlobParams> {
        unimplemented!()
    }
    /// Most gas a transaction may ask for at `time` (EIP-7825), if limited. Deposits are exempt.
    pub fn tx_gas_limit_cap(&self, _time: u64) -> Option<u64> {
        unimplemented!()
    }
}
