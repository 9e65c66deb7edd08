//! Contracts that users expect at a certain address on any chain.
//!
//! The program carries those whose code is ours or so small that it is a fact of the protocol; the
//! others are other people's work, and come with a folder of artifacts.
//!
//! spec: protocol/preinstalls.md

use crate::{
    artifacts::{Artifacts, embedded},
    config::GenesisError,
    memory::MemoryChain,
};
use alloy_genesis::{Genesis, GenesisAccount};
use alloy_primitives::{Address, B256, Bytes, U256, address, bytes, keccak256};
use alloy_sol_types::SolValue;
use opal_execution::{BlockAttributes, ChainConfig, InvalidBlock};
use opal_protocol::{Fork, ForkTimes, RollupConfig};
use serde_json::Value;
use std::{collections::BTreeMap, sync::LazyLock};

/// Where client libraries look for Multicall3.
pub const MULTICALL3: Address = address!("cA11bde05977b3631167028862bE2a173976CA11");
/// Deploys with CREATE2 whatever it is called with: 32 bytes of salt, then init code.
const DETERMINISTIC_DEPLOYER: Address = address!("4e59b44847b379578588920cA78FbF26c0B4956C");
/// The same, by the people of Safe.
const SAFE_SINGLETON_FACTORY: Address = address!("914d7Fec6aaC8cd542e72Bca78B30650d45643d7");
/// Deploys with CREATE2 by functions with names; Canyon brought it.
const CREATE2_DEPLOYER: Address = address!("13b0D85CcB8bf860b6b79AF3029fCA081AE9beF2");
/// Moves tokens by signatures.
const PERMIT2: Address = address!("000000000022D473030F116dDEE9F6B43aC78BA3");
/// Where its code has the chain id, and the domain of its signatures.
const PERMIT2_CHAIN_ID_AT: usize = 6945;
const PERMIT2_DOMAIN_AT: usize = 6983;
/// Code of both.
const CREATE2_BY_CALL: Bytes = bytes!(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
);

/// Multicall3, for either layer.
pub(crate) fn multicall3() -> (Address, GenesisAccount) {
    preinstall(MULTICALL3, embedded("Multicall3").runtime_code(&[]))
}

/// The preinstalls of an L2 chain.
pub(crate) fn preinstalls(
    artifacts: &Artifacts,
    chain_id: u64,
) -> Result<Vec<(Address, GenesisAccount)>, GenesisError> {
    let Some(text) = artifacts.text("Preinstalls")? else {
        return Ok(vec![
            multicall3(),
            preinstall(CREATE2_DEPLOYER, create2_deployer()),
            preinstall(DETERMINISTIC_DEPLOYER, CREATE2_BY_CALL),
            preinstall(SAFE_SINGLETON_FACTORY, CREATE2_BY_CALL),
        ]);
    };
    let constants = constants(&text);
    let mut list = Vec::new();
    for (name, at) in &constants {
        let code = constants.get(&format!("{name}Code"));
        let code = code.or_else(|| constants.get(&format!("{name}TemplateCode")));
        // Ethereum's own contracts depend on the fork.
        let (Ok(at), Some(code)) = (Address::try_from(at.as_ref()), code) else {
            continue;
        };
        if name != "BeaconBlockRoots" {
            list.push(preinstall(at, with_chain_id(at, code, chain_id)));
        }
    }
    Ok(list)
}

/// The code that Canyon puts in place, from the block that does so.
fn create2_deployer() -> Bytes {
    static CODE: LazyLock<Bytes> = LazyLock::new(|| {
        canyon_block()
            .expect("an empty block is valid")
            .state
            .code_of(CREATE2_DEPLOYER)
    });
    CODE.clone()
}

/// A chain after its first Canyon block.
fn canyon_block() -> Result<MemoryChain, InvalidBlock> {
    let mut forks = ForkTimes::at_genesis(Fork::Regolith);
    forks.set(Fork::Canyon, Some(1));
    let rollup = RollupConfig {
        block_time: 1,
        l2_chain_id: 1,
        forks,
        ..RollupConfig::default()
    };
    let genesis = Genesis {
        gas_limit: 30_000_000,
        ..Genesis::default()
    };
    let mut chain = MemoryChain::new(&genesis, ChainConfig::optimism(&rollup));
    let attributes = BlockAttributes {
        timestamp: 1,
        gas_limit: genesis.gas_limit,
        withdrawals: Some(vec![]),
        ..BlockAttributes::default()
    };
    chain.append(attributes, vec![])?;
    Ok(chain)
}

/// The constants of a Solidity library by name, from the syntax tree in its artifact.
fn constants(artifact: &str) -> BTreeMap<String, Bytes> {
    let artifact: Value = serde_json::from_str(artifact).unwrap_or_default();
    let contracts = artifact["ast"]["nodes"].as_array().into_iter().flatten();
    let nodes = contracts.flat_map(|contract| contract["nodes"].as_array().into_iter().flatten());
    nodes
        .filter_map(|node| {
            let value = &node["value"];
            let text = match value["kind"].as_str()? {
                "hexString" => value["hexValue"].as_str()?,
                _ => value["value"].as_str()?,
            };
            let bytes = alloy_primitives::hex::decode(text).ok()?;
            Some((node["name"].as_str()?.to_owned(), bytes.into()))
        })
        .collect()
}

/// Permit2 remembers the chain id and the domain that follows from it; the code of all others is
/// the same everywhere.
fn with_chain_id(at: Address, code: &Bytes, chain_id: u64) -> Bytes {
    if at != PERMIT2 {
        return code.clone();
    }
    let chain_id = U256::from(chain_id);
    let kind = "EIP712Domain(string name,uint256 chainId,address verifyingContract)";
    let domain = (keccak256(kind), keccak256("Permit2"), chain_id, PERMIT2).abi_encode();
    let mut code = code.to_vec();
    for (start, word) in [
        (PERMIT2_CHAIN_ID_AT, B256::from(chain_id)),
        (PERMIT2_DOMAIN_AT, keccak256(domain)),
    ] {
        if let Some(place) = code.get_mut(start..start + 32) {
            place.copy_from_slice(word.as_slice());
        }
    }
    code.into()
}

/// An account with code that somebody deployed.
pub(crate) fn preinstall(at: Address, code: Bytes) -> (Address, GenesisAccount) {
    let account = GenesisAccount::default()
        .with_nonce(Some(1))
        .with_code(Some(code));
    (at, account)
}
