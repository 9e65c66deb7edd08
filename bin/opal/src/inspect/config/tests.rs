//! The list, the schedule and the arithmetic of dates.

use super::{day, duration, find, list, schedule};
use crate::Cli;
use clap::Parser;

/// 2026-06-01 00:00:00 UTC: Karst is scheduled on OP Mainnet, and Base has left on mainnet and
/// Sepolia.
const NOW: u64 = 1_780_272_000;

/// The line that begins with a word, columns apart by one space.
fn line(text: &str, word: &str) -> String {
    let mut lines = text.lines().map(|line| line.split_whitespace());
    let found = lines.find(|line| line.clone().next() == Some(word));
    found.expect(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_list_has_a_line_for_each_network() {
    let text = list(NOW);
    for expected in [
        "op-mainnet 10 Ethereum jovian 2025-12-02 karst on 2026-07-08",
        "bob-mainnet 60808 Ethereum isthmus 2025-05-09",
        "ozean-sepolia 7849306 Sepolia fjord genesis",
        "celo-mainnet 42220 Ethereum isthmus 2025-07-09 alt-DA: cannot be derived",
        "base-mainnet 8453 Ethereum jovian 2025-12-02 on its own since Azul, 2026-05-28",
    ] {
        let name = expected.split(' ').next().unwrap();
        assert_eq!(line(&text, name), expected);
    }
    // A header, 55 networks, an empty line and a sentence.
    assert_eq!(text.lines().count(), 58);
    let later = list(1_783_526_401);
    assert_eq!(
        line(&later, "op-mainnet"),
        "op-mainnet 10 Ethereum karst 2026-07-08"
    );
}

#[test]
fn the_schedule_has_dates_and_the_next_fork() {
    let text = schedule(&find("op").unwrap(), NOW);
    assert!(text.starts_with("OP Mainnet (op-mainnet): chain 10 on Ethereum\n"));
    for expected in [
        "bedrock genesis 0",
        "canyon 2024-01-11 17:00:01 UTC 1704992401",
        "delta 2024-02-22 00:00:00 UTC 1708560000",
        "karst 2026-07-08 16:00:01 UTC 1783526401",
    ] {
        let fork = expected.split(' ').next().unwrap();
        assert_eq!(line(&text, fork), expected);
    }
    assert!(text.ends_with("The newest active fork is jovian; karst activates in 37 d 16 h."));
    let text = schedule(&find("op").unwrap(), u64::MAX);
    assert!(text.ends_with("The newest active fork is karst; no later fork is scheduled."));
}

#[test]
fn the_schedule_has_the_pectra_blob_schedule_and_what_is_odd() {
    let text = schedule(&find("base-sepolia").unwrap(), NOW);
    let words = text
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    let names: Vec<&str> = words.collect();
    let pectra = names.iter().position(|name| *name == "pectra").unwrap();
    assert_eq!(
        names[pectra - 1..=pectra + 1],
        ["holocene", "pectra", "isthmus"]
    );
    assert!(text.contains("\nOpal cannot follow this network: it left the superchain"));
    // Funki has the exception but not Isthmus.
    let text = schedule(&find("funki-sepolia").unwrap(), NOW);
    assert_eq!(
        line(&text, "pectra"),
        "pectra blob schedule (L1 time) 2025-04-15 06:00:00 UTC 1744696800"
    );
}

#[test]
fn unknown_names_say_where_to_look() {
    assert_eq!(
        find("bass-mainnet").unwrap_err().to_string(),
        "unknown network \"bass-mainnet\"; did you mean base-mainnet?\nAll networks: opal inspect \
         config"
    );
}

#[test]
fn forks_need_a_network() {
    assert!(Cli::try_parse_from(["opal", "inspect", "config", "op", "--forks"]).is_ok());
    assert!(Cli::try_parse_from(["opal", "inspect", "config", "--forks"]).is_err());
}

#[test]
fn days_have_dates() {
    for (time, date) in [
        (0, "1970-01-01"),
        (86_399, "1970-01-01"),
        (68_169_599, "1972-02-28"),
        (68_169_600, "1972-02-29"),
        (68_256_000, "1972-03-01"),
        (951_782_400, "2000-02-29"),
        (1_735_689_599, "2024-12-31"),
        (1_783_526_401, "2026-07-08"),
        (4_107_542_400, "2100-03-01"),
        (253_402_300_799, "9999-12-31"),
    ] {
        assert_eq!(day(time), date, "{time}");
    }
    // Whatever stands in a file, it is printed.
    day(u64::MAX);
}

#[test]
fn durations_have_two_units() {
    assert_eq!(duration(59), "0 min 59 s");
    assert_eq!(duration(3_599), "59 min 59 s");
    assert_eq!(duration(3_600), "1 h 0 min");
    assert_eq!(duration(86_400 * 3 + 7_200), "3 d 2 h");
}
