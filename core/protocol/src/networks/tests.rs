//! The tables are whole, names mean one chain each, and what is known elsewhere is what they say.

use super::{Network, NetworkError, Obstacle, all, find, rollup_config, table};
use crate::{ConfigError, Fork, L1ChainConfig, RollupConfig};
use alloy_primitives::{U256, address, b256};
use std::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};

fn config(name: &str) -> RollupConfig {
    find(name).unwrap().config
}

#[test]
fn every_paragraph_reads_as_a_whole_network() {
    let networks: Vec<Network> = all().collect();
    assert_eq!(networks.len(), 55);
    for network in networks {
        let (name, cfg) = (network.name, &network.config);
        let genesis = &cfg.genesis;
        assert!(!network.title.is_empty(), "{name}");
        assert!(
            !genesis.l1.hash.is_zero() && !genesis.l2.hash.is_zero(),
            "{name}"
        );
        assert!(genesis.l1.number > 0 && genesis.l2_time > 0, "{name}");
        let system = &genesis.system_config;
        assert!(!system.batcher_address.is_zero(), "{name}");
        assert!(!system.scalar.is_zero() && system.gas_limit > 0, "{name}");
        for address in [
            cfg.batch_inbox_address,
            cfg.deposit_contract_address,
            cfg.l1_system_config_address,
        ] {
            assert!(!address.is_zero(), "{name}");
        }
        assert!(
            cfg.max_sequencer_drift > 0 && cfg.channel_timeout == 300,
            "{name}"
        );
        let fees = cfg.chain_op_config;
        assert!(fees.eip1559_elasticity > 0, "{name}");
        assert!(
            fees.eip1559_denominator > 0 && fees.eip1559_denominator_canyon > 0,
            "{name}"
        );
        assert!(cfg.forks.is_active(Fork::Canyon, u64::MAX), "{name}");
        let l1 = L1ChainConfig::known(cfg.l1_chain_id);
        assert!(l1.is_some(), "{name}: L1 {} is unknown", cfg.l1_chain_id);
    }
}

#[test]
fn every_network_is_valid_or_says_why_not() {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for network in all() {
        let alt_da = network.config.alt_da.is_some();
        assert_eq!(network.config.validate().is_err(), alt_da, "{network:?}");
        let reason = match network.obstacle {
            None => "derivable",
            Some(Obstacle::AltDa) if alt_da => "alt-DA",
            Some(Obstacle::AltDa) => "alt-DA, details unknown",
            Some(Obstacle::Departed { .. }) => "departed",
        };
        assert_eq!(
            rollup_config(network.name).is_ok(),
            network.obstacle.is_none()
        );
        reasons.entry(reason).or_default().push(network.name);
    }
    assert_eq!(reasons["derivable"].len(), 41);
    assert_eq!(
        reasons["alt-DA"],
        [
            "automata-mainnet",
            "cyber-mainnet",
            "funki-mainnet",
            "redstone-mainnet",
            "silent-data-mainnet-mainnet",
            "xterio-eth-mainnet",
            "celo-sep-sepolia",
            "funki-sepolia"
        ]
    );
    assert_eq!(
        reasons["alt-DA, details unknown"],
        [
            "celo-mainnet",
            "fraxtal-mainnet",
            "lyra-mainnet",
            "orderly-mainnet"
        ]
    );
    assert_eq!(reasons["departed"], ["base-mainnet", "base-sepolia"]);
}

#[test]
fn every_config_survives_rollup_json() {
    for network in all() {
        let text = serde_json::to_string_pretty(&network.config).unwrap();
        let read: RollupConfig = serde_json::from_str(&text).unwrap();
        assert_eq!(read, network.config, "{}", network.name);
        let accepted = RollupConfig::from_json(&text);
        if network.config.alt_da.is_some() {
            let refused = matches!(accepted, Err(ConfigError::Value { key: "alt_da", .. }));
            assert!(refused, "{accepted:?}");
        } else {
            assert_eq!(accepted.as_ref(), Ok(&network.config));
        }
    }
}

#[test]
fn a_name_means_one_network() {
    let mut owners: BTreeMap<String, &str> = BTreeMap::new();
    for network in all() {
        let id = network.config.l2_chain_id.to_string();
        let names = [Some(network.name), network.alias, Some(id.as_str())];
        for name in names.into_iter().flatten() {
            let other = owners.insert(name.to_string(), network.name);
            assert_eq!(other, None, "{name} is also {}", network.name);
            assert_eq!(find(name).unwrap(), network);
        }
    }
}

#[test]
fn networks_go_by_several_names() {
    for name in [
        "op-mainnet",
        "op",
        "OP",
        "Op_Mainnet",
        "OP Mainnet",
        " op ",
        "10",
    ] {
        assert_eq!(find(name).unwrap().name, "op-mainnet", "{name}");
    }
    assert_eq!(find("base").unwrap().name, "base-mainnet");
    assert_eq!(find("boba").unwrap().name, "boba-mainnet");
    assert_eq!(
        find("settlus-sepolia").unwrap().name,
        "settlus-sepolia-sepolia"
    );
    assert_eq!(
        find("radius-testnet-sepolia").unwrap().name,
        "radius_testnet-sepolia"
    );
    // A testnet never goes by its chain's name alone.
    assert!(find("ozean").is_err());
}

