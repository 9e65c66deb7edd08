//! The services of a devnet, started in order and stopped in reverse.

use crate::{
    beacon_shim,
    config::{DataAvailability, DevnetConfig, ExternalL1},
    descriptor::{Account, Descriptor, L1Endpoints, L2Endpoints, NodeEndpoints},
    dev_l1::{DevL1, DevL1Config},
    error::DevnetError,
    existing, external, genesis,
    home::Home,
    proposing,
    resolving::Resolver,
};
use alloy_genesis::Genesis;
use alloy_primitives::Address;
use alloy_signer_local::PrivateKeySigner;
use opal_batcher::{BatcherConfig, BatcherHandle};
use opal_engine::{ChainConfig, Engine, EngineConfig};
use opal_l1::{L1Options, L1Source};
use opal_node::{NodeConfig, NodeHandle, NodeMode};
use opal_proposer::ProposerHandle;
use opal_protocol::{L1ChainConfig, predeploys};
use opal_rpc::{BeaconClient, EthClient, JwtSecret, RollupClient, SyncStatus};
use opal_txmgr::TxManagerConfig;
use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

/// How often services ask for news. Everything is on this machine, so asking is cheap.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// L1 blocks after which the batcher closes a channel that is not full.
const CHANNEL_DURATION_BLOCKS: u64 = 1;
/// Table size of the KZG library that all services share: the smallest, for memory counts here.
const KZG_PRECOMPUTE: u64 = 0;
/// Port fields of [`Side::start`]: JSON-RPC, Engine API, rollup node.
type SidePorts = [u16; 3];

/// The L1 under the rollup.
pub(crate) enum L1 {
    /// The built-in one.
    Dev(Box<DevL1>),
    /// Somebody else's.
    External(ExternalL1),
}

/// A rollup node and its engine.
pub(crate) struct Side {
    pub(crate) engine: Engine,
    pub(crate) node: NodeHandle,
}

/// A running devnet.
pub struct Devnet {
    pub(crate) l1: L1,
    pub(crate) sequencer: Side,
    pub(crate) verifier: Side,
    pub(crate) batcher: BatcherHandle,
    pub(crate) proposer: Option<ProposerHandle>,
    resolver: Option<Resolver>,
    pub(crate) descriptor: Descriptor,
}

impl L1 {
    fn rpc_url(&self) -> String {
        match self {
            Self::Dev(l1) => l1.engine.rpc_url(),
            Self::External(l1) => l1.rpc.clone(),
        }
    }

    fn beacon_url(&self) -> String {
        match self {
            Self::Dev(l1) => l1.beacon_url.clone(),
            Self::External(l1) => l1.beacon.clone(),
        }
    }

    fn source(&self, home: &Home) -> Result<Arc<L1Source>, DevnetError> {
        let trust_rpc = matches!(self, Self::External(l1) if l1.trust_rpc);
        let options = L1Options {
            trust_rpc,
            poll_interval: POLL_INTERVAL,
            ..L1Options::default()
        };
        let eth = EthClient::new(&self.rpc_url())?;
        let beacon = BeaconClient::new(&self.beacon_url(), &[])?;
        Ok(Arc::new(L1Source::new(
            eth,
            beacon,
            Arc::new(home.rollup.clone()),
            options,
        )))
    }
}

/// The L1 and the genesis of the rollup on it: found in the data directory, or made.
async fn settle(config: &DevnetConfig) -> Result<(Home, L1), DevnetError> {
    let found = if config.ephemeral {
        None
    } else {
        Home::load(config)?
    };
    let Some(outside) = &config.external_l1 else {
        if config.rollup.is_some() {
            return Err(DevnetError::Config(
                "a rollup that exists needs the L1 it is on; name it with --l1.rpc and --l1.beacon"
                    .into(),
            ));
        }
        let home = match found {
            Some(home) => home,
            None => Home::create(config)?,
        };
        let l1 = start_dev_l1(config, &home).await?;
        return Ok((home, l1));
    };
    let home = match (found, &config.rollup) {
        (Some(home), rollup) => {
            external::check(&home, outside).await?;
            if let Some(rollup) = rollup {
                existing::check_same(&home, rollup)?;
            }
            home
        }
        (None, Some(rollup)) => existing::join(config, rollup, outside).await?,
        (None, None) => external::deploy(config, outside).await?,
    };
    let l1 = EthClient::new(&outside.rpc)?;
    existing::check_batcher(&l1, &home.rollup, config.batcher().address()).await?;
    let beacon = beacon_shim::start(&outside.rpc, &outside.beacon).await;
    let beacon = beacon.map_err(|e| DevnetError::L1(e.to_string()))?;
    Ok((
        home,
        L1::External(ExternalL1 {
            beacon,
            ..outside.clone()
        }),
    ))
}

