//! Which chain an engine follows: a genesis file, or a network by its name.
//!
//! In: a genesis file in geth's format (OP chains have `config.optimism`), plain or compressed with
//! zstd; or the name of a network, whose rules come from our table and whose accounts come from a
//! file that must hash to the table's genesis block. Out: a [`ChainFile`]: rules and first block.
//!
//! Invariant: whatever is wrong with a file, the error names the file and the key. A network's
//! accounts are never used unless they give the genesis hash that the network is known by.

mod fields;
#[cfg(test)]
mod tests;

use alloy_genesis::Genesis;
use alloy_primitives::B256;
use opal_execution::{ChainConfig, ChainError, genesis};
use opal_protocol::networks::{self, Network, NetworkError};
use ruzstd::decoding::{Dictionary, FrameDecoder, StreamingDecoder};
use serde_json::{Value, json};
use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

/// Name of the copy of the genesis file that a data directory keeps.
const STORED_NAME: &str = "genesis.json";
/// Key in the stored file's `config` that says whose rules to take from the table of networks.
const NETWORK_KEY: &str = "opalNetwork";
/// Bytes a genesis file may have, decompressed. The largest known one (Fraxtal) has 1.1 GB.
const FILE_BYTES_MAX: u64 = 2 << 30;
/// Folders above a compressed file in which its dictionary is looked for.
const DICTIONARY_PARENTS: usize = 3;
/// Where the genesis files of the networks are published.
const REGISTRY: &str = "https://github.com/ethereum-optimism/superchain-registry";

/// The rules of a chain and its first block.
#[derive(Clone, Debug)]
pub struct ChainFile {
    /// The rules.
    pub chain: ChainConfig,
    /// The first block.
    pub genesis: Genesis,
    /// The network's name, if its rules are those of our table.
    pub network: Option<&'static str>,
    json: Value,
}

/// Why there is no chain to follow.
#[derive(Debug, thiserror::Error)]
pub enum ChainFileError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The copy in the data directory cannot be written.
    #[error("cannot write {}: {source}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A key of the file is missing or makes no sense.
    #[error("{}: {key}: {problem}", .path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The key, with those it lies in: `config.chainId`.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The file does not decompress.
    #[error("{}: {problem}", .path.display())]
    Compression {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// There is no such network, or none that can be followed.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The network's accounts are nowhere.
    #[error(
        "the genesis accounts of {name} are missing: put {name}.json or {name}.json.zst into {} (or the \
         working directory, or name the file with --genesis); the registry publishes it as \
         {origin} of {REGISTRY} (a .zst also needs superchain/extra/dictionary beside it, as file \
         `dictionary`); its block must have the hash {hash}",
        .datadir.display()
    )]
    MissingAccounts {
        /// The network.
        name: &'static str,
        /// Where the file is looked for.
        datadir: PathBuf,
        /// Its path in the registry.
        origin: String,
        /// The hash of the network's first block.
        hash: B256,
    },
    /// The accounts give another block.
    #[error(
        "{}: the genesis block of these accounts is {found}, but {name} begins with block {number}, \
         {wanted}{}",
        .path.display(),
        if *.number == 0 { "" } else { ": a chain that came from an older one needs a snapshot of its state, which no genesis file holds" }
    )]
    OtherGenesis {
        /// The file.
        path: PathBuf,
        /// The network.
        name: &'static str,
        /// The hash that was found.
        found: B256,
        /// The network's.
        wanted: B256,
        /// Height of the network's first block.
        number: u64,
    },
}

impl ChainFile {
    /// Reads a genesis file.
    pub fn from_genesis(path: &Path) -> Result<Self, ChainFileError> {
        let json = parse(path, &read(path, None)?)?;
        match json.pointer(&format!("/config/{NETWORK_KEY}")) {
            Some(Value::String(name)) => Self::of_network(networks::find(name)?, path, json),
            _ => Self::from_value(path, json),
        }
    }

    /// The network of a name, a short name or a chain id. `file` holds its accounts; without it
    /// they are looked for in `datadir` and in the working directory.
    pub fn from_network(
        name: &str,
        file: Option<&Path>,
        datadir: &Path,
    ) -> Result<Self, ChainFileError> {
        networks::rollup_config(name)?;
        let network = networks::find(name)?;
        let path = match file {
            Some(path) => path.to_path_buf(),
            None => find_accounts(&network, datadir)?,
        };
        let json = parse(&path, &read(&path, Some(datadir))?)?;
        Self::of_network(network, &path, json)
    }

    /// The chain that the data directory was made for, if it was made for one.
    pub fn stored(datadir: &Path) -> Result<Option<Self>, ChainFileError> {
        let path = datadir.join(STORED_NAME);
        match path.exists() {
            true => Self::from_genesis(&path).map(Some),
            false => Ok(None),
        }
    }

    /// Keeps a copy in the data directory, so that the next start needs no file. Answers whether
    /// the copy is new or differs from the one before.
    pub fn store(&self, datadir: &Path) -> Result<bool, ChainFileError> {
        let path = datadir.join(STORED_NAME);
        let failed = |source| ChainFileError::Write {
            path: path.clone(),
            source,
        };
        let text = serde_json::to_vec(&self.json).map_err(|e| failed(e.into()))?;
        if fs::read(&path).is_ok_and(|old| old == text) {
            return Ok(false);
        }
        fs::create_dir_all(datadir).map_err(failed)?;
        let draft = datadir.join("genesis.json.new");
        let mut file = fs::File::create(&draft).map_err(failed)?;
        file.write_all(&text).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        fs::rename(&draft, &path).map_err(failed)?;
        Ok(true)
    }

