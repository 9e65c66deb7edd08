//! Settings of the proposer, under op-proposer's names and with its defaults.

use alloy_primitives::{Address, U256};
use alloy_signer_local::PrivateKeySigner;
use opal_rpc::RpcError;
use opal_txmgr::TxManagerConfig;
use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

/// The contract that takes proposals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A DisputeGameFactory: each proposal is a game of its own.
    Games {
        /// The factory (`game-factory-address`).
        factory: Address,
        /// Which game is begun (`game-type`).
        game_type: u32,
        /// Least time between two proposals (`proposal-interval`).
        interval: Duration,
    },
    /// A legacy L2OutputOracle, which says itself what it wants next (`l2oo-address`).
    Oracle(Address),
}

impl Target {
    /// Address of the contract.
    pub const fn address(&self) -> Address {
        match self {
            Self::Games { factory, .. } => *factory,
            Self::Oracle(address) => *address,
        }
    }
}

/// Settings of the proposer.
#[derive(Clone, Debug)]
pub struct ProposerConfig {
    /// The key that proposes. Permissioned games and the oracle take proposals from one key only.
    pub signer: PrivateKeySigner,
    /// Where proposals go.
    pub target: Target,
    /// How often nodes and contract are asked (`poll-interval`).
    pub poll_interval: Duration,
    /// Propose what is safe, not only what is finalized (`allow-non-finalized`).
    pub allow_non_finalized: bool,
    /// At the start, wait until the rollup node has read L1 up to its present head
    /// (`wait-node-sync`).
    pub wait_node_sync: bool,
    /// How long a rollup node is asked before another of several is considered
    /// (`active-sequencer-check-duration`).
    pub active_sequencer_check: Duration,
    /// Address of the RPC server.
    pub rpc_addr: SocketAddr,
    /// Whether the RPC server offers `admin_*` (`rpc.enable-admin`).
    pub enable_admin: bool,
    /// Where metrics are served, if anywhere (`metrics.enabled`).
    pub metrics_addr: Option<SocketAddr>,
    /// Sending (`num-confirmations`, `fee-limit-multiplier`, …).
    pub tx_manager: TxManagerConfig,
}

impl ProposerConfig {
    /// The defaults of op-proposer.
    pub fn new(signer: PrivateKeySigner, target: Target) -> Self {
        Self {
            signer,
            target,
            poll_interval: Duration::from_secs(12),
            allow_non_finalized: false,
            wait_node_sync: false,
            active_sequencer_check: Duration::from_secs(120),
            rpc_addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 8560)),
            enable_admin: false,
            metrics_addr: None,
            tx_manager: TxManagerConfig::default(),
        }
    }

    /// Settings for a rollup on one machine whose L1 makes a block every few seconds: what is safe
    /// is proposed, as soon as `interval` allows.
    pub fn devnet(signer: PrivateKeySigner, factory: Address, game_type: u32) -> Self {
        let target = Target::Games {
            factory,
            game_type,
            interval: Duration::from_secs(6),
        };
        Self {
            poll_interval: Duration::from_millis(500),
            allow_non_finalized: true,
            rpc_addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            enable_admin: true,
            tx_manager: TxManagerConfig::devnet(),
            ..Self::new(signer, target)
        }
    }
}

/// Why the proposer cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ProposerError {
    /// A node did not answer, or is on another chain.
    #[error("proposer: {0}")]
    Rpc(#[from] RpcError),
    /// No rollup node was named.
    #[error("proposer: no rollup node is configured; name one at least (--rollup-rpc)")]
    NoNode,
    /// A rollup node belongs to another rollup than L1 carries, or than the other nodes.
    #[error("proposer: the rollup node at {endpoint} {problem}")]
    WrongNode {
        /// The node.
        endpoint: String,
        /// How it differs.
        problem: String,
    },
    /// There is no contract, or it is another kind.
    #[error("proposer: {address} on L1 (chain {chain_id}, {endpoint}) is no {kind}: {problem}")]
    NoContract {
        /// The address that was configured.
        address: Address,
        /// L1's chain id.
        chain_id: u64,
        /// L1's node.
        endpoint: String,
        /// What should be there.
        kind: &'static str,
        /// What is there.
        problem: String,
    },
    /// The factory cannot begin such games.
    #[error("proposer: the factory {factory} has no games of type {game_type}; {known}")]
    UnknownGameType {
        /// The factory.
        factory: Address,
        /// The type that was configured (`game-type`).
        game_type: u32,
        /// Which types it has, in words.
        known: String,
    },
    /// The contract takes proposals from another account only.
    #[error(
        "proposer: the key belongs to {given}, but only {allowed} may propose to {contract} {address} on L1 (chain {chain_id}); give the key of that account"
    )]
    WrongKey {
        /// The account of the key.
        given: Address,
        /// The account that may propose.
        allowed: Address,
        /// What refuses it, in words.
        contract: String,
        /// The contract that was configured.
        address: Address,
        /// L1's chain id.
        chain_id: u64,
    },
    /// The account has nothing to pay with.
    #[error(
        "proposer: account {address} has {balance} wei on L1 (chain {chain_id}), but a proposal takes a bond of {bond} wei and gas; send ether to it"
    )]
    Unfunded {
        /// The account of the key.
        address: Address,
        /// L1's chain id.
        chain_id: u64,
        /// What it has.
        balance: U256,
        /// What the contract wants with each proposal.
        bond: U256,
    },
    /// The transaction manager cannot start.
    #[error("proposer: {0}")]
    TxManager(#[from] opal_txmgr::StartError),
    /// A server cannot listen.
    #[error("proposer: {0}")]
    Listen(#[from] opal_txmgr::serve::ListenError),
}
