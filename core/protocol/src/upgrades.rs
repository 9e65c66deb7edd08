//! Network-upgrade transactions: deposits that a fork's activation block carries, as data.
//!
//! In: a bundle, from JSON or from the init codes of a fork's contracts. Out: encoded deposits and
//! the gas they need. Which bundles a chain uses is up to whoever starts derivation.
//!
//! spec: protocol/l2-upgrades-1-execution.md#bundle-format, protocol/isthmus/derivation.md,
//! protocol/jovian/derivation.md

use crate::{
    config::RollupConfig,
    deposit::{DepositSource, encode_deposit},
    forks::Fork,
    predeploys::{DEPOSITOR_ACCOUNT, GAS_PRICE_ORACLE, L1_BLOCK, OPERATOR_FEE_VAULT},
};
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use alloy_primitives::{Address, Bytes, TxKind, U256, address, bytes};
use op_alloy_consensus::TxDeposit;
use serde::{Deserialize, Serialize};

/// One upgrade transaction. Serializes as an element of a bundle's `transactions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpgradeTx {
    /// Calldata or init code.
    pub data: Bytes,
    /// Sender.
    #[serde(default = "depositor")]
    pub from: Address,
    /// Gas limit.
    pub gas_limit: u64,
    /// What it does, without the fork's name before it.
    pub intent: String,
    /// Recipient; `None` creates a contract.
    #[serde(default)]
    pub to: Option<Address>,
}

/// The upgrade transactions of one fork.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpgradeBundle {
    /// The fork whose activation block carries them.
    pub fork: Fork,
    /// The transactions in order.
    pub transactions: Vec<UpgradeTx>,
}

/// A bundle that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpgradeError {
    /// Not the JSON of a bundle.
    #[error("upgrade bundle is not valid: {0}")]
    Malformed(String),
    /// Another major version of the format than 1.
    #[error("upgrade bundle has version {0:?}, only 1.x.x is known")]
    Version(String),
    /// The gas limits add up to more than 64 bits.
    #[error("upgrade bundle: the gas limits add up to more than 64 bits")]
    GasOverflow,
}

/// The JSON of a bundle.
#[derive(Serialize, Deserialize)]
struct Json {
    metadata: Metadata,
    transactions: Vec<UpgradeTx>,
}

#[derive(Serialize, Deserialize)]
struct Metadata {
    version: String,
}

impl UpgradeBundle {
    /// Parses `{"metadata":{"version"},"transactions":[{data,from,gasLimit,intent,to}]}`.
    pub fn from_json(fork: Fork, text: &str) -> Result<Self, UpgradeError> {
        let json: Json =
            serde_json::from_str(text).map_err(|e| UpgradeError::Malformed(e.to_string()))?;
        if !json.metadata.version.starts_with("1.") {
            return Err(UpgradeError::Version(json.metadata.version));
        }
        json.transactions
            .iter()
            .try_fold(0u64, |sum, tx| sum.checked_add(tx.gas_limit))
            .ok_or(UpgradeError::GasOverflow)?;
        Ok(Self {
            fork,
            transactions: json.transactions,
        })
    }

    /// The bundle as JSON.
    pub fn to_json(&self) -> String {
        let json = Json {
            metadata: Metadata {
                version: "1.0.0".to_string(),
            },
            transactions: self.transactions.clone(),
        };
        serde_json::to_string_pretty(&json).unwrap_or_else(|_| unreachable!("plain data"))
    }

    /// The transactions as they stand in payload attributes.
    pub fn deposits(&self) -> Vec<Bytes> {
        self.transactions
            .iter()
            .map(|tx| encode_deposit(&self.deposit(tx)))
            .collect()
    }

    /// Sum of the gas limits.
    pub fn total_gas(&self) -> u64 {
        self.transactions
            .iter()
            .fold(0, |sum, tx| sum.saturating_add(tx.gas_limit))
    }

