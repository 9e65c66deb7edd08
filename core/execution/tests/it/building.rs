//! Building blocks: what is refused leaves no trace, limits hold, and every era round-trips.

use crate::support::*;
use alloy_consensus::TxLegacy;
use alloy_primitives::{Address, Bytes, TxKind, U256, address};
use opal_execution::{PushLimits, Rejected, StateError, StateReader, execute_block};
use opal_protocol::Fork;

#[test]
fn every_era_round_trips() {
    for fork in Fork::ALL {
        let mut world = World::new(op_chain(fork));
        for _ in 0..3 {
            let nonce = world.state.nonce(ALICE);
            let pool = [transfer(nonce), transfer(nonce + 1)];
            let sealed = world.seal(vec![l1_info()], &pool);
            assert!(
                sealed.pool.iter().all(Result::is_ok),
                "{fork}: {:?}",
                sealed.pool
            );
            assert_eq!(sealed.block.transactions.len(), 3);
        }
    }
}

#[test]
fn every_activation_round_trips() {
    for (last, next) in Fork::ALL.iter().zip(&Fork::ALL[1..]) {
        let mut world = World::new(op_chain_before(*last, *next));
        world.seal(vec![l1_info()], &[]);
        let sealed = world.seal(vec![l1_info()], &[transfer(0)]);
        assert!(sealed.pool[0].is_ok(), "{next}");
    }
}

#[test]
fn refused_transactions_leave_no_trace() {
    let world = World::new(op_chain(Fork::Karst));
    let limits = PushLimits::default();
    let mut clean = world.builder();
    clean.push_forced(l1_info()).unwrap();
    clean.try_push(&transfer(0), &limits).unwrap();
    let clean = world.close(clean);

    let mut builder = world.builder();
    builder.push_forced(l1_info()).unwrap();
    let mut poor = TxLegacy {
        gas_limit: 21_000,
        gas_price: 5_000,
        ..TxLegacy::default()
    };
    poor.to = TxKind::Call(BOB);
    let nobody = address!("0000000000000000000000000000000000900b0d");
    let refusals = [
        (transfer(1), "NonceTooHigh"),
        (legacy(poor.clone(), nobody), "Invalid"),
        (
            user_tx(0, TxKind::Call(BOB), 20_999, Bytes::new()),
            "Invalid",
        ),
        (
            user_tx(0, TxKind::Call(BOB), GAS_LIMIT + 1, Bytes::new()),
            "NoRoom",
        ),
        (l1_info(), "Invalid"),
    ];
    for (tx, kind) in &refusals {
        let refused = builder.try_push(tx, &limits).unwrap_err();
        assert!(format!("{refused:?}").starts_with(kind), "{refused:?}");
    }
    let mut wrong_chain = TxLegacy {
        chain_id: Some(11),
        ..poor.clone()
    };
    wrong_chain.gas_price = 5_000;
    assert!(
        builder
            .try_push(&legacy(wrong_chain, ALICE), &limits)
            .is_err()
    );
    let mut cheap = poor;
    cheap.gas_price = 1;
    assert!(
        builder.try_push(&legacy(cheap, ALICE), &limits).is_err(),
        "below the base fee"
    );

    builder.try_push(&transfer(0), &limits).unwrap();
    assert!(matches!(
        builder.try_push(&transfer(0), &limits),
        Err(Rejected::Invalid(_))
    ));
    assert_eq!(builder.len(), 2);
    let block = world.close(builder);
    assert_eq!(block.hash, clean.hash);
    assert_eq!(block.executed, clean.executed);
}

#[test]
fn limits_of_the_sequencer_hold() {
    let world = World::new(op_chain(Fork::Holocene));
    let mut builder = world.builder();
    // A transfer counts 100 bytes, the least.
    let tx_limit = PushLimits {
        tx_da_bytes: Some(99),
        ..PushLimits::default()
    };
    let no_room = |what| Err(Rejected::NoRoom(what));
    assert_eq!(
        builder.try_push(&transfer(0), &tx_limit),
        no_room("DA bytes of one transaction")
    );
    let block_limit = PushLimits {
        block_da_bytes: Some(250),
        ..PushLimits::default()
    };
    assert!(builder.try_push(&transfer(0), &block_limit).is_ok());
    assert!(builder.try_push(&transfer(1), &block_limit).is_ok());
    assert_eq!(
        builder.try_push(&transfer(2), &block_limit),
        no_room("DA bytes of the block")
    );
    let gas_limit = PushLimits {
        block_gas: Some(60_000),
        ..PushLimits::default()
    };
    assert_eq!(builder.try_push(&transfer(2), &gas_limit), no_room("gas"));
    assert_eq!(builder.gas_left(), GAS_LIMIT - 42_000);
    let rest = user_tx(2, TxKind::Call(BOB), GAS_LIMIT - 42_000 + 1, Bytes::new());
    assert_eq!(
        builder.try_push(&rest, &PushLimits::default()),
        no_room("gas")
    );
    let rest = user_tx(2, TxKind::Call(BOB), GAS_LIMIT - 42_000, Bytes::new());
    assert!(builder.try_push(&rest, &PushLimits::default()).is_ok());
}

