//! An L1 that somebody else runs: the devnet's contracts are deployed there by transactions.

use crate::{
    config::{DevnetConfig, ExternalL1},
    error::DevnetError,
    genesis::{DeployError, Deployer, roles},
    home::{Home, deploy_config},
};
use opal_rpc::EthClient;
use opal_txmgr::TxManagerConfig;
use std::{fs, io};
use tracing::info;

/// Deployment transactions that may wait in the pool at once.
const MAX_PENDING: usize = 16;

/// Makes sure that `external` is the L1 on which `home` was deployed.
pub(crate) async fn check(home: &Home, external: &ExternalL1) -> Result<(), DevnetError> {
    if home.l1.is_some() {
        return Err(DevnetError::Config(
            "this data directory belongs to a devnet with the built-in L1; leave out --l1.rpc, or choose another --datadir".into(),
        ));
    }
    let client = EthClient::new(&external.rpc)?;
    client.expect_chain_id(home.rollup.l1_chain_id).await?;
    Ok(())
}

/// Deploys the contracts on `external`, or goes on where an earlier start was interrupted, and makes
/// a new devnet on them.
pub(crate) async fn deploy(
    config: &DevnetConfig,
    external: &ExternalL1,
) -> Result<Home, DevnetError> {
    let l1 = EthClient::new(&external.rpc)?;
    // Fork times count from the block that the rollup starts from, which the deployer settles.
    let mut deploy = deploy_config(config, 0)?;
    deploy.l1_chain_id = l1.chain_id().await?;
    let state = config.datadir.join("deploy-state.json");
    if config.ephemeral {
        forget(&state)?;
    }
    let mut tx_manager = TxManagerConfig::devnet();
    tx_manager.queue.max_pending = MAX_PENDING;
    info!(endpoint = l1.endpoint(), "deploying on L1");
    let deployer = Deployer {
        config: deploy,
        key: roles().owner,
        l1,
        tx_manager,
        state: state.clone(),
    };
    let deployed = deployer.run(|step| {
        info!(done = step.done, of = step.total, "{}", step.what);
    });
    let deployed = deployed.await.map_err(|error| match error {
        DeployError::L1(error) => error.into(),
        error => DevnetError::Deployment(error),
    })?;
    let home = Home::on_l1(
        config,
        &deployed.config,
        &deployed.addresses,
        deployed.origin,
        None,
    )?;
    forget(&state)?;
    Ok(home)
}

fn forget(state: &std::path::Path) -> Result<(), DevnetError> {
    match fs::remove_file(state) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(DevnetError::folder(state)(error))
        }
        _ => Ok(()),
    }
}
