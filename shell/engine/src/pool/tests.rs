//! Rules and limits of the pool, on a chain of one block.

use super::PoolError;
use crate::{
    engine_api::Api,
    testing::{BALANCE, Fees, Random, parts, sign, unsigned, user},
};
use alloy_consensus::{SignableTransaction, TxEip7702};
use alloy_eips::eip7702::Authorization;
use alloy_primitives::{Address, B256, TxKind, U256};
use alloy_signer::SignerSync;
use opal_execution::Transaction;

const GWEI: u128 = 1_000_000_000;

fn fees(tip: u128) -> Fees {
    Fees {
        tip,
        cap: 10 * GWEI + tip,
    }
}

fn add(api: &Api, who: u8, nonce: u64, fees: &Fees) -> Result<B256, PoolError> {
    let bytes = sign(&user(who), unsigned(nonce, fees));
    api.pool.add(&bytes, &api.tree.view())
}

fn counts(api: &Api) -> (usize, usize) {
    let content = api.pool.content();
    let count = |part: &std::collections::BTreeMap<_, Vec<_>>| part.values().map(Vec::len).sum();
    (count(&content.pending), count(&content.queued))
}

#[test]
fn a_replacement_raises_both_fees_by_a_tenth() {
    let api = parts(|_| {});
    let old = Fees {
        tip: 100,
        cap: 10_000_000_000,
    };
    let hash = add(&api, 0, 0, &old).unwrap();
    assert_eq!(add(&api, 0, 0, &old), Err(PoolError::AlreadyKnown));
    for (tip, cap) in [
        (109, 11_000_000_000),
        (110, 10_999_999_999),
        (500, 10_000_000_000),
    ] {
        let refused = add(&api, 0, 0, &Fees { tip, cap });
        assert_eq!(
            refused,
            Err(PoolError::ReplacementUnderpriced),
            "{tip} {cap}"
        );
    }
    add(
        &api,
        0,
        0,
        &Fees {
            tip: 110,
            cap: 11_000_000_000,
        },
    )
    .unwrap();
    assert!(api.pool.get(&hash).is_none());
    assert_eq!(counts(&api), (1, 0));
}

#[test]
fn nonces_wait_for_the_ones_before_them() {
    let api = parts(|_| {});
    let sender = user(0).address();
    assert_eq!(api.pool.next_nonce(sender), None);
    for nonce in [2, 1] {
        add(&api, 0, nonce, &fees(1)).unwrap();
        assert_eq!(api.pool.next_nonce(sender), Some(0));
    }
    assert_eq!(counts(&api), (0, 2));
    assert_eq!(api.pool.best(0, None).count(), 0);
    add(&api, 0, 0, &fees(1)).unwrap();
    assert_eq!(counts(&api), (3, 0));
    assert_eq!(api.pool.next_nonce(sender), Some(3));
    let nonces: Vec<u64> = api.pool.best(0, None).map(|tx| tx.nonce()).collect();
    assert_eq!(nonces, [0, 1, 2]);
}

#[test]
fn nobody_sends_more_than_he_has() {
    let api = parts(|_| {});
    let with_value = |who, nonce, value: u64, tip| {
        let mut tx = unsigned(nonce, &fees(tip));
        tx.value = U256::from(value);
        api.pool.add(&sign(&user(who), tx), &api.tree.view())
    };
    // Gas and fees make two halves too dear, also behind a gap and in the wrong order.
    for (who, first, second) in [(0, 0, 1), (1, 1, 0), (2, 0, 5)] {
        with_value(who, first, BALANCE / 2, 1).unwrap();
        let error = with_value(who, second, BALANCE / 2, 1).unwrap_err();
        assert!(matches!(error, PoolError::Overdraft { .. }), "{error}");
        with_value(who, second, BALANCE / 3, 1).unwrap();
    }
    assert_eq!(counts(&api), (5, 1));
    // What is replaced does not count.
    with_value(0, 0, BALANCE / 2 + 1, 500_000_000_000).unwrap_err();
    with_value(0, 0, BALANCE / 2 + 1, 2_000_000_000).unwrap();
    let error = with_value(3, 0, BALANCE, 1).unwrap_err();
    assert!(
        matches!(error, PoolError::InsufficientFunds { .. }),
        "{error}"
    );
}

