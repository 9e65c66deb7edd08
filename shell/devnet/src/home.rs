//! The beginning of a devnet, as it lies in the data directory: genesis files, rollup
//! configuration, upgrade transactions, and the block time of the L1.
//!
//! Invariant: the folder `genesis` appears whole or not at all, so a start that was interrupted
//! leaves nothing that a later start could mistake for a devnet.

use crate::{
    config::{DevnetConfig, fork_times},
    error::DevnetError,
    genesis::{DeployConfig, dev_upgrades, l1_genesis, l2_dev_token, l2_genesis, rollup_config},
};
use alloy_genesis::Genesis;
use alloy_primitives::Address;
use opal_execution::ChainConfig;
use opal_protocol::{Fork, L1Ref, RollupConfig, Upgrades, upgrades::UpgradeBundle};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};
use tracing::info;

/// Version of the folder's layout.
/// 2: the whole set of bridge contracts.
const FORMAT: u32 = 2;

/// What a devnet is built on.
pub(crate) struct Home {
    /// First block of the built-in L1; `None` when somebody else runs the L1.
    pub(crate) l1: Option<Genesis>,
    /// First block of L2.
    pub(crate) l2: Genesis,
    pub(crate) rollup: RollupConfig,
    /// L1 contracts by name.
    pub(crate) addresses: BTreeMap<String, Address>,
    pub(crate) upgrades: Upgrades,
    /// Seconds between blocks of the built-in L1.
    pub(crate) l1_block_time: u64,
    /// The secret of the engines.
    pub(crate) jwt: PathBuf,
}

/// What does not follow from the other files.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    format: u32,
    l1_block_time: u64,
}

impl Home {
    /// A new devnet on the built-in L1, kept in the data directory unless it is ephemeral.
    pub(crate) fn create(config: &DevnetConfig) -> Result<Self, DevnetError> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let deploy = deploy_config(config, now)?;
        let l1 = l1_genesis(&deploy).map_err(|e| DevnetError::Config(e.to_string()))?;
        let chain = ChainConfig::ethereum_dev(deploy.l1_chain_id);
        let first = opal_execution::genesis(&l1.genesis, &chain);
        let origin = L1Ref {
            hash: first.hash,
            number: first.header.number,
            parent_hash: first.header.parent_hash,
            time: first.header.timestamp,
        };
        Self::on_l1(config, &deploy, &l1.addresses, origin, Some(l1.genesis))
    }

    /// A new devnet whose contracts are on L1 at `addresses`, and that starts from `origin`.
    pub(crate) fn on_l1(
        config: &DevnetConfig,
        deploy: &DeployConfig,
        addresses: &crate::genesis::Addresses,
        origin: L1Ref,
        l1: Option<Genesis>,
    ) -> Result<Self, DevnetError> {
        let l2 = l2_genesis(deploy, addresses, origin);
        let rollup = rollup_config(deploy, addresses, origin, &l2);
        rollup
            .validate()
            .map_err(|e| DevnetError::Config(e.to_string()))?;
        let home = Self {
            l1,
            l2,
            rollup,
            addresses: names(addresses),
            upgrades: dev_upgrades(deploy, origin),
            l1_block_time: config.l1_block_time,
            jwt: config.jwt_path(),
        };
        home.keep(config)?;
        Ok(home)
    }

    /// Writes a new devnet into the data directory, unless it is ephemeral.
    pub(crate) fn keep(&self, config: &DevnetConfig) -> Result<(), DevnetError> {
        match config.ephemeral {
            true => Ok(()),
            false => self.save(&config.datadir),
        }
    }

    /// The devnet that lies in the data directory, if there is one.
    pub(crate) fn load(config: &DevnetConfig) -> Result<Option<Self>, DevnetError> {
        let folder = config.datadir.join("genesis");
        if !folder.exists() {
            return Ok(None);
        }
        let settings: Settings = read(&folder.join("settings.json"))?;
        if settings.format != FORMAT {
            return Err(DevnetError::Foreign {
                path: folder.join("settings.json"),
                problem: format!("format {}, this version reads {FORMAT}", settings.format),
            });
        }
        let l1_path = folder.join("l1.json");
        let l1 = if l1_path.exists() {
            Some(read(&l1_path)?)
        } else {
            None
        };
        let mut upgrades = Upgrades::none();
        for fork in Fork::ALL {
            let path = upgrade_path(&folder, fork);
            if path.exists() {
                let text = fs::read_to_string(&path).map_err(DevnetError::folder(&path))?;
                let bundle = UpgradeBundle::from_json(fork, &text);
                upgrades.insert(bundle.map_err(|e| foreign(&path, e))?);
            }
        }
        let rollup_path = folder.join("rollup.json");
        let rollup: RollupConfig = read(&rollup_path)?;
        rollup.validate().map_err(|e| foreign(&rollup_path, e))?;
        info!(
            block_time = rollup.block_time,
            l1_block_time = settings.l1_block_time,
            "resuming the devnet in the data directory, with the forks and times of its first start"
        );
        Ok(Some(Self {
            l1,
            l2: read(&folder.join("l2.json"))?,
            rollup,
            addresses: read(&folder.join("addresses.json"))?,
            upgrades,
            l1_block_time: settings.l1_block_time,
            jwt: config.jwt_path(),
        }))
    }

    fn save(&self, datadir: &Path) -> Result<(), DevnetError> {
        let aside = datadir.join("genesis.new");
        if aside.exists() {
            fs::remove_dir_all(&aside).map_err(DevnetError::folder(&aside))?;
        }
        fs::create_dir_all(&aside).map_err(DevnetError::folder(&aside))?;
        if let Some(l1) = &self.l1 {
            write(&aside.join("l1.json"), l1)?;
        }
        write(&aside.join("l2.json"), &self.l2)?;
        write(&aside.join("rollup.json"), &self.rollup)?;
        write(&aside.join("addresses.json"), &self.addresses)?;
        let settings = Settings {
            format: FORMAT,
            l1_block_time: self.l1_block_time,
        };
        write(&aside.join("settings.json"), &settings)?;
        for fork in Fork::ALL {
            if let Some(bundle) = self.upgrades.get(fork) {
                let path = upgrade_path(&aside, fork);
                fs::write(&path, bundle.to_json()).map_err(DevnetError::folder(&path))?;
            }
        }
        let folder = datadir.join("genesis");
        fs::rename(&aside, &folder).map_err(DevnetError::folder(&folder))
    }
}

