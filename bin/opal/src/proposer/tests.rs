use super::{PREFIXES, ProposerArgs, with_spellings};
use clap::{Command, CommandFactory, FromArgMatches, Parser, Subcommand};
use opal_proposer::{ProposerConfig, Target};
use std::time::Duration;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Top,
}

#[derive(Subcommand)]
enum Top {
    Proposer(Box<ProposerArgs>),
}

const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const PLAIN: &str = "--l1-eth-rpc http://l1:1 --rollup-rpc http://node:2 \
    --game-factory-address 0x00000000000000000000000000000000000000fa --proposal-interval 1h \
    --private-key ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

fn parse(line: &str) -> Result<ProposerArgs, clap::Error> {
    let words = ["opal", "proposer"]
        .into_iter()
        .chain(line.split_whitespace());
    let matches = with_spellings(Cli::command()).try_get_matches_from(words)?;
    let Top::Proposer(args) = Cli::from_arg_matches(&matches)?.command;
    Ok(*args)
}

fn config(line: &str) -> eyre::Result<ProposerConfig> {
    parse(line)?.config()
}

#[test]
fn a_command_line_of_op_proposer_is_understood() {
    let line = "--poll-interval=6s --rpc.port=8560 --rpc.addr=127.0.0.1 --rpc.enable-admin=true \
        --rollup-rpc=http://a:1,http://b:2 --wait-node-sync=true --allow-non-finalized=true \
        --game-factory-address=0x00000000000000000000000000000000000000fa --game-type=1 \
        --proposal-interval=20m0s --num-confirmations=1 --l1-eth-rpc=http://l1:8545 \
        --private-key=0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80 \
        --metrics.enabled --metrics.addr=127.0.0.1 --metrics.port=7301 --log.level=INFO \
        --log.format=logfmt --log.color=false --txmgr.min-tip-cap=0.5";
    let args = parse(line).unwrap();
    assert_eq!(args.rollup_rpc, ["http://a:1", "http://b:2"]);
    assert_eq!(args.l1_eth_rpc, "http://l1:8545");
    let config = args.config().unwrap();
    assert!(matches!(
        config.target,
        Target::Games { game_type: 1, interval, .. } if interval == Duration::from_secs(1200)
    ));
    assert_eq!(config.poll_interval, Duration::from_secs(6));
    assert!(config.allow_non_finalized && config.wait_node_sync && config.enable_admin);
    assert_eq!(config.rpc_addr, "127.0.0.1:8560".parse().unwrap());
    assert_eq!(config.metrics_addr, Some("127.0.0.1:7301".parse().unwrap()));
    assert_eq!(config.tx_manager.queue.num_confirmations, 1);
    assert_eq!(config.tx_manager.queue.min_tip_cap_wei, 500_000_000);
}

#[test]
fn without_flags_the_defaults_are_op_proposers() {
    let config = config(PLAIN).unwrap();
    assert_eq!(config.poll_interval, Duration::from_secs(12));
    assert!(!config.allow_non_finalized && !config.wait_node_sync && !config.enable_admin);
    assert_eq!(config.metrics_addr, None);
    assert_eq!(config.rpc_addr, "0.0.0.0:8545".parse().unwrap());
    let queue = &config.tx_manager.queue;
    assert_eq!(
        (queue.num_confirmations, queue.send_timeout_ms),
        (10, 600_000)
    );
    assert!(matches!(config.target, Target::Games { game_type: 0, .. }));
}

