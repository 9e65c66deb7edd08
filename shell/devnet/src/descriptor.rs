//! `devnet.json`: where everything is, for people and scripts.

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, io, path::Path};

/// The content of `devnet.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The L1.
    pub l1: L1Endpoints,
    /// The rollup.
    pub l2: L2Endpoints,
    /// Funded accounts, on both layers.
    pub accounts: Vec<Account>,
    /// The accounts of the services. They are funded as well.
    #[serde(default)]
    pub roles: BTreeMap<String, Account>,
    /// Contract addresses by name; those on L1 and the predeploys of L2.
    pub contracts: BTreeMap<String, Address>,
    /// `rollup.json`.
    pub rollup_config: serde_json::Value,
    /// Path of the secret that the engine endpoints ask for.
    pub jwt: String,
}

/// Endpoints of the L1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L1Endpoints {
    /// Chain id.
    pub chain_id: u64,
    /// JSON-RPC.
    pub rpc: String,
    /// Beacon API.
    pub beacon: String,
    /// Control methods (`dev_reorg`, `dev_stall`, `dev_withholdBlobs`) of the built-in L1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub control: Option<String>,
}

/// Endpoints of the rollup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L2Endpoints {
    /// Chain id.
    pub chain_id: u64,
    /// The node that builds blocks.
    pub sequencer: NodeEndpoints,
    /// The node that has nothing but L1.
    pub verifier: NodeEndpoints,
    /// Admin RPC of the batcher.
    pub batcher: String,
    /// Metrics of the batcher, for Prometheus.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub batcher_metrics: Option<String>,
    /// Admin RPC of the proposer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub proposer: Option<String>,
}

/// Endpoints of one rollup node and its engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeEndpoints {
    /// JSON-RPC of the engine, for wallets.
    pub rpc: String,
    /// Engine API.
    pub engine: String,
    /// RPC of the rollup node (`optimism_*`, `admin_*`).
    pub node: String,
}

/// A funded account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Address.
    pub address: Address,
    /// Its key. Publicly known: never use it on a chain that holds money.
    pub private_key: B256,
}

impl Descriptor {
    /// Writes the file whole or not at all.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let aside = path.with_extension("json.new");
        std::fs::write(&aside, serde_json::to_string_pretty(self)? + "\n")?;
        std::fs::rename(aside, path)
    }
}