    /// Gas by which the activation block's limit exceeds the configured one: all of the bundle
    /// from Karst on, none before.
    ///
    /// spec: protocol/l2-upgrades-1-execution.md#gas-allocation-specification
    pub fn extra_gas(&self) -> u64 {
        if self.fork >= Fork::Karst {
            self.total_gas()
        } else {
            0
        }
    }

    fn deposit(&self, tx: &UpgradeTx) -> TxDeposit {
        let intent = format!("{}: {}", self.fork.title(), tx.intent);
        TxDeposit {
            source_hash: DepositSource::Upgrade { intent: &intent }.hash(),
            from: tx.from,
            to: tx.to.map_or(TxKind::Create, TxKind::Call),
            mint: 0,
            value: U256::ZERO,
            gas_limit: tx.gas_limit,
            is_system_transaction: false,
            input: tx.data.clone(),
        }
    }
}

/// Isthmus: L1Block, GasPriceOracle and OperatorFeeVault from their init codes, and EIP-2935.
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
        set_oracle("Gas Price Oracle Set Isthmus", bytes!("291b0383")),
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
/// page in four of five.
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
        set_oracle("Gas Price Oracle Set Jovian", bytes!("b3d72079")),
    ];
    UpgradeBundle {
        fork: Fork::Jovian,
        transactions,
    }
}

/// Well-known sender of the EIP-2935 deployment.
const EIP_2935_DEPLOYER: Address = address!("3462413Af4609098e1E27A490f554f260213D685");
/// Init code of the EIP-2935 contract, as the EIP gives it.
const EIP_2935_INIT_CODE: Bytes = bytes!(
    "60538060095f395ff33373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500"
);
/// Selector of `upgradeTo(address)`.
const UPGRADE_TO: [u8; 4] = [0x36, 0x59, 0xcf, 0xe6];

const fn depositor() -> Address {
    DEPOSITOR_ACCOUNT
}

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

fn set_oracle(intent: &str, data: Bytes) -> UpgradeTx {
    UpgradeTx {
        data,
        from: DEPOSITOR_ACCOUNT,
        gas_limit: 90_000,
        intent: intent.to_string(),
        to: Some(GAS_PRICE_ORACLE),
    }
}

/// The forks whose activation block must carry upgrade transactions, oldest first.
///
/// spec: protocol/derivation.md#network-upgrade-automation-transactions
pub const UPGRADING_FORKS: [Fork; 5] = [
    Fork::Ecotone,
    Fork::Fjord,
    Fork::Isthmus,
    Fork::Jovian,
    Fork::Karst,
];

/// The upgrade transactions of every fork that has some.
///
/// A chain that goes through a fork without its upgrade transactions (test chains may) holds an
/// empty bundle for it: absence always means that the bundle is not at hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upgrades(BTreeMap<Fork, UpgradeBundle>);

impl Upgrades {
    /// No fork has upgrade transactions.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a fork's bundle, replacing an older one.
    pub fn insert(&mut self, bundle: UpgradeBundle) {
        self.0.insert(bundle.fork, bundle);
    }

    /// The bundle of `fork`.
    pub fn get(&self, fork: Fork) -> Option<&UpgradeBundle> {
        self.0.get(&fork)
    }

    /// The bundles of the forks whose activation block is the one at `l2_time`, oldest first.
    pub fn activating_at<'a>(
        &'a self,
        cfg: &'a RollupConfig,
        l2_time: u64,
    ) -> impl Iterator<Item = &'a UpgradeBundle> {
        self.0
            .values()
            .filter(move |b| cfg.is_activation_block(b.fork, l2_time))
    }

    /// The oldest fork whose activation block is the one at `l2_time` and whose upgrade
    /// transactions are not at hand. Such a block cannot be derived: without them it would be
    /// another block than everybody else's.
    ///
    /// Forks that are active since genesis need no upgrade, so they never miss one.
    pub fn missing_at(&self, cfg: &RollupConfig, l2_time: u64) -> Option<Fork> {
        UPGRADING_FORKS
            .into_iter()
            .find(|fork| cfg.is_activation_block(*fork, l2_time) && self.get(*fork).is_none())
    }
}
