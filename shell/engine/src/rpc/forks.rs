//! The fork configuration that `eth_config` answers (EIP-7910), with fork ids (EIP-2124, EIP-6122).
//!
//! In: the chain's rules and its first block. Out: what is in force, what comes next, and what
//! comes last. Forks by block height are older than any chain this engine runs.

use alloy_primitives::{Address, B256, address, hex};
use opal_execution::{ChainConfig, ChainKind, EthFork};
use opal_protocol::Fork;
use serde_json::{Map, Value, json};

/// Contracts that the protocol calls, by the names of EIP-7910.
const BEACON_ROOTS: Address = address!("000f3df6d732807ef1319fb7b8bb8522d0beac02");
const HISTORY_STORAGE: Address = address!("0000f90827f1c53a10cb7a02335b175320002935");
const CONSOLIDATIONS: Address = address!("0000bbddc7ce488642fb579f8b00f3a590007251");
const WITHDRAWALS: Address = address!("00000961ef480eb55e80d19ad83579a64c007002");

/// Precompiles with the fork of Ethereum that brought them, by the names of EIP-7910.
const PRECOMPILES: [(&str, u16, EthFork); 18] = [
    ("ECREC", 1, EthFork::Paris),
    ("SHA256", 2, EthFork::Paris),
    ("RIPEMD160", 3, EthFork::Paris),
    ("ID", 4, EthFork::Paris),
    ("MODEXP", 5, EthFork::Paris),
    ("BN254_ADD", 6, EthFork::Paris),
    ("BN254_MUL", 7, EthFork::Paris),
    ("BN254_PAIRING", 8, EthFork::Paris),
    ("BLAKE2F", 9, EthFork::Paris),
    ("KZG_POINT_EVALUATION", 0x0a, EthFork::Cancun),
    ("BLS12_G1ADD", 0x0b, EthFork::Prague),
    ("BLS12_G1MSM", 0x0c, EthFork::Prague),
    ("BLS12_G2ADD", 0x0d, EthFork::Prague),
    ("BLS12_G2MSM", 0x0e, EthFork::Prague),
    ("BLS12_PAIRING_CHECK", 0x0f, EthFork::Prague),
    ("BLS12_MAP_FP_TO_G1", 0x10, EthFork::Prague),
    ("BLS12_MAP_FP2_TO_G2", 0x11, EthFork::Prague),
    ("P256VERIFY", 0x100, EthFork::Osaka),
];

/// The answer of `eth_config` at `now`, for a chain that began with the block `genesis` (its hash
/// and its time).
pub(super) fn config(chain: &ChainConfig, genesis: (B256, u64), now: u64) -> Value {
    let times = activations(chain, genesis.1);
    let current = times.iter().copied().rev().find(|t| *t <= now);
    let next = times.iter().copied().find(|t| *t > now);
    let of = |time: u64| entry(chain, genesis, &times, time);
    json!({
        "current": of(current.unwrap_or(0)),
        "next": next.map(of),
        // The last one is only news if something comes at all.
        "last": next.and(times.last().copied()).map(of),
    })
}

/// Times of forks after genesis, ascending, behind a zero for what was in force from the start.
fn activations(chain: &ChainConfig, genesis_time: u64) -> Vec<u64> {
    let mut times: Vec<u64> = match &chain.kind {
        ChainKind::Optimism(rules) => Fork::ALL
            .iter()
            // Delta is a matter of derivation alone; no client's fork id knows it.
            .filter(|fork| **fork != Fork::Delta)
            .filter_map(|fork| rules.forks.time_of(*fork))
            .collect(),
        ChainKind::Ethereum(rules) => [
            rules.shanghai_time,
            rules.cancun_time,
            rules.prague_time,
            rules.osaka_time,
        ]
        .into_iter()
        .flatten()
        .chain(rules.blob_schedule.iter().map(|(time, _)| *time))
        .collect(),
    };
    times.retain(|time| *time > genesis_time);
    times.push(0);
    times.sort_unstable();
    times.dedup();
    times
}

fn entry(chain: &ChainConfig, genesis: (B256, u64), times: &[u64], time: u64) -> Value {
    let in_force = time.max(genesis.1);
    let fork = chain.eth_fork(in_force);
    let blobs = chain.blob_params(in_force).map(|params| {
        json!({
            "target": params.target_blob_count,
            "max": params.max_blob_count,
            "baseFeeUpdateFraction": params.update_fraction,
        })
    });
    let passed = times.iter().filter(|t| **t > 0 && **t <= time);
    json!({
        "activationTime": time,
        "blobSchedule": blobs,
        "chainId": super::convert::quantity(chain.chain_id),
        "forkId": fork_id(genesis.0, passed),
        "precompiles": precompiles(chain, fork, in_force),
        "systemContracts": system_contracts(chain, fork),
    })
}