/// Starts the built-in L1 of `home`.
async fn start_dev_l1(config: &DevnetConfig, home: &Home) -> Result<L1, DevnetError> {
    let Some(l1_genesis) = home.l1.clone() else {
        return Err(DevnetError::Config(
            "this data directory belongs to a devnet on another L1; name it with --l1.rpc and --l1.beacon".into(),
        ));
    };
    let chain = ChainConfig::ethereum_dev(home.rollup.l1_chain_id);
    let genesis_time = l1_genesis.timestamp;
    let mut engine = EngineConfig::new(chain, l1_genesis);
    engine.datadir = folder(config, "l1");
    engine.rpc_addr = SocketAddr::new(config.host, config.ports.l1_rpc);
    let l1 = DevL1::start(DevL1Config {
        engine,
        blobs: folder(config, "l1-blobs"),
        genesis_time,
        block_time: home.l1_block_time,
        host: config.host,
        beacon_port: config.ports.l1_beacon,
        control_port: config.ports.l1_control,
    });
    Ok(L1::Dev(Box::new(l1.await?)))
}

impl Devnet {
    /// Starts a devnet, new or resumed, and writes `devnet.json`.
    pub async fn launch(config: &DevnetConfig) -> Result<Self, DevnetError> {
        // Several services want these tables; loading takes a while, so it starts before they ask.
        tokio::task::spawn_blocking(|| c_kzg::ethereum_kzg_settings(KZG_PRECOMPUTE));
        std::fs::create_dir_all(&config.datadir).map_err(DevnetError::folder(&config.datadir))?;
        let (home, l1) = settle(config).await?;
        let devnet = Self::start(config, &home, l1).await?;
        let path = config.descriptor_path();
        devnet
            .descriptor
            .write(&path)
            .map_err(DevnetError::folder(&path))?;
        Ok(devnet)
    }

    /// What `devnet.json` says.
    pub const fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Where the sequencer's node stands.
    pub fn sequencer_status(&self) -> SyncStatus {
        *self.sequencer.node.status().borrow()
    }

    /// Where the verifier's node stands.
    pub fn verifier_status(&self) -> SyncStatus {
        *self.verifier.node.status().borrow()
    }

    /// Starts everything above the L1.
    async fn start(config: &DevnetConfig, home: &Home, l1: L1) -> Result<Self, DevnetError> {
        let ports = &config.ports;
        let sequencer = Side::start(SideConfig {
            config,
            home,
            l1: &l1,
            name: "sequencer",
            ports: [
                ports.sequencer_rpc,
                ports.sequencer_engine,
                ports.sequencer_node,
            ],
            mode: NodeMode::Sequencer {
                stopped: false,
                l1_confs: 0,
                max_safe_lag: 0,
            },
            sequencer_url: None,
        })
        .await?;
        let verifier = Side::start(SideConfig {
            config,
            home,
            l1: &l1,
            name: "verifier",
            ports: [
                ports.verifier_rpc,
                ports.verifier_engine,
                ports.verifier_node,
            ],
            mode: NodeMode::Verifier,
            sequencer_url: Some(sequencer.engine.rpc_url()),
        })
        .await?;
        let batcher = start_batcher(config, &l1, &sequencer).await?;
        let urls = [l1.rpc_url(), sequencer.node.rpc_url()];
        let proposer = proposing::start(config, home, &urls, POLL_INTERVAL).await?;
        // A rollup that exists has challengers of its own, whose keys nobody gave us.
        let resolver = match home.addresses.get(proposing::FACTORY) {
            Some(factory) if config.rollup.is_none() => {
                Some(Resolver::start(*factory, &l1.rpc_url(), POLL_INTERVAL).await?)
            }
            _ => None,
        };
        let mut descriptor = describe(home, &l1, &sequencer, &verifier, &batcher)?;
        descriptor.roles = roles(config);
        descriptor.l2.proposer = proposer.as_ref().map(ProposerHandle::rpc_url);
        Ok(Self {
            l1,
            sequencer,
            verifier,
            batcher,
            proposer,
            resolver,
            descriptor,
        })
    }