    fn from_value(path: &Path, json: Value) -> Result<Self, ChainFileError> {
        let genesis = fields::genesis(&json, true).map_err(|e| field(path, e))?;
        let chain =
            ChainConfig::from_genesis(&genesis).map_err(|ChainError { key, problem }| {
                field(path, (format!("config.{key}"), problem))
            })?;
        fields::check_rules(&chain, &json).map_err(|e| field(path, e))?;
        Ok(Self {
            chain,
            genesis,
            network: None,
            json,
        })
    }

    fn of_network(network: Network, path: &Path, mut json: Value) -> Result<Self, ChainFileError> {
        let chain = ChainConfig::optimism(&network.config);
        if let Some(object) = json.as_object_mut() {
            let config = json!({ "chainId": chain.chain_id, NETWORK_KEY: network.name });
            object.insert("config".into(), config);
        }
        let genesis_file = fields::genesis(&json, false).map_err(|e| field(path, e))?;
        let found = genesis::genesis(&genesis_file, &chain).hash;
        let wanted = network.config.genesis.l2;
        if found != wanted.hash {
            return Err(ChainFileError::OtherGenesis {
                path: path.to_path_buf(),
                name: network.name,
                found,
                wanted: wanted.hash,
                number: wanted.number,
            });
        }
        Ok(Self {
            chain,
            genesis: genesis_file,
            network: Some(network.name),
            json,
        })
    }
}

fn field(path: &Path, (key, problem): (String, String)) -> ChainFileError {
    ChainFileError::Field {
        path: path.to_path_buf(),
        key,
        problem,
    }
}

fn find_accounts(network: &Network, datadir: &Path) -> Result<PathBuf, ChainFileError> {
    for folder in [datadir, Path::new(".")] {
        for extension in ["json", "json.zst"] {
            let path = folder.join(format!("{}.{extension}", network.name));
            if path.exists() {
                return Ok(path);
            }
        }
    }
    let superchains = ["sepolia-devnet-2", "sepolia", "mainnet"];
    let origin = superchains
        .iter()
        .find_map(|superchain| {
            let chain = network.name.strip_suffix(superchain)?.strip_suffix('-')?;
            Some(format!(
                "superchain/extra/genesis/{superchain}/{chain}.json.zst"
            ))
        })
        .unwrap_or_else(|| "superchain/extra/genesis".to_owned());
    Err(ChainFileError::MissingAccounts {
        name: network.name,
        datadir: datadir.to_path_buf(),
        origin,
        hash: network.config.genesis.l2.hash,
    })
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Value, ChainFileError> {
    serde_json::from_slice(bytes).map_err(|e| field(path, ("JSON".into(), e.to_string())))
}

/// The bytes of a file, decompressed if its name ends in `.zst`.
fn read(path: &Path, datadir: Option<&Path>) -> Result<Vec<u8>, ChainFileError> {
    let failed = |source| ChainFileError::Read {
        path: path.to_path_buf(),
        source,
    };
    let file = fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    if path.extension().is_none_or(|extension| extension != "zst") {
        limited(file, &mut bytes).map_err(failed)?;
        return Ok(bytes);
    }
    let broken = |problem: String| ChainFileError::Compression {
        path: path.to_path_buf(),
        problem,
    };
    let mut decoder = FrameDecoder::new();
    let dictionary = find_dictionary(path, datadir);
    if let Some(dictionary) = &dictionary {
        let raw = fs::read(dictionary).map_err(|source| ChainFileError::Read {
            path: dictionary.clone(),
            source,
        })?;
        let parsed = Dictionary::decode_dict(&raw)
            .map_err(|e| broken(format!("dictionary {}: {e}", dictionary.display())))?;
        decoder
            .add_dict(parsed)
            .map_err(|e| broken(e.to_string()))?;
    }
    let hint = match dictionary {
        Some(_) => "",
        None => {
            "; no dictionary was found beside it: the registry's files need its \
             superchain/extra/dictionary, as file `dictionary`"
        }
    };
    let stream = StreamingDecoder::new_with_decoder(file, decoder)
        .map_err(|e| broken(format!("zstd: {e}{hint}")))?;
    limited(stream, &mut bytes).map_err(|e| broken(format!("zstd: {e}{hint}")))?;
    Ok(bytes)
}

fn limited(reader: impl Read, out: &mut Vec<u8>) -> io::Result<()> {
    let read = reader.take(FILE_BYTES_MAX).read_to_end(out)?;
    if read as u64 == FILE_BYTES_MAX {
        let problem = format!("larger than {FILE_BYTES_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, problem));
    }
    Ok(())
}

/// A file `dictionary` beside the compressed file, in a folder above it (as the registry has it),
/// or in the data directory.
fn find_dictionary(path: &Path, datadir: Option<&Path>) -> Option<PathBuf> {
    let above = path.ancestors().skip(1).take(DICTIONARY_PARENTS);
    let mut candidates = above.chain(datadir).map(|folder| folder.join("dictionary"));
    candidates.find(|candidate| candidate.is_file())
}
