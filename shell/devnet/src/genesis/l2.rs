//! The first block of L2: predeploys behind their proxies, system contracts, funded accounts.
//!
//! spec: protocol/predeploys.md, protocol/preinstalls.md

use super::{
    artifacts, config::DeployConfig, deploy::Addresses, l1::merged_chain_config,
    preinstalls::preinstalls,
};
use alloy_eips::{eip2935, eip4788};
use alloy_genesis::{ChainConfig as GenesisChainConfig, Genesis, GenesisAccount};
use alloy_primitives::{Address, B256, Bytes, U256, address, b256};
use opal_protocol::{Fork, L1Ref, config::ChainOpConfig, predeploys};
use serde_json::json;
use std::collections::BTreeMap;

/// Wei per gas; what a chain starts with.
const GENESIS_BASE_FEE: u128 = 1_000_000_000;
/// How many predeploys have a proxy, counted from `0x4200…0000`.
const PROXIED_PREDEPLOYS: u64 = 2048;
/// Sender of the transaction that deploys the beacon-root contract on other chains (EIP-4788).
const EIP4788_DEPLOYER: Address = address!("0B799C86a49DEeb90402691F1041aa3AF2d3C875");
/// Sender of the transaction that deploys the history contract on other chains (EIP-2935).
const EIP2935_DEPLOYER: Address = address!("3462413Af4609098e1E27A490f554f260213D685");
/// EIP-1967 slots of a proxy.
const IMPLEMENTATION_SLOT: B256 =
    b256!("360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc");
const ADMIN_SLOT: B256 = b256!("b53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103");
/// FeeVault's `WithdrawalNetwork.L2`.
const WITHDRAWAL_NETWORK_L2: U256 = U256::from_limbs([1, 0, 0, 0]);

/// The L2 genesis of a rollup whose first block builds on `l1_origin`.
///
/// A fork counts as active at genesis if its time is not after the origin's. One implementation of
/// L1Block and GasPriceOracle serves every fork; what forks after genesis need is missing here and
/// comes with their upgrade transactions ([`dev_upgrades`](super::dev_upgrades)).
pub fn l2_genesis(config: &DeployConfig, addresses: &Addresses, l1_origin: L1Ref) -> Genesis {
    // The bridge contracts will need them; nothing on L2 knows of L1 so far.
    let _ = addresses;
    let fork = config.forks.newest_at(l1_origin.time);
    let mut alloc = BTreeMap::new();
    for account in 0..=255 {
        let precompile = Address::with_last_byte(account);
        alloc.insert(
            precompile,
            GenesisAccount::default().with_balance(U256::from(1)),
        );
    }
    predeploy_accounts(config, fork, &mut alloc);
    system_contracts(fork, &mut alloc);
    alloc.extend(preinstalls());
    for account in &config.prefunded {
        let funded: &mut GenesisAccount = alloc.entry(*account).or_default();
        funded.balance = config.prefund;
    }
    Genesis {
        config: chain_config(config),
        timestamp: l1_origin.time,
        extra_data: extra_data(fork),
        gas_limit: config.gas_limit,
        coinbase: predeploys::SEQUENCER_FEE_VAULT,
        alloc,
        base_fee_per_gas: Some(GENESIS_BASE_FEE),
        excess_blob_gas: Some(0),
        blob_gas_used: Some(0),
        number: Some(0),
        ..Genesis::default()
    }
}

/// Proxies of the whole predeploy range, and what lies behind them.
fn predeploy_accounts(
    config: &DeployConfig,
    fork: Fork,
    alloc: &mut BTreeMap<Address, GenesisAccount>,
) {
    let admin = predeploys::PROXY_ADMIN.into_word();
    let proxy = artifacts::PROXY.runtime_code(&[]);
    for index in 0..PROXIED_PREDEPLOYS {
        let address = predeploy(index);
        if address == predeploys::WETH9 {
            let code = artifacts::WETH.runtime_code(&[]);
            alloc.insert(address, contract(code, BTreeMap::new()));
            continue;
        }
        let slots = BTreeMap::from([(ADMIN_SLOT, admin)]);
        alloc.insert(address, contract(proxy.clone(), slots));
    }
    for (address, code, slots) in implementations(config, fork) {
        let implementation = implementation_of(address);
        alloc.insert(implementation, contract(code, BTreeMap::new()));
        let proxy = alloc.entry(address).or_default();
        let storage = proxy.storage.get_or_insert_default();
        storage.insert(IMPLEMENTATION_SLOT, implementation.into_word());
        storage.extend(slots);
    }
}

