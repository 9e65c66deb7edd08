//! The bundles of the forks that were specified in prose, before bundles were files.
//!
//! In: the init codes of a fork's contracts, which are too large to live here. Out: the fork's
//! bundle, everything else of which the spec's pages fix: order, senders, gas, intents.
//!
//! spec: protocol/ecotone/derivation.md, protocol/fjord/derivation.md,
//! protocol/isthmus/derivation.md, protocol/jovian/derivation.md

use super::bundle::{UpgradeBundle, UpgradeTx};
use crate::{
    forks::Fork,
    predeploys::{DEPOSITOR_ACCOUNT, GAS_PRICE_ORACLE, L1_BLOCK, OPERATOR_FEE_VAULT},
};
use alloc::string::ToString;
use alloy_primitives::{Address, Bytes, address, bytes};

/// Ecotone: L1Block and GasPriceOracle from their init codes, and EIP-4788.
///
/// Where somebody already deployed the EIP-4788 contract, its creator's nonce is 1 and the last
/// transaction gives a second, useless copy; the chain goes on all the same.
///
/// spec: protocol/ecotone/derivation.md#network-upgrade-automation-transactions
pub fn ecotone_bundle(l1_block_code: Bytes, gas_price_oracle_code: Bytes) -> UpgradeBundle {
    let [l1_block, oracle] = [0, 1].map(deployer);
    let transactions = alloc::vec![
        create("L1 Block Deployment", l1_block, 375_000, l1_block_code),
        create(
            "Gas Price Oracle Deployment",
            oracle,
            1_000_000,
            gas_price_oracle_code
        ),
        proxy_update("L1 Block Proxy Update", L1_BLOCK, l1_block),
        proxy_update("Gas Price Oracle Proxy Update", GAS_PRICE_ORACLE, oracle),
        set_oracle("Gas Price Oracle Set Ecotone", 80_000, bytes!("22b90ab3")),
        create(
            "beacon block roots contract deployment",
            EIP_4788_DEPLOYER,
            250_000,
            EIP_4788_INIT_CODE,
        ),
    ];
    UpgradeBundle {
        fork: Fork::Ecotone,
        transactions,
    }
}

/// Fjord: GasPriceOracle from its init code.
///
/// spec: protocol/fjord/derivation.md#network-upgrade-automation-transactions
pub fn fjord_bundle(gas_price_oracle_code: Bytes) -> UpgradeBundle {
    let oracle = deployer(2);
    let transactions = alloc::vec![
        create(
            "Gas Price Oracle Deployment",
            oracle,
            1_450_000,
            gas_price_oracle_code
        ),
        proxy_update("Gas Price Oracle Proxy Update", GAS_PRICE_ORACLE, oracle),
        set_oracle("Gas Price Oracle Set Fjord", 90_000, bytes!("8e98b106")),
    ];
    UpgradeBundle {
        fork: Fork::Fjord,
        transactions,
    }
}

/// Isthmus: L1Block, GasPriceOracle and OperatorFeeVault from their init codes, and EIP-2935.
///
/// spec: protocol/isthmus/derivation.md#network-upgrade-automation-transactions
pub fn isthmus_bundle(
    l1_block_code: Bytes,
    gas_price_oracle_code: Bytes,
    operator_fee_vault_code: Bytes,
) -> UpgradeBundle {
    let [l1_block, oracle, vault] = [3, 4, 5].map(deployer);
    let transactions = alloc::vec![
        create("L1 Block Deployment", l1_block, 425_000, l1_block_code),
        create(
            "Gas Price Oracle Deployment",
            oracle,
            1_625_000,
            gas_price_oracle_code
        ),
        create(
            "Operator Fee Vault Deployment",
            vault,
            500_000,
            operator_fee_vault_code
        ),
        proxy_update("L1 Block Proxy Update", L1_BLOCK, l1_block),
        proxy_update("Gas Price Oracle Proxy Update", GAS_PRICE_ORACLE, oracle),
        proxy_update("Operator Fee Vault Proxy Update", OPERATOR_FEE_VAULT, vault),
        set_oracle("Gas Price Oracle Set Isthmus", 90_000, bytes!("291b0383")),
        create(
            "EIP-2935 Contract Deployment",
            EIP_2935_DEPLOYER,
            250_000,
            EIP_2935_INIT_CODE,
        ),
    ];
    UpgradeBundle {
        fork: Fork::Isthmus,
        transactions,
    }
}

