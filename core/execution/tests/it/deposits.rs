//! Deposits: mint on failure, nonces, gas of each era.

use crate::support::*;
use alloy_primitives::{Bytes, TxKind, U256};
use opal_protocol::Fork;

/// Always reverts.
const REVERT: &[u8] = &[0x60, 0x00, 0x60, 0x00, 0xfd];
/// Stops at an invalid opcode.
const INVALID: &[u8] = &[0xfe];

fn run(fork: Fork, code: &'static [u8], gas_limit: u64, value: U256) -> (World, bool, u64) {
    let mut world = World::new(op_chain(fork));
    world.state.deploy(CONTRACT, Bytes::from_static(code));
    let tx = deposit(BOB, TxKind::Call(CONTRACT), 1_000, value, gas_limit);
    let sealed = world.seal(vec![l1_info(), deposit_tx(tx)], &[]);
    let receipts = &sealed.block.executed.receipts;
    let gas = receipts[1].cumulative_gas_used - receipts[0].cumulative_gas_used;
    let success = receipts[1].success;
    (world, success, gas)
}

#[test]
fn a_failed_deposit_keeps_its_mint_and_its_nonce() {
    for fork in Fork::ALL {
        for (code, gas_limit, value) in [
            (REVERT, 100_000, U256::from(7)),
            (INVALID, 100_000, U256::from(7)),
            // More value than there is.
            (&[0x00][..], 100_000, ETHER * U256::from(2)),
            // Less gas than a transaction costs.
            (&[0x00][..], 20_000, U256::ZERO),
        ] {
            let (world, success, gas) = run(fork, code, gas_limit, value);
            assert!(!success, "{fork}");
            assert_eq!(
                world.state.balance(BOB),
                ETHER + U256::from(1_000),
                "{fork}"
            );
            assert_eq!(world.state.nonce(BOB), 1, "{fork}");
            assert!(gas <= gas_limit);
            // Only a revert gives gas back, and only from Regolith on.
            let gives_back = code == REVERT && fork >= Fork::Regolith;
            assert_eq!(gas < gas_limit, gives_back, "{fork}: {gas} of {gas_limit}");
        }
    }
}

#[test]
fn a_deposit_that_succeeds_moves_value_and_pays_nothing() {
    for fork in Fork::ALL {
        let (world, success, gas) = run(fork, &[0x00], 100_000, U256::from(1_500));
        assert!(success, "{fork}");
        assert_eq!(
            world.state.balance(BOB),
            ETHER + U256::from(1_000) - U256::from(1_500)
        );
        assert_eq!(world.state.balance(CONTRACT), U256::from(1_500));
        assert_eq!(world.state.balance(L1_FEE_VAULT), U256::ZERO);
        // Before Regolith a deposit is recorded with all its gas.
        assert_eq!(
            gas,
            if fork < Fork::Regolith {
                100_000
            } else {
                21_000
            },
            "{fork}"
        );
    }
}

#[test]
fn system_deposits_are_free_before_regolith_and_fail_after() {
    for (fork, gas) in [
        (Fork::Bedrock, 0),
        (Fork::Regolith, 1_000_000),
        (Fork::Karst, 1_000_000),
    ] {
        let mut world = World::new(op_chain(fork));
        let mut info = deposit(
            DEPOSITOR,
            TxKind::Call(L1_BLOCK),
            0,
            U256::ZERO,
            150_000_000,
        );
        info.is_system_transaction = true;
        if fork > Fork::Bedrock {
            info.gas_limit = 1_000_000;
        }
        let sealed = world.seal(vec![deposit_tx(info)], &[]);
        // Its gas limit is above the block's: it is outside the pool then.
        assert_eq!(sealed.block.header.gas_used, gas, "{fork}");
        assert_eq!(
            sealed.block.executed.receipts[0].success,
            fork == Fork::Bedrock
        );
    }
}

#[test]
fn a_deposit_that_does_not_fit_breaks_the_block() {
    let world = World::new(op_chain(Fork::Karst));
    let mut builder = world.builder();
    let tx = deposit(BOB, TxKind::Call(CONTRACT), 0, U256::ZERO, GAS_LIMIT + 1);
    let error = builder.push_forced(deposit_tx(tx)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("does not fit into the block: gas"),
        "{error}"
    );
}

#[test]
fn a_created_contract_counts_from_the_deposit_nonce() {
    let mut world = World::new(op_chain(Fork::Karst));
    world.state.accounts.get_mut(&BOB).unwrap().0.nonce = 41;
    // Init code that returns one zero byte of code.
    let mut tx = deposit(BOB, TxKind::Create, 0, U256::ZERO, 200_000);
    tx.input = Bytes::from_static(&[0x60, 0x01, 0x60, 0x00, 0xf3]);
    let sealed = world.seal(vec![l1_info(), deposit_tx(tx)], &[]);
    let receipt = &sealed.block.executed.receipts[1];
    assert!(receipt.success);
    assert_eq!(receipt.deposit_nonce, Some(41));
    assert_eq!(world.state.nonce(BOB), 42);
    let created = BOB.create(41);
    assert_eq!(world.state.nonce(created), 1);
    assert_eq!(sealed.block.executed.diff.code.len(), 1);
}
