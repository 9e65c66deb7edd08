//! A rollup whose contracts are on L1 already.
//!
//! In: `rollup.json`, the first block of L2, an L1. Out: the beginning of a devnet on them, or what
//! does not fit together: a rollup configuration of another L1, another first block, a batcher whose
//! batches nobody would read. The addresses of the other contracts are those that SystemConfig and
//! portal name.

use crate::{
    config::{DevnetConfig, ExistingRollup, ExternalL1},
    error::DevnetError,
    home::Home,
    proposing::FACTORY,
};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_genesis::Genesis;
use alloy_primitives::{Address, Bytes};
use alloy_rpc_types_eth::{TransactionInput, TransactionRequest};
use alloy_sol_types::{SolCall, SolValue, sol};
use opal_execution::ChainConfig;
use opal_protocol::RollupConfig;
use opal_rpc::{EthClient, RpcError};
use std::{collections::BTreeMap, fs, path::Path};

sol! {
    interface ISystemConfig {
        function batcherHash() external view returns (bytes32);
        function optimismPortal() external view returns (address);
        function l1StandardBridge() external view returns (address);
        function l1CrossDomainMessenger() external view returns (address);
        function l1ERC721Bridge() external view returns (address);
        function optimismMintableERC20Factory() external view returns (address);
        function superchainConfig() external view returns (address);
    }

    interface IPortal {
        function respectedGameType() external view returns (uint32);
        function disputeGameFactory() external view returns (address);
        function anchorStateRegistry() external view returns (address);
        function ethLockbox() external view returns (address);
    }
}

/// Makes the beginning of a devnet from the files of `existing`, after checking them against each
/// other and against L1.
pub(crate) async fn join(
    config: &DevnetConfig,
    existing: &ExistingRollup,
    external: &ExternalL1,
) -> Result<Home, DevnetError> {
    let rollup = read_rollup(existing)?;
    let l2 = read_genesis(existing)?;
    check_first_block(existing, &rollup, &l2)?;
    let l1 = EthClient::new(&external.rpc)?;
    l1.expect_chain_id(rollup.l1_chain_id).await?;
    check_origin(&l1, &rollup).await?;
    let upgrades = opal_upgrades::load(&rollup, None)
        .and_then(|upgrades| {
            opal_upgrades::check_before(&rollup, &upgrades, None, rollup.genesis.l2_time)?;
            Ok(upgrades)
        })
        .map_err(|e| DevnetError::Config(e.to_string()))?;
    let home = Home {
        l1: None,
        addresses: contracts(&l1, &rollup).await?,
        l2,
        rollup,
        upgrades,
        l1_block_time: config.l1_block_time,
        jwt: config.jwt_path(),
    };
    home.keep(config)?;
    Ok(home)
}

/// Makes sure that a devnet that was found is the one that the files describe.
pub(crate) fn check_same(home: &Home, existing: &ExistingRollup) -> Result<(), DevnetError> {
    if home.rollup == read_rollup(existing)? {
        return Ok(());
    }
    Err(DevnetError::Config(format!(
        "this data directory belongs to another rollup than {}; choose another --datadir",
        existing.config.display()
    )))
}

/// Makes sure that batches of `batcher` count: nobody would read those of another account.
pub(crate) async fn check_batcher(
    l1: &EthClient,
    rollup: &RollupConfig,
    batcher: Address,
) -> Result<(), DevnetError> {
    let at = rollup.l1_system_config_address;
    let hash = read(l1, at, ISystemConfig::batcherHashCall {}).await;
    let hash = hash.map_err(|error| no_contract("SystemConfig", at, l1, error))?;
    if hash == batcher.into_word() {
        return Ok(());
    }
    let expected = match hash[..12] == [0; 12] {
        true => Address::from_word(hash).to_string(),
        false => format!("none: batcherHash is {hash}"),
    };
    Err(DevnetError::Config(format!(
        "the batcher's key is that of {batcher}, but the batcher of this rollup is {expected} (SystemConfig {at} on L1); pass its key in OPAL_BATCHER_PRIVATE_KEY or --batcher.private-key"
    )))
}

/// The game type whose games withdrawals can be proven against.
pub(crate) async fn respected_game_type(
    l1: &EthClient,
    portal: Address,
) -> Result<u32, DevnetError> {
    let found = read(l1, portal, IPortal::respectedGameTypeCall {}).await;
    found.map_err(|error| no_contract("OptimismPortal with dispute games", portal, l1, error))
}

fn read_rollup(existing: &ExistingRollup) -> Result<RollupConfig, DevnetError> {
    let path = &existing.config;
    RollupConfig::from_json(&text(path)?).map_err(|e| wrong_file(path, e))
}

fn read_genesis(existing: &ExistingRollup) -> Result<Genesis, DevnetError> {
    let path = &existing.genesis;
    serde_json::from_str(&text(path)?)
        .map_err(|e| wrong_file(path, format!("no genesis in geth's format: {e}")))
}

fn text(path: &Path) -> Result<String, DevnetError> {
    fs::read_to_string(path).map_err(DevnetError::folder(path))
}

fn wrong_file(path: &Path, problem: impl std::fmt::Display) -> DevnetError {
    DevnetError::Config(format!("{}: {problem}", path.display()))
}

