//! The L1 transactions that deploy the contracts of a rollup.
//!
//! In: the configuration and the deployer's nonce. Out: the transactions in order, and the
//! addresses that result. The plan serves a live L1 and the genesis of the built-in one alike.
//!
//! The deployment has two parts. [`deploy_plan`] makes everything whose content follows from the
//! configuration. [`finish_plan`] then anchors the withdrawals in the first output of L2, which
//! depends on the L1 block that the rollup starts from, and hands the contracts to their owner.

use crate::{abi, addresses::Addresses, artifacts::embedded, config::DeployConfig};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_sol_types::{SolCall, SolValue};

/// Gas of a call that initialises a proxy; the dearest takes some 500,000.
const INITIALIZE_GAS: u64 = 1_000_000;
/// Gas of a plain transfer or a change of owner.
const SMALL_CALL_GAS: u64 = 100_000;
/// Gas of registering a game with its arguments.
const REGISTER_GAS: u64 = 500_000;
/// The game type of permissioned games, which our quick game takes the place of.
pub const GAME_TYPE: u32 = 1;
/// Name and symbol of the token for trying out.
pub(crate) const DEV_TOKEN: (&str, &str) = ("Opal Dev Token", "ODT");
/// Tokens that each prefunded account gets, in units of 1e-18.
const DEV_TOKEN_AMOUNT: u128 = 1_000_000 * 1_000_000_000_000_000_000;

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
    /// The deployer's nonce after them.
    pub next_nonce: u64,
}

/// The output that withdrawals are anchored in: that of the first L2 block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Anchor {
    /// Output root of the first L2 block.
    pub output_root: B256,
    /// Its time, unix seconds.
    pub l2_time: u64,
}

/// Plans the deployment by `config.deployer`, whose next nonce is `first_nonce`.
pub fn deploy_plan(config: &DeployConfig, first_nonce: u64) -> DeployPlan {
    let mut plan = Planner {
        deployer: config.deployer,
        nonce: first_nonce,
        transactions: vec![],
    };
    let mut at = Addresses {
        proxy_admin: plan.create("ProxyAdmin", &config.deployer.abi_encode()),
        ..Addresses::default()
    };
    if config.deploy_multicall3 {
        at.multicall3 = plan.create("Multicall3", &[]);
    }
    if config.dev_token {
        let (name, symbol) = DEV_TOKEN;
        let arguments = (
            name,
            symbol,
            config.prefunded.clone(),
            U256::from(DEV_TOKEN_AMOUNT),
        );
        at.dev_token = plan.create("DevToken", &arguments.abi_encode_params());
    }
    plan.proxies(&mut at);
    plan.implementations(config, &mut at);
    plan.initialize_all(config, &at);
    plan.register_game(config, &at);
    DeployPlan {
        transactions: plan.transactions,
        addresses: at,
        next_nonce: plan.nonce,
    }
}

/// Plans what is left once the first L2 block is known: the transactions after those of
/// [`deploy_plan`], which ended at `next_nonce`.
pub fn finish_plan(
    config: &DeployConfig,
    at: &Addresses,
    next_nonce: u64,
    anchor: Anchor,
) -> Vec<PlannedTx> {
    let mut plan = Planner {
        deployer: config.deployer,
        nonce: next_nonce,
        transactions: vec![],
    };
    let registry = abi::IAnchorStateRegistry::initializeCall {
        systemConfig: at.system_config,
        disputeGameFactory: at.dispute_game_factory,
        startingAnchorRoot: abi::Proposal {
            root: anchor.output_root,
            l2SequenceNumber: U256::ZERO,
        },
        startingRespectedGameType: GAME_TYPE,
    };
    plan.initialize(
        at,
        "AnchorStateRegistry",
        [at.anchor_state_registry, at.anchor_state_registry_impl],
        registry.abi_encode(),
    );
    let withdrawals = &config.withdrawals;
    let oracle = abi::IL2OutputOracle::initializeCall {
        submissionInterval: U256::from(withdrawals.oracle_interval_blocks),
        l2BlockTime: U256::from(config.l2_block_time),
        startingBlockNumber: U256::ZERO,
        startingTimestamp: U256::from(anchor.l2_time),
        proposer: config.proposer,
        challenger: config.challenger,
        finalizationPeriodSeconds: U256::from(withdrawals.oracle_finalization_seconds),
    };
    plan.initialize(
        at,
        "L2OutputOracle",
        [at.l2_output_oracle, at.l2_output_oracle_impl],
        oracle.abi_encode(),
    );
    plan.hand_over(config, at);
    plan.transactions
}

