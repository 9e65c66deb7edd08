//! The first block of L2: predeploys behind their proxies, preinstalls, system contracts, funded
//! accounts.
//!
//! spec: protocol/predeploys.md, protocol/preinstalls.md

use crate::{
    abi,
    addresses::Addresses,
    artifacts::{Artifacts, embedded},
    config::{DeployConfig, GenesisError},
    deploy::DEV_TOKEN,
    l1::merged_chain_config,
    predeploys::{implementation_of, predeploy_accounts},
    preinstalls::preinstalls,
    sandbox::{CREATOR_NONCE, Sandbox},
};
use alloy_eips::{eip2935, eip4788};
use alloy_genesis::{ChainConfig as GenesisChainConfig, Genesis, GenesisAccount};
use alloy_primitives::{Address, Bytes, TxKind, U256, address, keccak256};
use alloy_sol_types::{SolCall, SolValue};
use opal_protocol::{Fork, L1Ref, predeploys};
use serde_json::json;
use std::collections::BTreeMap;

/// Wei per gas; what a chain starts with.
const GENESIS_BASE_FEE: u128 = 1_000_000_000;
/// Sender of the transaction that deploys the beacon-root contract on other chains (EIP-4788).
const EIP4788_DEPLOYER: Address = address!("0B799C86a49DEeb90402691F1041aa3AF2d3C875");
/// Sender of the transaction that deploys the history contract on other chains (EIP-2935).
const EIP2935_DEPLOYER: Address = address!("3462413Af4609098e1E27A490f554f260213D685");

/// The L2 genesis of a rollup whose first block builds on `l1_origin`, with our own contracts.
///
/// A fork counts as active at genesis if its time is not after the origin's. One implementation of
/// L1Block and GasPriceOracle serves every fork; what forks after genesis need is missing here and
/// comes with their upgrade transactions ([`dev_upgrades`](super::dev_upgrades)).
pub fn l2_genesis(config: &DeployConfig, addresses: &Addresses, l1_origin: L1Ref) -> Genesis {
    l2_genesis_from(&Artifacts::Embedded, config, addresses, l1_origin)
        .expect("our own contracts can be constructed")
}

/// As [`l2_genesis`], with contracts from elsewhere.
pub fn l2_genesis_from(
    artifacts: &Artifacts,
    config: &DeployConfig,
    addresses: &Addresses,
    l1_origin: L1Ref,
) -> Result<Genesis, GenesisError> {
    let fork = config.forks.newest_at(l1_origin.time);
    let mut alloc = BTreeMap::new();
    for account in 0..=255 {
        let precompile = Address::with_last_byte(account);
        alloc.insert(
            precompile,
            GenesisAccount::default().with_balance(U256::from(1)),
        );
    }
    predeploy_accounts(artifacts, config, addresses, fork, &mut alloc)?;
    system_contracts(fork, &mut alloc);
    alloc.extend(preinstalls(artifacts, config.l2_chain_id)?);
    if !addresses.dev_token.is_zero() {
        dev_token(config, addresses, &mut alloc)?;
    }
    for account in &config.prefunded {
        let funded: &mut GenesisAccount = alloc.entry(*account).or_default();
        funded.balance = config.prefund;
    }
    Ok(Genesis {
        config: chain_config(config),
        timestamp: l1_origin.time,
        extra_data: extra_data(config, fork),
        gas_limit: config.gas_limit,
        coinbase: predeploys::SEQUENCER_FEE_VAULT,
        alloc,
        base_fee_per_gas: Some(GENESIS_BASE_FEE),
        excess_blob_gas: Some(0),
        blob_gas_used: Some(0),
        number: Some(0),
        ..Genesis::default()
    })
}