    /// Stops everything, in the order in which data flows: nothing is asked for after its source
    /// is gone.
    pub async fn shutdown(self) {
        if let Some(resolver) = self.resolver {
            resolver.shutdown().await;
        }
        if let Some(proposer) = self.proposer {
            proposer.shutdown().await;
        }
        self.batcher.shutdown().await;
        for side in [self.sequencer, self.verifier] {
            side.node.shutdown().await;
            side.engine.shutdown().await;
        }
        if let L1::Dev(l1) = self.l1 {
            l1.shutdown().await;
        }
    }
}

struct SideConfig<'a> {
    config: &'a DevnetConfig,
    home: &'a Home,
    l1: &'a L1,
    name: &'static str,
    ports: SidePorts,
    mode: NodeMode,
    sequencer_url: Option<String>,
}

impl Side {
    async fn start(side: SideConfig<'_>) -> Result<Self, DevnetError> {
        let SideConfig {
            config, home, name, ..
        } = side;
        let [rpc, engine_port, node_port] = side.ports;
        let addr = |port| SocketAddr::new(config.host, port);
        let mut engine = EngineConfig::new(ChainConfig::optimism(&home.rollup), home.l2.clone());
        engine.datadir = folder(config, name);
        engine.rpc_addr = addr(rpc);
        engine.auth_addr = Some(addr(engine_port));
        engine.jwt = Some(JwtSecret::load_or_create(&home.jwt)?);
        engine.sequencer_url = side.sequencer_url;
        let engine = Engine::start(engine)
            .await
            .map_err(DevnetError::engine(name))?;

        let mut node = NodeConfig::new(home.rollup.clone(), l1_config(home));
        node.upgrades = home.upgrades.clone();
        node.mode = side.mode;
        node.rpc_addr = addr(node_port);
        node.enable_admin = true;
        node.safedb_path = folder(config, &format!("{name}-safe-heads.jsonl"));
        node.name = name.into();
        let source = side.l1.source(home)?;
        let node = opal_node::start(node, source, engine.api()).await;
        Ok(Self {
            node: node.map_err(DevnetError::node(name))?,
            engine,
        })
    }

    fn endpoints(&self) -> NodeEndpoints {
        NodeEndpoints {
            rpc: self.engine.rpc_url(),
            engine: self.engine.auth_url().unwrap_or_default(),
            node: self.node.rpc_url(),
        }
    }
}

/// Where a chain lives: a folder of the data directory, or nowhere when it is kept in memory.
fn folder(config: &DevnetConfig, name: &str) -> Option<PathBuf> {
    (!config.ephemeral).then(|| config.datadir.join(name))
}

/// Blob parameters of the L1: those of a known chain, else those of a development chain.
fn l1_config(home: &Home) -> L1ChainConfig {
    let chain_id = home.rollup.l1_chain_id;
    L1ChainConfig::known(chain_id).unwrap_or_else(|| L1ChainConfig::dev(chain_id))
}

async fn start_batcher(
    config: &DevnetConfig,
    l1: &L1,
    sequencer: &Side,
) -> Result<BatcherHandle, DevnetError> {
    let mut batcher = BatcherConfig::devnet(config.batcher());
    batcher.data_availability = match config.da {
        DataAvailability::Blobs => opal_batcher::DataAvailability::Blobs,
        DataAvailability::Calldata => opal_batcher::DataAvailability::Calldata,
    };
    batcher.poll_interval = POLL_INTERVAL;
    batcher.max_channel_duration = CHANNEL_DURATION_BLOCKS;
    batcher.rpc_addr = SocketAddr::new(config.host, config.ports.batcher);
    batcher.enable_admin = true;
    let metrics = SocketAddr::new(config.host, config.ports.batcher_metrics);
    batcher.metrics_addr = Some(metrics);
    batcher.tx_manager = TxManagerConfig::devnet();
    let started = opal_batcher::start(
        batcher,
        EthClient::new(&l1.rpc_url())?,
        EthClient::new(&sequencer.engine.rpc_url())?,
        RollupClient::new(&sequencer.node.rpc_url())?,
    );
    started
        .await
        .map_err(|e| DevnetError::Batcher(e.to_string()))
}

