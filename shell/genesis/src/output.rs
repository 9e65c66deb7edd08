//! What a genesis is written down as.
//!
//! In: a deployment. Out: files by name. Same deployment, same bytes.

use crate::{
    addresses::Addresses,
    artifacts::Artifacts,
    config::{DeployConfig, GenesisError},
    file::Deployment,
    l1::l1_genesis,
    l2::l2_genesis_from,
    rollup::{dev_upgrades, rollup_config},
};
use alloy_genesis::Genesis;
use opal_execution::{ChainConfig, genesis};
use opal_protocol::{Fork, L1Ref, RollupConfig};
use serde::Serialize;
use std::{collections::BTreeMap, io, path::Path};

/// The beginning of a rollup.
#[derive(Clone, Debug)]
pub struct Output {
    /// First block of the L1, where it is made and not found.
    pub l1: Option<Genesis>,
    /// First block of L2.
    pub l2: Genesis,
    /// The rollup configuration.
    pub rollup: RollupConfig,
    /// The L1 contracts.
    pub addresses: Addresses,
    /// The files.
    pub files: GenesisFiles,
}

/// Files by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GenesisFiles(pub BTreeMap<String, String>);

impl Output {
    /// The beginning of `deployment`: on an L1 genesis that holds the contracts, or on those that
    /// exist.
    pub fn new(deployment: &Deployment, artifacts: &Artifacts) -> Result<Self, GenesisError> {
        let config = &deployment.config;
        if let Some(existing) = &deployment.existing {
            return Self::on_l1(config, artifacts, existing.addresses, existing.origin);
        }
        let l1 = l1_genesis(config)?;
        let chain = ChainConfig::ethereum_dev(config.l1_chain_id);
        let first = genesis(&l1.genesis, &chain);
        let origin = L1Ref {
            hash: first.hash,
            number: first.header.number,
            parent_hash: first.header.parent_hash,
            time: first.header.timestamp,
        };
        let mut output = Self::on_l1(config, artifacts, l1.addresses, origin)?;
        output.files.add("l1-genesis.json", &l1.genesis)?;
        output.l1 = Some(l1.genesis);
        Ok(output)
    }

    /// The beginning of a rollup whose contracts are on L1 at `addresses`.
    pub fn on_l1(
        config: &DeployConfig,
        artifacts: &Artifacts,
        addresses: Addresses,
        origin: L1Ref,
    ) -> Result<Self, GenesisError> {
        let l2 = l2_genesis_from(artifacts, config, &addresses, origin)?;
        let rollup = rollup_config(config, &addresses, origin, &l2);
        let mut files = GenesisFiles::default();
        files.add("genesis.json", &l2)?;
        files.add("rollup.json", &rollup)?;
        files.add("addresses.json", &addresses.by_name())?;
        let upgrades = dev_upgrades(config, origin);
        for fork in Fork::ALL {
            if let Some(bundle) = upgrades.get(fork) {
                files
                    .0
                    .insert(format!("upgrade-{fork}.json"), bundle.to_json());
            }
        }
        Ok(Self {
            l1: None,
            l2,
            rollup,
            addresses,
            files,
        })
    }
}

impl GenesisFiles {
    fn add(&mut self, name: &str, content: &impl Serialize) -> Result<(), GenesisError> {
        let text =
            serde_json::to_string_pretty(content).map_err(|error| GenesisError::Artifact {
                path: name.into(),
                problem: format!("cannot be written as JSON: {error}"),
            })?;
        self.0.insert(name.to_owned(), text + "\n");
        Ok(())
    }

    /// Writes the files into a folder, which is made if there is none.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        for (name, text) in &self.0 {
            std::fs::write(folder.join(name), text)?;
        }
        Ok(())
    }
}