#[test]
fn unknown_names_bring_suggestions() {
    let text = |name: &str| find(name).unwrap_err().to_string();
    assert_eq!(
        text("bass-mainnet"),
        "unknown network \"bass-mainnet\"; did you mean base-mainnet?"
    );
    assert_eq!(
        text("bsae"),
        "unknown network \"bsae\"; did you mean base-mainnet?"
    );
    assert_eq!(
        text("ozean"),
        "unknown network \"ozean\"; did you mean ozean-sepolia?"
    );
    assert_eq!(
        text("op-goerli"),
        "unknown network \"op-goerli\"; names are such as op-mainnet, op or op-sepolia"
    );
    assert_eq!(
        text(""),
        "unknown network \"\"; names are such as op-mainnet, op or op-sepolia"
    );
    let Err(NetworkError::Unknown { near, .. }) = find("sepolia") else {
        panic!("sepolia is no network");
    };
    assert_eq!(near.len(), 4);
    let long = "x".repeat(100_000);
    assert!(find(&long).is_err());
}

#[test]
fn chains_that_cannot_be_derived_are_refused_by_name() {
    assert_eq!(
        rollup_config("celo").unwrap_err().to_string(),
        "celo-mainnet cannot be derived: its batches lie outside L1 (alt-DA), where Opal cannot \
         read them yet"
    );
    let text = rollup_config("base").unwrap_err().to_string();
    assert!(text.contains("since Azul (unix time 1779991200)"), "{text}");
}

/// Values of <https://docs.optimism.io> and of the chain itself, not of the registry.
#[test]
fn op_mainnet_is_as_known() {
    let cfg = config("op-mainnet");
    assert_eq!((cfg.l1_chain_id, cfg.l2_chain_id), (1, 10));
    assert_eq!((cfg.block_time, cfg.max_sequencer_drift), (2, 600));
    assert_eq!((cfg.seq_window_size, cfg.channel_timeout), (3600, 300));
    let genesis = cfg.genesis;
    assert_eq!(genesis.l1.number, 17_422_590);
    assert_eq!(
        genesis.l1.hash,
        b256!("438335a20d98863a4c0c97999eb2481921ccd28553eac6f913af7c12aec04108")
    );
    assert_eq!(genesis.l2.number, 105_235_063);
    assert_eq!(
        genesis.l2.hash,
        b256!("dbf6a80fef073de06add9b0d14026d6e5a86c85f6d102c36d3d8e9cf89c2afd3")
    );
    assert_eq!(genesis.l2_time, 1_686_068_903);
    let system = genesis.system_config;
    assert_eq!(
        system.batcher_address,
        address!("6887246668a3b87F54DeB3b94Ba47a6f63F32985")
    );
    assert_eq!(
        (system.overhead, system.scalar),
        (U256::from(188), U256::from(684_000))
    );
    assert_eq!(system.gas_limit, 30_000_000);
    assert_eq!(
        cfg.batch_inbox_address,
        address!("ff00000000000000000000000000000000000010")
    );
    assert_eq!(
        cfg.deposit_contract_address,
        address!("bEb5Fc579115071764c7423A4f12eDde41f106Ed")
    );
    assert_eq!(
        cfg.l1_system_config_address,
        address!("229047fed2591dbec1eF1118d64F7aF3dB9EB290")
    );
    let times = [
        (Fork::Regolith, 0),
        (Fork::Canyon, 1_704_992_401),
        (Fork::Delta, 1_708_560_000),
        (Fork::Ecotone, 1_710_374_401),
        (Fork::Fjord, 1_720_627_201),
        (Fork::Granite, 1_726_070_401),
        (Fork::Holocene, 1_736_445_601),
        (Fork::Isthmus, 1_746_806_401),
        (Fork::Jovian, 1_764_691_201),
        (Fork::Karst, 1_783_526_401),
    ];
    for (fork, time) in times {
        assert_eq!(cfg.forks.time_of(fork), Some(time), "{fork}");
    }
    assert_eq!(cfg.forks.pectra_blob_schedule_time, None);
}

#[test]
fn sepolia_has_the_pectra_blob_schedule() {
    let forks = config("op-sepolia").forks;
    assert_eq!(forks.pectra_blob_schedule_time, Some(1_742_486_400));
    assert_eq!(forks.karst_time, Some(1_781_712_001));
    // Boba's own time is another.
    let forks = config("boba-sepolia").forks;
    assert_eq!(forks.pectra_blob_schedule_time, Some(1_743_534_000));
}

#[test]
fn trap_3_chains_that_keep_karsts_upgrade_gas() {
    let keep = |network: &Network| network.config.keep_karst_upgrade_gas;
    let names: Vec<&str> = all().filter(keep).map(|network| network.name).collect();
    assert_eq!(
        names,
        [
            "ink-mainnet",
            "op-mainnet",
            "soneium-mainnet",
            "unichain-mainnet",
            "ink-sepolia",
            "lisk-sepolia",
            "metal-sepolia",
            "mode-sepolia",
            "op-sepolia",
            "soneium-minato-sepolia",
            "unichain-sepolia",
            "zora-sepolia"
        ]
    );
}

#[test]
fn lines_that_are_not_understood_are_named() {
    for line in [
        "network op-mainnet",
        "lagoon 5",
        "chain_id 10",
        "block_time two",
        "gas_limit 1 2",
        "forks canyon=0 atlantis=1",
        "forks canyon",
        "batcher 0x12",
        "alt_da KeccakCommitment",
        "departed 7",
    ] {
        assert_eq!(table::parse(line), Err(line));
    }
    assert!(table::parse("network op-mainnet OP Mainnet\nforks canyon=0").is_ok());
}