/// Predeploys that have code: address, runtime code, and what the proxy's storage starts with.
fn implementations(
    config: &DeployConfig,
    fork: Fork,
) -> Vec<(Address, Bytes, BTreeMap<B256, B256>)> {
    let vault = |artifact: &artifacts::Artifact, recipient: Address| {
        artifact.runtime_code(&[
            ("INITIAL_RECIPIENT", recipient.into_word().into()),
            ("INITIAL_MIN_WITHDRAWAL_AMOUNT", U256::ZERO),
            ("INITIAL_WITHDRAWAL_NETWORK", WITHDRAWAL_NETWORK_L2),
        ])
    };
    let slot0 = |value: B256| BTreeMap::from([(B256::ZERO, value)]);
    let mut list = vec![
        (
            predeploys::GAS_PRICE_ORACLE,
            artifacts::GAS_PRICE_ORACLE.runtime_code(&[]),
            slot0(gas_price_oracle_flags(fork)),
        ),
        (
            predeploys::L1_BLOCK,
            artifacts::L1_BLOCK.runtime_code(&[]),
            BTreeMap::new(),
        ),
        (
            predeploys::L2_TO_L1_MESSAGE_PASSER,
            artifacts::L2_TO_L1_MESSAGE_PASSER.runtime_code(&[]),
            BTreeMap::new(),
        ),
        (
            predeploys::PROXY_ADMIN,
            artifacts::PROXY_ADMIN.runtime_code(&[]),
            slot0(config.owner.into_word()),
        ),
        (
            predeploys::SEQUENCER_FEE_VAULT,
            vault(&artifacts::SEQUENCER_FEE_VAULT, config.fee_recipient),
            BTreeMap::new(),
        ),
        (
            predeploys::BASE_FEE_VAULT,
            vault(&artifacts::BASE_FEE_VAULT, config.fee_recipient),
            BTreeMap::new(),
        ),
        (
            predeploys::L1_FEE_VAULT,
            vault(&artifacts::L1_FEE_VAULT, config.fee_recipient),
            BTreeMap::new(),
        ),
    ];
    if fork >= Fork::Isthmus {
        let code = vault(&artifacts::OPERATOR_FEE_VAULT, predeploys::BASE_FEE_VAULT);
        list.push((predeploys::OPERATOR_FEE_VAULT, code, BTreeMap::new()));
    }
    list
}

/// Slot 0 of GasPriceOracle: one byte per fork, the oldest lowest.
fn gas_price_oracle_flags(fork: Fork) -> B256 {
    let mut flags = B256::ZERO;
    let switches = [Fork::Ecotone, Fork::Fjord, Fork::Isthmus, Fork::Jovian];
    for (byte, switch) in flags.0.iter_mut().rev().zip(switches) {
        *byte = u8::from(fork >= switch);
    }
    flags
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

fn contract(code: Bytes, storage: BTreeMap<B256, B256>) -> GenesisAccount {
    GenesisAccount::default()
        .with_code(Some(code))
        .with_storage(Some(storage))
}

/// The predeploy number `index`.
fn predeploy(index: u64) -> Address {
    let mut address = [0; 20];
    address[0] = 0x42;
    address[12..].copy_from_slice(&index.to_be_bytes());
    address.into()
}

/// Where the code of a predeploy lies: `0xc0d3c0d3…` with the predeploy's last two bytes.
fn implementation_of(predeploy: Address) -> Address {
    let mut address = [0; 20];
    for pair in address.chunks_exact_mut(2) {
        pair.copy_from_slice(&[0xc0, 0xd3]);
    }
    address[18..].copy_from_slice(&predeploy[18..]);
    address.into()
}

/// `extraData` of the first block: the EIP-1559 parameters of the chain, in the fork's format.
/// spec: holocene/exec-engine.md#encoding, jovian/exec-engine.md#minimum-base-fee-in-block-header
fn extra_data(fork: Fork) -> Bytes {
    let constants = ChainOpConfig::default();
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
        Bytes::new()
    }
}

/// The chain's part of the genesis file, with the keys that OP execution clients read.
fn chain_config(config: &DeployConfig) -> GenesisChainConfig {
    let constants = ChainOpConfig::default();
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