#[test]
fn a_full_pool_keeps_what_pays_most() {
    let api = parts(|config| {
        config.pool.transactions_max = 4;
        config.pool.per_sender_max = 3;
    });
    for (who, nonce, tip) in [(0, 0, 50), (1, 0, 20), (2, 0, 30), (3, 5, 99)] {
        let outcome = add(&api, who, nonce, &fees(tip));
        if who == 3 {
            assert_eq!(outcome, Err(PoolError::SenderFull(3)), "nonce out of reach");
        } else {
            outcome.unwrap();
        }
    }
    add(&api, 3, 2, &fees(1_000)).unwrap();
    // The one that waits goes first although it pays most, then the cheapest.
    add(&api, 4, 0, &fees(10)).unwrap();
    assert_eq!(counts(&api), (4, 0));
    assert_eq!(add(&api, 5, 0, &fees(10)), Err(PoolError::Full));
    add(&api, 5, 0, &fees(11)).unwrap();
    let tips: Vec<u128> = api
        .pool
        .best(0, None)
        .map(|tx| tx.tip_at(0).unwrap())
        .collect();
    assert_eq!(tips, [50, 30, 20, 11]);
}

#[test]
fn bytes_are_limited_too() {
    let api = parts(|config| {
        config.pool.bytes_max = 5_000;
        config.pool.transaction_bytes_max = 2_500;
    });
    let with_data = |who, bytes: usize, tip| {
        let mut tx = unsigned(0, &fees(tip));
        tx.input = vec![0; bytes].into();
        tx.gas_limit = 100_000;
        let bytes = sign(&user(who), tx);
        api.pool.add(&bytes, &api.tree.view())
    };
    assert!(matches!(
        with_data(0, 3_000, 9),
        Err(PoolError::TooLarge(_, 2_500))
    ));
    with_data(0, 2_000, 5).unwrap();
    with_data(1, 2_000, 6).unwrap();
    assert_eq!(with_data(2, 2_000, 5), Err(PoolError::Full));
    with_data(2, 2_000, 7).unwrap();
    assert_eq!(counts(&api), (2, 0));
}

#[test]
fn what_can_never_be_included_is_refused() {
    let api = parts(|config| config.pool.min_tip = 2);
    let view = api.tree.view();
    let refused = |change: &dyn Fn(&mut alloy_consensus::TxEip1559)| {
        let mut tx = unsigned(0, &fees(5));
        change(&mut tx);
        api.pool.add(&sign(&user(0), tx), &view).unwrap_err()
    };
    assert!(matches!(
        refused(&|tx| tx.chain_id = 1),
        PoolError::ChainId(1, 901)
    ));
    assert!(matches!(
        refused(&|tx| tx.gas_limit = 20_999),
        PoolError::IntrinsicGas(..)
    ));
    let cap = 1 << 24;
    assert!(matches!(refused(&|tx| tx.gas_limit = cap + 1), PoolError::GasLimit(_, c) if c == cap));
    assert!(matches!(
        refused(&|tx| tx.max_fee_per_gas = 4),
        PoolError::TipAboveFeeCap
    ));
    assert!(matches!(
        refused(&|tx| tx.max_priority_fee_per_gas = 1),
        PoolError::Underpriced(2)
    ));
    assert!(matches!(
        refused(&|tx| tx.nonce = u64::MAX),
        PoolError::NonceMax
    ));
    let init_code = refused(&|tx| {
        tx.to = TxKind::Create;
        tx.input = vec![0; 49_153].into();
        tx.gas_limit = 10_000_000;
    });
    assert!(
        matches!(init_code, PoolError::InitCode(49_153)),
        "{init_code}"
    );
    // Calldata at the floor price of EIP-7623: 1000 non-zero bytes cost 40 gas each.
    let floor = refused(&|tx| {
        tx.input = vec![1; 1_000].into();
        tx.gas_limit = 60_999;
    });
    assert_eq!(floor, PoolError::IntrinsicGas(60_999, 61_000));
    for ty in [0x03u8, 0x7d, 0x7e] {
        let error = api.pool.add(&[ty, 0xc0], &view).unwrap_err();
        assert_eq!(error, PoolError::TypeNotSupported, "{ty:#x}");
    }
    assert_eq!(counts(&api), (0, 0));
}

#[test]
fn no_bytes_make_the_pool_panic() {
    let api = parts(|_| {});
    let l1 = parts(|config| config.chain = opal_execution::ChainConfig::ethereum_dev(901));
    let good = sign(&user(0), unsigned(0, &fees(1))).to_vec();
    let mut random = Random(7);
    for round in 0..3_000 {
        let mut bytes = if round % 2 == 0 {
            good.clone()
        } else {
            (0..random.below(200))
                .map(|_| random.next() as u8)
                .collect()
        };
        if bytes.is_empty() {
            continue;
        }
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] = random.next() as u8;
        }
        if round % 3 == 0 {
            bytes.truncate(random.below(bytes.len() as u64 + 1) as usize);
        }
        let _ = api.pool.add(&bytes, &api.tree.view());
        if let Some(first) = bytes.first_mut() {
            *first = 3;
        }
        let _ = l1.pool.add(&bytes, &l1.tree.view());
    }
}