#[test]
fn a_block_with_a_bad_transaction_is_invalid_and_named() {
    let mut world = World::new(op_chain(Fork::Karst));
    let good = {
        let mut builder = world.builder();
        builder.push_forced(l1_info()).unwrap();
        builder
            .try_push(&transfer(0), &PushLimits::default())
            .unwrap();
        world.close(builder)
    };
    let mut bad = good.clone();
    bad.transactions[1] = transfer(1);
    bad.header.transactions_root = opal_execution::execute::transactions_root(&bad.transactions);
    let error = world.execute(&bad).unwrap_err();
    assert!(
        error.to_string().starts_with("transaction 1 (0x"),
        "{error}"
    );
    assert_eq!(error.severity(), opal_execution::Severity::Invalid);
    world.import(&good);
}

/// A state that breaks.
struct Broken;

impl StateReader for Broken {
    fn account(&self, _: Address) -> Result<Option<opal_execution::Account>, StateError> {
        Err(StateError("disk on fire".into()))
    }
    fn storage(&self, _: Address, _: U256) -> Result<U256, StateError> {
        Err(StateError("disk on fire".into()))
    }
    fn code(&self, _: alloy_primitives::B256) -> Result<Bytes, StateError> {
        Err(StateError("disk on fire".into()))
    }
    fn block_hash(&self, _: u64) -> Result<alloy_primitives::B256, StateError> {
        Err(StateError("disk on fire".into()))
    }
}

#[test]
fn a_broken_state_says_nothing_about_the_block() {
    let world = World::new(op_chain(Fork::Karst));
    let mut builder = world.builder();
    builder.push_forced(l1_info()).unwrap();
    let block = world.close(builder);
    let (txs, withdrawals) = (&block.transactions, block.withdrawals.as_deref());
    let result = execute_block(
        &world.chain,
        &world.head,
        &block.header,
        txs,
        withdrawals,
        Broken,
    );
    assert_eq!(
        result.unwrap_err().severity(),
        opal_execution::Severity::Temporary
    );
}

/// Self-destruction, re-creation and clearing in the diff.
#[test]
fn destroyed_storage_is_reported() {
    // Before Ecotone (EIP-6780) selfdestruct removes the account: selfdestruct(0xb0b...).
    let mut world = World::new(op_chain(Fork::Canyon));
    let mut code = vec![0x73];
    code.extend_from_slice(BOB.as_slice());
    code.push(0xff);
    world.state.deploy(CONTRACT, code);
    world.state.set_slot(CONTRACT, 3, U256::from(4));
    let tx = user_tx(0, TxKind::Call(CONTRACT), 100_000, Bytes::new());
    let diff = world.seal(vec![l1_info()], &[tx]).block.executed.diff;
    let change = &diff.accounts[&CONTRACT];
    assert!(change.destroyed && change.account.is_none() && change.storage.is_empty());
    assert!(!world.state.accounts.contains_key(&CONTRACT));

    // A slot that ends as it began is no change; one that is cleared is.
    let mut world = World::new(op_chain(Fork::Karst));
    // sstore(0, 9) sstore(0, 1) sstore(1, 0)
    let code = [
        0x60, 9, 0x60, 0, 0x55, 0x60, 1, 0x60, 0, 0x55, 0x60, 0, 0x60, 1, 0x55, 0x00,
    ];
    world.state.deploy(CONTRACT, code.to_vec());
    world.state.set_slot(CONTRACT, 0, U256::from(1));
    world.state.set_slot(CONTRACT, 1, U256::from(8));
    let tx = user_tx(0, TxKind::Call(CONTRACT), 100_000, Bytes::new());
    let diff = world.seal(vec![l1_info()], &[tx]).block.executed.diff;
    let storage = &diff.accounts[&CONTRACT].storage;
    assert_eq!(storage.len(), 1);
    assert_eq!(storage[&U256::from(1)].previous, U256::from(8));
    assert_eq!(storage[&U256::from(1)].value, U256::ZERO);
}