fn initialize_system_config(
    config: &DeployConfig,
    at: &Addresses,
) -> abi::ISystemConfig::initializeCall {
    abi::ISystemConfig::initializeCall {
        owner: config.owner,
        basefeeScalar: config.scalars.base_fee,
        blobbasefeeScalar: config.scalars.blob_base_fee,
        batcherHash: config.batcher.into_word(),
        gasLimit: config.gas_limit,
        unsafeBlockSigner: config.unsafe_signer,
        // spec: guaranteed-gas-market.md#default-values
        config: abi::ResourceConfig {
            maxResourceLimit: 20_000_000,
            elasticityMultiplier: 10,
            baseFeeMaxChangeDenominator: 8,
            minimumBaseFee: 1_000_000_000,
            systemTxMaxGas: 1_000_000,
            maximumBaseFee: u128::MAX,
        },
        batchInbox: config.batch_inbox,
        addresses: abi::SystemConfigAddresses {
            l1CrossDomainMessenger: at.l1_cross_domain_messenger,
            l1ERC721Bridge: at.l1_erc721_bridge,
            l1StandardBridge: at.l1_standard_bridge,
            optimismPortal: at.optimism_portal,
            optimismMintableERC20Factory: at.optimism_mintable_erc20_factory,
        },
        l2ChainId: U256::from(config.l2_chain_id),
        superchainConfig: at.superchain_config,
    }
}

/// Lines up transactions and counts nonces.
struct Planner {
    deployer: Address,
    nonce: u64,
    transactions: Vec<PlannedTx>,
}

impl Planner {
    /// Proxies come first, since the initialisers name each other.
    fn proxies(&mut self, at: &mut Addresses) {
        let admin = at.proxy_admin.abi_encode();
        for (name, proxy, _) in at.proxied_mut() {
            *proxy = self.create_as("Proxy", &format!("{name} proxy"), &admin);
        }
    }

    fn implementations(&mut self, config: &DeployConfig, at: &mut Addresses) {
        let delays = &config.withdrawals;
        for (name, _, implementation) in at.proxied_mut() {
            let delay = match name {
                "OptimismPortal" => Some(delays.proof_maturity_delay_seconds),
                "AnchorStateRegistry" => Some(delays.finality_delay_seconds),
                "DelayedWETH" => Some(delays.bond_delay_seconds),
                _ => None,
            };
            let arguments = delay.map(|delay| U256::from(delay).abi_encode());
            *implementation = self.create(name, &arguments.unwrap_or_default());
        }
        let clock = delays.game_clock_seconds.abi_encode();
        at.quick_dispute_game = self.create("QuickDisputeGame", &clock);
    }

    /// Everything except for what depends on the first L2 block.
    fn initialize_all(&mut self, config: &DeployConfig, at: &Addresses) {
        let calls = [
            (
                "SuperchainConfig",
                [at.superchain_config, at.superchain_config_impl],
                abi::ISuperchainConfig::initializeCall {
                    guardian: config.guardian,
                }
                .abi_encode(),
            ),
            (
                "ProtocolVersions",
                [at.protocol_versions, at.protocol_versions_impl],
                abi::IProtocolVersions::initializeCall {
                    owner: config.owner,
                    required: U256::ZERO,
                    recommended: U256::ZERO,
                }
                .abi_encode(),
            ),
            (
                "SystemConfig",
                [at.system_config, at.system_config_impl],
                initialize_system_config(config, at).abi_encode(),
            ),
            (
                "OptimismPortal",
                [at.optimism_portal, at.optimism_portal_impl],
                abi::IOptimismPortal::initializeCall {
                    systemConfig: at.system_config,
                    anchorStateRegistry: at.anchor_state_registry,
                }
                .abi_encode(),
            ),
            (
                "DisputeGameFactory",
                [at.dispute_game_factory, at.dispute_game_factory_impl],
                abi::IDisputeGameFactory::initializeCall {
                    owner: self.deployer,
                }
                .abi_encode(),
            ),
            (
                "DelayedWETH",
                [at.delayed_weth, at.delayed_weth_impl],
                abi::IDelayedWETH::initializeCall {
                    systemConfig: at.system_config,
                }
                .abi_encode(),
            ),
        ];
        for (name, contract, call) in calls {
            self.initialize(at, name, contract, call);
        }
        self.initialize_bridges(at);
    }

