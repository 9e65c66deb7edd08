//! The L1 transactions that deploy the contracts of a rollup.
//!
//! In: the configuration and the deployer's nonce. Out: the transactions in order, and the
//! addresses that result. The plan serves a live L1 and the genesis of the built-in one alike.

use super::{artifacts, config::DeployConfig};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_sol_types::{SolCall, SolValue, sol};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Gas of a call that initialises a proxy; the dearest takes some 500,000.
const INITIALIZE_GAS: u64 = 1_000_000;
/// Gas of a plain transfer or a change of owner.
const SMALL_CALL_GAS: u64 = 100_000;

/// Addresses of the L1 contracts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Addresses {
    /// Administers the proxies.
    pub proxy_admin: Address,
    /// Takes deposits (a proxy).
    pub optimism_portal: Address,
    /// Code behind it.
    pub optimism_portal_impl: Address,
    /// Holds the system configuration (a proxy).
    pub system_config: Address,
    /// Code behind it.
    pub system_config_impl: Address,
}

impl Addresses {
    /// By name, as in `devnet.json`.
    pub fn by_name(&self) -> BTreeMap<String, Address> {
        [
            ("ProxyAdmin", self.proxy_admin),
            ("OptimismPortal", self.optimism_portal),
            ("OptimismPortalImpl", self.optimism_portal_impl),
            ("SystemConfig", self.system_config),
            ("SystemConfigImpl", self.system_config_impl),
        ]
        .map(|(name, address)| (name.to_owned(), address))
        .into()
    }
}

/// A transaction of the deployer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedTx {
    /// What it does, for people.
    pub what: String,
    /// The deployer's nonce.
    pub nonce: u64,
    /// Target; creations have none.
    pub to: TxKind,
    /// Wei it carries.
    pub value: U256,
    /// Init code or calldata.
    pub input: Bytes,
    /// Enough gas for it.
    pub gas_limit: u64,
}

/// Fees that a transaction offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fees {
    /// Most wei per gas.
    pub max_fee_per_gas: u128,
    /// Wei per gas for the block's builder.
    pub max_priority_fee_per_gas: u128,
}

impl PlannedTx {
    /// The transaction to sign.
    pub fn unsigned(&self, chain_id: u64, fees: Fees) -> TxEip1559 {
        TxEip1559 {
            chain_id,
            nonce: self.nonce,
            gas_limit: self.gas_limit,
            max_fee_per_gas: fees.max_fee_per_gas,
            max_priority_fee_per_gas: fees.max_priority_fee_per_gas,
            to: self.to,
            value: self.value,
            input: self.input.clone(),
            ..TxEip1559::default()
        }
    }
}

/// What to send, and what comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployPlan {
    /// In order of nonces. Every one must succeed.
    pub transactions: Vec<PlannedTx>,
    /// Where the contracts are afterwards.
    pub addresses: Addresses,
}

sol! {
    struct ResourceConfig {
        uint32 maxResourceLimit;
        uint8 elasticityMultiplier;
        uint8 baseFeeMaxChangeDenominator;
        uint32 minimumBaseFee;
        uint32 systemTxMaxGas;
        uint128 maximumBaseFee;
    }

    struct SystemConfigAddresses {
        address l1CrossDomainMessenger;
        address l1ERC721Bridge;
        address l1StandardBridge;
        address optimismPortal;
        address optimismMintableERC20Factory;
    }

    interface ISystemConfig {
        function initialize(
            address owner,
            uint32 basefeeScalar,
            uint32 blobbasefeeScalar,
            bytes32 batcherHash,
            uint64 gasLimit,
            address unsafeBlockSigner,
            ResourceConfig config,
            address batchInbox,
            SystemConfigAddresses addresses,
            uint256 l2ChainId,
            address superchainConfig
        );
    }

    interface IOptimismPortal {
        function initialize(address systemConfig, address anchorStateRegistry);
    }

    interface IProxyAdmin {
        function upgradeAndCall(address proxy, address implementation, bytes data);
        function transferOwnership(address newOwner);
    }
}

