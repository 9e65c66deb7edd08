//! The binary as a process: what it says and how it ends when it is started wrongly.

use std::process::{Command, Output};

/// Exit code of a command line that cannot be right.
const USAGE: i32 = 2;
/// Exit code of a service that could not start.
const FAILURE: i32 = 1;
/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9";
const ADDRESS: &str = "0x00000000000000000000000000000000000000aa";
const KEY: &str = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

fn opal(args: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_opal"))
        .args(args)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .expect("the binary starts")
}

#[track_caller]
fn check(args: &[&str], environment: &[(&str, &str)], code: i32, said: &str) {
    let output = opal(args, environment);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
    assert!(text.contains(said), "{args:?}: {text}");
}

#[test]
fn every_service_explains_itself() {
    for command in [
        "devnet", "engine", "proposer", "bridge", "genesis", "deploy", "inspect",
    ] {
        let output = opal(&[command, "--help"], &[]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{command}");
        assert!(
            text.contains(&format!("Usage: opal {command}")),
            "{command}: {text}"
        );
    }
}

#[test]
fn unknown_commands_and_flags_are_refused_by_name() {
    check(&["rollup"], &[], USAGE, "rollup");
    check(&["engine", "--datadri", "x"], &[], USAGE, "--datadri");
    check(&["proposer", "--poll", "1s"], &[], USAGE, "--poll");
    check(&["genesis", "--confg", "x"], &[], USAGE, "--confg");
}

#[test]
fn a_proposer_says_what_it_lacks() {
    check(&["proposer"], &[], USAGE, "--l1-eth-rpc");
}

#[test]
fn a_proposer_reads_the_environment_under_both_names() {
    for prefix in ["OPAL_PROPOSER_", "OP_PROPOSER_"] {
        let name = |flag: &str| format!("{prefix}{flag}");
        let names = [
            (name("L1_ETH_RPC"), NOWHERE),
            (name("ROLLUP_RPC"), NOWHERE),
            (name("GAME_FACTORY_ADDRESS"), ADDRESS),
            (name("PROPOSAL_INTERVAL"), "1h"),
            (name("PRIVATE_KEY"), KEY),
        ];
        let environment: Vec<_> = names.iter().map(|(n, v)| (n.as_str(), *v)).collect();
        // It got as far as asking L1, where nobody is.
        check(&["proposer"], &environment, FAILURE, "127.0.0.1:9");
    }
}

#[test]
fn a_deployment_without_its_file_names_it() {
    let args = ["genesis", "--config", "no-such.toml", "--out", "nowhere"];
    check(&args, &[], USAGE, "no-such.toml");
}

#[test]
fn a_rollup_that_exists_is_run_with_its_own_settings_and_keys() {
    let args = [
        "devnet",
        "--rollup.config",
        "rollup.json",
        "--l2.genesis",
        "genesis.json",
        "--l1.rpc",
        NOWHERE,
        "--l1.beacon",
        NOWHERE,
    ];
    check(&args, &[], USAGE, "OPAL_BATCHER_PRIVATE_KEY");
    let wrong = [("OPAL_BATCHER_PRIVATE_KEY", "sesame")];
    let output = opal(&args, &wrong);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(USAGE));
    assert!(
        text.contains("batcher") && !text.contains("sesame"),
        "{text}"
    );
    let with_time = [&args[..], &["--block-time", "1"]].concat();
    check(&with_time, &[], USAGE, "--block-time");
    check(&args[..7], &[], USAGE, "--l1.beacon");
    check(&args[..5], &[], USAGE, "--l1.rpc");
    // The keys of other services in the environment do not get in the way.
    let keys = [
        ("OPAL_BATCHER_PRIVATE_KEY", KEY),
        ("OPAL_PROPOSER_PRIVATE_KEY", KEY),
    ];
    let datadir = tempfile::tempdir().unwrap();
    let path = datadir.path().to_str().unwrap();
    let others = [&["devnet", "--datadir", path], &args[5..]].concat();
    check(&others, &keys, FAILURE, "127.0.0.1:9");
}

/// What a proposer logs that finds nobody on L1, in this format.
fn logged(format: &str, more: &[&str]) -> String {
    let l1 = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = format!("http://{}", l1.local_addr().expect("an address"));
    drop(l1);
    let args = [
        "proposer",
        "--l1-eth-rpc",
        &nobody,
        "--rollup-rpc",
        &nobody,
        "--game-factory-address",
        ADDRESS,
        "--proposal-interval",
        "1h",
        "--private-key",
        KEY,
        "--log.level=trace",
        "--log.format",
        format,
    ];
    let output = opal(&[&args[..], more].concat(), &[]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(FAILURE), "{text}");
    text
}

#[test]
fn logs_look_as_asked_for() {
    let json = logged("json", &[]);
    let line = json.lines().find(|line| line.starts_with('{'));
    let line = line.unwrap_or_else(|| panic!("no line of JSON: {json}"));
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    for name in ["t", "lvl", "msg", "target"] {
        assert!(line[name].is_string(), "{name}: {line}");
    }
    let logfmt = logged("logfmt", &[]);
    let wanted = |line: &&str| line.starts_with("t=2") && line.contains(" lvl=");
    let line = logfmt.lines().find(wanted);
    let line = line.unwrap_or_else(|| panic!("no line of logfmt: {logfmt}"));
    assert!(
        line.contains(" msg=") && line.contains(" target="),
        "{line}"
    );
    let colour = "\u{1b}[";
    assert!(!logged("terminal", &[]).contains(colour));
    assert!(logged("terminal", &["--log.color"]).contains(colour));
    assert!(!logged("json", &["--log.color"]).contains(colour));
}
