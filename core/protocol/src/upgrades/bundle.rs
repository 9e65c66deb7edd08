//! A bundle: its transactions, its JSON, and the deposits it becomes.
//!
//! In: the JSON of a published bundle. Out: encoded deposits, in order, and their gas. Two bundles
//! with the same transactions give the same deposits to the byte.
//!
//! spec: protocol/l2-upgrades-1-execution.md#bundle-format

use crate::{
    deposit::{DepositSource, encode_deposit},
    forks::Fork,
    predeploys::DEPOSITOR_ACCOUNT,
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use alloy_primitives::{Address, Bytes, TxKind, U256};
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

const fn depositor() -> Address {
    DEPOSITOR_ACCOUNT
}
