//! The proposer of a devnet.

use crate::{config::DevnetConfig, error::DevnetError, genesis};
use alloy_primitives::Address;
use opal_proposer::{ProposerConfig, ProposerHandle};
use opal_rpc::{EthClient, RollupClient};
use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

/// Name of the contract that takes proposals.
const FACTORY: &str = "DisputeGameFactoryProxy";
/// The permissioned game.
const GAME_TYPE: u32 = 1;

/// Starts the proposer, if L1 carries a contract that takes proposals.
pub(crate) async fn start(
    config: &DevnetConfig,
    contracts: &BTreeMap<String, Address>,
    [l1, node]: &[String; 2],
    poll_interval: Duration,
) -> Result<Option<ProposerHandle>, DevnetError> {
    let Some(factory) = contracts.get(FACTORY) else {
        return Ok(None);
    };
    let key = genesis::roles().proposer;
    let mut proposer = ProposerConfig::devnet(key, *factory, GAME_TYPE);
    proposer.poll_interval = poll_interval;
    proposer.rpc_addr = SocketAddr::new(config.host, config.ports.proposer);
    let nodes = vec![RollupClient::new(node)?];
    let started = opal_proposer::start(proposer, EthClient::new(l1)?, nodes).await;
    started
        .map(Some)
        .map_err(|e| DevnetError::Proposer(e.to_string()))
}