/// Plans the deployment by `config.deployer`, whose next nonce is `first_nonce`.
pub fn deploy_plan(config: &DeployConfig, first_nonce: u64) -> DeployPlan {
    let mut plan = Planner {
        deployer: config.deployer,
        nonce: first_nonce,
        transactions: vec![],
    };
    let proxy_admin = plan.create(
        "ProxyAdmin",
        &artifacts::PROXY_ADMIN,
        &config.deployer.abi_encode(),
    );
    let system_config_impl = plan.create(
        "SystemConfig implementation",
        &artifacts::SYSTEM_CONFIG,
        &[],
    );
    let delay = U256::from(config.proof_maturity_delay_seconds).abi_encode();
    let optimism_portal_impl = plan.create(
        "OptimismPortal implementation",
        &artifacts::OPTIMISM_PORTAL,
        &delay,
    );
    let admin = proxy_admin.abi_encode();
    let system_config = plan.create("SystemConfig", &artifacts::PROXY, &admin);
    let optimism_portal = plan.create("OptimismPortal", &artifacts::PROXY, &admin);
    let addresses = Addresses {
        proxy_admin,
        optimism_portal,
        optimism_portal_impl,
        system_config,
        system_config_impl,
    };

    let initialize = initialize_system_config(config, &addresses).abi_encode();
    plan.initialize(
        "SystemConfig",
        proxy_admin,
        system_config,
        system_config_impl,
        initialize,
    );
    let initialize = IOptimismPortal::initializeCall {
        systemConfig: system_config,
        anchorStateRegistry: Address::ZERO,
    };
    let initialize = initialize.abi_encode();
    plan.initialize(
        "OptimismPortal",
        proxy_admin,
        optimism_portal,
        optimism_portal_impl,
        initialize,
    );

    if config.owner != config.deployer {
        let call = IProxyAdmin::transferOwnershipCall {
            newOwner: config.owner,
        };
        plan.call(
            "hand ProxyAdmin to the owner",
            proxy_admin,
            U256::ZERO,
            call.abi_encode(),
            SMALL_CALL_GAS,
        );
    }
    for (who, service) in [("batcher", config.batcher), ("proposer", config.proposer)] {
        if service != config.deployer && !config.service_funds.is_zero() {
            plan.call(
                &format!("fund the {who}"),
                service,
                config.service_funds,
                vec![],
                SMALL_CALL_GAS,
            );
        }
    }
    DeployPlan {
        transactions: plan.transactions,
        addresses,
    }
}

fn initialize_system_config(
    config: &DeployConfig,
    addresses: &Addresses,
) -> ISystemConfig::initializeCall {
    ISystemConfig::initializeCall {
        owner: config.owner,
        basefeeScalar: config.scalars.base_fee,
        blobbasefeeScalar: config.scalars.blob_base_fee,
        batcherHash: config.batcher.into_word(),
        gasLimit: config.gas_limit,
        unsafeBlockSigner: config.unsafe_signer,
        // spec: guaranteed-gas-market.md#default-values
        config: ResourceConfig {
            maxResourceLimit: 20_000_000,
            elasticityMultiplier: 10,
            baseFeeMaxChangeDenominator: 8,
            minimumBaseFee: 1_000_000_000,
            systemTxMaxGas: 1_000_000,
            maximumBaseFee: u128::MAX,
        },
        batchInbox: config.batch_inbox,
        addresses: SystemConfigAddresses {
            l1CrossDomainMessenger: Address::ZERO,
            l1ERC721Bridge: Address::ZERO,
            l1StandardBridge: Address::ZERO,
            optimismPortal: addresses.optimism_portal,
            optimismMintableERC20Factory: Address::ZERO,
        },
        l2ChainId: U256::from(config.l2_chain_id),
        superchainConfig: Address::ZERO,
    }
}

/// Lines up transactions and counts nonces.
struct Planner {
    deployer: Address,
    nonce: u64,
    transactions: Vec<PlannedTx>,
}

impl Planner {
    /// Deploys a contract and says where it will be.
    fn create(&mut self, what: &str, artifact: &artifacts::Artifact, arguments: &[u8]) -> Address {
        let address = self.deployer.create(self.nonce);
        let input = artifact.init_code(arguments);
        let gas = creation_gas(&input);
        self.push(
            format!("deploy {what}"),
            TxKind::Create,
            U256::ZERO,
            input,
            gas,
        );
        address
    }

    /// Puts code behind a proxy and initialises it.
    fn initialize(
        &mut self,
        what: &str,
        proxy_admin: Address,
        proxy: Address,
        implementation: Address,
        data: Vec<u8>,
    ) {
        let call = IProxyAdmin::upgradeAndCallCall {
            proxy,
            implementation,
            data: data.into(),
        };
        self.call(
            &format!("initialize {what}"),
            proxy_admin,
            U256::ZERO,
            call.abi_encode(),
            INITIALIZE_GAS,
        );
    }

    fn call(&mut self, what: &str, to: Address, value: U256, input: Vec<u8>, gas_limit: u64) {
        self.push(
            what.to_owned(),
            TxKind::Call(to),
            value,
            input.into(),
            gas_limit,
        );
    }

    fn push(&mut self, what: String, to: TxKind, value: U256, input: Bytes, gas_limit: u64) {
        let nonce = self.nonce;
        self.nonce += 1;
        self.transactions.push(PlannedTx {
            what,
            nonce,
            to,
            value,
            input,
            gas_limit,
        });
    }
}

/// More gas than deploying this init code takes: 200 per byte of code, 16 per byte of calldata,
/// and room for the constructor.
fn creation_gas(init_code: &Bytes) -> u64 {
    300_000 + 220 * init_code.len() as u64
}
