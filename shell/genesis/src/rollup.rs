//! The rollup configuration of a fresh rollup, and the upgrade transactions of its later forks.

use crate::{addresses::Addresses, artifacts::embedded, config::DeployConfig, deploy::Anchor};
use alloy_genesis::Genesis;
use opal_execution::{ChainConfig, genesis};
use opal_protocol::{
    Fork, L1Ref, L2Id, RollupConfig, RollupGenesis, UpgradeBundle, Upgrades,
    output::output_root_v0,
    upgrades::{isthmus_bundle, jovian_bundle},
};

/// The rollup configuration, given what [`l2_genesis`](super::l2_genesis) made.
pub fn rollup_config(
    config: &DeployConfig,
    addresses: &Addresses,
    l1_origin: L1Ref,
    l2_genesis: &Genesis,
) -> RollupConfig {
    let mut rollup = RollupConfig {
        genesis: RollupGenesis {
            l1: l1_origin.id(),
            l2: L2Id::default(),
            l2_time: l1_origin.time,
            system_config: config.system_config(),
        },
        deposit_contract_address: addresses.optimism_portal,
        l1_system_config_address: addresses.system_config,
        protocol_versions_address: addresses.protocol_versions,
        ..config.rollup_frame()
    };
    rollup.genesis.l2.hash = genesis(l2_genesis, &ChainConfig::optimism(&rollup)).hash;
    rollup
}

/// The output of the first L2 block, which proposals start from.
pub fn anchor(config: &DeployConfig, l2_genesis: &Genesis) -> Anchor {
    let rollup = config.rollup_frame();
    let first = genesis(l2_genesis, &ChainConfig::optimism(&rollup));
    Anchor {
        output_root: output_root_v0(
            first.header.state_root,
            first.message_passer_storage_root,
            first.hash,
        ),
        l2_time: l2_genesis.timestamp,
    }
}

/// The upgrade transactions of the forks that activate after genesis: those of Optimism, with our
/// own contracts. Forks active at genesis have none, since the genesis state holds their result;
/// Karst's bundle is empty, since nothing of ours changes with it.
pub fn dev_upgrades(config: &DeployConfig, l1_origin: L1Ref) -> Upgrades {
    let later = |fork| {
        config
            .forks
            .time_of(fork)
            .is_some_and(|time| time > l1_origin.time)
    };
    let l1_block = || embedded("L1Block").init_code(&[]);
    let gas_price_oracle = || embedded("GasPriceOracle").init_code(&[]);
    let mut upgrades = Upgrades::none();
    if later(Fork::Isthmus) {
        let vault = embedded("OperatorFeeVault").init_code(&[]);
        upgrades.insert(isthmus_bundle(l1_block(), gas_price_oracle(), vault));
    }
    if later(Fork::Jovian) {
        upgrades.insert(jovian_bundle(l1_block(), gas_price_oracle()));
    }
    if later(Fork::Karst) {
        upgrades.insert(UpgradeBundle {
            fork: Fork::Karst,
            transactions: Vec::new(),
        });
    }
    upgrades
}
