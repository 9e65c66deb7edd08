use super::{
    BridgeArgs, BridgeCommand,
    outcome::{self, FailedRelayedMessage, WithdrawalFinalized},
};
use alloy_primitives::{Address, B256, Log, U256, address};
use clap::{FromArgMatches, Parser, Subcommand};

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Top,
}

#[derive(Subcommand)]
enum Top {
    Bridge(BridgeArgs),
}

const PLACE: &str = "--l1.rpc http://l1:1 --l2.rpc http://l2:2 \
    --system-config 0x00000000000000000000000000000000000000cf \
    --private-key ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const TOKENS: &str = "--token 0x00000000000000000000000000000000000000a1 \
    --l2-token 0x00000000000000000000000000000000000000a2";

fn parse(line: &str) -> Result<BridgeArgs, clap::Error> {
    let words = ["opal", "bridge"]
        .into_iter()
        .chain(line.split_whitespace());
    let matches = <Cli as clap::CommandFactory>::command().try_get_matches_from(words)?;
    let Top::Bridge(args) = Cli::from_arg_matches(&matches)?.command;
    Ok(args)
}

#[test]
fn amounts_are_ether_or_units_of_tokens() {
    let amount = |flags: &str| {
        let args = parse(&format!("deposit {flags} {PLACE}")).unwrap();
        match &args.command {
            BridgeCommand::Deposit(what) => what.amount(),
            _ => unreachable!("it is a deposit"),
        }
    };
    let ether = amount("--amount 0.5").unwrap();
    assert_eq!(ether.amount, U256::from(500_000_000_000_000_000u64));
    assert_eq!((ether.to, ether.tokens), (None, None));
    let units = amount(&format!("--amount 7 {TOKENS} --to {}", Address::ZERO)).unwrap();
    assert_eq!(units.amount, U256::from(7));
    assert_eq!(units.to, Some(Address::ZERO));
    assert_eq!(
        units.tokens,
        Some((
            address!("00000000000000000000000000000000000000a1"),
            address!("00000000000000000000000000000000000000a2")
        ))
    );
    for flags in [
        "--amount 0",
        "--amount much",
        "--amount=-1",
        "--amount +1",
        "--amount .5",
        "--amount 1.",
        "--amount 1.0.0",
        "--amount 0x1",
        "--amount 0.0000000000000000001",
        "--amount 1.0000000000000000001",
        &format!("--amount 1{}", "0".repeat(60)),
        &format!("--amount 0.5 {TOKENS}"),
    ] {
        let error = amount(flags).unwrap_err();
        assert!(error.is::<crate::engine::UsageError>(), "{flags}: {error}");
    }
}

#[test]
fn amounts_of_ether_are_exact() {
    let wei = |ether: &str| super::wei(ether).unwrap().to_string();
    assert_eq!(wei("1"), "1000000000000000000");
    assert_eq!(wei("0.000000000000000001"), "1");
    assert_eq!(
        wei("120000000.000000000000000001"),
        "120000000000000000000000001"
    );
    assert_eq!(wei("007.50"), "7500000000000000000");
}

#[test]
fn a_message_that_failed_did_not_arrive() {
    let [messenger, portal, stranger] = [1, 2, 3].map(Address::with_last_byte);
    let [message, withdrawal] = [7, 8].map(B256::with_last_byte);
    let failed = FailedRelayedMessage { msgHash: message };
    let failed = |by| Log::new_from_event_unchecked(by, failed.clone()).reserialize();
    let finalized = |by, success| {
        let event = WithdrawalFinalized {
            withdrawalHash: withdrawal,
            success,
        };
        Log::new_from_event_unchecked(by, event).reserialize()
    };
    let logs = [finalized(portal, true), failed(messenger)];
    assert_eq!(outcome::undelivered(messenger, &logs), Some(message));
    assert_eq!(outcome::undelivered(stranger, &logs), None);
    assert!(!outcome::is_refused(portal, withdrawal, &logs));
    let logs = [finalized(portal, false)];
    assert!(outcome::is_refused(portal, withdrawal, &logs));
    assert!(!outcome::is_refused(portal, message, &logs));
    assert!(!outcome::is_refused(stranger, withdrawal, &logs));
}

#[test]
fn the_place_comes_from_flags_or_a_devnet() {
    let place =
        |line: &str| parse(&format!("status {} {line}", alloy_primitives::B256::ZERO)).unwrap();
    let full = place(PLACE).chain.place().unwrap();
    assert_eq!(
        (full.l1.as_str(), full.l2.as_str()),
        ("http://l1:1", "http://l2:2")
    );
    for missing in ["--l1.rpc", "--l2.rpc", "--system-config", "--private-key"] {
        let words: Vec<&str> = PLACE.split_whitespace().collect();
        let rest: Vec<&str> = words
            .chunks(2)
            .filter(|pair| pair[0] != missing)
            .flatten()
            .copied()
            .collect();
        let error = place(&rest.join(" ")).chain.place().err().unwrap();
        assert!(error.to_string().contains(missing), "{error}");
    }
    let error = place("--devnet /nowhere.json").chain.place().err().unwrap();
    assert!(error.to_string().contains("/nowhere.json"), "{error}");
}

#[test]
fn half_a_pair_of_tokens_is_refused() {
    let half = TOKENS.split("--l2-token").next().unwrap();
    assert!(parse(&format!("deposit --amount 1 {half} {PLACE}")).is_err());
    assert!(parse(&format!("deposit {PLACE}")).is_err());
    assert!(parse(&format!("prove {PLACE}")).is_err());
}
