//! Compiled contracts: those that `cargo xtask contracts` makes and the program embeds, or a folder
//! that forge wrote.
//!
//! An embedded artifact is part of the program, so a broken one is a bug of ours and panics; a folder
//! is somebody's input, so a broken one is an error.

use crate::config::GenesisError;
use alloy_primitives::{Bytes, U256};
use serde::{Deserialize, de::IgnoredAny};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::LazyLock,
};

/// One compiled contract, in our format or in forge's.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Artifact {
    bytecode: Code,
    deployed_bytecode: Code,
    #[serde(default)]
    immutable_references: BTreeMap<String, Vec<Place>>,
    #[serde(default)]
    abi: Vec<AbiEntry>,
}

/// Code as we write it, or as forge does.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Code {
    Plain(Bytes),
    Forge { object: Bytes },
}

/// A stretch of runtime code.
#[derive(Debug, Deserialize)]
struct Place {
    /// First byte.
    start: usize,
    /// Bytes; immutables take a word.
    length: usize,
}

/// What is of interest in an entry of the ABI.
#[derive(Debug, Deserialize)]
struct AbiEntry {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    inputs: Vec<IgnoredAny>,
}

impl Code {
    const fn bytes(&self) -> &Bytes {
        match self {
            Self::Plain(bytes) | Self::Forge { object: bytes } => bytes,
        }
    }
}

impl Artifact {
    /// Init code with ABI-encoded constructor arguments.
    pub(crate) fn init_code(&self, arguments: &[u8]) -> Bytes {
        [self.bytecode.bytes(), arguments].concat().into()
    }

    /// Whether the constructor takes arguments.
    pub(crate) fn takes_arguments(&self) -> bool {
        self.abi
            .iter()
            .any(|entry| entry.kind == "constructor" && !entry.inputs.is_empty())
    }

    /// Runtime code as the constructor leaves it, given the value of every immutable. For our own
    /// artifacts only: forge names immutables by numbers.
    pub(crate) fn runtime_code(&self, immutables: &[(&str, U256)]) -> Bytes {
        assert_eq!(
            immutables.len(),
            self.immutable_references.len(),
            "every immutable has a value"
        );
        let mut code = self.deployed_bytecode.bytes().to_vec();
        for (name, value) in immutables {
            for place in &self.immutable_references[*name] {
                let word = value.to_be_bytes::<32>();
                code[place.start..][..place.length].copy_from_slice(&word);
            }
        }
        code.into()
    }
}

/// Where the code of predeploys comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Artifacts {
    /// Our own contracts, which the program carries.
    #[default]
    Embedded,
    /// A folder in forge's layout: `NAME.sol/NAME.json`.
    Folder(PathBuf),
}

impl Artifacts {
    /// Hands the artifact of a contract to `read`; `None` where the program has no such contract.
    pub(crate) fn with<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Artifact) -> T,
    ) -> Result<Option<T>, GenesisError> {
        match self {
            Self::Embedded => Ok(EMBEDDED.get(name).map(read)),
            Self::Folder(folder) => load(folder, name).map(|artifact| Some(read(&artifact))),
        }
    }

    /// The text of a contract's artifact in a folder; none for embedded ones.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, GenesisError> {
        match self {
            Self::Embedded => Ok(None),
            Self::Folder(folder) => read_text(folder, name).map(Some),
        }
    }
}

/// A contract of our own.
pub(crate) fn embedded(name: &str) -> &'static Artifact {
    EMBEDDED.get(name).expect("the list of artifacts has it")
}

/// `NAME.sol/NAME.json`, or `NAME.sol/NAME.VERSION.json` where several compilers made it; then the
/// one that comes first.
fn path_of(folder: &Path, name: &str) -> PathBuf {
    let folder = folder.join(format!("{name}.sol"));
    let plain = folder.join(format!("{name}.json"));
    if plain.exists() {
        return plain;
    }
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let versions = entries.map(|entry| entry.path()).filter(|path| {
        let file = path.file_name().and_then(|file| file.to_str());
        file.is_some_and(|file| file.starts_with(&format!("{name}.")))
    });
    versions.min().unwrap_or(plain)
}

fn read_text(folder: &Path, name: &str) -> Result<String, GenesisError> {
    let path = path_of(folder, name);
    std::fs::read_to_string(&path).map_err(|error| GenesisError::Artifact {
        path,
        problem: format!("{error}; the folder must be one of forge, with {name}.sol/{name}.json"),
    })
}

fn load(folder: &Path, name: &str) -> Result<Artifact, GenesisError> {
    serde_json::from_str(&read_text(folder, name)?).map_err(|error| GenesisError::Artifact {
        path: path_of(folder, name),
        problem: format!("is no artifact of forge: {error}"),
    })
}

macro_rules! artifacts {
    ($($name:literal),* $(,)?) => {
        static EMBEDDED: LazyLock<BTreeMap<&'static str, Artifact>> = LazyLock::new(|| {
            [$((
                $name,
                include_str!(concat!("../../../contracts/artifacts/", $name, ".json")),
            )),*]
            .into_iter()
            .map(|(name, json)| {
                let artifact = serde_json::from_str(json).expect("artifacts are compiler output");
                (name, artifact)
            })
            .collect()
        });
    };
}

artifacts! {
    "AnchorStateRegistry",
    "BaseFeeVault",
    "ConditionalDeployer",
    "DelayedWETH",
    "DeployerWhitelist",
    "DevToken",
    "DisputeGameFactory",
    "GasPriceOracle",
    "GovernanceToken",
    "L1Block",
    "L1BlockNumber",
    "L1CrossDomainMessenger",
    "L1ERC721Bridge",
    "L1FeeVault",
    "L1StandardBridge",
    "L2CrossDomainMessenger",
    "L2DevFeatureFlags",
    "L2ERC721Bridge",
    "L2OutputOracle",
    "L2StandardBridge",
    "L2ToL1MessagePasser",
    "LegacyMessagePasser",
    "Multicall3",
    "OperatorFeeVault",
    "OptimismMintableERC20",
    "OptimismMintableERC20Factory",
    "OptimismMintableERC721Factory",
    "OptimismPortal",
    "ProtocolVersions",
    "Proxy",
    "ProxyAdmin",
    "QuickDisputeGame",
    "SequencerFeeVault",
    "SettableBaseFeeVault",
    "SettableL1FeeVault",
    "SettableOperatorFeeVault",
    "SettableSequencerFeeVault",
    "SuperchainConfig",
    "SystemConfig",
    "WETH",
}
