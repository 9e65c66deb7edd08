//! Which rules a chain follows, and since when.

use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use alloy_eips::eip7825::MAX_TX_GAS_LIMIT_OSAKA;
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
}

/// Rules of an Ethereum chain, since the Merge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EthereumRules {
    /// Activation time of Shanghai, unix seconds; `None` means never. The same below.
    pub shanghai_time: Option<u64>,
    /// Activation time of Cancun.
    pub cancun_time: Option<u64>,
    /// Activation time of Prague.
    pub prague_time: Option<u64>,
    /// Activation time of Osaka.
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
    pub const fn optimism(rollup: &RollupConfig) -> Self {
        let rules = OptimismRules {
            forks: rollup.forks,
            eip1559: rollup.chain_op_config,
        };
        Self {
            chain_id: rollup.l2_chain_id,
            kind: ChainKind::Optimism(rules),
        }
    }

    /// An Ethereum chain with every known fork (to Osaka and BPO2) active from genesis on.
    pub fn ethereum_dev(chain_id: u64) -> Self {
        let rules = EthereumRules {
            shanghai_time: Some(0),
            cancun_time: Some(0),
            prague_time: Some(0),
            osaka_time: Some(0),
            blob_schedule: vec![(0, BlobParams::bpo2())],
            deposit_contract: None,
        };
        Self {
            chain_id,
            kind: ChainKind::Ethereum(rules),
        }
    }

    /// The chain that a genesis file describes: an OP chain if its config has `optimism`.
    pub fn from_genesis(genesis: &Genesis) -> Result<Self, ChainError> {
        let chain_id = genesis.config.chain_id;
        let kind = if genesis.config.extra_fields.contains_key("optimism") {
            ChainKind::Optimism(optimism_rules(genesis)?)
        } else {
            ChainKind::Ethereum(ethereum_rules(genesis))
        };
        Ok(Self { chain_id, kind })
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

    /// Whether the block at `time` on a parent at `parent_time` is the first one of `fork`.
    pub const fn is_activation_block(&self, fork: Fork, parent_time: u64, time: u64) -> bool {
        self.is_op_active(fork, time) && !self.is_op_active(fork, parent_time)
    }

    /// The Ethereum rules in force at `time`, on either kind of chain.
    pub fn eth_fork(&self, time: u64) -> EthFork {
        match &self.kind {
            ChainKind::Optimism(rules) => match rules.forks.newest_at(time) {
                Fork::Bedrock | Fork::Regolith => EthFork::Paris,
                Fork::Canyon | Fork::Delta => EthFork::Shanghai,
                Fork::Ecotone | Fork::Fjord | Fork::Granite | Fork::Holocene => EthFork::Cancun,
                Fork::Isthmus | Fork::Jovian => EthFork::Prague,
                Fork::Karst => EthFork::Osaka,
            },
            ChainKind::Ethereum(rules) => {
                let active = |at: Option<u64>| at.is_some_and(|at| time >= at);
                if active(rules.osaka_time) {
                    EthFork::Osaka
                } else if active(rules.prague_time) {
                    EthFork::Prague
                } else if active(rules.cancun_time) {
                    EthFork::Cancun
                } else if active(rules.shanghai_time) {
                    EthFork::Shanghai
                } else {
                    EthFork::Paris
                }
            }
        }
    }

    /// Blob limits and fees at `time`; `None` where there are no blobs.
    pub fn blob_params(&self, time: u64) -> Option<BlobParams> {
        match &self.kind {
            ChainKind::Optimism(_) => None,
            ChainKind::Ethereum(_) if self.eth_fork(time) < EthFork::Cancun => None,
            ChainKind::Ethereum(rules) => {
                let in_force = rules
                    .blob_schedule
                    .iter()
                    .rev()
                    .find(|(from, _)| *from <= time);
                in_force.map(|(_, params)| *params)
            }
        }
    }

    /// Most gas a transaction may ask for at `time` (EIP-7825), if limited. Deposits are exempt.
    pub fn tx_gas_limit_cap(&self, time: u64) -> Option<u64> {
        (self.eth_fork(time) >= EthFork::Osaka).then_some(MAX_TX_GAS_LIMIT_OSAKA)
    }
}

fn optimism_rules(genesis: &Genesis) -> Result<OptimismRules, ChainError> {
    let fields = &genesis.config.extra_fields;
    let read = |key: &str| -> Result<Option<u64>, ChainError> {
        match fields.get(key) {
            None | Some(serde_json::Value::Null) => Ok(None),
            Some(value) => value.as_u64().map(Some).ok_or_else(|| ChainError {
                key: key.to_string(),
                problem: format!("must be a time in unix seconds, not {value}"),
            }),
        }
    };
    let mut forks = ForkTimes::default();
    for fork in Fork::ALL {
        // Delta concerns derivation alone, so genesis files leave it out.
        if !matches!(fork, Fork::Bedrock | Fork::Delta) {
            forks.set(fork, read(&format!("{}Time", fork.name()))?);
        }
    }
    forks.delta_time = forks.ecotone_time;
    let mut eip1559 = ChainOpConfig::default();
    let constants = fields.get("optimism").and_then(|v| v.as_object());
    let constant = |key: &str| constants.and_then(|c| c.get(key)).and_then(|v| v.as_u64());
    if let Some(value) = constant("eip1559Elasticity") {
        eip1559.eip1559_elasticity = value;
    }
    if let Some(value) = constant("eip1559Denominator") {
        eip1559.eip1559_denominator = value;
    }
    if let Some(value) = constant("eip1559DenominatorCanyon") {
        eip1559.eip1559_denominator_canyon = value;
    }
    for (key, value) in [
        ("eip1559Elasticity", eip1559.eip1559_elasticity),
        ("eip1559Denominator", eip1559.eip1559_denominator),
        (
            "eip1559DenominatorCanyon",
            eip1559.eip1559_denominator_canyon,
        ),
    ] {
        if value == 0 || value > u64::from(u32::MAX) {
            let problem = format!("must be from 1 to {}, not {value}", u32::MAX);
            return Err(ChainError {
                key: format!("optimism.{key}"),
                problem,
            });
        }
    }
    Ok(OptimismRules { forks, eip1559 })
}

fn ethereum_rules(genesis: &Genesis) -> EthereumRules {
    let config = &genesis.config;
    // A schedule entry of the file replaces the default of its fork, except for what the file
    // cannot say: limits per transaction and the price floor, which come with Osaka.
    let named = |name: &str, default: BlobParams| {
        config
            .blob_schedule
            .get(name)
            .map_or(default, |params| BlobParams {
                max_blobs_per_tx: default.max_blobs_per_tx,
                blob_base_cost: default.blob_base_cost,
                ..*params
            })
    };
    let osaka = BlobParams::osaka();
    let mut blob_schedule: Vec<(u64, BlobParams)> = [
        (config.cancun_time, named("cancun", BlobParams::cancun())),
        (config.prague_time, named("prague", BlobParams::prague())),
        (config.osaka_time, named("osaka", osaka)),
        (config.bpo1_time, named("bpo1", BlobParams::bpo1())),
        (config.bpo2_time, named("bpo2", BlobParams::bpo2())),
    ]
    .into_iter()
    .filter_map(|(time, params)| time.map(|time| (time, params)))
    .collect();
    blob_schedule.sort_by_key(|(time, _)| *time);
    EthereumRules {
        shanghai_time: config.shanghai_time,
        cancun_time: config.cancun_time,
        prague_time: config.prague_time,
        osaka_time: config.osaka_time,
        blob_schedule,
        deposit_contract: config.deposit_contract_address,
    }
}
