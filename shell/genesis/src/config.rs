//! What a rollup is to be like.

use crate::accounts::{dev_accounts, roles};
use alloy_primitives::{Address, Bytes, U256, keccak256};
use opal_protocol::{ForkTimes, RollupConfig, SystemConfig, config::ChainOpConfig, predeploys};
use std::path::PathBuf;

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
    /// EIP-1559 constants of L2.
    pub eip1559: ChainOpConfig,
    /// `extraData` of the first L2 block before Holocene, which gives the field a meaning.
    pub extra_data: Bytes,
    /// Where batches are sent on L1.
    pub batch_inbox: Address,
    /// Sends the deployment transactions.
    pub deployer: Address,
    /// Owns the contracts on both layers.
    pub owner: Address,
    /// May pause the bridge.
    pub guardian: Address,
    /// Posts batches.
    pub batcher: Address,
    /// Proposes outputs.
    pub proposer: Address,
    /// Contests outputs.
    pub challenger: Address,
    /// Signs unsafe blocks.
    pub unsafe_signer: Address,
    /// Where the fee vaults of L2 send what they collect.
    pub vaults: Vaults,
    /// How withdrawals become final.
    pub withdrawals: Withdrawals,
    /// Owner of the governance token at `0x42…42`; without one there is no such token.
    pub governance_token_owner: Option<Address>,
    /// Deploy a token without a purpose on L1, owned by the prefunded accounts, and its image on
    /// L2.
    pub dev_token: bool,
    /// Deploy Multicall3 on L1, at an address of its own; chains that people use have it already.
    pub deploy_multicall3: bool,
    /// Accounts that have [`prefund`](Self::prefund) on L2 and on a built-in L1.
    pub prefunded: Vec<Address>,
    /// Wei of each prefunded account.
    pub prefund: U256,
    /// Wei that the deployer gives to batcher and proposer on an L1 of somebody else.
    pub service_funds: U256,
}

/// How withdrawals become final. Seconds; zero is legal, yet a test of patience only of machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withdrawals {
    /// Between proving a withdrawal and finalizing it.
    pub proof_maturity_delay_seconds: u64,
    /// Between the resolution of a dispute game and believing it.
    pub finality_delay_seconds: u64,
    /// Within which the challenger can contest a proposal.
    pub game_clock_seconds: u64,
    /// For which a bond is held after its game.
    pub bond_delay_seconds: u64,
    /// Wei that a proposal costs until its game is over.
    pub bond: U256,
    /// L2 blocks between two proposals to L2OutputOracle.
    pub oracle_interval_blocks: u64,
    /// After which a proposal to L2OutputOracle is final.
    pub oracle_finalization_seconds: u64,
}

/// Where the fee vaults send what they collect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vaults {
    /// Priority fees.
    pub sequencer: Vault,
    /// Base fees.
    pub base: Vault,
    /// L1 data fees.
    pub l1: Vault,
    /// Operator fees; settable since Karst, the base fee vault on L2 before.
    pub operator: Vault,
}

/// The settings of a fee vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vault {
    /// Who gets it.
    pub recipient: Address,
    /// Least amount that can be withdrawn, wei.
    pub min_withdrawal: U256,
    /// Where the recipient gets it.
    pub network: WithdrawalNetwork,
}

impl Vault {
    /// A vault that pays out any amount on L2.
    pub const fn on_l2(recipient: Address) -> Self {
        Self {
            recipient,
            min_withdrawal: U256::ZERO,
            network: WithdrawalNetwork::L2,
        }
    }
}

/// A layer on which a fee vault pays out, with the number that the contracts have for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithdrawalNetwork {
    /// By a withdrawal to L1.
    L1 = 0,
    /// By a transfer on L2.
    L2 = 1,
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
    /// A compiled contract cannot be used.
    #[error("{}: {problem}", path.display())]
    Artifact {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The constructor of a predeploy failed.
    #[error("the code of `{contract}` cannot be made: {problem}")]
    Constructor {
        /// The contract.
        contract: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl DeployConfig {
    /// A development rollup: chain 901 on chain 900, accounts of the test mnemonic.
    pub fn dev(genesis_time: u64, forks: ForkTimes) -> Self {
        let roles = roles();
        let services = [
            &roles.batcher,
            &roles.proposer,
            &roles.sequencer,
            &roles.challenger,
        ];
        let vault = Vault::on_l2(roles.owner.address());
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
            eip1559: ChainOpConfig::default(),
            extra_data: Bytes::new(),
            batch_inbox: batch_inbox_address(l2_chain_id),
            deployer: roles.owner.address(),
            owner: roles.owner.address(),
            guardian: roles.owner.address(),
            batcher: roles.batcher.address(),
            proposer: roles.proposer.address(),
            challenger: roles.challenger.address(),
            unsafe_signer: roles.sequencer.address(),
            vaults: Vaults {
                sequencer: vault,
                base: vault,
                l1: vault,
                operator: Vault::on_l2(predeploys::BASE_FEE_VAULT),
            },
            withdrawals: Withdrawals {
                proof_maturity_delay_seconds: 4,
                finality_delay_seconds: 2,
                game_clock_seconds: 6,
                bond_delay_seconds: 2,
                bond: ether(1) / U256::from(100),
                oracle_interval_blocks: 10,
                oracle_finalization_seconds: 6,
            },
            governance_token_owner: None,
            dev_token: true,
            deploy_multicall3: false,
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
            ("guardian", self.guardian),
            ("challenger", self.challenger),
            ("unsafe_signer", self.unsafe_signer),
            ("vaults.sequencer", self.vaults.sequencer.recipient),
            ("vaults.base", self.vaults.base.recipient),
            ("vaults.l1", self.vaults.l1.recipient),
            ("vaults.operator", self.vaults.operator.recipient),
            ("batch_inbox", self.batch_inbox),
        ];
        for (key, account) in accounts {
            if account.is_zero() {
                return bad(key, "must not be the zero address");
            }
        }
        let rollup = self.rollup_frame();
        rollup.validate().map_err(|e| GenesisError::Config {
            key: "rollup",
            problem: format!("would not be valid: {e}"),
        })
    }

    /// The rollup configuration, except for what only the deployment tells.
    pub(crate) fn rollup_frame(&self) -> RollupConfig {
        RollupConfig {
            block_time: self.l2_block_time,
            max_sequencer_drift: self.max_sequencer_drift,
            seq_window_size: self.seq_window_size,
            channel_timeout: self.channel_timeout,
            l1_chain_id: self.l1_chain_id,
            l2_chain_id: self.l2_chain_id,
            forks: self.forks,
            batch_inbox_address: self.batch_inbox,
            chain_op_config: self.eip1559,
            ..RollupConfig::default()
        }
    }

    /// The system configuration at genesis, as SystemConfig is initialised.
    pub(crate) fn system_config(&self) -> SystemConfig {
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