/// The addresses of L1 by name, and that of the token for trying out on L2.
fn names(addresses: &crate::genesis::Addresses) -> BTreeMap<String, Address> {
    let mut names = addresses.by_name();
    if !addresses.dev_token.is_zero() {
        names.insert("L2DevToken".to_owned(), l2_dev_token(addresses));
    }
    names
}

/// The deployment that the flags describe, for a genesis at `time`.
pub(crate) fn deploy_config(config: &DevnetConfig, time: u64) -> Result<DeployConfig, DevnetError> {
    let forks = fork_times(&config.forks, time).map_err(DevnetError::Config)?;
    Ok(DeployConfig {
        l2_block_time: config.block_time,
        seq_window_size: config.seq_window_size,
        // Somebody else's L1 may lack it; ours has it where people look.
        deploy_multicall3: config.external_l1.is_some(),
        ..DeployConfig::dev(time, forks)
    })
}

fn upgrade_path(folder: &Path, fork: Fork) -> PathBuf {
    folder.join(format!("upgrade-{fork}.json"))
}

fn foreign(path: &Path, problem: impl ToString) -> DevnetError {
    DevnetError::Foreign {
        path: path.to_owned(),
        problem: problem.to_string(),
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, DevnetError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(foreign(path, "the file is missing"));
        }
        Err(e) => return Err(DevnetError::folder(path)(e)),
    };
    serde_json::from_str(&text).map_err(|e| foreign(path, e))
}

fn write(path: &Path, value: &impl Serialize) -> Result<(), DevnetError> {
    let text = serde_json::to_string_pretty(value).map_err(|e| foreign(path, e))?;
    fs::write(path, text + "\n").map_err(DevnetError::folder(path))
}
