//! The keys of a genesis file, one by one, so that an error can name the one at fault.

use alloy_genesis::{Genesis, GenesisAccount};
use alloy_primitives::Address;
use opal_execution::{ChainConfig, ChainKind};
use opal_protocol::Fork;
use serde::Deserialize;
use serde_json::{Map, Value};

/// A key, and what is wrong with it.
type Problem = (String, String);

/// Keys outside `config` and `alloc`.
const HEADER_KEYS: [&str; 12] = [
    "nonce",
    "timestamp",
    "extraData",
    "gasLimit",
    "difficulty",
    "mixHash",
    "coinbase",
    "baseFeePerGas",
    "excessBlobGas",
    "blobGasUsed",
    "number",
    "parentHash",
];

/// The genesis file, checked. `with_config` says whether its `config` counts.
pub(super) fn genesis(json: &Value, with_config: bool) -> Result<Genesis, Problem> {
    let object = json
        .as_object()
        .ok_or_else(|| problem("genesis", "the file must be a JSON object"))?;
    if with_config {
        let config = object.get("config").ok_or_else(|| {
            problem(
                "config",
                "is missing: the file does not say what the chain's rules are",
            )
        })?;
        check_config(config)?;
    }
    for key in ["gasLimit", "alloc"] {
        if !object.contains_key(key) {
            return Err(problem(key, "is missing"));
        }
    }
    for key in HEADER_KEYS {
        if let Some(value) = object.get(key) {
            check_alone(key, value)?;
        }
    }
    check_accounts(object.get("alloc").unwrap_or(&Value::Null))?;
    // A key that is null is a key that is left out.
    let present: Map<String, Value> = object
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    serde_json::from_value(Value::Object(present)).map_err(|e| problem("genesis", &e.to_string()))
}

/// What the rules of a file must have in common with what we implement.
pub(super) fn check_rules(chain: &ChainConfig, json: &Value) -> Result<(), Problem> {
    match &chain.kind {
        ChainKind::Optimism(rules) => {
            let mut older: Option<(Fork, u64)> = None;
            for fork in Fork::ALL {
                // Bedrock has no time; Delta is derivation's, and genesis files leave it out.
                if matches!(fork, Fork::Bedrock | Fork::Delta) {
                    continue;
                }
                let key = format!("config.{}Time", fork.name());
                match (older, rules.forks.time_of(fork)) {
                    (_, None) => {
                        if let Some(next) = Fork::ALL.into_iter().find(|later| {
                            *later > fork
                                && *later != Fork::Delta
                                && rules.forks.time_of(*later).is_some()
                        }) {
                            let text = format!("is missing, but {next}, a later fork, has a time");
                            return Err(problem(&key, &text));
                        }
                        break;
                    }
                    (Some((name, before)), Some(time)) if time < before => {
                        let text = format!("{time} is before {name}'s {before}");
                        return Err(problem(&key, &text));
                    }
                    (_, Some(time)) => older = Some((fork, time)),
                }
            }
            Ok(())
        }
        ChainKind::Ethereum(_) => {
            let ttd = json.pointer("/config/terminalTotalDifficulty");
            let merged = ttd.is_some_and(|v| {
                v.as_u64() == Some(0) || v.as_str() == Some("0x0") || v.as_str() == Some("0")
            });
            if merged {
                return Ok(());
            }
            Err(problem(
                "config.terminalTotalDifficulty",
                "must be 0: without `config.optimism` this is an Ethereum chain, and only those \
                 that begin after the Merge can be run",
            ))
        }
    }
}

fn check_config(config: &Value) -> Result<(), Problem> {
    let object = config
        .as_object()
        .ok_or_else(|| problem("config", "must be a JSON object"))?;
    match object.get("chainId") {
        None => return Err(problem("config.chainId", "is missing")),
        Some(id) if id.as_u64().is_none_or(|id| id == 0) => {
            return Err(problem(
                "config.chainId",
                &format!("must be a positive number, not {id}"),
            ));
        }
        Some(_) => {}
    }
    if object.get("optimism").is_some_and(|v| !v.is_object()) {
        return Err(problem("config.optimism", "must be a JSON object"));
    }
    for (key, value) in object {
        let alone = Value::Object(
            [("chainId".into(), 1.into()), (key.clone(), value.clone())]
                .into_iter()
                .collect(),
        );
        if let Err(e) = serde_json::from_value::<alloy_genesis::ChainConfig>(alone) {
            return Err(problem(
                &format!("config.{key}"),
                &format!("{e} (it is {})", short(value)),
            ));
        }
    }
    Ok(())
}

/// Whether a key makes sense without the others.
fn check_alone(key: &str, value: &Value) -> Result<(), Problem> {
    if value.is_null() {
        return Ok(());
    }
    let alone = Value::Object([(key.to_owned(), value.clone())].into_iter().collect());
    match serde_json::from_value::<Genesis>(alone) {
        Ok(_) => Ok(()),
        Err(e) => Err(problem(key, &format!("{e} (it is {})", short(value)))),
    }
}

fn check_accounts(alloc: &Value) -> Result<(), Problem> {
    let accounts = alloc
        .as_object()
        .ok_or_else(|| problem("alloc", "must be a JSON object of accounts by address"))?;
    for (address, account) in accounts {
        let key = format!("alloc.{address}");
        let digits = address.strip_prefix("0x").unwrap_or(address);
        if digits.parse::<Address>().is_err() {
            return Err(problem(
                &key,
                "is no address: 40 hexadecimal digits are expected",
            ));
        }
        if let Err(e) = GenesisAccount::deserialize(account) {
            return Err(problem(&key, &e.to_string()));
        }
    }
    Ok(())
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

fn problem(key: &str, text: &str) -> Problem {
    (key.to_owned(), text.to_owned())
}
