//! A part of Ethereum's state tests on our Ethereum rules. The runner takes all of them; see
//! `opal-conformance state-tests`.

use opal_conformance::{fixtures, state_test};

fn run(archive: &str, filter: &str, at_least: usize) {
    let Some(base) = fixtures() else { return };
    let counts = state_test::run(&base.join(archive), filter).expect("archive");
    println!("{archive} {filter}: {counts}");
    let some: Vec<_> = counts.failed.iter().take(20).collect();
    assert!(
        some.is_empty(),
        "{} failed, among them {some:#?}",
        counts.failed.len()
    );
    assert!(
        counts.passed >= at_least,
        "only {} were found",
        counts.passed
    );
}

/// What Karst takes from Osaka: modular exponentiation, P256, CLZ, the gas cap.
#[test]
fn osaka() {
    run("ethereum/eest-osaka.tar.zst", "state_tests/", 500);
}

/// One folder of many; `OPAL_STATE_TESTS=GeneralStateTests/` runs them all, in about two minutes.
#[test]
fn ethereum_tests() {
    let filter = std::env::var("OPAL_STATE_TESTS");
    run(
        "ethereum/ethereum-tests.tar.zst",
        filter.as_deref().unwrap_or("GeneralStateTests/stCreate2/"),
        100,
    );
}