    fn initialize_bridges(&mut self, at: &Addresses) {
        let messenger = abi::IL1CrossDomainMessenger::initializeCall {
            systemConfig: at.system_config,
            portal: at.optimism_portal,
        };
        let bridge = abi::IL1Bridge::initializeCall {
            messenger: at.l1_cross_domain_messenger,
            systemConfig: at.system_config,
        };
        let factory = abi::IOptimismMintableERC20Factory::initializeCall {
            bridge: at.l1_standard_bridge,
        };
        let calls = [
            (
                "L1CrossDomainMessenger",
                [
                    at.l1_cross_domain_messenger,
                    at.l1_cross_domain_messenger_impl,
                ],
                messenger.abi_encode(),
            ),
            (
                "L1StandardBridge",
                [at.l1_standard_bridge, at.l1_standard_bridge_impl],
                bridge.abi_encode(),
            ),
            (
                "L1ERC721Bridge",
                [at.l1_erc721_bridge, at.l1_erc721_bridge_impl],
                bridge.abi_encode(),
            ),
            (
                "OptimismMintableERC20Factory",
                [
                    at.optimism_mintable_erc20_factory,
                    at.optimism_mintable_erc20_factory_impl,
                ],
                factory.abi_encode(),
            ),
        ];
        for (name, contract, call) in calls {
            self.initialize(at, name, contract, call);
        }
    }

    /// Makes the quick game the one that proposals start.
    fn register_game(&mut self, config: &DeployConfig, at: &Addresses) {
        // As permissioned games of existing chains have them; prestate and VM are of no use here.
        let arguments = [
            B256::ZERO.as_slice(),
            Address::ZERO.as_slice(),
            at.anchor_state_registry.as_slice(),
            at.delayed_weth.as_slice(),
            &U256::from(config.l2_chain_id).to_be_bytes::<32>(),
            config.proposer.as_slice(),
            config.challenger.as_slice(),
        ]
        .concat();
        let register = abi::IDisputeGameFactory::setImplementationCall {
            gameType: GAME_TYPE,
            game: at.quick_dispute_game,
            args: arguments.into(),
        };
        let factory = at.dispute_game_factory;
        self.call(
            "register the dispute game",
            factory,
            U256::ZERO,
            register.abi_encode(),
            REGISTER_GAS,
        );
        let bond = abi::IDisputeGameFactory::setInitBondCall {
            gameType: GAME_TYPE,
            bond: config.withdrawals.bond,
        };
        self.call(
            "set the bond of proposals",
            factory,
            U256::ZERO,
            bond.abi_encode(),
            SMALL_CALL_GAS,
        );
    }

    /// Gives the contracts to their owner, and the services their funds.
    fn hand_over(&mut self, config: &DeployConfig, at: &Addresses) {
        if config.owner != config.deployer {
            let call = abi::IProxyAdmin::transferOwnershipCall {
                newOwner: config.owner,
            }
            .abi_encode();
            for (name, contract) in [
                ("DisputeGameFactory", at.dispute_game_factory),
                ("ProxyAdmin", at.proxy_admin),
            ] {
                let what = format!("hand {name} to the owner");
                self.call(&what, contract, U256::ZERO, call.clone(), SMALL_CALL_GAS);
            }
        }
        for (who, service) in [
            ("batcher", config.batcher),
            ("proposer", config.proposer),
            ("challenger", config.challenger),
        ] {
            if service != config.deployer && !config.service_funds.is_zero() {
                self.call(
                    &format!("fund the {who}"),
                    service,
                    config.service_funds,
                    vec![],
                    SMALL_CALL_GAS,
                );
            }
        }
    }

    /// Deploys a contract and says where it will be.
    fn create(&mut self, name: &str, arguments: &[u8]) -> Address {
        self.create_as(name, name, arguments)
    }

    fn create_as(&mut self, name: &str, what: &str, arguments: &[u8]) -> Address {
        let address = self.deployer.create(self.nonce);
        let input = embedded(name).init_code(arguments);
        let gas = creation_gas(&input, arguments);
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
        at: &Addresses,
        what: &str,
        [proxy, implementation]: [Address; 2],
        data: Vec<u8>,
    ) {
        let call = abi::IProxyAdmin::upgradeAndCallCall {
            proxy,
            implementation,
            data: data.into(),
        };
        self.call(
            &format!("initialize {what}"),
            at.proxy_admin,
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

/// More gas than deploying this init code takes: 200 per byte of code, 16 per byte of calldata, and
/// room for the constructor, which may write a slot or two for each of its arguments.
fn creation_gas(init_code: &Bytes, arguments: &[u8]) -> u64 {
    let words = (arguments.len() / 32) as u64;
    300_000 + 220 * init_code.len() as u64 + 60_000 * words
}
