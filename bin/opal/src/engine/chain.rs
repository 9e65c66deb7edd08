//! Which chain, and where it lies.

use super::usage;
use clap::Args;
use eyre::WrapErr;
use opal_engine::{ChainFile, EngineConfig};
use std::path::{Path, PathBuf};
use tracing::info;

/// Flags that say which chain is meant.
#[derive(Args)]
#[command(next_help_heading = "Chain")]
pub(crate) struct ChainArgs {
    /// Where the chain, the pool's journal and the JWT secret lie.
    #[arg(long, default_value = "opal-engine", value_name = "DIR", global = true)]
    pub(crate) datadir: PathBuf,

    /// A network of the superchain by name or L2 chain id (`op-sepolia`, `zora`); `opal inspect
    /// config` lists them. Its accounts at genesis are read from NAME.json or NAME.json.zst in
    /// --datadir or here, or from --genesis.
    #[arg(
        long,
        visible_alias = "op-network",
        alias = "beta.op-network",
        value_name = "NAME",
        global = true
    )]
    network: Option<String>,

    /// A genesis file in geth's format. Not needed again once --datadir belongs to the chain.
    #[arg(long, value_name = "FILE.json", global = true)]
    genesis: Option<PathBuf>,

    /// A network's name or a genesis file, as reth takes it.
    #[arg(long, value_name = "NAME|FILE", global = true)]
    chain: Option<String>,

    /// The chain id that is expected; another one is an error.
    #[arg(long, value_name = "ID", global = true)]
    networkid: Option<u64>,
}

/// What `opal engine init` takes besides.
#[derive(Args)]
pub(crate) struct InitArgs {
    /// A genesis file in geth's format, instead of --genesis or --network.
    #[arg(value_name = "FILE.json")]
    file: Option<PathBuf>,
}

impl ChainArgs {
    /// The chain that the flags name, or the one that the data directory was made for.
    pub(crate) fn load(&self) -> eyre::Result<ChainFile> {
        let (network, genesis) = self.sources()?;
        let file = match (network, genesis) {
            (Some(network), file) => {
                ChainFile::from_network(&network, file.as_deref(), &self.datadir)?
            }
            (None, Some(file)) => ChainFile::from_genesis(&file)?,
            (None, None) => ChainFile::stored(&self.datadir)?.ok_or_else(|| {
                usage(format!(
                    "which chain? {} holds none yet: pass --network NAME or --genesis FILE",
                    self.datadir.display()
                ))
            })?,
        };
        let id = file.chain.chain_id;
        match self.networkid {
            Some(wanted) if wanted != id => Err(usage(format!(
                "--networkid says {wanted}, but the chain's id is {id}"
            ))),
            _ => Ok(file),
        }
    }

    /// The chain as an engine's configuration.
    pub(crate) fn config(&self) -> eyre::Result<(EngineConfig, ChainFile)> {
        let file = self.load()?;
        let mut config = EngineConfig::new(file.chain.clone(), file.genesis.clone());
        config.datadir = Some(self.datadir.clone());
        Ok((config, file))
    }

    /// A network's name and a file, from the spellings of all.
    fn sources(&self) -> eyre::Result<(Option<String>, Option<PathBuf>)> {
        let (mut network, mut genesis) = (self.network.clone(), self.genesis.clone());
        if let Some(chain) = &self.chain {
            if network.is_some() || genesis.is_some() {
                return Err(usage(
                    "--chain stands for --network or --genesis: give one of them",
                ));
            }
            if Path::new(chain).is_file() || chain.ends_with(".json") || chain.ends_with(".zst") {
                genesis = Some(chain.into());
            } else {
                network = Some(chain.clone());
            }
        }
        Ok((network, genesis))
    }
}

/// `opal engine init`.
pub(crate) fn init(args: &ChainArgs, init: &InitArgs) -> eyre::Result<()> {
    let file = match &init.file {
        Some(_) if args.genesis.is_some() || args.chain.is_some() => {
            return Err(usage(
                "the genesis file is named twice: FILE.json and a flag",
            ));
        }
        Some(path) => match &args.network {
            Some(network) => ChainFile::from_network(network, Some(path), &args.datadir)?,
            None => ChainFile::from_genesis(path)?,
        },
        None => args.load()?,
    };
    let mut config = EngineConfig::new(file.chain.clone(), file.genesis.clone());
    config.datadir = Some(args.datadir.clone());
    let (hash, new) = opal_engine::init(config)
        .wrap_err_with(|| format!("cannot make {}", args.datadir.display()))?;
    file.store(&args.datadir)?;
    let chain = file.chain.chain_id;
    let datadir = args.datadir.display();
    if new {
        info!(chain, genesis = %hash, %datadir, "the data directory is ready");
    } else {
        info!(chain, genesis = %hash, %datadir, "the data directory belongs to this chain already");
    }
    Ok(())
}