fn precompiles(chain: &ChainConfig, fork: EthFork, time: u64) -> Value {
    let there = |name: &str, since: EthFork| {
        // OP chains had it since Fjord. spec: fjord/exec-engine.md#secp256r1-precompile
        fork >= since || (name == "P256VERIFY" && chain.is_op_active(Fork::Fjord, time))
    };
    let mut found = Map::new();
    for (name, number, since) in PRECOMPILES {
        if there(name, since) {
            let mut address = Address::ZERO;
            address.0[18..].copy_from_slice(&number.to_be_bytes());
            found.insert(name.to_owned(), json!(address));
        }
    }
    Value::Object(found)
}

fn system_contracts(chain: &ChainConfig, fork: EthFork) -> Value {
    let mut found = Map::new();
    let mut put = |name: &str, address: Address| found.insert(name.to_owned(), json!(address));
    if fork >= EthFork::Cancun {
        put("BEACON_ROOTS_ADDRESS", BEACON_ROOTS);
    }
    if fork >= EthFork::Prague {
        put("HISTORY_STORAGE_ADDRESS", HISTORY_STORAGE);
        if let ChainKind::Ethereum(rules) = &chain.kind {
            put("CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS", CONSOLIDATIONS);
            put("WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS", WITHDRAWALS);
            let deposits = rules.deposit_contract.unwrap_or_default();
            put("DEPOSIT_CONTRACT_ADDRESS", deposits);
        }
    }
    Value::Object(found)
}

/// The CRC-32 of the genesis hash and all forks that have passed.
fn fork_id<'a>(genesis: B256, passed: impl Iterator<Item = &'a u64>) -> String {
    let mut crc = crc32(u32::MAX, genesis.as_slice());
    for time in passed {
        crc = crc32(crc, &time.to_be_bytes());
    }
    hex::encode_prefixed((!crc).to_be_bytes())
}

/// Feeds bytes to a CRC-32 (IEEE), bit by bit: there are few of them.
fn crc32(mut crc: u32, bytes: &[u8]) -> u32 {
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let low = crc & 1;
            crc >>= 1;
            if low == 1 {
                crc ^= 0xedb8_8320;
            }
        }
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::b256;
    use opal_execution::EthereumRules;

    #[test]
    fn fork_ids_are_those_of_mainnet() {
        // EIP-2124's own examples, with forks by height in place of times.
        let genesis = b256!("d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3");
        let forks = [1_150_000u64, 1_920_000, 2_463_000, 2_675_000, 4_370_000];
        let ids: Vec<String> = (0..=5)
            .map(|n| fork_id(genesis, forks.iter().take(n)))
            .collect();
        let expected = [
            "0xfc64ec04",
            "0x97c2c34c",
            "0x91d1f948",
            "0x7a64da13",
            "0x3edd5b10",
            "0xa00bc324",
        ];
        assert_eq!(ids, expected);
    }

    #[test]
    fn the_configuration_tells_what_comes() {
        let rules = EthereumRules {
            shanghai_time: Some(0),
            cancun_time: Some(0),
            prague_time: Some(200),
            osaka_time: Some(300),
            blob_schedule: Vec::new(),
            deposit_contract: None,
        };
        let chain = ChainConfig {
            chain_id: 7,
            kind: ChainKind::Ethereum(rules),
        };
        let genesis = (B256::repeat_byte(1), 100);
        let at = |now| config(&chain, genesis, now);
        assert_eq!(at(150)["current"]["activationTime"], 0);
        assert_eq!(at(150)["next"]["activationTime"], 200);
        assert_eq!(at(150)["last"]["activationTime"], 300);
        assert_eq!(at(300)["next"], Value::Null);
        assert_eq!(at(300)["last"], Value::Null);
        assert_eq!(at(200)["current"], at(150)["next"]);
        let count = |now: u64, key: &str| at(now)["current"][key].as_object().unwrap().len();
        assert_eq!(
            (count(150, "precompiles"), count(200, "precompiles")),
            (10, 17)
        );
        assert_eq!(count(300, "precompiles"), 18);
        assert_eq!(
            (count(150, "systemContracts"), count(200, "systemContracts")),
            (1, 5)
        );
        assert_ne!(at(150)["current"]["forkId"], at(200)["current"]["forkId"]);
    }
}
