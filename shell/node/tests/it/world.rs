//! One L1, one engine, and nodes over them.

use crate::{
    engine::{FakeEngine, genesis},
    l1::{CHAIN_ID, FakeL1},
};
use alloy_primitives::{U256, address};
use opal_l1::{L1Options, L1Source};
use opal_node::{NodeConfig, NodeError, NodeHandle, NodeMode};
use opal_protocol::{
    Fork, ForkTimes, L1ChainConfig, L2Id, RollupConfig, RollupGenesis, SystemConfig,
};
use opal_rpc::{EthClient, EthOptions, RetryPolicy, RollupClient, SyncStatus};
use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// L1 blocks within which a batch must be included. Nobody posts any here: the chain consists of
/// the blocks that L1 dictates once this window has closed.
pub(crate) const WINDOW: u64 = 4;

pub(crate) struct World {
    pub l1: FakeL1,
    pub(crate) engine: Arc<FakeEngine>,
    pub(crate) config: RollupConfig,
}

pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

impl World {
    /// An L1 of `length` blocks, one per second, the last of which is of this moment. L2 has a
    /// block per second as well.
    pub(crate) async fn new(length: u64) -> Self {
        let time = now() - length;
        let l1 = FakeL1::start(time, 1, length).await;
        let genesis = genesis(time);
        let config = RollupConfig {
            genesis: RollupGenesis {
                l1: l1.chain().genesis(),
                l2: L2Id {
                    hash: genesis.hash,
                    number: 0,
                },
                l2_time: time,
                system_config: SystemConfig {
                    batcher_address: address!("00000000000000000000000000000000000000ba"),
                    gas_limit: 30_000_000,
                    scalar: U256::from(1u64) << 248,
                    ..SystemConfig::default()
                },
            },
            block_time: 1,
            max_sequencer_drift: 600,
            seq_window_size: WINDOW,
            channel_timeout: 50,
            l1_chain_id: CHAIN_ID,
            l2_chain_id: 901,
            forks: ForkTimes::at_genesis(Fork::Jovian),
            ..RollupConfig::default()
        };
        Self {
            l1,
            engine: Arc::new(FakeEngine::new(genesis)),
            config,
        }
    }

    pub(crate) fn source(&self, url: &str) -> Arc<L1Source> {
        let retry = RetryPolicy::NONE;
        let options = EthOptions {
            retry,
            timeout: Duration::from_secs(2),
            ..Default::default()
        };
        let eth = EthClient::with_options(url, options).unwrap();
        let options = L1Options {
            poll_interval: Duration::from_millis(50),
            ..Default::default()
        };
        Arc::new(L1Source::new(
            eth,
            None,
            Arc::new(self.config.clone()),
            options,
        ))
    }

    pub(crate) fn node_config(&self, mode: NodeMode) -> NodeConfig {
        let mut config = NodeConfig::new(self.config.clone(), L1ChainConfig::dev(CHAIN_ID));
        config.mode = mode;
        config.enable_admin = true;
        config.start_patience = Duration::from_millis(700);
        config
    }

    pub(crate) async fn try_start(&self, config: NodeConfig) -> Result<NodeHandle, NodeError> {
        opal_node::start(config, self.source(&self.l1.url), self.engine.clone()).await
    }

    pub(crate) async fn start(&self, mode: NodeMode) -> NodeHandle {
        self.try_start(self.node_config(mode)).await.unwrap()
    }
}

pub(crate) const SEQUENCER: NodeMode = NodeMode::Sequencer {
    stopped: false,
    l1_confs: 0,
    max_safe_lag: 0,
};

/// A client of a node's RPC that asks once.
pub(crate) fn client(node: &NodeHandle) -> RollupClient {
    let options = EthOptions {
        retry: RetryPolicy::NONE,
        ..Default::default()
    };
    RollupClient::with_options(&node.rpc_url(), options).unwrap()
}

/// Waits until the status fulfils `wanted`.
pub(crate) async fn until(
    node: &NodeHandle,
    wanted: impl FnMut(&SyncStatus) -> bool,
) -> SyncStatus {
    let mut status = node.status();
    let waited = tokio::time::timeout(Duration::from_secs(20), status.wait_for(wanted)).await;
    match waited {
        Ok(status) => *status.unwrap(),
        Err(_) => panic!("not reached in 20 s: {:#?}", *node.status().borrow()),
    }
}