fn describe(
    home: &Home,
    l1: &L1,
    sequencer: &Side,
    verifier: &Side,
    batcher: &BatcherHandle,
) -> Result<Descriptor, DevnetError> {
    let control = match l1 {
        L1::Dev(l1) => Some(l1.control_url.clone()),
        L1::External(_) => None,
    };
    let mut contracts = home.addresses.clone();
    // The built-in L1 has it where people look for it.
    contracts
        .entry("Multicall3".to_owned())
        .or_insert(genesis::MULTICALL3);
    contracts.extend(L2_CONTRACTS.map(|(name, address)| (name.to_owned(), address)));
    let rollup_config = serde_json::to_value(&home.rollup)
        .map_err(|e| DevnetError::Config(format!("rollup config: {e}")))?;
    Ok(Descriptor {
        l1: L1Endpoints {
            chain_id: home.rollup.l1_chain_id,
            rpc: l1.rpc_url(),
            beacon: l1.beacon_url(),
            control,
        },
        l2: L2Endpoints {
            chain_id: home.rollup.l2_chain_id,
            sequencer: sequencer.endpoints(),
            verifier: verifier.endpoints(),
            batcher: batcher.rpc_url(),
            batcher_metrics: batcher.metrics_url(),
            proposer: None,
        },
        accounts: funded(&home.l2),
        roles: BTreeMap::new(),
        contracts,
        rollup_config,
        jwt: home.jwt.display().to_string(),
    })
}

/// The accounts of the test mnemonic that have ether in the first block of L2.
fn funded(l2: &Genesis) -> Vec<Account> {
    let accounts = genesis::dev_accounts().into_iter();
    let has_ether = |key: &PrivateKeySigner| {
        let found = l2.alloc.get(&key.address());
        found.is_some_and(|found| !found.balance.is_zero())
    };
    accounts
        .filter(has_ether)
        .map(|key| account(&key))
        .collect()
}

/// The services' accounts by name, as far as their keys are known.
fn roles(config: &DevnetConfig) -> BTreeMap<String, Account> {
    let mut keys = BTreeMap::from([("batcher", config.batcher())]);
    keys.extend(config.proposer().map(|key| ("proposer", key)));
    if config.rollup.is_none() {
        let roles = genesis::roles();
        keys.extend([
            ("owner", roles.owner),
            ("challenger", roles.challenger),
            ("sequencer", roles.sequencer),
        ]);
    }
    let named = keys
        .iter()
        .map(|(name, key)| ((*name).to_owned(), account(key)));
    named.collect()
}

fn account(key: &PrivateKeySigner) -> Account {
    Account {
        address: key.address(),
        private_key: key.to_bytes(),
    }
}

/// Predeploys by the names of their contracts; a name that L1 has too is marked.
const L2_CONTRACTS: [(&str, Address); 17] = [
    ("WETH", predeploys::WETH9),
    (
        "L2CrossDomainMessenger",
        predeploys::L2_CROSS_DOMAIN_MESSENGER,
    ),
    ("GasPriceOracle", predeploys::GAS_PRICE_ORACLE),
    ("L2StandardBridge", predeploys::L2_STANDARD_BRIDGE),
    ("SequencerFeeVault", predeploys::SEQUENCER_FEE_VAULT),
    (
        "L2OptimismMintableERC20Factory",
        predeploys::OPTIMISM_MINTABLE_ERC20_FACTORY,
    ),
    ("L2ERC721Bridge", predeploys::L2_ERC721_BRIDGE),
    ("L1Block", predeploys::L1_BLOCK),
    ("L2ToL1MessagePasser", predeploys::L2_TO_L1_MESSAGE_PASSER),
    (
        "OptimismMintableERC721Factory",
        predeploys::OPTIMISM_MINTABLE_ERC721_FACTORY,
    ),
    ("L2ProxyAdmin", predeploys::PROXY_ADMIN),
    ("BaseFeeVault", predeploys::BASE_FEE_VAULT),
    ("L1FeeVault", predeploys::L1_FEE_VAULT),
    ("OperatorFeeVault", predeploys::OPERATOR_FEE_VAULT),
    ("SchemaRegistry", predeploys::SCHEMA_REGISTRY),
    ("EAS", predeploys::EAS),
    ("L2Multicall3", genesis::MULTICALL3),
];