/// A transaction that makes `authority` delegate its account.
fn set_code(api: &Api, who: u8, nonce: u64, authority: u8, tip: u128) -> Result<B256, PoolError> {
    let authorization = Authorization {
        chain_id: U256::from(901),
        address: Address::repeat_byte(0xcc),
        nonce: 0,
    };
    let signature = user(authority).sign_hash_sync(&authorization.signature_hash());
    let tx = TxEip7702 {
        chain_id: 901,
        nonce,
        gas_limit: 100_000,
        max_fee_per_gas: 10 * GWEI + tip,
        max_priority_fee_per_gas: tip,
        authorization_list: vec![authorization.into_signed(signature.unwrap())],
        ..TxEip7702::default()
    };
    let signature = user(who).sign_hash_sync(&tx.signature_hash()).unwrap();
    let tx = Transaction::Eip7702(tx.into_signed(signature));
    api.pool.add(&tx.encode(), &api.tree.view())
}

#[test]
fn a_delegated_account_has_one_transaction_at_a_time() {
    let api = parts(|config| {
        let code = [&[0xef, 0x01, 0x00][..], &[0xcc; 20]].concat();
        let account = config.genesis.alloc.get_mut(&user(0).address()).unwrap();
        account.code = Some(code.into());
    });
    assert_eq!(add(&api, 0, 1, &fees(1)), Err(PoolError::GappedDelegated));
    add(&api, 0, 0, &fees(1)).unwrap();
    assert_eq!(add(&api, 0, 1, &fees(1)), Err(PoolError::InFlightLimit));
    add(&api, 0, 0, &fees(2 * GWEI)).unwrap();
    // An account that is about to be delegated is treated alike.
    set_code(&api, 1, 0, 2, 1).unwrap();
    assert_eq!(add(&api, 2, 1, &fees(1)), Err(PoolError::GappedDelegated));
    add(&api, 2, 0, &fees(1)).unwrap();
    assert_eq!(add(&api, 2, 1, &fees(1)), Err(PoolError::InFlightLimit));
    // Whoever has several transactions here cannot be made one.
    add(&api, 3, 0, &fees(1)).unwrap();
    add(&api, 3, 1, &fees(1)).unwrap();
    assert_eq!(
        set_code(&api, 4, 0, 3, 1),
        Err(PoolError::AuthorityReserved)
    );
    api.pool.clear();
    assert_eq!(add(&api, 2, 1, &fees(1)).map(|_| ()), Ok(()));
}

#[test]
fn senders_who_wait_are_kept_short() {
    let api = parts(|config| {
        config.pool.queued_max = 4;
        config.pool.queued_per_sender_max = 3;
    });
    for nonce in 1..4 {
        add(&api, 0, nonce, &fees(10)).unwrap();
    }
    assert_eq!(add(&api, 0, 4, &fees(99)), Err(PoolError::SenderFull(3)));
    add(&api, 1, 1, &fees(20)).unwrap();
    assert_eq!(add(&api, 2, 1, &fees(10)), Err(PoolError::Full));
    // A better tip pushes out the last one of whoever pays least; what is executable always fits.
    add(&api, 2, 1, &fees(11)).unwrap();
    assert_eq!(counts(&api), (0, 4));
    assert!(api.pool.by_nonce(user(0).address(), 3).is_none());
    add(&api, 0, 0, &fees(1)).unwrap();
    assert_eq!(counts(&api), (3, 2));
}

#[test]
fn bytes_from_many_threads_are_all_taken() {
    let api = parts(|_| {});
    let raw: Vec<_> = (0..10u8)
        .flat_map(|who| (0..20).map(move |nonce| sign(&user(who), unsigned(nonce, &fees(1)))))
        .collect();
    std::thread::scope(|scope| {
        for part in raw.chunks(50) {
            let api = &api;
            scope.spawn(move || {
                for bytes in part {
                    api.pool.add(bytes, &api.tree.view()).unwrap();
                }
            });
        }
    });
    assert_eq!(counts(&api), (200, 0));
    assert_eq!(api.pool.counts(), (200, 0));
}
