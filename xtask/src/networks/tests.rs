//! The committed table is what the registry of the fixtures says, and odd registries are refused.

use super::{first_difference, read, run, table};
use std::{
    fs,
    path::{Path, PathBuf},
};

const SUPERCHAIN: &str = r#"
name = "Mainnet"
superchain_config_addr = "0x95703e0982140D16f8ebA6d158FccEde42f04a4C"
[hardforks]
canyon_time = 1000 # Thu 1 Jan 1970
delta_time = 2000
[l1]
chain_id = 1
public_rpc = "https://l1.example"
explorer = ""
"#;

const CHAIN: &str = r#"
name = "A Chain"
public_rpc = "https://a.example"
governed_by_optimism = true
superchain_time = 0
data_availability_type = "alt-da"
chain_id = 7
batch_inbox_addr = "0xFF00000000000000000000000000000000000010"
block_time = 2
seq_window_size = 3600
max_sequencer_drift = 600
gas_paying_token = "0x04E9D7e336f79Cdab911b06133D3Ca2Cd0721ce3"
[hardforks]
canyon_time = 0
delta_time = 2000
keep_karst_upgrade_gas = true
[alt_da]
da_challenge_contract_address = "0x08c5DCDD5e46d31CC1591ee15b084663507597f3"
da_challenge_window = 5
da_resolve_window = 6
da_commitment_type = "KeccakCommitment"
[optimism]
eip1559_elasticity = 6
eip1559_denominator = 50
eip1559_denominator_canyon = 250
[genesis]
l2_time = 1500
[genesis.l1]
hash = "0x438335A20d98863a4c0c97999eb2481921ccd28553eac6f913af7c12aec04108"
number = 17422590
[genesis.l2]
hash = "0xdbf6a80fef073de06add9b0d14026d6e5a86c85f6d102c36d3d8e9cf89c2afd3"
number = 0
[genesis.system_config]
batcherAddress = "0x6887246668a3b87F54DeB3b94Ba47a6f63F32985"
overhead = "0x0000000000000000000000000000000000000000000000000000000000000000"
scalar = "0x00000000000000000000000000000000000000000000000000000000000a6fe0"
gasLimit = 30000000
[roles]
ProxyAdminOwner = "0x5a0Aae59D09fccBdDb6C6CcEB07B7279367C3d2A"
[addresses]
OptimismPortalProxy = "0xbEb5Fc579115071764c7423A4f12eDde41f106Ed"
SystemConfigProxy = "0x229047fed2591dbec1eF1118d64F7aF3dB9EB290"
"#;

const PARAGRAPH: &str = "\
network a-mainnet A Chain
alias a
chain_id 7 1
l1 17422590 0x438335a20d98863a4c0c97999eb2481921ccd28553eac6f913af7c12aec04108
l2 0 0xdbf6a80fef073de06add9b0d14026d6e5a86c85f6d102c36d3d8e9cf89c2afd3 1500
batcher 0x6887246668a3b87f54deb3b94ba47a6f63f32985
overhead 0x0
scalar 0xa6fe0
gas_limit 30000000
block_time 2
max_sequencer_drift 600
seq_window_size 3600
batch_inbox 0xff00000000000000000000000000000000000010
portal 0xbeb5fc579115071764c7423a4f12edde41f106ed
system_config 0x229047fed2591dbec1ef1118d64f7af3db9eb290
eip1559 6 50 250
forks canyon=0 delta=2000
keep_karst_upgrade_gas
gas_token 0x04e9d7e336f79cdab911b06133d3ca2cd0721ce3
alt_da KeccakCommitment 0x08c5dcdd5e46d31cc1591ee15b084663507597f3 5 6
";

/// A registry with the chain `a` on mainnet.
struct Registry(tempfile::TempDir);

impl Registry {
    fn new(chain: &str) -> Self {
        let registry = Self(tempfile::tempdir().unwrap());
        registry.write("chainList.toml", &list(&[("mainnet/a", 7)]));
        registry.write("superchain/configs/mainnet/superchain.toml", SUPERCHAIN);
        registry.write("superchain/configs/mainnet/a.toml", chain);
        registry
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn error(&self) -> String {
        format!("{:#}", read(self.0.path()).err().expect("an odd registry"))
    }
}

fn list(chains: &[(&str, u64)]) -> String {
    let entry = |(identifier, id): &(&str, u64)| {
        format!("[[chains]]\nidentifier = \"{identifier}\"\nchain_id = {id}\n")
    };
    chains.iter().map(entry).collect()
}

fn error_of(chain: &str) -> String {
    Registry::new(chain).error()
}

#[test]
fn the_table_is_what_the_registry_says() {
    let fixtures = std::env::var_os("OPAL_FIXTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures"),
        PathBuf::from,
    );
    let registry = fixtures.join("superchain-registry");
    if registry.is_dir() {
        run(&registry, true).unwrap();
        return;
    }
    let required = std::env::var_os("OPAL_FIXTURES_REQUIRED").is_some_and(|v| v == "1");
    assert!(!required, "{} is absent", registry.display());
    println!("skipped: fixtures absent");
}