/// The image of the token for trying out, as the factory makes it.
fn dev_token(
    config: &DeployConfig,
    addresses: &Addresses,
    alloc: &mut BTreeMap<Address, GenesisAccount>,
) -> Result<(), GenesisError> {
    let factory = predeploys::OPTIMISM_MINTABLE_ERC20_FACTORY;
    // Nobody else takes part.
    let part = [factory, implementation_of(factory)];
    let part = part.map(|address| (address, alloc.get(&address).cloned().unwrap_or_default()));
    let mut sandbox = Sandbox::new(config.l2_chain_id, part.into(), CREATOR_NONCE);
    let (name, symbol) = DEV_TOKEN;
    let create = abi::IOptimismMintableERC20Factory::createOptimismMintableERC20Call {
        remoteToken: addresses.dev_token,
        name: name.into(),
        symbol: symbol.into(),
    };
    sandbox.send(
        "the dev token on L2",
        TxKind::Call(factory),
        create.abi_encode().into(),
    )?;
    for account in [factory, l2_dev_token(addresses)] {
        alloc.insert(account, sandbox.account(account));
    }
    Ok(())
}

/// Where the image of the token for trying out is on L2: the factory's CREATE2 address for it.
pub fn l2_dev_token(addresses: &Addresses) -> Address {
    let (name, symbol) = DEV_TOKEN;
    let (remote, decimals) = (addresses.dev_token, U256::from(18));
    let salt = keccak256((remote, name, symbol, decimals).abi_encode_params());
    let bridge = predeploys::L2_STANDARD_BRIDGE;
    let arguments = (bridge, remote, name, symbol, decimals).abi_encode_params();
    let init_code = embedded("OptimismMintableERC20").init_code(&arguments);
    predeploys::OPTIMISM_MINTABLE_ERC20_FACTORY.create2_from_code(salt, init_code)
}

/// Contracts that Ethereum's forks deploy by a transaction: present if the L2 fork that brings
/// them is active, else left to its upgrade transactions.
fn system_contracts(fork: Fork, alloc: &mut BTreeMap<Address, GenesisAccount>) {
    let contracts = [
        (
            Fork::Ecotone,
            eip4788::BEACON_ROOTS_ADDRESS,
            &eip4788::BEACON_ROOTS_CODE,
            EIP4788_DEPLOYER,
        ),
        (
            Fork::Isthmus,
            eip2935::HISTORY_STORAGE_ADDRESS,
            &eip2935::HISTORY_STORAGE_CODE,
            EIP2935_DEPLOYER,
        ),
    ];
    for (since, address, code, deployer) in contracts {
        if fork >= since {
            let used = GenesisAccount::default().with_nonce(Some(1));
            alloc.insert(address, used.clone().with_code(Some(code.clone())));
            alloc.insert(deployer, used);
        }
    }
}

/// `extraData` of the first block: the EIP-1559 parameters of the chain, in the fork's format.
/// spec: holocene/exec-engine.md#encoding, jovian/exec-engine.md#minimum-base-fee-in-block-header
fn extra_data(config: &DeployConfig, fork: Fork) -> Bytes {
    let constants = &config.eip1559;
    let word = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes();
    let mut data = vec![u8::from(fork >= Fork::Jovian)];
    data.extend(word(constants.eip1559_denominator_canyon));
    data.extend(word(constants.eip1559_elasticity));
    if fork >= Fork::Jovian {
        data.extend(0u64.to_be_bytes());
    }
    if fork >= Fork::Holocene {
        data.into()
    } else {
        config.extra_data.clone()
    }
}

/// The chain's part of the genesis file, with the keys that OP execution clients read.
fn chain_config(config: &DeployConfig) -> GenesisChainConfig {
    let constants = &config.eip1559;
    let forks = &config.forks;
    let mut chain = GenesisChainConfig {
        shanghai_time: forks.canyon_time,
        cancun_time: forks.ecotone_time,
        prague_time: forks.isthmus_time,
        ..merged_chain_config(config.l2_chain_id)
    };
    let mut extra = BTreeMap::from([("bedrockBlock".to_owned(), json!(0))]);
    for fork in Fork::ALL.into_iter().skip(1) {
        if let Some(time) = forks.time_of(fork) {
            extra.insert(format!("{fork}Time"), json!(time));
        }
    }
    let optimism = json!({
        "eip1559Elasticity": constants.eip1559_elasticity,
        "eip1559Denominator": constants.eip1559_denominator,
        "eip1559DenominatorCanyon": constants.eip1559_denominator_canyon,
    });
    extra.insert("optimism".to_owned(), optimism);
    chain.extra_fields.extend(extra);
    chain
}