#[test]
fn every_flag_has_an_effect() {
    let plain = format!("{:?}", config(PLAIN).unwrap());
    for flag in [
        "--game-type 5",
        "--poll-interval 3s",
        "--allow-non-finalized",
        "--wait-node-sync",
        "--active-sequencer-check-duration 5s",
        "--num-confirmations 3",
        "--safe-abort-nonce-too-low-count 9",
        "--fee-limit-multiplier 7",
        "--txmgr.fee-limit-threshold 50.5",
        "--txmgr.min-tip-cap 0.1",
        "--txmgr.min-basefee 3",
        "--resubmission-timeout 5s",
        "--txmgr.send-timeout 0s",
        "--txmgr.not-in-mempool-timeout 9s",
        "--txmgr.receipt-query-interval 2s",
        "--rpc.addr 127.0.0.1",
        "--rpc.port 1",
        "--rpc.enable-admin",
        "--metrics.enabled",
    ] {
        let config = config(&format!("{PLAIN} {flag}")).unwrap();
        assert_ne!(format!("{config:?}"), plain, "{flag} changes nothing");
    }
    let args = parse(&format!("{PLAIN} --network-timeout 3s")).unwrap();
    assert_eq!(args.client_options().timeout, Duration::from_secs(3));
    let metrics = config(&format!(
        "{PLAIN} --metrics.enabled --metrics.addr 127.0.0.1 --metrics.port 9"
    ));
    assert_eq!(
        metrics.unwrap().metrics_addr,
        Some("127.0.0.1:9".parse().unwrap())
    );
}

#[test]
fn keys_come_from_hex_or_from_a_mnemonic() {
    let words = "test test test test test test test test test test test junk";
    let line = PLAIN.split("--private-key").next().unwrap();
    let mut args = parse(line).unwrap();
    assert!(args.config().is_err(), "no key");
    let mut with = |mnemonic: Option<&str>, path: Option<&str>, key: Option<&str>| {
        args.sending.set_key(mnemonic, path, key);
        args.config().map(|config| config.signer.address())
    };
    let first = with(None, None, Some(KEY)).unwrap();
    assert_eq!(with(Some(words), None, None).unwrap(), first);
    let second = with(Some(words), Some("m/44'/60'/0'/0/1"), None).unwrap();
    assert_ne!(second, first);
    for (mnemonic, path, key) in [
        (Some(words), None, Some(KEY)),
        (None, Some("m/44'/60'/0'/0/1"), Some(KEY)),
        (Some("test test"), None, None),
        (Some(words), Some("nonsense"), None),
        (None, None, Some("0x1234secret")),
    ] {
        let error = with(mnemonic, path, key).unwrap_err();
        assert!(error.is::<crate::engine::UsageError>(), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[test]
fn bad_flags_are_usage_errors() {
    let base = PLAIN.split("--game-factory-address").next().unwrap();
    let base = format!("{base} --private-key {KEY}");
    let factory = "--game-factory-address 0x00000000000000000000000000000000000000fa";
    let oracle = "--l2oo-address 0x00000000000000000000000000000000000000fb";
    for flags in [
        String::new(),
        factory.into(),
        format!("{factory} {oracle} --proposal-interval 1h"),
        format!("{factory} --proposal-interval 0s"),
        format!("{oracle} --proposal-interval 1h"),
        format!("{oracle} --poll-interval 0s"),
        format!("{oracle} --txmgr.min-tip-cap 2"),
        format!("{oracle} --network-timeout 0s"),
    ] {
        let error = config(&format!("{base} {flags}")).unwrap_err();
        assert!(error.is::<crate::engine::UsageError>(), "{flags}: {error}");
    }
    assert!(matches!(
        config(&format!("{base} {oracle}")).unwrap().target,
        Target::Oracle(_)
    ));
    for flags in [
        "--num-confirmations 0",
        "--txmgr.min-basefee none",
        "--game-type -1",
        "--l2oo-address 0x12",
        "--unknown",
    ] {
        assert!(parse(&format!("{base} {flags}")).is_err(), "{flags}");
    }
}

#[test]
fn environment_names_are_op_proposers() {
    let command: Command = with_spellings(Cli::command());
    let proposer = command.find_subcommand("proposer").unwrap();
    let name = |flag: &str| {
        let arg = proposer
            .get_arguments()
            .find(|a| a.get_long() == Some(flag));
        arg.unwrap().get_env().unwrap().to_str().unwrap().to_owned()
    };
    assert_eq!(PREFIXES[1], "OP_PROPOSER_");
    assert_eq!(name("l1-eth-rpc"), "OPAL_PROPOSER_L1_ETH_RPC");
    assert_eq!(name("txmgr.min-tip-cap"), "OPAL_PROPOSER_TXMGR_MIN_TIP_CAP");
}
