//! The proposer of a devnet.

use crate::{config::DevnetConfig, error::DevnetError, existing, home::Home};
use opal_proposer::{ProposerConfig, ProposerHandle};
use opal_rpc::{EthClient, RollupClient};
use std::{net::SocketAddr, time::Duration};
use tracing::warn;

/// Name of the contract that takes proposals.
pub(crate) const FACTORY: &str = "DisputeGameFactoryProxy";

/// Starts the proposer, if L1 carries a contract that takes proposals and there is a key for it. It
/// begins games of the type that the portal respects.
pub(crate) async fn start(
    config: &DevnetConfig,
    home: &Home,
    [l1, node]: &[String; 2],
    poll_interval: Duration,
) -> Result<Option<ProposerHandle>, DevnetError> {
    let Some(factory) = home.addresses.get(FACTORY) else {
        warn!("the rollup has no DisputeGameFactory on L1: nothing is proposed");
        return Ok(None);
    };
    let Some(key) = config.proposer() else {
        warn!("no --proposer.private-key: nothing is proposed, so no withdrawal can be proven");
        return Ok(None);
    };
    let l1 = EthClient::new(l1)?;
    let portal = home.rollup.deposit_contract_address;
    let game_type = existing::respected_game_type(&l1, portal).await?;
    let mut proposer = ProposerConfig::devnet(key, *factory, game_type);
    proposer.poll_interval = poll_interval;
    proposer.rpc_addr = SocketAddr::new(config.host, config.ports.proposer);
    let nodes = vec![RollupClient::new(node)?];
    let started = opal_proposer::start(proposer, l1, nodes).await;
    started
        .map(Some)
        .map_err(|e| DevnetError::Proposer(e.to_string()))
}
