//! The configuration file, and what is written from it.

use crate::{Artifacts, Deployment, Output, TEMPLATE};
use alloy_primitives::{Address, U256};
use opal_protocol::{Fork, predeploys};

fn parse(text: &str) -> Result<Deployment, String> {
    Deployment::parse(text).map_err(|error| error.to_string())
}

#[test]
fn the_printed_configuration_is_the_default() {
    let printed = parse(TEMPLATE).unwrap();
    let default = parse("l1.genesis_time = 1700000000").unwrap();
    assert_eq!(printed, default);
    assert_eq!(
        default.config.withdrawals.bond,
        U256::from(80_000_000_000_000_000_u64)
    );
}

#[test]
fn mistakes_are_named() {
    let cases = [
        ("l2.blok_time = 2", "unknown field `blok_time`"),
        ("colour = 1", "unknown field `colour`"),
        ("l1.chain_id = \"one\"", "chain_id"),
        ("l2.gas_limit = 1000", "l2.gas_limit"),
        ("l2.block_time = 0", "block_time"),
        ("l2.chain_id = 900", "l2_chain_id"),
        ("l2.extra_data = \"0xzz\"", "l2.extra_data"),
        (
            "l2.extra_data = \"a text that is far too long for it\"",
            "32 bytes",
        ),
        (
            "forks.genesis = \"tokyo\"",
            "forks.genesis = tokyo: is no fork",
        ),
        ("forks.genesis = 3", "forks.genesis"),
        ("forks.karst = 10", "active at genesis already"),
        (
            "forks = { genesis = \"isthmus\", jovian = 9, karst = 3 }",
            "karst",
        ),
        ("forks.tokyo = 10", "forks.tokyo"),
        (
            "roles.batcher = \"0x0000000000000000000000000000000000000000\"",
            "roles.batcher",
        ),
        ("roles.batcher = \"0x12\"", "batcher"),
        (
            "withdrawals.bond = \"1 dollar\"",
            "withdrawals.bond = \"1 dollar\"",
        ),
        ("withdrawals.bond = \"-1 ether\"", "is no amount"),
        ("withdrawals.bond = \"0.5\"", "is no amount"),
        (
            "withdrawals.oracle_interval_blocks = 0",
            "oracle_interval_blocks",
        ),
        ("accounts.funds = \"400000000000000000000 ether\"", "2^128"),
        ("vaults.base.network = \"l3\"", "l3"),
        ("fees.eip1559_elasticity = 0", "fees.eip1559_elasticity = 0"),
        ("[l1_contracts]", "l1_origin"),
        (
            "l1_origin = { hash = \"0x0000000000000000000000000000000000000000000000000000000000000001\", number = 1, time = 1 }",
            "l1_contracts",
        ),
    ];
    for (text, expected) in cases {
        let error = parse(text).expect_err(text);
        assert!(error.contains(expected), "{text}\n{error}");
    }
}

#[test]
fn every_fork_can_be_active_at_genesis() {
    for fork in Fork::ALL {
        let text = format!("l1.genesis_time = 1700000000\nforks.genesis = \"{fork}\"");
        let deployment = parse(&text).unwrap();
        let output = Output::new(&deployment, &Artifacts::Embedded).unwrap();
        assert!(output.rollup.validate().is_ok());
        let settable = implementation(&output, 0x1b);
        assert_eq!(settable, fork >= Fork::Isthmus, "{fork}");
        for number in [0x2c, 0x2d] {
            assert_eq!(
                implementation(&output, number),
                fork >= Fork::Karst,
                "{fork}"
            );
        }
        // Vaults of Karst have their settings in storage.
        let vault = &output.l2.alloc[&predeploys::SEQUENCER_FEE_VAULT];
        let slots = vault.storage.as_ref().map_or(0, |slots| slots.len());
        assert_eq!(slots, if fork >= Fork::Karst { 4 } else { 2 }, "{fork}");
        assert_eq!(
            output.l2.extra_data.len(),
            match fork {
                Fork::Jovian | Fork::Karst => 17,
                Fork::Holocene | Fork::Isthmus => 9,
                _ => 0,
            }
        );
    }
}

/// Whether the predeploy has code behind its proxy.
fn implementation(output: &Output, number: u8) -> bool {
    let mut address = [0xd3; 20];
    address.iter_mut().step_by(2).for_each(|byte| *byte = 0xc0);
    address[18..].copy_from_slice(&[0, number]);
    output.l2.alloc.contains_key(&Address::from(address))
}

#[test]
fn the_same_configuration_gives_the_same_bytes() {
    let text = "l1.genesis_time = 1700000000\nforks = { genesis = \"isthmus\", jovian = 60, karst = 90 }\ntokens = { dev_token = true, governance_owner = \"0x00000000000000000000000000000000000000aa\" }";
    let make = || Output::new(&parse(text).unwrap(), &Artifacts::Embedded).unwrap();
    let output = make();
    assert_eq!(output.files, make().files);
    let names: Vec<_> = output.files.0.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "addresses.json",
            "genesis.json",
            "l1-genesis.json",
            "rollup.json",
            "upgrade-jovian.json",
            "upgrade-karst.json"
        ]
    );
    // What was written is what a node reads.
    let rollup = opal_protocol::RollupConfig::from_json(&output.files.0["rollup.json"]).unwrap();
    assert_eq!(rollup, output.rollup);
    let l2: alloy_genesis::Genesis = serde_json::from_str(&output.files.0["genesis.json"]).unwrap();
    let chain = opal_execution::ChainConfig::optimism(&rollup);
    assert_eq!(
        opal_execution::genesis(&l2, &chain).hash,
        rollup.genesis.l2.hash
    );
    assert!(output.l2.alloc.contains_key(&predeploys::GOVERNANCE_TOKEN));
    assert!(
        output
            .l2
            .alloc
            .contains_key(&crate::l2_dev_token(&output.addresses))
    );
}

#[test]
fn a_folder_without_contracts_is_refused() {
    let deployment = parse("l1.genesis_time = 1700000000").unwrap();
    let folder = Artifacts::Folder("/nowhere".into());
    let error = Output::new(&deployment, &folder).unwrap_err().to_string();
    assert!(error.contains("/nowhere/Proxy.sol/Proxy.json"), "{error}");
}
