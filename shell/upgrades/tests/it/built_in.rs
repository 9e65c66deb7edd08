//! The built-in bundles against the transactions of the crate their init codes come from, and
//! against the published init codes.

use crate::common::init_code;
use alloy_primitives::Bytes;
use opal_protocol::{Fork, deposit::decode_deposit};
use opal_upgrades::{built_in, deposits_hash};
use std::{fs, path::Path};

/// The encoded transactions that the crate expects of itself.
fn golden(fork: Fork, count: usize) -> Vec<Bytes> {
    let folder = Path::new(env!("OPAL_KONA_BYTECODE"));
    let file = |index: usize| folder.join(format!("{fork}_tx_{index}.hex"));
    assert!(!file(count).exists(), "{fork} has more transactions");
    (0..count)
        .map(|index| {
            let text = fs::read_to_string(file(index)).unwrap();
            hex::decode(text.trim()).unwrap().into()
        })
        .collect()
}

#[test]
fn every_transaction_is_the_one_of_the_crate() {
    for (fork, count) in [(Fork::Ecotone, 6), (Fork::Fjord, 3), (Fork::Isthmus, 8)] {
        let bundle = built_in(fork).unwrap();
        assert_eq!(bundle.fork, fork);
        assert_eq!(bundle.deposits(), golden(fork, count), "{fork}");
    }
}

#[test]
fn the_other_forks_have_none_built_in() {
    for fork in Fork::ALL {
        let is_built_in = matches!(fork, Fork::Ecotone | Fork::Fjord | Fork::Isthmus);
        assert_eq!(built_in(fork).is_some(), is_built_in, "{fork}");
    }
}

#[test]
fn init_codes_are_the_published_ones() {
    let published: [(Fork, &[&str]); 3] = [
        (
            Fork::Ecotone,
            &["ecotone-l1-block", "ecotone-gas-price-oracle"],
        ),
        (Fork::Fjord, &["fjord-gas-price-oracle"]),
        (
            Fork::Isthmus,
            &[
                "isthmus-l1-block",
                "isthmus-gas-price-oracle",
                "isthmus-operator-fee",
            ],
        ),
    ];
    for (fork, names) in published {
        let deposits = built_in(fork).unwrap().deposits();
        for (name, deposit) in names.iter().zip(&deposits) {
            let Some(code) = init_code(name) else { return };
            let deposit = decode_deposit(deposit).unwrap();
            assert_eq!(deposit.input, code, "{name}");
        }
    }
}

#[test]
fn the_hash_of_a_bundle_sees_every_byte_that_lands_on_the_chain() {
    let bundle = built_in(Fork::Fjord).unwrap();
    let hash = deposits_hash(&bundle);
    assert_eq!(deposits_hash(&bundle.clone()), hash);
    let mut others = vec![bundle.clone(); 5];
    others[0].fork = Fork::Granite;
    others[1].transactions.swap(0, 1);
    others[2].transactions[0].gas_limit += 1;
    others[3].transactions[2].intent.push('x');
    others[4].transactions.pop();
    for other in others {
        assert_ne!(deposits_hash(&other), hash);
    }
}