/// Whether the two files are of one chain.
fn check_first_block(
    existing: &ExistingRollup,
    rollup: &RollupConfig,
    l2: &Genesis,
) -> Result<(), DevnetError> {
    let wrong = |problem: String| Err(wrong_file(&existing.genesis, problem));
    let config = existing.config.display();
    if l2.config.chain_id != rollup.l2_chain_id {
        return wrong(format!(
            "chain id {}, but {config} says {}",
            l2.config.chain_id, rollup.l2_chain_id
        ));
    }
    if l2.timestamp != rollup.genesis.l2_time {
        return wrong(format!(
            "timestamp {}, but genesis.l2_time in {config} is {}",
            l2.timestamp, rollup.genesis.l2_time
        ));
    }
    let first = opal_execution::genesis(l2, &ChainConfig::optimism(rollup)).hash;
    if first != rollup.genesis.l2.hash {
        return wrong(format!(
            "its block has hash {first}, but genesis.l2.hash in {config} is {}; were accounts or forks changed?",
            rollup.genesis.l2.hash
        ));
    }
    Ok(())
}

/// Whether L1 has the block that the rollup starts from.
async fn check_origin(l1: &EthClient, rollup: &RollupConfig) -> Result<(), DevnetError> {
    let origin = rollup.genesis.l1;
    let at = BlockId::Number(BlockNumberOrTag::Number(origin.number));
    let problem = match l1.header(at).await? {
        Some(block) if block.hash == origin.hash => return Ok(()),
        Some(block) => format!("but {} has {} there", l1.endpoint(), block.hash),
        None => format!("which {} does not have", l1.endpoint()),
    };
    Err(DevnetError::Config(format!(
        "the rollup starts from L1 block {} with hash {} (genesis.l1), {problem}; is this the right L1?",
        origin.number, origin.hash
    )))
}

/// The contracts that SystemConfig and portal name. Those that an older version does not know of
/// are left out.
async fn contracts(
    l1: &EthClient,
    rollup: &RollupConfig,
) -> Result<BTreeMap<String, Address>, DevnetError> {
    let (config, portal) = (
        rollup.l1_system_config_address,
        rollup.deposit_contract_address,
    );
    let named = read(l1, config, ISystemConfig::optimismPortalCall {}).await;
    let named = named.map_err(|error| no_contract("SystemConfig", config, l1, error))?;
    if named != portal {
        return Err(DevnetError::Config(format!(
            "deposit_contract_address is {portal}, but the portal of SystemConfig {config} is {named}"
        )));
    }
    let mut contracts = BTreeMap::from([
        ("SystemConfig".to_owned(), config),
        ("SystemConfigProxy".to_owned(), config),
        ("OptimismPortal".to_owned(), portal),
        ("OptimismPortalProxy".to_owned(), portal),
    ]);
    use ISystemConfig as C;
    let asked = [
        (
            "L1StandardBridgeProxy",
            config,
            C::l1StandardBridgeCall {}.abi_encode(),
        ),
        (
            "L1CrossDomainMessengerProxy",
            config,
            C::l1CrossDomainMessengerCall {}.abi_encode(),
        ),
        (
            "L1ERC721BridgeProxy",
            config,
            C::l1ERC721BridgeCall {}.abi_encode(),
        ),
        (
            "OptimismMintableERC20FactoryProxy",
            config,
            C::optimismMintableERC20FactoryCall {}.abi_encode(),
        ),
        (
            "SuperchainConfigProxy",
            config,
            C::superchainConfigCall {}.abi_encode(),
        ),
        (
            FACTORY,
            portal,
            IPortal::disputeGameFactoryCall {}.abi_encode(),
        ),
        (
            "AnchorStateRegistryProxy",
            portal,
            IPortal::anchorStateRegistryCall {}.abi_encode(),
        ),
        (
            "ETHLockboxProxy",
            portal,
            IPortal::ethLockboxCall {}.abi_encode(),
        ),
    ];
    for (name, at, call) in asked {
        let answer = match call_at(l1, at, call).await {
            Ok(answer) => answer,
            // It has no such function.
            Err(RpcError::Response { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        if let Ok(address) = Address::abi_decode(&answer)
            && !address.is_zero()
        {
            contracts.insert(name.to_owned(), address);
        }
    }
    Ok(contracts)
}

fn no_contract(kind: &str, at: Address, l1: &EthClient, error: RpcError) -> DevnetError {
    match error {
        RpcError::Response { .. } | RpcError::Malformed { .. } => DevnetError::Config(format!(
            "{at} on L1 ({}) is no {kind}: {error}",
            l1.endpoint()
        )),
        other => other.into(),
    }
}

async fn read<C: SolCall>(l1: &EthClient, at: Address, call: C) -> Result<C::Return, RpcError> {
    let answer = call_at(l1, at, call.abi_encode()).await?;
    C::abi_decode_returns(&answer).map_err(|e| RpcError::Malformed {
        endpoint: l1.endpoint().to_owned(),
        method: format!("eth_call of {} at {at}", C::SIGNATURE),
        problem: e.to_string(),
    })
}

async fn call_at(l1: &EthClient, at: Address, call: Vec<u8>) -> Result<Bytes, RpcError> {
    let request = TransactionRequest {
        to: Some(at.into()),
        input: TransactionInput::new(call.into()),
        ..TransactionRequest::default()
    };
    let latest = BlockId::Number(BlockNumberOrTag::Latest);
    l1.call(&request, latest).await
}