#[test]
fn a_chain_becomes_a_paragraph() {
    let registry = Registry::new(CHAIN);
    let text = table(&read(registry.0.path()).unwrap());
    assert!(text.ends_with(&format!("\n\n{PARAGRAPH}")), "{text}");
}

#[test]
fn alt_da_without_details_is_kept() {
    let (start, rest) = CHAIN.split_once("[alt_da]").unwrap();
    let (_, end) = rest.split_once("[optimism]").unwrap();
    let registry = Registry::new(&format!("{start}[optimism]{end}"));
    let text = table(&read(registry.0.path()).unwrap());
    assert!(text.ends_with("0721ce3\nalt_da\n"), "{text}");
}

#[test]
fn unknown_keys_are_errors() {
    for (section, key) in [
        ("[hardforks]", "lagoon_time = 5"),
        ("[genesis]", "l3_time = 5"),
        ("[alt_da]", "da_window = 5"),
        ("[optimism]", "eip7777 = 5"),
    ] {
        let error = error_of(&CHAIN.replace(section, &format!("{section}\n{key}")));
        let name = key.split(' ').next().unwrap();
        assert!(
            error.contains(&format!("the key `{name}` is unknown")),
            "{error}"
        );
    }
    let error = error_of(&format!("new_rule = true\n{CHAIN}"));
    assert!(
        error.contains("a: the key `new_rule` is unknown"),
        "{error}"
    );
}

#[test]
fn missing_and_malformed_keys_are_errors() {
    for (key, odd) in [
        ("chain_id = 7", "chain_id = -7"),
        ("l2_time = 1500", ""),
        ("gasLimit = 30000000", "gasLimit = \"30000000\""),
        ("hash = \"0x43", "hash = \"0x4"),
        ("OptimismPortalProxy = \"0x", "OptimismPortalProxy = \""),
        ("scalar = \"0x00", "scalar = \"0x0g"),
    ] {
        assert!(CHAIN.contains(key), "{key}");
        let error = error_of(&CHAIN.replacen(key, odd, 1));
        assert!(error.contains("is missing or of another form"), "{error}");
    }
    let error = error_of(&CHAIN.replace("= true", "= 1"));
    assert!(
        error.contains("`keep_karst_upgrade_gas` is missing or"),
        "{error}"
    );
}

#[test]
fn a_schedule_that_is_not_inherited_in_full_is_an_error() {
    let error = error_of(&CHAIN.replace("canyon_time = 0", ""));
    assert!(error.contains("so has canyon_time = 0"), "{error}");
    let error = error_of(&CHAIN.replace("delta_time = 2000", ""));
    assert!(error.contains("so has delta_time = 2000"), "{error}");
    // Chains that joined later do not have the forks before.
    let late = CHAIN.replace("superchain_time = 0", "superchain_time = 1001");
    let late = late.replace("canyon_time = 0", "");
    assert!(read(Registry::new(&late).0.path()).is_ok());
    let alone = CHAIN
        .replace("superchain_time = 0", "")
        .replace("delta_time = 2000", "");
    assert!(read(Registry::new(&alone).0.path()).is_ok());
}

#[test]
fn list_and_files_name_the_same_chains() {
    let registry = Registry::new(CHAIN);
    for chains in [
        &[("mainnet/a", 8)][..],
        &[("mainnet/a", 7), ("mainnet/b", 9)],
        &[("x/a", 7)],
    ] {
        registry.write("chainList.toml", &list(chains));
        assert!(registry.error().contains("differ in"), "{chains:?}");
    }
}

#[test]
fn names_that_mean_two_chains_are_errors() {
    let registry = Registry::new(CHAIN);
    // Its alias is the name of the other.
    let other = CHAIN.replace("chain_id = 7", "chain_id = 8");
    registry.write("superchain/configs/mainnet/a-mainnet.toml", &other);
    let both = [("mainnet/a", 7), ("mainnet/a-mainnet", 8)];
    registry.write("chainList.toml", &list(&both));
    let error = registry.error();
    assert!(error.contains("a-mainnet means both"), "{error}");
}

#[test]
fn differences_are_told_by_line() {
    assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
    assert_eq!(
        first_difference("a\nb\n", "a\nc\n").unwrap(),
        "line 2 is `b`, expected `c`"
    );
    assert_eq!(
        first_difference("a\n", "a\nc\n").unwrap(),
        "line 2 is `the end of the file`, expected `c`"
    );
    assert!(first_difference("a", "a\n").is_some());
}