/// Jovian: L1Block and GasPriceOracle from their init codes.
///
/// The intents are those of the chains that went through Jovian, which differ from the specs'
/// page in four of five (see `docs/decisions/upgrade-bundles.md`).
///
/// spec: protocol/jovian/derivation.md#network-upgrade-transactions
pub fn jovian_bundle(l1_block_code: Bytes, gas_price_oracle_code: Bytes) -> UpgradeBundle {
    let [l1_block, oracle] = [6, 7].map(deployer);
    let transactions = alloc::vec![
        create("L1 Block Deployment", l1_block, 447_315, l1_block_code),
        proxy_update("L1 Block Proxy Update", L1_BLOCK, l1_block),
        create(
            "Gas Price Oracle Deployment",
            oracle,
            1_750_714,
            gas_price_oracle_code
        ),
        proxy_update("Gas Price Oracle Proxy Update", GAS_PRICE_ORACLE, oracle),
        set_oracle("Gas Price Oracle Set Jovian", 90_000, bytes!("b3d72079")),
    ];
    UpgradeBundle {
        fork: Fork::Jovian,
        transactions,
    }
}

/// Well-known sender of the EIP-4788 deployment.
const EIP_4788_DEPLOYER: Address = address!("0B799C86a49DEeb90402691F1041aa3AF2d3C875");
/// Init code of the EIP-4788 contract, as the EIP gives it.
const EIP_4788_INIT_CODE: Bytes = bytes!(
    "60618060095f395ff33373fffffffffffffffffffffffffffffffffffffffe14604d57602036146024575f5ffd5b5f35801560495762001fff810690815414603c575f5ffd5b62001fff01545f5260205ff35b5f5ffd5b62001fff42064281555f359062001fff015500"
);
/// Well-known sender of the EIP-2935 deployment.
const EIP_2935_DEPLOYER: Address = address!("3462413Af4609098e1E27A490f554f260213D685");
/// Init code of the EIP-2935 contract, as the EIP gives it.
const EIP_2935_INIT_CODE: Bytes = bytes!(
    "60538060095f395ff33373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500"
);
/// Selector of `upgradeTo(address)`.
const UPGRADE_TO: [u8; 4] = [0x36, 0x59, 0xcf, 0xe6];

/// The account `0x4210…index` that deploys one contract, at nonce 0.
const fn deployer(index: u8) -> Address {
    let mut account = [0; 20];
    account[0] = 0x42;
    account[1] = 0x10;
    account[19] = index;
    Address::new(account)
}

fn create(intent: &str, from: Address, gas_limit: u64, data: Bytes) -> UpgradeTx {
    UpgradeTx {
        data,
        from,
        gas_limit,
        intent: intent.to_string(),
        to: None,
    }
}

/// Points `proxy` to what `deployer` deployed.
fn proxy_update(intent: &str, proxy: Address, deployer: Address) -> UpgradeTx {
    let implementation = deployer.create(0);
    let mut data = UPGRADE_TO.to_vec();
    data.extend(implementation.into_word());
    UpgradeTx {
        data: data.into(),
        from: Address::ZERO,
        gas_limit: 50_000,
        intent: intent.to_string(),
        to: Some(proxy),
    }
}

/// Tells the GasPriceOracle to follow the formula of the fork.
fn set_oracle(intent: &str, gas_limit: u64, data: Bytes) -> UpgradeTx {
    UpgradeTx {
        data,
        from: DEPOSITOR_ACCOUNT,
        gas_limit,
        intent: intent.to_string(),
        to: Some(GAS_PRICE_ORACLE),
    }
}
